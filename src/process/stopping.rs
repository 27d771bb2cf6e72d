//! How a child ends: what it has set in the kernel goes, then the last notifications, each within its time.

use std::time::Duration;

use super::agent::Agent;
use crate::notify::log::{Level, Log};

/// Time for notifications, mail and scripts, each.
pub(super) const FAREWELL_LIMIT: Duration = Duration::from_secs(1);

/// Where a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// It works.
    No,
    /// The kernel removes what was set, until this time.
    Release(Duration),
    /// Notifications go, until this time.
    Farewell {
        /// Until when.
        until: Duration,
        /// The kernel has removed all.
        released: bool,
    },
    /// The process may end.
    Done {
        /// The kernel has removed all.
        released: bool,
    },
}

impl Stopping {
    /// Begins to stop; false when it does so already.
    pub(super) fn begin(&mut self, until: Duration, log: &Log) -> bool {
        let begins = *self == Stopping::No;
        if begins {
            *self = Stopping::Release(until);
            log.write(Level::Notice, "Stopping");
        }
        begins
    }

    /// When it goes on whatever has not been done.
    pub(super) fn deadline(self) -> Option<Duration> {
        match self {
            Stopping::Release(until) | Stopping::Farewell { until, .. } => Some(until),
            Stopping::No | Stopping::Done { .. } => None,
        }
    }

    /// Whether the process may end.
    pub(super) fn is_done(self) -> bool {
        matches!(self, Stopping::Done { .. })
    }

    /// Whether the kernel has removed what was set.
    pub(super) fn has_released(self) -> bool {
        matches!(self, Stopping::Farewell { released: true, .. } | Stopping::Done { released: true })
    }

    /// Goes on when the kernel has `released` all, and then when the agent has closed, or their time is over. `what`
    /// is in the kernel, for the log.
    pub(super) fn turn<D>(
        &mut self,
        now: Duration,
        released: bool,
        what: &str,
        agent: &mut Option<Agent<D>>,
        log: &Log,
    ) {
        let late = self.deadline().is_some_and(|until| until <= now);
        if matches!(self, Stopping::Release(_)) && (released || late) {
            if !released {
                log.error(format_args!("The kernel has not removed all {what} in time"));
            }
            *self = Stopping::Farewell { until: now + FAREWELL_LIMIT, released };
            if let Some(agent) = agent {
                agent.close(now, now + FAREWELL_LIMIT / 2);
            }
        }
        // In the same turn: nothing else may happen that wakes the loop.
        let late = self.deadline().is_some_and(|until| until <= now);
        if let Stopping::Farewell { released, .. } = *self
            && (late || agent.as_ref().is_none_or(Agent::is_closed))
        {
            *self = Stopping::Done { released };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::log;

    /// Nothing might wake the loop for another turn.
    #[test]
    fn with_nothing_left_to_do_it_ends_in_one_turn() {
        let options = log::Options {
            ident: String::new(),
            syslog: false,
            facility: syslog::Facility::LOG_DAEMON,
            console: false,
            detail: false,
        };
        let log = log::start(options).unwrap().log();
        let (mut stopping, mut nobody) = (Stopping::No, None::<Agent<()>>);
        assert!(stopping.begin(Duration::from_secs(9), &log));
        stopping.turn(Duration::from_secs(5), false, "services", &mut nobody, &log);
        assert_eq!(stopping, Stopping::Release(Duration::from_secs(9)));
        stopping.turn(Duration::from_secs(6), true, "services", &mut nobody, &log);
        assert_eq!(stopping, Stopping::Done { released: true });
        assert!(stopping.has_released());
    }
}
