//! The parts of an event loop: clock, timer queue, poller, signals and wake-ups; and starting programs.
//!
//! A process owns one [`Reactor`] and one [`Timers`] queue and runs them in a loop:
//!
//! ```text
//! loop {
//!     reactor.wait(timers.next_deadline(), &mut events)?;
//!     while let Some(key) = timers.pop_due(clock::now()) { .. }   // adverts first
//!     for ready in events.iter() { .. }                           // then sockets
//! }
//! ```
//!
//! Readiness is **edge-triggered**: the owner of a readable descriptor reads it until the read would block, or
//! remembers that there is more and requests a turn without sleep (a deadline of zero).

pub mod background;
pub mod clock;
pub mod descriptors;
mod feed;
mod lateness;
pub mod launcher;
mod origin;
mod poll;
mod program;
mod signals;
mod timers;
mod waker;

pub use feed::{Feed, Feeder, feed};
pub use lateness::Meter;
pub use mio::{Interest, Token};
pub use nix::sys::signal::Signal;
pub use origin::Origin;
pub use poll::{Events, Reactor, Ready};
pub use program::Program;
pub use signals::{Caught, Signals};
pub use timers::Timers;
pub use waker::Waker;
