//! Gratuitous ARP (RFC 5227 section 3; RFC 9568 section 6.4.1).

use std::net::Ipv4Addr;

/// Length of a frame without padding, in octets.
pub const FRAME_LEN: usize = 42;

const BROADCAST: [u8; 6] = [0xff; 6];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4, operation request.
const REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];

/// An announcement that `ip` is at `mac`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gratuitous {
    /// Ethernet address of the sender.
    pub mac: [u8; 6],
    /// The announced address: both sender and target protocol address.
    pub ip: Ipv4Addr,
}

impl Gratuitous {
    /// Returns the Ethernet frame, a broadcast ARP request. The target hardware address is all ones, as in frames of
    /// C keepalived.
    pub fn emit(&self) -> [u8; FRAME_LEN] {
        let ip = self.ip.octets();
        let fields: [&[u8]; 8] = [&BROADCAST, &self.mac, &ETHERTYPE_ARP, &REQUEST, &self.mac, &ip, &BROADCAST, &ip];
        let mut frame = [0; FRAME_LEN];
        for (to, from) in frame.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        frame
    }
}

/// Parses a frame. Returns `None` when it is not ARP for IPv4 over Ethernet, or when sender and target address differ.
pub fn parse(frame: &[u8]) -> Option<Gratuitous> {
    let frame = frame.first_chunk::<FRAME_LEN>()?;
    let (ethernet, arp) = frame.split_at(14);
    let (format, addresses) = arp.split_at(8);
    let operation = *format.last()?;
    if !ethernet.ends_with(&ETHERTYPE_ARP) || format.get(..7) != REQUEST.get(..7) || !(1..=2).contains(&operation) {
        return None;
    }
    let mac = *addresses.first_chunk()?;
    let sender: [u8; 4] = *addresses.get(6..)?.first_chunk()?;
    let target: [u8; 4] = *addresses.last_chunk()?;
    (sender == target).then(|| Gratuitous { mac, ip: sender.into() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANNOUNCED: Gratuitous = Gratuitous { mac: [2, 0, 0, 0, 0, 7], ip: Ipv4Addr::new(10, 1, 0, 100) };

    #[test]
    fn matches_a_frame_captured_from_c_keepalived() {
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00,
            0x01, 2, 0, 0, 0, 0, 7, 0x0a, 0x01, 0x00, 0x64, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0a, 0x01, 0x00, 0x64,
        ];
        assert_eq!(ANNOUNCED.emit(), expected);
        assert_eq!(parse(&expected), Some(ANNOUNCED));
    }

    #[test]
    fn other_frames_are_not_gratuitous() {
        for at in [12, 14, 21, 28, 41] {
            let mut frame = ANNOUNCED.emit();
            frame[at] ^= 0x40;
            assert_eq!(parse(&frame), None, "octet {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
