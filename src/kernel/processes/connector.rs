//! The process connector (`linux/connector.h`, `linux/cn_proc.h`): a netlink socket by which the kernel tells of processes.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use neli::consts::nl::NlmF;
use neli::types::Buffer;
use nix::errno::Errno;

use super::super::attributes::u32_at;
use super::super::netlink::{NLMSG_DONE, NLMSG_OVERRUN, NetlinkSocket, encode, messages};
use crate::reactor::clock;

/// `CN_IDX_PROC` and `CN_VAL_PROC`: index, value and multicast group of the process connector.
const PROC: u32 = 1;
/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;
/// `struct cn_msg` without its data.
const HEADER: usize = 20;
/// `struct proc_event` up to what is special to the kind.
const EVENT: usize = HEADER + 16;
/// The kernel answers a request to listen within this time, or not at all.
const PATIENCE: Duration = Duration::from_secs(1);
/// Octets of a message, at most.
const DATAGRAM: usize = 4096;

/// `process_monitor_rcv_bufs`: the receive buffer of the connector's socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveBuffer {
    /// Octets; the kernel's default without.
    pub octets: Option<u32>,
    /// `process_monitor_rcv_bufs_force`: also beyond the system's limit.
    pub force: bool,
}

/// What the kernel tells of processes. Threads are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A process has a child.
    Forked {
        /// The process.
        parent: u32,
        /// The child.
        child: u32,
    },
    /// A process runs another program, or has given itself another name.
    Renamed(u32),
    /// A process has ended.
    Ended(u32),
    /// The kernel has heard a request: 0, or the number of its error.
    Acknowledged(u32),
    /// Something else.
    Other,
    /// Messages were lost.
    Lost,
    /// There is no more at present.
    Nothing,
}

/// The socket.
#[derive(Debug)]
pub(super) struct Connector {
    socket: NetlinkSocket<OwnedFd>,
    buffer: Vec<u8>,
}

impl Connector {
    /// Opens the socket and asks the kernel to tell of processes.
    ///
    /// # Errors
    /// When the kernel has no connector, does not let this process use it, or ignores it, as it does outside of the
    /// initial user and process namespaces.
    pub(super) fn open(size: ReceiveBuffer) -> io::Result<Connector> {
        let socket = NetlinkSocket::connector(PROC)?;
        if let Some(octets) = size.octets {
            socket.receive_buffer(usize::try_from(octets).unwrap_or(usize::MAX), size.force)?;
        }
        let mut connector = Connector { socket, buffer: vec![0; DATAGRAM] };
        let words = [PROC, PROC, 0, 0].into_iter().flat_map(u32::to_ne_bytes);
        let request: Vec<u8> =
            words.chain(4_u16.to_ne_bytes()).chain(0_u16.to_ne_bytes()).chain(LISTEN.to_ne_bytes()).collect();
        connector.socket.send(&encode(NLMSG_DONE, NlmF::empty(), 0, Buffer::from(request))?)?;
        connector.await_acknowledgement()?;
        Ok(connector)
    }

    fn await_acknowledgement(&mut self) -> io::Result<()> {
        let until = clock::now().saturating_add(PATIENCE);
        loop {
            match self.receive()? {
                Heard::Acknowledged(0) => return Ok(()),
                Heard::Acknowledged(errno) => {
                    return Err(io::Error::from_raw_os_error(i32::try_from(errno).unwrap_or(0)));
                }
                // The answer may be among what was lost; that it tells anything shows that it was heard.
                Heard::Lost => return Ok(()),
                Heard::Nothing => {
                    let left = until.saturating_sub(clock::now());
                    if left.is_zero() {
                        return Err(io::Error::other("the kernel does not tell of processes in this namespace"));
                    }
                    self.socket.wait_readable(left)?;
                }
                _ => {}
            }
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// When the socket is of no more use.
    pub(super) fn receive(&mut self) -> io::Result<Heard> {
        match self.socket.receive(&mut self.buffer) {
            // One that another process sent is empty.
            Ok(datagram) => Ok(heard(datagram)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Heard::Nothing),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Heard::Lost),
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => Ok(Heard::Lost),
            Err(error) => Err(error),
        }
    }
}

impl AsRawFd for Connector {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The event in a datagram; the kernel puts one in each.
fn heard(datagram: &[u8]) -> Heard {
    let Some(message) = messages(datagram).next() else { return Heard::Other };
    if message.kind == NLMSG_OVERRUN {
        return Heard::Lost;
    }
    event(message.payload).unwrap_or(Heard::Other)
}

fn event(payload: &[u8]) -> Option<Heard> {
    if (u32_at(payload, 0)?, u32_at(payload, 4)?) != (PROC, PROC) {
        return None;
    }
    let number = |place: usize| u32_at(payload, EVENT.saturating_add(place));
    // Threads have a number of their own; the process has that of its first thread.
    let process = |pid: u32, tgid: u32| (pid == tgid).then_some(tgid);
    Some(match u32_at(payload, HEADER)? {
        0 => Heard::Acknowledged(number(0)?),
        1 => {
            let child = process(number(8)?, number(12)?)?;
            Heard::Forked { parent: number(4)?, child }
        }
        2 => Heard::Renamed(number(4)?),
        0x200 => Heard::Renamed(process(number(0)?, number(4)?)?),
        0x8000_0000 => Heard::Ended(process(number(0)?, number(4)?)?),
        _ => Heard::Other,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message as the kernel sends it.
    fn datagram(what: u32, numbers: &[u32]) -> Vec<u8> {
        let words = [76, 3, 0, 0, PROC, PROC, 0, 0, 40, what, 0, 0, 0];
        let words = words.iter().chain(numbers).copied().chain([0; 6]).take(19);
        words.flat_map(u32::to_ne_bytes).collect()
    }

    #[test]
    fn events_of_processes_but_not_of_threads() {
        for (what, numbers, wanted) in [
            (0, &[0][..], Heard::Acknowledged(0)),
            (0, &[1], Heard::Acknowledged(1)),
            (1, &[5, 4, 9, 9], Heard::Forked { parent: 4, child: 9 }),
            (1, &[5, 4, 10, 4], Heard::Other),
            (2, &[9, 9], Heard::Renamed(9)),
            (4, &[9, 9], Heard::Other),
            (0x200, &[9, 9], Heard::Renamed(9)),
            (0x200, &[10, 9], Heard::Other),
            (0x8000_0000, &[9, 9], Heard::Ended(9)),
            (0x8000_0000, &[10, 9], Heard::Other),
        ] {
            assert_eq!(heard(&datagram(what, numbers)), wanted, "{what:#x} {numbers:?}");
        }
        assert_eq!(heard(&[]), Heard::Other);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = heard(&bytes);
        }
    }
}
