//! Gratuitous ARP (RFC 5227 section 3; RFC 9568 section 6.4.1).

use std::net::Ipv4Addr;

/// Octets of a frame, without padding.
pub const FRAME_LEN: usize = 42;

const BROADCAST: [u8; 6] = [0xff; 6];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Ethernet, IPv4, 6 and 4 octets, request.
const REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];

/// An announcement that `ip` is at `mac`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gratuitous {
    /// Hardware address of the sender.
    pub mac: [u8; 6],
    /// The announced address: sender and target at once.
    pub ip: Ipv4Addr,
}

impl Gratuitous {
    /// The Ethernet frame, a broadcast request. The target hardware address is all ones, as C keepalived has it.
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

/// Reads a frame; `None` when it is no gratuitous ARP: no ARP over Ethernet and IPv4, or not about the sender's own
/// address.
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
    fn as_captured_from_c_keepalived() {
        // Facts of VRRP, section 14.
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
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
