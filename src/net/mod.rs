//! I/O for the checkers: TCP, TLS, UDP and ping attempts, check scripts, watched files and searches.
//!
//! This module does not depend on the checkers, and no call blocks: sockets are non-blocking under one
//! [`Reactor`](crate::reactor::Reactor); files and searches, which can hang or take long, are handled by threads that send
//! events and wake the loop; programs are run by a separate process.
//!
//! ```text
//! let mut connections = Connections::new(Some(Tls::new(&config.tls)?));
//! connections.open(&reactor, key, &target, Transport::Tcp, &mut out);
//! // each turn, for each ready descriptor:
//! connections.ready(&reactor, ready, &mut out);
//! for event in out.drain(..) { .. connections.send(..) .. connections.close(..) }
//! ```
//!
//! **The caller sets time limits**: an attempt lasts until it ends by itself or is closed.

mod children;
mod connections;
mod files;
mod meter;
mod orders;
mod ping;
mod ports;
mod regular;
pub mod runner;
mod searches;
mod socket;
mod started;
mod stream;
mod tls;

pub use children::Children;
pub use connections::{Connections, NetEvent, NetEventKind, Transport};
pub use files::{FileEvent, InitFiles, watch_files};
pub use orders::{ChildEvent, Outcome};
pub use regular::read as read_regular;
pub use searches::Searches;
pub use tls::{Loading, Tls, TlsError};

use serde::{Deserialize, Serialize};

/// Identifies an attempt (a connection, program or search) of a checker. The generation distinguishes it from earlier
/// attempts, whose events may still be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The checker.
    pub id: u128,
    /// Number of the attempt; each id has at most one open attempt.
    pub generation: u64,
}
