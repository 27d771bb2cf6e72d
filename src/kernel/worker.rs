//! A thread that does what the loop must not wait for.
//!
//! A request to the kernel runs inside `sendmsg`, under a lock that any other program may hold for as long as it
//! likes; so the loop only queues requests, and hears of their results as events. Requests are done in the order they
//! were submitted.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::reactor::{Waker, clock};

/// The queue has no room for a batch; nothing of it was taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel is behind with {in_flight} requests")]
pub struct QueueFull<Q> {
    /// The batch, given back.
    pub requests: Vec<Q>,
    /// Requests without a result so far.
    pub in_flight: usize,
}

/// What was left when the worker stopped.
#[derive(Debug)]
pub struct Stopped<A> {
    /// Results not taken before.
    pub results: Vec<A>,
    /// Everything submitted was done; `false` when the time was over first.
    pub finished: bool,
}

/// The loop's end of a worker that turns requests `Q` into results `A`, one for each. Readable when there are results.
/// Dropping it abandons what is queued.
pub struct Worker<Q, A> {
    shared: Arc<Shared<Q>>,
    results: Receiver<A>,
    waker: Waker,
    capacity: usize,
    thread: Option<JoinHandle<()>>,
}

/// What both sides touch.
struct Shared<Q> {
    queue: Mutex<Queue<Q>>,
    filled: Condvar,
    /// Requests taken and not yet given back as results.
    in_flight: AtomicUsize,
}

struct Queue<Q> {
    requests: VecDeque<Q>,
    /// No more will come: end when the queue is empty.
    closed: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts a thread called `name`, in the caller's network namespace, which hands at most `batch` requests at once
    /// to `perform`. `capacity` bounds the requests that are submitted and whose results were not taken yet.
    pub(super) fn spawn(
        name: &str,
        capacity: usize,
        batch: usize,
        perform: impl FnMut(Vec<Q>) -> Vec<A> + Send + 'static,
    ) -> io::Result<Worker<Q, A>> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { requests: VecDeque::new(), closed: false }),
            filled: Condvar::new(),
            in_flight: AtomicUsize::new(0),
        });
        let waker = Waker::new()?;
        let (sender, results) = channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn({
            let (shared, waker) = (shared.clone(), waker.clone());
            move || work(&shared, batch, perform, &sender, &waker)
        })?;
        Ok(Worker { shared, results, waker, capacity, thread: Some(thread) })
    }
}

impl<Q, A> Worker<Q, A> {
    /// Queues a batch, all of it or nothing. Does not wait for the kernel.
    pub fn submit(&self, requests: Vec<Q>) -> Result<(), QueueFull<Q>> {
        let in_flight = self.in_flight();
        if in_flight.saturating_add(requests.len()) > self.capacity {
            return Err(QueueFull { requests, in_flight });
        }
        self.shared.in_flight.fetch_add(requests.len(), Ordering::Relaxed);
        self.shared.lock().requests.extend(requests);
        self.shared.filled.notify_one();
        Ok(())
    }

    /// Appends the results that have come.
    pub fn results(&self, results: &mut Vec<A>) {
        self.waker.clear();
        let before = results.len();
        results.extend(self.results.try_iter());
        let taken = results.len().saturating_sub(before);
        self.shared.in_flight.fetch_sub(taken, Ordering::Relaxed);
    }

    /// Requests submitted whose results were not taken yet.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Lets the thread do what is queued and end, waiting for it at most `timeout`.
    pub fn stop(mut self, timeout: Duration) -> Stopped<A> {
        let deadline = clock::now().saturating_add(timeout);
        self.shared.close();
        let mut results = Vec::new();
        let finished = loop {
            match self.results.recv_timeout(deadline.saturating_sub(clock::now())) {
                Ok(result) => results.push(result),
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        if finished && let Some(thread) = self.thread.take() {
            // It has dropped its sender: it is at its end.
            let _ = thread.join();
        }
        Stopped { results, finished }
    }
}

impl<Q, A> Drop for Worker<Q, A> {
    fn drop(&mut self) {
        self.shared.lock().requests.clear();
        self.shared.close();
    }
}

impl<Q, A> AsRawFd for Worker<Q, A> {
    fn as_raw_fd(&self) -> RawFd {
        self.waker.as_raw_fd()
    }
}

impl<Q> Shared<Q> {
    fn lock(&self) -> MutexGuard<'_, Queue<Q>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// The next requests, at most `most`, waiting for them; `None` at the end.
    fn next_batch(&self, most: usize) -> Option<Vec<Q>> {
        let mut queue = self
            .filled
            .wait_while(self.lock(), |queue| queue.requests.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let size = queue.requests.len().min(most);
        let batch: Vec<_> = queue.requests.drain(..size).collect();
        (!batch.is_empty()).then_some(batch)
    }
}

/// The thread.
fn work<Q, A>(
    shared: &Shared<Q>,
    batch: usize,
    mut perform: impl FnMut(Vec<Q>) -> Vec<A>,
    results: &Sender<A>,
    waker: &Waker,
) {
    while let Some(requests) = shared.next_batch(batch) {
        for result in perform(requests) {
            // Nobody listens any more after a drop: the queue is empty then, too.
            let _ = results.send(result);
        }
        waker.wake();
    }
}
