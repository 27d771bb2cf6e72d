//! A new configuration while running: the difference is applied, what is unchanged keeps its row, index, state,
//! timers and counters.

use std::collections::HashMap;

use super::event::{Action, AddressOp, Cause, Change, Occasion, TimerKey};
use super::lookup::STATIC;
use super::machine::{Phase, Vrrp};
use super::rows::{Address, AddressId, Group, GroupId, Instance, InstanceId, Member, State};
use super::vmac::Vmac;
use crate::config::model::{self, Config};
use crate::system::System;

impl Vrrp {
    /// Takes over a configuration. Rows of removed instances stay until the next event, for the views.
    pub(super) fn configure(&mut self, config: Config) {
        self.occasion = Occasion::Reload;
        let mut old: HashMap<String, InstanceId> =
            self.tables.instances.iter().map(|(id, row)| (row.config.name.clone(), *id)).collect();
        let known: Vec<Option<InstanceId>> =
            config.instances.iter().map(|instance| old.remove(&instance.name)).collect();
        let mut started = Vec::new();
        for (instance, known) in config.instances.into_iter().zip(known) {
            let known = known.or_else(|| old.remove(&self.former_name(&old, &instance)?));
            match known {
                Some(id) if self.is_same_router(id, &instance) => self.reconfigure(id, instance),
                Some(id) => {
                    self.replace(id, instance);
                    started.push(id);
                }
                None => {
                    let id = InstanceId(self.tables.instances.keys().map(|id| id.0).max().unwrap_or(0) + 1);
                    self.put_new(id, instance);
                    started.push(id);
                }
            }
        }
        for id in old.into_values() {
            self.retire(id);
        }
        let statics = config.static_addresses.into_iter().map(|address| (address, false)).collect();
        self.change_addresses(STATIC, statics, true);
        let version = std::mem::take(&mut self.tables.system.version);
        self.tables.system = System::new(version, config.global);
        self.tables.sync_daemon = config.lvs.sync_daemon;
        self.change_groups(config.sync_groups);
        self.tables.resolve_all();
        self.settle(&started);
    }

    /// Interface, family, VRID and Ethernet address are what other routers know an instance by; its name and that of
    /// its VMAC are not.
    fn is_same_router(&self, id: InstanceId, new: &model::Instance) -> bool {
        self.tables.instances.get(&id).is_some_and(|row| {
            let now = &row.config;
            (&now.interface, now.family, now.vrid, now.version) == (&new.interface, new.family, new.vrid, new.version)
                && row.has_like_vmac(new)
        })
    }

    /// The name that an instance had, if the file has renamed one of the `old` ones. Those that share a VRID differ in
    /// their groups or peers.
    fn former_name(&self, old: &HashMap<String, InstanceId>, new: &model::Instance) -> Option<String> {
        let candidates = old.iter().filter(|(_, id)| self.is_same_router(**id, new));
        let likeness = |id: InstanceId| {
            let row = self.tables.instances.get(&id).map(|row| &row.config);
            row.is_some_and(|row| (row.group, &row.unicast) == (new.group, &new.unicast))
        };
        candidates.max_by_key(|(_, id)| (likeness(**id), std::cmp::Reverse(**id))).map(|(name, _)| name.clone())
    }

    /// Another virtual router of the same name: it starts anew in the same row.
    fn replace(&mut self, id: InstanceId, config: model::Instance) {
        let keeps_vmac = self.tables.instances.get(&id).is_some_and(|row| row.keeps_vmac(&config));
        self.withdraw_all(id, keeps_vmac);
        let row = self.tables.instances.get_mut(&id).filter(|_| keeps_vmac);
        let vmac = row.and_then(|row| row.vmac.take());
        self.put_new(id, config);
        if let Some(row) = self.tables.instances.get_mut(&id).filter(|_| vmac.is_some()) {
            row.vmac = vmac;
        }
    }

    fn put_new(&mut self, id: InstanceId, config: model::Instance) {
        let addresses = listed(&config);
        self.tables.instances.insert(id, Instance::new(config));
        self.change_addresses(id, addresses, false);
    }

    fn reconfigure(&mut self, id: InstanceId, config: model::Instance) {
        if self.tables.instances.get(&id).is_some_and(|row| row.config.vmac != config.vmac) {
            self.rename_vmac(id);
        }
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let addresses = listed(&config);
        row.advertised = config.addresses.len();
        let interval = config.advert_interval;
        let other_interval = row.config.advert_interval != interval;
        row.base_priority = config.priority;
        row.nopreempt = config.nopreempt;
        row.group = None;
        row.old_checksum &= row.config.unicast == config.unicast;
        row.config = config;
        let master = row.state == State::Master;
        if other_interval && (master || row.master.is_none()) {
            row.master_interval = interval;
        }
        if other_interval && master {
            // Backups count on the interval last advertised: the next advert is not later than by the old one.
            let at = row.deadline.map_or(self.now + interval, |deadline| deadline.min(self.now + interval));
            row.deadline = Some(at);
            self.set_timer(TimerKey::Protocol(id), Some(at));
        }
        self.change_addresses(id, addresses, master);
    }

    /// The VMAC gets another name: it is removed and made again, and the instance stays what it is meanwhile.
    fn rename_vmac(&mut self, id: InstanceId) {
        self.withdraw_vmac(id);
        if let Some(row) = self.tables.instances.get_mut(&id) {
            row.vmac = Some(Vmac::new());
        }
    }

    /// An instance that is not in the file any more: priority 0, addresses away, FAULT or DELETED told.
    fn retire(&mut self, id: InstanceId) {
        self.withdraw_all(id, false);
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let to = if row.config.notify_deleted { State::Deleted } else { State::Fault };
        let from = std::mem::replace(&mut row.state, to);
        row.wanted = to;
        row.group = None;
        self.change(Change::Instance { id, from, to, cause: Cause::Deleted });
        self.retired.push(id);
    }

    /// Forgets the rows of removed instances, once the views have seen them go.
    pub(super) fn sweep(&mut self) {
        if self.retired.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.retired) {
            self.tables.instances.remove(&id);
        }
        self.tables.resolve_all();
    }

    /// Ends all that an instance does on the wire and in the kernel.
    fn withdraw_all(&mut self, id: InstanceId, keep_vmac: bool) {
        if self.tables.instances.get(&id).is_some_and(|row| row.state == State::Master) {
            self.send_priority_zero(id);
        }
        self.stop_announcements(id);
        self.set_timer(TimerKey::Protocol(id), None);
        self.change_addresses(id, Vec::new(), false);
        if !keep_vmac {
            self.withdraw_vmac(id);
        }
    }

    /// Rows of the same address keep their index and what is known of them; others go, and new ones are added behind.
    fn change_addresses(&mut self, owner: InstanceId, new: Vec<(model::Address, bool)>, wanted: bool) {
        let mut old = self.tables.address_ids(owner);
        let mut added = Vec::new();
        for (address, advertised) in new {
            let same = |id: &AddressId| self.tables.addresses.get(id).is_some_and(|row| row.config == address);
            match old.iter().position(same) {
                Some(at) => {
                    let id = old.swap_remove(at);
                    if let Some(row) = self.tables.addresses.get_mut(&id) {
                        row.advertised = advertised;
                    }
                }
                None => added.push((address, advertised)),
            }
        }
        let first_free = self.tables.address_ids(owner).last().map_or(1, |(_, position)| position + 1);
        for id in old {
            self.withdraw(id);
        }
        for (position, (address, advertised)) in (first_free..).zip(added) {
            let mut row = Address::new(address, advertised);
            row.wanted = wanted;
            self.tables.addresses.insert((owner.0, position), row);
        }
    }

    /// Takes a row out; if its address is or may be set, the kernel is told to remove it.
    fn withdraw(&mut self, id: AddressId) {
        self.set_timer(TimerKey::RetryAddress(id), None);
        let keep = self.held_by_another(id);
        let Some(row) = self.tables.addresses.remove(&id) else { return };
        let Some(ifindex) = row.ifindex.filter(|_| !keep) else { return };
        let (ip, prefix) = (row.config.ip, row.kernel_prefix());
        let link = self.tables.interfaces.get(ifindex);
        let there = link.is_some_and(|link| link.addresses.contains(ip, prefix));
        // One that is being added where the host has it already will not be ours.
        if row.is_held() || (row.pending == Some(AddressOp::Add) && !there) {
            let secondaries = self.secondaries(&row);
            // A new row of the same address must not take it for set.
            self.tables.interfaces.remove(ifindex, ip, prefix);
            self.output.actions.push(Action::Withdraw(Box::new(row), secondaries));
        }
    }

    /// Groups keep their index by name.
    fn change_groups(&mut self, configs: Vec<model::SyncGroup>) {
        let by_name: HashMap<String, InstanceId> = self
            .tables
            .instances
            .iter()
            .filter(|(id, _)| !self.retired.contains(id))
            .map(|(id, row)| (row.config.name.clone(), *id))
            .collect();
        let old: HashMap<String, GroupId> =
            self.tables.groups.iter().map(|(id, row)| (row.config.name.clone(), *id)).collect();
        let kept = configs.iter().filter_map(|config| old.get(&config.name));
        let mut next_free =
            kept.map(|id| id.0).max().unwrap_or(0).max(old.values().map(|id| id.0).max().unwrap_or(0)) + 1;
        let states: HashMap<GroupId, State> = self.tables.groups.iter().map(|(id, row)| (*id, row.state)).collect();
        self.tables.groups.clear();
        self.tables.members.clear();
        for config in configs {
            let id = old.get(&config.name).copied().unwrap_or_else(|| {
                next_free += 1;
                GroupId(next_free - 1)
            });
            let members: Vec<_> = config.members.iter().filter_map(|name| by_name.get(name).copied()).collect();
            for (position, name) in (1..).zip(&config.members) {
                self.tables.members.insert((id, position), Member { name: name.clone() });
            }
            for member in &members {
                if let Some(row) = self.tables.instances.get_mut(member) {
                    row.group = Some(id);
                }
            }
            let state = states.get(&id).copied().unwrap_or(State::Init);
            self.tables.groups.insert(id, Group { config, state, members });
        }
    }

    /// Starts new instances, brings groups into one state, and asks the kernel for what has changed.
    fn settle(&mut self, started: &[InstanceId]) {
        self.match_new_addresses();
        self.follow_vmacs();
        if self.phase != Phase::Running {
            return self.reassess_all();
        }
        // Before the instances move, so that none moves for a reason of the old configuration.
        for id in self.tables.instance_ids() {
            self.reassess_row(id);
        }
        for id in started {
            let Some(row) = self.tables.instances.get(id) else { continue };
            if self.awaits_vmac(*id) {
                continue;
            }
            let to = if row.group.is_some() { State::Backup } else { row.first_state() };
            self.start_instance(*id, to);
        }
        self.reassess_all();
        let groups: Vec<GroupId> = self.tables.groups.keys().copied().collect();
        for id in groups {
            self.unify_group(id);
        }
        for id in self.tables.instance_ids() {
            let alone = self.tables.instances.get(&id).filter(|row| row.group.is_none() && !self.retired.contains(&id));
            match alone.map(|row| (row.state, row.fault.is_some())) {
                Some((State::Fault, false)) => self.leave_fault(id),
                Some((state, true)) if state != State::Fault => {
                    let cause = self.fault_cause(id);
                    self.enter_fault(id, cause);
                }
                _ => {}
            }
        }
        self.reconcile_all();
    }
}

/// Addresses of an instance in the order of their rows, with whether they are advertised.
fn listed(config: &model::Instance) -> Vec<(model::Address, bool)> {
    let advertised = config.addresses.iter().map(|address| (address.clone(), true));
    advertised.chain(config.excluded.iter().map(|address| (address.clone(), false))).collect()
}
