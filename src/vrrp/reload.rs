//! A new configuration while running: the difference is applied, what is unchanged keeps its row, index, state,
//! timers and counters.

use std::collections::{BTreeSet, HashMap};

use super::build::listed;
use super::cause::{Cause, Occasion};
use super::event::{Change, TimerKey};
use super::ids::{AddressId, GroupId, InstanceId, STATIC};
use super::router::Router;
use super::routers::Vrrp;
use super::rows::{Address, Instance};
use super::state::State;
use super::vmac_row::Vmac;
use crate::config::model::{self, Config};
use crate::state::Numbering;
use crate::system::System;

impl Vrrp {
    /// Takes over a configuration. Rows of removed instances stay until the next event, for the views.
    pub(super) fn configure(&mut self, config: Config) {
        self.turn.occasion = Occasion::Reload;
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
                    let id = InstanceId(self.tables.next.instance.take());
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
        let scripts: Vec<u32> = self.tables.trackers.scripts.keys().copied().collect();
        let known = self.tables.trackers.indices();
        let mut trackers = config.trackers;
        self.tables.links.configure(std::mem::take(&mut trackers.interfaces));
        self.tables.trackers.configure(trackers, known);
        self.tables.resolve_all();
        // A replacement is to know the indices of new rows, even if no state changes.
        self.turn.output.save = true;
        self.settle(&started);
        self.follow_trackers(&scripts);
        self.reconsider_links();
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
        // Another router in the same row: its addresses are others, even if they are equal.
        let next_address = self.tables.next_address(id);
        self.tables.instances.insert(id, Instance { next_address, ..Instance::new(config) });
        self.change_addresses(id, addresses, false);
    }

    fn reconfigure(&mut self, id: InstanceId, config: model::Instance) {
        if self.tables.instances.get(&id).is_some_and(|row| row.config.vmac != config.vmac) {
            self.rename_vmac(id);
        }
        let addresses = listed(&config);
        let Some(mut router) = self.router(id) else { return };
        router.reconfigure(config);
        let wanted = router.row.state == State::Master;
        self.change_addresses(id, addresses, wanted);
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
        let Some(router) = self.router(id) else { return };
        let to = if router.row.config.notify_deleted { State::Deleted } else { State::Fault };
        let from = std::mem::replace(&mut router.row.state, to);
        router.row.wanted = to;
        router.row.group = None;
        router.site.turn.change(Change::Instance { id, from, to, cause: Cause::Deleted });
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
        let Some(mut router) = self.router(id) else { return };
        if router.row.state == State::Master {
            router.send_priority_zero();
        }
        router.stop_announcements();
        router.site.turn.set_timer(TimerKey::Protocol(id), None);
        self.change_addresses(id, Vec::new(), false);
        if !keep_vmac {
            self.withdraw_vmac(id);
        }
    }

    /// Rows of the same address keep their index and what is known of them; others go, and new ones are added behind.
    fn change_addresses(&mut self, owner: InstanceId, new: Vec<(model::Address, bool)>, wanted: bool) {
        let mut numbering = Numbering::new(self.tables.address_indices(owner));
        let mut old: BTreeSet<AddressId> = self.tables.address_ids(owner).into_iter().collect();
        let mut added = Vec::new();
        for (address, advertised) in new {
            let id = (owner.0, numbering.index_of(&address));
            old.remove(&id);
            match self.tables.addresses.get_mut(&id) {
                Some(row) => row.advertised = advertised,
                None => added.push((id, Address { wanted, ..Address::new(address, advertised) })),
            }
        }
        self.tables.set_next_address(owner, numbering.next());
        for id in old {
            self.site(owner).1.withdraw(id);
        }
        for (id, row) in added {
            self.tables.addresses.insert(id, row);
        }
    }

    /// Groups keep their index and state by name.
    fn change_groups(&mut self, configs: Vec<model::SyncGroup>) {
        let staying = self.tables.instances.iter().filter(|(id, _)| !self.retired.contains(id));
        let by_name = staying.map(|(id, row)| (row.config.name.clone(), *id)).collect();
        let states: Vec<(GroupId, State)> = self.tables.groups.iter().map(|(id, row)| (*id, row.state)).collect();
        let known = self.tables.group_indices();
        self.tables.add_groups(configs, known, &by_name);
        for (id, state) in states {
            if let Some(row) = self.tables.groups.get_mut(&id) {
                row.state = state;
            }
        }
    }

    /// Starts new instances, brings groups into one state, and asks the kernel for what has changed.
    fn settle(&mut self, started: &[InstanceId]) {
        self.tables.match_new_addresses();
        self.follow_vmacs();
        if !self.turn.is_running() {
            return self.reassess_all();
        }
        // Before the instances move, so that none moves for a reason of the old configuration.
        for id in self.tables.instance_ids() {
            if let Some(mut router) = self.router(id) {
                router.assess();
            }
        }
        for id in started {
            let judged = self.router(*id).filter(|router| !router.awaits());
            let to =
                judged.map(|router| if router.row.group.is_some() { State::Backup } else { router.row.first_state() });
            if let Some(to) = to {
                self.start_instance(*id, to);
            }
        }
        self.reassess_all();
        let groups: Vec<GroupId> = self.tables.groups.keys().copied().collect();
        for id in groups {
            self.unify_group(id);
        }
        for id in self.tables.instance_ids() {
            let alone = self.tables.instances.get(&id).is_some_and(|row| row.group.is_none());
            if alone && !self.retired.contains(&id) {
                self.obey_faults(id);
            }
        }
        for owner in [STATIC].into_iter().chain(self.tables.instance_ids()) {
            self.reconcile_all_of(owner);
        }
    }
}

impl Router<'_> {
    /// Takes over a configuration of the same virtual router. Its addresses come by themselves.
    fn reconfigure(&mut self, config: model::Instance) {
        let row = &mut *self.row;
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
            let at = self.site.turn.now + interval;
            self.set_deadline(self.row.deadline.map_or(at, |deadline| deadline.min(at)));
        }
    }
}
