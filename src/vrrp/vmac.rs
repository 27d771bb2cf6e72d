//! Reconciliation of VMACs (`use_vmac`): macvlan interfaces of instances.
//!
//! A VMAC is created when its base interface exists, adopted if it already exists, created again when another program
//! removes it, and removed at the stop. While it is being created, it does not put its instance into fault.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::event::{Action, Change, TimerKey};
use super::ids::{InstanceId, Owner};
use super::op::WantedVmac;
use super::router::Router;
use super::routers::Vrrp;
use super::vmac_row::Vmac;
use super::vmac_wanted::VmacStep;
use crate::state::Op;

/// Time before a request that the kernel refused is repeated.
const RETRY: Duration = Duration::from_secs(1);
/// How long an instance waits for the kernel to create its VMAC before it enters fault.
const CREATION_GRACE: Duration = Duration::from_secs(5);
/// How long an instance waits for its new VMAC to come up before it enters fault.
const UP_GRACE: Duration = Duration::from_secs(1);

impl Vrrp {
    /// Reconciles the VMACs of all instances.
    pub(super) fn follow_vmacs(&mut self) {
        for id in self.tables.instance_ids() {
            self.reconcile_vmac(id);
        }
    }

    /// Updates the instance whose VMAC was removed, if the link is a VMAC.
    pub(super) fn vmac_gone(&mut self, index: u32) {
        let owner = self.tables.owner_of_vmac(index);
        if let Some(mut router) = owner.and_then(|id| self.router(id)) {
            router.lose_vmac();
        }
    }

    /// Updates all VMACs after all interfaces were read from the kernel.
    pub(super) fn vmacs_gone(&mut self) {
        for id in self.tables.instance_ids() {
            if let Some(mut router) = self.router(id) {
                router.find_vmac();
            }
        }
    }

    /// Updates a VMAC whose address was removed. Returns its instance if it was the copied link-local address.
    pub(super) fn vmac_lost_address(&mut self, index: u32, ip: IpAddr) -> Option<InstanceId> {
        let id = self.tables.owner_of_vmac(index)?;
        let vmac = self.router(id)?.row.vmac.as_mut()?;
        vmac.link_local.take_if(|known| IpAddr::from(*known) == ip).map(|_| id)
    }

    /// Requests the kernel to create or remove the VMAC if it is not as wanted, one request at a time.
    pub(super) fn reconcile_vmac(&mut self, id: InstanceId) {
        self.turn.touch_firewall(Owner::Instance(id));
        let step = self.tables.vmac_step(id);
        if let Some(mut router) = self.router(id) {
            router.take_vmac_step(step);
        }
    }

    /// Handles the kernel's answer. `made` is the index of the interface that was created or adopted.
    pub(super) fn vmac_done(&mut self, id: InstanceId, op: Op, link: &WantedVmac, made: Result<u32, String>) {
        self.vmac_progress = self.turn.now;
        if self.router(id).is_some_and(|mut router| router.vmac_done(op, link, made)) {
            self.vmac_changed(id);
        }
    }

    /// Repeats a refused request, or ends the grace period. The period is extended while the kernel is creating the VMACs of
    /// other instances, since 255 VMACs take some time on a busy machine.
    pub(super) fn vmac_timer(&mut self, id: InstanceId) {
        let progress = self.vmac_progress;
        if self.router(id).is_some_and(|mut router| router.vmac_timer(progress)) {
            self.vmac_changed(id);
        }
    }

    fn vmac_changed(&mut self, id: InstanceId) {
        self.tables.resolve(Owner::Instance(id));
        self.tables.match_objects(Owner::Instance(id), &self.inherited);
        self.reconcile_vmac(id);
        self.reassess(id);
        self.start_late(id);
        self.reconcile_all_of(Owner::Instance(id));
    }

    /// Removes the VMAC of an instance because the daemon stops.
    pub(super) fn drop_vmac(&mut self, id: InstanceId) {
        if let Some(vmac) = self.router(id).and_then(|router| router.row.vmac.as_mut()) {
            vmac.state.wanted = false;
            vmac.state.refused = false;
            self.reconcile_vmac(id);
        }
    }

    /// Removes the VMAC of a deleted or replaced instance, without waiting for the answer.
    pub(super) fn withdraw_vmac(&mut self, id: InstanceId) {
        let link = self.tables.wanted_vmac(id);
        if let Some(mut router) = self.router(id) {
            router.withdraw_vmac(link);
        }
    }
}

impl Router<'_> {
    /// Handles the removal of the VMAC, and reports it if another program has removed it.
    fn lose_vmac(&mut self) {
        let Some(vmac) = &mut self.row.vmac else { return };
        vmac.ifindex = None;
        vmac.link_local = None;
        let unexpected = vmac.state.wanted && vmac.state.pending.is_none();
        let base = self.row.ifindex.and_then(|index| self.site.interfaces.get(index));
        if unexpected && base.is_some() {
            self.site.turn.change(Change::VmacStolen(self.id));
        }
    }

    /// Checks that the VMAC and its link-local address still exist, after all interfaces were read.
    fn find_vmac(&mut self) {
        let Some(vmac) = &mut self.row.vmac else { return };
        let Some(index) = vmac.ifindex else { return };
        let Some(link) = self.site.interfaces.get(index) else { return self.lose_vmac() };
        let has = |ip: &Ipv6Addr| link.addresses.iter().any(|known| known.ip == IpAddr::V6(*ip));
        vmac.link_local = vmac.link_local.filter(has);
    }

    fn take_vmac_step(&mut self, step: VmacStep) {
        let (id, now) = (self.id, self.site.turn.now);
        let turn = &mut *self.site.turn;
        let Some(vmac) = &mut self.row.vmac else { return };
        match step {
            VmacStep::Nothing => {}
            // A new name given by another program is accepted. The grace period ends when the VMAC is up.
            VmacStep::Complete { name, up } => {
                vmac.name = name.unwrap_or_else(|| std::mem::take(&mut vmac.name));
                vmac.was_up |= up;
                if up && vmac.grace_until.take().is_some() {
                    turn.set_timer(TimerKey::Vmac(id), None);
                }
            }
            VmacStep::Ask { op, link, went_down } => {
                if went_down {
                    turn.change(Change::VmacStolen(id));
                }
                vmac.name.clone_from(&link.name);
                vmac.state.pending = Some(op);
                vmac.was_up = false;
                if op == Op::Add {
                    vmac.grace_until = Some(now + CREATION_GRACE);
                    turn.set_timer(TimerKey::Vmac(id), Some(now + CREATION_GRACE));
                }
                turn.act(Action::Vmac { id: Some(id), op, link: Box::new(link) });
            }
        }
    }

    /// Handles the kernel's answer. Returns whether it was for the pending request.
    fn vmac_done(&mut self, op: Op, link: &WantedVmac, made: Result<u32, String>) -> bool {
        let (id, now) = (self.id, self.site.turn.now);
        let answered = |vmac: &&mut Vmac| vmac.state.pending == Some(op) && vmac.name == link.name;
        let Some(vmac) = self.row.vmac.as_mut().filter(answered) else { return false };
        vmac.state.pending = None;
        let next = match made {
            Ok(index) => {
                let remains = op == Op::Add;
                vmac.ifindex = remains.then_some(index);
                vmac.link_local = link.link_local.filter(|_| remains);
                vmac.ipv6 = link.ipv6 && remains;
                vmac.state.refusal = None;
                UP_GRACE
            }
            Err(error) => {
                vmac.state.refused = true;
                if vmac.state.refusal.replace(error.clone()).as_ref() != Some(&error) {
                    self.site.turn.change(Change::VmacRefused { id, op, error });
                }
                RETRY
            }
        };
        vmac.grace_until = (!vmac.state.refused).then_some(now + next);
        self.site.turn.set_timer(TimerKey::Vmac(id), Some(now + next));
        true
    }

    /// Returns whether the instance must be assessed again. `progress` is the time of the kernel's last answer or notification
    /// for any VMAC.
    fn vmac_timer(&mut self, progress: Duration) -> bool {
        let now = self.site.turn.now;
        let Some(vmac) = &mut self.row.vmac else { return false };
        let until = progress + if vmac.state.pending.is_some() { CREATION_GRACE } else { UP_GRACE };
        if vmac.grace_until.is_some() && !vmac.state.refused && now < until {
            vmac.grace_until = Some(until);
            self.site.turn.set_timer(TimerKey::Vmac(self.id), Some(until));
            return false;
        }
        vmac.state.refused = false;
        vmac.grace_until.take_if(|until| *until <= now);
        true
    }

    fn withdraw_vmac(&mut self, link: Option<WantedVmac>) {
        let turn = &mut *self.site.turn;
        let Some(vmac) = &mut self.row.vmac else { return };
        vmac.state.wanted = false;
        let there = vmac.ifindex.is_some() || vmac.state.pending.is_some();
        if let Some(link) = link.filter(|_| there) {
            turn.act(Action::Vmac { id: None, op: Op::Remove, link: Box::new(link) });
        }
        // A new row must not adopt it.
        if let Some(index) = vmac.ifindex {
            self.site.interfaces.remove_link(index);
        }
        turn.set_timer(TimerKey::Vmac(self.id), None);
    }
}
