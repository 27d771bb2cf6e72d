//! What the kernel tells of interfaces and addresses, and what it means for the instances they concern.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::cause::{Cause, Fault, LinkState, Occasion};
use super::event::{Change, TimerKey};
use super::faults;
use super::ids::{InstanceId, STATIC};
use super::interface::{Interface, KernelAddress};
use super::machine::{Phase, Vrrp};
use super::state::State;

/// How long adverts go on from an address that the host has lost.
const SOURCE_PATIENCE: Duration = Duration::from_millis(500);

impl Vrrp {
    /// All interfaces were read anew.
    pub(super) fn interfaces_known(&mut self, links: Vec<Interface>) {
        self.occasion = Occasion::Interfaces;
        self.tables.interfaces.replace(links);
        self.vmacs_gone();
        self.tables.resolve_all();
        let all: BTreeSet<InstanceId> = [STATIC].into_iter().chain(self.tables.instance_ids()).collect();
        for id in &all {
            self.match_addresses(*id);
        }
        self.drop_inherited();
        self.follow_links(&all);
    }

    /// A link appeared, or something of it changed, perhaps its name.
    pub(super) fn link_changed(&mut self, link: Interface) {
        let index = link.index;
        let old = self.tables.interfaces.get(index).map(|old| (old.name.clone(), old.up));
        let renamed = old.as_ref().is_none_or(|(name, _)| *name != link.name);
        let mut concerned: BTreeSet<InstanceId> = self.tables.concerned_by(&link.name).collect();
        concerned.extend(self.tables.owner_of_vmac(index));
        if let Some((name, _)) = old.as_ref().filter(|_| renamed) {
            concerned.extend(self.tables.concerned_by(name));
        }
        let (name, up) = (link.name.clone(), link.up);
        self.tables.interfaces.set_link(link);
        if concerned.is_empty() {
            return;
        }
        let to = if up { LinkState::Up } else { LinkState::Down };
        if old.is_some_and(|(_, was_up)| was_up != up) {
            self.change(Change::Link { name: name.clone(), to });
        }
        self.occasion = Occasion::Link(name, to);
        if renamed {
            self.resolve(&concerned);
        }
        self.follow_links(&concerned);
    }

    pub(super) fn link_gone(&mut self, index: u32) {
        let Some(name) = self.tables.interfaces.get(index).map(|link| link.name.clone()) else { return };
        let mut concerned: BTreeSet<InstanceId> = self.tables.concerned_by(&name).collect();
        concerned.extend(self.tables.owner_of_vmac(index));
        let link = self.tables.interfaces.get(index);
        let addresses: Vec<_> = link.into_iter().flat_map(|link| link.addresses.iter()).map(|known| known.ip).collect();
        self.tables.interfaces.remove_link(index);
        // Configured source addresses may have been on it, whatever interface it was.
        for ip in addresses {
            concerned.extend(self.tables.users_of_source(Some(ip)));
        }
        if concerned.is_empty() {
            return;
        }
        self.change(Change::Link { name: name.clone(), to: LinkState::Gone });
        self.occasion = Occasion::Link(name, LinkState::Gone);
        self.vmac_gone(index);
        self.resolve(&concerned);
        self.follow_links(&concerned);
    }

    /// Finds the interfaces of these owners anew, and which of their addresses are set there.
    fn resolve(&mut self, owners: &BTreeSet<InstanceId>) {
        for id in owners {
            self.tables.resolve(*id);
            self.match_addresses(*id);
        }
    }

    fn follow_links(&mut self, concerned: &BTreeSet<InstanceId>) {
        self.output.links = true;
        concerned.iter().for_each(|id| self.reconcile_vmac(*id));
        concerned.iter().for_each(|id| self.reassess(*id));
        concerned.iter().for_each(|id| self.start_late(*id));
        concerned.iter().for_each(|id| self.reconcile_all_of(*id));
    }

    pub(super) fn address_added(&mut self, address: KernelAddress) {
        self.tables.interfaces.add(address);
        let ours = self.row_installed(address);
        // Those without a source may have one now, and one that was lost may be back; a new address of the host may be
        // better than the present one.
        let mut concerned: BTreeSet<InstanceId> = self.tables.users_of_source(None).into_iter().collect();
        concerned.extend(self.tables.users_of_source(Some(address.ip)));
        if !ours {
            let name = self.tables.interfaces.name(address.ifindex).to_owned();
            concerned.extend(self.tables.concerned_by(&name));
        }
        self.follow_addresses(&concerned);
    }

    pub(super) fn address_gone(&mut self, address: KernelAddress) {
        let KernelAddress { ifindex, ip, prefix, .. } = address;
        self.tables.interfaces.remove(ifindex, ip, prefix);
        let mut concerned: BTreeSet<InstanceId> = self.tables.users_of_source(Some(ip)).into_iter().collect();
        if !self.row_removed(address) {
            concerned.extend(self.vmac_lost_address(ifindex, ip));
        }
        self.follow_addresses(&concerned);
    }

    fn follow_addresses(&mut self, concerned: &BTreeSet<InstanceId>) {
        concerned.iter().for_each(|id| self.reconcile_vmac(*id));
        concerned.iter().for_each(|id| self.reassess(*id));
    }

    pub(super) fn reassess_all(&mut self) {
        for id in self.tables.instance_ids() {
            self.reassess(id);
        }
    }

    /// Recomputes source address, faults and effective priority of an instance, and moves it if they ask for it.
    pub(super) fn reassess(&mut self, id: InstanceId) {
        let had_fault = self.tables.instances.get(&id).is_some_and(|row| row.fault.is_some());
        self.reassess_row(id);
        let Some(row) = self.tables.instances.get(&id) else { return };
        let (state, has_fault, group) = (row.state, row.fault.is_some(), row.group);
        if self.phase != Phase::Running || had_fault == has_fault {
            return;
        }
        match group {
            Some(group) => self.reassess_group(group),
            None if has_fault && state != State::Fault => {
                let cause = self.fault_cause(id);
                self.enter_fault(id, cause);
            }
            None if !has_fault && state == State::Fault => self.leave_fault(id),
            None => {}
        }
    }

    /// Recomputes source address, faults, effective priority and advertised addresses, and moves nothing.
    pub(super) fn reassess_row(&mut self, id: InstanceId) {
        let source = self.present_source(id);
        let Some(row) = self.tables.instances.get(&id) else { return };
        let fault = faults::fault(&self.tables, row, source.is_some(), self.now);
        let to = faults::effective_priority(&self.tables, row);
        let advertised = faults::advertised(&self.tables, row);
        self.tables.set_source(id, source);
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        row.fault = fault;
        let from = std::mem::replace(&mut row.priority, to);
        if from != to {
            let occasion = self.occasion.clone();
            self.change(Change::Priority { id, from, to, occasion });
        }
        self.advertise(id, advertised);
    }

    /// The address to send from. One that the host has just lost is kept for a while: network managers set addresses
    /// anew, and that is no reason for a failover.
    fn present_source(&mut self, id: InstanceId) -> Option<IpAddr> {
        let now = self.now;
        let row = self.tables.instances.get(&id)?;
        let found = faults::source(&self.tables, row);
        let (before, until) = (row.source, row.source_until);
        let lost = found.is_none() && before.is_some() && row.ifindex.is_some();
        let kept = lost && until.is_none_or(|until| now < until);
        let until = kept.then(|| until.unwrap_or(now + SOURCE_PATIENCE));
        let row = self.tables.instances.get_mut(&id)?;
        if std::mem::replace(&mut row.source_until, until) != until {
            self.set_timer(TimerKey::Source(id), until);
        }
        if kept { before } else { found }
    }

    /// The first `fit` addresses of an instance are advertised, the others are treated as excluded.
    fn advertise(&mut self, id: InstanceId, fit: usize) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        if std::mem::replace(&mut row.advertised, fit) == fit {
            return;
        }
        let (of, wire) = (row.config.addresses.len(), row.wire());
        self.mark_advertised(id);
        if fit < of {
            let mtu = wire.and_then(|index| self.tables.interfaces.get(index)).map_or(0, |link| link.mtu);
            self.change(Change::AddressesCut { id, fit, of, mtu });
        }
    }

    /// Starts the down timer anew: it is never shortened by a worse priority, and the next master has to be silent for
    /// the whole of it.
    pub(super) fn restart_down_timer(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let deadline = self.now + row.down_interval();
        row.deadline = Some(deadline);
        row.wanted = State::Backup;
        row.takeover = Cause::Silence;
        self.set_timer(TimerKey::Protocol(id), Some(deadline));
    }

    /// Master to backup because of a better router.
    pub(super) fn yield_to(&mut self, id: InstanceId, cause: Cause) {
        let Some(row) = self.tables.instances.get(&id) else { return };
        let (wait, group) = (row.down_interval(), row.group);
        self.enter_backup(id, wait, cause);
        if let Some(group) = group {
            self.group_follows_backup(group);
        }
    }

    /// The fault of an instance, or that of another member of its group.
    pub(super) fn fault_cause(&self, id: InstanceId) -> Cause {
        let Some(row) = self.tables.instances.get(&id) else { return Cause::SyncGroup };
        if let Some(fault) = &row.fault {
            return Cause::Fault(fault.clone());
        }
        let members = row.group.and_then(|group| self.tables.groups.get(&group)).map(|group| group.members.iter());
        let mut members = members.into_iter().flatten().filter_map(|member| self.tables.instances.get(member));
        let faulty = members.find(|member| member.fault.is_some());
        faulty.map_or(Cause::SyncGroup, |member| Cause::Fault(Fault::SyncGroup(member.config.name.clone())))
    }
}
