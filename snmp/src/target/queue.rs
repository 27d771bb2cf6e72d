//! The notifications that wait for a target, oldest first.

use std::collections::VecDeque;

use crate::message::Notice;

#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    waiting: VecDeque<Notice>,
    /// The first one was sent, and is kept until it is acknowledged.
    sent: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Queue { capacity: capacity.max(2), waiting: VecDeque::new(), sent: false }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < self.capacity
    }

    /// Adds a notification; returns whether an older one was dropped for it.
    pub(super) fn push(&mut self, notice: Notice) -> bool {
        let full = !self.has_room();
        if full {
            self.waiting.remove(usize::from(self.sent));
        }
        self.waiting.push_back(notice);
        full
    }

    pub(super) fn head(&self) -> Option<&Notice> {
        self.waiting.front()
    }

    /// The first one was sent; returns whether for the first time.
    pub(super) fn mark_sent(&mut self) -> bool {
        !std::mem::replace(&mut self.sent, true)
    }

    /// Removes the first one.
    pub(super) fn pop(&mut self) {
        self.waiting.pop_front();
        self.sent = false;
    }
}
