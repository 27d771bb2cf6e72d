//! The system clock, as the process reads it at the start of each turn. Only `auth_hmac` needs it.

use std::time::Duration;

/// Smallest difference between two readings and the time that has passed between them that counts as a step, in nanoseconds.
/// Smaller corrections are followed.
pub(super) const STEP: i64 = 1_000_000_000;

/// The last reading of the system clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// The time of the machine, and the time since 1970.
    last: Option<(Duration, Duration)>,
}

impl Clock {
    /// Takes a reading. Returns by how many nanoseconds the clock was set forward (negative = back) since the last, if by at
    /// least [`STEP`].
    pub(super) fn read(&mut self, utc: Duration, now: Duration) -> Option<i64> {
        let expected = self.last.map(|_| self.utc(now));
        self.last = Some((now, utc));
        let by = nanoseconds(utc).saturating_sub(nanoseconds(expected?));
        (by.saturating_abs() >= STEP).then_some(by)
    }

    /// The time since 1970 at a time of the machine; 0 before the first reading.
    pub(super) fn utc(&self, now: Duration) -> Duration {
        self.last.map_or(Duration::ZERO, |(at, utc)| utc.saturating_add(now.saturating_sub(at)))
    }
}

/// Nanoseconds, for differences; saturates after 292 years.
fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// The time that differs from `time` by some nanoseconds; not before 1970.
pub(super) fn shifted(time: Duration, by: i64) -> Duration {
    let distance = Duration::from_nanos(by.unsigned_abs());
    if by < 0 { time.saturating_sub(distance) } else { time.saturating_add(distance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_a_second_is_a_step() {
        let seconds = Duration::from_secs;
        let mut clock = Clock::default();
        assert_eq!(clock.utc(seconds(9)), Duration::ZERO);
        assert_eq!(clock.read(seconds(1000), seconds(10)), None, "the first reading");
        assert_eq!(clock.utc(seconds(12)), seconds(1002));
        for (now, utc, step) in [
            (110, 1100, None),
            (111, 4701, Some(3600)),
            (112, 4702, None),
            (113, 1103, Some(-3600)),
            (114, 1105, Some(1)),
        ] {
            assert_eq!(clock.read(seconds(utc), seconds(now)), step.map(|step: i64| step * STEP), "at {now}");
        }
        assert_eq!(clock.read(Duration::from_millis(1_106_999), seconds(115)), None, "a correction by 0.999 s");
    }
}
