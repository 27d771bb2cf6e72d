//! A thread for requests that may block.
//!
//! The kernel handles a request inside `sendmsg`, under a lock that any other program may hold for a long time. So the
//! event loop only queues requests and receives their results as events. Requests are performed in the order in which
//! they were submitted.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::reactor::Waker;

/// The queue has no room for a batch; none of its requests was taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{in_flight} requests to the kernel are still pending")]
pub struct QueueFull<Q> {
    /// The batch.
    pub requests: Vec<Q>,
    /// Number of pending requests.
    pub in_flight: usize,
}

/// The event loop's handle of a worker thread, which returns a result `A` for each request `Q`. Readable when there are
/// results. Dropping it discards the queued requests.
pub struct Worker<Q, A> {
    shared: Arc<Shared<Q>>,
    results: Receiver<A>,
    waker: Waker,
    capacity: usize,
}

/// State shared with the thread.
struct Shared<Q> {
    queue: Mutex<Queue<Q>>,
    filled: Condvar,
    /// Requests submitted whose results were not taken yet.
    in_flight: AtomicUsize,
}

struct Queue<Q> {
    requests: VecDeque<Q>,
    /// The handle was dropped: exit when the queue is empty.
    closed: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts a thread called `name`, in the caller's network namespace, which passes at most `batch` requests at once to
    /// `perform`. `capacity` limits the requests submitted whose results were not taken yet.
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
        thread::Builder::new().name(name.to_owned()).spawn({
            let (shared, waker) = (shared.clone(), waker.clone());
            move || work(&shared, batch, perform, &sender, &waker)
        })?;
        Ok(Worker { shared, results, waker, capacity })
    }
}

impl<Q, A> Worker<Q, A> {
    /// Queues all requests of a batch, or none. Does not block.
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

    /// Appends the available results.
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

    /// Waits for the next requests, at most `most`; `None` when the handle was dropped.
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
            // Fails after the handle was dropped; the queue is empty then.
            let _ = results.send(result);
        }
        waker.wake();
    }
}
