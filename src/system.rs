//! Data about the daemon as a whole, which every process serves: the `global` branch of KEEPALIVED-MIB.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use snmp::target::Counters;
use snmp::{Oid, Table};

use crate::config::model::{Global, TrapTarget};

/// The global scalars and emailTable.
#[derive(Debug, Default)]
pub struct System {
    /// Product, version and date: the value of KEEPALIVED-MIB::version.
    pub version: String,
    /// `global_defs`; `None` before the first configuration.
    pub global: Option<Global>,
    /// When the configuration came into force, by the clock of the process; 0 before the start.
    pub configured: Duration,
    /// emailTable.
    pub emails: Table<u32, Email>,
    /// haVrrpTargetTable or haCheckTargetTable: the targets of `snmp_trap_target`, by their addresses.
    pub targets: Table<Oid, Target>,
    /// haProcessTable: the processes by their numbers, as the parent knows them.
    pub processes: Table<u32, Process>,
    /// The last reload, as the parent knows it.
    pub last_reload: Option<Reload>,
}

/// A row of haVrrpTargetTable or haCheckTargetTable.
#[derive(Clone, Debug)]
pub struct Target {
    /// The target as configured.
    pub config: TrapTarget,
    /// Notifications queued, sent, acknowledged and dropped; the thread that sends them counts.
    pub counters: Arc<Counters>,
}

/// A row of emailTable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// Recipient as configured.
    pub address: String,
}

impl System {
    /// Builds the rows from a configuration.
    pub fn new(version: String, global: Global) -> System {
        let mut system = System { version, ..System::default() };
        system.configure(global, Duration::ZERO);
        system
    }

    /// Takes a new configuration, which comes into force `now`. Targets that stay keep their counters.
    pub fn configure(&mut self, global: Global, now: Duration) {
        let rows = global.notification_email.iter().map(|address| Email { address: address.clone() });
        let targets = global.trap_targets.iter().map(|target| {
            let index = index_of(&target.host.to_string());
            let counters = self.targets.get(&index).map(|before| Arc::clone(&before.counters)).unwrap_or_default();
            (index, Target { config: target.clone(), counters })
        });
        self.targets = targets.collect();
        self.emails = (1..).zip(rows).collect();
        self.configured = now;
        self.global = Some(global);
    }

    /// Takes what the parent knows.
    pub fn learn(&mut self, daemon: Daemon) {
        self.processes = daemon.processes.into_iter().map(|process| (process.number, process)).collect();
        self.last_reload = daemon.last_reload;
    }
}

/// The sub-identifiers of an index of type DisplayString: its length, and its octets (RFC 2578 section 7.7).
fn index_of(text: &str) -> Oid {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    Oid::from([vec![length], text.bytes().map(u32::from).collect()].concat())
}

/// What the parent knows of the daemon, as times of the event loop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// The parent and its children, whether or not they run.
    pub processes: Vec<Process>,
    /// The last reload; none since the start of the daemon.
    pub last_reload: Option<Reload>,
}

/// A process of the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// haProcessNumber: 1 is the parent, and each kind of child has its own number.
    pub number: u32,
    /// `parent`, `VRRP`, `checker` or `BFD`.
    pub name: String,
    /// Its process id; none while it does not run.
    pub pid: Option<u32>,
    /// When it started; none while it does not run.
    pub since: Option<Duration>,
    /// How often it was started again, since the start of the daemon.
    pub restarts: u32,
    /// When it was last started again.
    pub last_restart: Option<Duration>,
    /// How late its event loop was in the last minute, as it has last reported.
    pub late: Lateness,
}

/// How late the timers of an event loop were in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// The latest.
    pub max: Duration,
    /// 99 of 100 were not later.
    pub p99: Duration,
}

/// A reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// When its result was known.
    pub at: Duration,
    /// Why it was refused; none if the new configuration is in force.
    pub refused: Option<String>,
}

/// News about the daemon, for a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// A process was started again; its number.
    Restarted(u32),
    /// A reload was refused.
    ReloadRefused,
}

/// The tables of a process that has the global data.
pub trait HasSystem {
    /// The global data.
    fn system(&self) -> &System;
}
