//! Borrowed views of the tables for handling an event: an instance with its surroundings, and the addresses.

use snmp::Table;

use super::address::Address;
use super::counters::RouterCounters;
use super::faults;
use super::gateways::Gateways;
use super::ids::{GroupId, InstanceId};
use super::interface::Interfaces;
use super::lookup::Lookups;
use super::route::Route;
use super::routing::Routing;
use super::rows::{Group, Instance};
use super::rule::Rule;
use super::surroundings::Surroundings;
use super::turn::Turn;
use crate::state::Objects;
use crate::track::Trackers;

/// The parts of the tables for reconciling objects of the kernel: their rows, what the kernel has, and the look-up indexes.
pub(super) struct Site<'a> {
    pub(super) addresses: &'a mut Objects<Address>,
    pub(super) routes: &'a mut Objects<Route>,
    pub(super) rules: &'a mut Objects<Rule>,
    pub(super) routing: &'a mut Routing,
    pub(super) interfaces: &'a mut Interfaces,
    pub(super) lookups: &'a mut Lookups,
    pub(super) turn: &'a mut Turn,
}

/// An instance's row, with the parts of the tables that its transitions read and write.
pub(super) struct Router<'a> {
    pub(super) id: InstanceId,
    pub(super) row: &'a mut Instance,
    pub(super) groups: &'a Table<GroupId, Group>,
    pub(super) gateways: &'a Gateways,
    pub(super) trackers: &'a Trackers,
    /// Capabilities that VRRP needs and the process does not have.
    pub(super) lacking: &'a [String],
    pub(super) counters: &'a mut RouterCounters,
    pub(super) site: Site<'a>,
}

impl Router<'_> {
    /// The tables around the instance, for reading.
    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            groups: self.groups,
            addresses: self.site.addresses,
            routes: self.site.routes,
            rules: self.site.rules,
            interfaces: self.site.interfaces,
            gateways: self.gateways,
            trackers: self.trackers,
            lacking: self.lacking,
        }
    }

    /// Whether its first state cannot be decided yet.
    pub(super) fn is_undecided(&self) -> bool {
        faults::is_undecided(self.surroundings(), self.row)
    }
}
