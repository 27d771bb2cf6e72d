//! ICMP and ICMPv6 echo: the request, and finding its reply among what a socket hears (RFC 792, RFC 4443).

use std::net::IpAddr;

use crate::wire::checksum::Sum;

/// Octets after the echo header.
pub(super) const PAYLOAD: usize = 128;
const HEADER: usize = 8;

/// One echo request and what its reply must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Echo {
    v6: bool,
    /// `None`: the kernel chose it and sorts the replies.
    id: Option<u16>,
    sequence: u16,
    payload: [u8; PAYLOAD],
}

impl Echo {
    /// A request to `to`. `number` differs from that of any other request under way; `raw` = the socket sees other
    /// messages too and wants whole IPv4 packets read.
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

    /// The message to send. The checksum of ICMPv6 and that of unprivileged sockets is the kernel's.
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

    /// Whether what a socket gave is the reply.
    pub fn is_answered_by(&self, heard: &[u8]) -> bool {
        let raw_v4 = !self.v6 && self.id.is_some();
        let header = match heard.first() {
            Some(first) if raw_v4 => usize::from(first & 15) * 4,
            _ => 0,
        };
        let Some((head, payload)) = heard.get(header..).and_then(|message| message.split_first_chunk::<HEADER>())
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
