//! Unsolicited neighbour advertisements (RFC 4861 sections 4.4 and 7.2.6; RFC 9568 section 6.4.1).

use std::net::Ipv6Addr;

/// IP protocol number of ICMPv6.
pub const PROTOCOL: u8 = 58;
/// Hop limit of neighbour discovery: a packet with a lower one was forwarded by a router.
pub const HOP_LIMIT: u8 = 255;
/// Destination of unsolicited advertisements: all nodes on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Length of a message with its option, in octets.
pub const MESSAGE_LEN: usize = 32;

const TYPE_ADVERTISEMENT: u8 = 136;
const FLAG_ROUTER: u8 = 0x80;
const FLAG_OVERRIDE: u8 = 0x20;
/// Option "target link-layer address", one unit of eight octets.
const OPTION_TARGET: [u8; 2] = [2, 1];

/// An announcement that `target` is at `mac`, overriding what neighbours have cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsolicited {
    /// The announced address.
    pub target: Ipv6Addr,
    /// Link-layer address of the target.
    pub mac: [u8; 6],
    /// The sender is a router.
    pub router: bool,
}

impl Unsolicited {
    /// Returns the ICMPv6 message. The checksum is 0: the kernel fills it in on every raw ICMPv6 socket (RFC 3542
    /// section 3.1).
    pub fn emit(&self) -> [u8; MESSAGE_LEN] {
        let flags = FLAG_OVERRIDE | if self.router { FLAG_ROUTER } else { 0 };
        let target = self.target.octets();
        let fields: [&[u8]; 5] =
            [&[TYPE_ADVERTISEMENT, 0, 0, 0], &[flags, 0, 0, 0], &target, &OPTION_TARGET, &self.mac];
        let mut message = [0; MESSAGE_LEN];
        for (to, from) in message.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        message
    }
}

/// Parses an ICMPv6 message. Returns `None` unless it is an unsolicited advertisement with the override flag whose first
/// option is the target link-layer address. The checksum is not verified.
pub fn parse(message: &[u8]) -> Option<Unsolicited> {
    let message = message.first_chunk::<MESSAGE_LEN>()?;
    let (header, option) = message.split_at(24);
    let (fixed, target) = header.split_at(8);
    let flags = *fixed.get(4)?;
    if fixed.get(..2)? != [TYPE_ADVERTISEMENT, 0]
        || flags & !FLAG_ROUTER != FLAG_OVERRIDE
        || option.get(..2)? != OPTION_TARGET
    {
        return None;
    }
    let target: [u8; 16] = *target.first_chunk()?;
    Some(Unsolicited { target: target.into(), mac: *option.last_chunk()?, router: flags & FLAG_ROUTER != 0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANNOUNCED: Unsolicited =
        Unsolicited { target: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5), mac: [2, 0, 0, 0, 0, 7], router: false };

    #[test]
    fn matches_a_message_captured_from_c_keepalived() {
        // 88 00, checksum, 20000000, target, 0201, MAC address.
        let mut expected = [0; MESSAGE_LEN];
        expected[0] = 0x88;
        expected[4] = 0x20;
        expected[8..12].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        expected[23] = 5;
        expected[24..].copy_from_slice(&[2, 1, 2, 0, 0, 0, 0, 7]);
        assert_eq!(ANNOUNCED.emit(), expected);
        assert_eq!(parse(&expected), Some(ANNOUNCED));
    }

    #[test]
    fn routers_set_the_router_flag() {
        let router = Unsolicited { router: true, ..ANNOUNCED };
        assert_eq!(router.emit()[4], 0xa0);
        assert_eq!(parse(&router.emit()), Some(router));
    }

    #[test]
    fn other_messages_are_refused() {
        // Type, code, solicited flag, option type, option length.
        for (at, bit) in [(0, 1), (1, 1), (4, 0x40), (24, 1), (25, 2)] {
            let mut message = ANNOUNCED.emit();
            message[at] ^= bit;
            assert_eq!(parse(&message), None, "octet {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
