//! `max_auto_priority`: a process that finds its timers late raises itself to real-time scheduling, step by step.

use std::time::Duration;

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::config::model::ProcessSettings;
use crate::notify::log::Log;

/// The priority of the event loop, and how far it may rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AutoPriority {
    /// The present priority of `SCHED_RR`; 0 = the usual scheduling.
    now: u8,
    /// `max_auto_priority`; 0 = off.
    most: u8,
    /// `min_auto_priority_delay`.
    delay: Duration,
}

impl AutoPriority {
    pub(super) fn new(settings: &ProcessSettings) -> AutoPriority {
        let (most, delay) = settings.auto_priority.unwrap_or_default();
        AutoPriority { now: settings.rt_priority.unwrap_or(0), most, delay }
    }

    /// The next priority, if a timer that fires this late is reason to raise it.
    fn next(&self, late: Duration) -> Option<u8> {
        (late > self.delay && self.now < self.most).then(|| self.now.saturating_add(1))
    }

    /// A timer of the event loop, which is the calling thread, fires `late`.
    pub(super) fn note(&mut self, late: Duration, log: &Log) {
        let Some(priority) = self.next(late) else { return };
        match set(priority) {
            Ok(()) => {
                self.now = priority;
                log.info(format_args!(
                    "A timer was {:.2} s late: raised to real-time priority {priority} of at most {} (max_auto_priority)",
                    late.as_secs_f64(),
                    self.most
                ));
            }
            Err(error) => {
                // It would fail again.
                self.most = 0;
                log.error(format_args!(
                    "Cannot set the real-time priority {priority}: {error}; max_auto_priority is off"
                ));
            }
        }
    }
}

/// Sets the priority of `SCHED_RR` of the calling thread.
///
/// # Errors
/// A clause that says why the system does not allow it.
pub(super) fn set(priority: u8) -> Result<(), String> {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let value = ThreadPriorityValue::try_from(priority).map_err(|why| why.to_owned())?;
    let priority = ThreadPriority::Crossplatform(value);
    set_thread_priority_and_policy(thread_native_id(), priority, policy).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_priority_rises_by_one_up_to_the_limit() {
        let second = Duration::from_secs(1);
        let mut auto = AutoPriority { now: 0, most: 2, delay: second };
        assert_eq!(auto.next(second), None, "not later than the delay");
        assert_eq!(auto.next(second * 2), Some(1));
        auto.now = 1;
        assert_eq!(auto.next(second * 2), Some(2));
        auto.now = 2;
        assert_eq!(auto.next(second * 9), None, "at the limit");
        assert_eq!(AutoPriority::default().next(second * 9), None, "off");
    }
}
