//! Decodes the frames of a capture: adverts, gratuitous ARP, unsolicited neighbour advertisements.
//!
//! Written from the RFCs for the labs only, so that the daemon's codec is tested against a second implementation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// IP protocol number of VRRP.
pub const VRRP: u8 = 112;
/// IP protocol number of the authentication header.
pub const AH: u8 = 51;
/// Length of an authentication header with a check value of 96 bits, in octets.
pub const AH_LEN: usize = 24;

/// A decoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A VRRP advert.
    Vrrp(Advert),
    /// An ARP request for the sender's own address.
    GratuitousArp(Ipv4Addr),
    /// An unsolicited neighbour advertisement for this target.
    NeighbourAdvert(Ipv6Addr),
}

/// The fields of a VRRP advert (RFC 3768 section 5, RFC 9568 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Sender.
    pub source: IpAddr,
    /// The group, or a peer.
    pub destination: IpAddr,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// 2 or 3.
    pub version: u8,
    /// Virtual router.
    pub vrid: u8,
    /// Priority; 0 when the sender resigns.
    pub priority: u8,
    /// Advertised interval.
    pub interval: Duration,
    /// The addresses of the virtual router.
    pub addresses: Vec<IpAddr>,
    /// What the checksum covers.
    pub checksum: Checksum,
    /// Authentication data of a version 2 advert over IPv4.
    pub auth: Option<[u8; 8]>,
    /// Sequence number of the authentication header.
    pub sequence: Option<u32>,
}

/// The part of a packet that a checksum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Only the VRRP part (version 2; version 3 over IPv4 as in RFC 9568).
    Plain,
    /// The pseudo header and the VRRP part (version 3 over IPv6; over IPv4 as in RFC 5798).
    PseudoHeader,
    /// Neither: the checksum is wrong.
    Wrong,
}

/// Decodes an Ethernet frame; `None` for other kinds of frames.
pub fn parse(frame: &[u8]) -> Option<Frame> {
    let payload = frame.get(14..)?;
    match frame.get(12..14)? {
        [0x08, 0x00] => ipv4(payload),
        [0x08, 0x06] => arp(payload),
        [0x86, 0xdd] => ipv6(payload),
        _ => None,
    }
}

/// Whether an Ethernet frame is a report of group memberships (IGMP, MLD) or a router solicitation.
pub fn is_report(frame: &[u8]) -> bool {
    const IGMP: u8 = 2;
    const ICMP6: u8 = 58;
    /// Router solicitation; report, end of membership, report of version 2.
    const TYPES: [u8; 4] = [133, 131, 132, 143];
    let at = |offset: usize| frame.get(offset).copied();
    match frame.get(12..14) {
        Some([0x08, 0x00]) => at(23) == Some(IGMP),
        Some([0x86, 0xdd]) => {
            // MLD follows a hop-by-hop header of eight octets.
            let (protocol, kind) = if at(20) == Some(0) { (at(54), at(62)) } else { (at(20), at(54)) };
            protocol == Some(ICMP6) && kind.is_some_and(|kind| TYPES.contains(&kind))
        }
        _ => false,
    }
}

fn ipv4(packet: &[u8]) -> Option<Frame> {
    let header = usize::from(packet.first()? & 0xf) * 4;
    let total = usize::from(u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?));
    let protocol = *packet.get(9)?;
    if ![VRRP, AH].contains(&protocol) {
        return None;
    }
    let source = Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(12..16)?).ok()?);
    let destination = Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?);
    let payload = packet.get(header..total)?;
    let (sequence, part) = if protocol == AH {
        let sequence = payload.get(8..12)?.try_into().ok()?;
        (Some(u32::from_be_bytes(sequence)), payload.get(AH_LEN..)?)
    } else {
        (None, payload)
    };
    let advert = advert(part, source.into(), destination.into(), packet[8])?;
    Some(Frame::Vrrp(Advert { sequence, ..advert }))
}

fn ipv6(packet: &[u8]) -> Option<Frame> {
    let length = usize::from(u16::from_be_bytes(packet.get(4..6)?.try_into().ok()?));
    let source = Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(8..24)?).ok()?);
    let destination = Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?);
    let part = packet.get(40..40 + length)?;
    match packet.get(6)? {
        &VRRP => advert(part, source.into(), destination.into(), packet[7]).map(Frame::Vrrp),
        58 if part.first() == Some(&136) => {
            let solicited = part.get(4)? & 0x40 != 0;
            let target = <[u8; 16]>::try_from(part.get(8..24)?).ok()?;
            (!solicited).then_some(Frame::NeighbourAdvert(target.into()))
        }
        _ => None,
    }
}

fn arp(packet: &[u8]) -> Option<Frame> {
    let sender = <[u8; 4]>::try_from(packet.get(14..18)?).ok()?;
    let target = <[u8; 4]>::try_from(packet.get(24..28)?).ok()?;
    (sender == target).then_some(Frame::GratuitousArp(sender.into()))
}

fn advert(part: &[u8], source: IpAddr, destination: IpAddr, ttl: u8) -> Option<Advert> {
    let &[kind, vrid, priority, count, high, low, _, _] = part.first_chunk::<8>()?;
    let version = kind >> 4;
    let width = if source.is_ipv4() { 4 } else { 16 };
    let end = 8 + usize::from(count) * width;
    let addresses = part.get(8..end)?.chunks_exact(width).map(|address| match width {
        4 => IpAddr::from(<[u8; 4]>::try_from(address).unwrap()),
        _ => IpAddr::from(<[u8; 16]>::try_from(address).unwrap()),
    });
    let interval = match version {
        2 => Duration::from_secs(low.into()),
        _ => Duration::from_millis(u64::from(u16::from_be_bytes([high & 0xf, low])) * 10),
    };
    let auth = part.get(end..end + 8).filter(|_| version == 2);
    let checksum = if internet_checksum(&[part]) == 0 {
        Checksum::Plain
    } else if internet_checksum(&[&pseudo_header(source, destination, part.len()), part]) == 0 {
        Checksum::PseudoHeader
    } else {
        Checksum::Wrong
    };
    Some(Advert {
        source,
        destination,
        ttl,
        version,
        vrid,
        priority,
        interval,
        addresses: addresses.collect(),
        checksum,
        auth: auth.and_then(|auth| auth.try_into().ok()),
        sequence: None,
    })
}

/// The pseudo header of a VRRP checksum (RFC 5798 section 5.2.8).
pub fn pseudo_header(source: IpAddr, destination: IpAddr, length: usize) -> Vec<u8> {
    let length = u16::try_from(length).expect("a packet's length").to_be_bytes();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            [&source.octets()[..], &destination.octets(), &[0, VRRP], &length].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let end = [0, 0, length[0], length[1], 0, 0, 0, VRRP];
            [&source.octets()[..], &destination.octets(), &end].concat()
        }
        _ => panic!("{source} and {destination} are of different families"),
    }
}

/// The checksum of RFC 1071 over the concatenated parts; 0 over data with a valid checksum.
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A captured frame of C keepalived 2.2.7 (Debian).
    #[test]
    fn an_advert_of_c_keepalived_is_decoded() {
        let frame = "01005e000012020000000001080045c0002000010000ff70d0980a010001e0000012\
                     310dff010032dac40a010068";
        let bytes: Vec<u8> =
            (0..frame.len()).step_by(2).map(|at| u8::from_str_radix(&frame[at..at + 2], 16).unwrap()).collect();
        let Some(Frame::Vrrp(advert)) = parse(&bytes) else { panic!("no advert") };
        assert_eq!((advert.version, advert.vrid, advert.priority), (3, 13, 255));
        assert_eq!(advert.interval, Duration::from_millis(500));
        assert_eq!(advert.addresses, ["10.1.0.104".parse::<IpAddr>().unwrap()]);
        assert_eq!(advert.checksum, Checksum::PseudoHeader);
    }
}
