//! The sockets of all BFD sessions: a listener for each family and port, and a sender for each session.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use super::bfd::{BfdDatagram, BfdListener, BfdSender};
use crate::config::model::Family;
use crate::reactor::{Interest, Reactor, Token};
use crate::wire::bfd::SOURCE_PORTS;

/// Room for the longest control packet.
const BUFFER: usize = 512;

/// The sockets of the BFD process.
#[derive(Debug)]
pub struct BfdSockets {
    listeners: BTreeMap<(Family, u16), BfdListener>,
    /// By session index, each with its source port, which is unique (RFC 5881 section 4).
    senders: BTreeMap<u32, (BfdSender, u16)>,
    /// Token of all listeners in the reactor.
    token: Token,
}

impl BfdSockets {
    /// No sockets yet.
    pub fn new(token: Token) -> BfdSockets {
        BfdSockets { listeners: BTreeMap::new(), senders: BTreeMap::new(), token }
    }

    /// Listens on these ports and on no others. Returns the ports where that fails, each with the error: `AddrInUse` when
    /// another program listens there.
    pub fn listen(&mut self, wanted: &BTreeSet<(Family, u16)>, reactor: &Reactor) -> Vec<((Family, u16), io::Error)> {
        // The kernel drops the registration of a closed descriptor.
        self.listeners.retain(|key, _| wanted.contains(key));
        let mut failed = Vec::new();
        for key in wanted {
            if self.listeners.contains_key(key) {
                continue;
            }
            let opened = BfdListener::open(key.0, key.1).and_then(|listener| {
                reactor.register(&listener, self.token, Interest::READABLE)?;
                Ok(listener)
            });
            match opened {
                Ok(listener) => drop(self.listeners.insert(*key, listener)),
                Err(error) => failed.push((*key, error)),
            }
        }
        failed
    }

    /// The descriptor of the first socket that receives, if any.
    pub fn receiving(&self) -> Option<RawFd> {
        self.listeners.values().next().map(AsRawFd::as_raw_fd)
    }

    /// The descriptors of the sockets that send, by session index.
    pub fn sending(&self) -> impl Iterator<Item = (u32, RawFd)> {
        self.senders.iter().map(|(session, (sender, _))| (*session, sender.as_raw_fd()))
    }

    /// Passes the waiting datagrams to `take`, with their destination port. Reads at most as many as a socket can hold;
    /// returns whether there may be more.
    pub fn receive(&self, mut take: impl FnMut(u16, BfdDatagram<'_>)) -> bool {
        let mut buffer = [0; BUFFER];
        let mut more = false;
        for ((_, port), listener) in &self.listeners {
            let mut left = BfdListener::CAPACITY;
            while left > 0 {
                left -= 1;
                match listener.receive(&mut buffer) {
                    Ok(Some(datagram)) => take(*port, datagram),
                    Ok(None) => break,
                    // A pending error of the socket, which the kernel returns once.
                    Err(_) => {}
                }
            }
            more |= left == 0;
        }
        more
    }

    /// Sends a packet of a session, from `source` if given, with a TTL or hop limit. Opens the socket for the first packet.
    /// Errors are those of opening the socket and of sending.
    pub fn send(
        &mut self,
        session: u32,
        destination: SocketAddr,
        source: Option<IpAddr>,
        ttl: u8,
        octets: &[u8],
    ) -> io::Result<()> {
        if !self.senders.contains_key(&session) {
            let sender = self.open(session, Family::of(destination.ip()), source)?;
            self.senders.insert(session, sender);
        }
        let Some((sender, _)) = self.senders.get(&session) else { return Ok(()) };
        sender.send(destination, ttl, octets)
    }

    /// Closes the socket of a session.
    pub fn close(&mut self, session: u32) {
        self.senders.remove(&session);
    }

    /// Opens a socket on the source port that belongs to the session's index, so that the port stays the same after a
    /// restart of the process, or on the next free port.
    fn open(&self, session: u32, family: Family, source: Option<IpAddr>) -> io::Result<(BfdSender, u16)> {
        let taken: BTreeSet<u16> = self.senders.values().map(|(_, port)| *port).collect();
        let first = usize::try_from(session.saturating_sub(1)).unwrap_or(0) % SOURCE_PORTS.len();
        let mut ports = SOURCE_PORTS.cycle().skip(first).take(SOURCE_PORTS.len()).filter(|port| !taken.contains(port));
        loop {
            let Some(port) = ports.next() else { return Err(ErrorKind::AddrInUse.into()) };
            match BfdSender::open(family, source, port) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                opened => return opened.map(|sender| (sender, port)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_has_a_port_of_its_own_and_keeps_it() {
        let mut sockets = BfdSockets::new(Token(1));
        let (here, there) = (Some("127.0.0.1".parse().unwrap()), "127.0.0.9:3784".parse().unwrap());
        let first = 40 + 16384 * 3;
        let other = *SOURCE_PORTS.start() + 40;
        let _taken = std::net::UdpSocket::bind(("127.0.0.1", other)).unwrap();
        // Two indices that are a full range of ports apart map to the same port; another program uses the next port.
        for session in [first, first + 16384, first + 1] {
            sockets.send(session, there, here, 255, b"").unwrap();
            sockets.send(session, there, None, 255, b"").unwrap();
        }
        let ports: Vec<u16> = sockets.senders.values().map(|(_, port)| port - SOURCE_PORTS.start()).collect();
        assert_eq!(ports.len(), 3);
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 3, "{ports:?}");
        assert!(ports.iter().all(|port| *port != 40), "{ports:?}");
        sockets.close(first);
        assert_eq!(sockets.senders.len(), 2);
    }
}
