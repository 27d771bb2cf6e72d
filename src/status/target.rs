//! Receivers of SNMP notifications.

use serde::{Deserialize, Serialize};

/// A receiver of `snmp_trap_target`, with the numbers of notifications of a process since that started, or since the target was
/// configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Address or name, and port.
    pub target: String,
    /// Whether it acknowledges them.
    pub inform: bool,
    /// Queued so far.
    pub queued: u64,
    /// Sent, each counted once.
    pub sent: u64,
    /// Acknowledged by the receiver.
    pub acknowledged: u64,
    /// Dropped, as too many waited or the receiver refused them.
    pub dropped: u64,
    /// In the queue now.
    pub waiting: u64,
}
