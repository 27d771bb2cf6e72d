//! Reconciliation of addresses: the kernel's addresses are brought in line with the address rows.
//!
//! Start, takeover, release and changes by other programs all use the same reconciliation.

use std::net::IpAddr;
use std::time::Duration;

use super::event::{Action, Change, TimerKey};
use super::ids::{AddressId, InstanceId};
use super::interface::{AddressRole, KernelAddress};
use super::op::{AddressDone, AddressOp, Secondaries};
use super::router::Site;
use super::rows::{Address, Instance};
use super::turn::Phase;

/// Time before a request that the kernel refused is repeated.
const RETRY: Duration = Duration::from_secs(1);

impl Site<'_> {
    /// Ids of the address rows of an owner, in index order.
    pub(super) fn address_ids(&self, owner: InstanceId) -> Vec<AddressId> {
        self.addresses.of(&owner.0).map(|(id, _)| *id).collect()
    }

    /// The address rows that correspond to an address of the kernel.
    pub(super) fn rows_of(&self, ifindex: u32, ip: IpAddr, prefix: u8) -> Vec<AddressId> {
        self.lookups.rows_of(self.addresses, ifindex, ip, prefix)
    }

    /// Marks all addresses of an owner as wanted or not, and reconciles them. Static addresses have no `instance`.
    pub(super) fn set_wanted(&mut self, owner: InstanceId, instance: Option<&Instance>, wanted: bool) {
        for id in self.address_ids(owner) {
            if let Some(row) = self.addresses.get_mut(&id) {
                row.wanted = wanted;
                row.refused = false;
            }
            self.reconcile(id, instance);
        }
    }

    /// Reconciles all address rows of an owner.
    pub(super) fn reconcile_all_of(&mut self, owner: InstanceId, instance: Option<&Instance>) {
        for id in self.address_ids(owner) {
            self.reconcile(id, instance);
        }
    }

    /// Requests the kernel to set or remove the address if it is not as wanted, one request at a time. Addresses that the
    /// host has set itself are not removed.
    pub(super) fn reconcile(&mut self, id: AddressId, instance: Option<&Instance>) {
        // Before the start no address is removed: an address left by an earlier run may still be wanted.
        if self.turn.phase == Phase::Waiting {
            return;
        }
        let Some(row) = self.addresses.get(&id) else { return };
        if row.ifindex.is_none() || row.pending.is_some() || row.refused || row.wanted == row.installed {
            return;
        }
        let op = if row.wanted { AddressOp::Add } else { AddressOp::Remove };
        let mut secondaries = Secondaries::new();
        if op == AddressOp::Remove {
            if !row.ours {
                return self.leave_to_host(id, instance);
            }
            if self.is_wanted_by_another(id, row) {
                return;
            }
            secondaries = self.secondaries(row);
        }
        if let Some(row) = self.addresses.get_mut(&id) {
            row.pending = Some(op);
        }
        self.turn.act(Action::Address(id, op, secondaries));
    }

    /// Reports once that an address of the host stays. No report for an address owner, whose host has its addresses.
    fn leave_to_host(&mut self, id: AddressId, instance: Option<&Instance>) {
        if instance.is_none_or(Instance::is_owner) {
            return;
        }
        let reported = self.addresses.get_mut(&id).map(|row| std::mem::replace(&mut row.stay_reported, true));
        if reported == Some(false) {
            self.turn.change(Change::AddressStays(id));
        }
    }

    /// The host's addresses that the kernel would remove together with this address, since they are its secondaries. A
    /// virtual address becomes primary in its network while a network manager replaces the main address.
    pub(super) fn secondaries(&self, row: &Address) -> Secondaries {
        let link = row.ifindex.and_then(|index| self.interfaces.get(index));
        let Some(link) = link.filter(|_| row.config.ip.is_ipv4()) else { return Secondaries::new() };
        let later = link.addresses.later_in_network(row.config.ip, row.kernel_prefix());
        let foreign =
            later.filter(|known| self.lookups.role_of(self.addresses, link.index, known) != AddressRole::Ours);
        foreign.map(|known| (known.ip, known.prefix)).collect()
    }

    /// Whether another row wants the same address on the same interface.
    fn is_wanted_by_another(&self, id: AddressId, row: &Address) -> bool {
        let Some(ifindex) = row.ifindex else { return false };
        let same = self.rows_of(ifindex, row.config.ip, row.kernel_prefix());
        same.iter().any(|other| *other != id && self.addresses.get(other).is_some_and(|row| row.wanted))
    }

    /// Handles the kernel's answer. Returns whether the address is now set and wanted.
    pub(super) fn done(&mut self, id: AddressId, op: AddressOp, result: Result<AddressDone, String>) -> bool {
        let Some(row) = self.addresses.get_mut(&id) else { return false };
        row.pending = None;
        match result {
            Ok(done) => {
                row.refusal = None;
                let unreported = op == AddressOp::Remove && row.installed && done == AddressDone::Changed;
                row.unreported_removals = row.unreported_removals.saturating_add(unreported.into());
                row.installed = op == AddressOp::Add;
                row.ours = row.installed && (row.ours || done == AddressDone::Changed);
                let (installed, ours) = (row.installed, row.ours);
                let as_wanted = installed && row.wanted;
                let (ip, prefix) = (row.config.ip, row.kernel_prefix());
                let usable = ip.is_ipv4() || row.config.nodad;
                if let Some(ifindex) = row.ifindex {
                    // The answer may precede the kernel's notification, and rows may be matched with the interfaces in
                    // between.
                    self.note_done(KernelAddress { ifindex, ip, prefix, usable, marked: ours }, op);
                    // Rows with the same address share it: the last row that wants it must be able to remove it.
                    for other in self.rows_of(ifindex, ip, prefix) {
                        if let Some(row) = self.addresses.get_mut(&other) {
                            row.ours |= ours && row.installed;
                        }
                    }
                }
                as_wanted
            }
            Err(error) => {
                row.refused = true;
                let reported = row.refusal.as_ref() == Some(&error);
                row.refusal = Some(error.clone());
                self.turn.set_timer(TimerKey::RetryAddress(id), Some(self.turn.now + RETRY));
                if !reported {
                    self.turn.change(Change::AddressRefused { id, op, error });
                }
                false
            }
        }
    }

    /// Records the change of a request in the interface table.
    fn note_done(&mut self, address: KernelAddress, op: AddressOp) {
        let KernelAddress { ifindex, ip, prefix, .. } = address;
        let link = self.interfaces.get(ifindex);
        let there = link.is_some_and(|link| link.addresses.contains(ip, prefix));
        match op {
            AddressOp::Add if !there => self.interfaces.add(address),
            AddressOp::Remove if there => self.interfaces.remove(ifindex, ip, prefix),
            _ => {}
        }
    }

    /// Repeats a refused request.
    pub(super) fn retry(&mut self, id: AddressId, instance: Option<&Instance>) {
        if let Some(row) = self.addresses.get_mut(&id) {
            row.refused = false;
            self.reconcile(id, instance);
        }
    }

    /// Handles the kernel's notification that the address of a row was set.
    pub(super) fn appeared(&mut self, id: AddressId, marked: bool, instance: Option<&Instance>) {
        if let Some(row) = self.addresses.get_mut(&id).filter(|row| row.unreported_removals == 0) {
            row.installed = true;
            row.refusal = None;
            row.ours |= marked;
        }
        self.reconcile(id, instance);
    }

    /// Handles the kernel's notification that the address of a row was removed. A wanted address is set again, unless the
    /// notification is for our own removal, since when the address may be set again.
    pub(super) fn vanished(&mut self, id: AddressId, instance: Option<&Instance>) {
        let Some(row) = self.addresses.get_mut(&id) else { return };
        if let Some(left) = row.unreported_removals.checked_sub(1) {
            row.unreported_removals = left;
            return;
        }
        let stolen = row.installed && row.wanted && row.pending.is_none();
        (row.installed, row.ours, row.stay_reported) = (false, false, false);
        if stolen && row.config.no_track {
            // `no_track`: the address is not set again until the next transition.
            row.refused = true;
        } else if stolen {
            self.turn.change(Change::AddressStolen(id));
        }
        self.reconcile(id, instance);
    }

    /// Deletes a row. If its address is set, or is being set, it is removed from the kernel.
    pub(super) fn withdraw(&mut self, id: AddressId) {
        self.turn.set_timer(TimerKey::RetryAddress(id), None);
        let keep = self.addresses.get(&id).is_some_and(|row| self.is_wanted_by_another(id, row));
        let Some(row) = self.addresses.remove(&id) else { return };
        let Some(ifindex) = row.ifindex.filter(|_| !keep) else { return };
        let (ip, prefix) = (row.config.ip, row.kernel_prefix());
        let link = self.interfaces.get(ifindex);
        let there = link.is_some_and(|link| link.addresses.contains(ip, prefix));
        // If the host already has an address that is being added, the address will not be ours.
        if row.is_held() || (row.pending == Some(AddressOp::Add) && !there) {
            let secondaries = self.secondaries(&row);
            // A new row with the same address must not find it set.
            self.interfaces.remove(ifindex, ip, prefix);
            self.turn.act(Action::Withdraw(Box::new(row), secondaries));
        }
    }
}
