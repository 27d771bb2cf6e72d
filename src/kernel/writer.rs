//! The writer: adds and removes addresses on a thread of its own.
//!
//! A request to rtnetlink runs inside `sendmsg`, under a lock that any other program may hold for as long as it likes;
//! so the loop only queues requests, and hears of their results as events. Requests are done in the order they
//! were submitted.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::netlink::Refusal;
use super::request::AddressSocket;
use crate::reactor::{Waker, clock};

/// Requests handed to the kernel at once; small, so that results flow back while a long list is worked through.
const BATCH: usize = 32;

/// What to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Add it; that it is there already is success.
    Add,
    /// Remove it; that it is not there is success.
    Remove,
}

/// An address as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedAddr {
    /// Index of the interface.
    pub ifindex: u32,
    /// The address.
    pub ip: IpAddr,
    /// Prefix length; not used when there is a peer, which has its own.
    pub prefix: u8,
    /// Scope: global 0, site 200, link 253, host 254, nowhere 255.
    pub scope: u8,
    /// Label, at most 15 octets (IPv4 only).
    pub label: Option<String>,
    /// Broadcast address (IPv4 only).
    pub broadcast: Option<IpAddr>,
    /// The other end of a point-to-point address, with its prefix length.
    pub peer: Option<(IpAddr, u8)>,
    /// IPv6: use it at once, without duplicate detection.
    pub nodad: bool,
    /// IPv6: a mobile node's home address.
    pub home: bool,
    /// IPv6: template of temporary addresses.
    pub mngtmpaddr: bool,
    /// Make no route for the prefix.
    pub noprefixroute: bool,
    /// Join the multicast group on adding.
    pub autojoin: bool,
    /// Preferred lifetime, seconds; `u32::MAX` = for ever, 0 = deprecated. `None`: deprecated for IPv6 /128, else for
    /// ever. The valid lifetime is for ever.
    pub preferred_lft: Option<u32>,
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRequest {
    /// Given back with the result.
    pub token: u64,
    /// What to do.
    pub op: Op,
    /// With which address.
    pub address: WantedAddr,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressResult {
    /// That of the request.
    pub token: u64,
    /// What was to be done.
    pub op: Op,
    /// Success, or the kernel's refusal.
    pub outcome: Result<Done, Refusal>,
}

/// A request's success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The kernel has changed.
    Changed,
    /// There was nothing to change: added what was there, or removed what was not.
    AlreadySo,
}

/// The queue has no room for a batch; nothing of it was taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel is behind with {in_flight} address requests")]
pub struct QueueFull {
    /// The batch, given back.
    pub requests: Vec<AddressRequest>,
    /// Requests without a result so far.
    pub in_flight: usize,
}

/// What was left when the writer stopped.
#[derive(Debug)]
pub struct Stopped {
    /// Results not taken before.
    pub results: Vec<AddressResult>,
    /// Everything submitted was done; `false` when the time was over first.
    pub finished: bool,
}

/// The loop's end of the writer. Readable when there are results. Dropping it abandons what is queued.
pub struct Writer {
    shared: Arc<Shared>,
    results: Receiver<AddressResult>,
    waker: Waker,
    capacity: usize,
    thread: Option<JoinHandle<()>>,
}

/// What both sides touch.
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    /// Requests taken and not yet given back as results.
    in_flight: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<AddressRequest>,
    /// No more will come: end when the queue is empty.
    closed: bool,
}

impl Writer {
    /// Starts the thread, in the caller's network namespace. `capacity` bounds the requests that are submitted and
    /// whose results were not taken yet.
    pub fn start(capacity: usize) -> io::Result<Writer> {
        let shared =
            Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new(), in_flight: AtomicUsize::new(0) });
        let waker = Waker::new()?;
        let (sender, results) = channel();
        let socket = AddressSocket::open()?;
        let thread = thread::Builder::new().name("addresses".to_owned()).spawn({
            let (shared, waker) = (shared.clone(), waker.clone());
            move || work(&shared, &sender, &waker, socket)
        })?;
        Ok(Writer { shared, results, waker, capacity, thread: Some(thread) })
    }

    /// Queues a batch, all of it or nothing. Does not wait for the kernel.
    pub fn submit(&self, requests: Vec<AddressRequest>) -> Result<(), QueueFull> {
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
    pub fn results(&self, results: &mut Vec<AddressResult>) {
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
    pub fn stop(mut self, timeout: Duration) -> Stopped {
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

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().requests.clear();
        self.shared.close();
    }
}

impl AsRawFd for Writer {
    fn as_raw_fd(&self) -> RawFd {
        self.waker.as_raw_fd()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// The next requests, waiting for them; `None` at the end.
    fn next_batch(&self) -> Option<Vec<AddressRequest>> {
        let mut queue = self
            .filled
            .wait_while(self.lock(), |queue| queue.requests.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let size = queue.requests.len().min(BATCH);
        let batch: Vec<_> = queue.requests.drain(..size).collect();
        (!batch.is_empty()).then_some(batch)
    }
}

/// The thread.
fn work(shared: &Shared, results: &Sender<AddressResult>, waker: &Waker, mut socket: AddressSocket) {
    while let Some(batch) = shared.next_batch() {
        let outcomes = socket.perform(&batch);
        for (request, outcome) in batch.iter().zip(outcomes) {
            // Nobody listens any more after a drop: the queue is empty then, too.
            let _ = results.send(AddressResult { token: request.token, op: request.op, outcome });
        }
        waker.wake();
    }
}
