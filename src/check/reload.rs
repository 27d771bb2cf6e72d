//! Building and reloading the rows from a configuration. At a reload, unchanged services, servers and checkers keep their
//! row, index, state, timers and statistics.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::indices::{self, Indices};
use super::ipvs::families;
use super::machine::Check;
use super::rows::{
    Checker, CheckerId, Group, GroupId, GroupMember, RealServer, RealServerId, Server, VirtualServer, VirtualServerId,
};
use super::tables::Tables;
use crate::config::Compared;
use crate::config::lvs::{self, CheckerKind, Endpoint, GroupEntry, Lvs};
use crate::config::model::Config;
use crate::state::{NextIndex, Numbering};

impl Check {
    /// Applies a new configuration.
    pub(super) fn configure(&mut self, config: Config, servers: Vec<Compared>) {
        self.tables.system.configure(config.global, self.now);
        let replaced = self.tables.configure(config.lvs, servers.into_iter());
        for (id, mut checker) in replaced.checkers {
            checker.cancel(id, &mut self.output.actions);
        }
        self.dirty.extend(replaced.changed);
        for (name, value) in self.tables.files.clone() {
            self.file_value(&name, value);
        }
        for (name, up) in self.tables.sessions.clone() {
            self.session_changed(&name, up);
        }
        if !self.is_running() {
            return;
        }
        for id in &replaced.filled {
            for server in self.tables.real_server_ids(*id) {
                self.server_reloaded(server);
            }
        }
        let changed = self.start_pools(&replaced.filled);
        self.report_start(&changed);
        self.start_new_checkers();
    }
}

/// The rows of a service in the previous configuration, from which the remaining rows are taken.
#[derive(Default)]
struct Previous {
    service: Option<VirtualServer>,
    servers: BTreeMap<RealServerId, RealServer>,
    checkers: BTreeMap<RealServerId, Vec<(CheckerId, Checker)>>,
}

/// What a configuration has changed.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    /// The checkers that were removed.
    pub(super) checkers: Vec<(CheckerId, Checker)>,
    /// The services that are new, removed, or have other settings or servers in IPVS. Weights and verdicts are compared later.
    pub(super) changed: Vec<VirtualServerId>,
    /// The services whose state is to be computed again; all others are exactly as before.
    pub(super) filled: Vec<VirtualServerId>,
}

impl Tables {
    /// Replaces the rows by those of a configuration and its virtual servers.
    pub(super) fn configure(&mut self, lvs: Lvs, services: impl Iterator<Item = Compared>) -> Replaced {
        let known = self.indices();
        self.fill(known, lvs, services)
    }

    /// Replaces the rows, with given indices: rows that are `known` get their index. Those of unchanged virtual servers stay
    /// where they are: copies of ten thousand rows would take most of the time of a reload.
    pub(super) fn fill(&mut self, known: Indices, mut lvs: Lvs, services: impl Iterator<Item = Compared>) -> Replaced {
        let Indices { groups: known_groups, services: known_services, marks, servers: mut known_servers } = known;
        let mut marks = Numbering::new(marks);
        self.groups.clear();
        self.members.clear();
        let groups = std::mem::take(&mut lvs.groups);
        self.lvs = lvs;
        let mut numbering = Numbering::new(known_groups);
        for group in &groups {
            self.add_group(GroupId(numbering.index_of(&group.name)), group.clone());
        }
        self.next.group = numbering.next();
        let by_name: HashMap<String, GroupId> =
            self.groups.iter().map(|(id, row)| (row.config.name.clone(), *id)).collect();
        let mut replaced = Replaced::default();
        let mut numbering = Numbering::new(known_services);
        let before = std::mem::take(&mut self.order);
        let mut left: BTreeSet<VirtualServerId> = before.iter().copied().collect();
        for service in services {
            let config = match service {
                Compared::Other(config) => *config,
                Compared::Same(place) => {
                    if let Some(id) = before.get(place).filter(|id| left.remove(id)) {
                        self.keep(*id, &mut replaced);
                    }
                    continue;
                }
            };
            let group = match &config.endpoint {
                Endpoint::Group(name) => by_name.get(name).copied(),
                _ => None,
            };
            let (mut row, servers) = VirtualServer::new(config, &groups, group);
            let id = VirtualServerId(numbering.index_of(&row.identity()));
            if self.marks().is_some() && !families(self, &row).is_empty() {
                row.mark_index = Some(marks.index_of(&row.identity()));
            }
            left.remove(&id);
            let mut old = self.take(id);
            // Whether the members of a group have changed is not compared.
            let mut same = group.is_none() && old.service.as_ref().is_some_and(|former| former.config == row.config);
            if let Some(former) = old.service.take() {
                row.quorum_met = former.quorum_met;
                row.reported = former.reported;
                row.suspended = former.suspended;
                row.statistics = former.statistics;
            }
            let positions = Numbering::new(known_servers.remove(&id.0).unwrap_or_default());
            row.next_server = self.add_real_servers(id, servers, positions, &mut old, &mut same);
            if !same {
                replaced.changed.push(id);
            }
            replaced.filled.push(id);
            replaced.checkers.extend(old.checkers.into_values().flatten());
            self.virtual_servers.insert(id, row);
            self.order.push(id);
        }
        self.next.service = numbering.next();
        self.next.mark = marks.next();
        for id in left {
            replaced.checkers.extend(self.take(id).checkers.into_values().flatten());
            replaced.changed.push(id);
        }
        self.list_followers();
        replaced
    }

    /// Keeps a service with its rows. A weight that was set by SNMP becomes the configured one again.
    fn keep(&mut self, id: VirtualServerId, replaced: &mut Replaced) {
        let mut reset = false;
        for (_, row) in self.real_servers.of_mut(&id) {
            let configured = row.configured_weight();
            reset |= std::mem::replace(&mut row.base_weight, configured) != configured;
        }
        if reset {
            replaced.filled.push(id);
        }
        self.order.push(id);
    }

    /// Removes the rows of a service and returns them.
    fn take(&mut self, id: VirtualServerId) -> Previous {
        let mut old = Previous { service: self.virtual_servers.remove(&id), ..Previous::default() };
        if old.service.is_none() {
            return old;
        }
        let servers: Vec<RealServerId> = self.real_servers.of(&id).map(|(id, _)| *id).collect();
        old.servers.extend(servers.iter().filter_map(|id| Some((*id, self.real_servers.remove(id)?))));
        let checkers = self.checkers.range(((id, 0), 0)..=((id, u32::MAX), u32::MAX));
        let checkers: Vec<CheckerId> = checkers.map(|(id, _)| *id).collect();
        for id in checkers {
            if let Some(row) = self.checkers.remove(&id) {
                old.checkers.entry(id.0).or_default().push((id, row));
            }
        }
        old
    }

    /// Lists the checkers that follow files and BFD sessions.
    fn list_followers(&mut self) {
        self.by_file.clear();
        self.by_session.clear();
        for (id, row) in self.checkers.iter() {
            match &row.config.kind {
                CheckerKind::File { track_file, .. } => self.by_file.entry(track_file.clone()).or_default().push(*id),
                CheckerKind::Bfd { session } => self.by_session.entry(session.clone()).or_default().push(*id),
                _ => {}
            }
        }
    }

    /// Adds a group with its members, firewall marks first.
    fn add_group(&mut self, id: GroupId, config: lvs::VirtualServerGroup) {
        let is_mark = |entry: &&GroupEntry| matches!(entry, GroupEntry::FwMark(..));
        let marks = config.entries.iter().filter(is_mark);
        let others = config.entries.iter().filter(|entry| !is_mark(entry));
        for (position, entry) in (1..).zip(marks.chain(others)) {
            self.members.insert((id, position), GroupMember { entry: *entry });
        }
        self.groups.insert(id, Group { config });
    }

    /// Adds the servers of a service, where known servers keep their position; `same` becomes false if they differ from the
    /// previous ones. Returns the next free position.
    fn add_real_servers(
        &mut self,
        of: VirtualServerId,
        servers: Vec<Server>,
        mut positions: Numbering<indices::ServerIdentity>,
        old: &mut Previous,
        same: &mut bool,
    ) -> NextIndex {
        for (place, mut config) in (0..).zip(servers) {
            let checkers = config.take_checkers();
            let mut row = RealServer::new(config);
            row.place = place;
            let id = (of, positions.index_of(&row.identity()));
            let former = old.servers.remove(&id);
            let was_alive = former.as_ref().is_none_or(|former| former.alive);
            let is_new = former.is_none();
            *same &= former.as_ref().is_some_and(|former| former.config == row.config);
            if let Some(former) = former {
                row.alive = former.alive;
                row.reported = former.reported;
                row.since = former.since;
                row.weight = former.weight;
                row.wanted = former.wanted;
                row.statistics = former.statistics;
            }
            for checker in checkers {
                row.not_run += 1;
                row.failed_checkers += u32::from(!self.add_checker(id, checker, was_alive, old));
            }
            if is_new {
                row.alive = row.failed_checkers == 0;
            }
            self.real_servers.insert(id, row);
        }
        *same &= old.servers.is_empty();
        positions.next()
    }

    /// Adds a checker and returns whether it is up. An unchanged checker keeps its state. A new checker is down if its
    /// server was down or `alpha` is set.
    fn add_checker(&mut self, server: RealServerId, config: lvs::Checker, was_alive: bool, old: &mut Previous) -> bool {
        // At the start there are no previous checkers.
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
        let up = row.up;
        self.checkers.insert(id, row);
        up
    }
}
