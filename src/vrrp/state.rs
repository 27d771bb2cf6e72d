//! The states of an instance or a sync group.

use serde::{Deserialize, Serialize};

/// VrrpState of KEEPALIVED-MIB; RFC 9568 calls master "Active". Checkpoints contain it: a new variant comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum State {
    /// Not yet started.
    Init = 0,
    /// Listens to the master's adverts.
    Backup = 1,
    /// Sends adverts and has the addresses.
    Master = 2,
    /// Cannot take part in VRRP.
    Fault = 3,
    /// Stopped with the daemon; only in notifications.
    Stopped = 5,
    /// Removed from the configuration; only in notifications.
    Deleted = 6,
}

impl State {
    /// Whether an instance in this state takes part in VRRP, or would without a fault.
    pub(super) fn takes_part(self) -> bool {
        matches!(self, State::Master | State::Backup | State::Fault)
    }

    /// The name of the state in logs, scripts and FIFOs.
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
