//! LVS health checks: the tables of virtual servers, real servers and checkers, and their machine. No I/O and no clock.
//!
//! [`Check::handle`] takes an [`Event`] and the time; it updates the rows in [`Tables`] and queues [`Action`]s for the
//! process and [`Change`]s for the views, which [`Check::take_output`] returns. Each event is handled completely before
//! the next. [`ipvs`] makes the kernel's IPVS table what the rows say.

mod attempt;
mod checkpoint;
mod conversation;
mod dns;
mod event;
mod file;
pub mod http;
mod indices;
pub mod ipvs;
mod machine;
mod misc;
mod ping;
mod pool;
mod reload;
mod rows;
mod smtp;
mod tables;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod words;

pub use checkpoint::Checkpoint;
pub use event::{
    Action, AttemptId, Cause, Change, Event, Output, Pool, QuorumStatus, ScriptEnd, Setter, TimerKey, Transport,
};
pub use indices::Indices;
pub use machine::Check;
pub use rows::{
    Checker, CheckerId, Group, GroupId, GroupMember, LastAttempt, MAX_WEIGHT, RealServer, RealServerId, Server,
    Statistics, VirtualServer, VirtualServerId,
};
pub use tables::Tables;
pub use words::endpoint;
