//! The part of the checker process.

use serde::{Deserialize, Serialize};

use super::Target;

/// The part of the checker process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checker {
    /// Virtual servers, in the order of their rows.
    pub virtual_servers: Vec<VirtualServer>,
    /// Receivers of notifications of `snmp_trap_target`.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// Its checks as a whole.
    #[serde(default)]
    pub checks: Checks,
}

/// The checks of the process as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Number of checks that are running.
    pub running: usize,
    /// Number of checks that started more than 0.1 s after their time, since the start of the daemon or a crash of the process.
    pub late: u64,
    /// Number of checks that could not start, as the process was out of descriptors, processes or memory.
    pub postponed: u64,
}

/// A virtual server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualServer {
    /// As in the log: `[ADDRESS]:tcp:PORT`, `FWM MARK` or `[GROUP]:0`.
    pub name: String,
    /// Number of real servers that are up.
    pub up: u32,
    /// Number of real servers, without the sorry server.
    pub total: u32,
    /// Sum of the weights of those that are up.
    pub weight: u64,
    /// `quorum`.
    pub quorum: u32,
    /// `hysteresis`.
    pub hysteresis: u32,
    /// Whether the quorum is met.
    pub quorum_met: bool,
    /// `ha_suspend`: its checks are suspended, as this host has none of its addresses.
    pub suspended: bool,
    /// Connections since the service was added, as last read from IPVS.
    pub connections: u64,
    /// Its real servers, the sorry server first.
    pub real_servers: Vec<RealServer>,
}

/// A real server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RealServer {
    /// Address and port.
    pub address: String,
    /// It is the sorry server.
    pub sorry: bool,
    /// Whether no check is down; for a sorry server, whether it is in use.
    pub up: bool,
    /// When that last changed.
    pub since: f64,
    /// Effective weight.
    pub weight: u32,
    /// `weight`, or the value set by SNMP.
    pub base_weight: u32,
    /// The weight that IPVS is to hold; none if it is not to hold the server.
    pub in_ipvs: Option<u32>,
    /// Connections since it was added, as last read from IPVS.
    pub connections: u64,
    /// Its checks.
    pub checks: Vec<Check>,
    /// The check that has ended last; none before the first.
    #[serde(default)]
    pub last_check: Option<LastCheck>,
}

/// A check that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastCheck {
    /// When.
    pub at: f64,
    /// Its kind and result, such as `TCP_CHECK: success`.
    pub result: String,
    /// How long it took, in seconds; none for a check that is driven by events.
    pub duration: Option<f64>,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its kind, such as `TCP_CHECK`.
    pub kind: String,
    /// The verdict; none before the first.
    pub up: Option<bool>,
    /// The reason of the last failure; empty if there is none.
    pub reason: String,
}
