//! Loss of the master, and reconnecting.

use std::time::Duration;

use super::{Event, Lost, Session, State};

/// A session that lasted this long was stable: after its loss the first attempt is made without delay.
const STEADY: Duration = Duration::from_secs(1);

/// Longest pause between attempts when no transport can be opened.
pub(super) const AWAY_PAUSE: Duration = Duration::from_millis(400);

/// Longest pause between attempts when the master refuses to open sessions.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);

/// Longest time for an attempt to open a transport.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The connection is closed when the peer has read nothing of a full output for this long: it may itself
/// wait for us to read, and the requests whose answers it has not read have long timed out.
pub(super) const STUCK_LIMIT: Duration = Duration::from_secs(10);

/// First pause between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

impl Session {
    /// Detects a master that does not answer or does not read.
    pub(super) fn watch_master(&mut self, now: Duration) {
        let stuck = self.stuck_since.is_some_and(|since| now.saturating_sub(since) >= STUCK_LIMIT);
        if stuck {
            self.lose(now, Lost::Stuck);
        } else if self.patience_ends().is_some_and(|end| end <= now) {
            let waited = now.saturating_sub(self.pending.first().map_or(now, |oldest| oldest.at));
            if waited >= self.config.silence_limit {
                self.lose(now, Lost::Silence);
            } else if !std::mem::replace(&mut self.unresponsive, true) {
                self.report(Event::Unresponsive(waited));
            }
        }
    }

    /// When the oldest unanswered PDU of ours times out: first to report the master as unresponsive, which
    /// any other PDU from it postpones, then to give up the session.
    pub(super) fn patience_ends(&self) -> Option<Duration> {
        let asked = self.pending.first()?.at;
        let give_up = asked.saturating_add(self.config.silence_limit);
        Some(match self.unresponsive {
            true => give_up,
            false => give_up.min(asked.max(self.last_received).saturating_add(self.config.reply_timeout)),
        })
    }

    /// Drops the state of the connection.
    pub(super) fn reset(&mut self) {
        self.pending.clear();
        self.inbox.clear();
        self.output.clear();
        self.written = 0;
        self.transactions.clear();
        self.queue.rewind();
        self.registry.rewind();
        self.unresponsive = false;
        self.up_reported = false;
        self.stuck_since = None;
    }

    pub(super) fn lose(&mut self, now: Duration, why: Lost) {
        if self.state == State::Closed {
            self.reset();
            return;
        }
        let was_open = matches!(self.state, State::Open(_));
        if was_open {
            self.stats.lost += 1;
            if now.saturating_sub(self.open_since) >= STEADY {
                (self.failures, self.last_lost) = (0, None);
            }
        }
        self.reset();
        if self.last_lost.replace(why) != Some(why) {
            self.report(Event::Lost(why));
        }
        let longest = if matches!(why, Lost::OpenRefused(_)) { REFUSED_PAUSE } else { AWAY_PAUSE };
        self.retry_after(now, longest);
    }

    /// Schedules the next attempt, after a pause that doubles with each failure: 0, 50 ms, ... `longest`.
    pub(super) fn retry_after(&mut self, now: Duration, longest: Duration) {
        let pause = match self.failures {
            0 => Duration::ZERO,
            n => FIRST_PAUSE.saturating_mul(1 << (n - 1).min(16)).min(longest),
        };
        self.failures = self.failures.saturating_add(1);
        self.state = State::Away(now + self.jitter(pause));
    }

    /// `pause` less up to a tenth, so that subagents of one master do not reconnect in step.
    fn jitter(&mut self, pause: Duration) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let tenth = u32::try_from(self.random % 100).unwrap_or(0);
        pause - pause / 1000 * tenth
    }
}
