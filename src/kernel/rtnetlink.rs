//! Numbers of rtnetlink: message types, multicast groups, attributes (`linux/rtnetlink.h`, `linux/if_link.h`,
//! `linux/if_addr.h`).

pub(super) const AF_UNSPEC: u8 = 0;
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

// Message types.
pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;
pub(super) const RTM_NEWADDR: u16 = 20;
pub(super) const RTM_DELADDR: u16 = 21;
pub(super) const RTM_GETADDR: u16 = 22;

// Multicast groups.
pub(super) const RTNLGRP_LINK: u32 = 1;
pub(super) const RTNLGRP_IPV4_IFADDR: u32 = 5;
pub(super) const RTNLGRP_IPV6_IFADDR: u32 = 9;

// Links.
pub(super) const IFF_UP: u32 = 1;
pub(super) const IFF_LOOPBACK: u32 = 1 << 3;
pub(super) const IFF_RUNNING: u32 = 1 << 6;
pub(super) const IFF_NOARP: u32 = 1 << 7;
pub(super) const IFF_MULTICAST: u32 = 1 << 12;
pub(super) const IFLA_ADDRESS: u16 = 1;
pub(super) const IFLA_IFNAME: u16 = 3;
pub(super) const IFLA_MTU: u16 = 4;
pub(super) const IFLA_LINK: u16 = 5;
pub(super) const IFLA_LINKINFO: u16 = 18;
pub(super) const IFLA_GROUP: u16 = 27;
pub(super) const IFLA_EXT_MASK: u16 = 29;
pub(super) const IFLA_INFO_KIND: u16 = 1;
pub(super) const IFLA_INFO_DATA: u16 = 2;
pub(super) const IFLA_MACVLAN_MODE: u16 = 1;
/// Of `IFLA_EXT_MASK`: leave the packet counters out of dumps.
pub(super) const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

// Addresses.
pub(super) const IFA_ADDRESS: u16 = 1;
pub(super) const IFA_LOCAL: u16 = 2;
pub(super) const IFA_LABEL: u16 = 3;
pub(super) const IFA_BROADCAST: u16 = 4;
pub(super) const IFA_CACHEINFO: u16 = 6;
pub(super) const IFA_FLAGS: u16 = 8;
pub(super) const IFA_PROTO: u16 = 11;
pub(super) const IFA_F_SECONDARY: u32 = 0x01;
pub(super) const IFA_F_NODAD: u32 = 0x02;
pub(super) const IFA_F_DADFAILED: u32 = 0x08;
pub(super) const IFA_F_HOMEADDRESS: u32 = 0x10;
pub(super) const IFA_F_DEPRECATED: u32 = 0x20;
pub(super) const IFA_F_TENTATIVE: u32 = 0x40;
pub(super) const IFA_F_MANAGETEMPADDR: u32 = 0x100;
pub(super) const IFA_F_NOPREFIXROUTE: u32 = 0x200;
pub(super) const IFA_F_MCAUTOJOIN: u32 = 0x400;
