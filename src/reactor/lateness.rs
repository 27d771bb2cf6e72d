//! How late the timers of an event loop are.

use std::time::Duration;

use crate::system::Lateness;

/// The window, in slots.
const SLOTS: usize = 12;
const SLOT: Duration = Duration::from_secs(5);
/// Classes of lateness: 4 for each power of two, from 1 us to more than an hour.
const CLASSES: usize = 128;

/// Collects the lateness of timers in the last minute. Its memory and the cost of a record are constant.
#[derive(Debug)]
pub struct Meter {
    slots: [Slot; SLOTS],
}

/// A part of the window.
#[derive(Clone, Debug)]
struct Slot {
    /// Number of the slot since the epoch of the clock.
    number: u64,
    max: Duration,
    /// Number of timers in each class.
    counts: [u32; CLASSES],
}

const EMPTY: Slot = Slot { number: u64::MAX, max: Duration::ZERO, counts: [0; CLASSES] };

impl Default for Meter {
    fn default() -> Meter {
        Meter { slots: [EMPTY; SLOTS] }
    }
}

impl Meter {
    /// Records a timer that fires `late`.
    pub fn record(&mut self, late: Duration, now: Duration) {
        let number = slot(now);
        let Some(slot) = self.slots.get_mut(usize::try_from(number % SLOTS as u64).unwrap_or(0)) else { return };
        if slot.number != number {
            *slot = Slot { number, ..EMPTY };
        }
        slot.max = slot.max.max(late);
        if let Some(count) = slot.counts.get_mut(class(late)) {
            *count = count.saturating_add(1);
        }
    }

    /// The lateness in the last minute. The 99th percentile is up to a quarter too high.
    pub fn last_minute(&self, now: Duration) -> Lateness {
        let last = slot(now);
        let in_window = |slot: &&Slot| slot.number <= last && last.saturating_sub(slot.number) < SLOTS as u64;
        let mut counts = [0_u64; CLASSES];
        let mut max = Duration::ZERO;
        for slot in self.slots.iter().filter(in_window) {
            max = max.max(slot.max);
            counts.iter_mut().zip(slot.counts).for_each(|(sum, count)| *sum = sum.saturating_add(count.into()));
        }
        let total: u64 = counts.iter().sum();
        // As many as may be later.
        let mut above = total / 100;
        let mut p99 = Duration::ZERO;
        for (class, count) in counts.iter().enumerate().rev() {
            if *count > above {
                p99 = end(class).min(max);
                break;
            }
            above = above.saturating_sub(*count);
        }
        Lateness { max, p99 }
    }
}

fn slot(now: Duration) -> u64 {
    now.as_secs().checked_div(SLOT.as_secs()).unwrap_or(0)
}

/// The class of a lateness: the position of its highest bit, and the two bits after it.
fn class(late: Duration) -> usize {
    let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX).max(1);
    let octave = micros.ilog2();
    let quarter = if octave >= 2 { (micros >> (octave - 2)) & 3 } else { 0 };
    let class = u64::from(octave) * 4 + quarter;
    usize::try_from(class).map_or(CLASSES - 1, |class| class.min(CLASSES - 1))
}

/// The end of a class.
fn end(class: usize) -> Duration {
    let (octave, quarter) = (class / 4, (class % 4) as u64);
    if octave < 2 {
        return Duration::from_micros(1 << (octave + 1));
    }
    Duration::from_micros((5 + quarter) << (octave - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_last_minute_counts() {
        let mut meter = Meter::default();
        assert_eq!(meter.last_minute(at(1000)), Lateness::default());
        for n in 0..1000 {
            meter.record(Duration::from_micros(50 + n % 10), at(1000));
        }
        meter.record(Duration::from_millis(300), at(1001));
        let found = meter.last_minute(at(1030));
        assert_eq!(found.max, Duration::from_millis(300));
        // The one late timer of a thousand is above the percentile.
        assert!(found.p99 >= Duration::from_micros(59) && found.p99 < Duration::from_micros(75), "{found:?}");
        for _ in 0..100 {
            meter.record(Duration::from_millis(2), at(1040));
        }
        let found = meter.last_minute(at(1041));
        assert!(found.p99 >= Duration::from_millis(2) && found.p99 < Duration::from_micros(2500), "{found:?}");
        // A minute after the late one.
        let found = meter.last_minute(at(1062));
        assert_eq!(found, Lateness { max: Duration::from_millis(2), p99: Duration::from_millis(2) });
        // A slot is used again.
        meter.record(Duration::from_millis(9), at(1062));
        assert_eq!(meter.last_minute(at(1063)).max, Duration::from_millis(9));
        assert_eq!(meter.last_minute(at(1200)), Lateness::default());
    }

    #[test]
    fn each_lateness_is_below_the_end_of_its_class_and_not_far() {
        for micros in (0..64).map(|bit| 1_u64 << bit).flat_map(|power| [power, power + power / 3]) {
            let late = Duration::from_micros(micros);
            let end = end(class(late));
            if late < Duration::from_secs(3600) {
                assert!(late < end && end.as_micros() <= u128::from(micros) * 2, "{late:?} {end:?}");
            }
        }
    }
}
