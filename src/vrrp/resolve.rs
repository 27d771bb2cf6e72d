//! Resolving the instances and addresses that a packet, an interface or an address of the kernel concerns.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::address::Address;
use super::event::Received;
use super::held::Held;
use super::host_route::RouteDevices;
use super::ids::{InstanceId, OwnLinkId, Owner};
use super::interface::{Interface, InterfaceAddress, Interfaces};
use super::lookup::Lookups;
use super::rows::Instance;
use super::tables::Tables;
use crate::config::model::{self, PROTOCOL_KEEPALIVED, Track, TrackerKind};
use crate::state::{Managed, Object};
use crate::track::TrackerId;

impl Tables {
    /// Rebuilds all look-up indexes, after a reload and after all interfaces were read.
    pub(super) fn resolve_all(&mut self) {
        self.lookups = Lookups { by_device: self.devices(), by_tracker: self.listings(), ..Lookups::default() };
        self.gateways.follow(self.instances.iter().map(|(id, row)| (*id, row)), &self.interfaces);
        self.resolve(Owner::Static);
        for id in self.instance_ids() {
            self.resolve(Owner::Instance(id));
            let source = self.instances.get(&id).and_then(|row| row.source);
            if self.instances.get(&id).is_some_and(|row| row.config.is_unbound()) {
                self.lookups.unbound.insert(id);
            }
            self.lookups.by_source.entry(source).or_default().insert(id);
        }
    }

    fn devices(&self) -> HashMap<String, BTreeSet<Owner>> {
        let mut devices: HashMap<String, BTreeSet<Owner>> = HashMap::new();
        let mut note_owner = |name: &str, owner: Owner| match devices.get_mut(name) {
            Some(owners) => drop(owners.insert(owner)),
            None => drop(devices.insert(name.to_owned(), BTreeSet::from([owner]))),
        };
        for (id, row) in self.addresses.iter() {
            note_owner(&row.config.device, Owner::of(*id));
        }
        for (id, row) in self.routes.iter() {
            row.device_names().for_each(|name| note_owner(name, Owner::of(*id)));
        }
        let mut note = |name: &str, id: InstanceId| note_owner(name, Owner::Instance(id));
        for (id, row) in self.instances.iter() {
            row.config.device().into_iter().for_each(|name| note(name, *id));
            row.config
                .trackers
                .iter()
                .filter(|track| track.kind == TrackerKind::Interface)
                .for_each(|track| note(&track.name, *id));
        }
        for group in self.groups.values() {
            for track in group.config.trackers.iter().filter(|track| track.kind == TrackerKind::Interface) {
                group.members.iter().for_each(|id| note(&track.name, *id));
            }
        }
        devices
    }

    fn listings(&self) -> HashMap<TrackerId, BTreeSet<InstanceId>> {
        let mut listings: HashMap<TrackerId, BTreeSet<InstanceId>> = HashMap::new();
        let mut note = |entry: &Track, id: InstanceId| {
            if let Some(tracker) = self.trackers.find(entry.kind, &entry.name) {
                listings.entry(tracker).or_default().insert(id);
            }
        };
        for (id, row) in self.instances.iter() {
            row.config.trackers.iter().for_each(|entry| note(entry, *id));
        }
        for group in self.groups.values() {
            for entry in &group.config.trackers {
                group.members.iter().for_each(|id| note(entry, *id));
            }
        }
        listings
    }

    /// The instances that list a tracker themselves or through their group.
    pub(super) fn listing(&self, id: TrackerId) -> impl Iterator<Item = InstanceId> {
        self.lookups.by_tracker.get(&id).into_iter().flatten().copied()
    }

    /// Resolves the interfaces of an instance and its addresses, or of the static addresses. An address row whose interface
    /// was removed or changed its index is no longer installed.
    pub(super) fn resolve(&mut self, owner: Owner) {
        if let Some((id, row)) = owner.instance().and_then(|id| Some((id, self.instances.get_mut(&id)?))) {
            row.ifindex = row.config.device().and_then(|name| self.interfaces.named(name)).map(|link| link.index);
            let wire = row.wire().map(|index| (index, row.config.family, row.config.vrid));
            self.lookups.set_wire(id, wire);
            self.lookups.set_router(id, row.router_key());
            for (number, link) in &row.links {
                self.lookups.set_own_link(OwnLinkId(id, *number), link.ifindex);
            }
        }
        let instance = owner.instance().and_then(|id| self.instances.get(&id));
        let interfaces = &self.interfaces;
        for id in self.addresses.ids(owner.index()) {
            self.addresses.change(id, |row| row.ifindex = index_of(interfaces, instance, &row.config));
        }
        for id in self.routes.ids(owner.index()) {
            self.routes.change(id, |row| row.devices = devices_of(interfaces, &row.config));
        }
    }

    /// Updates which rows of an owner are installed, from what the kernel has. Objects in `inherited` are ours.
    pub(super) fn match_objects(&mut self, owner: Owner, inherited: &Held) {
        self.match_addresses(owner, inherited);
        for id in self.routes.ids(owner.index()) {
            let Some(row) = self.routes.get(&id) else { continue };
            let known = self
                .routing
                .route_of(row)
                .map(|route| route.key.protocol == PROTOCOL_KEEPALIVED || inherited.has_route(&row.config));
            if let Some(state) = self.routes.state_mut(id) {
                state.found(known.is_some(), known == Some(true));
            }
        }
        for id in self.rules.ids(owner.index()) {
            let Some(row) = self.rules.get(&id) else { continue };
            let there = row.key().is_some_and(|key| self.routing.has_rule(&key));
            let ours = row.config.protocol == PROTOCOL_KEEPALIVED || inherited.has_rule(&row.config);
            if let Some(state) = self.rules.state_mut(id) {
                state.found(there, ours);
            }
        }
    }

    fn match_addresses(&mut self, owner: Owner, inherited: &Held) {
        for id in self.addresses.ids(owner.index()) {
            let Some(row) = self.addresses.get(&id) else { continue };
            let known = self.installed_address(row);
            let ours = known.is_some_and(|(link, known)| known.marked || inherited.has_address(&link.name, row));
            let there = known.is_some();
            if let Some(state) = self.addresses.state_mut(id) {
                state.found(there, ours);
            }
        }
    }

    /// The address of a row in the interface table, if it is set.
    fn installed_address(&self, row: &Address) -> Option<(&Interface, &InterfaceAddress)> {
        let link = row.ifindex.and_then(|index| self.interfaces.get(index))?;
        Some((link, link.addresses.get(row.config.ip, row.kernel_prefix())?))
    }

    /// Updates which new rows are installed, after a reload.
    pub(super) fn match_new_objects(&mut self) {
        self.match_new_addresses();
        let is_new = |state: &Managed| !state.installed && state.pending.is_none();
        for id in self.routes.all_ids() {
            let Some(row) = self.routes.get(&id).filter(|row| is_new(&row.state)) else { continue };
            let known = self.routing.route_of(row).map(|route| route.key.protocol == PROTOCOL_KEEPALIVED);
            if let Some(state) = self.routes.state_mut(id) {
                (state.installed, state.ours) = (known.is_some(), known == Some(true));
            }
        }
        for id in self.rules.all_ids() {
            let Some(row) = self.rules.get(&id).filter(|row| is_new(&row.state)) else { continue };
            let there = row.key().is_some_and(|key| self.routing.has_rule(&key));
            let ours = there && row.config.protocol == PROTOCOL_KEEPALIVED;
            if let Some(state) = self.rules.state_mut(id) {
                (state.installed, state.ours) = (there, ours);
            }
        }
    }

    fn match_new_addresses(&mut self) {
        for id in self.addresses.all_ids() {
            let new = |row: &&Address| !row.state.installed && row.state.pending.is_none();
            let Some(row) = self.addresses.get(&id).filter(new) else { continue };
            let known = self.installed_address(row).map(|(_, known)| known.marked);
            if let Some(state) = self.addresses.state_mut(id) {
                (state.installed, state.ours) = (known.is_some(), known == Some(true));
            }
        }
    }

    /// The numbers of the names in a route; `None` while an interface does not exist.
    pub(super) fn devices_of(&self, config: &model::Route) -> Option<RouteDevices> {
        devices_of(&self.interfaces, config)
    }

    /// The instances with a source address; with `None`, those without any.
    pub(super) fn users_of_source(&self, source: Option<IpAddr>) -> Vec<InstanceId> {
        self.lookups.by_source.get(&source).into_iter().flatten().copied().collect()
    }

    /// The owners that an interface of this name concerns.
    pub(super) fn concerned_by(&self, name: &str) -> impl Iterator<Item = Owner> {
        self.lookups.by_device.get(name).into_iter().flatten().copied()
    }

    /// The link of ours with this index.
    pub(super) fn own_link_at(&self, index: u32) -> Option<OwnLinkId> {
        self.lookups.by_own_link.get(&index).copied()
    }

    /// Whether the sockets bound to a device, or 0, receive packets from several interfaces.
    fn is_unbound_wire(&self, ifindex: u32) -> bool {
        ifindex == 0 || self.interfaces.get(ifindex).is_some_and(|link| link.vrf_table.is_some())
    }

    /// Whether a packet is sent to the source address of an instance without an interface.
    fn is_for_unbound(&self, id: InstanceId, received: &Received<'_>) -> bool {
        let row = self.instances.get(&id).filter(|row| row.config.is_unbound());
        row.and_then(|row| row.config.source) == Some(received.destination)
    }

    /// Whether a packet without an instance need not be reported: it was received by a socket for several interfaces, or is for
    /// an instance without an interface.
    pub(super) fn is_elsewhere(&self, received: &Received<'_>, vrid: u8) -> bool {
        let known = |id: &InstanceId| {
            self.instances.get(id).is_some_and(|row| row.config.vrid == vrid) && self.is_for_unbound(*id, received)
        };
        self.is_unbound_wire(received.ifindex) || self.lookups.unbound.iter().any(known)
    }

    /// The instance that a packet is for. Instances may share a VRID if their peers, their own addresses or their multicast
    /// groups differ.
    pub(super) fn addressee(&self, received: &Received<'_>, vrid: u8) -> Option<InstanceId> {
        let ids = self.lookups.by_wire.get(&(received.ifindex, received.family(), vrid))?;
        let (source, destination) = (received.source, received.destination);
        let expects = |id: &&InstanceId| self.instances.get(id).is_some_and(|row| row.expects(source, destination));
        if self.is_unbound_wire(received.ifindex) {
            // Adverts of other virtual routers arrive too, on any interface.
            let to_us = || ids.iter().filter(|id| self.is_for_unbound(**id, received));
            return to_us().find(expects).or_else(|| to_us().next()).copied();
        }
        if !ids.iter().any(|id| expects(&id)) && self.is_elsewhere(received, vrid) {
            return None;
        }
        if ids.len() == 1 {
            return ids.first().copied();
        }
        let row = |id: &&InstanceId| self.instances.get(id);
        let own = |id: &&InstanceId| row(id).is_some_and(|row| row.config.source == Some(destination));
        let expected = ids.iter().filter(expects).find(own).or_else(|| ids.iter().find(expects));
        // A packet from an unknown sender goes to an instance of the same kind, multicast or unicast.
        let multicast = destination.is_multicast();
        let same_cast = |id: &&InstanceId| row(id).is_some_and(|row| row.config.unicast.is_none() == multicast);
        expected.or_else(|| ids.iter().find(same_cast)).or_else(|| ids.first()).copied()
    }
}

/// Index of the interface for an address: a VMAC of its instance, or the interface that it names.
fn index_of(interfaces: &Interfaces, instance: Option<&Instance>, address: &model::Address) -> Option<u32> {
    match instance.and_then(|instance| instance.link_of(address)) {
        Some(link) => link.ifindex,
        None => interfaces.named(&address.device).map(|link| link.index),
    }
}

/// The numbers of the names in a route; `None` while an interface does not exist.
fn devices_of(interfaces: &Interfaces, config: &model::Route) -> Option<RouteDevices> {
    let find = |name: &Option<String>| match name {
        Some(name) => interfaces.named(name).map(|link| Some(link.index)),
        None => Some(None),
    };
    let vrf_table = match &config.vrf {
        Some(vrf) => Some(interfaces.named(vrf)?.vrf_table?),
        None => None,
    };
    let hops = config.hops.iter().map(|hop| find(&hop.device)).collect::<Option<_>>()?;
    Some(RouteDevices { device: find(&config.device)?, hops, vrf_table })
}

impl Instance {
    /// Whether a packet matches the multicast group or a peer of this instance.
    fn expects(&self, source: IpAddr, destination: IpAddr) -> bool {
        match &self.config.unicast {
            None => destination == self.config.group,
            Some(unicast) => !destination.is_multicast() && unicast.peers.iter().any(|peer| peer.ip == source),
        }
    }
}
