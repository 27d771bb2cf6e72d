//! Rate limit for reports of a flapping tracker: a few changes a minute are reported, the others are counted.

use std::time::Duration;

/// Length of a window, in which at most [`MAX_REPORTS`] changes of a tracker are reported one by one.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Number of changes in a window that are reported one by one.
const MAX_REPORTS: u32 = 5;

/// How a change of a tracker is reported to the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlapReport {
    /// On its own.
    Single,
    /// On its own, as the last of the window: the tracker flaps, and its further changes are only counted.
    Flapping,
    /// Not reported, only counted.
    Counted,
    /// As a summary: this many changes were counted in the last window.
    Summary(u64),
}

/// Changes of a tracker in the current window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flap {
    started: Option<Duration>,
    changes: u32,
    counted: u64,
}

impl Flap {
    /// Counts a change of the tracker and returns how to report it.
    pub fn change(&mut self, now: Duration) -> FlapReport {
        if self.counted == 0 && self.started.is_none_or(|started| now >= started.saturating_add(WINDOW)) {
            *self = Flap { started: Some(now), changes: 0, counted: 0 };
        }
        self.changes = self.changes.saturating_add(1);
        match self.changes {
            ..MAX_REPORTS => FlapReport::Single,
            MAX_REPORTS => FlapReport::Flapping,
            _ => {
                self.counted = self.counted.saturating_add(1);
                FlapReport::Counted
            }
        }
    }

    /// Whether further changes are only counted at present.
    pub fn is_flapping(&self, now: Duration) -> bool {
        self.changes >= MAX_REPORTS && self.started.is_some_and(|started| now < started.saturating_add(WINDOW))
    }

    /// Time at which the summary of the counted changes is due; `None` when no change was counted.
    pub fn deadline(&self) -> Option<Duration> {
        self.started.filter(|_| self.counted > 0).map(|started| started.saturating_add(WINDOW))
    }

    /// Returns the summary of the counted changes once their [`deadline`](Flap::deadline) has passed. The next window
    /// starts as flapping, so that a tracker that keeps flapping is reported by summaries only.
    pub fn expire(&mut self, now: Duration) -> Option<FlapReport> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        let counted = std::mem::take(&mut self.counted);
        (self.started, self.changes) = (Some(now), MAX_REPORTS);
        Some(FlapReport::Summary(counted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_flapping_tracker_is_reported_once_a_minute() {
        let mut flap = Flap::default();
        let report: Vec<FlapReport> = (0..60).map(|second| flap.change(at(second))).collect();
        assert_eq!(
            report[..5],
            [FlapReport::Single, FlapReport::Single, FlapReport::Single, FlapReport::Single, FlapReport::Flapping]
        );
        assert!(report[5..].iter().all(|report| *report == FlapReport::Counted));
        assert_eq!(flap.expire(at(59)), None);
        assert_eq!(flap.deadline(), Some(at(60)));
        assert_eq!(flap.expire(at(60)), Some(FlapReport::Summary(55)));
        // The tracker keeps flapping.
        assert_eq!(
            (60..120).map(|second| flap.change(at(second))).filter(|report| *report != FlapReport::Counted).count(),
            0
        );
        assert_eq!(flap.expire(at(120)), Some(FlapReport::Summary(60)));
        // After a quiet window, a change is reported on its own again.
        assert_eq!(flap.deadline(), None);
        assert_eq!(flap.change(at(180)), FlapReport::Single);
    }
}
