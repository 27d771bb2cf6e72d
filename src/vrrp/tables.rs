//! All rows of the VRRP process, and how a configuration becomes rows.

use std::collections::HashMap;
use std::net::IpAddr;

use snmp::Table;

use super::interface::Interfaces;
use super::lookup::Lookups;
use super::recent::Recent;
use super::rows::{Address, AddressId, Counters, Group, GroupId, Instance, InstanceId, Member, State};
use crate::config::lvs::SyncDaemon;
use crate::config::model::{self, Config};
use crate::system::System;

/// Every table of the VRRP process. Written by the machines, read by the views.
#[derive(Debug, Default)]
pub struct Tables {
    /// The daemon as a whole.
    pub system: System,
    /// Packets for a VRID that is not ours.
    pub unknown_vrids: u64,
    /// Their interfaces, senders and VRIDs.
    pub(super) unknown: Recent<(u32, IpAddr, u8)>,
    /// vrrpSyncGroupTable.
    pub groups: Table<GroupId, Group>,
    /// vrrpSyncGroupMemberTable.
    pub members: Table<(GroupId, u32), Member>,
    /// vrrpInstanceTable.
    pub instances: Table<InstanceId, Instance>,
    /// vrrpAddressTable.
    pub addresses: Table<AddressId, Address>,
    /// Capabilities that VRRP needs and the process does not have, such as `CAP_NET_ADMIN`.
    pub lacking: Vec<String>,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// Links and addresses of the kernel.
    pub interfaces: Interfaces,
    /// Look-ups derived from the rows.
    pub(super) lookups: Lookups,
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
        tables.resolve_all();
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
}
