//! The AgentX session as a state machine without I/O and without a clock.
//!
//! Times are [`Duration`]s since any fixed point, passed in by the owner. The owner's loop:
//!
//! 1. drop an open transport when [`wants_connection`](Session::wants_connection) is false;
//! 2. open a transport when [`poll_connect`](Session::poll_connect) returns true, then call
//!    [`connected`](Session::connected) or [`connect_failed`](Session::connect_failed);
//! 3. read while [`input_room`](Session::input_room) is not 0 and pass the octets to [`receive`](Session::receive);
//!    on end of file or error call [`disconnected`](Session::disconnected);
//! 4. call [`serve`](Session::serve) with the data, a few PDUs per turn;
//! 5. write [`output`](Session::output), then [`consume`](Session::consume) the octets written;
//! 6. wait for I/O or [`deadline`](Session::deadline), then call [`tick`](Session::tick);
//! 7. log the events that [`poll_event`](Session::poll_event) returns.
//!
//! Memory is bounded whatever a peer does: input, output, transactions, events and the queue of
//! notifications all have limits.
//!
//! **When the master hangs, the connection is kept.** Closing it would gain nothing: the master reads the
//! octets in the socket when it continues. It is reported as [unresponsive](Event::Unresponsive), and no
//! further notification is sent to it. If it drops the session when it continues (snmpd does after a
//! request of its own timed out), the transport ends and a new session is opened at once.
//!
//! **When the master is away,** the subagent tries to connect at once, then after 50, 100, 200 and
//! finally every 400 ms; each attempt costs one failing `connect`.

mod answer;
mod clocks;
mod dispatch;
mod event;
mod inbox;
mod known;
mod link;
mod notify;
mod set;
mod setup;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crate::drops::Drops;
use crate::mib::Mib;
use crate::oid::Oid;
use crate::pdu::encode;

pub use event::{Event, Lost, Refused, Stats};
pub use notify::{Notification, WINDOW};

pub(crate) use clocks::Clocks;
use inbox::Inbox;
use link::{AWAY_PAUSE, CONNECT_LIMIT, STUCK_LIMIT};
use notify::{Queue, Sent};
pub(crate) use notify::{SNMP_TRAP_OID, SYS_UP_TIME};
use set::Transactions;
use setup::Registry;

/// No PDU is handled while this many octets wait to be written.
const OUTPUT_FULL: usize = 64 * 1024;

/// Most events kept for [`Session::poll_event`]; later ones are dropped.
const MAX_EVENTS: usize = 256;

/// Longest time to write the Close PDU.
const GOODBYE: Duration = Duration::from_millis(200);

/// A subtree to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Root of the subtree.
    pub subtree: Oid,
    /// 1 to 255, the lowest wins; the default of RFC 2741 is 127.
    pub priority: u8,
}

/// Settings of a session.
#[derive(Clone, Debug)]
pub struct Config {
    /// `o.id`: identifier of the subagent; may be null.
    pub id: Oid,
    /// `o.descr`: text about the subagent.
    pub description: String,
    /// Name of the context of all registrations, requests and notifications; empty for the default context.
    pub context: String,
    /// `o.timeout`: seconds the master waits for an answer; 0: the master's default.
    pub timeout: u8,
    /// Rows for the master's sysORTable: identifier and text.
    pub capabilities: Vec<(Oid, String)>,
    /// The subtrees to serve.
    pub registrations: Vec<Registration>,
    /// Most notifications kept while they cannot be delivered.
    pub notifications: usize,
    /// The master is sent a Ping after this long without a PDU from it.
    pub ping_interval: Duration,
    /// A PDU unanswered for this long makes the master [unresponsive](Event::Unresponsive).
    pub reply_timeout: Duration,
    /// A PDU unanswered for this long ends the session. This is for a TCP peer that vanishes without
    /// closing the connection; a local master that dies closes its socket.
    pub silence_limit: Duration,
    /// Seed of the jitter between attempts.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            id: Oid::default(),
            description: String::new(),
            context: String::new(),
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

/// State of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No connection, and no attempt before this time.
    Away(Duration),
    /// The owner has been opening the transport since this time.
    Connecting(Duration),
    /// The Open PDU is sent.
    Opening,
    /// The session is open under this session ID.
    Open(u32),
    /// The Close PDU is sent, or there was no session to close.
    Closed,
}

/// A PDU of ours that the master has not answered yet.
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
    /// Removal of a registration or a capability.
    Withdrawal,
    Ping,
    Notification(u64),
}

/// An AgentX session with one master. When it is lost, it is opened again.
pub struct Session {
    config: Config,
    state: State,
    registry: Registry,
    /// Connections made so far.
    generation: u64,
    /// Attempts since the last stable session.
    failures: u32,
    /// When the current session was opened.
    open_since: Duration,
    /// When the last PDU was received, or the connection made.
    last_received: Duration,
    /// Since when the peer has read nothing of a full output.
    stuck_since: Option<Duration>,
    pending: Vec<Pending>,
    next_packet: u32,
    clocks: Clocks,
    unresponsive: bool,
    up_reported: bool,
    inbox: Inbox,
    output: Vec<u8>,
    /// Number of octets of `output` that are written.
    written: usize,
    transactions: Transactions,
    queue: Queue,
    drops: Drops,
    close_by: Option<Duration>,
    events: VecDeque<Event>,
    last_connect_error: Option<io::ErrorKind>,
    last_lost: Option<Lost>,
    stats: Stats,
    random: u64,
}

impl Session {
    /// A session that connects at once.
    pub fn new(config: Config) -> Self {
        let registry = Registry::new(config.registrations.clone());
        let queue = Queue::new(config.notifications);
        let random = config.seed | 1;
        Session {
            config,
            state: State::Away(Duration::ZERO),
            registry,
            generation: 0,
            failures: 0,
            open_since: Duration::ZERO,
            last_received: Duration::ZERO,
            stuck_since: None,
            pending: Vec::new(),
            next_packet: 0,
            clocks: Clocks::default(),
            unresponsive: false,
            up_reported: false,
            inbox: Inbox::default(),
            output: Vec::new(),
            written: 0,
            transactions: Transactions::default(),
            queue,
            drops: Drops::default(),
            close_by: None,
            events: VecDeque::new(),
            last_connect_error: None,
            last_lost: None,
            stats: Stats::default(),
            random,
        }
    }

    // ---- connection ----

    /// Whether there should be an open or opening transport. If not, drop it.
    pub fn wants_connection(&self) -> bool {
        match self.state {
            State::Away(_) => false,
            State::Closed => !self.output().is_empty(),
            State::Connecting(_) | State::Opening | State::Open(_) => true,
        }
    }

    /// Whether to open a transport now; each `true` starts one attempt.
    pub fn poll_connect(&mut self, now: Duration) -> bool {
        match self.state {
            State::Away(not_before) if not_before <= now => {
                self.state = State::Connecting(now);
                true
            }
            _ => false,
        }
    }

    /// To be called when the attempt has failed.
    pub fn connect_failed(&mut self, now: Duration, error: io::ErrorKind) {
        if self.last_connect_error.replace(error) != Some(error) {
            self.report(Event::ConnectFailed(error));
        }
        self.retry_after(now, AWAY_PAUSE);
    }

    /// To be called when the transport is open.
    pub fn connected(&mut self, now: Duration) {
        self.reset();
        self.generation += 1;
        self.last_received = now;
        self.state = State::Opening;
        let packet = self.expect(Ask::Open, now);
        let Config { id, description, timeout, .. } = &self.config;
        if encode::open(&mut self.output, packet, *timeout, id, description).is_err() {
            // An identifier or a description too long for AgentX is left out: the session matters more.
            let _ = encode::open(&mut self.output, packet, *timeout, &Oid::default(), "");
        }
    }

    /// To be called when the peer has closed the transport, or the transport has failed.
    pub fn disconnected(&mut self, now: Duration) {
        if self.wants_connection() {
            self.lose(now, Lost::Transport);
        }
    }

    /// Number of connections so far. It distinguishes the current connection from earlier ones, whose
    /// file descriptor may have had the same number.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    // ---- bytes ----

    /// Octets that [`receive`](Self::receive) would take now; 0 while unanswered requests fill the input.
    pub fn input_room(&self) -> usize {
        match self.state {
            State::Opening | State::Open(_) => self.inbox.room(),
            _ => 0,
        }
    }

    /// Takes octets from the peer, split anywhere; returns their number. Pass the rest again later.
    pub fn receive(&mut self, octets: &[u8]) -> usize {
        let taken = octets.get(..self.input_room()).unwrap_or(octets);
        self.inbox.push(taken);
        taken.len()
    }

    /// Octets to be written to the peer.
    pub fn output(&self) -> &[u8] {
        self.output.get(self.written..).unwrap_or_default()
    }

    /// To be called when the first `count` octets of [`output`](Self::output) are written.
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

    /// Handles up to `max_pdus` PDUs and calls [`tick`](Self::tick); returns whether more PDUs can be
    /// handled at once. Handles none while the peer does not read its answers.
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

    /// Whether [`serve`](Self::serve) has a PDU to handle and room for the answer.
    pub fn can_serve(&self) -> bool {
        self.output().len() < OUTPUT_FULL && self.inbox.has_frame()
    }

    /// Handles timers: pings, notifications, repeated registrations, time-outs.
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
            if self.pending.is_empty() && now >= self.last_received.saturating_add(self.config.ping_interval) {
                let packet = self.expect(Ask::Ping, now);
                self.put(|out| encode::ping(out, session, packet));
            }
        }
        self.close_when_due(now);
    }

    /// When to call [`tick`](Self::tick) and [`poll_connect`](Self::poll_connect) next; `None`: only
    /// after I/O.
    pub fn deadline(&self) -> Option<Duration> {
        let state = match self.state {
            State::Away(not_before) => Some(not_before),
            State::Connecting(since) => Some(since.saturating_add(CONNECT_LIMIT)),
            State::Closed => None,
            State::Opening | State::Open(_) if !self.pending.is_empty() => self.patience_ends(),
            State::Opening | State::Open(_) => Some(self.last_received.saturating_add(self.config.ping_interval)),
        };
        let registering = match self.state {
            State::Open(_) => self.registry.next_retry(),
            _ => None,
        };
        let stuck = self.stuck_since.map(|since| since.saturating_add(STUCK_LIMIT));
        let close_by = self.close_by.filter(|_| !self.is_closed());
        [state, registering, stuck, close_by].into_iter().flatten().min()
    }

    /// To be called from time to time with the present time since 1970: [`Value::DateAndTime`](crate::Value::DateAndTime)
    /// needs it.
    pub fn set_clock(&mut self, now: Duration, utc: Duration) {
        self.clocks.read(now, utc);
    }

    /// Queues a notification of an event that happened at `now`.
    pub fn notify(&mut self, now: Duration, notification: Notification) {
        self.stats.notifications += 1;
        if self.queue.push(notification, now) {
            self.stats.notifications_dropped += 1;
            let count = self.drops.add();
            self.report_dropped(count);
        }
        if let State::Open(session) = self.state {
            self.send_notifications(session, now);
        }
    }

    /// Notifications not yet acknowledged.
    pub fn notifications_waiting(&self) -> usize {
        self.queue.len()
    }

    /// Ends the session for good when all notifications are acknowledged, or at `deadline`. The session
    /// is [closed](Self::is_closed) at most 200 ms later, even if the peer does not read.
    pub fn close(&mut self, now: Duration, deadline: Duration) {
        self.close_by = Some(deadline);
        self.tick(now);
    }

    /// Whether [`close`](Self::close) is complete and nothing is left to write.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed && self.output().is_empty()
    }

    /// Whether the master has opened a session and answered every registration.
    pub fn is_up(&self) -> bool {
        self.up_reported && matches!(self.state, State::Open(_))
    }

    /// The next event for the log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    // ---- details ----

    fn report(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    fn report_dropped(&mut self, count: Option<u64>) {
        if let Some(count) = count {
            self.report(Event::NotificationsDropped(count));
        }
    }

    /// Writes a PDU in the context of the session. One that cannot be encoded is left out.
    fn put(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), encode::TooLong>) {
        let start = self.output.len();
        if encode(&mut self.output).is_ok() {
            encode::set_context(&mut self.output, start, self.config.context.as_bytes());
        }
    }

    /// Allocates a packet ID for a PDU of ours and records the expected answer.
    fn expect(&mut self, what: Ask, at: Duration) -> u32 {
        self.next_packet = self.next_packet.wrapping_add(1);
        self.pending.push(Pending { packet: self.next_packet, what, at });
        self.next_packet
    }

    fn send_notifications(&mut self, session: u32, now: Duration) {
        // A hung master already has a full window; more would only be sent again to its successor.
        while !self.unresponsive && self.queue.can_send() && self.output().len() < OUTPUT_FULL {
            let packet = self.next_packet.wrapping_add(1);
            let start = self.output.len();
            let sent = self.queue.send_next(&mut self.output, session, packet, self.clocks);
            match sent {
                Sent::Nothing => return,
                Sent::First(number) => {
                    encode::set_context(&mut self.output, start, self.config.context.as_bytes());
                    self.expect(Ask::Notification(number), now);
                }
                Sent::Again(number) => {
                    encode::set_context(&mut self.output, start, self.config.context.as_bytes());
                    self.stats.notifications_resent += 1;
                    self.expect(Ask::Notification(number), now);
                }
                Sent::Unsendable(trap) => {
                    self.stats.notifications_refused += 1;
                    let error = crate::pdu::error::PARSE_ERROR;
                    self.report(Event::NotificationRefused { trap, error });
                }
            }
        }
        if self.queue.has_room() {
            let count = self.drops.end();
            self.report_dropped(count);
        }
    }

    fn close_when_due(&mut self, now: Duration) {
        let Some(close_by) = self.close_by else {
            return;
        };
        if self.state == State::Closed {
            if now >= close_by {
                // The peer does not read: drop the Close PDU.
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
