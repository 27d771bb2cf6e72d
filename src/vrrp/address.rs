//! Addresses: the kernel's side is made equal to what the rows want, and announced.
//!
//! Starting, taking over, leaving, an outsider's change: all the same reconciliation.

use std::time::Duration;

use super::event::{Action, AddressOp, Change, KernelAddress, TimerKey};
use super::machine::{Phase, Vrrp};
use super::rows::{AddressId, Announcements, InstanceId, State};

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
        self.hold_addresses(InstanceId(0), true);
    }

    pub(super) fn drop_static(&mut self) {
        self.hold_addresses(InstanceId(0), false);
    }

    pub(super) fn reconcile_all(&mut self) {
        let ids: Vec<AddressId> = self.tables.addresses.keys().copied().collect();
        for id in ids {
            self.reconcile(id);
        }
    }

    /// Asks the kernel for what the row lacks, one request at a time.
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
        if op == AddressOp::Remove && self.held_by_another(id) {
            return;
        }
        if let Some(row) = self.tables.addresses.get_mut(&id) {
            row.pending = Some(op);
            self.output.actions.push(Action::Address(id, op));
        }
    }

    /// Whether another row wants the very same address on the same interface.
    pub(super) fn held_by_another(&self, id: AddressId) -> bool {
        let Some(row) = self.tables.addresses.get(&id) else { return false };
        let Some(ifindex) = row.ifindex else { return false };
        let same = self.tables.rows_of(ifindex, row.config.ip, row.kernel_prefix());
        same.iter().any(|other| *other != id && self.tables.addresses.get(other).is_some_and(|row| row.wanted))
    }

    pub(super) fn address_done(&mut self, id: AddressId, op: AddressOp, error: Option<String>) {
        let Some(row) = self.tables.addresses.get_mut(&id) else { return };
        row.pending = None;
        match error {
            None => {
                row.installed = op == AddressOp::Add;
                if row.installed && row.wanted && self.is_master(id) {
                    self.announce_installed(id);
                }
                self.reconcile(id);
            }
            Some(error) => {
                row.refused = true;
                let at = self.now + RETRY;
                self.set_timer(TimerKey::RetryAddress(id), Some(at));
                self.change(Change::AddressRefused { id, op, error });
            }
        }
    }

    pub(super) fn retry_address(&mut self, id: AddressId) {
        if let Some(row) = self.tables.addresses.get_mut(&id) {
            row.refused = false;
            self.reconcile(id);
        }
    }

    /// The reflector saw an address; true when it is one of ours.
    pub(super) fn row_installed(&mut self, address: KernelAddress) -> bool {
        let ids = self.tables.rows_of(address.ifindex, address.ip, address.prefix);
        for id in &ids {
            if let Some(row) = self.tables.addresses.get_mut(id) {
                row.installed = true;
            }
            self.reconcile(*id);
        }
        !ids.is_empty()
    }

    /// The reflector saw an address go; true when it is one of ours. One that we hold is put back.
    pub(super) fn row_removed(&mut self, address: KernelAddress) -> bool {
        let ids = self.tables.rows_of(address.ifindex, address.ip, address.prefix);
        for id in &ids {
            let Some(row) = self.tables.addresses.get_mut(id) else { continue };
            let stolen = row.installed && row.wanted && row.pending.is_none();
            row.installed = false;
            if stolen && row.config.no_track {
                // `no_track`: whoever removed it may have it so, until the next transition.
                row.refused = true;
            } else if stolen {
                self.change(Change::AddressStolen(*id));
            }
            self.reconcile(*id);
        }
        !ids.is_empty()
    }

    /// Takes over from the interfaces' addresses which rows are installed.
    pub(super) fn match_addresses(&mut self) {
        let (addresses, interfaces) = (&mut self.tables.addresses, &self.tables.interfaces);
        for (_, row) in addresses.iter_mut() {
            let link = row.ifindex.and_then(|index| interfaces.get(index));
            row.installed = link.is_some_and(|link| link.addresses.contains(row.config.ip, row.kernel_prefix()));
        }
    }

    /// The same for rows that a new configuration has added.
    pub(super) fn match_new_addresses(&mut self) {
        let (addresses, interfaces) = (&mut self.tables.addresses, &self.tables.interfaces);
        for (_, row) in addresses.iter_mut().filter(|(_, row)| !row.installed && row.pending.is_none()) {
            let link = row.ifindex.and_then(|index| interfaces.get(index));
            row.installed = link.is_some_and(|link| link.addresses.contains(row.config.ip, row.kernel_prefix()));
        }
    }

    fn is_master(&self, id: AddressId) -> bool {
        self.tables.instances.get(&InstanceId(id.0)).is_some_and(|row| row.state == State::Master)
    }

    /// One message as soon as the address is set; when it was the last of its instance, the rest of the burst.
    fn announce_installed(&mut self, id: AddressId) {
        self.announce(id, 1);
        let owner = InstanceId(id.0);
        let rows = self.tables.addresses.of(&owner.0);
        if rows.into_iter().all(|(_, row)| row.installed || row.refused || row.ifindex.is_none()) {
            let repeat = self.tables.instances.get(&owner).map_or(1, |row| row.config.garp.repeat);
            self.announce_all(owner, repeat.saturating_sub(1));
        }
    }

    fn announce(&mut self, id: AddressId, count: u32) {
        let announceable = |row: &super::rows::Address| {
            let link = row.ifindex.and_then(|index| self.tables.interfaces.get(index));
            row.installed && link.is_some_and(|link| link.mac.is_some() && !link.noarp)
        };
        if count > 0 && self.tables.addresses.get(&id).is_some_and(announceable) {
            self.output.actions.push(Action::Announce(id, count));
        }
    }

    /// Rounds over all addresses, in configured order.
    fn announce_all(&mut self, owner: InstanceId, rounds: u32) {
        let ids = self.tables.address_ids(owner);
        for _ in 0..rounds {
            for id in &ids {
                self.announce(*id, 1);
            }
        }
    }

    /// Schedules what follows the first burst. Addresses that are set already (an owner's, or those of a run before)
    /// are announced here; the others when the kernel has them.
    pub(super) fn start_announcements(&mut self, owner: InstanceId) {
        let now = self.now;
        let Some(row) = self.tables.instances.get_mut(&owner) else { return };
        let garp = row.config.garp;
        row.announcements = Announcements {
            second: (!garp.delay.is_zero()).then_some((now + garp.delay, garp.repeat)),
            refresh: (!garp.refresh.is_zero()).then_some(now + garp.refresh),
        };
        let next = row.announcements.next();
        self.set_timer(TimerKey::Announce(owner), next);
        let rows = self.tables.addresses.of(&owner.0);
        if rows.into_iter().all(|(_, row)| row.installed) {
            self.announce_all(owner, garp.repeat);
        }
    }

    pub(super) fn stop_announcements(&mut self, owner: InstanceId) {
        let Some(row) = self.tables.instances.get_mut(&owner) else { return };
        if row.announcements != Announcements::default() {
            row.announcements = Announcements::default();
            self.set_timer(TimerKey::Announce(owner), None);
        }
        self.output.actions.push(Action::CancelAnnouncements(owner));
    }

    pub(super) fn announce_timer(&mut self, owner: InstanceId) {
        let now = self.now;
        let Some(row) = self.tables.instances.get_mut(&owner) else { return };
        let garp = row.config.garp;
        let mut rounds = 0;
        if let Some((_, repeat)) = row.announcements.second.take_if(|(at, _)| *at <= now) {
            rounds += repeat;
        }
        if row.announcements.refresh.is_some_and(|at| at <= now) {
            rounds += garp.refresh_repeat;
            row.announcements.refresh = Some(now + garp.refresh);
        }
        let next = row.announcements.next();
        self.set_timer(TimerKey::Announce(owner), next);
        self.announce_all(owner, rounds);
    }

    /// `garp_lower_prio_repeat` now, and again after `garp_lower_prio_delay`.
    pub(super) fn announce_after_losing_advert(&mut self, owner: InstanceId) {
        let now = self.now;
        let Some(row) = self.tables.instances.get_mut(&owner) else { return };
        let garp = row.config.garp;
        if garp.lower_prio_repeat == 0 {
            return;
        }
        // A stream of losing adverts makes one burst and one coming burst, not a burst for each of them.
        let running = row.announcements.second.is_some();
        if !garp.lower_prio_delay.is_zero() && !running {
            row.announcements.second = Some((now + garp.lower_prio_delay, garp.lower_prio_repeat));
        }
        let next = row.announcements.next();
        self.set_timer(TimerKey::Announce(owner), next);
        if !running {
            self.announce_all(owner, garp.lower_prio_repeat);
        }
    }
}
