//! Threads that read files. While a thread hangs, others handle the remaining files.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::examine::{Examine, Examined, Job};
use crate::reactor::Waker;

/// A pool of threads, with at most one for each running read, that is for each file.
pub(super) struct Workers {
    examine: Examine,
    wake: Waker,
    jobs: Sender<Job>,
    next: Arc<Mutex<Receiver<Job>>>,
    sender: Sender<Examined>,
    results: Receiver<Examined>,
    threads: usize,
    running: usize,
}

impl Workers {
    /// A pool without threads. `wake` is called for each result.
    pub(super) fn new(examine: Examine, wake: Waker) -> Workers {
        let ((jobs, next), (sender, results)) = (channel(), channel());
        Workers { examine, wake, jobs, next: Arc::new(Mutex::new(next)), sender, results, threads: 0, running: 0 }
    }

    /// Starts a read; [`result`](Workers::result) returns its result. If no further thread can be started, it waits for an
    /// existing one.
    pub(super) fn begin(&mut self, job: Job) {
        self.running = self.running.saturating_add(1);
        if self.running > self.threads && self.add_thread().is_ok() {
            self.threads = self.threads.saturating_add(1);
        }
        // Cannot fail: we own the receiver.
        let _ = self.jobs.send(job);
    }

    fn add_thread(&self) -> std::io::Result<()> {
        let (examine, next, sender, wake) =
            (self.examine.clone(), self.next.clone(), self.sender.clone(), self.wake.clone());
        std::thread::Builder::new().name("file".into()).spawn(move || {
            loop {
                let job = next.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = job else { return };
                if sender.send(examine(&job)).is_err() {
                    return;
                }
                wake.wake();
            }
        })?;
        Ok(())
    }

    /// The result of a completed read, if any.
    pub(super) fn result(&mut self) -> Option<Examined> {
        let examined = self.results.try_recv().ok()?;
        self.running = self.running.saturating_sub(1);
        Some(examined)
    }
}
