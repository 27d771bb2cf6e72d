//! Reports of the BFD process about its sessions to the processes that track them (listeners), over a socket pair for
//! each.
//!
//! Whenever one of the two processes starts, the parent creates a pair, sends both ends to the processes and keeps
//! none. So a pair is closed when one of its processes exits. A new listener is sent the states of all its sessions at
//! once.

mod publisher;
mod subscription;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

use crate::config::model::BfdInstance;
use crate::state::{Lasting, Reader, Unusable, Writer};

pub(super) use publisher::Publisher;
pub(super) use subscription::Subscription;

/// A process that follows BFD sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// `track_bfd`.
    Vrrp,
    /// `BFD_CHECK`.
    Checkers,
}

impl Listener {
    /// Whether a session is reported to it: the keywords `vrrp` and `checker`.
    fn follows(self, session: &BfdInstance) -> bool {
        match self {
            Listener::Vrrp => session.to_vrrp,
            Listener::Checkers => session.to_checker,
        }
    }
}

/// The state of a session. The form stays: at an upgrade the processes may be of different releases for a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Status {
    /// Name of the `bfd_instance`.
    name: String,
    up: bool,
    /// Its detection time: how long the state stays valid without the BFD process.
    detection: Duration,
}

/// A datagram over a pair: the current states of some sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Report {
    sessions: Vec<Status>,
}

impl Report {
    /// Most sessions of a datagram, whose names have at most 31 characters.
    const MOST: usize = 64;
    /// Octets of the longest datagram.
    const OCTETS: usize = 16 << 10;
}

impl Lasting for Report {
    const NAME: &'static str = "states of BFD sessions for their trackers";
    const VERSION: u32 = 2;

    fn write(&self, sections: &mut Writer) {
        sections.put("sessions", &self.sessions);
    }

    fn read(sections: &mut Reader<'_>) -> Result<Report, Unusable> {
        Ok(Report { sessions: sections.take("sessions")? })
    }
}

/// Creates a pair: the end of the BFD process, and the end of the listener.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

#[cfg(test)]
mod tests;
