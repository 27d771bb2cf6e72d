//! Announcements of a master: the bursts of gratuitous ARPs and unsolicited NAs, and when they are due.

use std::time::Duration;

use super::event::{Action, TimerKey};
use super::ids::{AddressId, InstanceId};
use super::machine::Vrrp;
use super::rows::Announcements;

impl Vrrp {
    /// One message as soon as the address is set; when it was the last of its instance, the rest of the burst.
    pub(super) fn announce_installed(&mut self, id: AddressId) {
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
            after_rival: None,
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
        if row.announcements.after_rival.take_if(|at| *at <= now).is_some() {
            rounds += garp.lower_prio_repeat;
        }
        if row.announcements.refresh.is_some_and(|at| at <= now) {
            rounds += garp.refresh_repeat;
            row.announcements.refresh = Some(now + garp.refresh);
        }
        let next = row.announcements.next();
        self.set_timer(TimerKey::Announce(owner), next);
        self.announce_all(owner, rounds);
    }

    /// A second master of lower priority was heard, which adverts every `interval`: `garp_lower_prio_repeat` now, again
    /// after `garp_lower_prio_delay`, and once the other is silent. Its last announcements may have come after ours, and
    /// clients would keep to it.
    pub(super) fn announce_against_rival(&mut self, owner: InstanceId, interval: Duration) {
        let now = self.now;
        let Some(row) = self.tables.instances.get_mut(&owner) else { return };
        let garp = row.config.garp;
        if garp.lower_prio_repeat == 0 {
            return;
        }
        // A stream of losing adverts makes one burst and one coming burst, not a burst for each of them.
        let running = row.announcements.second.is_some() || row.announcements.after_rival.is_some();
        if !garp.lower_prio_delay.is_zero() && !running {
            row.announcements.second = Some((now + garp.lower_prio_delay, garp.lower_prio_repeat));
        }
        row.announcements.after_rival = Some(now + interval + interval / 4);
        let next = row.announcements.next();
        self.set_timer(TimerKey::Announce(owner), next);
        if !running {
            self.announce_all(owner, garp.lower_prio_repeat);
        }
    }
}
