//! Building the rows from a configuration.

use std::collections::HashMap;

use super::address::Address;
use super::ids::{GroupId, InstanceId, Owner};
use super::indices::Indices;
use super::rows::{Group, Instance, Member};
use super::state::State;
use super::tables::Tables;
use crate::config::model::{self, Config};
use crate::state::{self, Numbering};
use crate::system::System;

impl Tables {
    /// Builds the rows of a configuration, without any state of the kernel.
    pub fn new(config: Config, version: String) -> Tables {
        Tables::numbered(config, version, Indices::default())
    }

    /// Builds the rows of a configuration, with the indices of a predecessor: rows that it had keep their index.
    pub fn numbered(config: Config, version: String, mut indices: Indices) -> Tables {
        let mut tables = Tables::default();
        let mut positions = |owner: Owner| indices.addresses.remove(&owner.index()).unwrap_or_default();
        let statics = config.static_addresses.into_iter().map(|address| (address, false));
        tables.add_addresses(Owner::Static, statics, positions(Owner::Static));
        tables.addresses.states_mut().for_each(|(_, state)| state.wanted = true);
        let mut numbering = Numbering::new(indices.instances);
        for instance in config.instances {
            let id = InstanceId(numbering.index_of(&instance.name));
            let addresses = listed(&instance);
            tables.instances.insert(id, Instance::new(instance));
            tables.add_addresses(Owner::Instance(id), addresses, positions(Owner::Instance(id)));
        }
        tables.next.instance = numbering.next();
        let by_name = tables.instances.iter().map(|(id, row)| (row.config.name.clone(), *id)).collect();
        tables.add_groups(config.sync_groups, indices.groups, &by_name);
        let mut trackers = config.trackers;
        tables.links.configure(std::mem::take(&mut trackers.interfaces));
        tables.trackers.configure(trackers, indices.trackers);
        tables.sync_daemon = config.lvs.sync_daemon;
        tables.system = System::new(version, config.global);
        tables.resolve_all();
        tables
    }

    fn add_addresses(
        &mut self,
        owner: Owner,
        addresses: impl IntoIterator<Item = (model::Address, bool)>,
        known: state::Indices<model::Address>,
    ) {
        let mut numbering = Numbering::new(known);
        for (address, advertised) in addresses {
            let position = numbering.index_of(&address);
            self.addresses.insert((owner.index(), position), Address::new(address, advertised));
        }
        self.set_next_address(owner, numbering.next());
    }

    /// Replaces the sync groups with those of a configuration, in state Init.
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
}

/// The addresses of an instance in the order of their rows, and whether each is advertised.
pub(super) fn listed(config: &model::Instance) -> Vec<(model::Address, bool)> {
    let advertised = config.addresses.iter().map(|address| (address.clone(), true));
    advertised.chain(config.excluded.iter().map(|address| (address.clone(), false))).collect()
}
