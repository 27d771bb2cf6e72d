//! The states of an instance or a sync group.

use serde::{Deserialize, Serialize};

/// VrrpState of KEEPALIVED-MIB; RFC 9568 calls master "Active".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum State {
    /// Not yet started.
    Init = 0,
    /// Listens.
    Backup = 1,
    /// Holds the addresses.
    Master = 2,
    /// Cannot take part.
    Fault = 3,
    /// Stopped with the daemon; only in notifications.
    Stopped = 5,
    /// Removed from the configuration; only in notifications.
    Deleted = 6,
}

impl State {
    /// The word used by logs, scripts and FIFOs.
    pub fn word(self) -> &'static str {
        match self {
            State::Init => "INIT",
            State::Backup => "BACKUP",
            State::Master => "MASTER",
            State::Fault => "FAULT",
            State::Stopped => "STOP",
            State::Deleted => "DELETED",
        }
    }
}
