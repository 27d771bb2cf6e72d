//! Addresses: the kernel's side is made equal to what the rows want.
//!
//! Starting, taking over, leaving, an outsider's change: all the same reconciliation.

use std::net::IpAddr;
use std::time::Duration;

use super::event::{Action, Change, TimerKey};
use super::ids::{AddressId, InstanceId};
use super::interface::{KernelAddress, Use};
use super::op::{AddressDone, AddressOp, Secondaries};
use super::router::Site;
use super::rows::{Address, Instance};
use super::turn::Phase;

/// How long a row rests after the kernel refused its request.
const RETRY: Duration = Duration::from_secs(1);

impl Site<'_> {
    /// Ids of the address rows of an owner, in index order.
    pub(super) fn address_ids(&self, owner: InstanceId) -> Vec<AddressId> {
        self.addresses.of(&owner.0).map(|(id, _)| *id).collect()
    }

    /// The address rows that the kernel's address stands for.
    pub(super) fn rows_of(&self, ifindex: u32, ip: IpAddr, prefix: u8) -> Vec<AddressId> {
        self.lookups.rows_of(self.addresses, ifindex, ip, prefix)
    }

    /// Sets all addresses of an owner wanted or not, and starts what that takes. Static ones have no `instance`.
    pub(super) fn hold(&mut self, owner: InstanceId, instance: Option<&Instance>, wanted: bool) {
        for id in self.address_ids(owner) {
            if let Some(row) = self.addresses.get_mut(&id) {
                row.wanted = wanted;
                row.refused = false;
            }
            self.reconcile(id, instance);
        }
    }

    /// Asks the kernel for what the rows of an owner lack.
    pub(super) fn reconcile_all_of(&mut self, owner: InstanceId, instance: Option<&Instance>) {
        for id in self.address_ids(owner) {
            self.reconcile(id, instance);
        }
    }

    /// Asks the kernel for what the row lacks, one request at a time. What the host has set itself stays.
    pub(super) fn reconcile(&mut self, id: AddressId, instance: Option<&Instance>) {
        // Before the start nothing is decided: an address left by an earlier run may well be wanted.
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
            if self.held_by_another(id, row) {
                return;
            }
            secondaries = self.secondaries(row);
        }
        if let Some(row) = self.addresses.get_mut(&id) {
            row.pending = Some(op);
        }
        self.turn.act(Action::Address(id, op, secondaries));
    }

    /// Says once that an address stays. An owner's address is meant to be the host's.
    fn leave_to_host(&mut self, id: AddressId, instance: Option<&Instance>) {
        if instance.is_none_or(Instance::is_owner) {
            return;
        }
        let told = self.addresses.get_mut(&id).map(|row| std::mem::replace(&mut row.stay_told, true));
        if told == Some(false) {
            self.turn.change(Change::AddressStays(id));
        }
    }

    /// The host's addresses that the kernel would remove along with this one. While a network manager sets the main
    /// address anew, a virtual one becomes the primary of their network.
    pub(super) fn secondaries(&self, row: &Address) -> Secondaries {
        let link = row.ifindex.and_then(|index| self.interfaces.get(index));
        let Some(link) = link.filter(|_| row.config.ip.is_ipv4()) else { return Secondaries::new() };
        let later = link.addresses.later_in_network(row.config.ip, row.kernel_prefix());
        let foreign = later.filter(|known| self.lookups.use_of(self.addresses, link.index, known) != Use::Ours);
        foreign.map(|known| (known.ip, known.prefix)).collect()
    }

    /// Whether another row wants the very same address on the same interface.
    fn held_by_another(&self, id: AddressId, row: &Address) -> bool {
        let Some(ifindex) = row.ifindex else { return false };
        let same = self.rows_of(ifindex, row.config.ip, row.kernel_prefix());
        same.iter().any(|other| *other != id && self.addresses.get(other).is_some_and(|row| row.wanted))
    }

    /// The kernel's answer. Tells whether the address is set now as it is wanted.
    pub(super) fn done(&mut self, id: AddressId, op: AddressOp, result: Result<AddressDone, String>) -> bool {
        let Some(row) = self.addresses.get_mut(&id) else { return false };
        row.pending = None;
        match result {
            Ok(done) => {
                row.refusal = None;
                let overtaken = op == AddressOp::Remove && row.installed && done == AddressDone::Changed;
                row.unheard = row.unheard.saturating_add(overtaken.into());
                row.installed = op == AddressOp::Add;
                row.ours = row.installed && (row.ours || done == AddressDone::Changed);
                let (installed, ours) = (row.installed, row.ours);
                let as_wanted = installed && row.wanted;
                let (ip, prefix) = (row.config.ip, row.kernel_prefix());
                let usable = ip.is_ipv4() || row.config.nodad;
                if let Some(ifindex) = row.ifindex {
                    // The answer overtakes what the monitor hears, and rows may be matched with the interfaces
                    // meanwhile.
                    self.note_done(KernelAddress { ifindex, ip, prefix, usable, marked: ours }, op);
                    // Other rows of the same address share it, whoever will be the last to want it.
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
                let told = row.refusal.as_ref() == Some(&error);
                row.refusal = Some(error.clone());
                self.turn.set_timer(TimerKey::RetryAddress(id), Some(self.turn.now + RETRY));
                if !told {
                    self.turn.change(Change::AddressRefused { id, op, error });
                }
                false
            }
        }
    }

    /// Notes at the interface what a request has changed.
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

    /// A refused request is tried again.
    pub(super) fn retry(&mut self, id: AddressId, instance: Option<&Instance>) {
        if let Some(row) = self.addresses.get_mut(&id) {
            row.refused = false;
            self.reconcile(id, instance);
        }
    }

    /// The kernel told of the address of a row.
    pub(super) fn appeared(&mut self, id: AddressId, marked: bool, instance: Option<&Instance>) {
        if let Some(row) = self.addresses.get_mut(&id).filter(|row| row.unheard == 0) {
            row.installed = true;
            row.refusal = None;
            row.ours |= marked;
        }
        self.reconcile(id, instance);
    }

    /// The kernel told that the address of a row is gone. One that we hold is put back, unless this is our own removal:
    /// the address may be set again since.
    pub(super) fn vanished(&mut self, id: AddressId, instance: Option<&Instance>) {
        let Some(row) = self.addresses.get_mut(&id) else { return };
        if let Some(left) = row.unheard.checked_sub(1) {
            row.unheard = left;
            return;
        }
        let stolen = row.installed && row.wanted && row.pending.is_none();
        (row.installed, row.ours, row.stay_told) = (false, false, false);
        if stolen && row.config.no_track {
            // `no_track`: it stays away until the next transition.
            row.refused = true;
        } else if stolen {
            self.turn.change(Change::AddressStolen(id));
        }
        self.reconcile(id, instance);
    }

    /// Takes a row out; if its address is or may be set, the kernel is told to remove it.
    pub(super) fn withdraw(&mut self, id: AddressId) {
        self.turn.set_timer(TimerKey::RetryAddress(id), None);
        let keep = self.addresses.get(&id).is_some_and(|row| self.held_by_another(id, row));
        let Some(row) = self.addresses.remove(&id) else { return };
        let Some(ifindex) = row.ifindex.filter(|_| !keep) else { return };
        let (ip, prefix) = (row.config.ip, row.kernel_prefix());
        let link = self.interfaces.get(ifindex);
        let there = link.is_some_and(|link| link.addresses.contains(ip, prefix));
        // One that is being added where the host has it already will not be ours.
        if row.is_held() || (row.pending == Some(AddressOp::Add) && !there) {
            let secondaries = self.secondaries(&row);
            // A new row of the same address must not take it for set.
            self.interfaces.remove(ifindex, ip, prefix);
            self.turn.act(Action::Withdraw(Box::new(row), secondaries));
        }
    }
}
