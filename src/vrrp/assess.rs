//! Assessment of an instance: its source address, fault, effective priority, and the addresses in its adverts.

use std::net::IpAddr;
use std::time::Duration;

use super::event::{Change, TimerKey};
use super::faults;
use super::router::Router;

/// How long adverts are still sent from a source address that the host has lost.
const SOURCE_GRACE: Duration = Duration::from_millis(500);

impl Router<'_> {
    /// Recomputes source address, fault, effective priority and advertised addresses, without any transition.
    pub(super) fn assess(&mut self) {
        let source = self.present_source();
        let around = self.surroundings();
        let fault = faults::fault(around, self.row, source.is_some());
        let to = faults::effective_priority(around, self.row);
        let advertised = faults::advertised(around, self.row);
        self.set_source(source);
        self.row.fault = fault;
        let from = std::mem::replace(&mut self.row.priority, to);
        if from != to {
            let occasion = self.site.turn.occasion.clone();
            self.site.turn.change(Change::Priority { id: self.id, from, to, occasion });
        }
        self.advertise(advertised);
    }

    /// The address to send from. An address that the host has just lost stays in use for [`SOURCE_GRACE`], because network
    /// managers remove and set addresses again, which must not cause a failover.
    fn present_source(&mut self) -> Option<IpAddr> {
        let now = self.site.turn.now;
        let found = faults::source(self.surroundings(), self.row);
        let (before, until) = (self.row.source, self.row.source_until);
        let lost =
            found.is_none() && before.is_some() && (self.row.ifindex.is_some() || self.row.config.device().is_none());
        let kept = lost && until.is_none_or(|until| now < until);
        let until = kept.then(|| until.unwrap_or(now + SOURCE_GRACE));
        if std::mem::replace(&mut self.row.source_until, until) != until {
            self.site.turn.set_timer(TimerKey::Source(self.id), until);
        }
        if kept { before } else { found }
    }

    fn set_source(&mut self, source: Option<IpAddr>) {
        let before = std::mem::replace(&mut self.row.source, source);
        if before != source {
            self.site.lookups.move_source(self.id, before, source);
        }
    }

    /// Advertises the first `fit` addresses of an instance, and treats the others as excluded.
    fn advertise(&mut self, fit: usize) {
        if std::mem::replace(&mut self.row.advertised, fit) == fit {
            return;
        }
        let carried = self.row.carried();
        for id in self.site.addresses.ids(self.id.0) {
            self.site.addresses.change(id, |row| row.advertised = carried.contains(&row.config));
        }
        let of = self.row.config.addresses.len();
        if fit < of {
            let link = self.row.wire().and_then(|index| self.site.interfaces.get(index));
            let mtu = link.map_or(0, |link| link.mtu);
            self.site.turn.change(Change::AddressesCut { id: self.id, fit, of, mtu });
        }
    }
}
