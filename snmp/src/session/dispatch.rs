//! Handles one PDU from the master.

use std::time::Duration;

use super::event::{Event, Lost};
use super::known::Known;
use super::{Ask, Session, State, answer};
use crate::mib::Mib;
use crate::pdu::decode::{self, DecodeError};
use crate::pdu::encode::Response;
use crate::pdu::frame::FramingError;
use crate::pdu::{Body, Head, error};

/// `h.type` of PDUs that have no answer: Close, CleanupSet, Response.
const UNANSWERED: [u8; 3] = [2, 11, 18];

impl Session {
    /// Handles the first PDU in the inbox; `false` if there is none.
    pub(super) fn handle_next<T: 'static>(
        &mut self,
        mib: &Mib<T>,
        data: &mut T,
        now: Duration,
    ) -> Result<bool, FramingError> {
        let Some(frame) = self.inbox.first()? else {
            return Ok(false);
        };
        let (head, length) = (frame.head, frame.length());
        let body = decode::body_in(&frame, self.config.context.as_bytes());
        self.inbox.skip(length);
        self.last_received = now;
        match body {
            Ok(Body::Response { sys_uptime, error, .. }) => {
                self.answered(&head, sys_uptime, error, now);
            }
            Ok(Body::Close(reason)) => self.lose(now, Lost::ClosedByMaster(reason)),
            Ok(request) if self.state == State::Open(head.session) => {
                self.answer(mib, data, &head, request);
            }
            Ok(_) => self.refuse(&head, error::NOT_OPEN),
            Err(error) => {
                self.stats.bad_pdus += u64::from(error == DecodeError::Malformed);
                self.refuse(&head, error.status());
            }
        }
        Ok(true)
    }

    fn answer<T: 'static>(&mut self, mib: &Mib<T>, data: &mut T, head: &Head, request: Body) {
        self.stats.requests += 1;
        let known = Known { clocks: self.clocks, stats: self.stats, waiting: self.queue.len() };
        let (out, known) = (&mut self.output, &known);
        let id = head.transaction;
        let outcome = match request {
            Body::Get(ranges) => Err(answer::get(mib, data, known, head, &ranges, out)),
            Body::GetNext(ranges) => Err(answer::get_next(mib, data, known, head, &ranges, out)),
            Body::GetBulk { non_repeaters, max_repetitions, ranges } => {
                let repetitions = (non_repeaters, max_repetitions);
                Err(answer::get_bulk(mib, data, known, head, repetitions, ranges, out))
            }
            Body::TestSet(binds) => Ok(self.transactions.test(mib, data, id, binds)),
            Body::CommitSet => {
                self.stats.changes += 1;
                Ok(self.transactions.commit(mib, data, id))
            }
            Body::UndoSet => {
                self.stats.changes += 1;
                Ok(self.transactions.undo(mib, data, id))
            }
            Body::CleanupSet => return self.transactions.cleanup(id),
            Body::Close(_) | Body::Response { .. } => return,
        };
        match outcome {
            Ok((error, index)) => Response::to(head, out).fail(error, index),
            Err(binds) => self.stats.binds += u64::try_from(binds).unwrap_or(0),
        }
    }

    /// Answers with an error, if PDUs of this type are answered at all.
    fn refuse(&mut self, head: &Head, error: u16) {
        if !UNANSWERED.contains(&head.kind) {
            Response::to(head, &mut self.output).fail(error, 0);
        }
    }

    /// Handles the master's answer to a PDU of ours.
    fn answered(&mut self, head: &Head, sys_uptime: u32, error: u16, now: Duration) {
        let Some(at) = self.pending.iter().position(|pending| pending.packet == head.packet) else {
            self.stats.bad_pdus += 1;
            return;
        };
        let what = self.pending.remove(at).what;
        self.clocks.answered(sys_uptime, now);
        if std::mem::take(&mut self.unresponsive) {
            self.report(Event::Responsive);
        }
        if error == error::NOT_OPEN && what != Ask::Open {
            return self.lose(now, Lost::Forgotten);
        }
        match what {
            Ask::Open if error != error::NONE => self.lose(now, Lost::OpenRefused(error)),
            Ask::Open => {
                self.state = State::Open(head.session);
                self.open_since = now;
                self.stats.opened += 1;
            }
            Ask::Capability(at) => self.capability_answered(at, error),
            Ask::Registration(at) => self.registration_answered(at, error, now),
            Ask::Notification(number) => self.notification_answered(number, error),
            Ask::Withdrawal | Ask::Ping => {}
        }
    }

    fn notification_answered(&mut self, number: u64, error: u16) {
        let Some(trap) = self.queue.answered(number) else {
            return;
        };
        if error == error::NONE {
            self.stats.notifications_acknowledged += 1;
        } else {
            self.stats.notifications_refused += 1;
            self.report(Event::NotificationRefused { trap, error });
        }
    }
}
