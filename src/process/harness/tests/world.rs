//! The state that the fakes share, and a clock that advances when the loop sleeps.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::super::time::Time;
use super::records::{Count, Names};
use crate::process::ipc::{Channel, Message};
use crate::reactor::{Reactor, Ready, Token};
use crate::state::from_sections;

pub(super) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The state of the fakes, and the recorded calls of the loop.
#[derive(Default)]
pub(super) struct World {
    pub(super) now: Duration,
    pub(super) arrivals: VecDeque<(Duration, Vec<Token>)>,
    pub(super) slept_until: Option<Duration>,
    pub(super) calls: Vec<String>,
    /// The parent's end of the channel.
    pub(super) parent: Option<Channel>,
    /// The changes that the next packets cause, one each.
    pub(super) changes: VecDeque<&'static str>,
    pub(super) receiving_takes: Duration,
    pub(super) process_deadline: Option<Duration>,
    pub(super) timer_came: Duration,
    pub(super) released: bool,
    pub(super) agent_deadline: Option<Duration>,
    pub(super) agent_takes: Duration,
    pub(super) agent_sets: Option<&'static str>,
    pub(super) agent_closed: bool,
}

pub(super) type Shared = Rc<RefCell<World>>;

impl World {
    pub(super) fn record(&mut self, line: impl Into<String>) {
        self.calls.push(line.into());
    }

    /// The messages that the process has sent to its parent since the last call.
    pub(super) fn sent_to_parent(&mut self) -> Vec<String> {
        let Some(parent) = &mut self.parent else { return Vec::new() };
        let text = |message| match message {
            Message::Ready => "ready".to_owned(),
            Message::StatusWanted(_) | Message::Status(..) => "status".to_owned(),
            Message::Command(..) | Message::Result(..) => "command".to_owned(),
            Message::Indices(octets) => {
                format!("indices {}", from_sections::<Names>(&octets).unwrap().record.0.join(""))
            }
            Message::Checkpoint(octets) => format!("checkpoint {}", from_sections::<Count>(&octets).unwrap().record.0),
            Message::HandedOver => "handed over".to_owned(),
            Message::Resumed => "resumed".to_owned(),
            other => format!("{other:?}"),
        };
        parent.receive().unwrap_or_default().into_iter().map(text).collect()
    }
}

pub(super) struct Clock(pub(super) Shared);

impl Time for Clock {
    fn now(&self) -> Duration {
        self.0.borrow().now
    }

    fn wait(&mut self, _reactor: &mut Reactor, deadline: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.slept_until = deadline;
        ready.clear();
        let next = world.arrivals.front().map(|(at, _)| (*at).max(world.now));
        let until = deadline.map(|at| at.max(world.now));
        match (next, until) {
            (Some(at), until) if until.is_none_or(|until| at <= until) => {
                world.now = at;
                let (_, tokens) = world.arrivals.pop_front().unwrap();
                let of = |token| Ready { token, readable: true, writable: false, error: false, read_closed: false };
                ready.extend(tokens.into_iter().map(of));
            }
            (_, Some(until)) => world.now = until,
            (_, None) => panic!("the loop sleeps for ever"),
        }
        Ok(())
    }
}
