//! Sends unsolicited neighbour advertisements.

use std::io;

use socket2::{Domain, Protocol, Socket, Type};

use super::advert::{DROP_ALL, send_v6};
use crate::wire::ndisc::{ALL_NODES, HOP_LIMIT, PROTOCOL, Unsolicited};

/// A raw ICMPv6 socket for all interfaces; it receives nothing.
#[derive(Debug)]
pub struct NdSocket {
    socket: Socket,
}

impl NdSocket {
    /// Opens the socket. `EPERM` without `CAP_NET_RAW`.
    pub fn open() -> io::Result<NdSocket> {
        let kind = Type::RAW.nonblocking().cloexec();
        let socket = Socket::new(Domain::IPV6, kind, Some(Protocol::from(i32::from(PROTOCOL))))?;
        socket.attach_filter(&[DROP_ALL])?;
        socket.set_multicast_loop_v6(false)?;
        // The source is the announced address, which the kernel may not have yet.
        socket.set_freebind_v6(true)?;
        Ok(NdSocket { socket })
    }

    /// Multicasts an announcement on an interface, from the announced address. Does not block.
    ///
    /// Errors are those of the kernel: `ENETUNREACH` or `ENETDOWN` when the interface is down or has no IPv6, `ENODEV`
    /// when it does not exist any more, `ENOBUFS` when its queue is full.
    pub fn send(&self, ifindex: u32, announcement: &Unsolicited) -> io::Result<()> {
        let message = announcement.emit();
        send_v6(&self.socket, ifindex, announcement.target, ALL_NODES, HOP_LIMIT, &message)
    }
}
