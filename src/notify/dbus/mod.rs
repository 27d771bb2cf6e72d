//! The D-Bus interface (`enable_dbus`), as a view: the instances and the daemon as objects on the system bus.
//!
//! A thread has the connection to the bus, and a copy of the states, which it shows. The view tells it of each change over a
//! bounded queue. What a caller wants to be done goes to the event loop as a [`Request`]. So a bus that hangs, a caller that
//! calls in a loop, or the end of the thread costs the state machines nothing.

mod calls;
mod inbox;
mod introspection;
mod link;
mod messages;
mod objects;
mod order;
mod session;
mod worker;

pub use link::{Dbus, DbusView};
pub use order::Request;
