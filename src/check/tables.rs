//! All rows of the checker process, and how they are built from a configuration.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use snmp::Table;

use super::event::Pool;
use super::indices::{Indices, Next};
use super::rows::{
    Checker, CheckerId, Group, GroupId, GroupMember, LastAttempt, RealServer, RealServerId, VirtualServer,
    VirtualServerId,
};
use crate::config::Compared;
use crate::config::lvs::{self, GroupEntry, Lvs, VirtualServerGroup};
use crate::config::model::{Config, IpvsMarks};
use crate::state;
use crate::system::System;

/// The tables of the checker process. The machine writes them, the views read them.
#[derive(Debug, Default)]
pub struct Tables {
    /// Data about the daemon as a whole.
    pub system: System,
    /// Settings of all services. Groups and virtual servers are moved to rows; the lists here are empty.
    pub lvs: Lvs,
    /// Attempts that started more than 0.1 s after their time.
    pub late: u64,
    /// Attempts that could not start, as this process was out of descriptors, processes or memory.
    pub postponed: u64,
    /// virtualServerGroupTable.
    pub groups: Table<GroupId, Group>,
    /// virtualServerGroupMemberTable.
    pub members: Table<(GroupId, u32), GroupMember>,
    /// virtualServerTable.
    pub virtual_servers: Table<VirtualServerId, VirtualServer>,
    /// The virtual servers in the order of the file.
    pub(super) order: Vec<VirtualServerId>,
    /// realServerTable.
    pub real_servers: Table<RealServerId, RealServer>,
    /// The checkers of each real server.
    pub checkers: Table<CheckerId, Checker>,
    /// Addresses of this host, for `ha_suspend`.
    pub addresses: HashSet<IpAddr>,
    /// Next free row indices.
    pub(super) next: Next,
    /// The number last read from each `track_file`.
    pub(super) files: HashMap<String, i64>,
    /// Whether each BFD session is up, as last reported.
    pub(super) sessions: HashMap<String, bool>,
    /// FILE_CHECKs by name of their `track_file`; derived from the rows.
    pub(super) by_file: HashMap<String, Vec<CheckerId>>,
    /// BFD_CHECKs by name of their session; derived from the rows.
    pub(super) by_session: HashMap<String, Vec<CheckerId>>,
}

impl Tables {
    /// Builds the rows of a configuration. The virtual servers are passed separately, one by one, to save memory.
    ///
    /// # Errors
    /// The first error of `servers`.
    pub fn new<E>(
        config: Config,
        servers: impl Iterator<Item = Result<lvs::VirtualServer, E>>,
        version: String,
    ) -> Result<Tables, E> {
        Tables::numbered(config, servers, version, Indices::default())
    }

    /// Builds the rows of a configuration, with the indices of a predecessor: rows that it had keep their index.
    ///
    /// # Errors
    /// The first error of `servers`.
    pub fn numbered<E>(
        config: Config,
        servers: impl Iterator<Item = Result<lvs::VirtualServer, E>>,
        version: String,
        indices: Indices,
    ) -> Result<Tables, E> {
        let mut tables = Tables { system: System::new(version, config.global), ..Tables::default() };
        let mut failed = None;
        let servers = servers.map_while(|server| server.map_err(|error| failed = Some(error)).ok());
        let servers = servers.map(|server| Compared::Other(Box::new(server)));
        tables.fill(indices, config.lvs, servers);
        failed.map_or(Ok(tables), Err)
    }

    /// Builds the rows of services without global settings.
    pub fn of(mut lvs: Lvs) -> Tables {
        let mut tables = Tables::default();
        let servers = std::mem::take(&mut lvs.virtual_servers);
        tables.configure(lvs, servers.into_iter().map(|server| Compared::Other(Box::new(server))));
        tables
    }

    /// Returns the present row indices. They only change with the configuration.
    pub fn indices(&self) -> Indices {
        let groups = self.groups.iter().map(|(id, row)| (row.config.name.clone(), id.0)).collect();
        let services = self.virtual_servers.iter().map(|(id, row)| (row.identity(), id.0)).collect();
        let servers = self.virtual_servers.iter().map(|(id, row)| {
            let rows = self.real_servers.of(id).map(|((_, position), row)| (row.identity(), *position)).collect();
            (id.0, state::Indices { rows, next: row.next_server })
        });
        let marks = self.virtual_servers.values().filter_map(|row| Some((row.identity(), row.mark_index?))).collect();
        Indices {
            marks: state::Indices { rows: marks, next: self.next.mark },
            groups: state::Indices { rows: groups, next: self.next.group },
            services: state::Indices { rows: services, next: self.next.service },
            servers: servers.collect(),
        }
    }

    /// Whether the `virtual_server_group` blocks are these.
    pub fn has_groups(&self, groups: &[VirtualServerGroup]) -> bool {
        self.groups.len() == groups.len() && self.groups.values().all(|row| groups.contains(&row.config))
    }

    /// Ids of all virtual servers, in index order.
    pub fn virtual_server_ids(&self) -> Vec<VirtualServerId> {
        self.virtual_servers.keys().copied().collect()
    }

    /// Ids of the real servers of a service, in index order, without the sorry server.
    pub fn real_server_ids(&self, of: VirtualServerId) -> Vec<RealServerId> {
        self.real_servers.of(&of).filter(|(_, row)| row.regular().is_some()).map(|(id, _)| *id).collect()
    }

    /// The virtual servers in the order of the file.
    pub fn in_order(&self) -> impl Iterator<Item = &VirtualServer> {
        self.order.iter().filter_map(|id| self.virtual_servers.get(id))
    }

    /// Ids of the virtual servers in the order of the file.
    pub fn virtual_servers_in_order(&self) -> impl Iterator<Item = VirtualServerId> {
        self.order.iter().copied()
    }

    /// The number last read from a `track_file`.
    pub fn file(&self, name: &str) -> Option<i64> {
        self.files.get(name).copied()
    }

    /// The FILE_CHECKs of a `track_file`.
    pub fn checkers_of_file(&self, name: &str) -> impl Iterator<Item = &CheckerId> {
        self.by_file.get(name).into_iter().flatten()
    }

    /// The BFD_CHECKs of a session.
    pub fn checkers_of_session(&self, name: &str) -> impl Iterator<Item = &CheckerId> {
        self.by_session.get(name).into_iter().flatten()
    }

    /// `nftables_ipvs`.
    pub fn marks(&self) -> Option<&IpvsMarks> {
        self.system.global.as_ref()?.ipvs_marks.as_ref()
    }

    /// The generated mark of a virtual server with a group.
    pub fn mark_of(&self, row: &VirtualServer) -> Option<u32> {
        let index = row.mark_index?;
        Some(self.marks()?.first.saturating_add(index.saturating_sub(1)))
    }

    /// Members of the group of a service; none for a service without a group.
    pub fn members_of(&self, service: &VirtualServer) -> impl Iterator<Item = GroupEntry> {
        let rows = service.group.map(|group| self.members.of(&group).map(|(_, member)| member.entry));
        rows.into_iter().flatten()
    }

    /// Number of running attempts.
    pub fn running(&self) -> usize {
        self.checkers.values().filter(|checker| checker.is_running()).count()
    }

    /// The attempt of a server that has ended last, and its result in words.
    pub fn last_attempt(&self, of: &RealServerId) -> Option<(LastAttempt, String)> {
        let checkers = self.checkers.of(of).map(|(_, checker)| checker);
        checkers.max_by_key(|checker| checker.last.map(|last| last.at))?.result()
    }

    /// The state of a service.
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
