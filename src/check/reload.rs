//! A new configuration while running: services, servers and checkers that are unchanged keep row, index and state.

use std::collections::HashMap;

use super::event::{Action, AttemptId, Cause, Change, TimerKey};
use super::machine::{BOOTSTRAP_DELAY, Check};
use super::rows::{CheckerId, GroupId, RealServer, RealServerId, Server, VirtualServerId};
use super::tables::Tables;
use crate::config::lvs;
use crate::config::model::Config;
use crate::system::System;

impl Check {
    /// Takes over a configuration. IPVS follows by the difference.
    pub(super) fn configure(&mut self, config: Config) {
        let mut lvs = config.lvs;
        let groups = std::mem::take(&mut lvs.groups);
        let services = std::mem::take(&mut lvs.virtual_servers);
        let mut old = std::mem::take(&mut self.tables);
        let version = std::mem::take(&mut old.system.version);
        self.tables.system = System::new(version, config.global);
        self.tables.addresses = std::mem::take(&mut old.addresses);
        self.tables.lvs = lvs;

        let known: HashMap<String, VirtualServerId> =
            old.virtual_servers.iter().map(|(id, row)| (identity(&row.config), *id)).collect();
        let mut next = old.virtual_servers.keys().map(|id| id.0).max().unwrap_or(0);
        let (mut kept, mut fresh, mut started) = (Vec::new(), Vec::new(), Vec::new());
        for service in services {
            match known.get(&identity(&service)) {
                Some(id) => {
                    let positions = positions(*id, &service, &old);
                    self.tables.add_virtual_server(*id, service, &groups, positions);
                    started.extend(self.inherit(*id, &mut old));
                    kept.push(*id);
                }
                None => {
                    next += 1;
                    let id = VirtualServerId(next);
                    self.tables.add_virtual_server(id, service, &groups, 1..);
                    fresh.push(id);
                }
            }
        }
        for (id, group) in (1..).zip(groups) {
            self.tables.add_group(GroupId(id), group);
        }
        self.end_checkers(
            old.checkers.iter().map(|(id, row)| (*id, row.work.running, row.attempt, row.work.conversation.is_none())),
        );
        // Services that are gone: IPVS should hold nothing for them.
        self.dirty.extend(old.virtual_servers.keys());
        for id in kept {
            self.settle(id);
        }
        self.start_services(&fresh);
        for id in started {
            if self.tables.virtual_servers.get(&id.0.0).is_some_and(|row| !row.suspended) {
                self.start_checker(id, BOOTSTRAP_DELAY);
            }
        }
    }

    /// Moves the state of a service and of what is unchanged in it; tells the checkers that have to be started.
    fn inherit(&mut self, id: VirtualServerId, old: &mut Tables) -> Vec<CheckerId> {
        if let (Some(new), Some(old)) = (self.tables.virtual_servers.get_mut(&id), old.virtual_servers.get(&id)) {
            new.quorum_met = old.quorum_met;
            new.suspended = old.suspended;
            new.statistics = old.statistics;
        }
        let mut started = Vec::new();
        let servers: Vec<RealServerId> = self.tables.real_servers.of(&id).map(|(id, _)| *id).collect();
        for server in servers {
            let before = old.real_servers.get(&server);
            let Some(row) = self.tables.real_servers.get_mut(&server) else { continue };
            let same = before.filter(|before| before.address() == row.address());
            if let Some(before) = same {
                row.statistics = before.statistics;
                row.since = before.since;
                row.alive = before.alive;
                row.wanted = before.wanted;
                row.weight = before.weight;
            }
            let same = same.is_some();
            let checkers: Vec<CheckerId> = self.tables.checkers.of(&server).map(|(id, _)| *id).collect();
            for checker in checkers {
                let Some(new) = self.tables.checkers.get_mut(&checker) else { continue };
                let unchanged = old.checkers.get(&checker).is_some_and(|old| same && old.config == new.config);
                if unchanged && let Some(row) = old.checkers.remove(&checker) {
                    *new = row;
                } else {
                    // Late events of the checker that had this place must not be taken for its own.
                    new.attempt = old.checkers.get(&checker).map_or(0, |old| old.attempt);
                    started.push(checker);
                }
            }
        }
        started
    }

    /// What runs for checkers that are no more is given up.
    fn end_checkers(&mut self, gone: impl Iterator<Item = (CheckerId, bool, u32, bool)>) {
        for (checker, running, number, is_script) in gone {
            if running {
                let attempt = AttemptId { checker, number };
                let forget = if is_script { Action::KillScript(attempt) } else { Action::Close(attempt) };
                self.output.actions.push(forget);
            }
            self.output.actions.push(Action::Timer(TimerKey::Checker(checker), None));
        }
    }

    /// Figures and IPVS of a service that was there before.
    fn settle(&mut self, id: VirtualServerId) {
        let mut changed = Vec::new();
        for server in self.tables.real_server_ids(id) {
            let was_alive = self.recompute_server(server);
            let alive = self.tables.real_servers.get(&server).map(|row: &RealServer| row.alive);
            if was_alive != alive {
                changed.push((server, alive == Some(true)));
            }
        }
        self.recount(id);
        let pool = self.tables.pool(id);
        for (id, up) in changed {
            self.change(Change::RealServer { id, up, cause: Cause::Checks, pool });
        }
        self.judge_quorum(id);
        self.rewrite(id);
        self.dirty.insert(id);
    }
}

/// What makes a service the same one: how it is reached.
fn identity(service: &lvs::VirtualServer) -> String {
    format!("{:?} {:?}", service.endpoint, service.protocol)
}

/// Rows for the servers of a service that is known: those that stay keep their position, new ones come behind. The sorry
/// server has to be first, so where one comes or goes all are numbered anew.
fn positions(id: VirtualServerId, new: &lvs::VirtualServer, old: &Tables) -> Vec<u32> {
    let servers = new.sorry_server.iter().map(|server| server.address);
    let servers: Vec<_> = servers.chain(new.real_servers.iter().map(|server| server.address)).collect();
    let before: Vec<_> = old.real_servers.of(&id).collect();
    let had_sorry = before.iter().any(|(_, row)| matches!(row.config, Server::Sorry(_)));
    if had_sorry != new.sorry_server.is_some() {
        return (1..).take(servers.len()).collect();
    }
    let mut free = before.iter().map(|((_, position), _)| *position).max().unwrap_or(0);
    let mut taken = std::collections::HashSet::new();
    let mut place = |at: usize, address| {
        let is_sorry = at == 0 && had_sorry;
        let same = before.iter().find(|((_, position), row)| {
            let sorry = matches!(row.config, Server::Sorry(_));
            // There is one sorry server: it keeps its place even if it is another now.
            sorry == is_sorry && (sorry || row.address() == address) && !taken.contains(position)
        });
        let position = same.map_or_else(
            || {
                free += 1;
                free
            },
            |((_, position), _)| *position,
        );
        taken.insert(position);
        position
    };
    servers.into_iter().enumerate().map(|(at, address)| place(at, address)).collect()
}
