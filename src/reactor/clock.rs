//! The one clock: `CLOCK_MONOTONIC`, as time since its own epoch.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time now, since the epoch of `CLOCK_MONOTONIC` (on Linux: boot, without suspended time).
///
/// It never goes back and takes no notice of changes to the wall clock. The same scale arms the timer of
/// [`Reactor::wait`](super::Reactor::wait).
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::now;

    #[test]
    fn does_not_go_back() {
        let mut last = now();
        for _ in 0..1000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }
}
