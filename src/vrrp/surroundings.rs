//! What an instance sees around it: all that decides on its source, its faults and its priority.

use std::time::Duration;

use snmp::Table;

use super::ids::{AddressId, GroupId};
use super::interface::Interfaces;
use super::lookup::Lookups;
use super::rows::{Address, Group, Instance};
use crate::track::Trackers;

/// The tables without that of the instances, to read.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) groups: &'a Table<GroupId, Group>,
    pub(super) addresses: &'a Table<AddressId, Address>,
    pub(super) interfaces: &'a Interfaces,
    pub(super) trackers: &'a Trackers,
    pub(super) lookups: &'a Lookups,
    /// Capabilities that the process lacks.
    pub(super) lacking: &'a [String],
}

impl<'a> Surroundings<'a> {
    /// The sync group of an instance.
    pub(super) fn group_of(&self, row: &Instance) -> Option<&'a Group> {
        row.group.and_then(|id| self.groups.get(&id))
    }

    /// Whether the interface of an index is there and up.
    pub(super) fn is_up(&self, index: Option<u32>) -> bool {
        index.and_then(|index| self.interfaces.get(index)).is_some_and(|link| link.up)
    }

    /// Whether the VMAC of an instance is being made, and patience has not ended: until then the instance is not to be
    /// judged.
    pub(super) fn awaits_vmac(&self, row: &Instance, now: Duration) -> bool {
        let Some(vmac) = row.vmac.as_ref().filter(|vmac| vmac.wanted) else { return false };
        let late = self.is_up(row.ifindex) && !self.is_up(vmac.ifindex);
        late && vmac.patience.is_some_and(|until| now < until)
    }
}
