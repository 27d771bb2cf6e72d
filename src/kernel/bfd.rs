//! The sockets of BFD control packets: UDP, non-blocking.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use nix::cmsg_space;
use nix::libc::c_int;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::advert::DROP_ALL;
use crate::config::model::Family;
use crate::wire::ipv4;

/// Receive buffer in octets; the kernel doubles it.
const RECEIVE_BUFFER: usize = 512 << 10;
/// Least octets that the kernel charges for a datagram.
const LEAST_CHARGE: usize = 512;
/// `SO_PRIORITY` of control packets: `TC_PRIO_INTERACTIVE`, the highest that needs no privilege.
const PRIORITY: u32 = 6;

/// A socket that receives the control packets of all neighbours of a family on a port.
#[derive(Debug)]
pub struct BfdListener {
    socket: Socket,
}

/// A datagram received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BfdDatagram<'b> {
    /// Sender.
    pub source: IpAddr,
    /// Time to live, or hop limit, on arrival.
    pub ttl: u8,
    /// UDP payload, truncated to the buffer.
    pub payload: &'b [u8],
}

impl BfdListener {
    /// Most datagrams that can wait in the socket. Reading this many reads all that were waiting at the start.
    pub const CAPACITY: usize = 2 * RECEIVE_BUFFER / LEAST_CHARGE;

    /// Listens on a port; `AddrInUse` when another program uses it.
    pub fn open(family: Family, port: u16) -> io::Result<BfdListener> {
        let socket = udp(family)?;
        // RcvBufForce needs CAP_NET_ADMIN.
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER))?;
        match family {
            Family::V4 => setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?,
            Family::V6 => {
                socket.set_only_v6(true)?;
                socket.set_recv_hoplimit_v6(true)?;
            }
        }
        socket.bind(&SocketAddr::new(any(family), port).into())?;
        Ok(BfdListener { socket })
    }

    /// Receives one datagram into `buffer`; `None` when none is left.
    ///
    /// # Errors
    /// Pending errors of the socket, each reported once; continue until `None`.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<BfdDatagram<'b>>> {
        let mut control = cmsg_space!(c_int);
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(self.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty());
        let message = match message.map_err(io::Error::from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            message => message?,
        };
        let ttl = message.cmsgs()?.find_map(|item| match item {
            ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => u8::try_from(ttl).ok(),
            _ => None,
        });
        let (length, address) = (message.bytes, message.address);
        let v4 = address.as_ref().and_then(|address| address.as_sockaddr_in()).map(|from| IpAddr::V4(from.ip()));
        let v6 = address.as_ref().and_then(|address| address.as_sockaddr_in6()).map(|from| IpAddr::V6(from.ip()));
        let (Some(source), Some(ttl)) = (v4.or(v6), ttl) else { return Err(io::ErrorKind::InvalidData.into()) };
        Ok(Some(BfdDatagram { source, ttl, payload: buffer.get(..length).unwrap_or_default() }))
    }
}

impl AsRawFd for BfdListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// The socket from which a session sends; it receives nothing.
#[derive(Debug)]
pub struct BfdSender {
    socket: Socket,
}

impl BfdSender {
    /// Opens a socket bound to a local port and to `source`, if given. `AddrInUse` when the port is in use,
    /// `AddrNotAvailable` when this host does not have the address.
    pub fn open(family: Family, source: Option<IpAddr>, port: u16) -> io::Result<BfdSender> {
        let socket = udp(family)?;
        socket.attach_filter(&[DROP_ALL])?;
        socket.set_priority(PRIORITY)?;
        match family {
            Family::V4 => socket.set_tos_v4(ipv4::TOS_INTERNETWORK_CONTROL.into())?,
            Family::V6 => {
                socket.set_only_v6(true)?;
                socket.set_tclass_v6(ipv4::TOS_INTERNETWORK_CONTROL.into())?;
            }
        }
        socket.bind(&SocketAddr::new(source.unwrap_or_else(|| any(family)), port).into())?;
        Ok(BfdSender { socket })
    }

    /// Sends a datagram with a TTL or hop limit. Does not block. Errors are the kernel's, such as `ENETUNREACH`.
    pub fn send(&self, destination: SocketAddr, ttl: u8, payload: &[u8]) -> io::Result<()> {
        match destination {
            SocketAddr::V4(_) => self.socket.set_ttl_v4(ttl.into())?,
            SocketAddr::V6(_) => self.socket.set_unicast_hops_v6(ttl.into())?,
        }
        self.socket.send_to(payload, &destination.into()).map(drop)
    }
}

impl AsRawFd for BfdSender {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn any(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn udp(family: Family) -> io::Result<Socket> {
    let domain = if family == Family::V6 { Domain::IPV6 } else { Domain::IPV4 };
    Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listener on a port that the kernel chooses, and that port's address.
    fn listener(family: Family) -> (BfdListener, SocketAddr) {
        let listener = BfdListener::open(family, 0).unwrap();
        let port = listener.socket.local_addr().unwrap().as_socket().unwrap().port();
        let loopback = if family == Family::V4 { "127.0.0.1" } else { "::1" };
        (listener, SocketAddr::new(loopback.parse().unwrap(), port))
    }

    #[test]
    fn a_datagram_has_its_source_and_ttl() {
        let sources: [(Family, &str); 2] = [(Family::V4, "127.0.0.9"), (Family::V6, "::1")];
        for (family, source) in sources {
            let (listener, to) = listener(family);
            let source: IpAddr = source.parse().unwrap();
            let sender = BfdSender::open(family, Some(source), 0).unwrap();
            let mut buffer = [0; 64];
            for ttl in [255, 7] {
                sender.send(to, ttl, b"control").unwrap();
                let expected = BfdDatagram { source, ttl, payload: b"control" };
                assert_eq!(listener.receive(&mut buffer).unwrap(), Some(expected));
            }
            assert_eq!(listener.receive(&mut buffer).unwrap(), None);
        }
    }

    /// The order of packets and timers in the BFD process depends on this.
    #[test]
    fn the_socket_holds_no_more_datagrams_than_its_capacity() {
        let (listener, to) = listener(Family::V4);
        let sender = BfdSender::open(Family::V4, None, 0).unwrap();
        for _ in 0..2 * BfdListener::CAPACITY {
            sender.send(to, 255, b"").unwrap();
        }
        let mut buffer = [0; 64];
        let waiting = std::iter::from_fn(|| listener.receive(&mut buffer).unwrap().map(drop)).count();
        assert!((1..=BfdListener::CAPACITY).contains(&waiting), "{waiting} of {}", BfdListener::CAPACITY);
    }

    #[test]
    fn both_families_can_use_a_port_and_a_port_in_use_is_refused() {
        let (_v6, to) = listener(Family::V6);
        let _v4 = BfdListener::open(Family::V4, to.port()).unwrap();
        let taken = BfdListener::open(Family::V4, to.port()).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        let taken = BfdSender::open(Family::V6, None, to.port()).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
}
