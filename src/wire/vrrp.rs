//! VRRP advertisements, version 2 (RFC 3768) and 3 (RFC 9568).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+-------+---------------+---------------+---------------+
//! |Version| Type  |     VRID      |   Priority    | Address count |
//! +-------+-------+---------------+---------------+---------------+
//! | v2: auth type | advert int, s |           Checksum            |
//! | v3: 0000 | interval, 1/100 s  |                               |
//! +---------------+---------------+-------------------------------+
//! | addresses, 4 or 16 octets each; v2 over IPv4: 8 octets of authentication data |
//! +---------------------------------------------------------------+
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::Sum;

/// IP protocol number of VRRP.
pub const PROTOCOL: u8 = 112;
/// The only defined packet type.
pub const TYPE_ADVERTISEMENT: u8 = 1;
/// Length of the header before the addresses, in octets.
pub const HEADER_LEN: usize = 8;
/// Length of the authentication data after the addresses of a version 2 packet over IPv4, in octets.
pub const AUTH_DATA_LEN: usize = 8;
/// `auth type` of a version 2 packet without authentication.
pub const AUTH_NONE: u8 = 0;
/// `auth type` of a version 2 packet with a simple password (RFC 2338).
pub const AUTH_PASS: u8 = 1;
/// `auth type` of a version 2 packet inside an authentication header (RFC 2338).
pub const AUTH_AH: u8 = 2;

/// The form of a packet's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Over the VRRP message alone: version 2, and version 3 over IPv4 according to RFC 9568.
    Message,
    /// Including the pseudo header: IPv6, and version 3 over IPv4 according to RFC 5798.
    PseudoHeader,
}

/// A received packet that is not checked yet: any 8 octets or more can be read as a packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    header: [u8; HEADER_LEN],
    bytes: &'a [u8],
    ipv6: bool,
}

impl<'a> Packet<'a> {
    /// Reads the payload of an IP packet. Returns `None` when it is shorter than a VRRP header.
    pub fn new(bytes: &'a [u8], ipv6: bool) -> Option<Packet<'a>> {
        let header = *bytes.first_chunk::<HEADER_LEN>()?;
        Some(Packet { header, bytes, ipv6 })
    }

    /// Protocol version, 0..=15.
    pub fn version(&self) -> u8 {
        self.header[0] >> 4
    }

    /// Packet type, 0..=15.
    pub fn kind(&self) -> u8 {
        self.header[0] & 0x0f
    }

    /// Virtual router identifier.
    pub fn vrid(&self) -> u8 {
        self.header[1]
    }

    /// Priority of the sender; 0 = it gives up mastership, 255 = it owns the addresses.
    pub fn priority(&self) -> u8 {
        self.header[2]
    }

    /// Number of addresses according to the header.
    pub fn address_count(&self) -> u8 {
        self.header[3]
    }

    /// Version 2: authentication type.
    pub fn auth_type(&self) -> u8 {
        self.header[4]
    }

    /// Version 2: advertisement interval in seconds.
    pub fn interval_seconds(&self) -> u8 {
        self.header[5]
    }

    /// Version 3: advertisement interval in centiseconds, 0..=4095.
    pub fn interval_centiseconds(&self) -> u16 {
        u16::from_be_bytes([self.header[4] & 0x0f, self.header[5]])
    }

    /// Length of one address, in octets.
    fn address_len(&self) -> usize {
        if self.ipv6 { 16 } else { 4 }
    }

    fn auth_data_len(&self) -> usize {
        if self.version() == 2 && !self.ipv6 { AUTH_DATA_LEN } else { 0 }
    }

    /// Length that the message must have according to its header, in octets.
    pub fn expected_len(&self) -> usize {
        HEADER_LEN + usize::from(self.address_count()) * self.address_len() + self.auth_data_len()
    }

    /// Length as received, in octets.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Always false: a packet has a header.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The message without trailing bytes; all bytes when it is truncated.
    pub fn message(&self) -> &'a [u8] {
        self.bytes.get(..self.expected_len()).unwrap_or(self.bytes)
    }

    /// The bytes after the message.
    pub fn trailing(&self) -> &'a [u8] {
        self.bytes.get(self.expected_len()..).unwrap_or_default()
    }

    /// The addresses in the order sent; fewer than [`Packet::address_count`] when the message is truncated.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + 'a {
        let len = self.address_len();
        let all = self.message().get(HEADER_LEN..).unwrap_or(&[]);
        all.chunks_exact(len).take(usize::from(self.address_count())).filter_map(|octets| {
            let v4 = <[u8; 4]>::try_from(octets).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
            v4.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))).ok()
        })
    }

    /// Version 2 over IPv4: the authentication data.
    pub fn auth_data(&self) -> Option<[u8; AUTH_DATA_LEN]> {
        (self.auth_data_len() > 0).then(|| self.message().last_chunk().copied()).flatten()
    }

    /// Returns the form in which the checksum is correct, `None` when it is wrong in both forms.
    ///
    /// Version 3 over IPv4 is in use with both forms: implementations of RFC 5798 include the pseudo header, RFC 9568
    /// leaves it out.
    pub fn checksum(&self, source: IpAddr, destination: IpAddr) -> Option<Checksum> {
        let message = self.message();
        let plain = Sum::default().with(message);
        let with_pseudo = Sum::default().pseudo_header(PROTOCOL, source, destination, message.len()).with(message);
        if !self.ipv6 && plain.finish() == 0 {
            Some(Checksum::Message)
        } else if (self.ipv6 || self.version() == 3) && with_pseudo.finish() == 0 {
            Some(Checksum::PseudoHeader)
        } else {
            None
        }
    }
}

/// An advertisement to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement<'a> {
    /// Virtual router identifier.
    pub vrid: u8,
    /// Priority; 0 announces that the master gives up.
    pub priority: u8,
    /// Fields that only one version has.
    pub version: VersionFields,
    /// Virtual addresses of one family, at most 255.
    pub addresses: &'a [IpAddr],
}

/// The fields that depend on the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionFields {
    /// RFC 3768, with the authentication of RFC 2338.
    V2 {
        /// Advertisement interval in seconds.
        interval_seconds: u8,
        /// [`AUTH_NONE`], [`AUTH_PASS`] or [`AUTH_AH`].
        auth_type: u8,
        /// Password of [`AUTH_PASS`], otherwise zeros.
        auth_data: [u8; AUTH_DATA_LEN],
    },
    /// RFC 9568.
    V3 {
        /// Advertisement interval in centiseconds, 1..=4095.
        interval_centiseconds: u16,
        /// Form of the checksum over IPv4.
        checksum: Checksum,
    },
}

impl Advertisement<'_> {
    /// Returns the message to send in an IP packet from `source` to `destination`.
    pub fn to_bytes(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let ipv6 = source.is_ipv6();
        let (version, word) = match self.version {
            VersionFields::V2 { interval_seconds, auth_type, .. } => (2, [auth_type, interval_seconds]),
            VersionFields::V3 { interval_centiseconds, .. } => (3, (interval_centiseconds & 0x0fff).to_be_bytes()),
        };
        let count = self.addresses.len().min(255);
        let mut bytes = Vec::with_capacity(HEADER_LEN + count * 16 + AUTH_DATA_LEN);
        bytes.extend([version << 4 | TYPE_ADVERTISEMENT, self.vrid, self.priority, count as u8]);
        bytes.extend(word);
        bytes.extend([0, 0]);
        for address in self.addresses.iter().take(count) {
            match address {
                IpAddr::V4(ip) => bytes.extend(ip.octets()),
                IpAddr::V6(ip) => bytes.extend(ip.octets()),
            }
        }
        let mut pseudo = ipv6;
        match self.version {
            VersionFields::V2 { auth_data, .. } if !ipv6 => bytes.extend(auth_data),
            VersionFields::V3 { checksum: Checksum::PseudoHeader, .. } => pseudo = true,
            _ => {}
        }
        let mut sum = Sum::default();
        if pseudo {
            sum = sum.pseudo_header(PROTOCOL, source, destination, bytes.len());
        }
        let checksum = sum.with(&bytes).finish().to_be_bytes();
        if let Some(field) = bytes.get_mut(6..8) {
            field.copy_from_slice(&checksum);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const PASS: VersionFields =
        VersionFields::V2 { interval_seconds: 1, auth_type: AUTH_PASS, auth_data: *b"secret\0\0" };

    #[test]
    fn matches_a_captured_v2_advert_with_password_and_two_addresses() {
        let addresses = [ip("10.1.0.102"), ip("10.1.0.103")];
        let advert = Advertisement { vrid: 12, priority: 255, version: PASS, addresses: &addresses };
        let bytes = advert.to_bytes(ip("10.1.0.1"), ip("224.0.0.18"));
        assert_eq!(bytes, hex("210cff0201018dd40a0100660a0100677365637265740000"));
        let packet = Packet::new(&bytes, false).unwrap();
        assert_eq!(packet.expected_len(), bytes.len());
        assert_eq!(packet.addresses().collect::<Vec<_>>(), addresses);
        assert_eq!(packet.auth_data(), Some(*b"secret\0\0"));
        assert_eq!(packet.checksum(ip("10.1.0.1"), ip("224.0.0.18")), Some(Checksum::Message));
    }

    #[test]
    fn matches_a_captured_v3_advert_over_ipv4_with_pseudo_header() {
        let version = VersionFields::V3 { interval_centiseconds: 50, checksum: Checksum::PseudoHeader };
        let advert = Advertisement { vrid: 13, priority: 255, version, addresses: &[ip("10.1.0.104")] };
        let bytes = advert.to_bytes(ip("10.1.0.1"), ip("224.0.0.18"));
        assert_eq!(bytes, hex("310dff010032dac40a010068"));
        let packet = Packet::new(&bytes, false).unwrap();
        assert_eq!(packet.interval_centiseconds(), 50);
        assert_eq!(packet.checksum(ip("10.1.0.1"), ip("224.0.0.18")), Some(Checksum::PseudoHeader));
    }

    #[test]
    fn v3_over_ipv4_without_pseudo_header_is_accepted_too() {
        let version = VersionFields::V3 { interval_centiseconds: 50, checksum: Checksum::Message };
        let advert = Advertisement { vrid: 13, priority: 255, version, addresses: &[ip("10.1.0.104")] };
        let bytes = advert.to_bytes(ip("10.1.0.1"), ip("224.0.0.18"));
        let packet = Packet::new(&bytes, false).unwrap();
        assert_eq!(packet.checksum(ip("10.1.0.9"), ip("224.0.0.18")), Some(Checksum::Message));
    }

    #[test]
    fn v3_over_ipv6_requires_the_pseudo_header() {
        let version = VersionFields::V3 { interval_centiseconds: 100, checksum: Checksum::Message };
        let addresses = [ip("fe80::99"), ip("2001:db8::5")];
        let advert = Advertisement { vrid: 14, priority: 255, version, addresses: &addresses };
        let bytes = advert.to_bytes(ip("fe80::1"), ip("ff02::12"));
        assert_eq!(bytes.len(), 8 + 32);
        let packet = Packet::new(&bytes, true).unwrap();
        assert_eq!(packet.checksum(ip("fe80::1"), ip("ff02::12")), Some(Checksum::PseudoHeader));
        assert_eq!(packet.checksum(ip("fe80::2"), ip("ff02::12")), None);
    }

    #[test]
    fn the_checksum_detects_a_flipped_bit() {
        let advert = Advertisement { vrid: 12, priority: 100, version: PASS, addresses: &[ip("10.1.0.102")] };
        let mut bytes = advert.to_bytes(ip("10.1.0.1"), ip("224.0.0.18"));
        bytes[2] ^= 1;
        assert_eq!(Packet::new(&bytes, false).unwrap().checksum(ip("10.1.0.1"), ip("224.0.0.18")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), ipv6: bool) {
            if let Some(packet) = Packet::new(&bytes, ipv6) {
                let (source, destination) = if ipv6 { ("::1", "ff02::12") } else { ("10.0.0.1", "224.0.0.18") };
                prop_assert!(packet.addresses().count() <= 255);
                let _ = (packet.auth_data(), packet.checksum(ip(source), ip(destination)), packet.expected_len());
            } else {
                prop_assert!(bytes.len() < HEADER_LEN);
            }
        }
    }
}
