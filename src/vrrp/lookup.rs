//! Indexes derived from the rows, to find the rows that a packet, interface or address concerns.
//!
//! The kernel reports all links, of which there may be thousands that no instance uses. With these indexes the cost of an
//! event depends on the rows it concerns, not on the number of all rows.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use snmp::Table;

use super::ids::{AddressId, InstanceId, STATIC};
use super::interface::{AddressRole, InterfaceAddress};
use super::rows::Address;
use crate::config::model::Family;
use crate::track::TrackerId;

/// Interface, family and VRID of a packet.
type Wire = (u32, Family, u8);

/// The derived indexes.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    pub(super) by_wire: HashMap<Wire, BTreeSet<InstanceId>>,
    pub(super) wire_of: HashMap<InstanceId, Wire>,
    pub(super) by_vmac: HashMap<u32, InstanceId>,
    pub(super) vmac_of: HashMap<InstanceId, u32>,
    pub(super) by_address: HashMap<(u32, IpAddr), Vec<AddressId>>,
    /// Owners by name of the interfaces that they have addresses on, send on, or track.
    pub(super) by_device: HashMap<String, BTreeSet<InstanceId>>,
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

    pub(super) fn set_vmac(&mut self, id: InstanceId, index: Option<u32>) {
        if let Some(old) = self.vmac_of.remove(&id)
            && self.by_vmac.get(&old) == Some(&id)
        {
            self.by_vmac.remove(&old);
        }
        if let Some(index) = index {
            self.vmac_of.insert(id, index);
            self.by_vmac.insert(index, id);
        }
    }

    pub(super) fn move_address(&mut self, id: AddressId, ip: IpAddr, from: Option<u32>, to: Option<u32>) {
        if let Some(ids) = from.and_then(|index| self.by_address.get_mut(&(index, ip))) {
            ids.retain(|known| *known != id);
        }
        if let Some(index) = to {
            self.by_address.entry((index, ip)).or_default().push(id);
        }
    }
    pub(super) fn move_source(&mut self, id: InstanceId, from: Option<IpAddr>, to: Option<IpAddr>) {
        if let Some(ids) = self.by_source.get_mut(&from) {
            ids.remove(&id);
        }
        self.by_source.entry(to).or_default().insert(id);
    }

    /// The address rows that correspond to an address of the kernel.
    pub(super) fn rows_of(
        &self,
        addresses: &Table<AddressId, Address>,
        ifindex: u32,
        ip: IpAddr,
        prefix: u8,
    ) -> Vec<AddressId> {
        let ids = self.by_address.get(&(ifindex, ip)).map_or(&[][..], Vec::as_slice);
        let same = |id: &&AddressId| addresses.get(id).is_some_and(|row| row.kernel_prefix() == prefix);
        ids.iter().filter(same).copied().collect()
    }

    /// The role of an address that is set on an interface. Static addresses count as addresses of the host.
    pub(super) fn role_of(
        &self,
        addresses: &Table<AddressId, Address>,
        ifindex: u32,
        known: &InterfaceAddress,
    ) -> AddressRole {
        let rows = self.rows_of(addresses, ifindex, known.ip, known.prefix);
        if rows.is_empty() {
            return if known.marked { AddressRole::Ours } else { AddressRole::Host };
        }
        if rows.iter().any(|id| id.0 == STATIC.0) {
            return AddressRole::Host;
        }
        let ours = |id: &AddressId| addresses.get(id).is_some_and(|row| row.ours);
        if rows.iter().any(ours) { AddressRole::Ours } else { AddressRole::HostAndVirtual }
    }
}
