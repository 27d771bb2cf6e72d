//! The kernel's links and addresses, decoded from rtnetlink messages.

use std::net::{IpAddr, Ipv4Addr};

use super::attributes::{attributes, find, i32_at, ip, text, u16_at, u32_at};
use super::rtnetlink::{
    AF_UNSPEC, IFA_ADDRESS, IFA_BROADCAST, IFA_CACHEINFO, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_SECONDARY,
    IFA_F_TENTATIVE, IFA_FLAGS, IFA_LABEL, IFA_LOCAL, IFA_PROTO, IFF_LOOPBACK, IFF_MULTICAST, IFF_NOARP, IFF_RUNNING,
    IFF_UP, IFLA_ADDRESS, IFLA_BROADCAST, IFLA_GROUP, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_IPVLAN_FLAGS,
    IFLA_IPVLAN_MODE, IFLA_LINK, IFLA_LINKINFO, IFLA_MACVLAN_MODE, IFLA_MTU, IFLA_VRF_TABLE,
};
use crate::config::model::IpvlanMode;

/// `IFA_PROTO` of the addresses this daemon sets: the number that iproute2 shows as `keepalived`.
pub const PROTOCOL_KEEPALIVED: u8 = 18;

/// `IPVLAN_MODE_L2`.
pub(super) const IPVLAN_L2: u16 = 0;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Index, not 0.
    pub index: u32,
    /// Name; it may change while the index stays.
    pub name: String,
    /// Administratively up (`IFF_UP`).
    pub admin_up: bool,
    /// Able to carry packets: `IFF_UP` and `IFF_RUNNING`.
    pub running: bool,
    /// The interface does not use ARP (`IFF_NOARP`).
    pub noarp: bool,
    /// A loopback interface (`IFF_LOOPBACK`).
    pub loopback: bool,
    /// The interface supports multicast (`IFF_MULTICAST`).
    pub multicast: bool,
    /// All flags (`IFF_*`).
    pub flags: u32,
    /// Type of the hardware (`ARPHRD_*`).
    pub hardware: u16,
    /// MTU in octets.
    pub mtu: u32,
    /// Hardware address, if it has six octets.
    pub mac: Option<[u8; 6]>,
    /// Broadcast address of the hardware, if it has six octets.
    pub broadcast: Option<[u8; 6]>,
    /// `IFLA_INFO_KIND` (`veth`, `macvlan`, `bridge`...); empty for physical interfaces.
    pub kind: String,
    /// `IFLA_MACVLAN_MODE` of a macvlan: private 1, VEPA 2, bridge 4, passthru 8.
    pub macvlan_mode: Option<u32>,
    /// Mode and flags of an ipvlan of layer 2.
    pub ipvlan_mode: Option<IpvlanMode>,
    /// Number of its group (`IFLA_GROUP`).
    pub group: u32,
    /// Table of a VRF (`IFLA_VRF_TABLE`).
    pub vrf_table: Option<u32>,
    /// Index of the lower interface (`IFLA_LINK`): base of a macvlan or VLAN, peer of a veth.
    pub base: Option<u32>,
}

impl Link {
    /// Reads the payload of `RTM_NEWLINK` or `RTM_DELLINK`.
    ///
    /// `None` for messages without a complete link: messages of another family (bridges report their ports with the same
    /// message types) and wireless events, which have no name.
    pub(super) fn read(payload: &[u8]) -> Option<Link> {
        if *payload.first()? != AF_UNSPEC {
            return None;
        }
        let index = u32::try_from(i32_at(payload, 4)?).ok()?;
        let flags = u32_at(payload, 8)?;
        let hardware = u16_at(payload, 2)?;
        let mut link = Link {
            index,
            name: String::new(),
            admin_up: flags & IFF_UP != 0,
            running: flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING,
            noarp: flags & IFF_NOARP != 0,
            loopback: flags & IFF_LOOPBACK != 0,
            multicast: flags & IFF_MULTICAST != 0,
            flags,
            hardware,
            mtu: 0,
            mac: None,
            broadcast: None,
            kind: String::new(),
            macvlan_mode: None,
            ipvlan_mode: None,
            group: 0,
            vrf_table: None,
            base: None,
        };
        for (kind, value) in attributes(payload.get(16..)?) {
            match kind {
                IFLA_ADDRESS => link.mac = value.try_into().ok(),
                IFLA_BROADCAST => link.broadcast = value.try_into().ok(),
                IFLA_IFNAME => link.name = text(value),
                IFLA_MTU => link.mtu = u32_at(value, 0)?,
                IFLA_GROUP => link.group = u32_at(value, 0)?,
                IFLA_LINK => link.base = u32_at(value, 0),
                IFLA_LINKINFO => {
                    let info = |kind| find(value, kind);
                    link.kind = info(IFLA_INFO_KIND).map(text).unwrap_or_default();
                    let data = |of: &str, kind: u16| {
                        let data = info(IFLA_INFO_DATA).filter(|_| link.kind == of)?;
                        find(data, kind)
                    };
                    let number = |of: &str, kind: u16| data(of, kind).and_then(|number| u32_at(number, 0));
                    let short = |kind: u16| data("ipvlan", kind).and_then(|number| u16_at(number, 0));
                    let ipvlan = short(IFLA_IPVLAN_MODE).zip(short(IFLA_IPVLAN_FLAGS));
                    (link.macvlan_mode, link.vrf_table, link.ipvlan_mode) = (
                        number("macvlan", IFLA_MACVLAN_MODE),
                        number("vrf", IFLA_VRF_TABLE),
                        ipvlan.and_then(|(mode, flags)| ipvlan_mode(mode, flags)),
                    );
                }
                _ => {}
            }
        }
        (!link.name.is_empty()).then_some(link)
    }
}

/// The mode of an ipvlan from `IFLA_IPVLAN_MODE` and `IFLA_IPVLAN_FLAGS`; `None` for those of layer 3.
fn ipvlan_mode(mode: u16, flags: u16) -> Option<IpvlanMode> {
    let modes = [IpvlanMode::Bridge, IpvlanMode::Private, IpvlanMode::Vepa];
    modes.into_iter().find(|known| mode == IPVLAN_L2 && flags == ipvlan_flags(*known))
}

/// `IFLA_IPVLAN_FLAGS` of a mode.
pub(super) fn ipvlan_flags(mode: IpvlanMode) -> u16 {
    match mode {
        IpvlanMode::Bridge => 0,
        IpvlanMode::Private => 1,
        IpvlanMode::Vepa => 2,
    }
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addr {
    /// Index of its interface.
    pub ifindex: u32,
    /// The address itself (`IFA_LOCAL`; for IPv6 without peer `IFA_ADDRESS`).
    pub ip: IpAddr,
    /// Prefix length; with a peer, that of the peer's network.
    pub prefix: u8,
    /// Scope: global 0, site 200, link 253, host 254, nowhere 255.
    pub scope: u8,
    /// All 32 bits of `IFA_FLAGS`.
    pub flags: u32,
    /// Label (IPv4 only).
    pub label: Option<String>,
    /// Broadcast address (IPv4 only).
    pub broadcast: Option<IpAddr>,
    /// The other end of a point-to-point address.
    pub peer: Option<IpAddr>,
    /// Origin of the address (`IFA_PROTO`); 0: unspecified, always so before Linux 5.18.
    pub protocol: u8,
    /// Remaining preferred lifetime in seconds; `u32::MAX`: unlimited. Not valid for deprecated IPv4 addresses: see
    /// [`deprecated`](Addr::deprecated).
    pub preferred_lft: u32,
}

/// The key of an address in the kernel: interface index, address, prefix length, peer.
pub type AddrKey = (u32, IpAddr, u8, Option<IpAddr>);

impl Addr {
    /// Duplicate address detection has not finished, or has failed: the address is not usable as a source.
    pub fn tentative(&self) -> bool {
        self.flags & IFA_F_TENTATIVE != 0
    }

    /// Duplicate address detection found the IPv6 address on another node.
    pub fn dadfailed(&self) -> bool {
        self.flags & IFA_F_DADFAILED != 0
    }

    /// The address is not to be used as the source of new connections.
    pub fn deprecated(&self) -> bool {
        self.flags & IFA_F_DEPRECATED != 0
    }

    /// A secondary address: an IPv4 address in the network of an earlier one.
    pub fn secondary(&self) -> bool {
        self.flags & IFA_F_SECONDARY != 0 && self.ip.is_ipv4()
    }

    /// The key of the address.
    pub fn key(&self) -> AddrKey {
        (self.ifindex, self.ip, self.prefix, self.peer)
    }

    /// Reads the payload of `RTM_NEWADDR` or `RTM_DELADDR`; `None` for families other than IPv4 and IPv6.
    pub(super) fn read(payload: &[u8]) -> Option<Addr> {
        let family = *payload.first()?;
        let ip = |value: &[u8]| ip(family, value);
        let (mut address, mut local) = (None, None);
        let mut read = Addr {
            ifindex: u32_at(payload, 4)?,
            ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            prefix: *payload.get(1)?,
            scope: *payload.get(3)?,
            flags: u32::from(*payload.get(2)?),
            label: None,
            broadcast: None,
            peer: None,
            protocol: 0,
            preferred_lft: u32::MAX,
        };
        for (kind, value) in attributes(payload.get(8..)?) {
            match kind {
                IFA_ADDRESS => address = ip(value),
                IFA_LOCAL => local = ip(value),
                IFA_LABEL => read.label = Some(text(value)),
                IFA_BROADCAST => read.broadcast = ip(value),
                IFA_CACHEINFO => read.preferred_lft = u32_at(value, 0)?,
                IFA_FLAGS => read.flags = u32_at(value, 0)?,
                IFA_PROTO => read.protocol = *value.first()?,
                _ => {}
            }
        }
        read.ip = local.or(address)?;
        read.peer = address.filter(|address| *address != read.ip);
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::netlink::messages;
    use super::*;

    /// `RTM_NEWADDR` as sent for `ip addr add 10.1.0.1/24 brd 10.1.0.255 dev lo label lo:x proto keepalived`.
    const NEW_ADDRESS: &[u8] = &[
        88, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 2, 24, 0x80, 0, 1, 0, 0, 0, 8, 0, 1, 0, 10, 1, 0, 1, 8, 0, 2,
        0, 10, 1, 0, 1, 8, 0, 4, 0, 10, 1, 0, 255, 9, 0, 3, 0, b'l', b'o', b':', b'x', 0, 0, 0, 0, 8, 0, 8, 0, 0x80, 2,
        0, 0, 5, 0, 11, 0, 18, 0, 0, 0, 12, 0, 6, 0, 255, 255, 255, 255, 255, 255, 255, 255,
    ];
    /// `RTM_NEWLINK` of a macvlan `mv0` over interface 2, up and running.
    const NEW_LINK: &[u8] = &[
        84, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0, 0, 0x43, 0x10, 1, 0, 0, 0, 0, 0, 8, 0,
        3, 0, b'm', b'v', b'0', 0, 10, 0, 1, 0, 0, 0, 0x5e, 0, 1, 51, 0, 0, 8, 0, 4, 0, 0xdc, 5, 0, 0, 8, 0, 5, 0, 2,
        0, 0, 0, 16, 0, 18, 0, 12, 0, 1, 0, b'm', b'a', b'c', b'v', b'l', b'a', b'n', 0,
    ];

    fn payload(datagram: &[u8]) -> &[u8] {
        messages(datagram).next().unwrap().payload
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_address_is_decoded_completely() {
        let address = Addr::read(payload(NEW_ADDRESS)).unwrap();
        let expected = Addr {
            ifindex: 1,
            ip: "10.1.0.1".parse().unwrap(),
            prefix: 24,
            scope: 0,
            flags: 0x280,
            label: Some("lo:x".to_owned()),
            broadcast: Some("10.1.0.255".parse().unwrap()),
            peer: None,
            protocol: PROTOCOL_KEEPALIVED,
            preferred_lft: u32::MAX,
        };
        assert_eq!(address, expected);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_link_is_decoded_completely() {
        let link = Link::read(payload(NEW_LINK)).unwrap();
        let expected = Link {
            index: 7,
            name: "mv0".to_owned(),
            admin_up: true,
            running: true,
            noarp: false,
            loopback: false,
            multicast: true,
            flags: 0x0001_1043,
            hardware: 1,
            mtu: 1500,
            mac: Some([0, 0, 0x5e, 0, 1, 51]),
            broadcast: None,
            kind: "macvlan".to_owned(),
            macvlan_mode: None,
            ipvlan_mode: None,
            group: 0,
            vrf_table: None,
            base: Some(2),
        };
        assert_eq!(link, expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Link::read(&bytes);
            let _ = Addr::read(&bytes);
        }

        /// Real messages with some octets changed, which reach deeper parts of the decoder.
        #[test]
        fn damaged_messages_are_decoded_or_refused(
            link in any::<bool>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = if link { NEW_LINK } else { NEW_ADDRESS }.to_vec();
            for (at, value) in damage {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            for message in messages(&bytes) {
                let _ = Link::read(message.payload);
                let _ = Addr::read(message.payload);
            }
        }
    }
}
