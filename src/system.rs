//! Data about the daemon as a whole, which every process serves: the `global` branch of KEEPALIVED-MIB.

use std::sync::Arc;
use std::time::Duration;

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
        System { version, ..System::default() }.reloaded(global)
    }

    /// The data after a reload: targets that stay keep their counters.
    pub fn reloaded(self, global: Global) -> System {
        let rows = global.notification_email.iter().map(|address| Email { address: address.clone() });
        let targets = global.trap_targets.iter().map(|target| {
            let index = index_of(&target.host.to_string());
            let counters = self.targets.get(&index).map(|before| Arc::clone(&before.counters)).unwrap_or_default();
            (index, Target { config: target.clone(), counters })
        });
        System {
            emails: (1..).zip(rows).collect(),
            targets: targets.collect(),
            version: self.version,
            configured: self.configured,
            global: Some(global),
        }
    }
}

/// The sub-identifiers of an index of type DisplayString: its length, and its octets (RFC 2578 section 7.7).
fn index_of(text: &str) -> Oid {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    Oid::from([vec![length], text.bytes().map(u32::from).collect()].concat())
}

/// The tables of a process that has the global data.
pub trait HasSystem {
    /// The global data.
    fn system(&self) -> &System;
}
