//! A tracker that flaps is told of a few times a minute, with a count of the rest.

use std::time::Duration;

/// In this time a tracker is told of [`MOST`] times at most.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Changes of a window that are told one by one.
const MOST: u32 = 5;

/// How a change of a tracker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By itself.
    Plainly,
    /// By itself; with it the tracker begins to flap, and further changes of the minute will only be counted.
    Flapping,
    /// Not now: it is counted.
    Counted,
    /// So many changes were counted in the last minute.
    Summary(u64),
}

/// Changes of a tracker in the present window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flap {
    began: Option<Duration>,
    changes: u32,
    counted: u64,
}

impl Flap {
    /// A change of the tracker.
    pub fn change(&mut self, now: Duration) -> Told {
        if self.counted == 0 && self.began.is_none_or(|began| now >= began.saturating_add(WINDOW)) {
            *self = Flap { began: Some(now), changes: 0, counted: 0 };
        }
        self.changes = self.changes.saturating_add(1);
        match self.changes {
            ..MOST => Told::Plainly,
            MOST => Told::Flapping,
            _ => {
                self.counted = self.counted.saturating_add(1);
                Told::Counted
            }
        }
    }

    /// Further changes are only counted now.
    pub fn is_flapping(&self, now: Duration) -> bool {
        self.changes >= MOST && self.began.is_some_and(|began| now < began.saturating_add(WINDOW))
    }

    /// When counted changes are to be told of.
    pub fn deadline(&self) -> Option<Duration> {
        self.began.filter(|_| self.counted > 0).map(|began| began.saturating_add(WINDOW))
    }

    /// The time of [`deadline`](Flap::deadline) has come: tells of counted changes. A tracker that goes on flapping is only
    /// counted in the next window too.
    pub fn expire(&mut self, now: Duration) -> Option<Told> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        let counted = std::mem::take(&mut self.counted);
        (self.began, self.changes) = (Some(now), MOST);
        Some(Told::Summary(counted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_tracker_that_flaps_is_told_of_once_a_minute() {
        let mut flap = Flap::default();
        let told: Vec<Told> = (0..60).map(|second| flap.change(at(second))).collect();
        assert_eq!(told[..5], [Told::Plainly, Told::Plainly, Told::Plainly, Told::Plainly, Told::Flapping]);
        assert!(told[5..].iter().all(|told| *told == Told::Counted));
        assert_eq!(flap.expire(at(59)), None);
        assert_eq!(flap.deadline(), Some(at(60)));
        assert_eq!(flap.expire(at(60)), Some(Told::Summary(55)));
        // It goes on.
        assert_eq!((60..120).map(|second| flap.change(at(second))).filter(|told| *told != Told::Counted).count(), 0);
        assert_eq!(flap.expire(at(120)), Some(Told::Summary(60)));
        // Quiet, and later a change as at first.
        assert_eq!(flap.deadline(), None);
        assert_eq!(flap.change(at(180)), Told::Plainly);
    }
}
