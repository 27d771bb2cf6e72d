//! The HMAC-SHA256 trailer of adverts, `auth_hmac` of C keepalived 2.4 (an extension of its own, not of an RFC).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+---------------+-------------------------------+
//! |   type = 1    |    key ID     |         reserved = 0          |
//! +---------------+---------------+-------------------------------+
//! |                seconds of UTC, the low 32 bits                |
//! +-------------------------------+-------------------------------+
//! |  fraction of a second, 2^-16  |            counter            |
//! +-------------------------------+-------------------------------+
//! |        HMAC-SHA256, the first 16 octets                       |
//! +---------------------------------------------------------------+
//! ```
//!
//! The trailer follows the VRRP message, in version 2 its authentication data. The VRRP checksum does not cover it. The HMAC
//! covers a pseudo header (address family, VRRP version, VRID, source address), the message with its checksum field set to 0,
//! and the trailer with its HMAC set to 0. It covers neither the destination nor the IP header, so that one trailer serves
//! all unicast peers.

use std::net::IpAddr;
use std::time::Duration;

use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde::{Deserialize, Serialize};

/// Length of the trailer, in octets.
pub const TRAILER_LEN: usize = 28;

/// The only defined type.
const TYPE: u8 = 1;
/// Length of the fields before the HMAC, in octets.
const FIELDS_LEN: usize = 12;
/// Length of the HMAC in the trailer, in octets.
const MAC_LEN: usize = TRAILER_LEN - FIELDS_LEN;
/// Offset of the checksum in a VRRP message, and its length, in octets.
const CHECKSUM_AT: usize = 6;
const CHECKSUM_LEN: usize = 2;
/// Length of a digest of SHA-256, in octets.
const DIGEST_LEN: usize = 32;

/// The number of an advert, unique and increasing for each sender: the time of sending, and a counter for adverts of the same
/// time. Seconds, fraction and counter together are one number of 64 bits, which wraps around in the year 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence(u64);

impl Sequence {
    /// The first number at a time since 1970.
    pub fn at(utc: Duration) -> Sequence {
        let fraction = (u64::from(utc.subsec_nanos()) << 16) / 1_000_000_000;
        Sequence(utc.as_secs() << 32 | fraction << 16)
    }

    /// Seconds of UTC, the low 32 bits.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or_default()
    }

    /// The following number.
    pub fn next(self) -> Sequence {
        Sequence(self.0.wrapping_add(1))
    }

    /// Whether it is greater than another number, across the wrap.
    pub fn follows(self, other: Sequence) -> bool {
        let ahead = self.0.wrapping_sub(other.0);
        ahead != 0 && ahead < 1 << 63
    }

    /// Whole seconds from its time to `utc`, across the wrap; negative if it is ahead.
    pub fn age(self, utc: Duration) -> i64 {
        let now = Sequence::at(utc).seconds();
        i64::from(now.wrapping_sub(self.seconds()).cast_signed())
    }
}

/// Returns the trailer of a VRRP message from `source`. `None` when OpenSSL has no memory for the digest.
pub fn seal(key_id: u8, key: &[u8], sequence: Sequence, source: IpAddr, message: &[u8]) -> Option<[u8; TRAILER_LEN]> {
    let mut fields = [0; FIELDS_LEN];
    let words = [TYPE, key_id, 0, 0].into_iter().chain(sequence.0.to_be_bytes());
    fields.iter_mut().zip(words).for_each(|(field, word)| *field = word);
    let mac = digest(key, source, message, &fields)?;
    let mut trailer = [0; TRAILER_LEN];
    trailer.iter_mut().zip(fields.into_iter().chain(mac)).for_each(|(octet, value)| *octet = value);
    Some(trailer)
}

/// A received trailer whose HMAC is not verified yet.
#[derive(Clone, Copy, Debug)]
pub struct Trailer<'a> {
    fields: &'a [u8; FIELDS_LEN],
    mac: &'a [u8; MAC_LEN],
}

impl<'a> Trailer<'a> {
    /// Reads the octets after a VRRP message. Returns `None` when they have another length or type, or reserved bits are set.
    pub fn new(bytes: &'a [u8]) -> Option<Trailer<'a>> {
        let (fields, rest) = bytes.split_first_chunk::<FIELDS_LEN>()?;
        let mac = rest.try_into().ok()?;
        matches!(*fields, [TYPE, _, 0, 0, ..]).then_some(Trailer { fields, mac })
    }

    /// ID of the key.
    pub fn key_id(&self) -> u8 {
        let [_, id, ..] = *self.fields;
        id
    }

    /// Number of the advert.
    pub fn sequence(&self) -> Sequence {
        let [_, _, _, _, number @ ..] = *self.fields;
        Sequence(u64::from_be_bytes(number))
    }

    /// Whether the HMAC is right for this key, source address and message. The comparison takes constant time.
    pub fn is_authentic(&self, key: &[u8], source: IpAddr, message: &[u8]) -> bool {
        digest(key, source, message, self.fields).is_some_and(|mac| memcmp::eq(&mac, self.mac))
    }
}

fn digest(key: &[u8], source: IpAddr, message: &[u8], fields: &[u8; FIELDS_LEN]) -> Option<[u8; MAC_LEN]> {
    let (before, rest) = message.split_first_chunk::<CHECKSUM_AT>()?;
    let (_, behind) = rest.split_first_chunk::<CHECKSUM_LEN>()?;
    let [version_and_type, vrid, ..] = *before;
    let (family, address) = match source {
        IpAddr::V4(ip) => (4, ip.octets().to_vec()),
        IpAddr::V6(ip) => (6, ip.octets().to_vec()),
    };
    let padding = [0; 16];
    let parts: [&[u8]; 8] = [
        &[family, version_and_type >> 4, vrid, 0],
        &address,
        padding.get(address.len()..).unwrap_or_default(),
        before,
        &[0; CHECKSUM_LEN],
        behind,
        fields,
        &[0; MAC_LEN],
    ];
    let key = PKey::hmac(key).ok()?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key).ok()?;
    for part in parts {
        signer.update(part).ok()?;
    }
    let mut digest = [0; DIGEST_LEN];
    signer.sign(&mut digest).ok()?;
    digest.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Key 1 of the captured adverts.
    fn key() -> Vec<u8> {
        (0..32).collect()
    }

    /// An advert captured from C keepalived 2.4.3: source address, VRRP message, trailer, seconds, fraction.
    type Captured = (&'static str, &'static str, &'static str, u32, u16);

    /// Version 3 over IPv4, version 2, version 3 over IPv6, unicast over IPv4 and IPv6, priority 0, and another sender.
    const CAPTURED: [Captured; 7] = [
        (
            "10.1.0.1",
            "3116c801003211aa0a01007a",
            "010100006b0d4f4f296300009c5585372b0dcfb8b88e20170f23fc1e",
            1_796_034_383,
            0x2963,
        ),
        (
            "10.1.0.1",
            "2115c80100010c6e0a0100790000000000000000",
            "010100006b0d4f50c50400000367d723411c4f41761239922da890db",
            1_796_034_384,
            0xc504,
        ),
        (
            "fe80::ff:fe00:7101",
            "3117c8020064df99fe800000000000000000000000000123fd000001000000000000000000000123",
            "010100006b0d4f50c522000092d5549bd4719b9b1d912f9019c97be9",
            1_796_034_384,
            0xc522,
        ),
        (
            "10.1.0.1",
            "3118c8010064e7830a01007c",
            "010100006b0d4f50c54900003aa47339690cc2f1e577034041713af3",
            1_796_034_384,
            0xc549,
        ),
        (
            "fd00:1::1",
            "3119c80100646a46fd000001000000000000000000000125",
            "010100006b0d4f50c57a0000cd639b5229ce9b6d0d6000d25e8087ea",
            1_796_034_384,
            0xc57a,
        ),
        (
            "10.1.0.1",
            "311600010032d9aa0a01007a",
            "010100006b0d4f57c8bf0000bcd97331bea41299e207054f1b4807a0",
            1_796_034_391,
            0xc8bf,
        ),
        (
            "10.1.0.2",
            "31166401003275a90a01007a",
            "010100006b0d4f5816d100008e3722a87c8f7aa25ba592c3e3d4bd7e",
            1_796_034_392,
            0x16d1,
        ),
    ];

    #[test]
    fn matches_adverts_captured_from_c_keepalived() {
        for (source, message, captured, seconds, fraction) in CAPTURED {
            let (source, message, captured) = (ip(source), hex(message), hex(captured));
            let trailer = Trailer::new(&captured).unwrap();
            assert_eq!((trailer.key_id(), trailer.sequence().seconds()), (1, seconds));
            assert!(trailer.is_authentic(&key(), source, &message), "{source}");
            // The end of the fraction's unit.
            let nanos = u32::try_from((u64::from(fraction) * 1_000_000_000 + 999_999_999) >> 16).unwrap();
            let sequence = Sequence::at(Duration::new(seconds.into(), nanos));
            assert_eq!(sequence, trailer.sequence());
            assert_eq!(seal(1, &key(), sequence, source, &message).unwrap().to_vec(), captured);
        }
    }

    #[test]
    fn the_hmac_covers_all_but_the_checksum() {
        let (source, message, captured, ..) = CAPTURED[0];
        let bytes = [hex(message), hex(captured)].concat();
        let of_message = bytes.len() - TRAILER_LEN;
        let authentic = |bytes: &[u8], source: IpAddr, key: &[u8]| {
            let (message, trailer) = bytes.split_at(of_message);
            Trailer::new(trailer).is_some_and(|trailer| trailer.is_authentic(key, source, message))
        };
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 0x10;
            assert_eq!(authentic(&altered, ip(source), &key()), [6, 7].contains(&at), "octet {at}");
        }
        assert!(!authentic(&bytes, ip("10.1.0.3"), &key()));
        let mut other_key = key();
        other_key[31] ^= 1;
        assert!(!authentic(&bytes, ip(source), &other_key));
        // The first octets of an IPv6 address are not taken for an IPv4 address.
        assert!(!authentic(&bytes, ip("a01:1::"), &key()));
    }

    #[test]
    fn other_lengths_types_and_reserved_bits_are_malformed() {
        let good = hex(CAPTURED[0].2);
        assert!(Trailer::new(&good).is_some());
        assert!(Trailer::new(&good[..27]).is_none() && Trailer::new(&[&good[..], &[0]].concat()).is_none());
        for (at, octet) in [(0, 0), (0, 2), (2, 1), (3, 1)] {
            let mut bad = good.clone();
            bad[at] = octet;
            assert!(Trailer::new(&bad).is_none(), "octet {at} = {octet}");
        }
    }

    #[test]
    fn numbers_are_ordered_across_the_wrap() {
        let at = |seconds: u64, nanos: u32| Sequence::at(Duration::new(seconds, nanos));
        let last = at((1 << 32) - 1, 999_999_999);
        for (earlier, later) in [
            (at(10, 0), at(11, 0)),
            (at(10, 0), at(10, 20_000)),
            (at(10, 5), at(10, 5).next()),
            (last, at(1 << 32, 0)),
            (at(10, 0), at(10 + (1 << 31) - 1, 0)),
        ] {
            assert!(
                later.follows(earlier) && !earlier.follows(later) && !later.follows(later),
                "{earlier:?} {later:?}"
            );
        }
        assert_eq!(at(10, 0).age(Duration::from_millis(12_900)), 2);
        assert_eq!(at(10, 0).age(Duration::from_secs(7)), -3);
        assert_eq!(last.age(Duration::from_secs((1 << 32) + 4)), 5);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40), shaped: bool, message: Vec<u8>) {
            let mut bytes = bytes;
            if shaped && bytes.len() > 3 {
                (bytes[0], bytes[2], bytes[3]) = (TYPE, 0, 0);
            }
            if let Some(trailer) = Trailer::new(&bytes) {
                prop_assert_eq!(bytes.len(), TRAILER_LEN);
                let _ = (trailer.key_id(), trailer.sequence());
                prop_assert!(!trailer.is_authentic(&key(), ip("10.1.0.1"), &message));
            } else {
                prop_assert!(!shaped || bytes.len() != TRAILER_LEN);
            }
        }

        #[test]
        fn sealed_messages_are_authentic(message in prop::collection::vec(any::<u8>(), 8..100), id: u8, number: u64, long: bool) {
            let key = vec![id; if long { 64 } else { 32 }];
            let sealed = seal(id, &key, Sequence(number), ip("fd00::1"), &message).unwrap();
            let trailer = Trailer::new(&sealed).unwrap();
            prop_assert_eq!((trailer.key_id(), trailer.sequence()), (id, Sequence(number)));
            prop_assert!(trailer.is_authentic(&key, ip("fd00::1"), &message));
        }
    }
}
