//! The connections under the checkers: TCP, TLS, UDP and ping attempts, check scripts, watched files and searches.
//!
//! Nothing here knows what a checker is, and nothing here waits: sockets are non-blocking under one
//! [`Reactor`](crate::reactor::Reactor); files and searches, which can hang or last, are handled by threads that leave their
//! events and wake the loop, and programs by a process.
//!
//! ```text
//! let mut connections = Connections::new(Some(Tls::new(&config.tls)?));
//! connections.open(&reactor, key, &target, Transport::Tcp, &mut out);
//! // each turn, for each ready descriptor:
//! connections.ready(&reactor, ready, &mut out);
//! for event in out.drain(..) { .. connections.send(..) .. connections.close(..) }
//! ```
//!
//! **Time limits are the caller's**: an attempt lasts until it ends by itself or is closed.

mod children;
mod connections;
mod files;
mod meter;
mod orders;
mod ping;
mod regular;
pub mod runner;
mod searches;
mod socket;
mod stream;
mod tls;

pub use children::Children;
pub use connections::{Connections, NetEvent, Transport, What};
pub use files::{FileEvent, InitFiles, watch_files};
pub use orders::{ChildEvent, Outcome};
pub use searches::Searches;
pub use tls::{Loading, Tls, TlsError};

use serde::{Deserialize, Serialize};

/// An attempt of a caller: its own number, and a generation that tells a late event of an earlier attempt from one of
/// this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Whose attempt it is.
    pub id: u128,
    /// Which of its attempts; one at a time is open.
    pub generation: u64,
}
