//! Opens sockets with the source address, interface and mark of a checker's configuration.

use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::config::lvs::Target;
use crate::reactor::Ready;

/// A socket connected, or being connected, to a target.
#[derive(Debug)]
pub(super) struct Opened {
    pub socket: Socket,
    /// Whether the connection is still being established.
    pub pending: bool,
}

/// Opens a TCP connection. Closing it resets it: pending data is not needed, and no port stays in TIME_WAIT.
pub(super) fn tcp(target: &Target) -> io::Result<Opened> {
    let socket = new(target, Type::STREAM, Protocol::TCP)?;
    reset_on_close(&socket, true)?;
    connect(socket, target.address)
}

/// Opens a UDP socket, connected so that ICMP errors are reported to it.
pub(super) fn udp(target: &Target) -> io::Result<Opened> {
    connect(new(target, Type::DGRAM, Protocol::UDP)?, target.address)
}

/// Opens an ICMP socket for echo requests: an unprivileged one if `net.ipv4.ping_group_range` allows it, else a raw one.
/// Returns whether it is raw: a raw socket receives every ICMP message of the target.
pub(super) fn icmp(target: &Target) -> io::Result<(Opened, bool)> {
    let protocol = if target.address.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
    let mut no_ports = target.clone();
    no_ports.address.set_port(0);
    if let Some(bind) = no_ports.source.as_mut().and_then(|source| source.bind.as_mut()) {
        bind.set_port(0);
    }
    let (socket, raw) = match new(&no_ports, Type::DGRAM, protocol) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => (new(&no_ports, Type::RAW, protocol)?, true),
        other => (other?, false),
    };
    Ok((connect(socket, no_ports.address)?, raw))
}

/// Sets whether closing discards unsent data and resets the connection.
pub(super) fn reset_on_close(socket: &Socket, reset: bool) -> io::Result<()> {
    socket.set_linger(reset.then_some(std::time::Duration::ZERO))
}

fn new(target: &Target, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(target.address), kind.nonblocking().cloexec(), Some(protocol))?;
    let Some(source) = &target.source else { return Ok(socket) };
    if source.fwmark != 0 {
        socket.set_mark(source.fwmark)?;
    }
    if let Some(device) = &source.interface {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    if let Some(bind) = source.bind {
        socket.set_reuse_address(true)?;
        socket.bind(&SockAddr::from(bind))?;
    }
    Ok(socket)
}

fn connect(socket: Socket, to: SocketAddr) -> io::Result<Opened> {
    match socket.connect(&SockAddr::from(to)) {
        Ok(()) => Ok(Opened { socket, pending: false }),
        Err(e) if e.raw_os_error() == Some(Errno::EINPROGRESS as i32) => Ok(Opened { socket, pending: true }),
        Err(e) => Err(e),
    }
}

/// State of a connection attempt or handshake.
#[derive(Debug)]
pub(super) enum Progress {
    /// In progress.
    Pending,
    /// Complete.
    Done,
}

/// The state of a pending connection whose socket is `ready`; an error if it has failed, or if it is connected to itself.
pub(super) fn progress(socket: &Socket, ready: Ready, may_meet_itself: Option<SocketAddr>) -> io::Result<Progress> {
    if ready.error {
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        match socket.peer_addr() {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotConnected => return Ok(Progress::Pending),
            Err(e) => return Err(e),
        }
    } else if !ready.writable {
        return Ok(Progress::Pending);
    }
    let Some(to) = may_meet_itself else { return Ok(Progress::Done) };
    let own = socket.local_addr()?.as_socket();
    if own.is_some_and(|own| (own.ip(), own.port()) == (to.ip(), to.port())) {
        return Err(Errno::ECONNREFUSED.into());
    }
    Ok(Progress::Done)
}

/// Whether an error is a shortage of descriptors, memory and so on in this process or host, not a fault of the peer.
pub(super) fn is_local_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM, Errno::ENOSPC];
    error.raw_os_error().is_some_and(|number| shortages.contains(&Errno::from_raw(number)))
}
