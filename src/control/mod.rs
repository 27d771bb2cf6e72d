//! The control socket: requests of an operator to the running daemon, and its answers.
//!
//! A client connects to a Unix stream socket, sends one request and gets one answer; then the connection is closed. Both
//! are JSON in a [frame]: the client may be of another release than the daemon, after an upgrade of the package and
//! before the restart, and may be another program. (The records that processes of one daemon exchange are refused if
//! only their version differs.)
//!
//! The daemon serves the socket in a thread of its own, with low priority: its event loop sees complete requests of
//! permitted clients only. Numbers of clients and connections, sizes and times are bounded.

mod client;
mod command;
mod event;
mod frame;
mod listener;
mod message;
mod peer;
mod server;
mod session;
mod worker;

pub use client::{Failure, ask};
pub use command::{Absence, Command, Weight};
pub use event::{Client, Event};
pub use listener::{BindError, Listener};
pub use message::{Answer, Outcome, Reload, Request};
pub use peer::Peer;
pub use server::Server;
