//! Configurations of the labs: one keepalived.conf per protocol variant, and one with many instances.

use std::net::IpAddr;
use std::time::Duration;

/// The variants of VRRP with which every scenario is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Version 2 without authentication, 1 s.
    V2,
    /// Version 2 with a simple password, 1 s.
    V2Pass,
    /// Version 2 with an authentication header, 1 s.
    V2Ah,
    /// Version 3 over IPv4, checksum with pseudo header (RFC 5798), 0.1 s.
    V3,
    /// Version 3 over IPv4, checksum over the VRRP part alone (RFC 9568), 0.1 s.
    V3Rfc9568,
    /// Version 3 over IPv6, 0.1 s.
    V3Ip6,
    /// As [`Protocol::V2Ah`], to a unicast peer.
    V2AhUnicast,
    /// As [`Protocol::V3`], to a unicast peer.
    V3Unicast,
    /// As [`Protocol::V3Ip6`], to a unicast peer's global address.
    V3Ip6Unicast,
    /// Two instances of version 3 over IPv4 in a sync group, 0.1 s.
    SyncGroup,
}

/// The virtual router of every scenario.
pub const VRID: u8 = 51;
/// The second member of [`Protocol::SyncGroup`].
pub const SECOND_VRID: u8 = 52;
/// The password of [`Protocol::V2Pass`] and [`Protocol::V2Ah`].
pub const PASSWORD: &[u8; 8] = b"k33p4l1v";

impl Protocol {
    /// VRRP version, 2 or 3.
    pub fn version(self) -> u8 {
        if matches!(self, Self::V2 | Self::V2Pass) || self.is_ah() { 2 } else { 3 }
    }

    /// Whether its adverts have an authentication header.
    pub fn is_ah(self) -> bool {
        matches!(self, Self::V2Ah | Self::V2AhUnicast)
    }

    fn is_ip6(self) -> bool {
        matches!(self, Self::V3Ip6 | Self::V3Ip6Unicast)
    }

    /// Destination of adverts to router `number`: its own address, or the group.
    pub fn destination(self, number: usize) -> IpAddr {
        let address = match self {
            Self::V2AhUnicast | Self::V3Unicast => format!("10.9.0.{number}"),
            Self::V3Ip6Unicast => format!("fd09::{number}"),
            Self::V3Ip6 => "ff02::12".into(),
            _ => "224.0.0.18".into(),
        };
        address.parse().expect("an address")
    }

    /// The advertisement interval of its configuration.
    pub fn interval(self) -> Duration {
        if self.version() == 2 { Duration::from_secs(1) } else { Duration::from_millis(100) }
    }

    /// Skew_Time of a backup of this priority (RFC 3768 section 6.1, RFC 9568 section 6.1).
    pub fn skew(self, priority: u8) -> Duration {
        self.interval() * (256 - u32::from(priority)) / 256
    }

    /// Master_Down_Interval (Active_Down_Interval) of a backup of this priority.
    pub fn master_down(self, priority: u8) -> Duration {
        3 * self.interval() + self.skew(priority)
    }

    /// The virtual routers of its configuration.
    pub fn vrids(self) -> &'static [u8] {
        if self == Self::SyncGroup { &[VRID, SECOND_VRID] } else { &[VRID] }
    }

    /// The virtual addresses of a virtual router.
    pub fn vips(self, vrid: u8) -> Vec<IpAddr> {
        let text = match self {
            _ if self.is_ip6() => vec![format!("fe80::9:{vrid}"), format!("fd09::9:{vrid}")],
            _ => vec![format!("10.9.0.{vrid}"), format!("10.99.0.{vrid}")],
        };
        text.iter().map(|address| address.parse().expect("an address")).collect()
    }

    /// All virtual addresses of its configuration.
    pub fn all_vips(self) -> Vec<IpAddr> {
        self.vrids().iter().flat_map(|&vrid| self.vips(vrid)).collect()
    }

    /// The unicast lines of the instance of router 1 or 2, with the other router as peer; none for multicast variants.
    pub fn peers(self, number: usize) -> String {
        let [own, peer] = [number, 3 - number].map(|number| self.destination(number));
        if peer.is_multicast() {
            return String::new();
        }
        // Without unicast_src_ip C keepalived uses the link-local address for sending and receiving.
        let source = if own.is_ipv6() { format!("unicast_src_ip {own}\n  ") } else { String::new() };
        format!("{source}unicast_peer {{\n    {peer}\n  }}\n  ")
    }

    /// The keepalived.conf of this variant; each instance has the `extra` lines.
    pub fn conf(self, priority: u8, extra: &str) -> String {
        let mut text = format!("global_defs {{\n  router_id lab{priority}\n");
        if self == Self::V3Rfc9568 {
            text += "  v3_checksum_as_v2\n";
        }
        text += "}\n";
        if self == Self::SyncGroup {
            text += "vrrp_sync_group G {\n  group {\n    VI_51\n    VI_52\n  }\n}\n";
        }
        for &vrid in self.vrids() {
            text += &self.instance(vrid, priority, extra);
        }
        text
    }

    fn instance(self, vrid: u8, priority: u8, extra: &str) -> String {
        let (version, interval) = (self.version(), self.interval().as_secs_f64());
        let vips: Vec<String> = self.vips(vrid).iter().map(IpAddr::to_string).collect();
        let authentication = match self {
            Self::V2Pass | Self::V2Ah | Self::V2AhUnicast => {
                let password = String::from_utf8_lossy(PASSWORD);
                let kind = if self.is_ah() { "AH" } else { "PASS" };
                format!("  authentication {{\n    auth_type {kind}\n    auth_pass {password}\n  }}\n")
            }
            _ => String::new(),
        };
        format!(
            "vrrp_instance VI_{vrid} {{\n  interface eth0\n  version {version}\n  \
             virtual_router_id {vrid}\n  priority {priority}\n  advert_int {interval}\n  {extra}\n\
             {authentication}  virtual_ipaddress {{\n    {}\n  }}\n}}\n",
            vips.join("\n    ")
        )
    }
}

/// A configuration of `instances` virtual routers (VRID from 1) of version 3 with `addresses` addresses each and traps.
/// Their addresses are 10.(100+A).VRID.1 with A from 1.
pub fn many(instances: u8, addresses: usize, priority: u8, interval: Duration) -> String {
    let mut text = format!("global_defs {{\n  router_id many{priority}\n  enable_traps\n}}\n");
    for vrid in 1..=instances {
        let vips: Vec<String> = (1..=addresses).map(|address| format!("    10.{}.{vrid}.1\n", 100 + address)).collect();
        text += &format!(
            "vrrp_instance VI_{vrid} {{\n  interface eth0\n  version 3\n  \
             virtual_router_id {vrid}\n  priority {priority}\n  advert_int {}\n  \
             virtual_ipaddress {{\n{}  }}\n}}\n",
            interval.as_secs_f64(),
            vips.concat()
        );
    }
    text
}
