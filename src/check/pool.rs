//! The state of services: live servers, weights, quorum and wanted destinations, derived from the verdicts of checkers.

use super::event::{Cause, Change, QuorumStatus, Setter};
use super::machine::Check;
use super::rows::{MAX_WEIGHT, RealServerId, Server, VirtualServerId};

impl Check {
    /// Updates a server and its service after a result of a checker or a change of the base weight.
    pub(super) fn server_changed(&mut self, id: RealServerId) {
        if let Some(was_alive) = self.recompute_server(id) {
            self.server_recomputed(id, was_alive);
        }
    }

    /// Updates a server after a reload, and its service if the server has changed. The other services are updated once, by
    /// [`Check::start_pools`].
    pub(super) fn server_reloaded(&mut self, id: RealServerId) {
        let weight = |check: &Check| check.tables.real_servers.get(&id).map(|row| (row.alive, row.weight));
        let before = weight(self);
        let Some(was_alive) = self.recompute_server(id) else { return };
        if weight(self) != before {
            self.server_recomputed(id, was_alive);
        }
    }

    fn server_recomputed(&mut self, id: RealServerId, was_alive: bool) {
        self.recount(id.0);
        let alive = self.tables.real_servers.get(&id).is_some_and(|row| row.alive);
        if alive != was_alive {
            self.report_server(id, Cause::Checks);
        }
        if self.update_quorum(id.0) && self.is_reported(id.0) {
            self.report_quorum(id.0, Cause::Checks);
        }
        self.update_destinations(id.0);
    }

    /// Reports a server as down when the first result of a checker with `alpha` is a failure, unless it was reported
    /// before.
    pub(super) fn report_first_failure(&mut self, id: RealServerId) {
        if self.tables.real_servers.get(&id).is_some_and(|row| !row.alive && !row.reported) {
            self.report_server(id, Cause::Initial);
        }
    }

    /// Recomputes whether a server is alive, and its weight, from its checkers. Returns whether it was alive before.
    pub(super) fn recompute_server(&mut self, id: RealServerId) -> Option<bool> {
        let (mut failed, mut not_run, mut contributions) = (0, 0, 0_i64);
        for (_, checker) in self.tables.checkers.of(&id) {
            failed += u32::from(!checker.up);
            not_run += u32::from(!checker.has_run);
            contributions = contributions.saturating_add(checker.contribution);
        }
        let now = self.now;
        let row = self.tables.real_servers.get_mut(&id)?;
        let was_alive = row.alive;
        row.failed_checkers = failed;
        row.not_run = not_run;
        row.alive = failed == 0;
        if row.alive != was_alive {
            row.since = now;
        }
        let sum = i64::from(row.base_weight).saturating_add(contributions).clamp(0, MAX_WEIGHT.into());
        let weight = u32::try_from(sum).unwrap_or(MAX_WEIGHT);
        let from = std::mem::replace(&mut row.weight, weight);
        if from != weight {
            self.change(Change::Weight { id, from, to: weight });
        }
        Some(was_alive)
    }

    /// Recomputes the number of live servers of a service, and their weight.
    pub(super) fn recount(&mut self, id: VirtualServerId) {
        let rows = self.tables.real_servers.of(&id).map(|(_, row)| row);
        let live = rows.filter(|row| row.alive && row.regular().is_some());
        let (up, weight_sum) =
            live.fold((0_u32, 0_u64), |(up, sum), row| (up.saturating_add(1), sum.saturating_add(row.weight.into())));
        if let Some(row) = self.tables.virtual_servers.get_mut(&id) {
            row.up = up;
            row.weight_sum = weight_sum;
        }
    }

    /// Updates whether the quorum is met: it is lost when the weight is 0 or below quorum - hysteresis, and gained from
    /// quorum + hysteresis on. Returns whether this has changed.
    pub(super) fn update_quorum(&mut self, id: VirtualServerId) -> bool {
        let Some(row) = self.tables.virtual_servers.get_mut(&id) else { return false };
        let met = if row.quorum_met { row.keeps_quorum() } else { row.gains_quorum() };
        std::mem::replace(&mut row.quorum_met, met) != met
    }

    fn is_reported(&self, id: VirtualServerId) -> bool {
        self.tables.virtual_servers.get(&id).is_some_and(|row| row.reported)
    }

    fn report_server(&mut self, id: RealServerId, cause: Cause) {
        let pool = self.tables.pool(id.0);
        let Some(row) = self.tables.real_servers.get_mut(&id) else { return };
        row.reported = true;
        let up = row.alive;
        self.change(Change::RealServer { id, up, cause, pool });
    }

    fn report_quorum(&mut self, id: VirtualServerId, cause: Cause) {
        let pool = self.tables.pool(id);
        let Some(row) = self.tables.virtual_servers.get_mut(&id) else { return };
        row.reported = true;
        let (met, in_use, has_sorry) = (row.quorum_met, row.sorry_in_use(), row.config.sorry_server.is_some());
        let status = if met { QuorumStatus::Met } else { QuorumStatus::NotMet };
        self.change(Change::Quorum { id, status, cause, pool });
        // At the start a sorry server that is not in use has not changed.
        if has_sorry && (in_use || cause != Cause::Initial) {
            self.change(Change::Sorry { id, in_use });
        }
    }

    /// Updates the wanted weight of each server in the kernel's table. Without a sorry server, live servers remain in the
    /// table even below the quorum.
    pub(super) fn update_destinations(&mut self, id: VirtualServerId) {
        let Some(sorry_in_use) = self.tables.virtual_servers.get(&id).map(|row| row.sorry_in_use()) else { return };
        let mut dirty = false;
        for (_, row) in self.tables.real_servers.of_mut(&id) {
            let used = match row.config {
                Server::Sorry(_) => sorry_in_use,
                Server::Regular(_) => row.alive && !sorry_in_use,
            };
            let wanted = if used { Some(row.weight) } else { row.inhibit().then_some(0) };
            dirty |= std::mem::replace(&mut row.wanted, wanted) != wanted;
        }
        if dirty {
            self.dirty.insert(id);
        }
    }

    /// Computes the initial state of services. Returns the services whose quorum has changed, compared with the
    /// checkpoint or with the state before a reload.
    pub(super) fn start_pools(&mut self, of: &[VirtualServerId]) -> Vec<VirtualServerId> {
        let mut changed = Vec::new();
        for id in of.iter().copied() {
            for server in self.tables.real_server_ids(id) {
                self.recompute_server(server);
            }
            self.recount(id);
            if self.update_quorum(id) {
                changed.push(id);
            }
            self.update_destinations(id);
        }
        changed
    }

    /// Reports the initial state of each service that was not reported yet by this process or its predecessor: its quorum
    /// and, with `rs_init_notifies`, its servers. For services reported before, reports the quorum if it has `changed`.
    pub(super) fn report_start(&mut self, changed: &[VirtualServerId]) {
        for id in self.tables.virtual_server_ids() {
            if self.is_reported(id) {
                if changed.contains(&id) {
                    self.report_quorum(id, Cause::Checks);
                }
                continue;
            }
            if self.tables.lvs.settings.init_notifies {
                for server in self.tables.real_server_ids(id) {
                    self.report_server(server, Cause::Initial);
                }
            }
            if self.starts_silently(id) {
                if let Some(row) = self.tables.virtual_servers.get_mut(&id) {
                    row.reported = true;
                }
            } else {
                self.report_quorum(id, Cause::Initial);
            }
        }
    }

    /// Whether the initial state of a service is not reported, as in C keepalived: it has no sorry server, and enough
    /// weight to keep a quorum but not to gain it.
    fn starts_silently(&self, id: VirtualServerId) -> bool {
        self.tables
            .virtual_servers
            .get(&id)
            .is_some_and(|row| !row.quorum_met && row.config.sorry_server.is_none() && row.keeps_quorum())
    }

    /// Reports the stop. The rows and the kernel's table do not change.
    pub(super) fn stop_pools(&mut self) {
        for id in self.tables.virtual_server_ids() {
            let row = self.tables.virtual_servers.get(&id);
            let omega = row.is_some_and(|row| row.config.omega);
            // No script runs for a quorum that is already lost.
            let loses_quorum = row.is_some_and(|row| row.quorum_met);
            let cause = Cause::Shutdown { omega };
            let mut pool = self.tables.pool(id);
            for server in self.tables.real_server_ids(id) {
                let Some(row) = self.tables.real_servers.get(&server).filter(|row| row.alive) else { continue };
                pool.up = pool.up.saturating_sub(1);
                pool.weight_sum = pool.weight_sum.saturating_sub(row.weight.into());
                self.change(Change::RealServer { id: server, up: false, cause, pool });
            }
            let cause = Cause::Shutdown { omega: omega && loses_quorum };
            self.change(Change::Quorum { id, status: QuorumStatus::Shutdown, cause, pool });
        }
    }

    pub(super) fn set_weight(&mut self, id: RealServerId, weight: u32, by: Setter) {
        let Some(row) = self.tables.real_servers.get_mut(&id).filter(|row| row.regular().is_some()) else { return };
        let to = weight.min(MAX_WEIGHT);
        let from = std::mem::replace(&mut row.base_weight, to);
        self.change(Change::WeightSet { id, from, to, by });
        self.server_changed(id);
    }
}
