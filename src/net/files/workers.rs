//! Threads that look at files. A thread that hangs is left to itself, and the next file gets another.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::look::{Job, Look, Looked};
use crate::reactor::Waker;

/// The threads. There are at most as many as looks that are under way at the same time: one for each file.
pub(super) struct Workers {
    look: Look,
    wake: Waker,
    jobs: Sender<Job>,
    next: Arc<Mutex<Receiver<Job>>>,
    tell: Sender<Looked>,
    results: Receiver<Looked>,
    threads: usize,
    under_way: usize,
}

impl Workers {
    /// Without a thread yet; each result gives a wake-up.
    pub(super) fn new(look: Look, wake: Waker) -> Workers {
        let ((jobs, next), (tell, results)) = (channel(), channel());
        Workers { look, wake, jobs, next: Arc::new(Mutex::new(next)), tell, results, threads: 0, under_way: 0 }
    }

    /// Has a look taken; [`result`](Workers::result) gives what came of it. If the system has no thread left, it waits
    /// for one of those that are there.
    pub(super) fn begin(&mut self, job: Job) {
        self.under_way = self.under_way.saturating_add(1);
        if self.under_way > self.threads && self.add_thread().is_ok() {
            self.threads = self.threads.saturating_add(1);
        }
        // The receiver is ours.
        let _ = self.jobs.send(job);
    }

    fn add_thread(&self) -> std::io::Result<()> {
        let (look, next, tell, wake) = (self.look.clone(), self.next.clone(), self.tell.clone(), self.wake.clone());
        std::thread::Builder::new().name("file".into()).spawn(move || {
            loop {
                let job = next.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = job else { return };
                if tell.send(look(&job)).is_err() {
                    return;
                }
                wake.wake();
            }
        })?;
        Ok(())
    }

    /// A look that is over.
    pub(super) fn result(&mut self) -> Option<Looked> {
        let looked = self.results.try_recv().ok()?;
        self.under_way = self.under_way.saturating_sub(1);
        Some(looked)
    }
}
