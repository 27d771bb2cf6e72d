//! Runs searches by regular expression in a few threads, so that a slow pattern or a long body does not delay the event
//! loop.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Key;
use crate::check::http::{Look, Looked};
use crate::reactor::{Waker, background};

/// Most threads; they are started on demand. A single call of the library may take tens of seconds, so this many slow
/// searches must run at the same time before others have to wait.
const MOST_THREADS: usize = 32;
/// Most searches that wait for a thread; each has at most 64 KiB of text.
const MOST_WAITING: usize = 1024;
/// Longest processor time of one search.
const MOST_TIME: Duration = Duration::from_millis(500);

/// The threads and their queue. Dropping it cancels all searches.
///
/// Register it for reading; when it is readable, take the [`events`](Searches::events).
#[derive(Debug)]
pub struct Searches {
    shared: Arc<Shared>,
    done: Receiver<(Key, Looked)>,
    sender: Sender<(Key, Looked)>,
    ready: Waker,
    /// The generation and the cancel flag of each search, by [`Key::id`].
    running: HashMap<u128, (u64, Arc<AtomicBool>)>,
}

#[derive(Debug, Default)]
struct Shared {
    work: Mutex<Work>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
    over: bool,
}

#[derive(Debug)]
struct Job {
    key: Key,
    look: Look,
    cancelled: Arc<AtomicBool>,
}

impl Searches {
    /// Creates the queue, without threads.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Searches> {
        let (sender, done) = channel();
        Ok(Searches { shared: Arc::default(), done, sender, ready: Waker::new()?, running: HashMap::new() })
    }

    /// Queues a search; false if the queue is full. One event has the result, unless the search is cancelled. Never
    /// blocks.
    ///
    /// While a thread is still working on a cancelled search of the same [`Key::id`], a new one is refused: so each id
    /// uses one thread at most.
    #[must_use]
    pub fn begin(&mut self, key: Key, look: Look) -> bool {
        if self.running.contains_key(&key.id) {
            // Cannot fail: we own the receiver.
            let _ = self.sender.send((key, look.refuse("the last search is still running")));
            self.ready.wake();
            return true;
        }
        let mut work = self.shared.lock();
        if work.waiting.len() >= MOST_WAITING {
            return false;
        }
        if work.idle <= work.waiting.len() && work.threads < MOST_THREADS {
            let (shared, sender, ready) = (self.shared.clone(), self.sender.clone(), self.ready.clone());
            match background::spawn("regex", move || shared.run(&sender, &ready)) {
                Ok(_) => work.threads = work.threads.saturating_add(1),
                Err(_) if work.threads == 0 => return false,
                Err(_) => {}
            }
        }
        let cancelled = Arc::new(AtomicBool::new(false));
        self.running.insert(key.id, (key.generation, cancelled.clone()));
        work.waiting.push_back(Job { key, look, cancelled });
        self.shared.more.notify_one();
        true
    }

    /// Cancels a search, without an event.
    pub fn cancel(&mut self, key: Key) {
        if let Some((generation, cancelled)) = self.running.get(&key.id)
            && *generation == key.generation
        {
            cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Appends the results since the last call to `out`.
    pub fn events(&mut self, out: &mut Vec<(Key, Looked)>) {
        self.ready.clear();
        for (key, looked) in self.done.try_iter() {
            let of_this = self.running.get(&key.id).filter(|(generation, _)| *generation == key.generation);
            let cancelled = of_this.map(|(_, flag)| flag.load(Ordering::Relaxed));
            if cancelled.is_some() {
                self.running.remove(&key.id);
            }
            if cancelled != Some(true) {
                out.push((key, looked));
            }
        }
    }
}

impl AsRawFd for Searches {
    fn as_raw_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }
}

impl Drop for Searches {
    fn drop(&mut self) {
        for (_, cancelled) in self.running.values() {
            cancelled.store(true, Ordering::Relaxed);
        }
        let mut work = self.shared.lock();
        work.over = true;
        work.waiting.clear();
        self.shared.more.notify_all();
    }
}

impl Shared {
    /// The state is valid even after a panic: no thread panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Body of a thread.
    fn run(&self, sender: &Sender<(Key, Looked)>, ready: &Waker) {
        while let Some(job) = self.next() {
            let begin = clock_gettime(ClockId::ThreadCPUTime);
            let looked = job.look.run(&mut || {
                let spent = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - begin).unwrap_or_default();
                if job.cancelled.load(Ordering::Relaxed) {
                    Err("cancelled".to_owned())
                } else if spent > MOST_TIME {
                    Err(format!("the search takes more than {} ms of processor time", MOST_TIME.as_millis()))
                } else {
                    Ok(())
                }
            });
            if sender.send((job.key, looked)).is_ok() {
                ready.wake();
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut work = self.lock();
        work.idle = work.idle.saturating_add(1);
        loop {
            if work.over {
                return None;
            }
            if let Some(job) = work.waiting.pop_front() {
                work.idle = work.idle.saturating_sub(1);
                return Some(job);
            }
            work = self.more.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
