//! The kernel's IPVS table as plain rows: services, their destinations, statistics, synchronisation, time-outs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::config::lvs::{Method, Tunnel, TunnelChecksum};
use crate::config::model::Family;

/// Flags of a service, as in `struct ip_vs_flags`. The kernel sets `hashed` (0x2) on every service by itself; it is
/// left out on reading.
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

/// What the kernel knows a service by.
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
        /// Of these packets.
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
    /// Its identity.
    pub key: ServiceKey,
    /// Name of the scheduler, as in the kernel: `wlc`.
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

/// What a service knows a destination by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationKey {
    /// Address of the real server.
    pub ip: IpAddr,
    /// Its port, 0 = that of the packet.
    pub port: u16,
}

/// A real server of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its identity.
    pub key: DestinationKey,
    /// How packets are sent to it.
    pub forwarding: Forwarding,
    /// Weight, 0 = no new connections.
    pub weight: i32,
    /// Connections from which it gets no more, 0 = no limit.
    pub upper_threshold: u32,
    /// Connections below which it gets some again, 0 = three quarters of the upper one.
    pub lower_threshold: u32,
}

/// How packets are sent to a destination, in the kernel's numbers; made from a [`Method`].
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

/// Counters and rates of a service or destination, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Packets to clients, as far as they pass here (masquerading).
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

/// A destination as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRow {
    /// Its settings.
    pub destination: Destination,
    /// Its traffic.
    pub stats: Stats,
    /// Connections with traffic.
    pub active: u32,
    /// Connections that end or idle.
    pub inactive: u32,
    /// Connections kept for persistence.
    pub persistent: u32,
}

impl From<Destination> for DestinationRow {
    /// A row without traffic: how a wanted table is made.
    fn from(destination: Destination) -> DestinationRow {
        DestinationRow { destination, stats: Stats::default(), active: 0, inactive: 0, persistent: 0 }
    }
}

/// A service as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// Its settings.
    pub service: Service,
    /// Its traffic.
    pub stats: Stats,
    /// Its destinations.
    pub destinations: BTreeMap<DestinationKey, DestinationRow>,
}

impl From<Service> for ServiceRow {
    /// A row without traffic and destinations: how a wanted table is made.
    fn from(service: Service) -> ServiceRow {
        ServiceRow { service, stats: Stats::default(), destinations: BTreeMap::new() }
    }
}

impl ServiceRow {
    /// Adds a destination, or takes the place of the one with the same key.
    pub fn insert(&mut self, destination: Destination) {
        self.destinations.insert(destination.key, destination.into());
    }
}

/// Half of the connection synchronisation: sends, or receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncRole {
    /// Tells of its connections.
    Master,
    /// Takes over what the master tells.
    Backup,
}

/// A synchronisation thread of the kernel. What is `None` is left to the kernel, which then shows its own choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncThread {
    /// Its half.
    pub role: SyncRole,
    /// Interface it talks through, at most 15 octets.
    pub interface: String,
    /// Identity: a backup listens to masters of its own, 0 to all.
    pub id: u8,
    /// Largest message in octets.
    pub max_len: Option<u16>,
    /// UDP port; the kernel's is 8848.
    pub port: Option<u16>,
    /// Time to live of multicast; the kernel's is 1.
    pub ttl: Option<u8>,
    /// Multicast group; the kernel's is 224.0.0.81.
    pub group: Option<IpAddr>,
}

/// Time-outs of connections in seconds; 0 in a request = leave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Idle TCP sessions.
    pub tcp: u32,
    /// TCP sessions after FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}

/// The whole of it at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Services.
    pub services: BTreeMap<ServiceKey, ServiceRow>,
    /// Synchronisation threads that run.
    pub sync: Vec<SyncThread>,
    /// Time-outs in force.
    pub timeouts: Timeouts,
}
