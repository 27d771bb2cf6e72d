//! The tables around an instance that determine its source address, fault and priority.

use snmp::Table;

use super::address::Address;
use super::gateways::Gateways;
use super::ids::GroupId;
use super::interface::{InterfaceAddress, Interfaces};
use super::own_link::OwnLink;
use super::route::Route;
use super::rows::{Group, Instance};
use super::rule::Rule;
use crate::config::model::Family;
use crate::state::Objects;
use crate::track::Trackers;

/// The tables except that of the instances, for reading.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) groups: &'a Table<GroupId, Group>,
    pub(super) addresses: &'a Objects<Address>,
    pub(super) routes: &'a Objects<Route>,
    pub(super) rules: &'a Objects<Rule>,
    pub(super) interfaces: &'a Interfaces,
    pub(super) gateways: &'a Gateways,
    pub(super) trackers: &'a Trackers,
    /// Capabilities that VRRP needs and the process does not have.
    pub(super) lacking: &'a [String],
}

impl<'a> Surroundings<'a> {
    /// The sync group of an instance.
    pub(super) fn group_of(&self, row: &Instance) -> Option<&'a Group> {
        row.group.and_then(|id| self.groups.get(&id))
    }

    /// Whether a link is being created and its grace period is not over.
    pub(super) fn awaits(&self, link: &OwnLink) -> bool {
        let base_up = self.interfaces.named(&link.base).is_some_and(|base| base.up);
        // The timer ends the grace period, unless it has a reason to extend it: it may be due already.
        link.state.wanted && link.grace_until.is_some() && base_up && !self.is_ready(link)
    }

    /// Whether a link is up; an ipvlan also has an address, the source of adverts.
    pub(super) fn is_ready(&self, own: &OwnLink) -> bool {
        let Some(link) = own.ifindex.and_then(|index| self.interfaces.get(index)).filter(|link| link.up) else {
            return false;
        };
        let suits = |known: &InterfaceAddress| known.usable && Family::of(known.ip) == own.family;
        own.config.is_vmac() || link.addresses.iter().any(suits)
    }

    /// Whether a link whose loss is a fault of the instance is being created.
    pub(super) fn awaits_links(&self, row: &Instance) -> bool {
        row.links.values().any(|link| link.tracked && self.awaits(link))
    }
}
