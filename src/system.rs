//! Data about the daemon as a whole, which every process serves: the `global` branch of KEEPALIVED-MIB.

use std::time::Duration;

use snmp::Table;

use crate::config::model::Global;

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
        let rows = global.notification_email.iter().map(|address| Email { address: address.clone() });
        System { version, emails: (1..).zip(rows).collect(), global: Some(global), configured: Duration::ZERO }
    }
}

/// The tables of a process that has the global data.
pub trait HasSystem {
    /// The global data.
    fn system(&self) -> &System;
}
