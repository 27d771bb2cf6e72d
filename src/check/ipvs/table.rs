//! The kernel's IPVS table as read: services, destinations, statistics, synchronisation threads, time-outs.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::service::{Destination, DestinationKey, Installed, Service, ServiceKey};

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

/// A destination in the kernel's table.
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
    /// A row without statistics.
    fn from(destination: Destination) -> DestinationRow {
        DestinationRow { destination, stats: Stats::default(), active: 0, inactive: 0, persistent: 0 }
    }
}

/// A service in the kernel's table.
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
    /// A row without statistics and destinations.
    fn from(service: Service) -> ServiceRow {
        ServiceRow { service, stats: Stats::default(), destinations: BTreeMap::new() }
    }
}

impl From<&ServiceRow> for Installed {
    /// The row without statistics.
    fn from(row: &ServiceRow) -> Installed {
        let destinations = row.destinations.iter().map(|(key, row)| (*key, row.destination.clone())).collect();
        Installed { service: row.service.clone(), destinations }
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
