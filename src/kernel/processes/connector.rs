//! The process connector (`linux/connector.h`, `linux/cn_proc.h`): a netlink socket for events of processes.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;

use super::super::attributes::u32_at;
use super::super::netlink::{NLMSG_DONE, NLMSG_OVERRUN, NetlinkSocket, encode, messages};
use crate::config::model::ReceiveBuffer;
use crate::reactor::clock;

/// `CN_IDX_PROC` and `CN_VAL_PROC`: index, value and multicast group of the process connector.
const PROC: u32 = 1;
/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;
/// `struct cn_msg` without its data.
const HEADER: usize = 20;
/// `struct proc_event` up to the data of the event.
const EVENT: usize = HEADER + 16;
/// Longest wait for the kernel's answer to a request to listen.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest message in octets.
const DATAGRAM: usize = 4096;

/// A message of the connector, or the state of its socket. Events of threads are `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectorEvent {
    /// A process has forked.
    Forked {
        /// The parent process.
        parent: u32,
        /// The child process.
        child: u32,
    },
    /// A process has executed another program or changed its name.
    Renamed(u32),
    /// A process has exited.
    Ended(u32),
    /// The kernel's answer to a request: 0 or an errno.
    Acknowledged(u32),
    /// Any other message.
    Other,
    /// Messages were lost.
    Lost,
    /// The socket is empty.
    Empty,
}

/// The socket.
#[derive(Debug)]
pub(super) struct Connector {
    socket: NetlinkSocket<OwnedFd>,
    buffer: Vec<u8>,
}

impl Connector {
    /// Opens the socket and subscribes to events of processes.
    ///
    /// # Errors
    /// When the kernel has no connector, this process has no permission, or the kernel does not answer, as outside of the
    /// initial user and process namespaces.
    pub(super) fn open(size: ReceiveBuffer) -> io::Result<Connector> {
        let socket = NetlinkSocket::connector(PROC)?;
        socket.receive_buffer(size)?;
        let mut connector = Connector { socket, buffer: vec![0; DATAGRAM] };
        let words = [PROC, PROC, 0, 0].into_iter().flat_map(u32::to_ne_bytes);
        let request: Vec<u8> =
            words.chain(4_u16.to_ne_bytes()).chain(0_u16.to_ne_bytes()).chain(LISTEN.to_ne_bytes()).collect();
        connector.socket.send(&encode(NLMSG_DONE, 0, 0, &request))?;
        connector.await_acknowledgement()?;
        Ok(connector)
    }

    fn await_acknowledgement(&mut self) -> io::Result<()> {
        let until = clock::now().saturating_add(PATIENCE);
        loop {
            match self.receive()? {
                ConnectorEvent::Acknowledged(0) => return Ok(()),
                ConnectorEvent::Acknowledged(errno) => {
                    return Err(io::Error::from_raw_os_error(i32::try_from(errno).unwrap_or(0)));
                }
                // The answer may be among the lost messages; that there are messages shows that the kernel accepted it.
                ConnectorEvent::Lost => return Ok(()),
                ConnectorEvent::Empty => {
                    let left = until.saturating_sub(clock::now());
                    if left.is_zero() {
                        return Err(io::Error::other("the process connector does not answer in this namespace"));
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
    /// When the socket has failed.
    pub(super) fn receive(&mut self) -> io::Result<ConnectorEvent> {
        match self.socket.receive(&mut self.buffer) {
            // A datagram of another process is empty.
            Ok(datagram) => Ok(parse(datagram)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(ConnectorEvent::Empty),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(ConnectorEvent::Lost),
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => Ok(ConnectorEvent::Lost),
            Err(error) => Err(error),
        }
    }
}

impl AsRawFd for Connector {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Decodes a datagram, which has one event.
fn parse(datagram: &[u8]) -> ConnectorEvent {
    let Some(message) = messages(datagram).next() else { return ConnectorEvent::Other };
    if message.kind == NLMSG_OVERRUN {
        return ConnectorEvent::Lost;
    }
    event(message.payload).unwrap_or(ConnectorEvent::Other)
}

fn event(payload: &[u8]) -> Option<ConnectorEvent> {
    if (u32_at(payload, 0)?, u32_at(payload, 4)?) != (PROC, PROC) {
        return None;
    }
    let number = |place: usize| u32_at(payload, EVENT.saturating_add(place));
    // A thread has its own ID; the process ID is the ID of the first thread.
    let process = |pid: u32, tgid: u32| (pid == tgid).then_some(tgid);
    Some(match u32_at(payload, HEADER)? {
        0 => ConnectorEvent::Acknowledged(number(0)?),
        1 => {
            let child = process(number(8)?, number(12)?)?;
            ConnectorEvent::Forked { parent: number(4)?, child }
        }
        2 => ConnectorEvent::Renamed(number(4)?),
        0x200 => ConnectorEvent::Renamed(process(number(0)?, number(4)?)?),
        0x8000_0000 => ConnectorEvent::Ended(process(number(0)?, number(4)?)?),
        _ => ConnectorEvent::Other,
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
    fn events_of_threads_are_ignored() {
        for (what, numbers, wanted) in [
            (0, &[0][..], ConnectorEvent::Acknowledged(0)),
            (0, &[1], ConnectorEvent::Acknowledged(1)),
            (1, &[5, 4, 9, 9], ConnectorEvent::Forked { parent: 4, child: 9 }),
            (1, &[5, 4, 10, 4], ConnectorEvent::Other),
            (2, &[9, 9], ConnectorEvent::Renamed(9)),
            (4, &[9, 9], ConnectorEvent::Other),
            (0x200, &[9, 9], ConnectorEvent::Renamed(9)),
            (0x200, &[10, 9], ConnectorEvent::Other),
            (0x8000_0000, &[9, 9], ConnectorEvent::Ended(9)),
            (0x8000_0000, &[10, 9], ConnectorEvent::Other),
        ] {
            assert_eq!(parse(&datagram(what, numbers)), wanted, "{what:#x} {numbers:?}");
        }
        assert_eq!(parse(&[]), ConnectorEvent::Other);
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&bytes);
        }
    }
}
