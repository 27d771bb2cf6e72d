//! A channel through which a thread sends events to an event loop and wakes it.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::Waker;

/// The receiving end, for the event loop. Dropping it ends the thread.
///
/// Register it for reading; when it is readable, take the [`events`](Feed::events).
#[derive(Debug)]
pub struct Feed<E> {
    events: Receiver<E>,
    ready: Waker,
    over: Arc<AtomicBool>,
    wake: Waker,
}

/// The sending end, for the thread.
#[derive(Debug)]
pub struct Feeder<E> {
    events: Sender<E>,
    ready: Waker,
    over: Arc<AtomicBool>,
    wake: Waker,
}

/// Creates the channel.
///
/// # Errors
/// When the system has no descriptors left.
pub fn feed<E>() -> io::Result<(Feed<E>, Feeder<E>)> {
    let (sender, receiver) = channel();
    let (ready, wake) = (Waker::new()?, Waker::new()?);
    let over = Arc::new(AtomicBool::new(false));
    let feeder = Feeder { events: sender, ready: ready.clone(), over: over.clone(), wake: wake.clone() };
    Ok((Feed { events: receiver, ready, over, wake }, feeder))
}

impl<E> Feed<E> {
    /// Appends the events since the last call to `out`.
    pub fn events(&self, out: &mut Vec<E>) {
        self.ready.clear();
        out.extend(self.events.try_iter());
    }
}

impl<E> AsRawFd for Feed<E> {
    fn as_raw_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }
}

impl<E> Drop for Feed<E> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.wake.wake();
    }
}

impl<E> Feeder<E> {
    /// Sends an event and wakes the loop.
    pub fn send(&self, event: E) {
        if self.events.send(event).is_ok() {
            self.ready.wake();
        }
    }

    /// Whether the loop has dropped its [`Feed`]: the thread should exit.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Readable when the thread should exit, for its reactor; others may use it to wake the thread as well.
    pub fn waker(&self) -> &Waker {
        &self.wake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_arrive_and_dropping_the_feed_ends_the_thread() {
        let (feed, feeder) = feed().unwrap();
        let thread = std::thread::spawn(move || {
            feeder.send(1);
            feeder.send(2);
            while !feeder.is_over() {
                std::thread::yield_now();
            }
        });
        let mut events = Vec::new();
        while events.len() < 2 {
            feed.events(&mut events);
        }
        assert_eq!(events, [1, 2]);
        drop(feed);
        thread.join().unwrap();
    }
}
