//! A virtual router at work: its row, found once, with all that it reads and writes besides.

use snmp::Table;

use super::faults;
use super::ids::{AddressId, GroupId, InstanceId};
use super::interface::Interfaces;
use super::lookup::Lookups;
use super::rows::{Address, Group, Instance};
use super::surroundings::Surroundings;
use super::turn::Turn;
use crate::track::Trackers;

/// The addresses of all owners, and what the kernel has.
pub(super) struct Site<'a> {
    pub(super) addresses: &'a mut Table<AddressId, Address>,
    pub(super) interfaces: &'a mut Interfaces,
    pub(super) lookups: &'a mut Lookups,
    pub(super) turn: &'a mut Turn,
}

/// An instance with the tables around it.
pub(super) struct Router<'a> {
    pub(super) id: InstanceId,
    pub(super) row: &'a mut Instance,
    pub(super) groups: &'a Table<GroupId, Group>,
    pub(super) trackers: &'a Trackers,
    /// Capabilities that the process lacks.
    pub(super) lacking: &'a [String],
    pub(super) site: Site<'a>,
}

impl Router<'_> {
    /// All but the other instances, to read.
    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            groups: self.groups,
            addresses: self.site.addresses,
            interfaces: self.site.interfaces,
            lookups: self.site.lookups,
            trackers: self.trackers,
            lacking: self.lacking,
        }
    }

    /// Whether it is not to be judged yet.
    pub(super) fn awaits(&self) -> bool {
        faults::awaits(self.surroundings(), self.row, self.site.turn.now)
    }
}
