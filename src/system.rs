//! What both the VRRP and the checker process know of the daemon as a whole: the first branch of KEEPALIVED-MIB.

use snmp::Table;

use crate::config::model::Global;

/// The scalars and emailTable.
#[derive(Debug, Default)]
pub struct System {
    /// Product, version and date, as shown by KEEPALIVED-MIB::version.
    pub version: String,
    /// `global_defs`; absent before the first configuration.
    pub global: Option<Global>,
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
    /// The rows of a configuration.
    pub fn new(version: String, global: Global) -> System {
        let rows = global.notification_email.iter().map(|address| Email { address: address.clone() });
        System { version, emails: (1..).zip(rows).collect(), global: Some(global) }
    }
}

/// A process's tables, as far as branch 1 goes.
pub trait HasSystem {
    /// What it knows of the daemon.
    fn system(&self) -> &System;
}
