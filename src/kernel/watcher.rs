//! The reflector on a thread of its own.
//!
//! When notifications were lost, links and addresses are dumped; a dump takes a lock of the kernel that other programs
//! may hold for a second. So the loop only takes the events that the thread has read.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use super::event::KernelEvent;
use super::monitor::Monitor;
use crate::reactor::Waker;

/// Messages of the kernel that are handed over at once.
const BATCH: usize = 16;
/// Batches that may wait. Beyond that the kernel keeps them, and says so if it has to drop some.
const WAITING: usize = 64;
/// The thread looks up from its socket that often, to see whether it is still needed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The loop's end. Readable when there are events.
pub struct Watcher {
    batches: Receiver<io::Result<Vec<KernelEvent>>>,
    waker: Waker,
}

impl Watcher {
    /// Starts the thread. The first batch is what the monitor found while it was opened.
    pub fn start(monitor: Monitor) -> io::Result<Watcher> {
        let waker = Waker::new()?;
        let (sender, batches) = sync_channel(WAITING);
        let wake = waker.clone();
        thread::Builder::new().name("monitor".into()).spawn(move || watch(monitor, &sender, &wake))?;
        Ok(Watcher { batches, waker })
    }

    /// Waits for the first batch, at most `limit`.
    pub fn first(&self, limit: Duration) -> io::Result<Vec<KernelEvent>> {
        self.batches.recv_timeout(limit).map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Appends the events of the next batch; `true` when there may be more. An error means that the kernel is not
    /// watched any more.
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

/// The thread: until the loop's end is gone, or the socket is of no more use.
fn watch(mut monitor: Monitor, batches: &SyncSender<io::Result<Vec<KernelEvent>>>, waker: &Waker) {
    loop {
        let mut events = Vec::new();
        let outcome = monitor.receive(BATCH, &mut events);
        let (more, failed) = (outcome.as_ref().is_ok_and(|more| *more), outcome.is_err());
        // What was read before an error is not lost.
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
