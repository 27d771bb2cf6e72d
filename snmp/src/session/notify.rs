//! The queue of notifications: ordered and bounded; each is kept until the master has acknowledged it.
//!
//! **Window.** At most [`WINDOW`] notifications are unacknowledged at a time. Each is at most a few
//! hundred octets, so they and their answers always fit into the socket buffers: the master never
//! blocks in a write to us while we wait for it. The window also limits the traps that an NMS receives
//! twice when a master dies between forwarding a trap and acknowledging it. One round trip to a local
//! snmpd takes about 0.1 ms, so a burst is sent at more than ten thousand notifications a second.
//!
//! **Time.** Every notification carries the master's sysUpTime.0 at the time it was queued, computed
//! from the sysUpTime of the master's last answer. An event from before the master's start (the master
//! restarted in the meantime) gets 0.
//!
//! **Overflow.** A full queue drops its oldest unsent notification: the latest ones show the current state.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use super::clocks::Clocks;
use crate::oid::Oid;
use crate::pdu::encode::{self, TooLong};
use crate::value::{Value, VarBind};

/// Most notifications sent and not yet acknowledged.
pub const WINDOW: usize = 16;

/// sysUpTime.0
pub(crate) const SYS_UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];
/// snmpTrapOID.0
pub(crate) const SNMP_TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

/// An SNMPv2 notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// snmpTrapOID.0: the notification's identity.
    pub trap: Oid,
    /// The notification's objects; sysUpTime.0 and snmpTrapOID.0 are added before them.
    pub binds: Vec<VarBind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Waiting,
    Sent,
    Done,
}

#[derive(Debug)]
struct Queued {
    number: u64,
    at: Duration,
    notification: Notification,
    progress: Progress,
    /// It has been sent before, on a connection that was lost.
    again: bool,
}

/// Result of [`Queue::send_next`].
pub(super) enum Sent {
    /// The notification with this number was written for the first time.
    First(u64),
    /// The notification with this number was written again, after the loss of a connection.
    Again(u64),
    /// The notification cannot be encoded and was dropped.
    Unsendable(Oid),
    /// Nothing to send, or the window is full.
    Nothing,
}

/// Notifications not yet acknowledged, oldest first.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    queued: VecDeque<Queued>,
    /// Number of notifications at the front that are not `Waiting`.
    sent: usize,
    next_number: u64,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Queue { capacity: capacity.max(WINDOW + 1), queued: VecDeque::new(), sent: 0, next_number: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.queued.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// Queues a notification; returns whether an older one was dropped for it.
    pub(super) fn push(&mut self, notification: Notification, at: Duration) -> bool {
        let full = self.queued.len() >= self.capacity;
        if full {
            self.queued.remove(self.sent);
        }
        let number = self.next_number;
        self.next_number += 1;
        let progress = Progress::Waiting;
        self.queued.push_back(Queued { number, at, notification, progress, again: false });
        full
    }

    /// Whether another notification fits without a loss.
    pub(super) fn has_room(&self) -> bool {
        self.queued.len() < self.capacity
    }

    /// Whether [`send_next`](Self::send_next) would send.
    pub(super) fn can_send(&self) -> bool {
        self.sent < WINDOW && self.sent < self.queued.len()
    }

    /// Writes the next notification's PDU to `out`.
    pub(super) fn send_next(&mut self, out: &mut Vec<u8>, session: u32, packet: u32, clocks: Clocks) -> Sent {
        if !self.can_send() {
            return Sent::Nothing;
        }
        let Some(queued) = self.queued.get_mut(self.sent) else {
            return Sent::Nothing;
        };
        if queued.write(out, session, packet, clocks).is_err() {
            let gone = self.queued.remove(self.sent);
            return gone.map_or(Sent::Nothing, |gone| Sent::Unsendable(gone.notification.trap));
        }
        queued.progress = Progress::Sent;
        self.sent += 1;
        if queued.again { Sent::Again(queued.number) } else { Sent::First(queued.number) }
    }

    /// The master has answered notification `number`; returns its snmpTrapOID.
    pub(super) fn answered(&mut self, number: u64) -> Option<Oid> {
        let queued = self.queued.iter_mut().take(self.sent).find(|q| q.number == number)?;
        queued.progress = Progress::Done;
        let trap = queued.notification.trap.clone();
        while self.queued.front().is_some_and(|q| q.progress == Progress::Done) {
            self.queued.pop_front();
            self.sent = self.sent.saturating_sub(1);
        }
        Some(trap)
    }

    /// After the loss of a connection: marks unacknowledged notifications to be sent again.
    pub(super) fn rewind(&mut self) {
        self.queued.retain(|queued| queued.progress != Progress::Done);
        for queued in self.queued.iter_mut().take(self.sent) {
            queued.again |= queued.progress == Progress::Sent;
            queued.progress = Progress::Waiting;
        }
        self.sent = 0;
    }
}

impl Queued {
    fn write(&self, out: &mut Vec<u8>, session: u32, packet: u32, clocks: Clocks) -> Result<(), TooLong> {
        let at = clocks.up_time.map(|_| (&SYS_UP_TIME[..], Cow::Owned(Value::TimeStamp(self.at))));
        let trap = (&SNMP_TRAP_OID[..], Cow::Owned(Value::ObjectId(self.notification.trap.clone())));
        let objects = self.notification.binds.iter().map(|bind| (bind.name.as_slice(), Cow::Borrowed(&bind.value)));
        let binds = at.into_iter().chain([trap]).chain(objects);
        let stamped = binds.map(|(name, value)| (name, clocks.on_wire(&value).into_owned()));
        encode::notify(out, session, packet, stamped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(capacity: usize, count: u32) -> Queue {
        let mut queue = Queue::new(capacity);
        for id in 0..count {
            let notification = Notification { trap: Oid::new(&[1, 3, id]), binds: Vec::new() };
            queue.push(notification, Duration::ZERO);
        }
        queue
    }

    fn send_all(queue: &mut Queue) -> Vec<u64> {
        let mut numbers = Vec::new();
        let mut out = Vec::new();
        while let Sent::First(number) | Sent::Again(number) = queue.send_next(&mut out, 1, 1, Clocks::default()) {
            numbers.push(number);
        }
        numbers
    }

    #[test]
    fn at_most_one_window_is_unacknowledged() {
        let mut queue = queue(100, 40);
        assert_eq!(send_all(&mut queue), (0..16).collect::<Vec<_>>());
        queue.answered(1);
        assert_eq!(send_all(&mut queue), [], "the window starts at the oldest unacknowledged one");
        queue.answered(0);
        assert_eq!(send_all(&mut queue), [16, 17]);
        assert_eq!(queue.len(), 38);
    }

    #[test]
    fn after_a_loss_unacknowledged_notifications_are_sent_again_in_order() {
        let mut queue = queue(100, 4);
        assert_eq!(send_all(&mut queue).len(), 4);
        queue.answered(2);
        queue.rewind();
        assert_eq!(send_all(&mut queue), [0, 1, 3]);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_unsent_notification() {
        let mut queue = queue(20, 20);
        send_all(&mut queue);
        let late = Notification { trap: Oid::new(&[9]), binds: Vec::new() };
        assert!(queue.push(late, Duration::ZERO));
        for number in 0..16 {
            assert!(queue.answered(number).is_some());
        }
        assert_eq!(send_all(&mut queue), [17, 18, 19, 20]);
    }
}
