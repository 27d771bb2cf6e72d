//! Pools: from the verdicts of checkers to live servers, weights, quorum, and what IPVS should hold.

use super::event::{Cause, Change, QuorumStatus};
use super::machine::Check;
use super::rows::{MAX_WEIGHT, RealServerId, Server, VirtualServerId};

impl Check {
    /// A checker of this server came to a result, or its configured weight was set.
    pub(super) fn server_changed(&mut self, id: RealServerId) {
        let Some(was_alive) = self.recompute_server(id) else { return };
        self.recount(id.0);
        let alive = self.tables.real_servers.get(&id).is_some_and(|row| row.alive);
        if alive != was_alive {
            self.tell_server(id, Cause::Checks);
        }
        if self.judge_quorum(id.0) && self.is_told(id.0) {
            self.tell_quorum(id.0, Cause::Checks);
        }
        self.rewrite(id.0);
    }

    /// The first result of a checker that starts as failed is a failure: news of its server, if that is down and nobody
    /// was told.
    pub(super) fn still_down(&mut self, id: RealServerId) {
        if self.tables.real_servers.get(&id).is_some_and(|row| !row.alive && !row.told) {
            self.tell_server(id, Cause::Initial);
        }
    }

    /// Liveness and weight of a server from its checkers; tells whether it was alive.
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

    /// Live servers of a service and their weight.
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

    /// Up to down when no weight is left or it is below quorum - hysteresis; down to up from quorum + hysteresis on.
    /// Tells whether that changed.
    pub(super) fn judge_quorum(&mut self, id: VirtualServerId) -> bool {
        let Some(row) = self.tables.virtual_servers.get_mut(&id) else { return false };
        let met = if row.quorum_met { row.keeps_quorum() } else { row.gains_quorum() };
        std::mem::replace(&mut row.quorum_met, met) != met
    }

    fn is_told(&self, id: VirtualServerId) -> bool {
        self.tables.virtual_servers.get(&id).is_some_and(|row| row.told)
    }

    fn tell_server(&mut self, id: RealServerId, cause: Cause) {
        let pool = self.tables.pool(id.0);
        let Some(row) = self.tables.real_servers.get_mut(&id) else { return };
        row.told = true;
        let up = row.alive;
        self.change(Change::RealServer { id, up, cause, pool });
    }

    fn tell_quorum(&mut self, id: VirtualServerId, cause: Cause) {
        let pool = self.tables.pool(id);
        let Some(row) = self.tables.virtual_servers.get_mut(&id) else { return };
        row.told = true;
        let (met, in_use, has_sorry) = (row.quorum_met, row.sorry_in_use(), row.config.sorry_server.is_some());
        let status = if met { QuorumStatus::Met } else { QuorumStatus::NotMet };
        self.change(Change::Quorum { id, status, cause, pool });
        // At the start it is not taken out of use.
        if has_sorry && (in_use || cause != Cause::Initial) {
            self.change(Change::Sorry { id, in_use });
        }
    }

    /// What the kernel's table should hold for each server. Below quorum without a sorry server the live ones stay.
    pub(super) fn rewrite(&mut self, id: VirtualServerId) {
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

    /// The state of everything before the first check. Gives the services of which the quorum is another than it was:
    /// before the start, when this process replaces one.
    pub(super) fn start_pools(&mut self) -> Vec<VirtualServerId> {
        let mut changed = Vec::new();
        for id in self.tables.virtual_server_ids() {
            for server in self.tables.real_server_ids(id) {
                self.recompute_server(server);
            }
            self.recount(id);
            if self.judge_quorum(id) {
                changed.push(id);
            }
            self.rewrite(id);
            self.dirty.insert(id);
        }
        changed
    }

    /// Tells how each service starts of which nothing was told yet, by this process or the one that it replaces: its
    /// quorum, and with `rs_init_notifies` its servers. Of those in `changed` of which it was told that they changed.
    pub(super) fn tell_start(&mut self, changed: &[VirtualServerId]) {
        for id in self.tables.virtual_server_ids() {
            if self.is_told(id) {
                if changed.contains(&id) {
                    self.tell_quorum(id, Cause::Checks);
                }
                continue;
            }
            if self.tables.lvs.init_notifies {
                for server in self.tables.real_server_ids(id) {
                    self.tell_server(server, Cause::Initial);
                }
            }
            if self.starts_silently(id) {
                if let Some(row) = self.tables.virtual_servers.get_mut(&id) {
                    row.told = true;
                }
            } else {
                self.tell_quorum(id, Cause::Initial);
            }
        }
    }

    /// A service that has not enough to gain its quorum, but would not lose it either, and has no sorry server: all its
    /// servers are in use, and as with C keepalived nothing is told.
    fn starts_silently(&self, id: VirtualServerId) -> bool {
        self.tables
            .virtual_servers
            .get(&id)
            .is_some_and(|row| !row.quorum_met && row.config.sorry_server.is_none() && row.keeps_quorum())
    }

    /// Stop notifications; the rows and the kernel's table stay as they are.
    pub(super) fn stop_pools(&mut self) {
        for id in self.tables.virtual_server_ids() {
            let row = self.tables.virtual_servers.get(&id);
            let omega = row.is_some_and(|row| row.config.omega);
            // A quorum that is lost already is not lost again.
            let loses = row.is_some_and(|row| row.quorum_met);
            let cause = Cause::Shutdown { omega };
            let mut pool = self.tables.pool(id);
            for server in self.tables.real_server_ids(id) {
                let Some(row) = self.tables.real_servers.get(&server).filter(|row| row.alive) else { continue };
                pool.up = pool.up.saturating_sub(1);
                pool.weight_sum = pool.weight_sum.saturating_sub(row.weight.into());
                self.change(Change::RealServer { id: server, up: false, cause, pool });
            }
            let cause = Cause::Shutdown { omega: omega && loses };
            self.change(Change::Quorum { id, status: QuorumStatus::Shutdown, cause, pool });
        }
    }

    pub(super) fn set_weight(&mut self, id: RealServerId, weight: u32) {
        let Some(row) = self.tables.real_servers.get_mut(&id).filter(|row| row.regular().is_some()) else { return };
        let to = weight.min(MAX_WEIGHT);
        let from = std::mem::replace(&mut row.base_weight, to);
        self.change(Change::WeightSet { id, from, to });
        self.server_changed(id);
    }
}
