//! All rows of the checker process, and how a configuration becomes rows.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use snmp::Table;

use super::event::Pool;
use super::rows::{
    Checker, CheckerId, Group, GroupId, GroupMember, RealServer, RealServerId, Server, VirtualServer, VirtualServerId,
};
use crate::config::lvs::{self, CheckerKind, Endpoint, GroupEntry, Lvs};
use crate::config::model::Config;
use crate::system::System;

/// Every table of the checker process. Written by the machines, read by the views.
#[derive(Debug, Default)]
pub struct Tables {
    /// The daemon as a whole.
    pub system: System,
    /// Settings of all services; groups and virtual servers are rows, the lists here are empty.
    pub lvs: Lvs,
    /// virtualServerGroupTable.
    pub groups: Table<GroupId, Group>,
    /// virtualServerGroupMemberTable.
    pub members: Table<(GroupId, u32), GroupMember>,
    /// virtualServerTable.
    pub virtual_servers: Table<VirtualServerId, VirtualServer>,
    /// realServerTable.
    pub real_servers: Table<RealServerId, RealServer>,
    /// The checkers of each real server.
    pub checkers: Table<CheckerId, Checker>,
    /// Addresses of this host, for `ha_suspend`.
    pub addresses: HashSet<IpAddr>,
    /// FILE_CHECKs by the name of their `track_file`. Derived.
    pub(super) by_file: HashMap<String, Vec<CheckerId>>,
}

impl Tables {
    /// The rows of a configuration, before the first check.
    pub fn new(config: Config, version: String) -> Tables {
        let mut tables = Tables::of(config.lvs);
        tables.system = System::new(version, config.global);
        tables
    }

    /// The rows of services without global settings.
    pub fn of(mut lvs: Lvs) -> Tables {
        let mut tables = Tables::default();
        let groups = std::mem::take(&mut lvs.groups);
        let virtual_servers = std::mem::take(&mut lvs.virtual_servers);
        tables.lvs = lvs;
        for (id, virtual_server) in (1..).zip(virtual_servers) {
            tables.add_virtual_server(VirtualServerId(id), virtual_server, &groups, 1..);
        }
        for (id, group) in (1..).zip(groups) {
            tables.add_group(GroupId(id), group);
        }
        tables
    }

    /// Its members, firewall marks first.
    pub(super) fn add_group(&mut self, id: GroupId, config: lvs::VirtualServerGroup) {
        let is_mark = |entry: &&GroupEntry| matches!(entry, GroupEntry::FwMark(..));
        let marks = config.entries.iter().filter(is_mark);
        let others = config.entries.iter().filter(|entry| !is_mark(entry));
        for (position, entry) in (1..).zip(marks.chain(others)) {
            self.members.insert((id, position), GroupMember { entry: *entry });
        }
        self.groups.insert(id, Group { config });
    }

    /// `positions` number the sorry server, if any, and the real servers.
    pub(super) fn add_virtual_server(
        &mut self,
        id: VirtualServerId,
        mut config: lvs::VirtualServer,
        groups: &[lvs::VirtualServerGroup],
        positions: impl IntoIterator<Item = u32>,
    ) {
        let family = config.family(groups);
        let group = match &config.endpoint {
            Endpoint::Group(name) => {
                let position = groups.iter().position(|group| group.name == *name);
                position.and_then(|position| u32::try_from(position + 1).ok()).map(GroupId)
            }
            _ => None,
        };
        let servers = std::mem::take(&mut config.real_servers);
        let total = u32::try_from(servers.len()).unwrap_or(u32::MAX);
        let sorry = config.sorry_server.clone().map(Server::Sorry);
        let regular = servers.into_iter().map(|server| Server::Regular(Box::new(server)));
        for (position, server) in positions.into_iter().zip(sorry.into_iter().chain(regular)) {
            self.add_real_server((id, position), server);
        }
        let row = VirtualServer {
            family,
            group,
            total,
            up: 0,
            weight_sum: 0,
            quorum_met: !config.alpha,
            suspended: false,
            statistics: Default::default(),
            config,
        };
        self.virtual_servers.insert(id, row);
    }

    fn add_real_server(&mut self, id: RealServerId, mut config: Server) {
        let checkers = match &mut config {
            Server::Regular(server) => std::mem::take(&mut server.checkers),
            Server::Sorry(_) => Vec::new(),
        };
        let mut row = RealServer::new(config);
        for (position, checker) in (1..).zip(checkers) {
            let id = (id, position);
            if let CheckerKind::File { track_file, .. } = &checker.kind {
                self.by_file.entry(track_file.clone()).or_default().push(id);
            }
            let checker = Checker::new(checker);
            row.not_run += 1;
            row.failed_checkers += u32::from(!checker.up);
            self.checkers.insert(id, checker);
        }
        row.alive = row.failed_checkers == 0;
        self.real_servers.insert(id, row);
    }

    /// Ids of all virtual servers, in index order.
    pub fn virtual_server_ids(&self) -> Vec<VirtualServerId> {
        self.virtual_servers.keys().copied().collect()
    }

    /// Ids of the real servers of a service, in index order, without the sorry server.
    pub fn real_server_ids(&self, of: VirtualServerId) -> Vec<RealServerId> {
        self.real_servers.of(&of).filter(|(_, row)| row.regular().is_some()).map(|(id, _)| *id).collect()
    }

    /// Members of the group a service is reached by.
    pub fn members_of(&self, service: &VirtualServer) -> impl Iterator<Item = GroupEntry> {
        let rows = service.group.map(|group| self.members.of(&group).map(|(_, member)| member.entry));
        rows.into_iter().flatten()
    }

    /// Figures of a service.
    pub fn pool(&self, id: VirtualServerId) -> Pool {
        self.virtual_servers.get(&id).map_or(Pool::default(), |row| Pool {
            total: row.total,
            up: row.up,
            weight_sum: row.weight_sum,
            quorum: row.config.quorum,
            hysteresis: row.config.hysteresis,
        })
    }
}
