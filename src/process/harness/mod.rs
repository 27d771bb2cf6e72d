//! The event loop that all children share, with the orders of the parent, the AgentX session, the views, the
//! checkpoint, the record of held state, and the stop.
//!
//! Two kinds of state survive a process. The *checkpoint* is the state of the machines, sent to the parent, from which
//! a replacement continues. The *held state* is the list of entries that the process has added to the kernel, in a
//! file.
//!
//! A child is a [`Process`]: its machines, its sources of events, and the execution of the machines' actions. A turn of
//! the [`Harness`] that runs it:
//!
//! ```text
//! wait            until a source is ready or a deadline has come
//! receive         packets: the process reads its sockets
//! timers          that are due, at most as many as the pace allows
//! settle          execution of the machines' actions
//! orders          of the parent: stop, reload, dump
//! work            the other sources, a bounded amount of each
//! settle
//! checkpoint      to the parent, before any view shows a change
//! reconcile       of the kernel with the rows
//! views           log, scripts, mail, notifications
//! rest            work that may wait
//! agent           a few requests of the AgentX master
//! stopping        the next step of the stop, when it is possible
//! ```
//!
//! A turn in which only the AgentX master has sent something answers it and does nothing else.
//!
//! Packets come before timers: after a delay the process must read waiting packets before it treats a timer as silence
//! of the neighbor.

mod address_log;
mod agent;
mod child_start;
mod direct;
mod hand_over;
mod kind;
mod orders;
mod shell;
mod stopping;
#[cfg(test)]
mod tests;
mod time;
mod tokens;
mod turn;
mod watch;

pub(super) use agent::Service;
pub(super) use child_start::{ChildStart, direct_notifications};
pub(super) use kind::{Kind, usable};
pub(super) use shell::{Process, Shell};
pub(super) use stopping::CLEAN_UP_LIMIT;
pub(super) use time::Pace;
pub(super) use tokens::token;
pub(super) use turn::{Harness, Parts};
pub(super) use watch::Watch;
