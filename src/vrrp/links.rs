//! Handling of the kernel's notifications about links and addresses, and their consequences for instances.

use std::collections::BTreeSet;

use super::cause::{LinkState, Occasion};
use super::event::{Change, TimerKey};
use super::ids::{InstanceId, ObjectId, Owner};
use super::interface::{Interface, KernelAddress};
use super::routers::Vrrp;
use super::rows::Instance;
use super::state::State;
use crate::state::{Done, Object, Op};

impl Vrrp {
    /// Takes all interfaces, which were read from the kernel.
    pub(super) fn interfaces_known(&mut self, mut links: Vec<Interface>) {
        self.turn.occasion = Occasion::Interfaces;
        let known: BTreeSet<u32> = links.iter().map(|link| link.index).collect();
        self.tables.links.indices().iter().filter(|index| !known.contains(index)).for_each(|index| self.forget(*index));
        for link in &mut links {
            link.up = self.effective_state(link);
        }
        self.tables.interfaces.replace(links);
        self.own_links_gone();
        self.tables.resolve_all();
        let instances = self.tables.instance_ids().into_iter().map(Owner::Instance);
        let all: BTreeSet<Owner> = [Owner::Static].into_iter().chain(instances).collect();
        for id in &all {
            self.tables.match_objects(*id, &self.inherited);
        }
        self.drop_inherited();
        self.turn.layouts = true;
        self.follow_links(&all);
    }

    /// Handles the kernel's notification about a link, whose change of state may be delayed.
    pub(super) fn link_reported(&mut self, mut link: Interface) {
        link.up = self.effective_state(&link);
        self.link_changed(link);
    }

    /// The effective state of a link that the kernel reports, after delays and carrier polls.
    fn effective_state(&mut self, link: &Interface) -> bool {
        let now = self.turn.now;
        let before = self.tables.interfaces.get(link.index).map(|old| old.up);
        let own = self.tables.own_link_at(link.index).and_then(|id| self.tables.own_link(id));
        let below = own.map(|(_, own)| own.base.clone());
        let was_delayed = self.tables.links.last_reported(link.index).is_some();
        let status = self.tables.links.report(link.index, (&link.name, below.as_deref()), link.up, before, now);
        if was_delayed || status.pending.is_some() {
            self.turn.set_timer(TimerKey::Link(link.index), status.pending);
        }
        status.up
    }

    /// Applies the state of a link whose delay is over.
    pub(super) fn link_settled(&mut self, index: u32) {
        let up = self.tables.links.expire(index, self.turn.now);
        if let Some((up, link)) = up.zip(self.tables.interfaces.get(index).cloned()) {
            self.link_changed(Interface { up, ..link });
        }
    }

    /// Handles the carrier state of a polled interface.
    pub(super) fn link_beat(&mut self, name: &str, up: bool) {
        let now = self.turn.now;
        let Some(link) = self.tables.interfaces.named(name).cloned() else { return };
        let Some(status) = self.tables.links.poll(link.index, name, up, link.up, now) else { return };
        self.turn.set_timer(TimerKey::Link(link.index), status.pending);
        if status.up != link.up {
            self.link_changed(Interface { up: status.up, ..link });
        }
    }

    /// Evaluates delayed and polled links again after a reload, which may have changed the delays.
    pub(super) fn reconsider_links(&mut self) {
        for index in self.tables.links.indices() {
            let link = self.tables.interfaces.get(index).cloned();
            if let Some((link, up)) = link.zip(self.tables.links.last_reported(index)) {
                self.link_reported(Interface { up, ..link });
            }
        }
    }

    /// Applies a new or changed link to the instances that use it. Its name may have changed.
    pub(super) fn link_changed(&mut self, link: Interface) {
        let index = link.index;
        let old = self.tables.interfaces.get(index).map(|old| (old.name.clone(), old.up));
        let renamed = old.as_ref().is_none_or(|(name, _)| *name != link.name);
        let mut concerned: BTreeSet<Owner> = self.tables.concerned_by(&link.name).collect();
        let owner = self.tables.own_link_at(index).map(|id| id.0);
        if owner.is_some() {
            // The notifications about the links of other instances may wait behind this one.
            self.link_progress = self.turn.now;
        }
        concerned.extend(owner.map(Owner::Instance));
        concerned.extend(self.tables.gateways.users_of_link(index).into_iter().map(Owner::Instance));
        if let Some((name, _)) = old.as_ref().filter(|_| renamed) {
            concerned.extend(self.tables.concerned_by(name));
        }
        let (name, up) = (link.name.clone(), link.up);
        self.tables.interfaces.set_link(link);
        if renamed {
            self.tables.gateways.link_changed(index, &self.tables.interfaces);
        }
        let turned = old.as_ref().is_some_and(|(_, was_up)| *was_up != up);
        if concerned.is_empty() {
            return;
        }
        let to = if up { LinkState::Up } else { LinkState::Down };
        if turned {
            self.turn.change(Change::Link { name: name.clone(), to });
        }
        self.turn.occasion = Occasion::Link(name, to);
        if renamed {
            self.resolve(&concerned);
        }
        self.follow_links(&concerned);
    }

    fn forget(&mut self, index: u32) {
        if self.tables.links.last_reported(index).is_some() {
            self.tables.links.forget(index);
            self.turn.set_timer(TimerKey::Link(index), None);
        }
    }

    pub(super) fn link_gone(&mut self, index: u32) {
        self.forget(index);
        let Some(name) = self.tables.interfaces.get(index).map(|link| link.name.clone()) else { return };
        let mut concerned: BTreeSet<Owner> = self.tables.concerned_by(&name).collect();
        concerned.extend(self.tables.own_link_at(index).map(|id| Owner::Instance(id.0)));
        let link = self.tables.interfaces.get(index);
        let addresses: Vec<_> = link.into_iter().flat_map(|link| link.addresses.iter()).map(|known| known.ip).collect();
        concerned.extend(self.tables.gateways.users_of_link(index).into_iter().map(Owner::Instance));
        self.tables.interfaces.remove_link(index);
        self.tables.gateways.link_changed(index, &self.tables.interfaces);
        // Source addresses of instances on other interfaces may have been on it.
        for ip in addresses {
            concerned.extend(self.tables.users_of_source(Some(ip)).into_iter().map(Owner::Instance));
        }
        if concerned.is_empty() {
            return;
        }
        self.turn.change(Change::Link { name: name.clone(), to: LinkState::Gone });
        self.turn.occasion = Occasion::Link(name, LinkState::Gone);
        self.own_link_gone(index);
        self.resolve(&concerned);
        self.follow_links(&concerned);
    }

    /// Resolves the interfaces of these owners again, and which of their addresses are set on them.
    fn resolve(&mut self, owners: &BTreeSet<Owner>) {
        for id in owners {
            self.tables.resolve(*id);
            self.tables.match_objects(*id, &self.inherited);
        }
    }

    fn follow_links(&mut self, concerned: &BTreeSet<Owner>) {
        self.turn.output.links = true;
        concerned.iter().for_each(|owner| self.turn.touch_firewall(*owner));
        let instances: Vec<InstanceId> = concerned.iter().filter_map(|owner| owner.instance()).collect();
        instances.iter().for_each(|id| self.reconcile_links_of(*id));
        instances.iter().for_each(|id| self.reassess(*id));
        instances.iter().for_each(|id| self.start_late(*id));
        concerned.iter().for_each(|owner| self.reconcile_all_of(*owner));
        if concerned.contains(&Owner::Static) {
            self.follow_static();
        }
    }

    /// Assesses the instances with `track_group` again, because static objects have changed.
    fn follow_static(&mut self) {
        let followed = |row: &Instance| !row.config.track_groups.is_empty();
        let following: BTreeSet<InstanceId> =
            self.tables.instances.iter().filter(|(_, row)| followed(row)).map(|(id, _)| *id).collect();
        following.iter().for_each(|id| self.reassess(*id));
        following.iter().for_each(|id| self.start_late(*id));
    }

    pub(super) fn address_added(&mut self, address: KernelAddress) {
        self.tables.interfaces.add(address);
        let ours = self.row_installed(address);
        // Instances without a source address may have one now, a lost source may be back, and a new address of the host
        // may be preferable to the present source.
        let mut concerned: BTreeSet<InstanceId> = self.tables.users_of_source(None).into_iter().collect();
        concerned.extend(self.tables.users_of_source(Some(address.ip)));
        if !ours {
            let name = self.tables.interfaces.name(address.ifindex).to_owned();
            concerned.extend(self.tables.concerned_by(&name).filter_map(Owner::instance));
        }
        concerned.extend(self.gateway_users(address));
        self.follow_addresses(&concerned);
    }

    pub(super) fn address_gone(&mut self, address: KernelAddress) {
        let KernelAddress { ifindex, ip, prefix, .. } = address;
        self.tables.interfaces.remove(ifindex, ip, prefix);
        let mut concerned: BTreeSet<InstanceId> = self.tables.users_of_source(Some(ip)).into_iter().collect();
        if !self.row_removed(address) {
            concerned.extend(self.own_link_lost_address(ifindex, ip));
        }
        concerned.extend(self.gateway_users(address));
        self.follow_addresses(&concerned);
    }

    /// The instances with gateways in the network of an address that was set or removed.
    fn gateway_users(&mut self, address: KernelAddress) -> BTreeSet<InstanceId> {
        self.tables.gateways.address_changed(address.ip, address.prefix, &self.tables.interfaces)
    }

    fn follow_addresses(&mut self, concerned: &BTreeSet<InstanceId>) {
        concerned.iter().for_each(|id| self.reconcile_links_of(*id));
        concerned.iter().for_each(|id| self.reassess(*id));
        // An ipvlan may have waited for its address.
        concerned.iter().for_each(|id| self.start_late(*id));
    }

    /// Updates the rows of an address that was set. Returns whether there are any.
    fn row_installed(&mut self, address: KernelAddress) -> bool {
        let ids = self.tables.addresses.with_key(&(address.ifindex, address.ip, address.prefix)).to_vec();
        for id in &ids {
            let (instance, mut site) = self.site(Owner::of(*id));
            site.appeared(ObjectId::Address(*id), address.marked, instance);
        }
        ids.iter().for_each(|id| self.follow_static_of(ObjectId::Address(*id)));
        !ids.is_empty()
    }

    /// Updates the rows of an address that was removed. Returns whether there are any.
    fn row_removed(&mut self, address: KernelAddress) -> bool {
        let ids = self.tables.addresses.with_key(&(address.ifindex, address.ip, address.prefix)).to_vec();
        for id in &ids {
            let (instance, mut site) = self.site(Owner::of(*id));
            site.vanished(ObjectId::Address(*id), instance);
        }
        ids.iter().for_each(|id| self.follow_static_of(ObjectId::Address(*id)));
        !ids.is_empty()
    }

    /// Handles the kernel's answer to a request. A master announces the address it has set.
    pub(super) fn done(&mut self, id: ObjectId, op: Op, result: Result<Done, String>) {
        let refused = result.is_err();
        let owner = id.owner();
        let as_wanted = self.site(owner).1.done(id, op, result);
        if let ObjectId::Address(address) = id {
            let router = owner.instance().and_then(|owner| self.router(owner));
            if let Some(mut router) = router.filter(|router| as_wanted && router.row.state == State::Master) {
                router.announce_installed(address);
            }
        }
        if !refused {
            let (instance, mut site) = self.site(owner);
            site.reconcile(id, instance);
        }
        self.follow_static_of(id);
        if let (ObjectId::Route(id), Op::Remove) = (id, op)
            && let Some(key) = self.tables.routes.get(&id).and_then(|row| row.key())
        {
            self.restore_hidden(&key);
        }
    }

    /// Assesses the instances with `track_group` again if the row is static and has one.
    pub(super) fn follow_static_of(&mut self, id: ObjectId) {
        let tables = &self.tables;
        let group = match id {
            ObjectId::Address(id) => tables.addresses.get(&id).and_then(|row| row.config.track_group.as_ref()),
            ObjectId::Route(id) => tables.routes.get(&id).and_then(|row| row.config.track_group.as_ref()),
            ObjectId::Rule(id) => tables.rules.get(&id).and_then(|row| row.config.track_group.as_ref()),
        };
        if id.owner() == Owner::Static && group.is_some() {
            self.follow_static();
        }
    }

    pub(super) fn retry(&mut self, id: ObjectId) {
        let (instance, mut site) = self.site(id.owner());
        site.retry(id, instance);
    }

    /// Reconciles all objects of an owner.
    pub(super) fn reconcile_all_of(&mut self, owner: Owner) {
        let (instance, mut site) = self.site(owner);
        site.reconcile_all_of(owner, instance);
    }
}
