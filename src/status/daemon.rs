//! The processes and the configuration.

use serde::{Deserialize, Serialize};

/// A process of the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// `parent`, `VRRP`, `checker` or `BFD`.
    pub name: String,
    /// Its process id; none while it does not run.
    pub pid: Option<u32>,
    /// When it started.
    pub since: Option<f64>,
    /// How often it was started again after it had died, since the start of the daemon.
    pub restarts: u32,
    /// When it was last started again.
    #[serde(default)]
    pub last_restart: Option<f64>,
    /// How late its event loop was at most in the last minute, in seconds, as it has reported in the last 5 s; none while it
    /// does not run.
    #[serde(default)]
    pub late_max: Option<f64>,
    /// The same for 99 of 100 timers.
    #[serde(default)]
    pub late_p99: Option<f64>,
    /// Its subagent; none without SNMP, and for the parent.
    #[serde(default)]
    pub snmp: Option<Snmp>,
    /// Whether its part of the status is here; always so for the parent.
    pub answers: bool,
}

/// The AgentX subagent of a process. The numbers are since its start, or since the socket of the master was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snmp {
    /// Whether it has a session with the master.
    pub connected: bool,
    /// Sessions that were lost.
    pub sessions_lost: u64,
    /// Notifications so far.
    pub notifications: u64,
    /// Those that the master has acknowledged.
    pub sent: u64,
    /// Those that the master has refused.
    pub refused: u64,
    /// Those that were dropped, as too many waited.
    pub dropped: u64,
    /// Those that wait for the master.
    pub waiting: usize,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// Path of the file.
    pub file: String,
    /// When it was read.
    pub since: f64,
    /// Number of its faults: parts that are ignored.
    pub faults: usize,
    /// The last reload; none since the start of the daemon.
    pub last_reload: Option<Reload>,
    /// The last upgrade; none since the start of the daemon.
    #[serde(default)]
    pub last_upgrade: Option<Upgrade>,
}

/// A reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    /// When its result was known.
    pub at: f64,
    /// Why it was refused; none if the new configuration is in force.
    pub refused: Option<String>,
}

/// An upgrade to another program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upgrade {
    /// When its result was known.
    pub at: f64,
    /// Why it was refused; none if the new program runs.
    pub refused: Option<String>,
    /// All processes are of the new program.
    pub complete: bool,
}
