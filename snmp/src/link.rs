//! A [`Session`] with its socket: all its I/O in one call per turn of an event loop.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::lookup::Lookup;
use crate::mib::Mib;
use crate::session::Session;
use crate::transport::{MasterAddress, Stream};

/// Most octets requested in one read.
const READ_SIZE: usize = 16 * 1024;

/// Most reads in one turn.
const MAX_READS: usize = 4;

/// How long after octets an end of file that came with them is noticed at the latest.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A session and its connection.
pub struct Link {
    address: MasterAddress,
    /// The session machine, to queue notifications, read events and counters.
    pub session: Session,
    stream: Option<Stream>,
    /// Lookup of the master's host name.
    lookup: Lookup,
    /// The session wants a connection, but the lookup of the host name is still running.
    awaits_address: bool,
    /// When the socket is to be read although there was no event: it was read without reaching its end.
    look_again: Option<Duration>,
    /// Number of sockets so far; distinguishes sockets whose descriptors have the same number.
    generation: u64,
    /// Octets of one read.
    buffer: Box<[u8]>,
}

/// The socket and readiness that an event loop must watch for a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The socket.
    pub fd: RawFd,
    /// Changes with every new socket: **register again when this differs, even if `fd` is the same**. The
    /// kernel drops the registration when a socket is closed, and the next socket usually gets the same number.
    pub generation: u64,
    /// Whether to wake when there is something to read.
    pub read: bool,
    /// Whether to wake when there is room to write.
    pub write: bool,
}

impl Link {
    /// A link that connects in its first [`turn`](Self::turn). A thread looks up a host name in `address`, for each
    /// connection.
    pub fn new(address: MasterAddress, session: Session) -> Self {
        let (stream, lookup, awaits_address, generation) = (None, Lookup::default(), false, 0);
        let buffer = vec![0; READ_SIZE].into_boxed_slice();
        Link { address, session, stream, lookup, awaits_address, look_again: None, generation, buffer }
    }

    /// Connects, reads, handles up to `max_pdus` PDUs and writes, without blocking.
    /// Returns whether to call it again at once; if not, wait for [`interest`](Self::interest) or
    /// [`deadline`](Self::deadline).
    pub fn turn<T: 'static>(&mut self, mib: &Mib<T>, data: &mut T, now: Duration, max_pdus: usize) -> bool {
        if self.stream.is_none() || !self.session.is_up() {
            // A time-out of the connection comes before the next attempt. The timers of a session follow its requests.
            self.session.tick(now);
            self.connect(now);
        }
        let input = self.read(now);
        self.session.serve(mib, data, now, max_pdus);
        let failed = self.write();
        // PDUs that the peer sent before it closed are handled before the end of file counts.
        let more = self.session.can_serve();
        if failed || (input == Input::Ended && !more) {
            self.stream = None;
            self.session.disconnected(now);
        }
        self.drop_unwanted();
        // Octets left in the socket because the inbox was full cause no new edge.
        more || input == Input::More || (input == Input::NoRoom && self.session.input_room() > 0)
    }

    /// The socket to watch; `None` while there is none.
    pub fn interest(&self) -> Option<Interest> {
        // Both numbers only grow, so their sum is different for every descriptor.
        let generation = self.generation + self.lookup.started();
        let Some(stream) = &self.stream else {
            return self.lookup.fd().map(|fd| Interest { fd, generation, read: true, write: false });
        };
        let up = !stream.is_connecting();
        Some(Interest {
            fd: stream.as_raw_fd(),
            generation,
            read: up && self.session.input_room() > 0,
            write: !up || !self.session.output().is_empty(),
        })
    }

    /// When to call [`turn`](Self::turn) even without I/O.
    pub fn deadline(&self) -> Option<Duration> {
        [self.session.deadline(), self.look_again].into_iter().flatten().min()
    }

    fn connect(&mut self, now: Duration) {
        self.drop_unwanted();
        self.awaits_address |= self.session.poll_connect(now);
        if self.awaits_address {
            let Some(address) = self.master(now) else { return };
            self.awaits_address = false;
            match address.and_then(|address| Stream::connect(&address)) {
                Ok(stream) => {
                    self.generation += 1;
                    let connecting = stream.is_connecting();
                    self.stream = Some(stream);
                    if !connecting {
                        self.session.connected(now);
                    }
                }
                Err(error) => self.session.connect_failed(now, error.kind()),
            }
        } else if let Some(stream) = self.stream.as_mut().filter(|stream| stream.is_connecting()) {
            match stream.is_connected() {
                Ok(true) => self.session.connected(now),
                Ok(false) => {}
                Err(error) => {
                    self.stream = None;
                    self.session.connect_failed(now, error.kind());
                }
            }
        }
    }

    /// The master's address; `None` while its name is being looked up.
    fn master(&mut self, now: Duration) -> Option<io::Result<MasterAddress>> {
        match &self.address {
            MasterAddress::TcpName { host, port } => {
                let answer = self.lookup.poll(host, *port, now)?;
                Some(answer.map(MasterAddress::Tcp).map_err(io::Error::from))
            }
            known => Some(Ok(known.clone())),
        }
    }

    /// Reads the available octets, up to a limit.
    fn read(&mut self, now: Duration) -> Input {
        self.look_again.take_if(|at| *at <= now);
        let Some(stream) = self.stream.as_mut().filter(|stream| !stream.is_connecting()) else {
            return Input::Empty;
        };
        for _ in 0..MAX_READS {
            let room = self.session.input_room().min(READ_SIZE);
            let Some(buffer) = self.buffer.get_mut(..room).filter(|buffer| !buffer.is_empty()) else {
                return Input::NoRoom;
            };
            match stream.read(buffer) {
                Ok(0) => return Input::Ended,
                Ok(count) => {
                    let full = count == buffer.len();
                    self.session.receive(buffer.get(..count).unwrap_or_default());
                    if !full {
                        // All that was there; what comes later causes a new event. Only an end of file that came with these
                        // octets does not, and is looked for later, which saves a system call a request.
                        // The time stays while requests come one after the other: a deadline that moves costs as much.
                        self.look_again.get_or_insert(now.saturating_add(LOOK_AGAIN));
                        return Input::Empty;
                    }
                }
                Err(error) if is_retry(&error) => return Input::Empty,
                Err(_) => return Input::Ended,
            }
        }
        Input::More
    }

    /// Writes as much as the socket takes; returns whether the stream has failed.
    fn write(&mut self) -> bool {
        let Some(stream) = self.stream.as_mut().filter(|stream| !stream.is_connecting()) else {
            return false;
        };
        while !self.session.output().is_empty() {
            match stream.write(self.session.output()) {
                Ok(count) => self.session.consume(count),
                Err(error) => return !is_retry(&error),
            }
        }
        false
    }

    fn drop_unwanted(&mut self) {
        if !self.session.wants_connection() {
            self.stream = None;
            self.awaits_address = false;
        }
    }
}

/// How far the socket was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// The socket is empty, so an edge-triggered loop misses nothing.
    Empty,
    /// The inbox is full.
    NoRoom,
    /// The socket may have more.
    More,
    /// End of file, or an error.
    Ended,
}

fn is_retry(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;

    use super::*;
    use crate::pdu::{Head, encode, frame};
    use crate::session::Config;

    /// A GetNext of the whole tree, with 40 ranges.
    fn request(packet: u8) -> Vec<u8> {
        let range = [0, 0, 0, 0, 0, 0, 0, 0].repeat(40);
        let header = [1, 6, 0x10, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, packet, 0, 0, 1, 64];
        [header.to_vec(), range].concat()
    }

    fn turn(link: &mut Link, now: Duration) {
        let mib = Mib::<()>::builder().build().unwrap();
        let turns = (0..10_000).position(|_| !link.turn(&mib, &mut (), now, 8));
        assert!(turns.is_some(), "turn never becomes idle");
    }

    /// A link whose session is up at `now`, and the peer's end.
    fn up(directory: &Path, now: Duration) -> (Link, UnixStream) {
        let path = directory.join("master");
        let listener = UnixListener::bind(&path).unwrap();
        let mut link = Link::new(MasterAddress::Unix(path), Session::new(Config::default()));
        turn(&mut link, now);
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut opened = Vec::new();
        let open = Head { kind: 1, flags: 0x10, session: 7, transaction: 0, packet: 1, payload: 0 };
        encode::Response::to(&open, &mut opened).fail(0, 0);
        peer.write_all(&opened).unwrap();
        turn(&mut link, now);
        assert!(link.session.is_up());
        (link, peer)
    }

    #[test]
    fn an_end_that_came_with_the_last_octets_is_noticed_soon() {
        let dir = tempfile::tempdir().unwrap();
        let now = Duration::from_secs(1);
        let (mut link, mut peer) = up(dir.path(), now);
        // CleanupSet has no answer, which could not be written.
        peer.write_all(&[1, 11, 0x10, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0]).unwrap();
        drop(peer);
        // There is one event for both.
        turn(&mut link, now);
        let due = link.deadline().unwrap();
        assert!(link.session.stats().requests == 1 && link.session.is_up() && due <= now + LOOK_AGAIN, "{due:?}");
        turn(&mut link, due);
        assert!(!link.session.is_up());
    }

    #[test]
    fn a_flood_of_requests_is_answered_completely_once_the_peer_reads() {
        let dir = tempfile::tempdir().unwrap();
        let now = Duration::from_secs(1);
        let (mut link, mut peer) = up(dir.path(), now);
        let turn = |link: &mut Link| turn(link, now);
        let (mut asked, mut answered, mut answers) = (0_u32, 0, Vec::new());
        let mut rest = Vec::new();
        loop {
            if rest.is_empty() && asked < 5000 {
                rest = request(asked as u8);
                asked += 1;
            }
            match peer.write(&rest) {
                Ok(count) => drop(rest.drain(..count)),
                // Both directions are full.
                Err(_) => break,
            }
            turn(&mut link);
        }
        assert!(asked > 500 && asked < 5000, "{asked}");
        assert!(link.session.output().len() < 128 * 1024);
        assert_eq!(link.interest().map(|interest| (interest.read, interest.write)), Some((false, true)));

        peer.write(&rest).unwrap_err();
        let mut buffer = [0; 4096];
        for _ in 0..10_000 {
            if let Ok(count) = peer.read(&mut buffer) {
                answers.extend_from_slice(&buffer[..count]);
            }
            turn(&mut link);
            if let Ok(count) = peer.write(&rest) {
                rest.drain(..count);
            }
        }
        let mut bytes = answers.as_slice();
        while let Some(frame) = frame::next(bytes).unwrap() {
            answered += u32::from(frame.head.kind == 18);
            bytes = &bytes[frame.length()..];
        }
        assert_eq!((answered, bytes.len(), rest.len()), (asked, 0, 0));
    }
}
