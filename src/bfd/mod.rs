//! BFD: the table of sessions and their machine (RFC 5880, 5881, 5883). No I/O and no clock.
//!
//! Asynchronous mode without authentication, echo and demand mode of this end; demand mode of the other end is honoured.
//! [`Bfd::handle`] takes an [`Event`] and the time; it writes rows in [`Tables`] and leaves [`Action`]s for the outside
//! and [`Change`]s for the views in [`Bfd::take_output`]. One event is handled to its end before the next.
//!
//! **The order of events matters.** A session goes down when nothing was heard for the detection time, and a packet is
//! heard when it is handed in. So that a busy machine takes no session down, hand in every packet that waits in a socket
//! before [`Event::Timer`] with [`TimerKey::Detection`]: after a wake-up, however late, read the sockets until they are
//! empty, then hand in the timers that are due. When the packets are too many to be read in one turn, leave the detection
//! timers for a later turn.

mod checkpoint;
mod event;
mod indices;
mod machine;
mod receive;
mod reload;
mod rows;
mod session;
mod tables;
#[cfg(test)]
mod tests;

pub use checkpoint::Checkpoint;
pub use event::{Action, Cause, Change, Event, Output, Received, Refusal, TimerKey};
pub use indices::Indices;
pub use machine::Bfd;
pub use rows::{Counters, Remote, Session, SessionId};
pub use tables::Tables;
