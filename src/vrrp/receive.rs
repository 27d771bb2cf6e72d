//! Received adverts: checks in a fixed order, then what they mean in each state (RFC 9568 sections 6.4.2, 6.4.3, 7.1).

use std::net::IpAddr;
use std::time::Duration;

use super::cause::Cause;
use super::complaint::Complaint;
use super::event::{Change, Received, TimerKey};
use super::ids::InstanceId;
use super::machine::{Phase, Vrrp};
use super::rows::Instance;
use super::sequence_blocks::another_block;
use super::state::State;
use crate::config::model::{self, Authentication, OldChecksum, Version};
use crate::wire::ah;
use crate::wire::vrrp::{AUTH_AH, AUTH_NONE, AUTH_PASS, Checksum, Packet, TYPE_ADVERTISEMENT};

/// How often the same sender of adverts for an unknown virtual router is told.
const UNKNOWN_REST: Duration = Duration::from_secs(60);

/// An advert that passed the checks, with what is odd about it.
struct Advert {
    priority: u8,
    interval: Duration,
    oddities: Vec<Complaint>,
}

impl Vrrp {
    pub(super) fn receive(&mut self, received: Received<'_>) {
        if self.phase != Phase::Running {
            return;
        }
        // Without a whole header there is no VRID to blame; such packets count nowhere but at the socket.
        let header = match received.authenticated.map(|ip_header| ah::Packet::new(ip_header, received.payload)) {
            Some(None) => return,
            header => header.flatten(),
        };
        let message = header.map_or(received.payload, |header| header.message());
        let Some(packet) = Packet::new(message, received.source.is_ipv6()) else { return };
        let Some(id) = self.tables.addressee(&received, packet.vrid()) else {
            return self.unknown_vrid(&received, &packet);
        };
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        if row.is_owner() && row.config.owner_ignore_adverts {
            return;
        }
        let before = row.sequence;
        let checked = check(row, &received, header.as_ref(), &packet);
        self.output.save |= another_block(before, row.sequence);
        match checked {
            Err(complaint) => self.complain(id, &received, complaint),
            Ok(advert) => {
                row.counters.adverts_received += 1;
                row.counters.priority_zero_received += u64::from(advert.priority == 0);
                let state = row.state;
                for oddity in &advert.oddities {
                    self.complain(id, &received, *oddity);
                }
                match state {
                    State::Backup => self.heard_while_backup(id, &received, &advert),
                    State::Master => self.heard_while_master(id, &received, &advert),
                    _ => {}
                }
            }
        }
    }

    fn unknown_vrid(&mut self, received: &Received<'_>, packet: &Packet<'_>) {
        self.tables.unknown_vrids += 1;
        if self.tables.system.global.as_ref().is_some_and(|global| global.log_unknown_vrids) {
            let (ifindex, source, vrid) = (received.ifindex, received.source, packet.vrid());
            if let Some(more) = self.tables.unknown.admit((ifindex, source, vrid), self.now, UNKNOWN_REST) {
                self.change(Change::UnknownVrid { ifindex, source, vrid, more });
            }
        }
    }

    fn complain(&mut self, id: InstanceId, received: &Received<'_>, complaint: Complaint) {
        let now = self.now;
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        row.counters.count(complaint);
        if let Some(more) = row.complaints.tell(complaint, now) {
            self.change(Change::Complaint { id, source: received.source, complaint, more });
        }
    }

    /// RFC 9568 (450)..(500), with `nopreempt` and `preempt_delay`.
    fn heard_while_backup(&mut self, id: InstanceId, received: &Received<'_>, advert: &Advert) {
        let (now, source) = (self.now, received.source);
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        if advert.priority == 0 {
            let deadline = now + row.skew();
            row.master = None;
            row.deadline = Some(deadline);
            row.takeover = Cause::MasterLeft(source);
            if row.told.admit((source, true), now, tell_rest(&row.config)).is_some() {
                self.change(Change::MasterLeaves { id, source });
            }
            return self.set_timer(TimerKey::Protocol(id), Some(deadline));
        }
        let lower = advert.priority < row.priority;
        if !lower {
            row.preempt_at = None;
        } else if !row.nopreempt {
            let delay = row.config.preempt_delay;
            let preempt_at = *row.preempt_at.get_or_insert(now + delay);
            if delay.is_zero() || preempt_at <= now {
                // Not listened to: the running timer expires and we take over.
                row.takeover = Cause::LowerAdverts(source, advert.priority);
                return self.tell_lower_advert(id, source, advert.priority, false);
            }
        }
        let before = row.master.replace((source, advert.priority));
        if before.is_some_and(|(ip, _)| ip != source) {
            row.complaints.another_master();
        }
        if row.config.version == Version::V3 {
            // Adopting the interval changes Skew_Time too.
            row.master_interval = advert.interval;
        }
        self.restart_down_timer(id);
        self.group_yields_with(id);
    }

    /// RFC 9568 (705)..(770): a losing advert is answered at once, so that bridges learn again where we are. Answers,
    /// log lines and scripts come once per sender and interval: forged adverts must not make more of them.
    fn heard_while_master(&mut self, id: InstanceId, received: &Received<'_>, advert: &Advert) {
        let (now, source) = (self.now, received.source);
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let (ours, own) = (row.priority, row.source);
        let interval = row.config.advert_interval;
        if advert.priority == 0 {
            if row.answered.admit((source, advert.priority == 0), now, interval).is_some() {
                self.send_advert(id);
            }
            return;
        }
        if advert.priority == ours && own == Some(source) {
            return self.complain(id, received, Complaint::OwnAddress);
        }
        // Equal priorities: the higher address wins, compared as unsigned numbers in network order.
        let better = advert.priority > ours || (advert.priority == ours && own.is_none_or(|own| source > own));
        if better {
            if row.config.higher_prio_send_advert || (row.perhaps_second && !row.config.strict) {
                // A master that was cut off with us has not announced itself lately, and our clients still know us: it
                // hears that there were two masters, and announces itself.
                self.send_advert(id);
            }
            let Some(row) = self.tables.instances.get_mut(&id) else { return };
            row.master = Some((source, advert.priority));
            if row.config.version == Version::V3 {
                row.master_interval = advert.interval;
            }
            return self.yield_to(id, Cause::BetterAdvert(source, advert.priority));
        }
        if matches!(row.config.authentication, Some(Authentication::Ah(_))) {
            // Now the sender's number; ours have to be greater, or it would never hear us.
            let above = row.sequence.saturating_add(1);
            self.output.save |= another_block(row.sequence, above);
            row.sequence = above;
        }
        let admitted = row.answered.admit((source, advert.priority == 0), now, interval).is_some();
        if admitted && !row.config.lower_prio_no_advert {
            self.send_advert(id);
        }
        let Some(row) = self.tables.instances.get(&id) else { return };
        // The last word of a master that we have just preempted.
        if now.saturating_sub(row.since) >= interval {
            self.tell_lower_advert(id, source, advert.priority, true);
            self.announce_against_rival(id, interval.max(advert.interval));
        }
    }

    fn tell_lower_advert(&mut self, id: InstanceId, source: IpAddr, priority: u8, master: bool) {
        let now = self.now;
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        if let Some(more) = row.told.admit((source, false), now, tell_rest(&row.config)) {
            self.change(Change::LowerAdvert { id, source, priority, master, more });
        }
    }
}

/// Views are told once in an interval of the adverts of a sender, and not more than once a second.
fn tell_rest(config: &model::Instance) -> Duration {
    config.advert_interval.max(Duration::from_secs(1))
}

/// The checks in the order of C keepalived, so that the counters agree: the first that fails counts.
fn check(
    row: &mut Instance,
    received: &Received<'_>,
    header: Option<&ah::Packet<'_>>,
    packet: &Packet<'_>,
) -> Result<Advert, Complaint> {
    let config = &row.config;
    if matches!(config.authentication, Some(Authentication::Ah(_))) != header.is_some() {
        return Err(Complaint::AuthMismatch);
    }
    // Read by our version's layout: another version's length would be judged by the wrong rule.
    let version = match config.version {
        Version::V2 => 2,
        Version::V3 => 3,
    };
    let same_version = packet.version() == version;
    let right_length = match config.version {
        Version::V2 => packet.len() == packet.expected_len(),
        Version::V3 => packet.len() >= packet.expected_len(),
    };
    if same_version && !right_length {
        return Err(Complaint::Length);
    }
    let peer = config.unicast.as_ref().and_then(|unicast| unicast.peers.iter().find(|peer| peer.ip == received.source));
    let ttls = match (&config.unicast, peer) {
        (None, _) => 255..=255,
        (Some(_), Some(peer)) => peer.min_ttl..=peer.max_ttl,
        // A stranger may be taken, see below.
        (Some(_), None) => 0..=255,
    };
    if !ttls.contains(&received.ttl) {
        return Err(Complaint::Ttl);
    }
    if !same_version {
        return Err(Complaint::Version);
    }
    let mut oddities = Vec::new();
    let interval = match config.version {
        Version::V2 => {
            check_authentication(config.authentication.as_ref(), packet)?;
            if let (Some(Authentication::Ah(key)), Some(header)) = (&config.authentication, header) {
                row.sequence = check_header(key, row.sequence, received, header)?;
            }
            let interval = Duration::from_secs(packet.interval_seconds().into());
            if interval != config.advert_interval {
                return Err(Complaint::Interval);
            }
            interval
        }
        Version::V3 => {
            let interval = Duration::from_millis(u64::from(packet.interval_centiseconds()) * 10);
            if packet.kind() == TYPE_ADVERTISEMENT && interval.is_zero() {
                // An interval of nothing would make every backup a master at once.
                return Err(Complaint::Interval);
            }
            if interval != row.master_interval {
                oddities.push(Complaint::LearntInterval);
            }
            interval
        }
    };
    if packet.kind() != TYPE_ADVERTISEMENT {
        return Err(Complaint::Type);
    }
    let mut checksum = packet.checksum(received.source, received.destination);
    let old_checksum = config.unicast.as_ref().map_or(OldChecksum::Never, |unicast| unicast.old_checksum);
    if checksum.is_none() && received.source.is_ipv4() && old_checksum != OldChecksum::Never {
        checksum = packet.checksum(received.source, config.group);
        if checksum.is_some() && old_checksum == OldChecksum::WhenHeard {
            row.old_checksum = true;
            oddities.push(Complaint::OldChecksum);
        }
    }
    let checksum = checksum.ok_or(Complaint::Checksum)?;
    if config.unicast.is_some() == received.destination.is_multicast() {
        return Err(Complaint::Cast);
    }
    if config.version == Version::V3 && received.source.is_ipv4() {
        let ours = if config.v3_checksum_as_v2 { Checksum::Message } else { Checksum::PseudoHeader };
        if checksum != ours {
            oddities.push(Complaint::ChecksumForm);
        }
    }
    if peer.is_none() && config.unicast.as_ref().is_some_and(|unicast| unicast.check_source) {
        return Err(Complaint::NoPeer);
    }
    let new_sender = row.master.map(|(ip, _)| ip) != Some(received.source);
    if (new_sender || !config.skip_check_adv_addr) && !same_addresses(row, packet) {
        oddities.push(Complaint::Addresses);
    }
    Ok(Advert { priority: packet.priority(), interval, oddities })
}

/// RFC 2338 section 7.1; the password is compared in constant time.
fn check_authentication(ours: Option<&Authentication>, packet: &Packet<'_>) -> Result<(), Complaint> {
    match (ours, packet.auth_type()) {
        (_, kind) if kind > AUTH_AH => Err(Complaint::AuthType),
        (None, AUTH_NONE) => Ok(()),
        (Some(Authentication::Pass(password)), AUTH_PASS) => {
            let theirs = packet.auth_data().ok_or(Complaint::AuthFailure)?;
            let difference = password.iter().zip(theirs).fold(0, |sum, (ours, theirs)| sum | (ours ^ theirs));
            if difference == 0 { Ok(()) } else { Err(Complaint::AuthFailure) }
        }
        (Some(Authentication::Ah(_)), AUTH_AH) => Ok(()),
        _ => Err(Complaint::AuthMismatch),
    }
}

/// The authentication header; returns its sequence number, which is greater than `last`.
fn check_header(
    key: &[u8; ah::KEY_LEN],
    last: u32,
    received: &Received<'_>,
    header: &ah::Packet<'_>,
) -> Result<u32, Complaint> {
    if !header.is_authentic(key) || received.source != header.spi() {
        Err(Complaint::AuthFailure)
    } else if header.sequence() <= last {
        Err(Complaint::Replay)
    } else {
        Ok(header.sequence())
    }
}

fn same_addresses(row: &Instance, packet: &Packet<'_>) -> bool {
    let ours = row.carried();
    usize::from(packet.address_count()) == ours.len()
        && (packet.addresses().zip(ours).all(|(theirs, ours)| theirs == ours.ip)
            || ours.iter().all(|ours| packet.addresses().any(|theirs| theirs == ours.ip)))
}
