//! Reconciliation of the links that the daemon makes: VMACs (`use_vmac`) and ipvlans (`use_ipvlan`).
//!
//! A link is created when its lower interface exists, adopted if it already exists, created again when another program
//! removes it, and removed at the stop. While it is being created, it does not put its instance into fault.

use std::net::IpAddr;
use std::time::Duration;

use super::event::{Action, Change, TimerKey};
use super::ids::{InstanceId, OwnLinkId, Owner};
use super::op::WantedLink;
use super::own_link::OwnLink;
use super::own_link_wanted::LinkStep;
use super::router::Router;
use super::routers::Vrrp;
use super::rows::Instance;
use crate::config::model;
use crate::state::Op;

/// Time before a request that the kernel refused is repeated.
const RETRY: Duration = Duration::from_secs(1);
/// How long an instance waits for the kernel to create its links before it enters fault.
const CREATION_GRACE: Duration = Duration::from_secs(5);
/// How long an instance waits for a new link to come up before it enters fault.
const UP_GRACE: Duration = Duration::from_secs(1);

impl Vrrp {
    /// Reconciles the links of all instances.
    pub(super) fn follow_own_links(&mut self) {
        for id in self.tables.own_link_ids() {
            self.reconcile_link(id);
        }
    }

    /// Reconciles the links of an instance.
    pub(super) fn reconcile_links_of(&mut self, id: InstanceId) {
        for id in self.tables.own_links_of(id) {
            self.reconcile_link(id);
        }
    }

    /// Updates the row of a link that was removed, if it is one of ours.
    pub(super) fn own_link_gone(&mut self, index: u32) {
        let Some(OwnLinkId(id, number)) = self.tables.own_link_at(index) else { return };
        if let Some(mut router) = self.router(id) {
            router.lose_link(number);
        }
    }

    /// Updates all links after all interfaces were read from the kernel.
    pub(super) fn own_links_gone(&mut self) {
        for OwnLinkId(id, number) in self.tables.own_link_ids() {
            if let Some(mut router) = self.router(id) {
                router.find_link(number);
            }
        }
    }

    /// Updates a link of ours whose address was removed. Returns its instance if it was the link's own address.
    pub(super) fn own_link_lost_address(&mut self, index: u32, ip: IpAddr) -> Option<InstanceId> {
        let OwnLinkId(id, number) = self.tables.own_link_at(index)?;
        let link = self.router(id)?.row.links.get_mut(&number)?;
        link.address.take_if(|(known, _)| *known == ip).map(|_| id)
    }

    /// Requests the kernel to create or remove the link if it is not as wanted, one request at a time.
    fn reconcile_link(&mut self, id: OwnLinkId) {
        self.turn.touch_firewall(Owner::Instance(id.0));
        let step = self.tables.link_step(id);
        if let Some(mut router) = self.router(id.0) {
            router.take_link_step(id.1, step);
        }
    }

    /// Handles the kernel's answer. `made` is the index of the interface that was created or adopted.
    pub(super) fn own_link_done(&mut self, id: OwnLinkId, op: Op, link: &WantedLink, made: Result<u32, String>) {
        self.link_progress = self.turn.now;
        if self.router(id.0).is_some_and(|mut router| router.own_link_done(id.1, op, link, made)) {
            self.own_link_changed(id);
        }
    }

    /// Repeats a refused request, or ends the grace period. The period is extended while the kernel is creating other links,
    /// since 255 VMACs take some time on a busy machine.
    pub(super) fn own_link_timer(&mut self, id: OwnLinkId) {
        let progress = self.link_progress;
        if self.router(id.0).is_some_and(|mut router| router.own_link_timer(id.1, progress)) {
            self.own_link_changed(id);
        }
    }

    fn own_link_changed(&mut self, OwnLinkId(id, number): OwnLinkId) {
        self.tables.resolve(Owner::Instance(id));
        self.tables.match_objects(Owner::Instance(id), &self.inherited);
        self.reconcile_link(OwnLinkId(id, number));
        self.reassess(id);
        self.start_late(id);
        self.reconcile_all_of(Owner::Instance(id));
    }

    /// Removes the links of an instance because the daemon stops.
    pub(super) fn drop_own_links(&mut self, id: InstanceId) {
        if let Some(router) = self.router(id) {
            for link in router.row.links.values_mut() {
                link.state.wanted = false;
                link.state.refused = false;
            }
        }
        self.reconcile_links_of(id);
    }

    /// Removes links of a deleted, replaced or changed instance that are not to be kept, without waiting for the answers.
    pub(super) fn withdraw_links(&mut self, id: InstanceId, keep: impl Fn(u32, &OwnLink) -> bool) {
        for link_id in self.tables.own_links_of(id) {
            let kept = self.tables.own_link(link_id).is_some_and(|(_, link)| keep(link_id.1, link));
            let wanted = self.tables.wanted_link(link_id).filter(|_| !kept);
            if let Some(mut router) = self.router(id).filter(|_| !kept) {
                router.withdraw_link(link_id.1, wanted);
            }
        }
    }

    /// Takes the links of a changed configuration of the same virtual router. Links that are made alike stay.
    pub(super) fn renew_links(&mut self, id: InstanceId, config: &model::Instance) {
        let (own, others) = (OwnLink::run_on(config), OwnLink::for_addresses(config).collect::<Vec<_>>());
        let stays = |number: u32, link: &OwnLink| match number {
            0 => own.as_ref().is_some_and(|own| own.is_like(link)),
            _ => others.iter().any(|other| other.is_like(link)),
        };
        self.withdraw_links(id, stays);
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        row.links.retain(|number, link| stays(*number, link));
        match (row.links.get_mut(&0), own) {
            (Some(known), Some(own)) => known.take_settings(own),
            (None, Some(own)) => drop(row.links.insert(0, own)),
            (_, None) => {}
        }
        row.take_links_for_addresses(others);
    }
}

impl Instance {
    fn take_links_for_addresses(&mut self, links: Vec<OwnLink>) {
        for link in links {
            match self.links.range_mut(1..).find(|(_, known)| known.is_like(&link)) {
                Some((_, known)) => known.take_settings(link),
                None => {
                    let last = self.links.last_key_value().map_or(0, |(number, _)| *number);
                    self.links.insert(last.saturating_add(1), link);
                }
            }
        }
    }
}

impl Router<'_> {
    /// Handles the removal of a link, and reports it if another program has removed it.
    fn lose_link(&mut self, number: u32) {
        let Some(own) = self.row.links.get_mut(&number) else { return };
        own.ifindex = None;
        own.address = None;
        let unexpected = own.state.wanted && own.state.pending.is_none();
        if unexpected && self.site.interfaces.named(&own.base).is_some() {
            self.site.turn.change(Change::OwnLinkStolen(OwnLinkId(self.id, number)));
        }
    }

    /// Checks that a link and its address still exist, after all interfaces were read.
    fn find_link(&mut self, number: u32) {
        let Some(own) = self.row.links.get_mut(&number) else { return };
        let Some(index) = own.ifindex else { return };
        let Some(link) = self.site.interfaces.get(index) else { return self.lose_link(number) };
        let has = |(ip, _): &(IpAddr, u8)| link.addresses.iter().any(|known| known.ip == *ip);
        own.address = own.address.filter(has);
    }

    fn take_link_step(&mut self, number: u32, step: LinkStep) {
        let (id, now) = (OwnLinkId(self.id, number), self.site.turn.now);
        let turn = &mut *self.site.turn;
        let Some(own) = self.row.links.get_mut(&number) else { return };
        match step {
            LinkStep::Nothing => {}
            // A new name given by another program is accepted. The grace period ends when the link is ready.
            LinkStep::Complete { name, up, ready } => {
                own.name = name.unwrap_or_else(|| std::mem::take(&mut own.name));
                own.was_up |= up;
                if ready && own.grace_until.take().is_some() {
                    turn.set_timer(TimerKey::OwnLink(id), None);
                }
            }
            LinkStep::Ask { op, link, went_down } => {
                if went_down {
                    turn.change(Change::OwnLinkStolen(id));
                }
                own.name.clone_from(&link.name);
                own.state.pending = Some(op);
                own.was_up = false;
                if op == Op::Add {
                    own.grace_until = Some(now + CREATION_GRACE);
                    turn.set_timer(TimerKey::OwnLink(id), Some(now + CREATION_GRACE));
                }
                turn.act(Action::OwnLink { id: Some(id), op, link: Box::new(link) });
            }
        }
    }

    /// Handles the kernel's answer. Returns whether it was for the pending request.
    fn own_link_done(&mut self, number: u32, op: Op, link: &WantedLink, made: Result<u32, String>) -> bool {
        let (id, now) = (OwnLinkId(self.id, number), self.site.turn.now);
        let answered = |own: &&mut OwnLink| own.state.pending == Some(op) && own.name == link.name;
        let Some(own) = self.row.links.get_mut(&number).filter(answered) else { return false };
        own.state.pending = None;
        let next = match made {
            Ok(index) => {
                let remains = op == Op::Add;
                own.ifindex = remains.then_some(index);
                own.address = link.address.filter(|_| remains);
                own.ipv6 = link.ipv6 && remains;
                own.group = link.group;
                own.state.refusal = None;
                UP_GRACE
            }
            Err(error) => {
                own.state.refused = true;
                if own.state.refusal.replace(error.clone()).as_ref() != Some(&error) {
                    self.site.turn.change(Change::OwnLinkRefused { id, op, error });
                }
                RETRY
            }
        };
        own.grace_until = (!own.state.refused).then_some(now + next);
        self.site.turn.set_timer(TimerKey::OwnLink(id), Some(now + next));
        true
    }

    /// Returns whether the instance must be assessed again. `progress` is the time of the kernel's last answer or notification
    /// for any link.
    fn own_link_timer(&mut self, number: u32, progress: Duration) -> bool {
        let now = self.site.turn.now;
        let Some(own) = self.row.links.get_mut(&number) else { return false };
        let until = progress + if own.state.pending.is_some() { CREATION_GRACE } else { UP_GRACE };
        if own.grace_until.is_some() && !own.state.refused && now < until {
            own.grace_until = Some(until);
            self.site.turn.set_timer(TimerKey::OwnLink(OwnLinkId(self.id, number)), Some(until));
            return false;
        }
        own.state.refused = false;
        own.grace_until.take_if(|until| *until <= now);
        true
    }

    fn withdraw_link(&mut self, number: u32, link: Option<WantedLink>) {
        let turn = &mut *self.site.turn;
        let Some(own) = self.row.links.get_mut(&number) else { return };
        own.state.wanted = false;
        let there = own.ifindex.is_some() || own.state.pending.is_some();
        if let Some(link) = link.filter(|_| there) {
            turn.act(Action::OwnLink { id: None, op: Op::Remove, link: Box::new(link) });
        }
        // A new row must not adopt it.
        if let Some(index) = own.ifindex {
            self.site.interfaces.remove_link(index);
        }
        turn.set_timer(TimerKey::OwnLink(OwnLinkId(self.id, number)), None);
    }
}
