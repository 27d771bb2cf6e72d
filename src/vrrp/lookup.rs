//! Indexes derived from the rows, to find the rows that a packet, interface or address concerns.
//!
//! The kernel reports all links, of which there may be thousands that no instance uses. With these indexes the cost of an
//! event depends on the rows it concerns, not on the number of all rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::address::Address;
use super::ids::{AddressId, InstanceId, OwnLinkId, Owner, RouterKey};
use super::interface::{AddressRole, InterfaceAddress};
use crate::config::model::Family;
use crate::state::Objects;
use crate::track::TrackerId;

/// Interface, family and VRID of a packet.
type Wire = (u32, Family, u8);

/// The derived indexes.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    pub(super) by_wire: HashMap<Wire, BTreeSet<InstanceId>>,
    pub(super) wire_of: HashMap<InstanceId, Wire>,
    /// Instances by their index in the MIBs of the RFCs.
    pub(super) by_router: BTreeMap<RouterKey, BTreeSet<InstanceId>>,
    pub(super) router_of: HashMap<InstanceId, RouterKey>,
    /// Links that the daemon makes, by kernel index.
    pub(super) by_own_link: HashMap<u32, OwnLinkId>,
    pub(super) index_of: HashMap<OwnLinkId, u32>,
    /// Instances without an interface.
    pub(super) unbound: BTreeSet<InstanceId>,
    /// Owners by name of the interfaces that they have addresses on, send on, or track.
    pub(super) by_device: HashMap<String, BTreeSet<Owner>>,
    /// Instances by tracker that they or their groups list.
    pub(super) by_tracker: HashMap<TrackerId, BTreeSet<InstanceId>>,
    /// Instances by source address.
    pub(super) by_source: HashMap<Option<IpAddr>, BTreeSet<InstanceId>>,
}

impl Lookups {
    pub(super) fn set_wire(&mut self, id: InstanceId, wire: Option<Wire>) {
        if let Some(old) = self.wire_of.remove(&id)
            && let Some(ids) = self.by_wire.get_mut(&old)
        {
            ids.remove(&id);
        }
        if let Some(wire) = wire {
            self.wire_of.insert(id, wire);
            self.by_wire.entry(wire).or_default().insert(id);
        }
    }

    pub(super) fn set_router(&mut self, id: InstanceId, key: Option<RouterKey>) {
        if let Some(old) = self.router_of.remove(&id)
            && let Some(ids) = self.by_router.get_mut(&old)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_router.remove(&old);
            }
        }
        if let Some(key) = key {
            self.router_of.insert(id, key);
            self.by_router.entry(key).or_default().insert(id);
        }
    }

    pub(super) fn set_own_link(&mut self, id: OwnLinkId, index: Option<u32>) {
        if let Some(old) = self.index_of.remove(&id)
            && self.by_own_link.get(&old) == Some(&id)
        {
            self.by_own_link.remove(&old);
        }
        if let Some(index) = index {
            self.index_of.insert(id, index);
            self.by_own_link.insert(index, id);
        }
    }

    pub(super) fn move_source(&mut self, id: InstanceId, from: Option<IpAddr>, to: Option<IpAddr>) {
        if let Some(ids) = self.by_source.get_mut(&from) {
            ids.remove(&id);
        }
        self.by_source.entry(to).or_default().insert(id);
    }
}

/// The role of an address that is set on an interface. Static addresses count as addresses of the host.
pub(super) fn role_of(addresses: &Objects<Address>, ifindex: u32, known: &InterfaceAddress) -> AddressRole {
    let rows = addresses.with_key(&(ifindex, known.ip, known.prefix));
    if rows.is_empty() {
        return if known.marked { AddressRole::Ours } else { AddressRole::Host };
    }
    if rows.iter().any(|id| Owner::of(*id) == Owner::Static) {
        return AddressRole::Host;
    }
    let ours = |id: &AddressId| addresses.get(id).is_some_and(|row| row.state.ours);
    if rows.iter().any(ours) { AddressRole::Ours } else { AddressRole::HostAndVirtual }
}
