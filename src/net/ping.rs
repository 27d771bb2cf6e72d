//! ICMP and ICMPv6 echo: encodes a request and recognizes its reply (RFC 792, RFC 4443).

use std::net::IpAddr;

use crate::wire::checksum::Sum;

/// Length of the data after the echo header, in octets.
pub(super) const PAYLOAD: usize = 128;
const HEADER: usize = 8;

/// An echo request: the fields that its reply must contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Echo {
    v6: bool,
    /// Identifier; `None` on an unprivileged socket, where the kernel chooses it and filters the replies.
    id: Option<u16>,
    sequence: u16,
    payload: [u8; PAYLOAD],
}

impl Echo {
    /// A request to `to`. `number` must be unique among the outstanding requests. `raw`: the socket also receives other
    /// messages, and IPv4 packets with their header.
    pub fn new(to: IpAddr, raw: bool, number: u64, random: u64) -> Echo {
        let mut payload = [0; PAYLOAD];
        let seed = number.to_be_bytes().into_iter().chain(random.to_be_bytes()).cycle();
        for ((octet, from), at) in payload.iter_mut().zip(seed).zip(0u8..) {
            *octet = from ^ at;
        }
        let [.., a, b, c, d] = number.to_be_bytes();
        Echo {
            v6: to.is_ipv6(),
            id: raw.then_some(u16::from_be_bytes([a, b])),
            sequence: u16::from_be_bytes([c, d]),
            payload,
        }
    }

    /// The message to send. The kernel sets the checksum for ICMPv6 and on unprivileged sockets.
    pub fn request(&self) -> Vec<u8> {
        let mut message = vec![if self.v6 { 128 } else { 8 }, 0, 0, 0];
        message.extend(self.id.unwrap_or(0).to_be_bytes());
        message.extend(self.sequence.to_be_bytes());
        message.extend(self.payload);
        if !self.v6 {
            let sum = Sum::default().with(&message).finish().to_be_bytes();
            if let Some(field) = message.get_mut(2..4) {
                field.copy_from_slice(&sum);
            }
        }
        message
    }

    /// Whether a datagram is the reply to this request.
    pub fn is_answered_by(&self, octets: &[u8]) -> bool {
        let raw_v4 = !self.v6 && self.id.is_some();
        let header = match octets.first() {
            Some(first) if raw_v4 => usize::from(first & 15) * 4,
            _ => 0,
        };
        let Some((head, payload)) = octets.get(header..).and_then(|message| message.split_first_chunk::<HEADER>())
        else {
            return false;
        };
        let [kind, code, _, _, id_high, id_low, sequence_high, sequence_low] = *head;
        kind == if self.v6 { 129 } else { 0 }
            && code == 0
            && self.id.is_none_or(|id| id == u16::from_be_bytes([id_high, id_low]))
            && self.sequence == u16::from_be_bytes([sequence_high, sequence_low])
            && payload == self.payload
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::{Echo, PAYLOAD};
    use crate::wire::checksum::Sum;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    /// The reply of a host.
    fn reply(echo: &Echo, v6: bool, header: &[u8]) -> Vec<u8> {
        let mut message = echo.request();
        message[0] = if v6 { 129 } else { 0 };
        [header, &message].concat()
    }

    #[test]
    fn requests_have_the_right_header_and_checksum() {
        let request = Echo::new(V4, true, 0x1234_5678, 9).request();
        assert_eq!(request.len(), 8 + PAYLOAD);
        assert_eq!(request[..2], [8, 0]);
        assert_eq!(request[4..8], [0x12, 0x34, 0x56, 0x78]);
        assert_eq!(Sum::default().with(&request).finish(), 0);
        assert_eq!(Echo::new(V6, true, 1, 9).request()[..4], [128, 0, 0, 0]);
    }

    #[test]
    fn only_the_reply_to_this_request_is_accepted() {
        let mut ip = vec![0x45];
        ip.resize(20, 0);
        let mut options = vec![0x46];
        options.resize(24, 0);
        for (to, raw, headers) in [(V4, true, vec![ip, options]), (V4, false, vec![vec![]]), (V6, true, vec![vec![]])] {
            let echo = Echo::new(to, raw, 70_000, 1);
            for header in headers {
                let good = reply(&echo, to.is_ipv6(), &header);
                assert!(echo.is_answered_by(&good));
                assert!(!echo.is_answered_by(&[header.as_slice(), &echo.request()].concat()), "the request itself");
                for number in [70_001, 4_000_000] {
                    let other = Echo::new(to, raw, number, 1);
                    assert!(!echo.is_answered_by(&reply(&other, to.is_ipv6(), &header)));
                }
                for at in header.len()..good.len() {
                    // The kernel checks the checksum, and on unprivileged sockets the identifier.
                    let checked = at - header.len() >= 6 || (raw && at - header.len() >= 4) || at - header.len() < 2;
                    let mut changed = good.clone();
                    changed[at] ^= 1;
                    assert_eq!(echo.is_answered_by(&changed), !checked, "octet {at}");
                }
                for length in 0..good.len() {
                    assert!(!echo.is_answered_by(&good[..length]));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn random_octets_are_no_reply(octets in prop::collection::vec(any::<u8>(), 0..300), raw: bool, v6: bool) {
            let echo = Echo::new(if v6 { V6 } else { V4 }, raw, 1, 1);
            prop_assert!(!echo.is_answered_by(&octets));
        }
    }
}
