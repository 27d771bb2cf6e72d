//! The table of connection attempts, and what readiness does to each.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use openssl::ssl::SslStream;
use socket2::Socket;

use super::Key;
use super::meter::Metered;
use super::ping::Echo;
use super::socket::{self, Opened, Progress, is_own_lack, reason};
use super::stream::{Got, Stream};
use super::tls::{self, Tls};
use crate::config::lvs::Target;
use crate::reactor::{Interest, Reactor, Ready, Token};

/// Tokens of connections: the third quarter of all, far from those counted up from 0.
const FIRST_TOKEN: usize = usize::MAX / 4 * 2;
const LAST_TOKEN: usize = usize::MAX / 4 * 3;
/// Reads of one attempt in one turn: a server that sends for ever gets its turn like all others.
const READS_A_TURN: usize = 8;
/// Octets that may wait for a slow peer.
const MOST_UNSENT: usize = 64 * 1024;
/// The largest datagram.
const LARGEST: usize = 64 * 1024;

/// What an attempt runs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP; connected when the handshake of TCP is done.
    Tcp,
    /// TLS over TCP; connected when both handshakes are done.
    Tls {
        /// Name to send as server name indication; an address is not sent.
        sni: Option<String>,
        /// Whether closing sends close_notify.
        close_notify: bool,
    },
    /// UDP; connected at once. Each [`Connections::send`] is one datagram, each [`What::Received`] too.
    Udp,
    /// One ICMP or ICMPv6 echo request of 128 octets; connected when its reply has come. Ports are of no account.
    Ping,
}

/// Something happened to an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetEvent {
    /// Whose.
    pub key: Key,
    /// What.
    pub what: What,
}

/// What can happen to an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It can be sent to.
    Connected,
    /// Octets from the peer: at most 4096 of a stream, one whole datagram of UDP.
    Received(Vec<u8>),
    /// The peer has ended its side of the stream; the attempt is over.
    Closed,
    /// It failed, in words for a log; the attempt is over.
    Failed(String),
    /// This process had not what it takes, as descriptors or memory, in words for a log; the attempt is over.
    Lacking(String),
}

/// All attempts under way, at most one for each [`Key::id`].
///
/// Events are added to the caller's list. Within one call they may go on after an event that makes the caller
/// close the attempt, so a caller compares the key with the one it waits for.
#[derive(Debug)]
pub struct Connections {
    tls: Option<Tls>,
    by_id: HashMap<u128, (u64, usize)>,
    attempts: HashMap<usize, Attempt>,
    next: usize,
    random: RandomState,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Attempt {
    key: Key,
    step: Step,
    io: Io,
    /// Where it goes.
    to: SocketAddr,
    unsent: Vec<u8>,
    /// Nothing is read for now.
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

/// Whether an attempt goes on.
enum Next {
    Wait,
    /// There is more to read now.
    Again,
    Over,
}

impl Connections {
    /// An empty table; `tls` serves all TLS attempts, which lack something of ours without.
    pub fn new(tls: Option<Tls>) -> Connections {
        Connections {
            tls,
            by_id: HashMap::new(),
            attempts: HashMap::new(),
            next: FIRST_TOKEN,
            random: RandomState::new(),
            scratch: vec![0; LARGEST],
        }
    }

    /// Replaces the TLS context for attempts opened from now on.
    pub fn set_tls(&mut self, tls: Tls) {
        self.tls = Some(tls);
    }

    /// Whether there is a TLS context.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Number of attempts under way.
    pub fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    /// Starts an attempt; one of the same id is closed first. It may be connected, or have failed, on return.
    pub fn open(&mut self, reactor: &Reactor, key: Key, target: &Target, over: &Transport, out: &mut Vec<NetEvent>) {
        if let Some((generation, _)) = self.by_id.get(&key.id) {
            self.close(Key { id: key.id, generation: *generation });
        }
        let token = self.token();
        let (mut attempt, connected) = match self.start(key, target, over, token) {
            Ok(started) => started,
            Err(what) => return out.push(NetEvent { key, what }),
        };
        let registered = reactor.register(attempt.io.socket(), Token(token), Interest::READABLE | Interest::WRITABLE);
        if let Err(e) = registered {
            return out.push(NetEvent { key, what: failed(e) });
        }
        if connected {
            attempt.step = Step::Open;
            out.push(NetEvent { key, what: What::Connected });
        }
        self.by_id.insert(key.id, (key.generation, token));
        self.attempts.insert(token, attempt);
    }

    /// Sends octets, or as soon as there is room. Of an attempt that is over, nothing.
    pub fn send(&mut self, key: Key, data: &[u8], out: &mut Vec<NetEvent>) {
        let Some(token) = self.token_of(key) else { return };
        let Some(attempt) = self.attempts.get_mut(&token) else { return };
        let sent = match &mut attempt.io {
            Io::Stream(..) if attempt.unsent.len().saturating_add(data.len()) > MOST_UNSENT => {
                Err(What::Failed("the server does not take what is sent".to_owned()))
            }
            Io::Stream(..) => {
                attempt.unsent.extend_from_slice(data);
                if attempt.step == Step::Open { attempt.flush().map_err(What::Failed) } else { Ok(()) }
            }
            Io::Udp(socket) => match socket.write(data) {
                // A datagram there is no room for is lost, as any other.
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => Err(failed(e)),
                _ => Ok(()),
            },
            Io::Ping(..) => Ok(()),
        };
        if let Err(what) = sent {
            self.end(token);
            out.push(NetEvent { key, what });
        }
    }

    /// Reads no more of an attempt until it is [resumed](Connections::resume); its events of this turn may still come.
    pub fn pause(&mut self, key: Key) {
        let token = self.token_of(key);
        if let Some(attempt) = token.and_then(|token| self.attempts.get_mut(&token)) {
            attempt.paused = true;
        }
    }

    /// Reads on. Of an attempt that is over, nothing.
    pub fn resume(&mut self, reactor: &Reactor, key: Key, out: &mut Vec<NetEvent>) {
        let Some(token) = self.token_of(key) else { return };
        let Some(attempt) = self.attempts.get_mut(&token) else { return };
        attempt.paused = false;
        self.again(reactor, token, out);
    }

    /// Has the poller tell of an attempt again, for there may be more to read.
    fn again(&mut self, reactor: &Reactor, token: usize, out: &mut Vec<NetEvent>) {
        let Some(attempt) = self.attempts.get(&token) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(e) = reactor.reregister(attempt.io.socket(), Token(token), interest) {
            out.push(NetEvent { key: attempt.key, what: failed(e) });
            self.end(token);
        }
    }

    /// Ends an attempt without an event. TCP is reset, whatever is pending; TLS with close_notify is closed in order.
    pub fn close(&mut self, key: Key) {
        let Some(token) = self.token_of(key) else { return };
        if let Some(Attempt { step: Step::Open, io: Io::Stream(stream, true), .. }) = self.attempts.get_mut(&token) {
            stream.close_notify();
        }
        self.end(token);
    }

    /// Takes note of readiness. False when the token is not that of a connection (then nothing happened).
    pub fn ready(&mut self, reactor: &Reactor, ready: Ready, out: &mut Vec<NetEvent>) -> bool {
        let token = ready.token;
        if !(FIRST_TOKEN..=LAST_TOKEN).contains(&token.0) {
            return false;
        }
        let Some(attempt) = self.attempts.get_mut(&token.0) else { return true };
        let next = attempt.advance(ready, &mut self.scratch, out).unwrap_or_else(|reason| {
            out.push(NetEvent { key: attempt.key, what: What::Failed(reason) });
            Next::Over
        });
        match next {
            Next::Wait => {}
            Next::Over => self.end(token.0),
            Next::Again => self.again(reactor, token.0, out),
        }
        true
    }

    fn start(&self, key: Key, target: &Target, over: &Transport, number: usize) -> Result<(Attempt, bool), What> {
        let to = target.address;
        let stream = |stream, pending, close_notify| {
            let step = if pending { Step::Connecting } else { Step::Handshake };
            // A connection made at once is looked at again when the poller tells of it, which it does: it is new there.
            (Attempt { key, step, io: Io::Stream(stream, close_notify), to, unsent: Vec::new(), paused: false }, false)
        };
        Ok(match over {
            Transport::Tcp => {
                let Opened { socket, pending } = socket::tcp(target).map_err(failed)?;
                stream(Stream::Plain(socket), pending, false)
            }
            Transport::Tls { sni, close_notify } => {
                let library = |e| What::Failed(format!("TLS: {}", tls::text(&e)));
                let none = || What::Lacking("the files of the SSL block are not read yet".to_owned());
                let context = self.tls.as_ref().ok_or_else(none)?;
                let ssl = context.client(sni.as_deref()).map_err(library)?;
                let Opened { socket, pending } = socket::tcp(target).map_err(failed)?;
                // The request must not wait until the end of the handshake is acknowledged.
                socket.set_tcp_nodelay(true).map_err(failed)?;
                let tls = Box::new(SslStream::new(ssl, Metered::new(socket)).map_err(library)?);
                stream(Stream::Tls(tls), pending, *close_notify)
            }
            Transport::Udp => {
                let Opened { socket, .. } = socket::udp(target).map_err(failed)?;
                (Attempt { key, step: Step::Open, io: Io::Udp(socket), to, unsent: Vec::new(), paused: false }, true)
            }
            Transport::Ping => {
                let (Opened { mut socket, .. }, raw) = socket::icmp(target).map_err(failed)?;
                let number = number as u64;
                let echo = Echo::new(target.address.ip(), raw, number, self.random.hash_one(number));
                socket.write_all(&echo.request()).map_err(failed)?;
                (
                    Attempt {
                        key,
                        step: Step::Open,
                        io: Io::Ping(socket, echo),
                        to,
                        unsent: Vec::new(),
                        paused: false,
                    },
                    false,
                )
            }
        })
    }

    /// A token no socket had before.
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
        // The poller forgets the socket as it is closed; what it may still tell of it has a token that is no more.
        let Some(attempt) = self.attempts.remove(&token) else { return };
        self.by_id.remove(&attempt.key.id);
    }
}

/// What an attempt tells of an error: the other side's, or a lack of our own.
fn failed(error: io::Error) -> What {
    if is_own_lack(&error) { What::Lacking(reason(&error)) } else { What::Failed(reason(&error)) }
}

impl Stream {
    /// What follows when there is nothing to read for now.
    fn next(&self) -> Next {
        if self.is_cut() { Next::Again } else { Next::Wait }
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
    fn event(&self, what: What) -> NetEvent {
        NetEvent { key: self.key, what }
    }

    /// Everything that can be done without waiting, within the budget of a turn.
    fn advance(&mut self, ready: Ready, scratch: &mut [u8], out: &mut Vec<NetEvent>) -> Result<Next, String> {
        if let Io::Stream(stream, _) = &mut self.io {
            stream.begin_turn();
        }
        if self.step == Step::Connecting {
            match socket::progress(self.io.socket(), ready, self.to).map_err(|e| reason(&e))? {
                Progress::Pending => return Ok(Next::Wait),
                Progress::Done => self.step = Step::Handshake,
            }
        }
        if self.step == Step::Handshake {
            if let Io::Stream(stream, _) = &mut self.io
                && let Progress::Pending = stream.shake_hands()?
            {
                return Ok(stream.next());
            }
            self.step = Step::Open;
            out.push(self.event(What::Connected));
        }
        self.flush()?;
        if self.paused {
            return Ok(Next::Wait);
        }
        match &self.io {
            Io::Stream(..) => self.read_stream(out),
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

    fn read_stream(&mut self, out: &mut Vec<NetEvent>) -> Result<Next, String> {
        let key = self.key;
        let Io::Stream(stream, _) = &mut self.io else { return Ok(Next::Wait) };
        let mut reads = 0usize;
        while reads < READS_A_TURN || stream.buffered() {
            reads = reads.saturating_add(1);
            match stream.read()? {
                Got::Bytes(bytes) => out.push(NetEvent { key, what: What::Received(bytes) }),
                Got::Nothing => return Ok(stream.next()),
                Got::End => {
                    out.push(NetEvent { key, what: What::Closed });
                    return Ok(Next::Over);
                }
            }
        }
        Ok(Next::Again)
    }

    fn read_datagrams(&mut self, scratch: &mut [u8], out: &mut Vec<NetEvent>) -> Result<Next, String> {
        let key = self.key;
        for _ in 0..READS_A_TURN {
            let (Io::Udp(socket) | Io::Ping(socket, _)) = &mut self.io else { return Ok(Next::Wait) };
            let length = match socket.read(scratch) {
                Ok(length) => length,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Next::Wait),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(reason(&e)),
            };
            let heard = scratch.get(..length).unwrap_or_default();
            match &self.io {
                Io::Ping(_, echo) if echo.is_answered_by(heard) => {
                    out.push(NetEvent { key, what: What::Connected });
                    return Ok(Next::Over);
                }
                Io::Ping(..) => {}
                _ => out.push(NetEvent { key, what: What::Received(heard.to_vec()) }),
            }
        }
        Ok(Next::Again)
    }
}
