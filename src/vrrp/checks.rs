//! The checks of received adverts, in a fixed order (RFC 9568 section 7.1).

use std::time::Duration;

use super::complaint::Complaint;
use super::event::Received;
use super::rows::Instance;
use crate::config::model::{Authentication, OldChecksum, Version};
use crate::wire::ah;
use crate::wire::vrrp::{AUTH_AH, AUTH_NONE, AUTH_PASS, Checksum, Packet, TYPE_ADVERTISEMENT};

/// An advert that passed the checks, possibly with oddities to report.
pub(super) struct Advert {
    pub(super) priority: u8,
    pub(super) interval: Duration,
    pub(super) oddities: Vec<Complaint>,
}

/// Checks an advert in the order of C keepalived, so that the counters agree: only the first failed check counts. `utc` is the
/// time since 1970 by the system clock.
pub(super) fn check(
    row: &mut Instance,
    received: &Received<'_>,
    header: Option<&ah::Packet<'_>>,
    packet: &Packet<'_>,
    utc: Duration,
) -> Result<Advert, Complaint> {
    let config = &row.config;
    if matches!(config.authentication, Some(Authentication::Ah(_))) != header.is_some() {
        return Err(Complaint::AuthMismatch);
    }
    // The length of another version's packet cannot be checked, since its layout differs.
    let version = match config.version {
        Version::V2 => 2,
        Version::V3 => 3,
    };
    let same_version = packet.version() == version;
    let right_length = match config.version {
        // A trailer with a wrong number of 32-bit words is malformed instead.
        _ if config.auth_hmac.is_some() => {
            packet.len() >= packet.expected_len() && packet.trailing().len().is_multiple_of(4)
        }
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
        // Senders other than the peers may be accepted, see `check_unicast_src` below.
        (Some(_), None) => 0..=255,
    };
    if !ttls.contains(&received.ttl) {
        return Err(Complaint::Ttl);
    }
    if !same_version {
        return Err(Complaint::Version);
    }
    let mut oddities = Vec::new();
    if let Some(settings) = &config.auth_hmac {
        let skew = row.hmac.check(settings, utc, received.source, packet.message(), packet.trailing())?;
        oddities.extend(skew);
    }
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
                // With an interval of 0 every backup would become master at once.
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

/// Checks authentication type and password (RFC 2338 section 7.1). The comparison takes constant time.
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

/// Checks the authentication header, whose sequence number must be greater than `last`. Returns the sequence number.
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
