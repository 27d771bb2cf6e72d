//! The AgentX session as a machine without I/O and without a clock.
//!
//! Time is a [`Duration`] since any fixed moment and is handed in. The owner moves bytes and asks:
//!
//! 1. [`wants_connection`](Session::wants_connection): drop an open transport when this is false;
//! 2. [`poll_connect`](Session::poll_connect): open one when this says so, then call
//!    [`connected`](Session::connected) or [`connect_failed`](Session::connect_failed);
//! 3. read while [`input_room`](Session::input_room) is not 0, into [`receive`](Session::receive);
//!    on end of file or error call [`disconnected`](Session::disconnected);
//! 4. [`serve`](Session::serve) with the data, a few PDUs a turn;
//! 5. write [`output`](Session::output), then [`consume`](Session::consume) what was taken;
//! 6. sleep until I/O or [`deadline`](Session::deadline), then [`tick`](Session::tick);
//! 7. log what [`poll_event`](Session::poll_event) gives.
//!
//! Nothing here grows with what a peer does: input, output, transactions, events and the queue of
//! notifications all have limits.
//!
//! **A master that hangs is not left.** Closing would gain nothing: what it has not read yet, it will
//! read when it goes on. It is called [unresponsive](Event::Unresponsive) and left alone, and nothing more
//! is sent to it. If it drops the session when it goes on (snmpd does when a request of its own
//! timed out), the transport ends and a new session is opened at once.
//!
//! **A master that is away** is sought at once, then after 50, 100, 200 and at last every 400 ms, which
//! is one failing `connect` each time.

mod answer;
mod dispatch;
mod event;
mod inbox;
mod link;
mod notify;
mod set;
mod setup;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crate::mib::Mib;
use crate::oid::Oid;
use crate::pdu::encode;

pub use event::{Event, Lost, Refused, Stats};
pub use notify::{Notification, WINDOW};

use inbox::Inbox;
use link::{AWAY_PAUSE, CONNECT_LIMIT, STUCK_LIMIT};
use notify::{Queue, Sent, UpTime};
use set::Transactions;
use setup::Registry;

/// Answers are not made while this many octets wait to be written.
const OUTPUT_FULL: usize = 64 * 1024;

/// Most events kept for [`Session::poll_event`]; later ones are lost.
const MAX_EVENTS: usize = 256;

/// How long the Close PDU may take to be written.
const GOODBYE: Duration = Duration::from_millis(200);

/// A subtree to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Root of the subtree.
    pub subtree: Oid,
    /// 1 to 255, the lowest wins; RFC 2741's default is 127.
    pub priority: u8,
}

/// What a session is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// `o.id`: identifier of the subagent; may be null.
    pub id: Oid,
    /// `o.descr`: text about the subagent.
    pub description: String,
    /// `o.timeout`: seconds the master waits for an answer; 0 leaves it to the master.
    pub timeout: u8,
    /// Rows for the master's sysORTable: identifier and text.
    pub capabilities: Vec<(Oid, String)>,
    /// The subtrees to serve.
    pub registrations: Vec<Registration>,
    /// Most notifications kept while they cannot be delivered.
    pub notifications: usize,
    /// A master not heard of for this long is pinged.
    pub ping_interval: Duration,
    /// A PDU unanswered for this long makes the master [unresponsive](Event::Unresponsive).
    pub reply_timeout: Duration,
    /// A PDU unanswered for this long ends the session. Only for a TCP peer that is gone without
    /// a trace: a local one that dies closes its socket.
    pub silence_limit: Duration,
    /// Seed of the jitter between attempts.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            id: Oid::default(),
            description: String::new(),
            timeout: 0,
            capabilities: Vec::new(),
            registrations: Vec::new(),
            notifications: 16_384,
            ping_interval: Duration::from_secs(15),
            reply_timeout: Duration::from_secs(5),
            silence_limit: Duration::from_secs(600),
            seed: 0,
        }
    }
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// None, and none before this time.
    Away(Duration),
    /// The owner has been opening the transport since then.
    Connecting(Duration),
    /// Open is sent.
    Opening,
    /// The master has given the session this number.
    Open(u32),
    /// Close is sent, or there was nothing to close.
    Closed,
}

/// A PDU of ours that the master has not answered.
#[derive(Clone, Copy, Debug)]
struct Pending {
    packet: u32,
    what: Ask,
    at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Open,
    Capability(usize),
    Registration(usize),
    Unregistration,
    Ping,
    Notification(u64),
}

/// An AgentX session with one master, for ever: it is opened again whenever it is lost.
pub struct Session {
    config: Config,
    state: State,
    registry: Registry,
    /// Connections made so far.
    generation: u64,
    /// Attempts since the last good session.
    failures: u32,
    /// When the present session was opened.
    open_since: Duration,
    /// When the last PDU was received, or the connection made.
    heard: Duration,
    /// Since when the peer has taken nothing of a full output.
    stuck_since: Option<Duration>,
    pending: Vec<Pending>,
    next_packet: u32,
    up_time: Option<UpTime>,
    unresponsive: bool,
    up_told: bool,
    inbox: Inbox,
    output: Vec<u8>,
    /// How much of `output` is written.
    written: usize,
    transactions: Transactions,
    queue: Queue,
    dropped_untold: u64,
    close_by: Option<Duration>,
    events: VecDeque<Event>,
    last_connect_error: Option<io::ErrorKind>,
    last_lost: Option<Lost>,
    stats: Stats,
    random: u64,
}

impl Session {
    /// A session that wants a connection at once.
    pub fn new(config: Config) -> Self {
        let registry = Registry::new(config.capabilities.len(), config.registrations.clone());
        let queue = Queue::new(config.notifications);
        let random = config.seed | 1;
        Session {
            config,
            state: State::Away(Duration::ZERO),
            registry,
            generation: 0,
            failures: 0,
            open_since: Duration::ZERO,
            heard: Duration::ZERO,
            stuck_since: None,
            pending: Vec::new(),
            next_packet: 0,
            up_time: None,
            unresponsive: false,
            up_told: false,
            inbox: Inbox::default(),
            output: Vec::new(),
            written: 0,
            transactions: Transactions::default(),
            queue,
            dropped_untold: 0,
            close_by: None,
            events: VecDeque::new(),
            last_connect_error: None,
            last_lost: None,
            stats: Stats::default(),
            random,
        }
    }

    // ---- connection ----

    /// Whether a transport should be open or opening. When this turns false, drop it.
    pub fn wants_connection(&self) -> bool {
        match self.state {
            State::Away(_) => false,
            State::Closed => !self.output().is_empty(),
            State::Connecting(_) | State::Opening | State::Open(_) => true,
        }
    }

    /// Whether to open a transport now; each `true` begins one attempt.
    pub fn poll_connect(&mut self, now: Duration) -> bool {
        match self.state {
            State::Away(not_before) if not_before <= now => {
                self.state = State::Connecting(now);
                true
            }
            _ => false,
        }
    }

    /// The attempt failed.
    pub fn connect_failed(&mut self, now: Duration, error: io::ErrorKind) {
        if self.last_connect_error.replace(error) != Some(error) {
            self.tell(Event::ConnectFailed(error));
        }
        self.retry_after(now, AWAY_PAUSE);
    }

    /// The transport is open.
    pub fn connected(&mut self, now: Duration) {
        self.reset();
        self.generation += 1;
        self.heard = now;
        self.state = State::Opening;
        let packet = self.expect(Ask::Open, now);
        let Config { id, description, timeout, .. } = &self.config;
        if encode::open(&mut self.output, packet, *timeout, id, description).is_err() {
            // An identifier or a text too long for AgentX is worth no session; none is better.
            let _ = encode::open(&mut self.output, packet, *timeout, &Oid::default(), "");
        }
    }

    /// The peer closed the transport, or it failed.
    pub fn disconnected(&mut self, now: Duration) {
        if self.wants_connection() {
            self.lose(now, Lost::Transport);
        }
    }

    /// Number of connections so far. It tells the present one from all former ones, as its file
    /// descriptor's number does not.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    // ---- bytes ----

    /// Octets [`receive`](Self::receive) would take now; 0 while unanswered requests fill the input.
    pub fn input_room(&self) -> usize {
        match self.state {
            State::Opening | State::Open(_) => self.inbox.room(),
            _ => 0,
        }
    }

    /// Takes octets from the peer, cut anywhere; returns how many. The rest is to be offered again.
    pub fn receive(&mut self, octets: &[u8]) -> usize {
        let taken = octets.get(..self.input_room()).unwrap_or(octets);
        self.inbox.push(taken);
        taken.len()
    }

    /// Octets to be written to the peer.
    pub fn output(&self) -> &[u8] {
        self.output.get(self.written..).unwrap_or_default()
    }

    /// The first `count` octets of [`output`](Self::output) are written.
    pub fn consume(&mut self, count: usize) {
        self.written = self.written.saturating_add(count).min(self.output.len());
        if count > 0 {
            self.stuck_since = None;
        }
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        } else if self.written > OUTPUT_FULL {
            self.output.drain(..self.written);
            self.written = 0;
        }
    }

    // ---- work ----

    /// Handles up to `max_pdus` PDUs received, and sends what is due; returns whether more can be done
    /// at once. It stops short while the peer does not read its answers.
    pub fn serve<T: 'static>(&mut self, mib: &Mib<T>, data: &mut T, now: Duration, max_pdus: usize) -> bool {
        for _ in 0..max_pdus {
            if self.output().len() >= OUTPUT_FULL {
                self.stuck_since.get_or_insert(now);
                break;
            }
            match self.handle_next(mib, data, now) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => self.lose(now, Lost::Framing(error)),
            }
        }
        self.tick(now);
        self.can_serve()
    }

    /// Whether [`serve`](Self::serve) has something to do: a PDU, and room for the answer.
    pub fn can_serve(&self) -> bool {
        self.output().len() < OUTPUT_FULL && self.inbox.has_frame()
    }

    /// Does what time makes due: pings, notifications, repeated registrations, giving up.
    pub fn tick(&mut self, now: Duration) {
        match self.state {
            State::Connecting(since) if now >= since.saturating_add(CONNECT_LIMIT) => {
                self.connect_failed(now, io::ErrorKind::TimedOut);
            }
            State::Opening | State::Open(_) => self.watch_master(now),
            _ => {}
        }
        if let State::Open(session) = self.state {
            self.register_due(session, now);
            self.send_notifications(session, now);
            if self.pending.is_empty() && now >= self.heard.saturating_add(self.config.ping_interval) {
                let packet = self.expect(Ask::Ping, now);
                let _ = encode::ping(&mut self.output, session, packet);
            }
        }
        self.close_when_due(now);
    }

    /// When [`tick`](Self::tick) has something to do next, or [`poll_connect`](Self::poll_connect) says
    /// yes; `None`: only after I/O.
    pub fn deadline(&self) -> Option<Duration> {
        let state = match self.state {
            State::Away(not_before) => Some(not_before),
            State::Connecting(since) => Some(since.saturating_add(CONNECT_LIMIT)),
            State::Closed => None,
            State::Opening | State::Open(_) if !self.pending.is_empty() => self.patience_ends(),
            State::Opening | State::Open(_) => Some(self.heard.saturating_add(self.config.ping_interval)),
        };
        let registering = match self.state {
            State::Open(_) => self.registry.next_retry(),
            _ => None,
        };
        let stuck = self.stuck_since.map(|since| since.saturating_add(STUCK_LIMIT));
        let close_by = self.close_by.filter(|_| !self.is_closed());
        [state, registering, stuck, close_by].into_iter().flatten().min()
    }

    /// Queues a notification of an event that happened at `now`.
    pub fn notify(&mut self, now: Duration, notification: Notification) {
        self.stats.notifications += 1;
        if self.queue.push(notification, now) {
            self.stats.notifications_dropped += 1;
            self.dropped_untold += 1;
            if self.dropped_untold == 1 {
                // The rest of a burst is told when there is room again.
                self.tell_dropped();
            }
        }
        if let State::Open(session) = self.state {
            self.send_notifications(session, now);
        }
    }

    /// Notifications not yet acknowledged.
    pub fn notifications_waiting(&self) -> usize {
        self.queue.len()
    }

    /// Ends the session for good: when all notifications are acknowledged, or at `deadline`. It is
    /// [closed](Self::is_closed) at most 200 ms after that, even if the peer does not read.
    pub fn close(&mut self, now: Duration, deadline: Duration) {
        self.close_by = Some(deadline);
        self.tick(now);
    }

    /// Whether [`close`](Self::close) is done and nothing is left to write.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed && self.output().is_empty()
    }

    /// Whether the master has opened a session and answered every registration.
    pub fn is_up(&self) -> bool {
        self.up_told && matches!(self.state, State::Open(_))
    }

    /// The next thing worth telling.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    // ---- details ----

    fn tell(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    fn tell_dropped(&mut self) {
        let count = std::mem::take(&mut self.dropped_untold);
        if count > 0 {
            self.tell(Event::NotificationsDropped(count));
        }
    }

    /// A number for a PDU of ours, whose answer will be about `what`.
    fn expect(&mut self, what: Ask, at: Duration) -> u32 {
        self.next_packet = self.next_packet.wrapping_add(1);
        self.pending.push(Pending { packet: self.next_packet, what, at });
        self.next_packet
    }

    fn send_notifications(&mut self, session: u32, now: Duration) {
        // A hung master has a window full already; more would only be repeated to its successor.
        while !self.unresponsive && self.queue.can_send() && self.output().len() < OUTPUT_FULL {
            let packet = self.next_packet.wrapping_add(1);
            let sent = self.queue.send_next(&mut self.output, session, packet, self.up_time);
            match sent {
                Sent::Nothing => return,
                Sent::First(number) => {
                    self.expect(Ask::Notification(number), now);
                }
                Sent::Again(number) => {
                    self.stats.notifications_resent += 1;
                    self.expect(Ask::Notification(number), now);
                }
                Sent::Unsendable(trap) => {
                    self.stats.notifications_refused += 1;
                    let error = crate::pdu::error::PARSE_ERROR;
                    self.tell(Event::NotificationRefused { trap, error });
                }
            }
        }
        if !self.queue.can_send() {
            self.tell_dropped();
        }
    }

    fn close_when_due(&mut self, now: Duration) {
        let Some(close_by) = self.close_by else {
            return;
        };
        if self.state == State::Closed {
            if now >= close_by {
                // Whoever does not read need not be told.
                self.reset();
            }
            return;
        }
        if !self.queue.is_empty() && now < close_by {
            return;
        }
        if let State::Open(session) = self.state {
            let packet = self.next_packet.wrapping_add(1);
            let _ = encode::close(&mut self.output, session, packet);
        } else {
            self.reset();
        }
        self.state = State::Closed;
        self.stuck_since = None;
        self.close_by = Some(now.saturating_add(GOODBYE));
    }
}
