//! Runs the monitor on a thread of its own.
//!
//! After a loss of notifications the monitor dumps links and addresses, and a dump takes the kernel's RTNL lock, which
//! other programs may hold for a second. So the event loop only takes events that the thread has read.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use super::event::KernelEvent;
use super::monitor::Monitor;
use super::watched::WatchedTables;
use crate::reactor::Waker;

/// Most datagrams of the kernel per batch.
const BATCH: usize = 16;
/// Most pending batches. Further notifications wait in the socket; the kernel reports an overflow.
const WAITING: usize = 64;
/// Time limit for the dump of other tables.
const LIMIT: Duration = Duration::from_secs(5);
/// How often the thread checks whether the loop still needs it, or needs other tables.
const PATIENCE: Duration = Duration::from_secs(1);

/// The event loop's handle of the thread. Readable when there are events.
pub struct Watcher {
    batches: Receiver<io::Result<Vec<KernelEvent>>>,
    waker: Waker,
    /// Tables to watch instead of the present ones.
    tables: Sender<WatchedTables>,
}

impl Watcher {
    /// Starts the thread. The first batch has the events from opening the monitor.
    pub fn start(monitor: Monitor) -> io::Result<Watcher> {
        let waker = Waker::new()?;
        let (sender, batches) = sync_channel(WAITING);
        let (tables, wanted) = channel();
        let wake = waker.clone();
        thread::Builder::new().name("monitor".into()).spawn(move || watch(monitor, &wanted, &sender, &wake))?;
        Ok(Watcher { batches, waker, tables })
    }

    /// Watches other tables instead of the present ones, within [`PATIENCE`]. A snapshot of all follows.
    pub fn follow(&self, tables: WatchedTables) {
        // Fails after the thread has ended, which `receive` reports.
        let _ = self.tables.send(tables);
    }

    /// Waits for the first batch, at most `limit`.
    pub fn first(&self, limit: Duration) -> io::Result<Vec<KernelEvent>> {
        self.batches.recv_timeout(limit).map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Appends the events of the next batch; `true` when there may be more. After an error the kernel is no longer
    /// watched.
    pub fn receive(&self, events: &mut Vec<KernelEvent>) -> io::Result<bool> {
        self.waker.clear();
        match self.batches.try_recv() {
            Ok(batch) => {
                events.extend(batch?);
                Ok(true)
            }
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl AsRawFd for Watcher {
    fn as_raw_fd(&self) -> RawFd {
        self.waker.as_raw_fd()
    }
}

/// The thread: runs until the [`Watcher`] is dropped or the socket fails.
fn watch(
    mut monitor: Monitor,
    tables: &Receiver<WatchedTables>,
    batches: &SyncSender<io::Result<Vec<KernelEvent>>>,
    waker: &Waker,
) {
    loop {
        let mut events = Vec::new();
        // The last ones count.
        let outcome = match tables.try_iter().last().map(|tables| Monitor::watching(LIMIT, tables)) {
            Some(Ok(other)) => {
                monitor = other;
                monitor.receive(BATCH, &mut events)
            }
            Some(Err(error)) => Err(error),
            None => monitor.receive(BATCH, &mut events),
        };
        let (more, failed) = (outcome.as_ref().is_ok_and(|more| *more), outcome.is_err());
        // Pass on the events read before an error.
        let parts = [(!events.is_empty()).then_some(Ok(events)), outcome.err().map(Err)];
        for part in parts.into_iter().flatten() {
            if batches.send(part).is_err() {
                return;
            }
            waker.wake();
        }
        if failed || (!more && monitor.wait(PATIENCE).is_err()) {
            return;
        }
    }
}
