//! How the BFD process tells the others of its sessions: by a socket pair for each, made by the parent.
//!
//! The parent makes a pair whenever one of the two processes starts, and hands both ends out; it keeps none. So the end of
//! a process is the end of its pairs. Whoever is connected is told the state of all its sessions at once.

mod hearer;
mod teller;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

use crate::config::model::BfdInstance;
use crate::state::Record;

pub(super) use hearer::Hearer;
pub(super) use teller::Teller;

/// A process that follows BFD sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// `track_bfd`.
    Vrrp,
    /// `BFD_CHECK`.
    Checkers,
}

impl Listener {
    /// Whether it is told of a session: the keywords `vrrp` and `checker`.
    fn follows(self, session: &BfdInstance) -> bool {
        match self {
            Listener::Vrrp => session.to_vrrp,
            Listener::Checkers => session.to_checker,
        }
    }
}

/// The state of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Status {
    /// Name of the `bfd_instance`.
    name: String,
    up: bool,
    /// Its detection time: the state holds so long without the BFD process.
    detection: Duration,
}

/// A datagram of a pair: some sessions as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    sessions: Vec<Status>,
}

impl Told {
    /// Sessions of a datagram at most: names have 31 characters at most.
    const MOST: usize = 64;
    /// Octets of a datagram at most.
    const OCTETS: usize = 16 << 10;
}

impl Record for Told {
    const NAME: &'static str = "states of BFD sessions for their trackers";
    const VERSION: u32 = 1;
}

/// A pair: the end of the BFD process, and that of a listener.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

#[cfg(test)]
mod tests;
