//! Building the rows from a configuration.

use std::collections::HashMap;
use std::time::Duration;

use super::address::Address;
use super::ids::{GroupId, InstanceId, Owner};
use super::indices::Indices;
use super::route::Route;
use super::rows::{Group, Instance, Member};
use super::rule::Rule;
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
        tables.add_objects(Owner::Static, Lines::of_statics(&config), &mut indices);
        tables.addresses.states_mut().for_each(|(_, state)| state.wanted = true);
        tables.routes.states_mut().for_each(|(_, state)| state.wanted = true);
        tables.rules.states_mut().for_each(|(_, state)| state.wanted = true);
        let mut numbering = Numbering::new(std::mem::take(&mut indices.instances));
        for instance in config.instances {
            let id = InstanceId(numbering.index_of(&instance.name));
            let lines = Lines::of(&instance);
            tables.instances.insert(id, Instance::new(instance));
            tables.add_objects(Owner::Instance(id), lines, &mut indices);
        }
        tables.next.instance = numbering.next();
        let by_name = tables.instances.iter().map(|(id, row)| (row.config.name.clone(), *id)).collect();
        tables.add_groups(config.sync_groups, indices.groups, &by_name);
        let mut trackers = config.trackers;
        tables.links.configure(std::mem::take(&mut trackers.interfaces));
        tables.trackers.configure(trackers, indices.trackers);
        tables.sync_daemon = config.lvs.settings.sync_daemon;
        tables.system = System::new(version, config.global);
        tables.resolve_all();
        tables
    }

    fn add_objects(&mut self, owner: Owner, lines: Lines, indices: &mut Indices) {
        let owner = owner.index();
        self.addresses.add(owner, lines.addresses, indices.addresses.remove(&owner).unwrap_or_default());
        self.routes.add(owner, lines.routes, indices.routes.remove(&owner).unwrap_or_default());
        self.rules.add(owner, lines.rules, indices.rules.remove(&owner).unwrap_or_default());
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
            let (since, transitions) = (Duration::ZERO, 0);
            self.groups.insert(id, Group { config, state: State::Init, since, transitions, former: None, members });
        }
        self.next.group = numbering.next();
    }
}

/// The rows of an owner, as configured.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) addresses: Vec<Address>,
    pub(super) routes: Vec<Route>,
    pub(super) rules: Vec<Rule>,
}

impl Lines {
    /// The rows of an instance, in the order of the configuration.
    pub(super) fn of(config: &model::Instance) -> Lines {
        let address = |advertised: bool| move |address: &model::Address| Address::new(address.clone(), advertised);
        let advertised = config.addresses.iter().map(address(true));
        Lines {
            addresses: advertised.chain(config.excluded.iter().map(address(false))).collect(),
            routes: config.routes.iter().cloned().map(Route::new).collect(),
            rules: config.rules.iter().cloned().map(Rule::new).collect(),
        }
    }

    /// The static rows of a configuration.
    pub(super) fn of_statics(config: &Config) -> Lines {
        Lines {
            addresses: config.static_addresses.iter().map(|address| Address::new(address.clone(), false)).collect(),
            routes: config.static_routes.iter().cloned().map(Route::new).collect(),
            rules: config.static_rules.iter().cloned().map(Rule::new).collect(),
        }
    }
}
