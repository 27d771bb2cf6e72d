//! The part of the VRRP process.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Target;

/// The part of the VRRP process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vrrp {
    /// Instances, in the order of their rows.
    pub instances: Vec<Instance>,
    /// Sync groups.
    pub groups: Vec<Group>,
    /// Scripts, files, processes and BFD sessions that are tracked.
    pub trackers: Vec<Tracker>,
    /// The last transitions of all instances, the latest first.
    pub transitions: Vec<Transition>,
    /// Receivers of notifications of `snmp_trap_target`.
    #[serde(default)]
    pub targets: Vec<Target>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The interface of its addresses.
    pub interface: String,
    /// 4 or 6.
    pub family: u8,
    /// Its VRID.
    pub vrid: u8,
    /// Protocol version.
    pub version: u8,
    /// `MASTER`, `BACKUP`, `FAULT` and so on.
    pub state: String,
    /// When it entered the state.
    pub since: f64,
    /// Why it entered the state; none before the first transition.
    pub cause: Option<String>,
    /// The first fault of the moment.
    pub fault: Option<String>,
    /// Effective priority.
    pub priority: u8,
    /// `priority`, or the value set by SNMP.
    pub base_priority: u8,
    /// The shares of trackers in the priority.
    pub shares: Vec<Share>,
    /// Whether it takes over from a master of lower priority.
    pub preempt: bool,
    /// Its sync group.
    pub group: Option<String>,
    /// It has yielded: it stays out of elections, which is no fault.
    #[serde(default)]
    pub yielded: Option<Yielded>,
    /// The last master heard.
    pub master: Option<Master>,
    /// Its virtual addresses, the advertised first.
    pub addresses: Vec<Address>,
    /// Its virtual routes.
    pub routes: Objects,
    /// Its virtual rules.
    pub rules: Objects,
    /// Its counters.
    pub counters: Counters,
}

/// The share of a tracker in the priority of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// `interface`, `script`, `file`, `process` or `BFD session`.
    pub kind: String,
    /// Name of the tracker.
    pub name: String,
    /// Its present state, as that of [`Tracker`].
    pub state: String,
    /// The effect of the state.
    pub effect: Effect,
    /// The entry is that of the sync group.
    pub of_group: bool,
}

/// The effect of a tracker on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Added to the priority; 0 = none.
    Weight(i32),
    /// The instance is in fault.
    Fault,
    /// The instance waits for the first result.
    Undecided,
}

/// How long an instance that has yielded stays out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Yielded {
    /// Since when.
    pub since: f64,
    /// Until when; none: until it is resumed.
    pub until: Option<f64>,
}

/// The last master heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// The source address of its adverts.
    pub address: IpAddr,
    /// Its priority.
    pub priority: u8,
}

/// A virtual address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// With its prefix length.
    pub address: String,
    /// Its interface.
    pub interface: String,
    /// Whether the kernel has it.
    pub set: bool,
}

/// Numbers of routes or rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    /// Configured.
    pub configured: usize,
    /// In the kernel.
    pub set: usize,
}

/// The counters of an instance, since the start of the daemon, a crash of the process (but for transitions) or a clearing signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Valid adverts received.
    pub adverts_received: u64,
    /// Adverts sent.
    pub adverts_sent: u64,
    /// Transitions to master.
    pub became_master: u64,
    /// Transitions from master.
    pub released_master: u64,
    /// Adverts with priority 0 received.
    pub priority_zero_received: u64,
    /// Adverts with priority 0 sent.
    pub priority_zero_sent: u64,
    /// Packets with a wrong length.
    pub length_errors: u64,
    /// Packets with a wrong TTL.
    pub ttl_errors: u64,
    /// Packets of another type.
    pub type_errors: u64,
    /// Adverts with another interval.
    pub interval_errors: u64,
    /// Adverts with other addresses.
    pub address_list_errors: u64,
    /// Adverts with an unknown type of authentication.
    pub auth_type_invalid: u64,
    /// Adverts with another type of authentication.
    pub auth_type_mismatch: u64,
    /// Adverts that failed the authentication.
    pub auth_failures: u64,
}

/// A sync group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: String,
    /// Names of its members.
    pub members: Vec<String>,
}

/// A tracker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracker {
    /// `script`, `file`, `process` or `BFD session`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `up`, `down`, `unknown`, or the number of a file.
    pub state: String,
    /// When it entered the state.
    pub since: f64,
    /// The end of the last run of a script.
    pub detail: Option<String>,
}

/// A transition of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: f64,
    /// Name of the instance.
    pub instance: String,
    /// The state before.
    pub from: String,
    /// The state since then.
    pub to: String,
    /// Why.
    pub cause: String,
}
