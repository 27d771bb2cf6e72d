//! The queue of orders, for a future.

use std::io;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use zruntime::{AsyncIo, Shared, SharedRuntime};

use super::order::Order;
use crate::notify::queue::Receiver;
use crate::reactor::Waker;

/// The receiving end of the queue.
pub(super) struct Inbox {
    queue: Receiver<Order>,
    /// The loop wakes it after each order.
    wake: AsyncIo<Waker, Shared>,
}

impl Inbox {
    /// # Errors
    /// If the descriptor of the waker cannot be watched.
    pub(super) fn new(queue: Receiver<Order>, wake: Waker, runtime: &SharedRuntime) -> io::Result<Inbox> {
        Ok(Inbox { queue, wake: AsyncIo::new_nonblocking(runtime, wake)? })
    }

    /// Waits for an order; `None` when the loop has closed the queue. An order that was not waited for to the end stays in the
    /// queue.
    pub(super) async fn next(&self) -> Option<Order> {
        loop {
            match self.queue.receive_within(Duration::ZERO) {
                Ok(order) => return Some(order),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.wake.read_with(Waker::take).await.ok()?;
        }
    }

    /// Whether no order waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
