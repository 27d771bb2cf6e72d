//! Services and destinations of IPVS: keys and settings, in the kernel's numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::config::lvs::{Method, Tunnel, TunnelChecksum};
use crate::config::model::Family;

/// Flags of a service, as in `struct ip_vs_flags`. The kernel sets `hashed` (0x2) on every service; the decoder clears it.
pub mod flags {
    /// `IP_VS_SVC_F_PERSISTENT`.
    pub const PERSISTENT: u32 = 0x1;
    /// `IP_VS_SVC_F_HASHED`.
    pub const HASHED: u32 = 0x2;
    /// `IP_VS_SVC_F_ONEPACKET`.
    pub const ONE_PACKET: u32 = 0x4;
    /// `IP_VS_SVC_F_SCHED1`..`3`: `flag-1` (`sh-fallback`, `mh-fallback`), `flag-2` (`sh-port`, `mh-port`), `flag-3`.
    pub const SCHEDULER: [u32; 3] = [0x8, 0x10, 0x20];
}

/// The key of a service in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServiceKey {
    /// Packets to an address.
    Address {
        /// IP protocol number: TCP 6, UDP 17, SCTP 132.
        protocol: u16,
        /// Virtual address.
        ip: IpAddr,
        /// Port, 0 = any.
        port: u16,
    },
    /// Packets with a firewall mark, not 0.
    FwMark {
        /// The mark.
        mark: u32,
        /// Family of the packets.
        family: Family,
    },
}

impl ServiceKey {
    /// Family of the service's packets.
    pub fn family(&self) -> Family {
        match self {
            ServiceKey::Address { ip, .. } => Family::of(*ip),
            ServiceKey::FwMark { family, .. } => *family,
        }
    }

    /// Port, 0 = any.
    pub fn port(&self) -> u16 {
        match self {
            ServiceKey::Address { port, .. } => *port,
            ServiceKey::FwMark { .. } => 0,
        }
    }
}

impl fmt::Display for ServiceKey {
    /// The name in messages: `10.0.0.1:80 TCP`, `fwmark 7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceKey::Address { protocol, ip, port } => {
                let protocol = match protocol {
                    6 => "TCP",
                    17 => "UDP",
                    _ => "SCTP",
                };
                write!(f, "{} {protocol}", SocketAddr::new(*ip, *port))
            }
            ServiceKey::FwMark { mark, family: Family::V4 } => write!(f, "fwmark {mark}"),
            ServiceKey::FwMark { mark, family: Family::V6 } => write!(f, "fwmark {mark} of IPv6"),
        }
    }
}

/// A virtual service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The key.
    pub key: ServiceKey,
    /// Name of the scheduler in the kernel, such as `wlc`.
    pub scheduler: String,
    /// [`flags`].
    pub flags: u32,
    /// Persistence time-out in seconds; 0 without persistence.
    pub timeout: u32,
    /// Granularity of persistence. IPv4: network mask as a number (255.255.255.0 is `0xffff_ff00`), IPv6: prefix length.
    pub netmask: u32,
    /// Persistence engine (`sip`).
    pub engine: Option<String>,
}

/// The key of a destination in its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationKey {
    /// Address of the real server.
    pub ip: IpAddr,
    /// Port of the real server; 0: the port of the packet.
    pub port: u16,
}

impl fmt::Display for DestinationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// A real server of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The key.
    pub key: DestinationKey,
    /// Forwarding method.
    pub forwarding: Forwarding,
    /// Weight, 0 = no new connections.
    pub weight: i32,
    /// Number of connections from which it gets no new ones; 0: no limit.
    pub upper_threshold: u32,
    /// Number of connections below which it gets new ones again; 0: three quarters of the upper threshold.
    pub lower_threshold: u32,
}

/// Forwarding method of a destination in the kernel's numbers; converted from a [`Method`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// `IP_VS_CONN_F_*`: masquerading 0, local node 1, tunnel 2, direct routing 3, bypass 4.
    pub method: u32,
    /// `IP_VS_CONN_F_TUNNEL_TYPE_*`: IPIP 0, GUE 1, GRE 2.
    pub tunnel: u8,
    /// Port of GUE.
    pub tunnel_port: u16,
    /// `IP_VS_TUNNEL_ENCAP_FLAG_*`: checksum 1, remote checksum offload 2.
    pub tunnel_flags: u16,
}

impl From<Method> for Forwarding {
    fn from(method: Method) -> Forwarding {
        let plain = |method| Forwarding { method, tunnel: 0, tunnel_port: 0, tunnel_flags: 0 };
        let checksum = |checksum| match checksum {
            TunnelChecksum::None => 0,
            TunnelChecksum::Checksum => 1,
            TunnelChecksum::Remote => 2,
        };
        match method {
            Method::Nat => plain(0),
            Method::Dr => plain(3),
            Method::Tun(Tunnel::Ipip) => plain(2),
            Method::Tun(Tunnel::Gue(port, sum)) => {
                Forwarding { method: 2, tunnel: 1, tunnel_port: port, tunnel_flags: checksum(sum) }
            }
            Method::Tun(Tunnel::Gre(sum)) => {
                Forwarding { method: 2, tunnel: 2, tunnel_port: 0, tunnel_flags: checksum(sum) }
            }
        }
    }
}

/// A service that IPVS should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Settings.
    pub service: Service,
    /// Destinations in the order of the configuration, with distinct keys. They are added in this order.
    pub destinations: Vec<Destination>,
}

/// A service that IPVS has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Settings.
    pub service: Service,
    /// Destinations.
    pub destinations: BTreeMap<DestinationKey, Destination>,
}

impl From<Service> for Installed {
    /// A new service, without destinations.
    fn from(service: Service) -> Installed {
        Installed { service, destinations: BTreeMap::new() }
    }
}
