//! The IP authentication header of version 2 adverts (RFC 2338 section 5.3.6.3, RFC 2402; HMAC-MD5-96 of RFC 2403).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+---------------+-------------------------------+
//! | next hdr = 112|  length = 4   |           reserved            |
//! +---------------+---------------+-------------------------------+
//! |              SPI = IPv4 address of the sender                 |
//! +---------------------------------------------------------------+
//! |                       sequence number                         |
//! +---------------------------------------------------------------+
//! |             integrity check value, 12 octets                  |
//! +---------------------------------------------------------------+
//! ```
//!
//! The check value also covers the IP header, with its mutable fields set to 0. C keepalived treats the TTL as
//! mutable in unicast packets only. This module does the same; otherwise the two could not authenticate each other.

use std::fmt;
use std::net::Ipv4Addr;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::ipv4;
use super::vrrp;

/// IP protocol number of the authentication header.
pub const PROTOCOL: u8 = 51;
/// Length of the header with its check value, in octets.
pub const HEADER_LEN: usize = 24;
/// Length of the key in octets: `auth_pass`, padded with zeros.
pub const KEY_LEN: usize = 8;
/// The last sequence number that is sent; after it the numbers start again from 1.
pub const LAST_SEQUENCE: u32 = 0xffff_fffd;

/// `length`: the length of the header in 32-bit words, minus 2.
const LENGTH: u8 = 4;
/// Length of the fields before the check value, in octets.
const FIXED_LEN: usize = 12;
/// Length of the check value, in octets.
const ICV_LEN: usize = HEADER_LEN - FIXED_LEN;
/// Block size of MD5, in octets.
const BLOCK_LEN: usize = 64;

/// The key and the sequence number that authenticate an advert to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// `auth_pass`, padded with zeros.
    pub key: [u8; KEY_LEN],
    /// Sequence number of the advert, 1..=[`LAST_SEQUENCE`].
    pub sequence: u32,
}

impl fmt::Debug for Seal {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl Seal {
    /// Returns the payload of an IP packet with this `header`: the authentication header, followed by the message.
    pub fn apply(&self, header: &ipv4::Header, message: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + message.len());
        bytes.extend([vrrp::PROTOCOL, LENGTH, 0, 0]);
        bytes.extend(header.source.octets());
        bytes.extend(self.sequence.to_be_bytes());
        let ip_header = header.emit(HEADER_LEN.saturating_add(message.len()));
        let icv = digest(&self.key, &ip_header, &bytes, message).finalize().into_bytes();
        bytes.extend(icv.iter().take(ICV_LEN));
        bytes.extend(message);
        bytes
    }
}

/// A received packet whose check value is not verified yet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    ip_header: &'a [u8; ipv4::HEADER_LEN],
    fixed: &'a [u8; FIXED_LEN],
    icv: &'a [u8; ICV_LEN],
    message: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a received IPv4 header and its payload.
    ///
    /// Returns `None` when the authentication header is too short, has another length or precedes a protocol other
    /// than VRRP, and when the IP header has options, which no advert has.
    pub fn new(ip_header: &'a [u8], payload: &'a [u8]) -> Option<Packet<'a>> {
        let ip_header = ip_header.try_into().ok()?;
        let (fixed, rest) = payload.split_first_chunk::<FIXED_LEN>()?;
        let (icv, message) = rest.split_first_chunk::<ICV_LEN>()?;
        let [next_header, length, ..] = *fixed;
        ((next_header, length) == (vrrp::PROTOCOL, LENGTH)).then_some(Packet { ip_header, fixed, icv, message })
    }

    /// The VRRP message behind the authentication header.
    pub fn message(&self) -> &'a [u8] {
        self.message
    }

    /// Security parameters index (SPI): the address of the sender.
    pub fn spi(&self) -> Ipv4Addr {
        let [_, _, _, _, a, b, c, d, ..] = *self.fixed;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Sequence number.
    pub fn sequence(&self) -> u32 {
        let [.., a, b, c, d] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether the check value is right for this key. The comparison takes constant time.
    pub fn is_authentic(&self, key: &[u8; KEY_LEN]) -> bool {
        digest(key, self.ip_header, self.fixed, self.message).verify_truncated_left(self.icv).is_ok()
    }
}

/// HMAC-MD5 over the packet, with the mutable fields and the check value set to 0.
fn digest(key: &[u8; KEY_LEN], ip_header: &[u8; ipv4::HEADER_LEN], fixed: &[u8], message: &[u8]) -> Hmac<Md5> {
    let [v, _tos, l0, l1, i0, i1, _, _, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *ip_header;
    let ttl = if Ipv4Addr::new(d0, d1, d2, d3).is_multicast() { ttl } else { 0 };
    let constant = [v, 0, l0, l1, i0, i1, 0, 0, ttl, protocol, 0, 0, s0, s1, s2, s3, d0, d1, d2, d3];
    let mut block = [0; BLOCK_LEN];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let parts: [&[u8]; 4] = [&constant, fixed, &[0; ICV_LEN], message];
    parts.into_iter().fold(Hmac::new(&block.into()), |digest, part| digest.chain_update(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; KEY_LEN] = *b"secret\0\0";

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// Packets captured from C keepalived 2.2.7 with the password `secret`: IP header, authentication header, VRRP.
    const CAPTURED: [[&str; 3]; 4] = [
        [
            "45c0004000010000ff33d0b50a010001e0000012",
            "700400000a0100010000000129931678b919191e6c7abed2",
            "210aff010201d38d0a0100640000000000000000",
        ],
        [
            "45c0004000020000ff33d0b40a010001e0000012",
            "700400000a01000100000002489a06e7035d2b1f4b5e371c",
            "210aff010201d38d0a0100640000000000000000",
        ],
        [
            "45c0004000010000ff33a6c50a0100010a010002",
            "700400000a0100010000000169cb07d6d41b414bb1d260f2",
            "210bff010201d38b0a0100650000000000000000",
        ],
        [
            "45c0004000010000ff33a6c40a0100010a010003",
            "700400000a01000100000001ec70a384005483161d08fd16",
            "210bff010201d38b0a0100650000000000000000",
        ],
    ];

    /// The octets of a captured packet, its parts joined.
    fn frame(parts: [&str; 3]) -> Vec<u8> {
        hex(&parts.concat())
    }

    #[test]
    fn matches_multicast_and_unicast_packets_captured_from_c_keepalived() {
        for parts in CAPTURED {
            let [_, ah, message] = parts.map(hex);
            let bytes = frame(parts);
            let captured = ipv4::parse(&bytes).unwrap();
            let packet = Packet::new(captured.header_bytes, captured.payload).unwrap();
            assert!(packet.is_authentic(&KEY));
            assert_eq!((packet.spi(), packet.message()), (captured.header.source, &message[..]));
            let seal = Seal { key: KEY, sequence: packet.sequence() };
            assert_eq!(seal.apply(&captured.header, &message), [ah, message].concat());
        }
    }

    #[test]
    fn a_wrong_key_is_refused() {
        let bytes = frame(CAPTURED[0]);
        let captured = ipv4::parse(&bytes).unwrap();
        let packet = Packet::new(captured.header_bytes, captured.payload).unwrap();
        assert!(!packet.is_authentic(b"secret\0s"));
    }

    #[test]
    fn the_check_value_covers_every_octet_except_mutable_fields() {
        for (parts, mutable) in [(CAPTURED[0], &[1, 6, 7, 10, 11][..]), (CAPTURED[2], &[1, 6, 7, 8, 10, 11])] {
            for at in 0..frame(parts).len() {
                let mut bytes = frame(parts);
                bytes[at] ^= 1;
                let (header, payload) = bytes.split_at(ipv4::HEADER_LEN);
                let authentic = Packet::new(header, payload).is_some_and(|packet| packet.is_authentic(&KEY));
                assert_eq!(authentic, mutable.contains(&at), "octet {at}");
            }
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        let shown = format!("{:?}", Seal { key: *b"password", sequence: 7 });
        assert_eq!(shown, "Seal { sequence: 7, .. }");
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(
            header in prop::collection::vec(any::<u8>(), 18..24),
            payload in prop::collection::vec(any::<u8>(), 0..64),
            shaped: bool,
        ) {
            let mut payload = payload;
            if shaped && payload.len() > 1 {
                payload[..2].copy_from_slice(&[vrrp::PROTOCOL, LENGTH]);
            }
            if let Some(packet) = Packet::new(&header, &payload) {
                prop_assert_eq!(packet.message().len() + HEADER_LEN, payload.len());
                prop_assert!(!packet.is_authentic(&KEY));
                let _ = (packet.spi(), packet.sequence());
            } else {
                prop_assert!(!shaped || payload.len() < HEADER_LEN || header.len() != ipv4::HEADER_LEN);
            }
        }

        #[test]
        fn sealed_messages_are_authentic(message in prop::collection::vec(any::<u8>(), 0..100), sequence: u32, id: u16) {
            let (source, destination) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(224, 0, 0, 18));
            let header = ipv4::Header { tos: 0xc0, id, ttl: 255, protocol: PROTOCOL, source, destination };
            let payload = Seal { key: KEY, sequence }.apply(&header, &message);
            let ip_header = header.emit(payload.len());
            let packet = Packet::new(&ip_header, &payload).unwrap();
            prop_assert!(packet.is_authentic(&KEY));
            prop_assert_eq!((packet.spi(), packet.sequence(), packet.message()), (source, sequence, &message[..]));
        }
    }
}
