//! Reload: applies the differences of a new configuration. Unchanged instances, groups and addresses keep their row,
//! index, state, timers and counters.

use std::collections::HashMap;

use super::address::Address;
use super::auth_hmac::HmacState;
use super::build::Lines;
use super::cause::{Cause, Occasion};
use super::event::{Change, TimerKey};
use super::ids::{GroupId, InstanceId, ObjectId, Owner};
use super::own_link::OwnLink;
use super::router::Router;
use super::routers::Vrrp;
use super::rows::Instance;
use super::state::State;
use crate::config::model::{self, Config};
use crate::state::{Object, Objects, RowId};

impl Vrrp {
    /// Applies a new configuration. Rows of removed instances remain until the next event, for the views.
    pub(super) fn configure(&mut self, config: Config) {
        self.turn.occasion = Occasion::Reload;
        let mut old: HashMap<String, InstanceId> =
            self.tables.instances.iter().map(|(id, row)| (row.config.name.clone(), *id)).collect();
        let known: Vec<Option<InstanceId>> =
            config.instances.iter().map(|instance| old.remove(&instance.name)).collect();
        let statics = Lines::of_statics(&config);
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
        self.change_objects(Owner::Static, statics, true);
        self.tables.system.configure(config.global, self.turn.now);
        self.tables.sync_daemon = config.lvs.settings.sync_daemon;
        self.change_groups(config.sync_groups);
        let scripts: Vec<u32> = self.tables.trackers.scripts.keys().copied().collect();
        let known = self.tables.trackers.indices();
        let mut trackers = config.trackers;
        self.tables.links.configure(std::mem::take(&mut trackers.interfaces));
        self.tables.trackers.configure(trackers, known);
        self.tables.resolve_all();
        self.touch_firewall();
        // The checkpoint must have the indices of new rows, even if no state changes.
        self.turn.output.save = true;
        self.settle(&started);
        self.follow_trackers(&scripts);
        self.reconsider_links();
    }

    /// Whether a new configuration is for the same virtual router, as seen by other routers: interface, family, VRID,
    /// version and kind of link, with its Ethernet address, are equal. The names of the instance and of its link may differ.
    fn is_same_router(&self, id: InstanceId, new: &model::Instance) -> bool {
        self.tables.instances.get(&id).is_some_and(|row| {
            let now = &row.config;
            now.device() == new.device()
                && (now.family, now.vrid, now.version) == (new.family, new.vrid, new.version)
                && row.has_like_link(new)
        })
    }

    /// The previous name of an instance, if it is one of the `old` instances with a new name. Among instances that share a
    /// VRID, equal multicast group or peers decide.
    fn former_name(&self, old: &HashMap<String, InstanceId>, new: &model::Instance) -> Option<String> {
        let candidates = old.iter().filter(|(_, id)| self.is_same_router(**id, new));
        let likeness = |id: InstanceId| {
            let row = self.tables.instances.get(&id).map(|row| &row.config);
            row.is_some_and(|row| (row.group, &row.unicast) == (new.group, &new.unicast))
        };
        candidates.max_by_key(|(_, id)| (likeness(**id), std::cmp::Reverse(**id))).map(|(name, _)| name.clone())
    }

    /// Replaces an instance by another virtual router of the same name, which starts from Init in the same row.
    fn replace(&mut self, id: InstanceId, config: model::Instance) {
        let keeps_link = self.tables.instances.get(&id).is_some_and(|row| row.keeps_link(&config));
        let yielded = self.tables.instances.get(&id).and_then(|row| row.yielded);
        self.withdraw_all(id, keeps_link);
        let row = self.tables.instances.get_mut(&id).filter(|_| keeps_link);
        let link = row.and_then(|row| row.links.remove(&0));
        self.put_new(id, config);
        if let Some(row) = self.tables.instances.get_mut(&id) {
            row.yielded = yielded;
        }
        self.turn.set_timer(TimerKey::Yield(id), yielded.and_then(|yielded| yielded.until));
        if let Some((row, link)) = self.tables.instances.get_mut(&id).zip(link) {
            let (vrid, family) = (row.config.vrid, row.config.family);
            row.links.insert(0, OwnLink { vrid, family, ..link });
        }
    }

    fn put_new(&mut self, id: InstanceId, config: model::Instance) {
        // The rows of another router get new indices, even if their lines are equal: those of the former router are gone.
        let lines = Lines::of(&config);
        let now = self.turn.now;
        let row = Instance { counted_since: now, transitions_since: now, ..Instance::new(config) };
        self.tables.instances.insert(id, row);
        self.change_objects(Owner::Instance(id), lines, false);
    }

    fn reconfigure(&mut self, id: InstanceId, config: model::Instance) {
        // A link with a new name is made again. The instance keeps its state meanwhile.
        self.renew_links(id, &config);
        let lines = Lines::of(&config);
        let Some(mut router) = self.router(id) else { return };
        router.reconfigure(config);
        let wanted = router.row.state == State::Master;
        self.change_objects(Owner::Instance(id), lines, wanted);
    }

    /// Stops an instance that the new configuration does not have: sends priority 0, removes its addresses and reports
    /// DELETED or FAULT, depending on `notify_deleted`.
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

    /// Deletes the rows of removed instances, after the views have processed the change.
    pub(super) fn sweep(&mut self) {
        if self.retired.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.retired) {
            self.tables.instances.remove(&id);
            self.turn.touch_firewall(Owner::Instance(id));
            self.turn.layouts = true;
        }
        self.tables.resolve_all();
    }

    /// Stops all activity of an instance on the wire and in the kernel.
    fn withdraw_all(&mut self, id: InstanceId, keep_link: bool) {
        let Some(mut router) = self.router(id) else { return };
        if router.row.state == State::Master {
            router.send_priority_zero();
        }
        router.stop_announcements();
        router.site.turn.set_timer(TimerKey::Protocol(id), None);
        router.site.turn.set_timer(TimerKey::Yield(id), None);
        self.change_objects(Owner::Instance(id), Lines::default(), false);
        self.withdraw_links(id, |number, _| number == 0 && keep_link);
    }

    /// Replaces the addresses, routes and rules of an owner. Rows of unchanged lines keep their index and state.
    fn change_objects(&mut self, owner: Owner, lines: Lines, wanted: bool) {
        let Lines { addresses, routes, rules } = lines;
        let tables = &mut self.tables;
        let (old_rules, new_rules) = tables.rules.renew(owner.index(), rules, |_, _| {});
        let (old_routes, new_routes) = tables.routes.renew(owner.index(), routes, |_, _| {});
        let update = |known: &mut Address, new: Address| known.advertised = new.advertised;
        let (old_addresses, new_addresses) = tables.addresses.renew(owner.index(), addresses, update);
        let (_, mut site) = self.site(owner);
        let gone = old_rules.into_iter().map(ObjectId::Rule).chain(old_routes.into_iter().map(ObjectId::Route));
        gone.chain(old_addresses.into_iter().map(ObjectId::Address)).for_each(|id| site.withdraw(id));
        put(&mut self.tables.addresses, new_addresses, wanted);
        put(&mut self.tables.routes, new_routes, wanted);
        put(&mut self.tables.rules, new_rules, wanted);
    }

    /// Replaces the sync groups. Groups of the same name keep their index and state.
    fn change_groups(&mut self, configs: Vec<model::SyncGroup>) {
        let staying = self.tables.instances.iter().filter(|(id, _)| !self.retired.contains(id));
        let by_name = staying.map(|(id, row)| (row.config.name.clone(), *id)).collect();
        let groups = self.tables.groups.iter();
        let former: Vec<_> =
            groups.map(|(id, row)| (*id, (row.state, row.since, row.transitions, row.former))).collect();
        let known = self.tables.group_indices();
        self.tables.add_groups(configs, known, &by_name);
        for (id, history) in former {
            if let Some(row) = self.tables.groups.get_mut(&id) {
                (row.state, row.since, row.transitions, row.former) = history;
            }
        }
    }

    /// Starts new instances, brings the members of groups into one state, and reconciles addresses and links.
    fn settle(&mut self, started: &[InstanceId]) {
        self.tables.match_new_objects();
        self.follow_own_links();
        if !self.turn.is_running() {
            return self.reassess_all();
        }
        // Assess all instances before any transition, so that none is due to the old configuration.
        for id in self.tables.instance_ids() {
            if let Some(mut router) = self.router(id) {
                router.assess();
            }
        }
        for id in started {
            let decided = self.router(*id).filter(|router| !router.is_undecided());
            let to =
                decided.map(|router| if router.row.group.is_some() { State::Backup } else { router.row.first_state() });
            if let Some(to) = to {
                self.start_instance(*id, to);
            }
        }
        self.reassess_all();
        let groups: Vec<GroupId> = self.tables.groups.keys().copied().collect();
        for id in groups {
            self.unify_group(id);
            self.unify_yielded(id);
        }
        for id in self.tables.instance_ids() {
            let alone = self.tables.instances.get(&id).is_some_and(|row| row.group.is_none());
            if alone && !self.retired.contains(&id) {
                self.apply_fault(id);
            }
        }
        let instances = self.tables.instance_ids().into_iter().map(Owner::Instance);
        for owner in [Owner::Static].into_iter().chain(instances) {
            self.reconcile_all_of(owner);
        }
    }
}

impl Router<'_> {
    /// Applies a changed configuration to the same virtual router, except for its addresses.
    fn reconfigure(&mut self, config: model::Instance) {
        let row = &mut *self.row;
        row.advertised = config.addresses.len();
        let interval = config.advert_interval;
        let other_interval = row.config.advert_interval != interval;
        row.base_priority = config.priority;
        row.nopreempt = config.nopreempt;
        row.group = None;
        row.old_checksum &= row.config.unicast == config.unicast;
        if config.auth_hmac.is_none() {
            row.hmac = HmacState::default();
        }
        row.config = config;
        let master = row.state == State::Master;
        if other_interval && (master || row.master.is_none()) {
            row.master_interval = interval;
        }
        if other_interval && master {
            // Backups rely on the interval last advertised: the next advert must not be later than the old interval.
            let at = self.site.turn.now + interval;
            self.set_deadline(self.row.deadline.map_or(at, |deadline| deadline.min(at)));
        }
        if master {
            self.reschedule_announcements();
        }
    }
}

fn put<R: Object>(objects: &mut Objects<R>, added: Vec<(RowId, R)>, wanted: bool) {
    for (id, mut row) in added {
        row.state_mut().wanted = wanted;
        objects.insert(id, row);
    }
}
