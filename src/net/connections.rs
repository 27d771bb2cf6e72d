//! The table of connection attempts, driven by readiness events.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use openssl::ssl::SslStream;
use socket2::Socket;

use super::Key;
use super::meter::Metered;
use super::ping::Echo;
use super::ports::LocalPorts;
use super::socket::{self, Opened, Progress, is_local_shortage};
use super::stream::{ReadResult, Stream, has_input};
use super::tls::{self, Tls};
use crate::config::lvs::Target;
use crate::reactor::{Interest, Reactor, Ready, Token};
use crate::text::reason;

/// First and last token of connections, far above tokens counted from 0.
const FIRST_TOKEN: usize = usize::MAX / 4 * 2;
const LAST_TOKEN: usize = usize::MAX / 4 * 3;
/// Most reads of one attempt per turn, so that a server that sends without end does not delay the others.
const READS_PER_TURN: usize = 8;
/// Most octets queued for a slow peer.
const MAX_UNSENT: usize = 64 * 1024;
/// Length of the longest datagram.
const MAX_DATAGRAM: usize = 64 * 1024;

/// Transport of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP; connected after the TCP handshake.
    Tcp,
    /// TLS over TCP; connected after both handshakes.
    Tls {
        /// Name to send as server name indication; an address is not sent.
        sni: Option<String>,
        /// Whether closing sends close_notify.
        close_notify: bool,
    },
    /// UDP; connected at once. Each [`Connections::send`] is one datagram, each [`NetEventKind::Received`] too.
    Udp,
    /// One ICMP or ICMPv6 echo request with 128 octets of data; connected when the reply arrives. Ports are ignored.
    Ping,
}

/// An event of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetEvent {
    /// The attempt.
    pub key: Key,
    /// The event.
    pub kind: NetEventKind,
}

/// The kind of an event of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEventKind {
    /// The connection is established.
    Connected,
    /// Octets from the peer: at most 4096 of a stream, one whole datagram of UDP.
    Received(Vec<u8>),
    /// The peer has closed its side of the stream; the attempt is over.
    Closed,
    /// The attempt failed and is over; the reason for the log.
    Failed(String),
    /// This process is short of a resource such as descriptors or memory; the attempt is over. The reason for the log.
    NoResources(String),
}

/// All open attempts, at most one for each [`Key::id`].
///
/// Events are appended to the caller's list. One call may append more events of an attempt after one that makes the caller
/// close it, so the caller must compare the key with its current attempt.
#[derive(Debug)]
pub struct Connections {
    tls: Option<Tls>,
    by_id: HashMap<u128, (u64, usize)>,
    attempts: HashMap<usize, Attempt>,
    next: usize,
    random: RandomState,
    scratch: Vec<u8>,
    local_ports: LocalPorts,
}

#[derive(Debug)]
struct Attempt {
    key: Key,
    step: Step,
    io: Io,
    /// Address of the peer, if the kernel may have chosen the same as source.
    may_meet_itself: Option<SocketAddr>,
    unsent: Vec<u8>,
    /// Reading is paused.
    paused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Connecting,
    Handshake,
    Open,
}

#[derive(Debug)]
enum Io {
    Stream(Stream, bool),
    Udp(Socket),
    Ping(Socket, Echo),
}

/// How an attempt continues.
enum Next {
    Wait,
    /// There is more to read at once.
    Again,
    Over,
}

impl Connections {
    /// An empty table. `tls` is the context of all TLS attempts; without it they end with [`NetEventKind::NoResources`].
    pub fn new(tls: Option<Tls>) -> Connections {
        Connections {
            tls,
            by_id: HashMap::new(),
            attempts: HashMap::new(),
            next: FIRST_TOKEN,
            random: RandomState::new(),
            scratch: vec![0; MAX_DATAGRAM],
            local_ports: LocalPorts::read(),
        }
    }

    /// Reads the range of source ports again; to be called now and then, since it may be changed at any time.
    pub fn read_local_ports(&mut self) {
        self.local_ports = LocalPorts::read();
    }

    /// Replaces the TLS context for attempts opened from now on.
    pub fn set_tls(&mut self, tls: Tls) {
        self.tls = Some(tls);
    }

    /// Whether there is a TLS context.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Number of open attempts.
    pub fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Whether no attempt is open.
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    /// Starts an attempt, closing an earlier one of the same id. It may be connected, or have failed, on return.
    pub fn open(&mut self, reactor: &Reactor, key: Key, target: &Target, over: &Transport, out: &mut Vec<NetEvent>) {
        if let Some((generation, _)) = self.by_id.get(&key.id) {
            self.close(Key { id: key.id, generation: *generation });
        }
        let token = self.token();
        let (mut attempt, connected) = match self.start(key, target, over, token) {
            Ok(started) => started,
            Err(kind) => return out.push(NetEvent { key, kind }),
        };
        let registered = reactor.register(attempt.io.socket(), Token(token), Interest::READABLE | Interest::WRITABLE);
        if let Err(e) = registered {
            return out.push(NetEvent { key, kind: failed(e) });
        }
        if connected {
            attempt.step = Step::Open;
            out.push(NetEvent { key, kind: NetEventKind::Connected });
        }
        self.by_id.insert(key.id, (key.generation, token));
        self.attempts.insert(token, attempt);
    }

    /// Sends octets, or queues them until the socket has room. Ignored for an attempt that is over.
    pub fn send(&mut self, key: Key, data: &[u8], out: &mut Vec<NetEvent>) {
        let Some(token) = self.token_of(key) else { return };
        let Some(attempt) = self.attempts.get_mut(&token) else { return };
        let sent = match &mut attempt.io {
            Io::Stream(..) if attempt.unsent.len().saturating_add(data.len()) > MAX_UNSENT => {
                Err(NetEventKind::Failed("the server does not read the request".to_owned()))
            }
            Io::Stream(..) => {
                attempt.unsent.extend_from_slice(data);
                if attempt.step == Step::Open { attempt.flush().map_err(NetEventKind::Failed) } else { Ok(()) }
            }
            Io::Udp(socket) => match socket.write(data) {
                // A datagram without room in the socket is dropped.
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => Err(failed(e)),
                _ => Ok(()),
            },
            Io::Ping(..) => Ok(()),
        };
        if let Err(kind) = sent {
            self.end(token);
            out.push(NetEvent { key, kind });
        }
    }

    /// Stops reading from an attempt until it is [resumed](Connections::resume). Events of this turn may still follow.
    pub fn pause(&mut self, key: Key) {
        let token = self.token_of(key);
        if let Some(attempt) = token.and_then(|token| self.attempts.get_mut(&token)) {
            attempt.paused = true;
        }
    }

    /// Resumes reading. Ignored for an attempt that is over.
    pub fn resume(&mut self, reactor: &Reactor, key: Key, out: &mut Vec<NetEvent>) {
        let Some(token) = self.token_of(key) else { return };
        let Some(attempt) = self.attempts.get_mut(&token) else { return };
        attempt.paused = false;
        self.rearm(reactor, token, out);
    }

    /// Registers the socket again, so that the reactor reports its readiness once more.
    fn rearm(&mut self, reactor: &Reactor, token: usize, out: &mut Vec<NetEvent>) {
        let Some(attempt) = self.attempts.get(&token) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(e) = reactor.reregister(attempt.io.socket(), Token(token), interest) {
            out.push(NetEvent { key: attempt.key, kind: failed(e) });
            self.end(token);
        }
    }

    /// Ends an attempt without an event. TCP connections are reset; TLS with close_notify is closed in order.
    pub fn close(&mut self, key: Key) {
        let Some(token) = self.token_of(key) else { return };
        if let Some(Attempt { step: Step::Open, io: Io::Stream(stream, true), .. }) = self.attempts.get_mut(&token) {
            stream.close_notify();
        }
        self.end(token);
    }

    /// Handles readiness. Returns false, and does nothing, when the token is not that of a connection.
    pub fn ready(&mut self, reactor: &Reactor, ready: Ready, out: &mut Vec<NetEvent>) -> bool {
        let token = ready.token;
        if !(FIRST_TOKEN..=LAST_TOKEN).contains(&token.0) {
            return false;
        }
        let Some(attempt) = self.attempts.get_mut(&token.0) else { return true };
        let next = attempt.advance(ready, &mut self.scratch, out).unwrap_or_else(|reason| {
            out.push(NetEvent { key: attempt.key, kind: NetEventKind::Failed(reason) });
            Next::Over
        });
        match next {
            Next::Wait => {}
            Next::Over => self.end(token.0),
            Next::Again => self.rearm(reactor, token.0, out),
        }
        true
    }

    fn start(
        &self,
        key: Key,
        target: &Target,
        over: &Transport,
        number: usize,
    ) -> Result<(Attempt, bool), NetEventKind> {
        let may_meet_itself = self.local_ports.may_meet_itself(target).then_some(target.address);
        let stream = |stream, pending, close_notify| {
            let step = if pending { Step::Connecting } else { Step::Handshake };
            // A connection established at once is handled when the reactor reports the newly registered socket.
            let io = Io::Stream(stream, close_notify);
            (Attempt { key, step, io, may_meet_itself, unsent: Vec::new(), paused: false }, false)
        };
        Ok(match over {
            Transport::Tcp => {
                let Opened { socket, pending } = socket::tcp(target).map_err(failed)?;
                stream(Stream::Plain(socket), pending, false)
            }
            Transport::Tls { sni, close_notify } => {
                let library = |e| NetEventKind::Failed(format!("TLS: {}", tls::text(&e)));
                let none = || NetEventKind::NoResources("the files of the SSL block have not been read yet".to_owned());
                let context = self.tls.as_ref().ok_or_else(none)?;
                let ssl = context.client(sni.as_deref()).map_err(library)?;
                let Opened { socket, pending } = socket::tcp(target).map_err(failed)?;
                // The request must not wait for the acknowledgement of the end of the handshake.
                socket.set_tcp_nodelay(true).map_err(failed)?;
                let tls = Box::new(SslStream::new(ssl, Metered::new(socket)).map_err(library)?);
                stream(Stream::Tls(tls), pending, *close_notify)
            }
            Transport::Udp => {
                let Opened { socket, .. } = socket::udp(target).map_err(failed)?;
                (Attempt::open(key, Io::Udp(socket)), true)
            }
            Transport::Ping => {
                let (Opened { mut socket, .. }, raw) = socket::icmp(target).map_err(failed)?;
                let number = number as u64;
                let echo = Echo::new(target.address.ip(), raw, number, self.random.hash_one(number));
                socket.write_all(&echo.request()).map_err(failed)?;
                (Attempt::open(key, Io::Ping(socket, echo)), false)
            }
        })
    }

    /// A token that no recent socket had.
    fn token(&mut self) -> usize {
        let token = self.next;
        self.next = if token >= LAST_TOKEN { FIRST_TOKEN } else { token.saturating_add(1) };
        token
    }

    fn token_of(&self, key: Key) -> Option<usize> {
        let (generation, token) = *self.by_id.get(&key.id)?;
        (generation == key.generation).then_some(token)
    }

    fn end(&mut self, token: usize) {
        // Closing the socket removes it from the reactor; events that are still queued have an unknown token.
        let Some(attempt) = self.attempts.remove(&token) else { return };
        self.by_id.remove(&attempt.key.id);
    }
}

/// The event for an error: `NoResources` for a shortage of this process or host, else `Failed`.
fn failed(error: io::Error) -> NetEventKind {
    if is_local_shortage(&error) {
        NetEventKind::NoResources(reason(&error))
    } else {
        NetEventKind::Failed(reason(&error))
    }
}

impl Stream {
    /// How to continue after a read that returned nothing.
    fn next(&self) -> Next {
        if self.is_limited() { Next::Again } else { Next::Wait }
    }
}

impl Io {
    fn socket(&self) -> &Socket {
        match self {
            Io::Stream(stream, _) => stream.socket(),
            Io::Udp(socket) | Io::Ping(socket, _) => socket,
        }
    }
}

impl Attempt {
    /// An attempt without a connection to be established.
    fn open(key: Key, io: Io) -> Attempt {
        Attempt { key, step: Step::Open, io, may_meet_itself: None, unsent: Vec::new(), paused: false }
    }

    fn event(&self, kind: NetEventKind) -> NetEvent {
        NetEvent { key: self.key, kind }
    }

    /// Advances the attempt as far as possible without blocking, within the limits of a turn.
    fn advance(&mut self, ready: Ready, scratch: &mut [u8], out: &mut Vec<NetEvent>) -> Result<Next, String> {
        if let Io::Stream(stream, _) = &mut self.io {
            stream.begin_turn();
        }
        if self.step == Step::Connecting {
            match socket::progress(self.io.socket(), ready, self.may_meet_itself).map_err(|e| reason(&e))? {
                Progress::Pending => return Ok(Next::Wait),
                Progress::Done => self.step = Step::Handshake,
            }
        }
        if self.step == Step::Handshake {
            if let Io::Stream(stream, _) = &mut self.io
                && let Progress::Pending = stream.handshake()?
            {
                return Ok(stream.next());
            }
            self.step = Step::Open;
            out.push(self.event(NetEventKind::Connected));
        }
        self.flush()?;
        if self.paused {
            return Ok(Next::Wait);
        }
        match &self.io {
            Io::Stream(stream, _) if !stream.has_input(ready) => Ok(Next::Wait),
            Io::Stream(..) => self.read_stream(ready, out),
            Io::Udp(_) | Io::Ping(..) if !has_input(ready) => Ok(Next::Wait),
            Io::Udp(_) | Io::Ping(..) => self.read_datagrams(scratch, out),
        }
    }

    fn flush(&mut self) -> Result<(), String> {
        let Io::Stream(stream, _) = &mut self.io else { return Ok(()) };
        while !self.unsent.is_empty() {
            match stream.write(&self.unsent)? {
                0 => break,
                count => drop(self.unsent.drain(..count.min(self.unsent.len()))),
            }
        }
        Ok(())
    }

    fn read_stream(&mut self, ready: Ready, out: &mut Vec<NetEvent>) -> Result<Next, String> {
        let key = self.key;
        let Io::Stream(stream, _) = &mut self.io else { return Ok(Next::Wait) };
        let mut reads = 0usize;
        while reads < READS_PER_TURN || stream.buffered() {
            reads = reads.saturating_add(1);
            match stream.read(ready)? {
                ReadResult::Bytes(bytes) => out.push(NetEvent { key, kind: NetEventKind::Received(bytes) }),
                ReadResult::Last(bytes) => {
                    out.push(NetEvent { key, kind: NetEventKind::Received(bytes) });
                    return Ok(Next::Wait);
                }
                ReadResult::Final(bytes) => {
                    out.push(NetEvent { key, kind: NetEventKind::Received(bytes) });
                    out.push(NetEvent { key, kind: NetEventKind::Closed });
                    return Ok(Next::Over);
                }
                ReadResult::Empty => return Ok(stream.next()),
                ReadResult::End => {
                    out.push(NetEvent { key, kind: NetEventKind::Closed });
                    return Ok(Next::Over);
                }
            }
        }
        Ok(Next::Again)
    }

    fn read_datagrams(&mut self, scratch: &mut [u8], out: &mut Vec<NetEvent>) -> Result<Next, String> {
        let key = self.key;
        for _ in 0..READS_PER_TURN {
            let (Io::Udp(socket) | Io::Ping(socket, _)) = &mut self.io else { return Ok(Next::Wait) };
            let length = match socket.read(scratch) {
                Ok(length) => length,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Next::Wait),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(reason(&e)),
            };
            let datagram = scratch.get(..length).unwrap_or_default();
            match &self.io {
                Io::Ping(_, echo) if echo.is_answered_by(datagram) => {
                    out.push(NetEvent { key, kind: NetEventKind::Connected });
                    return Ok(Next::Over);
                }
                Io::Ping(..) => {}
                _ => out.push(NetEvent { key, kind: NetEventKind::Received(datagram.to_vec()) }),
            }
        }
        Ok(Next::Again)
    }
}
