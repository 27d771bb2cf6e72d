//! Forged adverts: valid except for the fields that a test changes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, sendto, socket};
use std::os::fd::AsRawFd;

use crate::frame::{AH, AH_LEN, VRRP, internet_checksum, pseudo_header};
use crate::netns::Netns;

/// An advert sent by the client; change fields to make it invalid.
#[derive(Debug, Clone)]
pub struct Forged {
    /// Time to live or hop limit; 255 is valid.
    pub ttl: u8,
    /// Version field; the other fields are laid out for [`Forged::layout`].
    pub version: u8,
    /// VRRP version of the layout and the checksum.
    pub layout: u8,
    /// Type; 1 is an advert.
    pub kind: u8,
    /// Virtual router.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Interval in the unit of the layout: seconds (version 2) or centiseconds (version 3).
    pub interval: u16,
    /// Virtual addresses; the family of the first selects IPv4 or IPv6.
    pub addresses: Vec<IpAddr>,
    /// Added to the address count field.
    pub miscount: u8,
    /// Authentication type and data (version 2).
    pub auth: (u8, [u8; 8]),
    /// Bits to invert in the checksum.
    pub checksum_error: u16,
    /// Octets removed from (negative) or added to the VRRP part after the checksum was computed.
    pub resize: isize,
    /// The authentication header before the VRRP part (IPv4).
    pub header: Option<ForgedHeader>,
    /// Number of the only router that receives it, by its Ethernet address; `None`: the Ethernet address of the group.
    pub only_to: Option<u8>,
}

/// An authentication header with a valid check value for its key.
#[derive(Debug, Clone)]
pub struct ForgedHeader {
    /// Password, zero padded.
    pub key: [u8; 8],
    /// Sequence number.
    pub sequence: u32,
    /// Security parameters index; the sender's address is valid.
    pub spi: Ipv4Addr,
    /// Bits to invert in the priority after the check value was computed.
    pub altered: u8,
}

impl ForgedHeader {
    /// A valid header.
    pub fn right(key: &[u8; 8], sequence: u32) -> Self {
        Self { key: *key, sequence, spi: SOURCE, altered: 0 }
    }

    /// The authentication header followed by the VRRP part. TOS and checksum of the IP header count as 0.
    fn authenticate(&self, ip_header: &[u8], part: &[u8]) -> Vec<u8> {
        let mut covered = ip_header.to_vec();
        for mutable in [1, 10, 11] {
            covered[mutable] = 0;
        }
        let fixed = [&[VRRP, 4, 0, 0][..], &self.spi.octets(), &self.sequence.to_be_bytes()].concat();
        let mac = Hmac::<Md5>::new_from_slice(&self.key).expect("any key length is valid");
        let icv = mac.chain_update([&covered[..], &fixed, &[0; 12], part].concat()).finalize().into_bytes();
        let mut part = part.to_vec();
        part.iter_mut().skip(2).take(1).for_each(|priority| *priority ^= self.altered);
        [&fixed, &icv[..12], &part].concat()
    }
}

/// The client's address, the source of forged adverts.
const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 100);

impl Forged {
    /// A valid advert of `version`.
    pub fn right(version: u8, vrid: u8, priority: u8, interval: u16, vips: &[IpAddr]) -> Self {
        Self {
            ttl: 255,
            version,
            layout: version,
            kind: 1,
            vrid,
            priority,
            interval,
            addresses: vips.to_vec(),
            miscount: 0,
            auth: (0, [0; 8]),
            checksum_error: 0,
            resize: 0,
            header: None,
            only_to: None,
        }
    }

    /// Sends the advert from the client's eth0.
    pub fn send(&self, client: &Netns) {
        self.send_many(client, 1);
    }

    /// Sends the advert `times` times, as fast as possible.
    pub fn send_many(&self, client: &Netns, times: usize) {
        client.enter(|| self.send_many_here(times));
    }

    /// [`Forged::send_many`] from the namespace of the calling thread.
    pub fn send_many_here(&self, times: usize) {
        send_frame(&self.frame(), times);
    }

    fn is_ipv6(&self) -> bool {
        self.addresses.first().is_some_and(IpAddr::is_ipv6)
    }

    /// The Ethernet frame.
    fn frame(&self) -> Vec<u8> {
        let source = [2, 0, 0, 0, 0, 0];
        if self.is_ipv6() {
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
            let from = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100);
            let part = self.vrrp(from.into(), group.into());
            let length = u16::try_from(part.len()).expect("small").to_be_bytes();
            let head = [0x6c, 0, 0, 0, length[0], length[1], VRRP, self.ttl];
            let ethernet =
                [&self.ethernet_destination([0x33, 0x33, 0, 0, 0, 0x12]), &source[..], &[0x86, 0xdd]].concat();
            [&ethernet[..], &head, &from.octets(), &group.octets(), &part].concat()
        } else {
            let group = Ipv4Addr::new(224, 0, 0, 18);
            let part = self.vrrp(SOURCE.into(), group.into());
            let (protocol, more) = if self.header.is_some() { (AH, AH_LEN) } else { (VRRP, 0) };
            let length = u16::try_from(20 + more + part.len()).expect("small").to_be_bytes();
            let mut head = [0x45, 0xc0, length[0], length[1], 0, 1, 0, 0, self.ttl, protocol, 0, 0];
            let addresses = [SOURCE.octets(), group.octets()].concat();
            let part = match &self.header {
                Some(header) => header.authenticate(&[&head, &addresses[..]].concat(), &part),
                None => part,
            };
            let checksum = internet_checksum(&[&head, &addresses]).to_be_bytes();
            head[10..].copy_from_slice(&checksum);
            let ethernet = [&self.ethernet_destination([1, 0, 0x5e, 0, 0, 0x12]), &source[..], &[8, 0]].concat();
            [&ethernet[..], &head, &addresses, &part].concat()
        }
    }

    /// The Ethernet destination: `group`, or the router of [`Forged::only_to`].
    fn ethernet_destination(&self, group: [u8; 6]) -> [u8; 6] {
        self.only_to.map_or(group, |router| [2, 0, 0, 0, 0, router])
    }

    /// The VRRP part with its checksum.
    fn vrrp(&self, from: IpAddr, to: IpAddr) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).expect("few").wrapping_add(self.miscount);
        let interval = self.interval.to_be_bytes();
        let field = if self.layout == 2 { [self.auth.0, interval[1]] } else { interval };
        let kind = self.version << 4 | self.kind;
        let mut part = vec![kind, self.vrid, self.priority, count, field[0], field[1], 0, 0];
        for address in &self.addresses {
            match address {
                IpAddr::V4(address) => part.extend(address.octets()),
                IpAddr::V6(address) => part.extend(address.octets()),
            }
        }
        if self.layout == 2 {
            part.extend(self.auth.1);
        }
        let pseudo = pseudo_header(from, to, part.len());
        let covered: &[u8] = if self.layout == 2 { &[] } else { &pseudo };
        let checksum = internet_checksum(&[covered, &part]) ^ self.checksum_error;
        part[6..8].copy_from_slice(&checksum.to_be_bytes());
        part.resize(part.len().saturating_add_signed(self.resize), 0);
        part
    }
}

/// Sends an Ethernet frame from eth0 of the calling thread's namespace.
fn send_frame(frame: &[u8], times: usize) {
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).expect("a packet socket");
    // The link address from getifaddrs serves as the destination: building a sockaddr would need unsafe code.
    let device: LinkAddr = getifaddrs()
        .expect("a list of interfaces")
        .filter(|interface| interface.interface_name == "eth0")
        .find_map(|interface| interface.address?.as_link_addr().copied())
        .expect("eth0");
    debug_assert_eq!(device.family(), Some(AddressFamily::Packet));
    for _ in 0..times {
        let sent = sendto(socket.as_raw_fd(), frame, &device, MsgFlags::empty()).expect("a link");
        assert_eq!(sent, frame.len());
    }
}
