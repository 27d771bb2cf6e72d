//! Stop of a child: first the kernel removes its entries, then the last notifications are sent, each within a time
//! limit.

use std::time::Duration;

use super::agent::Subagent;
use crate::notify::log::{Level, Log};
use crate::notify::view::Reporter;

/// Time limit for notifications and for mail; also for scripts if no configuration sets it.
pub(super) const NOTIFY_LIMIT: Duration = Duration::from_secs(1);
/// Time limit for the kernel in a cleanup process; it is long because no other process cleans up afterwards.
pub(in crate::process) const CLEAN_UP_LIMIT: Duration = Duration::from_secs(20);
/// The process exits this long before the parent would kill it.
const MARGIN: Duration = Duration::from_millis(300);

/// The part of `child_wait_time`, after which the parent kills a child, that is left for scripts at `now`, when the
/// stop began at `since`. Scripts may use all of it: they run while the kernel removes addresses.
pub(super) fn time_for_scripts(since: Duration, now: Duration, wait: Duration) -> Duration {
    (since + wait).saturating_sub(MARGIN).saturating_sub(now)
}

/// Progress of the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// The child is not stopping.
    No,
    /// The kernel removes the child's entries, until this time.
    Release(Duration),
    /// The last notifications are sent.
    Notify {
        /// Time limit.
        until: Duration,
        /// The kernel has removed all entries.
        released: bool,
    },
    /// The process may exit.
    Done {
        /// The kernel has removed all entries.
        released: bool,
    },
}

impl Stopping {
    /// Begins the stop; false if it has begun already.
    pub(super) fn begin(&mut self, until: Duration, log: &Log) -> bool {
        let begins = *self == Stopping::No;
        if begins {
            *self = Stopping::Release(until);
            log.write(Level::Notice, "Stopping");
        }
        begins
    }

    /// When the next step is taken even if this one is not complete.
    pub(super) fn deadline(self) -> Option<Duration> {
        match self {
            Stopping::Release(until) | Stopping::Notify { until, .. } => Some(until),
            Stopping::No | Stopping::Done { .. } => None,
        }
    }

    /// Whether the process may exit.
    pub(super) fn is_done(self) -> bool {
        matches!(self, Stopping::Done { .. })
    }

    /// Whether the kernel has removed all entries.
    pub(super) fn has_released(self) -> bool {
        matches!(self, Stopping::Notify { released: true, .. } | Stopping::Done { released: true })
    }

    /// Takes the next step when the kernel has `released` all entries, and then when the subagent has closed its
    /// session, or when the time limit is over. `what` names the entries in the log.
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
            *self = Stopping::Notify { until: now + NOTIFY_LIMIT, released };
            if let Some(agent) = agent {
                agent.close(now, now + NOTIFY_LIMIT / 2);
            }
        }
        // In the same turn, since no other event may wake the loop.
        let late = self.deadline().is_some_and(|until| until <= now);
        if let Stopping::Notify { released, .. } = *self
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
    fn scripts_may_use_the_rest_of_child_wait_time() {
        let seconds = Duration::from_secs;
        let left = |now| time_for_scripts(seconds(100), seconds(now), seconds(8));
        assert_eq!(left(102), Duration::from_millis(5700));
        assert_eq!(left(107), Duration::from_millis(700));
        assert_eq!(left(109), Duration::ZERO);
    }

    /// No event may wake the loop for another turn.
    #[test]
    fn without_an_agent_the_stop_is_done_in_one_turn() {
        let (log, _lines) = log::keep();
        let mut stopping = Stopping::No;
        let mut no_agent = None::<Box<dyn Subagent<crate::vrrp::Vrrp>>>;
        assert!(stopping.begin(Duration::from_secs(9), &log));
        stopping.turn(Duration::from_secs(5), false, "services", &mut no_agent, &log);
        assert_eq!(stopping, Stopping::Release(Duration::from_secs(9)));
        stopping.turn(Duration::from_secs(6), true, "services", &mut no_agent, &log);
        assert_eq!(stopping, Stopping::Done { released: true });
        assert!(stopping.has_released());
    }
}
