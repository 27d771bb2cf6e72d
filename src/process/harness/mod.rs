//! What all children have in common: one loop, and around it orders of the parent, the AgentX session, the views, the
//! checkpoint, the record of what is held, and the stop.
//!
//! A child is a [`Process`]: its machines, its sources of events, and what becomes of the machines' actions. A turn of
//! the [`Harness`] that runs it:
//!
//! ```text
//! wait            until a source is ready or something is due
//! receive         what others have sent: the process looks at its sockets
//! timers          those that are due, at most as many as the pace allows
//! settle          the machines' actions are carried out
//! orders          of the parent: stop, reload, dump
//! work            the other sources, each a bounded piece
//! settle
//! checkpoint      a replacement knows of a change before anyone is told
//! reconcile       the kernel is brought in line
//! views           log, scripts, mail, notifications
//! rest            what may wait
//! agent           a few requests of the AgentX master
//! stopping        the next step of the stop, if it can be taken
//! ```
//!
//! Packets come before timers: a process that was held up must hear what waits before it takes a silence for one.

mod agent;
mod beginning;
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
pub(super) use beginning::Beginning;
pub(super) use kind::Kind;
pub(super) use shell::{Process, Shell};
pub(super) use stopping::CLEAN_UP_LIMIT;
pub(super) use time::Pace;
pub(super) use tokens::token;
pub(super) use turn::{Harness, Parts};
pub(super) use watch::Watch;
