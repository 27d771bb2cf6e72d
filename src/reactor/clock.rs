//! The daemon's clock, `CLOCK_MONOTONIC`, and the system clock.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The current time since the epoch of `CLOCK_MONOTONIC` (on Linux: boot, without suspended time).
///
/// It never goes back and is not affected by changes to the wall clock. Deadlines of
/// [`Reactor::wait`](super::Reactor::wait) are times of this clock.
pub fn now() -> Duration {
    time_of(ClockId::Monotonic)
}

/// The time since 1970 by the system clock, which may be set in either direction.
pub fn utc() -> Duration {
    time_of(ClockId::Realtime)
}

fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::now;

    #[test]
    fn the_clock_does_not_go_back() {
        let mut last = now();
        for _ in 0..1000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }
}
