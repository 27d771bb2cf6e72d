//! Times of the event loop as times of the system clock.

use std::time::{Duration, SystemTime};

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Time of the event loop.
    pub now: Duration,
    /// The same moment by the system clock, since 1970.
    pub utc: Duration,
}

impl Clock {
    /// `now` by the event loop, and the system clock.
    pub fn new(now: Duration, system: SystemTime) -> Clock {
        Clock { now, utc: system.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() }
    }

    /// A time of the event loop, as time since 1970.
    pub fn utc(&self, at: Duration) -> Duration {
        self.utc.saturating_sub(self.now.saturating_sub(at))
    }

    /// A time of the event loop, in seconds since 1970 with milliseconds.
    pub fn seconds(&self, at: Duration) -> f64 {
        (self.utc(at).as_secs_f64() * 1000.0).round() / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_since_1970() {
        let system = SystemTime::UNIX_EPOCH + Duration::from_millis(1_796_033_705_895);
        let clock = Clock::new(Duration::from_secs(100), system);
        assert!((clock.seconds(Duration::from_millis(99_500)) - 1_796_033_705.395).abs() < 1e-6);
        assert!((clock.seconds(Duration::from_secs(100)) - 1_796_033_705.895).abs() < 1e-6);
        // The loop may be older than the system clock says.
        assert!(Clock { now: Duration::from_secs(9), utc: Duration::ZERO }.seconds(Duration::ZERO).abs() < 1e-6);
    }
}
