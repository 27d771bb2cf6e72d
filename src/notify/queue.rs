//! A bounded queue to a thread that allocates memory as items arrive; the bounded channel of the standard library allocates
//! all of it at the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Sending end; cheap to clone.
#[derive(Debug)]
pub(super) struct Sender<T> {
    queue: mpsc::Sender<T>,
    waiting: Arc<AtomicUsize>,
    bound: usize,
}

/// Receiving end.
#[derive(Debug)]
pub(super) struct Receiver<T> {
    queue: mpsc::Receiver<T>,
    waiting: Arc<AtomicUsize>,
}

/// A queue for at most `bound` items.
pub(super) fn bounded<T>(bound: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Sender { queue: sender, waiting: Arc::clone(&waiting), bound }, Receiver { queue: receiver, waiting })
}

impl<T> Sender<T> {
    /// Adds an item, or gives it back when the queue is full. Never blocks. Items for a dropped receiver are lost.
    pub fn offer(&self, item: T) -> Result<(), T> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.bound {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(item);
        }
        let _ = self.queue.send(item);
        Ok(())
    }

    /// Number of items in the queue.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { queue: self.queue.clone(), waiting: Arc::clone(&self.waiting), bound: self.bound }
    }
}

impl<T> Receiver<T> {
    /// Waits for an item; `None` when the queue is empty and all senders are dropped.
    pub fn receive(&self) -> Option<T> {
        self.queue.recv().ok().inspect(|_| self.taken())
    }

    /// Waits for an item, at most for `limit`.
    pub fn receive_within(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.queue.recv_timeout(limit).inspect(|_| self.taken())
    }

    /// Whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Takes all items in the queue.
    pub fn drain(&self) -> impl Iterator<Item = T> {
        self.queue.try_iter().inspect(|_| self.taken())
    }

    fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_items_until_there_is_room() {
        let (sender, receiver) = bounded(2);
        let other = sender.clone();
        assert_eq!([sender.offer(1), other.offer(2), sender.offer(3)], [Ok(()), Ok(()), Err(3)]);
        assert_eq!(receiver.receive(), Some(1));
        assert_eq!([sender.offer(4), other.offer(5)], [Ok(()), Err(5)]);
        assert_eq!(receiver.drain().collect::<Vec<_>>(), [2, 4]);
        assert_eq!(sender.offer(6), Ok(()));
        assert_eq!(receiver.receive_within(Duration::ZERO), Ok(6));
        assert_eq!(receiver.receive_within(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        drop((sender, other));
        assert_eq!(receiver.receive(), None);
    }
}
