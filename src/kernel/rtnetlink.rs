//! Numbers of rtnetlink: message types, multicast groups, attributes (`linux/rtnetlink.h`, `linux/if_link.h`,
//! `linux/if_addr.h`, `linux/fib_rules.h`, `linux/lwtunnel.h`).

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
pub(super) const RTM_NEWROUTE: u16 = 24;
pub(super) const RTM_DELROUTE: u16 = 25;
pub(super) const RTM_GETROUTE: u16 = 26;
pub(super) const RTM_NEWRULE: u16 = 32;
pub(super) const RTM_DELRULE: u16 = 33;
pub(super) const RTM_GETRULE: u16 = 34;

// Multicast groups.
pub(super) const RTNLGRP_LINK: u32 = 1;
pub(super) const RTNLGRP_IPV4_IFADDR: u32 = 5;
pub(super) const RTNLGRP_IPV4_ROUTE: u32 = 7;
pub(super) const RTNLGRP_IPV4_RULE: u32 = 8;
pub(super) const RTNLGRP_IPV6_IFADDR: u32 = 9;
pub(super) const RTNLGRP_IPV6_ROUTE: u32 = 11;
pub(super) const RTNLGRP_IPV6_RULE: u32 = 19;

// Links.
pub(super) const IFF_UP: u32 = 1;
pub(super) const IFF_LOOPBACK: u32 = 1 << 3;
pub(super) const IFF_RUNNING: u32 = 1 << 6;
pub(super) const IFF_NOARP: u32 = 1 << 7;
pub(super) const IFF_MULTICAST: u32 = 1 << 12;
pub(super) const IFLA_ADDRESS: u16 = 1;
pub(super) const IFLA_BROADCAST: u16 = 2;
pub(super) const IFLA_IFNAME: u16 = 3;
pub(super) const IFLA_MTU: u16 = 4;
pub(super) const IFLA_LINK: u16 = 5;
pub(super) const IFLA_LINKINFO: u16 = 18;
pub(super) const IFLA_GROUP: u16 = 27;
pub(super) const IFLA_EXT_MASK: u16 = 29;
pub(super) const IFLA_INFO_KIND: u16 = 1;
pub(super) const IFLA_INFO_DATA: u16 = 2;
pub(super) const IFLA_MACVLAN_MODE: u16 = 1;
pub(super) const IFLA_IPVLAN_MODE: u16 = 1;
pub(super) const IFLA_IPVLAN_FLAGS: u16 = 2;
pub(super) const IFLA_VRF_TABLE: u16 = 1;
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

// Routes.
/// Length of `struct rtmsg`.
pub(super) const RTMSG: usize = 12;
pub(super) const RTM_F_CLONED: u32 = 0x200;
pub(super) const RTNH_F_ONLINK: u8 = 4;
pub(super) const RTA_DST: u16 = 1;
pub(super) const RTA_SRC: u16 = 2;
pub(super) const RTA_OIF: u16 = 4;
pub(super) const RTA_GATEWAY: u16 = 5;
pub(super) const RTA_PRIORITY: u16 = 6;
pub(super) const RTA_PREFSRC: u16 = 7;
pub(super) const RTA_METRICS: u16 = 8;
pub(super) const RTA_MULTIPATH: u16 = 9;
pub(super) const RTA_FLOW: u16 = 11;
pub(super) const RTA_TABLE: u16 = 15;
pub(super) const RTA_VIA: u16 = 18;
pub(super) const RTA_PREF: u16 = 20;
pub(super) const RTA_ENCAP_TYPE: u16 = 21;
pub(super) const RTA_ENCAP: u16 = 22;
pub(super) const RTA_EXPIRES: u16 = 23;
pub(super) const RTA_TTL_PROPAGATE: u16 = 26;
pub(super) const RTAX_LOCK: u16 = 1;
pub(super) const RTAX_CC_ALGO: u16 = 16;

// Tunnels of routes. `LWTUNNEL_IP6_*` has the numbers of `LWTUNNEL_IP_*`.
pub(super) const LWTUNNEL_ENCAP_MPLS: u16 = 1;
pub(super) const LWTUNNEL_ENCAP_IP: u16 = 2;
pub(super) const LWTUNNEL_ENCAP_ILA: u16 = 3;
pub(super) const LWTUNNEL_ENCAP_IP6: u16 = 4;
pub(super) const MPLS_IPTUNNEL_DST: u16 = 1;
pub(super) const ILA_ATTR_LOCATOR: u16 = 1;
pub(super) const LWTUNNEL_IP_ID: u16 = 1;
pub(super) const LWTUNNEL_IP_DST: u16 = 2;
pub(super) const LWTUNNEL_IP_SRC: u16 = 3;
pub(super) const LWTUNNEL_IP_TTL: u16 = 4;
pub(super) const LWTUNNEL_IP_TOS: u16 = 5;
pub(super) const LWTUNNEL_IP_FLAGS: u16 = 6;

// Rules.
/// Length of `struct fib_rule_hdr`.
pub(super) const FIB_RULE_HDR: usize = 12;
pub(super) const FIB_RULE_INVERT: u32 = 2;
pub(super) const FRA_DST: u16 = 1;
pub(super) const FRA_SRC: u16 = 2;
pub(super) const FRA_IIFNAME: u16 = 3;
pub(super) const FRA_GOTO: u16 = 4;
pub(super) const FRA_PRIORITY: u16 = 6;
pub(super) const FRA_FWMARK: u16 = 10;
pub(super) const FRA_FLOW: u16 = 11;
pub(super) const FRA_TUN_ID: u16 = 12;
pub(super) const FRA_SUPPRESS_IFGROUP: u16 = 13;
pub(super) const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
pub(super) const FRA_TABLE: u16 = 15;
pub(super) const FRA_FWMASK: u16 = 16;
pub(super) const FRA_OIFNAME: u16 = 17;
pub(super) const FRA_L3MDEV: u16 = 19;
pub(super) const FRA_UID_RANGE: u16 = 20;
pub(super) const FRA_PROTOCOL: u16 = 21;
pub(super) const FRA_IP_PROTO: u16 = 22;
pub(super) const FRA_SPORT_RANGE: u16 = 23;
pub(super) const FRA_DPORT_RANGE: u16 = 24;
