//! The values of views that only the session knows.

use std::borrow::Cow;

use super::Stats;
use super::clocks::Clocks;
use crate::value::{SessionNumber, Value};

/// What a session knows while it answers a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) clocks: Clocks,
    pub(super) stats: Stats,
    /// Notifications in the queue.
    pub(super) waiting: usize,
}

impl Known {
    /// The value to send for a value of a view.
    pub(super) fn on_wire<'v>(&self, value: &'v Value) -> Cow<'v, Value> {
        let Value::OfSession(number) = value else { return self.clocks.on_wire(value) };
        // The lower 32 bits, as a counter has.
        let counter = |number: u64| Value::Counter32(u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX));
        Cow::Owned(match number {
            SessionNumber::Lost => counter(self.stats.lost),
            SessionNumber::Queued => counter(self.stats.notifications),
            SessionNumber::Acknowledged => counter(self.stats.notifications_acknowledged),
            SessionNumber::Refused => counter(self.stats.notifications_refused),
            SessionNumber::Dropped => counter(self.stats.notifications_dropped),
            SessionNumber::Waiting => Value::Gauge32(u32::try_from(self.waiting).unwrap_or(u32::MAX)),
        })
    }
}
