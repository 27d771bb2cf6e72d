//! One session: its transitions, packets and timers.

use std::collections::HashMap;
use std::time::Duration;

use super::event::{Action, Cause, Change, Output, TimerKey};
use super::rows::{Intervals, Remote, Session, SessionId};
use crate::state::Random;
use crate::wire::bfd::{Diagnostic, State};

/// Context for handling an event, besides the session's row.
pub(super) struct Turn<'t> {
    pub(super) id: SessionId,
    pub(super) now: Duration,
    pub(super) output: &'t mut Output,
    pub(super) random: &'t mut Random,
    pub(super) discriminators: &'t mut HashMap<u32, SessionId>,
}

/// The state that follows from the state of the other end (RFC 5880 sections 6.2 and 6.8.6).
pub(super) fn next_state(local: State, remote: State) -> State {
    match (local, remote) {
        (State::AdminDown, _) => State::AdminDown,
        (_, State::AdminDown) | (State::Down, State::Up) | (State::Up, State::Down) => State::Down,
        (State::Down | State::Init, State::Down) => State::Init,
        (State::Down, State::Init) | (State::Init | State::Up, State::Init | State::Up) => State::Up,
    }
}

impl Turn<'_> {
    /// Assigns an unused discriminator to a session.
    pub(super) fn assign_discriminator(&mut self, row: &mut Session) {
        self.discriminators.remove(&row.discriminator);
        // The search always ends: after as many attempts as there are sessions, one number is unused.
        let drawn = u32::try_from(self.random.number() >> 32).unwrap_or_default();
        let free = |number: &u32| *number != 0 && !self.discriminators.contains_key(number);
        row.discriminator = (0..=u32::MAX).map(|n| drawn.wrapping_add(n)).find(free).unwrap_or_default();
        self.discriminators.insert(row.discriminator, self.id);
    }

    /// Enters a state and reports the change.
    pub(super) fn enter(&mut self, row: &mut Session, to: State, diagnostic: Diagnostic, cause: Cause) {
        let (from, before) = (row.state, row.advertised());
        let remote_diagnostic = row.remote.map_or(Diagnostic::NONE, |remote| remote.diagnostic);
        row.state = to;
        row.since = self.now;
        row.diagnostic = diagnostic;
        row.poll = to == State::Up && row.advertised() != before;
        if to == State::Down {
            self.assign_discriminator(row);
        }
        row.retune();
        self.detection_changed(row);
        let id = self.id;
        self.change(Change::State { id, from, to, cause, diagnostic, remote_diagnostic });
        if row.poll {
            self.change(Change::Poll(id));
        }
    }

    /// Takes the session down because the detection time expired, `elapsed` after the last packet.
    pub(super) fn expire(&mut self, row: &mut Session, elapsed: Duration) {
        let overdue = elapsed.saturating_sub(row.detection_time);
        if matches!(row.state, State::Init | State::Up) {
            let cause = Cause::Silence { elapsed, overdue };
            self.enter(row, State::Down, Diagnostic::EXPIRED, cause);
            // RFC 5880 section 6.8.1: forget the remote discriminator, since another system may answer next.
            row.remote = None;
            self.expedite(row);
        } else {
            row.remote = None;
        }
        self.arm(row);
    }

    /// Updates the detection time and reports a change.
    pub(super) fn detection_changed(&mut self, row: &mut Session) {
        let now = row.detection();
        if now != row.detection_time && row.remote.is_some() {
            let was = std::mem::replace(&mut row.detection_time, now);
            self.change(Change::Timing { id: self.id, was });
        }
    }

    /// Sends a packet at once.
    pub(super) fn transmit(&mut self, row: &mut Session, is_final: bool) {
        row.last_sent = Some(self.now);
        row.counters.sent = row.counters.sent.saturating_add(1);
        self.output.actions.push(Action::Send {
            id: self.id,
            destination: row.config.neighbor,
            port: row.port(),
            source: row.config.source,
            ttl: row.config.ttl,
            octets: row.control(is_final).to_octets(),
        });
    }

    /// Sends a packet ahead of the interval because its contents have changed (RFC 5880 section 6.8.7). Two such packets
    /// are at least `min_tx` apart, regardless of the other end.
    pub(super) fn expedite(&mut self, row: &mut Session) {
        let Some(interval) = row.periodic() else { return };
        let pause = row.config.min_tx.min(interval);
        let at = match row.expedited {
            // Already scheduled.
            Some(at) if at > self.now => at,
            Some(at) => at.saturating_add(pause).max(self.now),
            None => self.now,
        };
        row.expedited = Some(at);
        if at > self.now {
            // Never later than the regular packet.
            let at = at.min(self.next_periodic(row, interval));
            self.set_send_timer(row, Some((at, interval)));
        } else {
            self.send_periodic(row, interval);
        }
    }

    /// Handles the send timer.
    pub(super) fn send_timer(&mut self, row: &mut Session) {
        row.next_send = None;
        if let Some(interval) = row.periodic() {
            self.send_periodic(row, interval);
        }
    }

    fn send_periodic(&mut self, row: &mut Session, interval: Duration) {
        self.transmit(row, false);
        let at = self.next_periodic(row, interval);
        self.set_send_timer(row, Some((at, interval)));
    }

    /// Time at which the next periodic packet is due.
    fn next_periodic(&mut self, row: &Session, interval: Duration) -> Duration {
        let jittered = self.jittered(row, interval);
        row.last_sent.map_or(self.now, |sent| sent.saturating_add(jittered)).max(self.now)
    }

    /// The interval, reduced at random by up to 25 %. With multiplier 1 the reduction is at least 10 %, so that a regular
    /// packet does not arrive after the detection time (RFC 5880 section 6.8.7).
    fn jittered(&mut self, row: &Session, interval: Duration) -> Duration {
        let most = if row.config.multiplier == 1 { interval / 10 * 9 } else { interval };
        let least = interval / 4 * 3;
        least + self.random.share(most.saturating_sub(least))
    }

    /// Sets the timers according to the row.
    pub(super) fn arm(&mut self, row: &mut Session) {
        self.arm_detection(row);
        match (row.periodic(), row.next_send) {
            (None, None) => {}
            (None, Some(_)) => self.set_send_timer(row, None),
            (Some(interval), Some((_, before))) if interval == before => {}
            (Some(interval), _) => {
                let at = self.next_periodic(row, interval);
                self.set_send_timer(row, Some((at, interval)));
            }
        }
    }

    fn set_send_timer(&mut self, row: &mut Session, at: Option<(Duration, Duration)>) {
        row.next_send = at;
        self.output.actions.push(Action::Timer(TimerKey::Send(self.id), at.map(|(at, _)| at)));
    }

    fn arm_detection(&mut self, row: &mut Session) {
        let deadline = row.detection_deadline();
        let set = match (deadline, row.detection_timer) {
            (Some(deadline), Some(timer)) => deadline < timer,
            (deadline, timer) => deadline.is_some() || timer.is_some(),
        };
        // Received packets do not move the timer: when it expires early, it is set again for the remaining time.
        if set {
            row.detection_timer = deadline;
            self.output.actions.push(Action::Timer(TimerKey::Detection(self.id), deadline));
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        self.output.changes.push(change);
    }
}

impl Session {
    /// Time at which the detection time expires; `None` while the other end is silent.
    pub(super) fn detection_deadline(&self) -> Option<Duration> {
        self.remote.and(self.last_heard).map(|heard| heard.saturating_add(self.detection_time))
    }

    /// Puts the advertised intervals in force, except for those that must wait for the answer to a poll: while the session
    /// is up, a longer `min_tx` and a shorter `min_rx` (RFC 5880 section 6.8.3).
    pub(super) fn retune(&mut self) {
        let Intervals { min_tx, min_rx } = self.advertised();
        let waits = self.is_up() && self.poll;
        self.in_force = Intervals {
            min_tx: if waits { min_tx.min(self.in_force.min_tx) } else { min_tx },
            min_rx: if waits { min_rx.max(self.in_force.min_rx) } else { min_rx },
        };
    }

    /// Stores the data of an accepted packet.
    pub(super) fn heard(&mut self, remote: Remote, now: Duration) {
        self.remote = Some(remote);
        self.last_heard = Some(now);
        self.counters.received = self.counters.received.saturating_add(1);
    }
}
