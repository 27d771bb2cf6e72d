//! LVS health: the tables of virtual servers, real servers and checkers, and their machines. No I/O and no clock.
//!
//! [`Check::handle`] takes an [`Event`] and the time; it writes rows in [`Tables`] and leaves [`Action`]s for the
//! outside and [`Change`]s for the views in [`Check::take_output`]. One event is handled to its end before the next.
//! What IPVS should hold follows from the rows: [`wanted`].

mod attempt;
mod checkpoint;
mod conversation;
mod dns;
mod event;
mod file;
pub mod http;
mod indices;
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
mod wanted;

pub use checkpoint::Checkpoint;
pub use event::{Action, AttemptId, Cause, Change, Event, Output, Pool, QuorumStatus, ScriptEnd, TimerKey, Transport};
pub use indices::Indices;
pub use machine::Check;
pub use rows::{
    Checker, CheckerId, Group, GroupId, GroupMember, MAX_WEIGHT, RealServer, RealServerId, Server, Statistics,
    VirtualServer, VirtualServerId,
};
pub use tables::Tables;
pub use wanted::{Destination, Service, ServiceKey, services, wanted};
