//! How a child ends: what it has set in the kernel goes, then the last notifications, each within its time.

use std::time::Duration;

use super::agent::Subagent;
use crate::notify::log::{Level, Log};
use crate::notify::view::Reporter;

/// Time for notifications and mail, each; also for scripts without a configuration.
pub(super) const FAREWELL_LIMIT: Duration = Duration::from_secs(1);
/// Time for the kernel when a process cleans up for another: nobody does it afterwards.
pub(in crate::process) const CLEAN_UP_LIMIT: Duration = Duration::from_secs(20);
/// The process ends so long before the parent would kill it.
const MARGIN: Duration = Duration::from_millis(300);

/// How much is left for scripts of the time that the parent gives a child to end (`child_wait_time`), when the stop
/// began at `since`. They have it all: they run while the kernel removes addresses.
pub(super) fn time_for_scripts(since: Duration, now: Duration, wait: Duration) -> Duration {
    (since + wait).saturating_sub(MARGIN).saturating_sub(now)
}

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
    pub(super) fn turn<M: Reporter>(
        &mut self,
        now: Duration,
        released: bool,
        what: &str,
        agent: &mut Option<Box<dyn Subagent<M>>>,
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
            && (late || agent.as_ref().is_none_or(|agent| agent.is_closed()))
        {
            *self = Stopping::Done { released };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::log;

    #[test]
    fn scripts_have_what_is_left_of_the_child_s_time() {
        let seconds = Duration::from_secs;
        let left = |now| time_for_scripts(seconds(100), seconds(now), seconds(8));
        assert_eq!(left(102), Duration::from_millis(5700));
        assert_eq!(left(107), Duration::from_millis(700));
        assert_eq!(left(109), Duration::ZERO);
    }

    /// Nothing might wake the loop for another turn.
    #[test]
    fn with_nothing_left_to_do_it_ends_in_one_turn() {
        let (log, _lines) = log::keep();
        let mut stopping = Stopping::No;
        let mut nobody = None::<Box<dyn Subagent<crate::vrrp::Vrrp>>>;
        assert!(stopping.begin(Duration::from_secs(9), &log));
        stopping.turn(Duration::from_secs(5), false, "services", &mut nobody, &log);
        assert_eq!(stopping, Stopping::Release(Duration::from_secs(9)));
        stopping.turn(Duration::from_secs(6), true, "services", &mut nobody, &log);
        assert_eq!(stopping, Stopping::Done { released: true });
        assert!(stopping.has_released());
    }
}
