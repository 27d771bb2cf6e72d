//! From a configuration to rows: at start all are new; later the difference is applied, and what is unchanged keeps
//! its row, index, state, timers and statistics.

use std::collections::HashMap;
use std::net::SocketAddr;

use snmp::{Key, Table};

use super::machine::Check;
use super::rows::{
    Checker, CheckerId, Group, GroupId, GroupMember, RealServer, RealServerId, Server, VirtualServer, VirtualServerId,
};
use super::tables::Tables;
use crate::config::lvs::{self, CheckerKind, Endpoint, GroupEntry, Lvs, Protocol};
use crate::config::model::Config;
use crate::system::System;

impl Check {
    /// Takes over a configuration.
    pub(super) fn configure(&mut self, config: Config) {
        self.dirty.extend(self.tables.virtual_server_ids());
        let version = std::mem::take(&mut self.tables.system.version);
        self.tables.system = System::new(version, config.global);
        let mut lvs = config.lvs;
        let servers = std::mem::take(&mut lvs.virtual_servers);
        for (id, mut checker) in self.tables.configure(lvs, servers.into_iter()) {
            checker.cancel(id, &mut self.output.actions);
        }
        for (name, value) in self.tables.files.clone() {
            self.file_value(&name, value);
        }
        if !self.is_running() {
            return;
        }
        for id in self.tables.virtual_server_ids() {
            for server in self.tables.real_server_ids(id) {
                self.server_changed(server);
            }
        }
        let changed = self.start_pools();
        self.tell_start(&changed);
        self.go_on();
    }
}

/// The rows before, out of which those that stay are taken.
struct Old {
    groups: HashMap<String, GroupId>,
    services: HashMap<(Endpoint, Option<Protocol>), (VirtualServerId, VirtualServer)>,
    servers: HashMap<VirtualServerId, OldServers>,
    checkers: HashMap<RealServerId, Vec<(CheckerId, Checker)>>,
}

/// Positions and rows by whether it is a regular server, and address.
type OldServers = HashMap<(bool, SocketAddr), (u32, RealServer)>;

impl Old {
    fn take(tables: &mut Tables) -> Old {
        let mut servers: HashMap<VirtualServerId, OldServers> = HashMap::new();
        for (id, row) in drain(&mut tables.real_servers) {
            servers.entry(id.0).or_default().insert((row.regular().is_some(), row.address()), (id.1, row));
        }
        let mut checkers: HashMap<RealServerId, Vec<(CheckerId, Checker)>> = HashMap::new();
        for (id, row) in drain(&mut tables.checkers) {
            checkers.entry(id.0).or_default().push((id, row));
        }
        let services = drain(&mut tables.virtual_servers);
        Old {
            groups: drain(&mut tables.groups).into_iter().map(|(id, row)| (row.config.name, id)).collect(),
            services: services.into_iter().map(|(id, row)| (identity(&row.config), (id, row))).collect(),
            servers,
            checkers,
        }
    }
}

fn drain<K: Key, R>(table: &mut Table<K, R>) -> Vec<(K, R)> {
    let keys: Vec<K> = table.keys().cloned().collect();
    keys.into_iter().filter_map(|key| table.remove(&key).map(|row| (key, row))).collect()
}

/// What a service is known by across configurations.
fn identity(config: &lvs::VirtualServer) -> (Endpoint, Option<Protocol>) {
    (config.endpoint.clone(), config.protocol)
}

impl Tables {
    /// Replaces the rows by those of a configuration and its virtual servers. Returns the checkers that it has no more.
    pub(super) fn configure(
        &mut self,
        mut lvs: Lvs,
        services: impl Iterator<Item = lvs::VirtualServer>,
    ) -> Vec<(CheckerId, Checker)> {
        let mut old = Old::take(self);
        self.members.clear();
        self.by_file.clear();
        let groups = std::mem::take(&mut lvs.groups);
        self.lvs = lvs;
        let mut next_group = old.groups.values().map(|id| id.0).max().unwrap_or(0) + 1;
        for group in &groups {
            let id = old.groups.get(&group.name).copied().unwrap_or_else(|| {
                next_group += 1;
                GroupId(next_group - 1)
            });
            self.add_group(id, group.clone());
        }
        let by_name: HashMap<String, GroupId> =
            self.groups.iter().map(|(id, row)| (row.config.name.clone(), *id)).collect();
        let mut next_service = old.services.values().map(|(id, _)| id.0).max().unwrap_or(0) + 1;
        for config in services {
            let group = match &config.endpoint {
                Endpoint::Group(name) => by_name.get(name).copied(),
                _ => None,
            };
            let known = old.services.remove(&identity(&config));
            let (mut row, servers) = VirtualServer::new(config, &groups, group);
            let id = match known {
                Some((id, known)) => {
                    row.quorum_met = known.quorum_met;
                    row.told = known.told;
                    row.suspended = known.suspended;
                    row.statistics = known.statistics;
                    id
                }
                None => {
                    next_service += 1;
                    VirtualServerId(next_service - 1)
                }
            };
            self.virtual_servers.insert(id, row);
            self.add_real_servers(id, servers, &mut old);
        }
        old.checkers.into_values().flatten().collect()
    }

    /// Its members, firewall marks first.
    fn add_group(&mut self, id: GroupId, config: lvs::VirtualServerGroup) {
        let is_mark = |entry: &&GroupEntry| matches!(entry, GroupEntry::FwMark(..));
        let marks = config.entries.iter().filter(is_mark);
        let others = config.entries.iter().filter(|entry| !is_mark(entry));
        for (position, entry) in (1..).zip(marks.chain(others)) {
            self.members.insert((id, position), GroupMember { entry: *entry });
        }
        self.groups.insert(id, Group { config });
    }

    /// Servers keep their position; only one that is in the place of a new sorry server moves.
    fn add_real_servers(&mut self, of: VirtualServerId, servers: Vec<Server>, old: &mut Old) {
        let has_sorry = matches!(servers.first(), Some(Server::Sorry(_)));
        let mut known = old.servers.remove(&of).unwrap_or_default();
        let last = known.values().map(|(position, _)| *position).max().unwrap_or(0);
        let mut next = last.max(u32::from(has_sorry)) + 1;
        for mut config in servers {
            let regular = matches!(config, Server::Regular(_));
            let former = known.remove(&(regular, config.address()));
            let position = match &former {
                _ if !regular => 1,
                Some((position, _)) if *position > 1 || !has_sorry => *position,
                _ => {
                    next += 1;
                    next - 1
                }
            };
            let checkers = config.take_checkers();
            let mut row = RealServer::new(config);
            let was_alive = former.as_ref().is_none_or(|(_, former)| former.alive);
            let is_new = former.is_none();
            if let Some((_, former)) = former {
                row.alive = former.alive;
                row.told = former.told;
                row.since = former.since;
                row.weight = former.weight;
                row.statistics = former.statistics;
            }
            let id = (of, position);
            for checker in checkers {
                row.not_run += 1;
                row.failed_checkers += u32::from(!self.add_checker(id, checker, was_alive, old));
            }
            if is_new {
                row.alive = row.failed_checkers == 0;
            }
            self.real_servers.insert(id, row);
        }
    }

    /// An unchanged checker keeps its state. A new one takes that of its server, unless `alpha`.
    fn add_checker(&mut self, server: RealServerId, config: lvs::Checker, was_alive: bool, old: &mut Old) -> bool {
        // At the first start there are none.
        let mut former = old.checkers.get_mut(&server);
        let known = former.as_deref_mut().and_then(|former| {
            let at = former.iter().position(|(_, row)| row.config == config)?;
            Some(former.swap_remove(at))
        });
        let (id, row) = match known {
            Some(known) => known,
            None => {
                let former = former.into_iter().flatten().map(|(id, _)| id.1).max().unwrap_or(0);
                let present = self.checkers.of(&server).next_back().map_or(0, |(id, _)| id.1);
                let mut row = Checker::new(config);
                row.up &= was_alive;
                ((server, former.max(present) + 1), row)
            }
        };
        if let CheckerKind::File { track_file, .. } = &row.config.kind {
            self.by_file.entry(track_file.clone()).or_default().push(id);
        }
        let up = row.up;
        self.checkers.insert(id, row);
        up
    }
}
