//! The counters of a target, which other threads may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a target, since their creation.
#[derive(Debug, Default)]
pub struct Counters {
    counts: [AtomicU64; 4],
    waiting: AtomicU64,
}

/// One of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Notifications queued.
    Queued,
    /// Notifications sent; one that was sent again is counted once.
    Sent,
    /// Informs that the target has acknowledged.
    Acknowledged,
    /// Notifications dropped: the queue was full, the target refused the inform, or it could not be encoded.
    Dropped,
}

impl Counters {
    /// The present value of a counter.
    pub fn get(&self, counts: Counts) -> u64 {
        self.cell(counts).load(Ordering::Relaxed)
    }

    /// Notifications in the queue at present.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Counts one.
    pub fn add(&self, counts: Counts) {
        self.cell(counts).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_waiting(&self, count: usize) {
        self.waiting.store(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn cell(&self, counts: Counts) -> &AtomicU64 {
        let [queued, sent, acknowledged, dropped] = &self.counts;
        match counts {
            Counts::Queued => queued,
            Counts::Sent => sent,
            Counts::Acknowledged => acknowledged,
            Counts::Dropped => dropped,
        }
    }
}
