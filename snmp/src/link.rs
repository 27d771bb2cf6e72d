//! A [`Session`] with its socket: all the I/O an event loop has to do, in one call a turn.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::lookup::Lookup;
use crate::mib::Mib;
use crate::session::Session;
use crate::transport::{MasterAddress, Stream};

/// Most octets asked for in one read.
const READ_SIZE: usize = 16 * 1024;

/// Most reads in one turn.
const MAX_READS: usize = 4;

/// A session and the connection it wants.
pub struct Link {
    address: MasterAddress,
    /// The session machine, to queue notifications, read events and counters.
    pub session: Session,
    stream: Option<Stream>,
    /// For an address by name.
    lookup: Lookup,
    /// The session wants a connection that has not been begun: the name is being looked up.
    awaits_address: bool,
    /// Tells one socket from the next, as their descriptors' numbers do not.
    generation: u64,
}

/// What an event loop must watch for a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The socket.
    pub fd: RawFd,
    /// Changes with every new socket: **register anew when this differs, even if `fd` is the same**. The
    /// kernel forgets a socket when it is closed, and the next one mostly gets its number.
    pub generation: u64,
    /// Whether to wake when there is something to read.
    pub read: bool,
    /// Whether to wake when there is room to write.
    pub write: bool,
}

impl Link {
    /// A link that connects in its first [`turn`](Self::turn). A host name in `address` is looked up by a thread, again
    /// for each connection.
    pub fn new(address: MasterAddress, session: Session) -> Self {
        let (stream, lookup, awaits_address, generation) = (None, Lookup::default(), false, 0);
        Link { address, session, stream, lookup, awaits_address, generation }
    }

    /// Connects, reads, serves up to `max_pdus` PDUs and writes, as far as that goes without waiting.
    /// Returns whether there is more to do at once; if not, wait for [`interest`](Self::interest) or
    /// [`deadline`](Self::deadline).
    pub fn turn<T: 'static>(&mut self, mib: &Mib<T>, data: &mut T, now: Duration, max_pdus: usize) -> bool {
        self.session.tick(now);
        self.connect(now);
        let input = self.read();
        self.session.serve(mib, data, now, max_pdus);
        let failed = self.write();
        // What the peer sent before it closed is served before the end counts.
        let more = self.session.can_serve();
        if failed || (input == Input::Ended && !more) {
            self.stream = None;
            self.session.disconnected(now);
        }
        self.drop_unwanted();
        // Octets left in the socket for want of room raise no new edge.
        more || input == Input::More || (input == Input::NoRoom && self.session.input_room() > 0)
    }

    /// What to watch; `None` while there is no socket.
    pub fn interest(&self) -> Option<Interest> {
        // Both numbers only grow, so that their sum tells one descriptor from the next.
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

    /// When [`turn`](Self::turn) has something to do without any I/O.
    pub fn deadline(&self) -> Option<Duration> {
        self.session.deadline()
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

    /// Where the master is; `None` while that is being looked up.
    fn master(&mut self, now: Duration) -> Option<io::Result<MasterAddress>> {
        match &self.address {
            MasterAddress::TcpName { host, port } => {
                let answer = self.lookup.poll(host, *port, now)?;
                Some(answer.map(MasterAddress::Tcp).map_err(io::Error::from))
            }
            known => Some(Ok(known.clone())),
        }
    }

    /// Reads what there is, up to a limit.
    fn read(&mut self) -> Input {
        let Some(stream) = self.stream.as_mut().filter(|stream| !stream.is_connecting()) else {
            return Input::Empty;
        };
        let mut buffer = [0; READ_SIZE];
        for _ in 0..MAX_READS {
            let room = self.session.input_room().min(READ_SIZE);
            let Some(buffer) = buffer.get_mut(..room).filter(|buffer| !buffer.is_empty()) else {
                return Input::NoRoom;
            };
            match stream.read(buffer) {
                Ok(0) => return Input::Ended,
                Ok(count) => self.session.receive(buffer.get(..count).unwrap_or_default()),
                Err(error) if is_retry(&error) => return Input::Empty,
                Err(_) => return Input::Ended,
            };
        }
        Input::More
    }

    /// Writes what goes; whether the stream has failed.
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

/// How far the input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// As far as there is anything, so that a loop told of edges only misses nothing.
    Empty,
    /// As far as there is room for it.
    NoRoom,
    /// There may be more.
    More,
    /// To its end.
    Ended,
}

fn is_retry(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::pdu::{Head, encode, frame};
    use crate::session::Config;

    /// A GetNext of the whole tree, with 40 ranges.
    fn request(packet: u8) -> Vec<u8> {
        let range = [0, 0, 0, 0, 0, 0, 0, 0].repeat(40);
        let header = [1, 6, 0x10, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, packet, 0, 0, 1, 64];
        [header.to_vec(), range].concat()
    }

    #[test]
    fn a_flood_of_requests_by_a_peer_that_does_not_read_yet_is_all_answered_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master");
        let listener = UnixListener::bind(&path).unwrap();
        let mut link = Link::new(MasterAddress::Unix(path), Session::new(Config::default()));
        let mib = Mib::<()>::builder().build().unwrap();
        let now = Duration::from_secs(1);
        let turn = |link: &mut Link| {
            let turns = (0..10_000).position(|_| !link.turn(&mib, &mut (), now, 8));
            assert!(turns.is_some(), "busy for nothing");
        };
        turn(&mut link);
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut opened = Vec::new();
        let open = Head { kind: 1, flags: 0x10, session: 7, transaction: 0, packet: 1, payload: 0 };
        encode::Response::to(&open, &mut opened).fail(0, 0);
        peer.write_all(&opened).unwrap();
        turn(&mut link);
        assert!(link.session.is_up());

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
