//! The IPv4 header (RFC 791) around adverts.

use std::net::Ipv4Addr;

/// Length of a header without options, in octets.
pub const HEADER_LEN: usize = 20;
/// Type of service of adverts: precedence internetwork control.
pub const TOS_INTERNETWORK_CONTROL: u8 = 0xc0;

/// The IPv4 header of an unfragmented packet, without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type of service.
    pub tos: u8,
    /// Identification.
    pub id: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload.
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
}

impl Header {
    /// Returns the header of a packet with `payload_len` (at most 65515) octets of payload. The checksum is 0: the
    /// kernel fills it in.
    pub fn emit(&self, payload_len: usize) -> [u8; HEADER_LEN] {
        let length = HEADER_LEN.saturating_add(payload_len);
        let [l0, l1] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let [i0, i1] = self.id.to_be_bytes();
        let [s0, s1, s2, s3] = self.source.octets();
        let [d0, d1, d2, d3] = self.destination.octets();
        [0x45, self.tos, l0, l1, i0, i1, 0, 0, self.ttl, self.protocol, 0, 0, s0, s1, s2, s3, d0, d1, d2, d3]
    }
}

/// A received IPv4 packet, split into header and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'b> {
    /// The parsed header.
    pub header: Header,
    /// The header as received, including options.
    pub header_bytes: &'b [u8],
    /// The payload up to the packet's total length, without the padding of short Ethernet frames.
    pub payload: &'b [u8],
}

/// Splits a packet. Returns `None` when it is not IPv4, is shorter than its total length, or has contradictory lengths.
pub fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let fixed = bytes.first_chunk::<HEADER_LEN>()?;
    let [first, tos, l0, l1, i0, i1, _, _, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *fixed;
    if first >> 4 != 4 {
        return None;
    }
    let header_len = usize::from(first & 0x0f) * 4;
    if header_len < HEADER_LEN {
        return None;
    }
    let whole = bytes.get(..usize::from(u16::from_be_bytes([l0, l1])))?;
    let (header_bytes, payload) = whole.split_at_checked(header_len)?;
    Some(Packet {
        header: Header {
            tos,
            id: u16::from_be_bytes([i0, i1]),
            ttl,
            protocol,
            source: Ipv4Addr::new(s0, s1, s2, s3),
            destination: Ipv4Addr::new(d0, d1, d2, d3),
        },
        header_bytes,
        payload,
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const HEADER: Header = Header {
        tos: TOS_INTERNETWORK_CONTROL,
        id: 1,
        ttl: 255,
        protocol: 112,
        source: Ipv4Addr::new(10, 1, 0, 1),
        destination: Ipv4Addr::new(224, 0, 0, 18),
    };

    #[test]
    fn matches_a_header_captured_from_c_keepalived() {
        // The captured packet has the checksum d08c, which the kernel filled in.
        let expected = [
            0x45, 0xc0, 0x00, 0x2c, 0x00, 0x01, 0x00, 0x00, 0xff, 0x70, 0, 0, 0x0a, 0x01, 0x00, 0x01, 0xe0, 0x00, 0x00,
            0x12,
        ];
        assert_eq!(HEADER.emit(24), expected);
    }

    #[test]
    fn padding_is_cut_off_and_options_are_skipped() {
        let mut bytes = HEADER.emit(3).to_vec();
        bytes.extend(b"abc----");
        assert_eq!(parse(&bytes).unwrap().payload, b"abc");
        assert_eq!(parse(&bytes).unwrap().header, HEADER);
        bytes[0] = 0x46;
        bytes[3] = 25;
        let packet = parse(&bytes).unwrap();
        assert_eq!((packet.payload, packet.header_bytes.len()), (&b"-"[..], 24));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let mut bytes = HEADER.emit(4).to_vec();
        bytes.extend(b"abc");
        assert_eq!(parse(&bytes), None, "cut short");
        bytes.extend(b"d");
        assert!(parse(&bytes).is_some());
        for (at, value) in [(0, 0x44), (0, 0x65), (3, 19)] {
            let mut bad = bytes.clone();
            bad[at] = value;
            assert_eq!(parse(&bad), None);
        }
        bytes[0] = 0x4f;
        assert_eq!(parse(&bytes), None, "options longer than the packet");
    }

    proptest! {
        #[test]
        fn any_bytes_are_split_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80), v4 in any::<bool>()) {
            let mut bytes = bytes;
            if v4 && bytes.len() > 3 {
                bytes[0] = 0x40 | bytes[0] & 0x0f;
                bytes[2] = 0;
            }
            if let Some(packet) = parse(&bytes) {
                prop_assert!(packet.header_bytes.len() + packet.payload.len() <= bytes.len());
            }
        }
    }
}
