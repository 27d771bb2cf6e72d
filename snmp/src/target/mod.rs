//! A receiver of notifications, as a state machine without I/O and without a clock; [`Link`] adds the socket.
//!
//! **Traps** are sent once, at most [`BURST`] at a time and then one a millisecond, so that the receiver's socket buffer does
//! not overflow.
//!
//! **Informs** are sent one at a time: the next one after the acknowledgement, so that they arrive in order. One that is not
//! acknowledged is sent again after [`Settings::timeout`], [`Settings::retries`] times. Then the target is
//! [silent](Event::Silent): the inform stays at the head of the queue and is sent again after pauses that double up to
//! [`LONGEST_PAUSE`], until the target answers. A receiver whose acknowledgement was lost gets an inform twice, with the same
//! `request-id`.
//!
//! **A full queue** drops its oldest notification that has not been sent: the latest ones show the current state.

mod counters;
mod link;
mod queue;
mod security;

use std::sync::Arc;
use std::time::Duration;

use std::collections::VecDeque;

use crate::drops::Drops;
use crate::message::{Answer, Kind, Malformed, Notice};

pub use counters::{Counters, Counts};
pub use link::{Destination, DestinationError, Interest, Link};
pub use security::{Engine, Security, User};

use queue::Queue;
use security::{Incoming, Peer};

/// Most notifications that wait for a target.
pub const CAPACITY: usize = 16_384;

/// Most traps that are sent at once.
pub const BURST: u32 = 32;

/// Longest pause before an inform is sent again, unless [`Settings::timeout`] is longer.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pause between traps after a burst.
const PACE: Duration = Duration::from_millis(1);

/// First and longest pause after an attempt to send that the system has refused.
const FIRST_REFUSED: Duration = Duration::from_millis(500);

/// Most events kept for [`Target::poll_event`]; later ones are dropped.
const MAX_EVENTS: usize = 16;

/// Settings of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether notifications are informs, which are acknowledged, or traps.
    pub inform: bool,
    /// How often an inform is sent again before the target counts as silent.
    pub retries: u32,
    /// Time to wait for an acknowledgement; not zero.
    pub timeout: Duration,
    /// Version of the messages, and who sends them.
    pub security: Security,
}

/// An event worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host name has no address. Reported once until it has one.
    NoAddress,
    /// The system does not send datagrams to the target. Reported once per reason until one is sent.
    CannotSend(std::io::ErrorKind),
    /// The target does not acknowledge informs.
    Silent,
    /// The target acknowledges informs again; this number waits.
    Answers(usize),
    /// The target answered an inform with this `error-status`; it is not sent again.
    Refused(i32),
    /// The target has sent a report instead of an acknowledgement: a clause. Reported once per clause until it acknowledges.
    Reported(&'static str),
    /// The queue was full: number of notifications dropped since the last such event.
    Dropped(u64),
}

/// Progress of the notification at the head of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// It may be sent.
    Ready,
    /// It was sent this often, and an acknowledgement is awaited until then.
    Awaiting { attempts: u32, until: Duration },
    /// The acknowledgement has not come in time; it was sent this often, and is to be sent again.
    Again { attempts: u32 },
}

/// A receiver of notifications.
#[derive(Debug)]
pub struct Target {
    settings: Settings,
    queue: Queue,
    counters: Arc<Counters>,
    progress: Progress,
    /// `request-id` of the notification at the head of the queue.
    request: i32,
    /// State of the security model.
    peer: Peer,
    /// Earliest time of the next attempt to send.
    not_before: Duration,
    /// How often the system has refused to send since it last did.
    refusals: u32,
    /// When the traps that were sent would have been sent at the pace of one a millisecond.
    paced: Duration,
    silent: bool,
    drops: Drops,
    last_error: Option<std::io::ErrorKind>,
    last_report: Option<&'static str>,
    no_address: bool,
    events: VecDeque<Event>,
}

impl Target {
    /// A target with an empty queue. `seed` is random: it distinguishes the `request-id`s and the salts of senders.
    pub fn new(settings: Settings, counters: Arc<Counters>, seed: u64) -> Self {
        Target::with_capacity(settings, counters, seed, CAPACITY)
    }

    fn with_capacity(settings: Settings, counters: Arc<Counters>, seed: u64, capacity: usize) -> Self {
        let peer = Peer::new(seed);
        Target {
            settings,
            queue: Queue::new(capacity),
            counters,
            progress: Progress::Ready,
            // Not negative: some receivers print it without a sign.
            request: i32::try_from(seed & 0x7fff_ffff).unwrap_or(0),
            peer,
            not_before: Duration::ZERO,
            refusals: 0,
            paced: Duration::ZERO,
            silent: false,
            drops: Drops::default(),
            last_error: None,
            last_report: None,
            no_address: false,
            events: VecDeque::new(),
        }
    }

    /// Applies new settings; the queue stays.
    pub fn configure(&mut self, settings: Settings) {
        if settings == self.settings {
            return;
        }
        if settings.security != self.settings.security {
            self.peer.forget();
        }
        self.settings = settings;
        self.progress = Progress::Ready;
        (self.not_before, self.silent, self.last_report) = (Duration::ZERO, false, None);
    }

    /// Queues a notification.
    pub fn push(&mut self, notice: Notice) {
        self.counters.add(Counts::Queued);
        if self.queue.push(notice) {
            self.counters.add(Counts::Dropped);
            let count = self.drops.add();
            self.report_dropped(count);
        }
        self.show_waiting();
    }

    /// Notifications in the queue.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether informs are not acknowledged, or no datagram can be sent.
    pub fn is_silent(&self) -> bool {
        self.silent || self.refusals > 0 || self.no_address
    }

    /// Whether [`datagram`](Self::datagram) would return one.
    pub fn can_send(&self, now: Duration) -> bool {
        !self.queue.is_empty()
            && now >= self.not_before
            && match self.progress {
                Progress::Ready => self.settings.inform || self.paced <= now + PACE * BURST,
                Progress::Again { .. } => true,
                Progress::Awaiting { .. } => false,
            }
    }

    /// The datagram to send now. It does not change the state: call [`sent`](Self::sent) or [`refused`](Self::refused).
    ///
    /// # Errors
    /// The notification cannot be encoded. [`drop_head`](Self::drop_head) has to follow.
    pub fn datagram(&mut self, now: Duration) -> Option<Result<Vec<u8>, Malformed>> {
        if !self.can_send(now) {
            return None;
        }
        let kind = if self.settings.inform { Kind::Inform } else { Kind::Trap };
        let notice = self.queue.head()?;
        Some(self.peer.encode(&self.settings.security, kind, self.request, notice, now))
    }

    /// The datagram was sent.
    pub fn sent(&mut self, now: Duration) {
        (self.refusals, self.last_error) = (0, None);
        if self.queue.mark_sent() {
            self.counters.add(Counts::Sent);
        }
        if !self.settings.inform {
            self.paced = self.paced.max(now) + PACE;
            self.next();
            return;
        }
        let attempts = match self.progress {
            Progress::Again { attempts } => attempts,
            _ => 0,
        };
        let attempts = attempts.saturating_add(1);
        self.progress = Progress::Awaiting { attempts, until: now.saturating_add(self.patience(attempts)) };
    }

    /// The system has refused to send the datagram. It is tried again after a pause.
    pub fn refused(&mut self, now: Duration, error: std::io::ErrorKind) {
        let pause = FIRST_REFUSED.saturating_mul(1 << self.refusals.min(16)).min(LONGEST_PAUSE);
        self.refusals = self.refusals.saturating_add(1);
        self.not_before = now.saturating_add(pause);
        if self.last_error.replace(error) != Some(error) {
            self.report(Event::CannotSend(error));
        }
    }

    /// Drops the notification at the head of the queue, which cannot be encoded.
    pub fn drop_head(&mut self) {
        self.counters.add(Counts::Dropped);
        self.report_trouble("the message cannot be encoded");
        self.next();
    }

    /// Whether the host name has an address.
    pub fn looked_up(&mut self, found: bool) {
        if !std::mem::replace(&mut self.no_address, !found) && !found {
            self.report(Event::NoAddress);
        }
    }

    /// Handles a datagram from the target.
    pub fn receive(&mut self, octets: &[u8], now: Duration) {
        // After its time, an answer still counts.
        let (Progress::Awaiting { attempts, .. } | Progress::Again { attempts }) = self.progress else { return };
        match self.peer.receive(&self.settings.security, self.request, octets, now) {
            Incoming::Answer(Answer::Response { request, error }) if request == self.request => {
                self.answered(error);
            }
            // Sent again at once, which does not count as an attempt.
            Incoming::Again => self.progress = Progress::Again { attempts: attempts.saturating_sub(1) },
            Incoming::Trouble(clause) => self.report_trouble(clause),
            Incoming::Answer(_) | Incoming::Nothing => {}
        }
    }

    fn answered(&mut self, error: i32) {
        if error == 0 {
            self.counters.add(Counts::Acknowledged);
        } else {
            self.counters.add(Counts::Dropped);
            self.report(Event::Refused(error));
        }
        self.last_report = None;
        self.next();
        if std::mem::take(&mut self.silent) {
            self.report(Event::Answers(self.queue.len()));
        }
    }

    /// To be called when [`deadline`](Self::deadline) has come.
    pub fn tick(&mut self, now: Duration) {
        let Progress::Awaiting { attempts, until } = self.progress else { return };
        if until > now {
            return;
        }
        self.progress = Progress::Again { attempts };
        if attempts > self.settings.retries && !std::mem::replace(&mut self.silent, true) {
            self.report(Event::Silent);
        }
    }

    /// When [`datagram`](Self::datagram) or [`tick`](Self::tick) has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        if self.queue.is_empty() {
            return None;
        }
        Some(match self.progress {
            Progress::Awaiting { until, .. } => until,
            Progress::Ready if !self.settings.inform => self.paced.saturating_sub(PACE * BURST).max(self.not_before),
            Progress::Ready | Progress::Again { .. } => self.not_before,
        })
    }

    /// The next event for the log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    // ---- details ----

    /// Time to wait for an acknowledgement after this number of attempts.
    fn patience(&self, attempts: u32) -> Duration {
        let Settings { retries, timeout, .. } = self.settings;
        let doublings = attempts.saturating_sub(retries.saturating_add(1)).min(16);
        timeout.saturating_mul(1 << doublings).min(LONGEST_PAUSE.max(timeout))
    }

    /// Continues with the next notification.
    fn next(&mut self) {
        self.queue.pop();
        self.progress = Progress::Ready;
        self.request = self.request.wrapping_add(1) & i32::MAX;
        self.show_waiting();
        if self.queue.has_room() {
            let count = self.drops.end();
            self.report_dropped(count);
        }
    }

    fn show_waiting(&self) {
        self.counters.set_waiting(self.queue.len());
    }

    fn report(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    fn report_trouble(&mut self, clause: &'static str) {
        if self.last_report.replace(clause) != Some(clause) {
            self.report(Event::Reported(clause));
        }
    }

    fn report_dropped(&mut self, count: Option<u64>) {
        if let Some(count) = count {
            self.report(Event::Dropped(count));
        }
    }
}

#[cfg(test)]
mod tests;
