//! The times of views and notifications in the clocks of the master and of the calendar.
//!
//! Views have times of the owner's clock. The estimates of the other clocks change only when those clocks were set or started
//! again: a time in an answer must not differ from that in an earlier one.

use std::borrow::Cow;
use std::time::Duration;

use crate::date::date_and_time;
use crate::value::Value;

/// Difference of a master's sysUpTime to the estimate that is ignored, in hundredths of a second.
const SMALL_DIFFERENCE: u32 = 100;

/// Difference of the system clock to the estimate that is ignored.
const SMALL_STEP: Duration = Duration::from_millis(500);

/// What is known of the other clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clocks {
    /// The master's clock.
    pub(super) up_time: Option<UpTime>,
    /// The time since 1970 at the zero of the owner's clock.
    epoch: Option<Duration>,
}

/// The master's sysUpTime at a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UpTime {
    /// In hundredths of a second.
    pub ticks: u32,
    /// That point in time.
    pub at: Duration,
}

impl UpTime {
    /// sysUpTime at `when`; 0 if the master had not started then.
    fn at(self, when: Duration) -> u32 {
        let ticks = |time: Duration| u32::try_from(time.as_millis() / 10 % (1 << 32)).unwrap_or(0);
        match when.checked_sub(self.at) {
            Some(later) => self.ticks.wrapping_add(ticks(later)),
            None => {
                let earlier = (self.at - when).as_millis() / 10;
                u32::try_from(earlier).ok().and_then(|e| self.ticks.checked_sub(e)).unwrap_or(0)
            }
        }
    }
}

impl Clocks {
    /// Updates the estimate from an answer with sysUpTime. A small difference is that of the way.
    pub(crate) fn answered(&mut self, ticks: u32, at: Duration) {
        let close = |known: &UpTime| {
            let difference = ticks.wrapping_sub(known.at(at));
            difference.min(difference.wrapping_neg()) <= SMALL_DIFFERENCE
        };
        if !self.up_time.as_ref().is_some_and(close) {
            self.up_time = Some(UpTime { ticks, at });
        }
    }

    /// Updates the estimate from a reading of the system clock at `now`.
    pub(crate) fn read(&mut self, now: Duration, utc: Duration) {
        let epoch = utc.saturating_sub(now);
        if self.epoch.is_none_or(|known| known.abs_diff(epoch) > SMALL_STEP) {
            self.epoch = Some(epoch);
        }
    }

    /// The value to send for a value of a view.
    pub(crate) fn on_wire<'v>(&self, value: &'v Value) -> Cow<'v, Value> {
        match value {
            Value::TimeStamp(when) => Cow::Owned(Value::TimeTicks(self.up_time.map_or(0, |known| known.at(*when)))),
            Value::DateAndTime(when) => {
                let octets = self.epoch.map_or_else(|| vec![0; 8], |epoch| date_and_time(epoch + *when).to_vec());
                Cow::Owned(Value::OctetString(octets))
            }
            value => Cow::Borrowed(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_of_sys_up_time_changes_only_with_the_master() {
        let mut clocks = Clocks::default();
        let mut heard = |ticks, seconds| {
            clocks.answered(ticks, Duration::from_secs(seconds));
            clocks.on_wire(&Value::TimeStamp(Duration::from_secs(10))).into_owned()
        };
        assert_eq!(heard(500, 12), Value::TimeTicks(300));
        assert_eq!(heard(1307, 20), Value::TimeTicks(300), "an answer that was late");
        assert_eq!(heard(1295, 20), Value::TimeTicks(300));
        assert_eq!(heard(100, 30), Value::TimeTicks(0), "another master, which was not there then");
        let mut near_its_end = Clocks::default();
        near_its_end.answered(u32::MAX, Duration::ZERO);
        near_its_end.answered(9, Duration::ZERO);
        assert_eq!(near_its_end.up_time.map(|known| known.ticks), Some(u32::MAX), "sysUpTime wraps");
    }

    #[test]
    fn a_notification_carries_the_sys_up_time_of_its_event() {
        let now = UpTime { ticks: 500, at: Duration::from_secs(100) };
        assert_eq!(now.at(Duration::from_secs(100)), 500);
        assert_eq!(now.at(Duration::from_millis(98_500)), 350);
        assert_eq!(now.at(Duration::from_millis(100_020)), 502);
        assert_eq!(now.at(Duration::from_secs(1)), 0, "before the master started");
        let wrapping = UpTime { ticks: u32::MAX, at: Duration::ZERO };
        assert_eq!(wrapping.at(Duration::from_millis(20)), 1);
    }

    #[test]
    fn the_calendar_changes_only_when_the_system_clock_is_set() {
        let mut clocks = Clocks::default();
        let at = Duration::from_secs(10);
        let shown = |clocks: &Clocks| clocks.on_wire(&Value::DateAndTime(at)).into_owned();
        assert_eq!(shown(&clocks), Value::OctetString(vec![0; 8]), "unknown");
        let utc = Duration::from_secs(1_798_761_600);
        clocks.read(Duration::from_secs(20), utc);
        let expected = Value::OctetString(vec![7, 234, 12, 31, 23, 59, 50, 0, b'+', 0, 0]);
        assert_eq!(shown(&clocks), expected);
        clocks.read(Duration::from_secs(21), utc + Duration::from_millis(1400));
        assert_eq!(shown(&clocks), expected, "read late");
        clocks.read(Duration::from_secs(30), utc + Duration::from_secs(70));
        assert_eq!(shown(&clocks), Value::OctetString(vec![7, 235, 1, 1, 0, 0, 50, 0, b'+', 0, 0]));
    }
}
