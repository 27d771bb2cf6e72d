//! What the event loop and the thread tell each other.

use crate::config::model::{self, Family};
use crate::notify::dump::Dump;
use crate::vrrp::{InstanceId, State, Vrrp};

/// From the loop to the thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The settings and all instances.
    All(Snapshot),
    /// An instance has entered a state.
    State(InstanceId, State),
}

/// The settings and all instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// `None` if D-Bus is not enabled.
    pub(super) settings: Option<model::Dbus>,
    pub(super) instances: Vec<Entry>,
    pub(super) occasion: Occasion,
}

/// Why all instances are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Start,
    Reload,
    /// Orders were lost, as the queue was full.
    Loss,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: InstanceId,
    pub(super) name: String,
    /// `interface`; empty without one.
    pub(super) interface: String,
    pub(super) vrid: u8,
    pub(super) family: Family,
    pub(super) state: State,
}

impl Snapshot {
    /// Without the instances that the new configuration does not have, whose rows still exist during a reload.
    pub(super) fn of(machines: &Vrrp, occasion: Occasion) -> Snapshot {
        let tables = machines.tables();
        let settings = tables.system.global.as_ref().and_then(|global| global.dbus.clone());
        let rows = tables.instances.iter().filter(|(id, _)| !machines.retired().contains(id));
        let instances = rows.map(|(id, row)| Entry {
            id: *id,
            name: row.config.name.clone(),
            interface: row.config.interface.clone(),
            vrid: row.config.vrid,
            family: row.config.family,
            state: row.state,
        });
        let instances = if settings.is_some() { instances.collect() } else { Vec::new() };
        Snapshot { settings, instances, occasion }
    }
}

/// From the thread to the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Tell all instances: orders were lost.
    All,
    Request(Request),
}

/// What a caller wants to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Write a dump file.
    Dump(Dump),
    /// Read the configuration again.
    Reload,
    /// Announce the addresses of a master.
    Announce(InstanceId),
}
