//! Reports of a queue that drops notifications.

/// Decides when a report is due: at the first drop, and for the rest when the queue has room again. A queue that is full for long
/// would otherwise cause a line in the log for each notification.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    /// The queue has been full since the last report of a first drop.
    full: bool,
    unreported: u64,
}

impl Drops {
    /// A notification was dropped; returns the number to report.
    pub(crate) fn add(&mut self) -> Option<u64> {
        self.unreported += 1;
        if std::mem::replace(&mut self.full, true) { None } else { self.take() }
    }

    /// The queue has room; returns the number to report.
    pub(crate) fn end(&mut self) -> Option<u64> {
        if std::mem::take(&mut self.full) { self.take() } else { None }
    }

    fn take(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.unreported)).filter(|count| *count > 0)
    }
}
