//! Searches by regular expressions, which may take long: done by a few threads, so that no pattern and no body holds up
//! the event loop.

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

/// Most threads; they are started when there is work for them. So many, for a single call of the library may last tens of
/// seconds: it takes as many such searches at the same time to keep others waiting.
const MOST_THREADS: usize = 32;
/// Most searches that wait for a thread, of 64 KiB each at most.
const MOST_WAITING: usize = 1024;
/// Processor time of one search.
const MOST_TIME: Duration = Duration::from_millis(500);

/// The threads and their work. Dropping it cancels all.
///
/// Register it as readable; when it is ready, take the [`events`](Searches::events).
#[derive(Debug)]
pub struct Searches {
    shared: Arc<Shared>,
    done: Receiver<(Key, Looked)>,
    tell: Sender<(Key, Looked)>,
    ready: Waker,
    /// By id: generation, and whether it is cancelled.
    under_way: HashMap<u128, (u64, Arc<AtomicBool>)>,
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
    /// Without a thread yet.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Searches> {
        let (tell, done) = channel();
        Ok(Searches { shared: Arc::default(), done, tell, ready: Waker::new()?, under_way: HashMap::new() })
    }

    /// Has a search done; false: there are too many, and it is not begun. One event tells its result, unless it is
    /// cancelled. Never blocks.
    ///
    /// While the search before it, of the same [`Key::id`], was cancelled, but its thread is still at work on it, the
    /// result is that it was refused: so nobody keeps more than one thread busy.
    #[must_use]
    pub fn begin(&mut self, key: Key, look: Look) -> bool {
        if self.under_way.contains_key(&key.id) {
            // The receiver is ours.
            let _ = self.tell.send((key, look.refuse("the last search is still under way")));
            self.ready.wake();
            return true;
        }
        let mut work = self.shared.lock();
        if work.waiting.len() >= MOST_WAITING {
            return false;
        }
        if work.idle <= work.waiting.len() && work.threads < MOST_THREADS {
            let (shared, tell, ready) = (self.shared.clone(), self.tell.clone(), self.ready.clone());
            match background::spawn("regex", move || shared.run(&tell, &ready)) {
                Ok(_) => work.threads = work.threads.saturating_add(1),
                Err(_) if work.threads == 0 => return false,
                Err(_) => {}
            }
        }
        let cancelled = Arc::new(AtomicBool::new(false));
        self.under_way.insert(key.id, (key.generation, cancelled.clone()));
        work.waiting.push_back(Job { key, look, cancelled });
        self.shared.more.notify_one();
        true
    }

    /// Ends a search, if it is under way, without an event.
    pub fn cancel(&mut self, key: Key) {
        if let Some((generation, cancelled)) = self.under_way.get(&key.id)
            && *generation == key.generation
        {
            cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Adds the results since the last call.
    pub fn events(&mut self, out: &mut Vec<(Key, Looked)>) {
        self.ready.clear();
        for (key, looked) in self.done.try_iter() {
            let of_this = self.under_way.get(&key.id).filter(|(generation, _)| *generation == key.generation);
            let cancelled = of_this.map(|(_, flag)| flag.load(Ordering::Relaxed));
            if cancelled.is_some() {
                self.under_way.remove(&key.id);
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
        for (_, cancelled) in self.under_way.values() {
            cancelled.store(true, Ordering::Relaxed);
        }
        let mut work = self.shared.lock();
        work.over = true;
        work.waiting.clear();
        self.shared.more.notify_all();
    }
}

impl Shared {
    /// No thread panics while it holds the lock, so what it guards is as it should be.
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread.
    fn run(&self, tell: &Sender<(Key, Looked)>, ready: &Waker) {
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
            if tell.send((job.key, looked)).is_ok() {
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
