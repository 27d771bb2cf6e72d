//! BFD: the table of sessions and their machine (RFC 5880, 5881, 5883). No I/O and no clock.
//!
//! This is asynchronous mode without authentication and without echo. This end never requests demand mode, but honours
//! that of the other end. [`Bfd::handle`] takes an [`Event`] and the time; it updates the rows in [`Tables`] and queues
//! [`Action`]s for the process and [`Change`]s for the views, which [`Bfd::take_output`] returns. Each event is handled
//! completely before the next.
//!
//! **The order of events matters.** A session goes down when no packet was handled for the detection time. To keep a busy
//! machine from taking sessions down, handle all packets waiting in the sockets before an [`Event::Timer`] with
//! [`TimerKey::Detection`]: after a wake-up, however late, first read the sockets until they are empty, then handle the
//! expired timers. When there are too many packets for one turn, defer the detection timers to a later turn.

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
