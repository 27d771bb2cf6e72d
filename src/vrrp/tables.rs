//! All rows of the VRRP process, and how a configuration becomes rows.

use std::collections::HashMap;
use std::net::IpAddr;

use snmp::Table;

use super::event::Received;
use super::interface::Interfaces;
use super::rows::{Address, AddressId, Counters, Group, GroupId, Instance, InstanceId, Member, State};
use crate::config::lvs::SyncDaemon;
use crate::config::model::{self, Config, Family};
use crate::system::System;

/// Every table of the VRRP process. Written by the machines, read by the views.
#[derive(Debug, Default)]
pub struct Tables {
    /// The daemon as a whole.
    pub system: System,
    /// Packets for a VRID that is not ours.
    pub unknown_vrids: u64,
    /// vrrpSyncGroupTable.
    pub groups: Table<GroupId, Group>,
    /// vrrpSyncGroupMemberTable.
    pub members: Table<(GroupId, u32), Member>,
    /// vrrpInstanceTable.
    pub instances: Table<InstanceId, Instance>,
    /// vrrpAddressTable.
    pub addresses: Table<AddressId, Address>,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// Links and addresses of the kernel.
    pub interfaces: Interfaces,
    /// Instances by what a received packet tells of them. Derived.
    by_vrid: HashMap<(u32, Family, u8), Vec<InstanceId>>,
    /// Address rows by what the kernel tells of them. Derived.
    pub(super) by_address: HashMap<(u32, IpAddr), Vec<AddressId>>,
}

impl Tables {
    /// The rows of a configuration, before anything is known of the kernel.
    pub fn new(config: Config, version: String) -> Tables {
        let mut tables = Tables::default();
        for (position, address) in (1..).zip(config.static_addresses) {
            let mut row = Address::new(address, false);
            row.wanted = true;
            tables.addresses.insert((0, position), row);
        }
        let mut by_name = HashMap::new();
        for (id, instance) in (1..).zip(config.instances) {
            by_name.insert(instance.name.clone(), InstanceId(id));
            tables.add_instance(InstanceId(id), instance);
        }
        for (id, group) in (1..).zip(config.sync_groups) {
            let id = GroupId(id);
            let members: Vec<_> = group.members.iter().filter_map(|name| by_name.get(name).copied()).collect();
            for (position, name) in (1..).zip(&group.members) {
                tables.members.insert((id, position), Member { name: name.clone() });
            }
            for member in &members {
                if let Some(row) = tables.instances.get_mut(member) {
                    row.group = Some(id);
                }
            }
            tables.groups.insert(id, Group { config: group, state: State::Init, members });
        }
        tables.sync_daemon = config.lvs.sync_daemon;
        tables.system = System::new(version, config.global);
        tables
    }

    fn add_instance(&mut self, id: InstanceId, config: model::Instance) {
        let advertised = config.addresses.iter().map(|address| (address, true));
        let excluded = config.excluded.iter().map(|address| (address, false));
        for (position, (address, advertised)) in (1..).zip(advertised.chain(excluded)) {
            self.addresses.insert((id.0, position), Address::new(address.clone(), advertised));
        }
        self.instances.insert(id, Instance::new(config));
    }

    /// Begins counting anew.
    pub fn clear_counters(&mut self) {
        self.instances.iter_mut().for_each(|(_, row)| row.counters = Counters::default());
    }

    /// Ids of all instances, in index order.
    pub fn instance_ids(&self) -> Vec<InstanceId> {
        self.instances.keys().copied().collect()
    }

    /// Ids of the address rows of an instance, in index order.
    pub fn address_ids(&self, owner: InstanceId) -> Vec<AddressId> {
        self.addresses.of(&owner.0).map(|(id, _)| *id).collect()
    }

    /// Name of the interface that an address belongs on.
    pub fn device(&self, id: AddressId) -> &str {
        let Some(row) = self.addresses.get(&id) else { return "?" };
        let device = row.config.device.as_str();
        let owner = self.instances.get(&InstanceId(id.0)).filter(|owner| owner.puts_on_vmac(device));
        owner.map_or(device, Instance::interface_name)
    }

    /// Name of a sync group.
    pub fn group_name(&self, id: GroupId) -> Option<&str> {
        self.groups.get(&id).map(|group| group.config.name.as_str())
    }

    /// Recomputes interface indices and the look-ups derived from them. An address row whose interface went away or
    /// changed its index is not installed any more.
    pub(super) fn resolve_interfaces(&mut self) {
        let by_name: HashMap<&str, u32> = self.interfaces.iter().map(|link| (link.name.as_str(), link.index)).collect();
        self.by_vrid.clear();
        for (id, row) in self.instances.iter_mut() {
            row.ifindex = by_name.get(row.config.interface.as_str()).copied();
            if let Some(ifindex) = row.wire() {
                self.by_vrid.entry((ifindex, row.config.family, row.config.vrid)).or_default().push(*id);
            }
        }
        self.by_address.clear();
        for (id, row) in self.addresses.iter_mut() {
            let owner = self.instances.get(&InstanceId(id.0)).filter(|owner| owner.puts_on_vmac(&row.config.device));
            let ifindex = match owner {
                Some(owner) => owner.vmac.as_ref().and_then(|vmac| vmac.ifindex),
                None => by_name.get(row.config.device.as_str()).copied(),
            };
            if row.ifindex != ifindex {
                row.ifindex = ifindex;
                row.installed = false;
                row.refused = false;
            }
            if let Some(ifindex) = ifindex {
                self.by_address.entry((ifindex, row.config.ip)).or_default().push(*id);
            }
        }
    }

    /// The instance a packet is for. Several may share a VRID if their peers or groups differ.
    pub(super) fn addressee(&self, received: &Received<'_>, vrid: u8) -> Option<InstanceId> {
        let ids = self.by_vrid.get(&(received.ifindex, received.family(), vrid))?;
        if let [id] = ids.as_slice() {
            return Some(*id);
        }
        let (source, destination) = (received.source, received.destination);
        let row = |id: &&InstanceId| self.instances.get(id);
        let meant = ids.iter().find(|id| row(id).is_some_and(|row| row.is_meant(source, destination)));
        // A stranger's packet is the affair of one that is spoken to in that way.
        let multicast = destination.is_multicast();
        let same_cast = |id: &&InstanceId| row(id).is_some_and(|row| row.config.unicast.is_none() == multicast);
        meant.or_else(|| ids.iter().find(same_cast)).or_else(|| ids.first()).copied()
    }

    /// The address rows that the kernel's address stands for.
    pub(super) fn rows_of(&self, ifindex: u32, ip: IpAddr, prefix: u8) -> Vec<AddressId> {
        let ids = self.by_address.get(&(ifindex, ip)).map_or(&[][..], Vec::as_slice);
        let same = |id: &&AddressId| self.addresses.get(id).is_some_and(|row| row.kernel_prefix() == prefix);
        ids.iter().filter(same).copied().collect()
    }

    /// Whether an address row of this address exists on the interface.
    pub(super) fn is_virtual(&self, ifindex: u32, ip: IpAddr) -> bool {
        self.by_address.contains_key(&(ifindex, ip))
    }
}
