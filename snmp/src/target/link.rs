//! A [`Target`] with its socket: all its I/O in one call per turn of an event loop.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::str::FromStr;
use std::time::Duration;

use super::{Settings, Target};
use crate::lookup::Lookup;

/// The port for notifications that IANA assigned.
const DEFAULT_PORT: u16 = 162;

/// Most datagrams sent, and most received, in one turn.
const BUDGET: usize = 64;

/// Longest datagram that is read; a longer one is not an answer.
const READ_SIZE: usize = 2048;

/// How long the address of a host name is used.
const FRESH: Duration = Duration::from_secs(60);

/// Pause between look-ups of a name without an address.
const RETRY: Duration = Duration::from_secs(5);

/// Address of a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// By address.
    Address(SocketAddr),
    /// By host name, which is looked up again every minute while notifications are sent.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Address(address) => address.fmt(f),
            Destination::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Why text is not the address of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// An address in brackets that is not an IPv6 address.
    #[error("there is no IPv6 address in the brackets")]
    Brackets,
    /// Neither an address nor a host name.
    #[error("it is neither an address nor a host name")]
    Host,
}

/// Accepts `HOST`, `HOST:PORT`, `ADDRESS6`, `[ADDRESS6]` and `[ADDRESS6]:PORT`; the default port is 162.
impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| text.parse().ok().filter(|port| *port != 0).ok_or(DestinationError::Port);
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Destination::Address(SocketAddr::new(address, DEFAULT_PORT)));
        }
        if let Some(inside) = text.strip_prefix('[') {
            let (address, rest) = inside.split_once(']').ok_or(DestinationError::Brackets)?;
            let address: Ipv6Addr = address.parse().map_err(|_| DestinationError::Brackets)?;
            let port = match rest.strip_prefix(':') {
                Some(number) => port(number)?,
                None if rest.is_empty() => DEFAULT_PORT,
                None => return Err(DestinationError::Port),
            };
            return Ok(Destination::Address((address, port).into()));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, number)) => (host, port(number)?),
            None => (text, DEFAULT_PORT),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Destination::Address(SocketAddr::new(address, port)));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if host.is_empty() || !host.chars().all(fits) {
            return Err(DestinationError::Host);
        }
        Ok(Destination::Name { host: host.to_owned(), port })
    }
}

/// A target and its socket.
#[derive(Debug)]
pub struct Link {
    destination: Destination,
    /// The machine, to queue notifications and to read events.
    pub target: Target,
    lookup: Lookup,
    /// The last address that the name had.
    address: Option<SocketAddr>,
    /// When the name is to be looked up again.
    lookup_due: Duration,
    socket: Option<UdpSocket>,
    /// The socket is full: to be watched for writing.
    blocked: bool,
}

/// A descriptor to watch for a [`Link`].
#[derive(Clone, Copy, Debug)]
pub struct Interest<'l> {
    /// The descriptor; readable means that [`Link::turn`] is due.
    pub fd: BorrowedFd<'l>,
    /// Whether that it is writable means so, too.
    pub write: bool,
}

impl Link {
    /// A link for a target. A host name is looked up by a thread, before the first datagram.
    pub fn new(destination: Destination, target: Target) -> Self {
        let address = match &destination {
            Destination::Address(address) => Some(*address),
            Destination::Name { .. } => None,
        };
        let lookup = Lookup::default();
        Link { destination, target, lookup, address, lookup_due: Duration::ZERO, socket: None, blocked: false }
    }

    /// Address as configured.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Applies new settings.
    pub fn configure(&mut self, settings: Settings) {
        self.target.configure(settings);
    }

    /// Receives and sends a bounded number of datagrams, without blocking. Returns whether to call it again at once; if not,
    /// wait for [`interests`](Self::interests) or [`deadline`](Self::deadline).
    pub fn turn(&mut self, now: Duration) -> bool {
        let unread = self.read(now);
        self.target.tick(now);
        self.look_up(now);
        let unsent = self.write(now);
        unread || unsent
    }

    /// The descriptors to watch.
    pub fn interests(&self) -> impl Iterator<Item = Interest<'_>> {
        let socket = self.socket.as_ref().map(|socket| Interest { fd: socket.as_fd(), write: self.blocked });
        let lookup = self.lookup.socket().map(|socket| Interest { fd: socket.as_fd(), write: false });
        socket.into_iter().chain(lookup)
    }

    /// When to call [`turn`](Self::turn) even without I/O.
    pub fn deadline(&self) -> Option<Duration> {
        let due = self.target.deadline()?;
        Some(match self.address {
            // Nothing can be sent before.
            None => due.max(self.lookup_due),
            Some(_) => due,
        })
        .filter(|_| !(self.blocked || (self.address.is_none() && self.lookup.socket().is_some())))
    }

    /// Looks up the host name if there is something to send.
    fn look_up(&mut self, now: Duration) {
        let Destination::Name { host, port } = &self.destination else { return };
        if now < self.lookup_due || !self.target.can_send(now) {
            return;
        }
        let Some(answer) = self.lookup.poll(host, *port, now) else { return };
        self.target.looked_up(answer.is_ok());
        match answer {
            Ok(address) => {
                if self.address.replace(address) != Some(address) {
                    self.close();
                }
                self.lookup_due = now.saturating_add(FRESH);
            }
            Err(_) => self.lookup_due = now.saturating_add(RETRY),
        }
    }

    /// Sends; returns whether more can be sent at once.
    fn write(&mut self, now: Duration) -> bool {
        let Some(address) = self.address else { return false };
        if self.target.is_silent() && self.target.can_send(now) {
            // The host may have got another address, or another way to the target.
            self.close();
        }
        self.blocked = false;
        for _ in 0..BUDGET {
            let datagram = match self.target.datagram(now) {
                None => return false,
                Some(Ok(datagram)) => datagram,
                Some(Err(_)) => {
                    self.target.drop_head();
                    continue;
                }
            };
            let sent = self.open(address).and_then(|socket| match socket.send(&datagram) {
                // An answer to an earlier datagram: no process listens there. The error is cleared by that.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => socket.send(&datagram),
                sent => sent,
            });
            match sent {
                Ok(_) => self.target.sent(now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return false;
                }
                Err(error) => {
                    self.close();
                    self.target.refused(now, error.kind());
                    return false;
                }
            }
        }
        self.target.can_send(now)
    }

    /// Reads; returns whether there may be more.
    fn read(&mut self, now: Duration) -> bool {
        let Some(socket) = &self.socket else { return false };
        let mut buffer = [0; READ_SIZE];
        for _ in 0..BUDGET {
            match socket.recv(&mut buffer) {
                Ok(length) => self.target.receive(buffer.get(..length).unwrap_or_default(), now),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // That no process listens shows in the missing answers.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn open(&mut self, address: SocketAddr) -> io::Result<&UdpSocket> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let any: IpAddr = match address {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                let socket = UdpSocket::bind((any, 0))?;
                socket.set_nonblocking(true)?;
                socket.connect(address)?;
                socket
            }
        };
        Ok(self.socket.insert(socket))
    }

    fn close(&mut self) {
        (self.socket, self.blocked) = (None, false);
    }
}
