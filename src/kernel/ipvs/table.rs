//! Rows of the kernel's IPVS table: services, destinations, statistics, synchronisation threads, time-outs.

use std::collections::BTreeMap;
use std::net::IpAddr;

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

/// Counters and rates of a service or destination since it was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Packets to clients, if they pass through this host (masquerading).
    pub packets_out: u64,
    /// Octets from clients.
    pub octets_in: u64,
    /// Octets to clients.
    pub octets_out: u64,
    /// Connections per second.
    pub connection_rate: u64,
    /// Packets from clients per second.
    pub packet_rate_in: u64,
    /// Packets to clients per second.
    pub packet_rate_out: u64,
    /// Octets from clients per second.
    pub octet_rate_in: u64,
    /// Octets to clients per second.
    pub octet_rate_out: u64,
}

/// A destination in the kernel's table or in a wanted table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRow {
    /// Settings.
    pub destination: Destination,
    /// Statistics.
    pub stats: Stats,
    /// Active connections.
    pub active: u32,
    /// Inactive connections.
    pub inactive: u32,
    /// Persistent connections (templates).
    pub persistent: u32,
}

impl From<Destination> for DestinationRow {
    /// A row without statistics, for a wanted table.
    fn from(destination: Destination) -> DestinationRow {
        DestinationRow { destination, stats: Stats::default(), active: 0, inactive: 0, persistent: 0 }
    }
}

/// A service in the kernel's table or in a wanted table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// Settings.
    pub service: Service,
    /// Statistics.
    pub stats: Stats,
    /// Destinations.
    pub destinations: BTreeMap<DestinationKey, DestinationRow>,
}

impl From<Service> for ServiceRow {
    /// A row without statistics and destinations, for a wanted table.
    fn from(service: Service) -> ServiceRow {
        ServiceRow { service, stats: Stats::default(), destinations: BTreeMap::new() }
    }
}

impl ServiceRow {
    /// Adds a destination, or replaces the one with the same key.
    pub fn insert(&mut self, destination: Destination) {
        self.destinations.insert(destination.key, destination.into());
    }
}

/// Role in the connection synchronisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncRole {
    /// Sends its connections to backups.
    Master,
    /// Receives the connections of masters.
    Backup,
}

/// A synchronisation thread of the kernel. `None` in a request: the kernel's default, which a dump then shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncThread {
    /// Role.
    pub role: SyncRole,
    /// Name of the interface, at most 15 octets.
    pub interface: String,
    /// Sync ID: a backup accepts messages of masters with the same ID; with 0, of all.
    pub id: u8,
    /// Largest message in octets.
    pub max_len: Option<u16>,
    /// UDP port; the kernel's default is 8848.
    pub port: Option<u16>,
    /// TTL of multicast packets; the kernel's default is 1.
    pub ttl: Option<u8>,
    /// Multicast group; the kernel's default is 224.0.0.81.
    pub group: Option<IpAddr>,
}

/// Time-outs of connections in seconds; 0 in a request: unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Idle TCP sessions.
    pub tcp: u32,
    /// TCP sessions after FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}

/// The whole IPVS table at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Services.
    pub services: BTreeMap<ServiceKey, ServiceRow>,
    /// Running synchronisation threads.
    pub sync: Vec<SyncThread>,
    /// Time-outs in force.
    pub timeouts: Timeouts,
}
