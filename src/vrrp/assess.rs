//! What an instance is worth at present: its source address, its faults, its effective priority, and the addresses
//! that its adverts carry.

use std::net::IpAddr;
use std::time::Duration;

use super::event::{Change, TimerKey};
use super::faults;
use super::router::Router;

/// How long adverts go on from an address that the host has lost.
const SOURCE_PATIENCE: Duration = Duration::from_millis(500);

impl Router<'_> {
    /// Recomputes source address, faults, effective priority and advertised addresses, and moves nothing.
    pub(super) fn assess(&mut self) {
        let source = self.present_source();
        let around = self.surroundings();
        let fault = faults::fault(around, self.row, source.is_some(), self.site.turn.now);
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

    /// The address to send from. One that the host has just lost is kept for a while: network managers set addresses
    /// anew, and that is no reason for a failover.
    fn present_source(&mut self) -> Option<IpAddr> {
        let now = self.site.turn.now;
        let found = faults::source(self.surroundings(), self.row);
        let (before, until) = (self.row.source, self.row.source_until);
        let lost = found.is_none() && before.is_some() && self.row.ifindex.is_some();
        let kept = lost && until.is_none_or(|until| now < until);
        let until = kept.then(|| until.unwrap_or(now + SOURCE_PATIENCE));
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

    /// The first `fit` addresses of an instance are advertised, the others are treated as excluded.
    fn advertise(&mut self, fit: usize) {
        if std::mem::replace(&mut self.row.advertised, fit) == fit {
            return;
        }
        let carried = self.row.carried();
        for (_, row) in self.site.addresses.of_mut(&self.id.0) {
            row.advertised = carried.contains(&row.config);
        }
        let of = self.row.config.addresses.len();
        if fit < of {
            let link = self.row.wire().and_then(|index| self.site.interfaces.get(index));
            let mtu = link.map_or(0, |link| link.mtu);
            self.site.turn.change(Change::AddressesCut { id: self.id, fit, of, mtu });
        }
    }
}
