//! Receive buffers of sockets: `vrrp_netlink_cmd_rcv_bufs`, `vrrp_rx_bufs_policy` and the like.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, getsockopt, sendmsg, setsockopt, socketpair,
    sockopt,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use socket2::{Domain, Socket, Type};

use crate::config::model::ReceiveBuffer;

/// The largest size that the kernel accepts. It doubles the size.
const MOST: u32 = 0x3fff_ffff;

/// The receive buffer of the sockets of requests of this process.
static OF_REQUESTS: Mutex<ReceiveBuffer> = Mutex::new(ReceiveBuffer { octets: None, force: false });

/// Sets the receive buffer of the sockets of netlink requests of this process. Open ones are replaced at their next
/// request.
pub fn set_request_buffer(buffer: ReceiveBuffer) {
    *OF_REQUESTS.lock().unwrap_or_else(PoisonError::into_inner) = buffer;
}

/// The setting of [`set_request_buffer`].
pub(super) fn of_requests() -> ReceiveBuffer {
    *OF_REQUESTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The size that sockets get with this setting, in octets, if it is less than the configured size.
///
/// # Errors
/// If no socket can be opened.
pub fn limited_size(buffer: ReceiveBuffer) -> io::Result<Option<u32>> {
    let Some(wanted) = buffer.octets else { return Ok(None) };
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    apply(&socket, buffer)?;
    // The kernel reports twice the size that was set.
    let size = u32::try_from(getsockopt(&socket, sockopt::RcvBuf)? / 2).unwrap_or(u32::MAX);
    Ok((size < wanted).then_some(size))
}

/// Sets the receive buffer of a socket. The kernel reduces a size above the limit, also one with `force` if the process may
/// not exceed it.
pub(super) fn apply(socket: &impl AsFd, buffer: ReceiveBuffer) -> io::Result<()> {
    let Some(octets) = buffer.octets else { return Ok(()) };
    let octets = usize::try_from(octets.min(MOST)).unwrap_or(usize::MAX);
    if !buffer.force || setsockopt(socket, sockopt::RcvBufForce, &octets).is_err() {
        setsockopt(socket, sockopt::RcvBuf, &octets)?;
    }
    Ok(())
}

/// As [`apply`], for a socket that has only a number.
pub(super) fn apply_by_number(socket: &impl AsRawFd, buffer: ReceiveBuffer) -> io::Result<()> {
    if buffer.octets.is_none() {
        return Ok(());
    }
    apply(&duplicate(socket)?, buffer)
}

/// Duplicates a descriptor: sends it through a pair of sockets. Other ways from a number to a descriptor are unsafe code.
fn duplicate(socket: &impl AsRawFd) -> io::Result<OwnedFd> {
    let (sender, receiver) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC)?;
    let descriptors = [socket.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<UnixAddr>(sender.as_raw_fd(), &[IoSlice::new(&[0])], &control, MsgFlags::empty(), None)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut octet = [0];
    recvmsg(&receiver, &mut [IoSliceMut::new(&mut octet)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let sent = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sent) => sent.next(),
        _ => None,
    });
    sent.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(octets: u32, force: bool) -> ReceiveBuffer {
        ReceiveBuffer { octets: Some(octets), force }
    }

    #[test]
    fn a_size_above_the_limit_needs_force() {
        assert_eq!(limited_size(ReceiveBuffer::default()).unwrap(), None);
        assert_eq!(limited_size(buffer(10_000, false)).unwrap(), None);
        let limit = limited_size(buffer(MOST, false)).unwrap().unwrap();
        assert_eq!(limited_size(buffer(limit, false)).unwrap(), None);
        assert_eq!(limited_size(buffer(limit + 1, false)).unwrap(), Some(limit));
        assert_eq!(limited_size(buffer(limit + 1, true)).unwrap(), None);
        assert_eq!(limited_size(buffer(u32::MAX, true)).unwrap(), Some(MOST));
    }

    #[test]
    fn a_socket_known_by_its_number_gets_its_size() {
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
        let before = getsockopt(&socket, sockopt::RcvBuf).unwrap();
        apply_by_number(&socket, ReceiveBuffer::default()).unwrap();
        assert_eq!(getsockopt(&socket, sockopt::RcvBuf).unwrap(), before);
        apply_by_number(&socket, buffer(9_000_000, true)).unwrap();
        assert_eq!(getsockopt(&socket, sockopt::RcvBuf).unwrap(), 18_000_000);
    }
}
