//! What interfaces do to instances: fault and recovery, source addresses, tracked interfaces.

use std::time::Duration;

use super::event::{Cause, Change, Fault, KernelAddress, TimerKey};
use super::interface::Interface;
use super::machine::{Phase, Vrrp};
use super::rows::{Instance, InstanceId, State};
use super::tables::Tables;

impl Vrrp {
    pub(super) fn interfaces_known(&mut self, links: Vec<Interface>) {
        self.tables.interfaces.replace(links);
        self.vmacs_gone();
        self.tables.resolve_interfaces();
        self.match_addresses();
        self.drop_inherited();
        self.links_are_so();
    }

    pub(super) fn link_changed(&mut self, link: Interface) {
        let known = self.tables.interfaces.get(link.index).is_some_and(|old| old.name == link.name);
        self.tables.interfaces.set_link(link);
        if !known {
            self.tables.resolve_interfaces();
            self.match_addresses();
        }
        self.links_are_so();
    }

    fn links_are_so(&mut self) {
        self.follow_vmacs();
        self.reassess_all();
        self.start_all_late();
        self.reconcile_all();
    }

    pub(super) fn link_gone(&mut self, index: u32) {
        self.tables.interfaces.remove_link(index);
        self.vmac_gone(index);
        self.tables.resolve_interfaces();
        self.follow_vmacs();
        self.reassess_all();
    }

    pub(super) fn address_added(&mut self, address: KernelAddress) {
        self.tables.interfaces.add(address);
        if !self.row_installed(address) {
            self.follow_vmacs();
            self.reassess_all();
        }
    }

    pub(super) fn address_gone(&mut self, address: KernelAddress) {
        self.tables.interfaces.remove(address);
        if !self.row_removed(address) {
            self.vmac_lost_address(address.ifindex, address.ip);
            self.follow_vmacs();
            self.reassess_all();
        }
    }

    pub(super) fn reassess_all(&mut self) {
        for id in self.tables.instance_ids() {
            self.reassess(id);
        }
    }

    /// Recomputes source address, faults and effective priority of an instance, and moves it if they ask for it.
    pub(super) fn reassess(&mut self, id: InstanceId) {
        let was_fault = self.tables.instances.get(&id).and_then(|row| row.fault);
        self.reassess_row(id);
        let Some(row) = self.tables.instances.get(&id) else { return };
        let (state, fault, group) = (row.state, row.fault, row.group);
        if self.phase != Phase::Running || was_fault.is_some() == fault.is_some() {
            return;
        }
        match group {
            Some(group) => self.reassess_group(group),
            None if fault.is_some() && state != State::Fault => {
                let cause = self.fault_cause(id);
                self.enter_fault(id, cause);
            }
            None if fault.is_none() && state == State::Fault => self.leave_fault(id),
            None => {}
        }
    }

    /// Recomputes source address, faults and effective priority, and moves nothing.
    pub(super) fn reassess_row(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get(&id) else { return };
        let source = source(&self.tables, row);
        let fault = fault(&self.tables, row, source.is_some(), self.now);
        let to = effective_priority(&self.tables, row);
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        row.source = source;
        row.fault = fault;
        let from = std::mem::replace(&mut row.priority, to);
        if from != to {
            self.change(Change::Priority { id, from, to });
        }
    }

    /// A worse priority or a lost peer never shortens a running timer, a better advert restarts it.
    pub(super) fn restart_down_timer(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let deadline = self.now + row.down_interval();
        row.deadline = Some(deadline);
        row.wanted = State::Backup;
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
}

pub(super) fn source(tables: &Tables, row: &Instance) -> Option<std::net::IpAddr> {
    let link = tables.interfaces.get(row.ifindex?)?;
    match row.config.source {
        Some(ip) if row.config.track_source => link.addresses.iter().any(|known| known.ip == ip).then_some(ip),
        Some(ip) => Some(ip),
        None => link.source(row.config.family, &row.destinations(), |ip| tables.is_virtual(link.index, ip)),
    }
}

fn fault(tables: &Tables, row: &Instance, has_source: bool, now: Duration) -> Option<Fault> {
    let Some(link) = row.ifindex.and_then(|index| tables.interfaces.get(index)) else {
        return Some(Fault::InterfaceMissing);
    };
    let tracked_down = |name: &str| tables.interfaces.named(name).is_none_or(|link| !link.up);
    let judged = row.vmac.as_ref().filter(|vmac| vmac.wanted && !tables.awaits_vmac(row, now));
    let vmac = judged.map(|vmac| vmac.ifindex.and_then(|index| tables.interfaces.get(index)));
    let down = !link.up || vmac.flatten().is_some_and(|vmac| !vmac.up);
    if down && !row.config.dont_track_primary {
        Some(Fault::InterfaceDown)
    } else if vmac == Some(None) {
        Some(Fault::VmacMissing)
    } else if !has_source {
        Some(Fault::NoSource)
    } else if row.config.unicast.as_ref().is_some_and(|unicast| unicast.peers.is_empty()) {
        Some(Fault::NoPeer)
    } else {
        let group = row.group.and_then(|id| tables.groups.get(&id));
        let of_group = group.map_or(&[][..], |group| &group.config.track_interfaces);
        let mut tracked = row.config.track_interfaces.iter().chain(of_group);
        let at_fault = |name: &str, reverse: bool| tracked_down(name) != reverse;
        tracked
            .any(|track| track.weight == 0 && at_fault(&track.name, track.reverse))
            .then_some(Fault::TrackedInterface)
    }
}

/// Base priority plus the weights of tracked interfaces, 1..=254; an owner keeps 255.
fn effective_priority(tables: &Tables, row: &Instance) -> u8 {
    if row.is_owner() {
        return 255;
    }
    let group = row.group.and_then(|id| tables.groups.get(&id));
    // Weighted trackers of members would pull the group apart.
    let own = group.is_none_or(|group| group.config.tracking_weight).then_some(&row.config.track_interfaces);
    let tracked = own.into_iter().chain(group.map(|group| &group.config.track_interfaces)).flatten();
    let weights: i32 = tracked
        .map(|track| {
            let up = tables.interfaces.named(&track.name).is_some_and(|link| link.up);
            let weight = i32::from(if track.reverse { -track.weight } else { track.weight });
            match (track.weight > 0, up) {
                (true, true) | (false, false) => weight,
                _ => 0,
            }
        })
        .sum();
    u8::try_from((i32::from(row.base_priority) + weights).clamp(1, 254)).unwrap_or(254)
}
