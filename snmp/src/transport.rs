//! The connection to a master: its address, and a non-blocking socket.
//!
//! Connecting a unix socket succeeds or fails at once; with a hung master whose backlog is full it fails
//! with [`io::ErrorKind::WouldBlock`]. A TCP connection is established in the background: call
//! [`Stream::is_connected`] when the socket becomes writable.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::PathBuf;
use std::str::FromStr;

use socket2::{Domain, SockAddr, Socket, Type};

/// The default socket of net-snmp's master.
pub const DEFAULT_SOCKET: &str = "/var/agentx/master";

/// The port that IANA assigned to AgentX.
pub const DEFAULT_PORT: u16 = 705;

/// Where a master listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MasterAddress {
    /// A unix stream socket.
    Unix(PathBuf),
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A TCP socket of a named host. A [`Link`](crate::Link) looks up the name before each connection.
    TcpName {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Default for MasterAddress {
    /// [`DEFAULT_SOCKET`]
    fn default() -> Self {
        MasterAddress::Unix(DEFAULT_SOCKET.into())
    }
}

impl fmt::Display for MasterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MasterAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            MasterAddress::Tcp(address) => write!(f, "tcp:{address}"),
            MasterAddress::TcpName { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

/// Why text is not a master's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No text, or no text after the colon.
    #[error("no address of an AgentX master given")]
    Empty,
    /// A transport on which AgentX cannot run.
    #[error("'{0}': AgentX needs a stream; use unix:PATH or tcp:HOST:PORT")]
    NotAStream(String),
    /// The port is not a number from 1 to 65535.
    #[error("'{0}' is not a port (1 to 65535)")]
    Port(String),
    /// An address in brackets that is not an IPv6 address.
    #[error("'{0}' is not an IPv6 address in brackets")]
    Brackets(String),
}

/// Accepts the forms that `-A` and `snmp_socket` take with net-snmp: `/PATH`, `unix:PATH`, `tcp:HOST:PORT`,
/// `tcp:HOST`, `tcp:PORT`, `tcp6:[ADDRESS]:PORT`, and `HOST:PORT`, which is TCP. `udp:` is refused:
/// AgentX is a stream of PDUs without message boundaries.
impl FromStr for MasterAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.starts_with('/') {
            return Ok(MasterAddress::Unix(text.into()));
        }
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        match scheme.to_ascii_lowercase().as_str() {
            "unix" | "local" if rest.is_empty() => Err(AddressError::Empty),
            "unix" | "local" => Ok(MasterAddress::Unix(rest.into())),
            "tcp" | "tcp6" | "tcpv6" | "tcpipv6" => host_and_port(rest),
            "udp" | "udp6" | "udpv6" | "udpipv6" | "dtlsudp" | "tlstcp" | "ssh" | "callback" => {
                Err(AddressError::NotAStream(text.to_owned()))
            }
            _ => host_and_port(text),
        }
    }
}

fn host_and_port(text: &str) -> Result<MasterAddress, AddressError> {
    let port = |text: &str| {
        let number = text.parse().ok().filter(|port| *port != 0);
        number.ok_or_else(|| AddressError::Port(text.to_owned()))
    };
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    if let Some(inside) = text.strip_prefix('[') {
        let (address, rest) = inside.split_once(']').ok_or_else(|| AddressError::Brackets(text.to_owned()))?;
        let address = address.parse().map_err(|_| AddressError::Brackets(text.to_owned()))?;
        let port = match rest.strip_prefix(':') {
            Some(number) => port(number)?,
            None if rest.is_empty() => DEFAULT_PORT,
            None => return Err(AddressError::Port(rest.to_owned())),
        };
        return Ok(MasterAddress::Tcp(SocketAddr::new(IpAddr::V6(address), port)));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(MasterAddress::Tcp((Ipv4Addr::LOCALHOST, port(text)?).into()));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, number)) => (host, port(number)?),
        None => (text, DEFAULT_PORT),
    };
    Ok(match host.parse() {
        Ok(address) => MasterAddress::Tcp(SocketAddr::new(address, port)),
        Err(_) if host == "localhost" => MasterAddress::Tcp((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => MasterAddress::TcpName { host: host.to_owned(), port },
    })
}

/// A non-blocking stream socket to a master.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    /// The TCP connection is still being established.
    connecting: bool,
}

impl Stream {
    /// Starts to connect.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] and [`io::ErrorKind::ConnectionRefused`]: there is no master.
    /// [`io::ErrorKind::PermissionDenied`]: this user may not use the master's socket; with net-snmp
    /// `agentXPerms` permits it. [`io::ErrorKind::WouldBlock`]: the master does not accept connections.
    /// [`io::ErrorKind::InvalidInput`]: the path is too long, or there is a host name instead of
    /// an address.
    pub fn connect(address: &MasterAddress) -> io::Result<Self> {
        match address {
            MasterAddress::Unix(path) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
                socket.connect(&SockAddr::unix(path)?)?;
                Ok(Stream { socket, connecting: false })
            }
            MasterAddress::Tcp(address) => {
                let kind = Type::STREAM.nonblocking().cloexec();
                let socket = Socket::new(Domain::for_address(*address), kind, None)?;
                // A request and its answer are one small segment each.
                socket.set_tcp_nodelay(true)?;
                socket.set_keepalive(true)?;
                match socket.connect(&SockAddr::from(*address)) {
                    Ok(()) => Ok(Stream { socket, connecting: false }),
                    Err(error) if is_in_progress(&error) => Ok(Stream { socket, connecting: true }),
                    Err(error) => Err(error),
                }
            }
            MasterAddress::TcpName { .. } => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Whether the connection is still being established.
    pub fn is_connecting(&self) -> bool {
        self.connecting
    }

    /// Whether the connection is established; call when the socket becomes writable.
    ///
    /// # Errors
    /// The connection failed.
    pub fn is_connected(&mut self) -> io::Result<bool> {
        if self.connecting {
            if let Some(error) = self.socket.take_error()? {
                return Err(error);
            }
            match self.socket.peer_addr() {
                Ok(_) => self.connecting = false,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                Err(error) => return Err(error),
            }
        }
        Ok(!self.connecting)
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    const EINPROGRESS: i32 = 115;
    error.raw_os_error() == Some(EINPROGRESS)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.socket.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, AddressError> {
        text.parse::<MasterAddress>().map(|address| address.to_string())
    }

    #[test]
    fn addresses_as_users_write_them() {
        for (text, meaning) in [
            ("/var/agentx/master", "unix:/var/agentx/master"),
            ("unix:/run/x", "unix:/run/x"),
            ("tcp:192.0.2.1:7050", "tcp:192.0.2.1:7050"),
            ("tcp:localhost:705", "tcp:127.0.0.1:705"),
            ("tcp:[::1]:705", "tcp:[::1]:705"),
            ("tcp6:[2001:db8::1]", "tcp:[2001:db8::1]:705"),
            ("tcp:705", "tcp:127.0.0.1:705"),
            ("192.0.2.1:705", "tcp:192.0.2.1:705"),
            ("nms.example:7000", "tcp:nms.example:7000"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(meaning), "{text}");
        }
    }

    #[test]
    fn an_unusable_address_is_refused_with_a_hint() {
        let udp = parse("udp:localhost:705").unwrap_err();
        assert_eq!(udp.to_string(), "'udp:localhost:705': AgentX needs a stream; use unix:PATH or tcp:HOST:PORT");
        for bad in ["", "  ", "unix:", "tcp:", "tcp:h:0", "tcp:h:65536", "tcp:[::1", "tcp:[x]:1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_failed_connect_returns_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let absent = MasterAddress::Unix(dir.path().join("absent"));
        assert_eq!(Stream::connect(&absent).unwrap_err().kind(), io::ErrorKind::NotFound);
        let left = dir.path().join("left");
        drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
        let refused = Stream::connect(&MasterAddress::Unix(left)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn connecting_to_a_master_that_does_not_accept_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hung");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(1).unwrap();
        let address = MasterAddress::Unix(path);
        let attempts: Vec<_> = (0..8).map(|_| Stream::connect(&address)).collect();
        let last = attempts.last().unwrap().as_ref().unwrap_err();
        assert_eq!(last.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn tcp_connects_in_the_background() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = MasterAddress::Tcp(listener.local_addr().unwrap());
        let mut stream = Stream::connect(&address).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        assert!(stream.is_connected().unwrap());
        stream.write_all(b"hello").unwrap();
        let mut octets = [0; 5];
        peer.read_exact(&mut octets).unwrap();
        assert_eq!(&octets, b"hello");
    }
}
