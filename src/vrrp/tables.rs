//! All rows of the VRRP process, and how a configuration becomes rows.

use std::collections::HashMap;
use std::net::IpAddr;

use snmp::Table;

use super::indices::{Indices, Next};
use super::interface::Interfaces;
use super::lookup::{Lookups, STATIC};
use super::recent::Recent;
use super::rows::{Address, AddressId, Counters, Group, GroupId, Instance, InstanceId, Member, State};
use crate::config::lvs::SyncDaemon;
use crate::config::model::{self, Config};
use crate::state::{self, Numbering};
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
    /// Indices of rows to come.
    pub(super) next: Next,
}

impl Tables {
    /// The rows of a configuration, before anything is known of the kernel.
    pub fn new(config: Config, version: String) -> Tables {
        Tables::numbered(config, version, Indices::default())
    }

    /// The same, with the indices of a predecessor: a row that it knew keeps its index.
    pub fn numbered(config: Config, version: String, mut indices: Indices) -> Tables {
        let mut tables = Tables::default();
        let mut positions = |owner: InstanceId| indices.addresses.remove(&owner.0).unwrap_or_default();
        let statics = config.static_addresses.into_iter().map(|address| (address, false));
        tables.add_addresses(STATIC, statics, positions(STATIC));
        tables.addresses.values_mut().for_each(|row| row.wanted = true);
        let mut numbering = Numbering::new(indices.instances);
        for instance in config.instances {
            let id = InstanceId(numbering.index_of(&instance.name));
            let addresses = listed(&instance);
            tables.instances.insert(id, Instance::new(instance));
            tables.add_addresses(id, addresses, positions(id));
        }
        tables.next.instance = numbering.next();
        let by_name = tables.instances.iter().map(|(id, row)| (row.config.name.clone(), *id)).collect();
        tables.add_groups(config.sync_groups, indices.groups, &by_name);
        tables.sync_daemon = config.lvs.sync_daemon;
        tables.system = System::new(version, config.global);
        tables.resolve_all();
        tables
    }

    fn add_addresses(
        &mut self,
        owner: InstanceId,
        addresses: impl IntoIterator<Item = (model::Address, bool)>,
        known: state::Indices<model::Address>,
    ) {
        let mut numbering = Numbering::new(known);
        for (address, advertised) in addresses {
            let position = numbering.index_of(&address);
            self.addresses.insert((owner.0, position), Address::new(address, advertised));
        }
        self.set_next_address(owner, numbering.next());
    }

    /// Puts the sync groups of a configuration in place of those before; their states are set by the machines.
    pub(super) fn add_groups(
        &mut self,
        configs: Vec<model::SyncGroup>,
        known: state::Indices<String>,
        instances: &HashMap<String, InstanceId>,
    ) {
        self.groups.clear();
        self.members.clear();
        let mut numbering = Numbering::new(known);
        for config in configs {
            let id = GroupId(numbering.index_of(&config.name));
            let members: Vec<_> = config.members.iter().filter_map(|name| instances.get(name).copied()).collect();
            for (position, name) in (1..).zip(&config.members) {
                self.members.insert((id, position), Member { name: name.clone() });
            }
            for member in &members {
                if let Some(row) = self.instances.get_mut(member) {
                    row.group = Some(id);
                }
            }
            self.groups.insert(id, Group { config, state: State::Init, members });
        }
        self.next.group = numbering.next();
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

/// Addresses of an instance in the order of their rows, with whether they are advertised.
pub(super) fn listed(config: &model::Instance) -> Vec<(model::Address, bool)> {
    let advertised = config.addresses.iter().map(|address| (address.clone(), true));
    advertised.chain(config.excluded.iter().map(|address| (address.clone(), false))).collect()
}
