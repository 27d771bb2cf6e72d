//! Addresses: the kernel's side is made equal to what the rows want, and announced.
//!
//! Starting, taking over, leaving, an outsider's change: all the same reconciliation.

use std::time::Duration;

use super::event::{Action, Change, TimerKey};
use super::ids::{AddressId, InstanceId, STATIC};
use super::interface::{KernelAddress, Use};
use super::machine::{Phase, Vrrp};
use super::op::{AddressDone, AddressOp, Secondaries};
use super::rows::Address;
use super::state::State;

/// How long a row rests after the kernel refused its request.
const RETRY: Duration = Duration::from_secs(1);

impl Vrrp {
    /// Sets all addresses of an instance wanted or not, and starts what that takes.
    pub(super) fn hold_addresses(&mut self, owner: InstanceId, wanted: bool) {
        for id in self.tables.address_ids(owner) {
            if let Some(row) = self.tables.addresses.get_mut(&id) {
                row.wanted = wanted;
                row.refused = false;
            }
            self.reconcile(id);
        }
    }

    pub(super) fn reconcile_static(&mut self) {
        self.hold_addresses(STATIC, true);
    }

    pub(super) fn drop_static(&mut self) {
        self.hold_addresses(STATIC, false);
    }

    pub(super) fn reconcile_all(&mut self) {
        let ids: Vec<AddressId> = self.tables.addresses.keys().copied().collect();
        for id in ids {
            self.reconcile(id);
        }
    }

    pub(super) fn reconcile_all_of(&mut self, owner: InstanceId) {
        for id in self.tables.address_ids(owner) {
            self.reconcile(id);
        }
    }

    /// Asks the kernel for what the row lacks, one request at a time. What the host has set itself stays.
    pub(super) fn reconcile(&mut self, id: AddressId) {
        // Before the start nothing is decided: an address left by an earlier run may well be wanted.
        if self.phase == Phase::Waiting {
            return;
        }
        let Some(row) = self.tables.addresses.get(&id) else { return };
        if row.ifindex.is_none() || row.pending.is_some() || row.refused || row.wanted == row.installed {
            return;
        }
        let op = if row.wanted { AddressOp::Add } else { AddressOp::Remove };
        if op == AddressOp::Remove && !row.ours {
            return self.leave_to_host(id);
        }
        if op == AddressOp::Remove && self.held_by_another(id) {
            return;
        }
        let secondaries = if op == AddressOp::Remove { self.secondaries(row) } else { Secondaries::new() };
        if let Some(row) = self.tables.addresses.get_mut(&id) {
            row.pending = Some(op);
            self.output.actions.push(Action::Address(id, op, secondaries));
        }
    }

    /// Says once that an address stays. An owner's address is meant to be the host's.
    fn leave_to_host(&mut self, id: AddressId) {
        let owner = self.tables.instances.get(&InstanceId(id.0));
        let meant = owner.is_none_or(|owner| owner.is_owner());
        let Some(row) = self.tables.addresses.get_mut(&id).filter(|_| !meant) else { return };
        if !std::mem::replace(&mut row.stay_told, true) {
            self.change(Change::AddressStays(id));
        }
    }

    /// The host's addresses that the kernel would remove along with this one. While a network manager sets the main
    /// address anew, a virtual one becomes the primary of their network.
    pub(super) fn secondaries(&self, row: &Address) -> Secondaries {
        let link = row.ifindex.and_then(|index| self.tables.interfaces.get(index));
        let Some(link) = link.filter(|_| row.config.ip.is_ipv4()) else { return Secondaries::new() };
        let later = link.addresses.later_in_network(row.config.ip, row.kernel_prefix());
        let foreign = later.filter(|known| self.tables.use_of(link.index, known) != Use::Ours);
        foreign.map(|known| (known.ip, known.prefix)).collect()
    }

    /// Whether another row wants the very same address on the same interface.
    pub(super) fn held_by_another(&self, id: AddressId) -> bool {
        let Some(row) = self.tables.addresses.get(&id) else { return false };
        let Some(ifindex) = row.ifindex else { return false };
        let same = self.tables.rows_of(ifindex, row.config.ip, row.kernel_prefix());
        same.iter().any(|other| *other != id && self.tables.addresses.get(other).is_some_and(|row| row.wanted))
    }

    pub(super) fn address_done(&mut self, id: AddressId, op: AddressOp, result: Result<AddressDone, String>) {
        let Some(row) = self.tables.addresses.get_mut(&id) else { return };
        row.pending = None;
        match result {
            Ok(done) => {
                row.refusal = None;
                let overtaken = op == AddressOp::Remove && row.installed && done == AddressDone::Changed;
                row.unheard = row.unheard.saturating_add(overtaken.into());
                row.installed = op == AddressOp::Add;
                row.ours = row.installed && (row.ours || done == AddressDone::Changed);
                let (ours, ifindex) = (row.ours, row.ifindex);
                let (ip, prefix) = (row.config.ip, row.kernel_prefix());
                let usable = ip.is_ipv4() || row.config.nodad;
                let announce = row.installed && row.wanted && self.is_master(id);
                // The answer overtakes what the monitor hears, and rows may be matched with the interfaces meanwhile.
                if let Some(ifindex) = ifindex {
                    self.note_done(KernelAddress { ifindex, ip, prefix, usable, marked: ours }, op);
                }
                // Other rows of the same address share it, whoever will be the last to want it.
                for other in ifindex.map_or_else(Vec::new, |ifindex| self.tables.rows_of(ifindex, ip, prefix)) {
                    if let Some(row) = self.tables.addresses.get_mut(&other) {
                        row.ours |= ours && row.installed;
                    }
                }
                if announce {
                    self.announce_installed(id);
                }
                self.reconcile(id);
            }
            Err(error) => {
                row.refused = true;
                let told = row.refusal.as_ref() == Some(&error);
                row.refusal = Some(error.clone());
                let at = self.now + RETRY;
                self.set_timer(TimerKey::RetryAddress(id), Some(at));
                if !told {
                    self.change(Change::AddressRefused { id, op, error });
                }
            }
        }
    }

    /// Notes at the interface what a request has changed.
    fn note_done(&mut self, address: KernelAddress, op: AddressOp) {
        let KernelAddress { ifindex, ip, prefix, .. } = address;
        let link = self.tables.interfaces.get(ifindex);
        let there = link.is_some_and(|link| link.addresses.contains(ip, prefix));
        match op {
            AddressOp::Add if !there => self.tables.interfaces.add(address),
            AddressOp::Remove if there => self.tables.interfaces.remove(ifindex, ip, prefix),
            _ => {}
        }
    }

    pub(super) fn retry_address(&mut self, id: AddressId) {
        if let Some(row) = self.tables.addresses.get_mut(&id) {
            row.refused = false;
            self.reconcile(id);
        }
    }

    /// The kernel told of an address; true when it is in our rows.
    pub(super) fn row_installed(&mut self, address: KernelAddress) -> bool {
        let ids = self.tables.rows_of(address.ifindex, address.ip, address.prefix);
        for id in &ids {
            if let Some(row) = self.tables.addresses.get_mut(id).filter(|row| row.unheard == 0) {
                row.installed = true;
                row.ours |= address.marked;
            }
            self.reconcile(*id);
        }
        !ids.is_empty()
    }

    /// The kernel told that an address is gone; true when it is in our rows. One that we hold is put back,
    /// unless this is our own removal: the address may be set again since.
    pub(super) fn row_removed(&mut self, address: KernelAddress) -> bool {
        let ids = self.tables.rows_of(address.ifindex, address.ip, address.prefix);
        for id in &ids {
            let Some(row) = self.tables.addresses.get_mut(id) else { continue };
            if let Some(left) = row.unheard.checked_sub(1) {
                row.unheard = left;
                continue;
            }
            let stolen = row.installed && row.wanted && row.pending.is_none();
            (row.installed, row.ours, row.stay_told) = (false, false, false);
            if stolen && row.config.no_track {
                // `no_track`: it stays away until the next transition.
                row.refused = true;
            } else if stolen {
                self.change(Change::AddressStolen(*id));
            }
            self.reconcile(*id);
        }
        !ids.is_empty()
    }

    /// Takes over from the interfaces' addresses which rows of an owner are installed.
    pub(super) fn match_addresses(&mut self, owner: InstanceId) {
        let (addresses, interfaces) = (&mut self.tables.addresses, &self.tables.interfaces);
        for (_, row) in addresses.of_mut(&owner.0) {
            let link = row.ifindex.and_then(|index| interfaces.get(index));
            let known = link.and_then(|link| Some((link, link.addresses.get(row.config.ip, row.kernel_prefix())?)));
            (row.installed, row.unheard) = (known.is_some(), 0);
            let ours = known.is_some_and(|(link, known)| known.marked || self.inherited.has_address(&link.name, row));
            row.ours = row.installed && (row.ours || ours);
        }
    }

    /// The same for rows that a new configuration has added.
    pub(super) fn match_new_addresses(&mut self) {
        let (addresses, interfaces) = (&mut self.tables.addresses, &self.tables.interfaces);
        for (_, row) in addresses.iter_mut().filter(|(_, row)| !row.installed && row.pending.is_none()) {
            let link = row.ifindex.and_then(|index| interfaces.get(index));
            let known = link.and_then(|link| link.addresses.get(row.config.ip, row.kernel_prefix()));
            row.installed = known.is_some();
            row.ours = known.is_some_and(|known| known.marked);
        }
    }

    /// Brings the rows of an instance in line with the number of addresses that its adverts carry.
    pub(super) fn mark_advertised(&mut self, owner: InstanceId) {
        let Some(instance) = self.tables.instances.get(&owner) else { return };
        let carried = instance.carried();
        for (_, row) in self.tables.addresses.of_mut(&owner.0) {
            row.advertised = carried.contains(&row.config);
        }
    }

    fn is_master(&self, id: AddressId) -> bool {
        self.tables.instances.get(&InstanceId(id.0)).is_some_and(|row| row.state == State::Master)
    }
}
