//! A bounded queue to a thread that takes room only for what waits; that of the standard library has room for its
//! bound from the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// The end that puts in; cheap to clone.
#[derive(Debug)]
pub(super) struct Sender<T> {
    queue: mpsc::Sender<T>,
    waiting: Arc<AtomicUsize>,
    bound: usize,
}

/// The end that takes out.
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
    /// Puts an item in, or gives it back when the queue is full. Never blocks. Nobody gets what comes after the end of
    /// the receiver.
    pub fn offer(&self, item: T) -> Result<(), T> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.bound {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(item);
        }
        let _ = self.queue.send(item);
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { queue: self.queue.clone(), waiting: Arc::clone(&self.waiting), bound: self.bound }
    }
}

impl<T> Receiver<T> {
    /// Waits for an item; `None` when there is none and no sender.
    pub fn receive(&self) -> Option<T> {
        self.queue.recv().ok().inspect(|_| self.taken())
    }

    /// The same, but not for ever.
    pub fn receive_within(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        self.queue.recv_timeout(limit).inspect(|_| self.taken())
    }

    /// What is there.
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
    fn it_takes_up_to_its_bound_and_again_when_there_is_room() {
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
