//! Handling of received adverts in each state (RFC 9568 sections 6.4.2 and 6.4.3).

use std::net::IpAddr;
use std::time::Duration;

use super::cause::Cause;
use super::checks::{Advert, check};
use super::complaint::Complaint;
use super::event::{Change, Received};
use super::router::Router;
use super::routers::Vrrp;
use super::sequence_blocks::another_block;
use super::state::State;
use super::transition::GroupMove;
use crate::config::model::{self, Authentication, Version};
use crate::wire::ah;
use crate::wire::vrrp::Packet;

/// Shortest time between reports of the same sender of adverts with an unknown VRID.
const UNKNOWN_VRID_INTERVAL: Duration = Duration::from_secs(60);

impl Vrrp {
    pub(super) fn receive(&mut self, received: Received<'_>) {
        if !self.turn.is_running() {
            return;
        }
        // A packet with a truncated header has no VRID, so no instance counts it.
        let header = match received.authenticated.map(|ip_header| ah::Packet::new(ip_header, received.payload)) {
            Some(None) => return,
            header => header.flatten(),
        };
        let message = header.map_or(received.payload, |header| header.message());
        let Some(packet) = Packet::new(message, received.source.is_ipv6()) else { return };
        let addressee = self.tables.addressee(&received, packet.vrid());
        let Some(mut router) = addressee.and_then(|id| self.router(id)) else {
            if !self.tables.is_elsewhere(&received, packet.vrid()) {
                self.unknown_vrid(&received, &packet);
            }
            return;
        };
        let id = router.id;
        // A late master must not answer the adverts of the router that has taken over meanwhile.
        if router.gives_way() {
            self.move_group_of(id, GroupMove::Follow);
            let Some(backup) = self.router(id) else { return };
            router = backup;
        }
        let then = router.receive(&received, header.as_ref(), &packet);
        self.move_group_of(id, then);
    }

    fn unknown_vrid(&mut self, received: &Received<'_>, packet: &Packet<'_>) {
        let of_v2 = packet.version() == 2 && received.source.is_ipv4();
        self.tables.router_counters.of(if of_v2 { Version::V2 } else { Version::V3 }).unknown_vrid += 1;
        if self.tables.system.global.as_ref().is_some_and(|global| global.log_unknown_vrids) {
            let (ifindex, source, vrid) = (received.ifindex, received.source, packet.vrid());
            if let Some(more) = self.tables.unknown.admit((ifindex, source, vrid), self.turn.now, UNKNOWN_VRID_INTERVAL)
            {
                self.turn.change(Change::UnknownVrid { ifindex, source, vrid, more });
            }
        }
    }
}

impl Router<'_> {
    fn receive(&mut self, received: &Received<'_>, header: Option<&ah::Packet<'_>>, packet: &Packet<'_>) -> GroupMove {
        let row = &mut *self.row;
        if row.is_owner() && row.config.owner_ignore_adverts {
            return GroupMove::None;
        }
        let before = row.sequence;
        let kept_time = row.hmac.keeps_time();
        let checked = check(row, received, header, packet, self.site.turn.utc());
        self.site.turn.output.save |= another_block(before, row.sequence) || row.hmac.take_unsaved();
        if kept_time && !row.hmac.keeps_time() {
            self.site.turn.change(Change::ClockFollowed { id: self.id, source: received.source });
        }
        let advert = match checked {
            Ok(advert) => advert,
            Err(complaint) => {
                self.complain(received, complaint);
                return GroupMove::None;
            }
        };
        row.counters.adverts_received += 1;
        row.counters.priority_zero_received += u64::from(advert.priority == 0);
        row.counters.other_intervals += u64::from(advert.interval != row.config.advert_interval);
        row.heard = Some(received.source);
        let state = row.state;
        for oddity in &advert.oddities {
            self.complain(received, *oddity);
        }
        match state {
            State::Backup => self.heard_while_backup(received, &advert),
            State::Master => self.heard_while_master(received, &advert),
            _ => GroupMove::None,
        }
    }

    fn complain(&mut self, received: &Received<'_>, complaint: Complaint) {
        self.row.counters.count(complaint);
        self.counters.of(self.row.config.version).count(complaint);
        if matches!(complaint, Complaint::Ttl | Complaint::Version | Complaint::Checksum) {
            self.row.last_error = Some(complaint);
        }
        if let Some(more) = self.row.complaints.admit(complaint, self.site.turn.now) {
            let (source, detail) = (received.source, self.row.hmac.detail(complaint));
            self.site.turn.change(Change::Complaint { id: self.id, source, complaint, more, detail });
        }
    }

    /// Handles an advert in state backup: RFC 9568 (450)..(500), with `nopreempt` and `preempt_delay`.
    fn heard_while_backup(&mut self, received: &Received<'_>, advert: &Advert) -> GroupMove {
        let (now, source) = (self.site.turn.now, received.source);
        let row = &mut *self.row;
        if advert.priority == 0 {
            row.master = None;
            row.takeover = Cause::MasterLeft(source);
            let report = row.reported.admit((source, true), now, report_interval(&row.config)).is_some();
            // One that has yielded waits until all others could have become master.
            let wait = if row.yielded.is_some() { row.down_interval() } else { row.skew() };
            let deadline = now + wait;
            if report {
                self.site.turn.change(Change::MasterLeaves { id: self.id, source });
            }
            self.set_deadline(deadline);
            return GroupMove::None;
        }
        let lower = advert.priority < row.priority;
        if !lower {
            row.preempt_at = None;
        } else if !row.nopreempt && row.yielded.is_none() {
            let delay = row.config.preempt_delay;
            let preempt_at = *row.preempt_at.get_or_insert(now + delay);
            if delay.is_zero() || preempt_at <= now {
                // The advert does not restart the timer: it expires and this router takes over.
                row.takeover = Cause::LowerAdverts(source, advert.priority);
                self.report_lower_advert(source, advert.priority, false);
                return GroupMove::None;
            }
        }
        let before = row.master.replace((source, advert.priority));
        if before.is_some_and(|(ip, _)| ip != source) {
            row.complaints.master_changed();
        }
        if row.config.version == Version::V3 {
            // This also changes Skew_Time.
            row.master_interval = advert.interval;
        }
        self.restart_down_timer();
        GroupMove::HearsMaster
    }

    /// Handles an advert in state master: RFC 9568 (705)..(770). A losing advert is answered at once, so that bridges
    /// learn our port again. Answers, log lines and scripts are limited to one per sender and interval, so that forged
    /// adverts cannot cause more.
    fn heard_while_master(&mut self, received: &Received<'_>, advert: &Advert) -> GroupMove {
        let (now, source) = (self.site.turn.now, received.source);
        let row = &mut *self.row;
        let (ours, own) = (row.priority, row.source);
        let interval = row.config.advert_interval;
        if advert.priority == 0 {
            if row.answered.admit((source, true), now, interval).is_some() {
                self.send_advert();
            }
            return GroupMove::None;
        }
        if advert.priority == ours && own == Some(source) {
            self.complain(received, Complaint::OwnAddress);
            return GroupMove::None;
        }
        // Equal priorities: the higher address wins, compared as unsigned numbers in network order.
        let better = advert.priority > ours || (advert.priority == ours && own.is_none_or(|own| source > own));
        if better {
            if row.config.higher_prio_send_advert || (row.may_be_second_master && !row.config.strict) {
                // After a partition our clients still have our announcements. This advert shows the other master that
                // there were two, so that it announces its addresses again.
                self.send_advert();
            }
            self.row.master = Some((source, advert.priority));
            if self.row.config.version == Version::V3 {
                self.row.master_interval = advert.interval;
            }
            return self.yield_for(Cause::BetterAdvert(source, advert.priority));
        }
        if matches!(row.config.authentication, Some(Authentication::Ah(_))) {
            // `row.sequence` is the sender's number now. Ours must be greater, or the sender would refuse our adverts.
            let above = row.sequence.saturating_add(1);
            self.site.turn.output.save |= another_block(row.sequence, above);
            row.sequence = above;
        }
        let admitted = row.answered.admit((source, false), now, interval).is_some();
        if admitted && !row.config.lower_prio_no_advert {
            self.send_advert();
        }
        // An advert just after the transition is the last one of the master that was preempted.
        if now.saturating_sub(self.row.since) >= interval {
            self.report_lower_advert(source, advert.priority, true);
            self.announce_against_rival(interval.max(advert.interval));
        }
        GroupMove::None
    }

    fn report_lower_advert(&mut self, source: IpAddr, priority: u8, master: bool) {
        let (now, interval) = (self.site.turn.now, report_interval(&self.row.config));
        if let Some(more) = self.row.reported.admit((source, false), now, interval) {
            self.site.turn.change(Change::LowerAdvert { id: self.id, source, priority, master, more });
        }
    }
}

/// Shortest time between reports about the adverts of one sender: the advertisement interval, but at least a second.
fn report_interval(config: &model::Instance) -> Duration {
    config.advert_interval.max(Duration::from_secs(1))
}
