//! Reconciliation: the objects of the kernel are brought in line with their rows.
//!
//! Start, takeover, release and changes by other programs all use the same reconciliation.

use std::time::Duration;

use super::address::Address;
use super::event::{Action, Change, TimerKey};
use super::ids::{ObjectId, Owner};
use super::interface::{AddressRole, KernelAddress};
use super::lookup::role_of;
use super::op::Secondaries;
use super::router::Site;
use super::rows::Instance;
use super::turn::Phase;
use crate::state::{Done, Loss, Managed, Object, Op, RowId, Step};

/// Time before a request that the kernel refused is repeated.
const RETRY: Duration = Duration::from_secs(1);

impl Site<'_> {
    /// Ids of the address rows of an owner, in index order.
    pub(super) fn address_ids(&self, owner: Owner) -> Vec<RowId> {
        self.addresses.ids(owner.index())
    }

    /// Marks all objects of an owner as wanted or not, and reconciles them. Static objects have no `instance`.
    pub(super) fn set_wanted(&mut self, owner: Owner, instance: Option<&Instance>, wanted: bool) {
        self.turn.touch_firewall(owner);
        for id in self.objects_of(owner, wanted) {
            if let Some(state) = self.state_mut(id) {
                state.want(wanted);
            }
            self.reconcile(id, instance);
        }
    }

    /// Reconciles all rows of an owner.
    pub(super) fn reconcile_all_of(&mut self, owner: Owner, instance: Option<&Instance>) {
        for id in self.objects_of(owner, true) {
            // A change of an interface may have made the route possible.
            if let ObjectId::Route(_) = id
                && let Some(state) = self.state_mut(id).filter(|state| state.refusal.is_some())
            {
                state.refused = false;
            }
            self.reconcile(id, instance);
        }
    }

    /// The rows of an owner in the order in which they are set, or removed: the source address of a route must exist first.
    fn objects_of(&self, owner: Owner, set: bool) -> Vec<ObjectId> {
        let owner = owner.index();
        let addresses = self.addresses.ids(owner).into_iter().map(ObjectId::Address);
        let routes = self.routes.ids(owner).into_iter().map(ObjectId::Route);
        let rules = self.rules.ids(owner).into_iter().map(ObjectId::Rule);
        if set {
            addresses.chain(routes).chain(rules).collect()
        } else {
            rules.chain(routes).chain(addresses).collect()
        }
    }

    /// The drop of packets to an address depends on the state of its row.
    fn touch_firewall(&mut self, id: ObjectId) {
        if let ObjectId::Address(_) = id {
            self.turn.touch_firewall(id.owner());
        }
    }

    fn state(&self, id: ObjectId) -> Option<&Managed> {
        match id {
            ObjectId::Address(id) => self.addresses.get(&id).map(Object::state),
            ObjectId::Route(id) => self.routes.get(&id).map(Object::state),
            ObjectId::Rule(id) => self.rules.get(&id).map(Object::state),
        }
    }

    fn state_mut(&mut self, id: ObjectId) -> Option<&mut Managed> {
        match id {
            ObjectId::Address(id) => self.addresses.state_mut(id),
            ObjectId::Route(id) => self.routes.state_mut(id),
            ObjectId::Rule(id) => self.rules.state_mut(id),
        }
    }

    /// Requests the kernel to set or remove the object of a row if it is not as wanted, one request at a time. Objects that
    /// the host has set itself are not removed.
    pub(super) fn reconcile(&mut self, id: ObjectId, instance: Option<&Instance>) {
        // Before the start nothing is removed: an object left by an earlier run may still be wanted.
        if self.turn.phase == Phase::Waiting {
            return;
        }
        let step = match id {
            ObjectId::Address(id) => self.addresses.step(id),
            ObjectId::Route(id) => self.routes.step(id),
            ObjectId::Rule(id) => self.rules.step(id),
        };
        match step {
            Step::Nothing => {}
            Step::LeaveToHost => self.leave_to_host(id, instance),
            Step::Request(op) => {
                let action = self.request(id, op);
                if let Some(state) = self.state_mut(id) {
                    state.pending = Some(op);
                }
                self.turn.act(action);
            }
        }
    }

    fn request(&self, id: ObjectId, op: Op) -> Action {
        match id {
            ObjectId::Address(id) => {
                let removed = self.addresses.get(&id).filter(|_| op == Op::Remove);
                Action::Address(id, op, removed.map_or_else(Secondaries::new, |row| self.secondaries(row)))
            }
            ObjectId::Route(id) => Action::Route(id, op),
            ObjectId::Rule(id) => Action::Rule(id, op),
        }
    }

    /// Reports once that an object of the host stays. No report for an address owner, whose host has its addresses.
    fn leave_to_host(&mut self, id: ObjectId, instance: Option<&Instance>) {
        if instance.is_none_or(Instance::is_owner) {
            return;
        }
        if self.state_mut(id).is_some_and(Managed::stays) {
            self.turn.change(Change::Stays(id));
        }
    }

    /// The host's addresses that the kernel would remove together with this address, since they are its secondaries. A
    /// virtual address becomes primary in its network while a network manager replaces the main address.
    pub(super) fn secondaries(&self, row: &Address) -> Secondaries {
        let link = row.ifindex.and_then(|index| self.interfaces.get(index));
        let Some(link) = link.filter(|_| row.config.ip.is_ipv4()) else { return Secondaries::new() };
        let later = link.addresses.later_in_network(row.config.ip, row.kernel_prefix());
        let foreign = later.filter(|known| role_of(self.addresses, link.index, known) != AddressRole::Ours);
        foreign.map(|known| (known.ip, known.prefix)).collect()
    }

    /// Handles the kernel's answer. Returns whether the object is now set and wanted.
    pub(super) fn done(&mut self, id: ObjectId, op: Op, result: Result<Done, String>) -> bool {
        self.touch_firewall(id);
        let error = match result {
            Ok(done) => {
                self.note_done(id, op, done);
                return self.state(id).is_some_and(|state| state.installed && state.wanted);
            }
            Err(error) => error,
        };
        let Some(state) = self.state_mut(id) else { return false };
        let unreported = state.refuse(&error);
        self.turn.set_timer(TimerKey::Retry(id), Some(self.turn.now + RETRY));
        if unreported {
            self.turn.change(Change::Refused { id, op, error });
        }
        false
    }

    /// Records the change of a request. The answer may precede the kernel's notification, and rows may be matched with the
    /// interfaces in between.
    fn note_done(&mut self, id: ObjectId, op: Op, done: Done) {
        match id {
            ObjectId::Address(id) => {
                self.addresses.done(id, op, done);
                let Some(row) = self.addresses.get(&id) else { return };
                let Some((ifindex, ip, prefix)) = row.key() else { return };
                let (usable, marked) = (ip.is_ipv4() || row.config.nodad, row.state.ours);
                let link = self.interfaces.get(ifindex);
                let there = link.is_some_and(|link| link.addresses.contains(ip, prefix));
                match op {
                    Op::Add if !there => self.interfaces.add(KernelAddress { ifindex, ip, prefix, usable, marked }),
                    Op::Remove if there => self.interfaces.remove(ifindex, ip, prefix),
                    _ => {}
                }
            }
            // The kernel's notification follows. Without it, a comparison would set the route once more, which changes nothing.
            ObjectId::Route(id) => self.routes.done(id, op, done),
            ObjectId::Rule(id) => self.rules.done(id, op, done),
        }
    }

    /// Repeats a refused request.
    pub(super) fn retry(&mut self, id: ObjectId, instance: Option<&Instance>) {
        if let Some(state) = self.state_mut(id) {
            state.refused = false;
            self.reconcile(id, instance);
        }
    }

    /// Handles the kernel's notification that the object of a row was set.
    pub(super) fn appeared(&mut self, id: ObjectId, marked: bool, instance: Option<&Instance>) {
        self.touch_firewall(id);
        if let Some(state) = self.state_mut(id) {
            state.appeared(marked);
        }
        self.reconcile(id, instance);
    }

    /// Handles the kernel's notification that the object of a row was removed. A wanted object is set again.
    pub(super) fn vanished(&mut self, id: ObjectId, instance: Option<&Instance>) {
        self.touch_firewall(id);
        let loss = match id {
            ObjectId::Address(id) => self.addresses.vanished(id),
            ObjectId::Route(id) => self.routes.vanished(id),
            ObjectId::Rule(id) => self.rules.vanished(id),
        };
        match loss {
            Loss::Ours => return,
            Loss::Stolen => self.turn.change(Change::Stolen(id)),
            Loss::Unwanted | Loss::StolenUntracked => {}
        }
        self.reconcile(id, instance);
    }

    /// Deletes a row. If its object is set, or is being set, by the daemon, it is removed from the kernel.
    pub(super) fn withdraw(&mut self, id: ObjectId) {
        self.touch_firewall(id);
        self.turn.set_timer(TimerKey::Retry(id), None);
        match id {
            ObjectId::Address(id) => {
                let interfaces = &*self.interfaces;
                let there = |(ifindex, ip, prefix): &(u32, _, u8)| {
                    interfaces.get(*ifindex).is_some_and(|link| link.addresses.contains(*ip, *prefix))
                };
                let Some(row) = self.addresses.withdraw(id, there) else { return };
                let secondaries = self.secondaries(&row);
                // A new row with the same address must not find it set.
                if let Some((ifindex, ip, prefix)) = row.key() {
                    self.interfaces.remove(ifindex, ip, prefix);
                }
                self.turn.act(Action::WithdrawAddress(Box::new(row), secondaries));
            }
            ObjectId::Route(id) => {
                let routing = &*self.routing;
                if let Some(row) = self.routes.withdraw(id, |key| routing.has_route(key)) {
                    self.routing.let_go(&row);
                    self.turn.act(Action::WithdrawRoute(Box::new(row)));
                }
            }
            ObjectId::Rule(id) => {
                let routing = &*self.routing;
                if let Some(row) = self.rules.withdraw(id, |key| routing.has_rule(key)) {
                    if let Some(key) = row.key() {
                        self.routing.let_rule_go(key);
                    }
                    self.turn.act(Action::WithdrawRule(Box::new(row)));
                }
            }
        }
    }
}
