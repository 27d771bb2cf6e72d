//! Announcements of a master: schedule and bursts of gratuitous ARPs and unsolicited neighbour advertisements.

use std::time::Duration;

use super::address::Address;
use super::event::{Action, TimerKey};
use super::ids::{AddressId, Owner};
use super::router::Router;
use super::rows::Announcements;
use super::state::State;

impl Router<'_> {
    /// Announces an address once when its request is answered, and the rest of the burst after the last answer for its
    /// instance. The kernel's notifications may precede the answers.
    pub(super) fn announce_installed(&mut self, id: AddressId) {
        self.announce(id);
        let settled = |row: &Address| {
            row.state.pending.is_none() && (row.state.installed || row.state.refused || row.ifindex.is_none())
        };
        if self.site.addresses.of(&self.id.0).all(|(_, row)| settled(row)) {
            self.announce_all(self.row.config.garp.repeat.saturating_sub(1));
        }
    }

    /// Announces an address once, if it is set on an interface that allows it.
    fn announce(&mut self, id: AddressId) {
        let announceable = |row: &Address| {
            let link = row.ifindex.and_then(|index| self.site.interfaces.get(index));
            row.state.installed && link.is_some_and(|link| link.mac.is_some() && !link.noarp)
        };
        if self.site.addresses.get(&id).is_some_and(announceable) {
            self.site.turn.act(Action::Announce(id, 1));
        }
    }

    /// Announces all addresses of a master once.
    pub(super) fn announce_on_request(&mut self) {
        if self.row.state == State::Master {
            self.announce_all(1);
        }
    }

    /// Announces all addresses in configured order, `rounds` times.
    fn announce_all(&mut self, rounds: u32) {
        let ids = self.site.address_ids(Owner::Instance(self.id));
        for _ in 0..rounds {
            for id in &ids {
                self.announce(*id);
            }
        }
    }

    /// Schedules the announcements after the first burst. If all addresses are already set (those of an owner, or left by
    /// an earlier run), the first burst is sent here, otherwise when the kernel has set them.
    pub(super) fn start_announcements(&mut self) {
        let now = self.site.turn.now;
        let garp = self.row.config.garp;
        self.row.announcements = Announcements {
            second: (!garp.delay.is_zero()).then_some((now + garp.delay, garp.repeat)),
            refresh: next(None, garp.refresh, now),
            extra: next(None, garp.extra, now),
            after_rival: None,
        };
        self.set_announce_timer();
        if self.site.addresses.of(&self.id.0).all(|(_, row)| row.state.installed) {
            self.announce_all(garp.repeat);
        }
    }

    pub(super) fn stop_announcements(&mut self) {
        if self.row.announcements != Announcements::default() {
            self.row.announcements = Announcements::default();
            self.set_announce_timer();
        }
        self.site.turn.act(Action::CancelAnnouncements(self.id));
    }

    pub(super) fn announce_timer(&mut self) {
        let now = self.site.turn.now;
        let garp = self.row.config.garp;
        let due = &mut self.row.announcements;
        let mut rounds = 0;
        if let Some((_, repeat)) = due.second.take_if(|(at, _)| *at <= now) {
            rounds += repeat;
        }
        if due.after_rival.take_if(|at| *at <= now).is_some() {
            rounds += garp.lower_prio_repeat;
        }
        if due.refresh.is_some_and(|at| at <= now) {
            rounds += garp.refresh_repeat;
            due.refresh = next(None, garp.refresh, now);
        }
        let elsewhere = due.extra.is_some_and(|at| at <= now);
        if elsewhere {
            due.extra = next(None, garp.extra, now);
        }
        self.set_announce_timer();
        self.announce_all(rounds);
        if elsewhere {
            self.announce_elsewhere();
        }
    }

    /// Announces the addresses on interfaces other than that of the instance once. Adverts are not sent there, so bridges
    /// would forget the port of a MAC address that sends nothing else, such as that of a VMAC.
    fn announce_elsewhere(&mut self) {
        let own = self.row.home();
        let all = self.row.config.garp.extra_all;
        for id in self.site.address_ids(Owner::Instance(self.id)) {
            let index = self.site.addresses.get(&id).and_then(|row| row.ifindex).filter(|index| Some(*index) != own);
            let link = index.and_then(|index| self.site.interfaces.get(index));
            if link.is_some_and(|link| all || link.is_macvlan()) {
                self.announce(id);
            }
        }
    }

    /// Follows a new configuration of a master: periodic announcements begin, end, or have another interval.
    pub(super) fn reschedule_announcements(&mut self) {
        let now = self.site.turn.now;
        let garp = self.row.config.garp;
        let due = &mut self.row.announcements;
        due.refresh = next(due.refresh, garp.refresh, now);
        due.extra = next(due.extra, garp.extra, now);
        self.set_announce_timer();
    }

    /// Announces against a second master of lower priority, which sends adverts every `interval`: `garp_lower_prio_repeat`
    /// times now, again after `garp_lower_prio_delay`, and again once the other master is silent. Otherwise clients could
    /// keep using the other master, if its last announcements came after ours.
    pub(super) fn announce_against_rival(&mut self, interval: Duration) {
        let now = self.site.turn.now;
        let garp = self.row.config.garp;
        if garp.lower_prio_repeat == 0 {
            return;
        }
        let due = &mut self.row.announcements;
        // A stream of adverts causes one burst and one scheduled burst, not a burst for each advert.
        let running = due.second.is_some() || due.after_rival.is_some();
        if !garp.lower_prio_delay.is_zero() && !running {
            due.second = Some((now + garp.lower_prio_delay, garp.lower_prio_repeat));
        }
        due.after_rival = Some(now + interval + interval / 4);
        self.set_announce_timer();
        if !running {
            self.announce_all(garp.lower_prio_repeat);
        }
    }

    fn set_announce_timer(&mut self) {
        self.site.turn.set_timer(TimerKey::Announce(self.id), self.row.announcements.next());
    }
}

/// The next of periodic announcements: the one that is due, or one `interval` from now if that is earlier. `None` without
/// an interval.
fn next(due: Option<Duration>, interval: Duration, now: Duration) -> Option<Duration> {
    let at = now + interval;
    (!interval.is_zero()).then(|| due.map_or(at, |due| due.min(at)))
}
