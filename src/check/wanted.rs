//! The desired contents of the kernel's IPVS table for a virtual server, derived from the rows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::rows::VirtualServerId;
use super::tables::Tables;
use crate::config::lvs::{self, Endpoint, GroupEntry, Method, Protocol};
use crate::config::model::Family;

/// Identity of a service in the kernel's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKey {
    /// Address, port (0 = any) and protocol.
    Address(SocketAddr, Protocol),
    /// A firewall mark.
    FwMark(u32, Family),
}

/// A service in the kernel's table.
#[derive(Clone, Debug, PartialEq)]
pub struct Service<'a> {
    /// Identity.
    pub key: ServiceKey,
    /// Scheduler, flags, persistence.
    pub config: &'a lvs::VirtualServer,
}

/// A destination of each service of a virtual server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Address and port.
    pub address: SocketAddr,
    /// Forwarding method.
    pub method: Method,
    /// 0..=2^31 - 1; 0 = no new connections.
    pub weight: u32,
    /// Number of connections from which on it gets no new connections; 0 = no limit.
    pub upper_threshold: u32,
    /// Number of connections below which it gets new connections again; 0 = no limit.
    pub lower_threshold: u32,
}

/// The services of a virtual server, and the destinations that each service has. Empty for an unknown id.
pub fn wanted(tables: &Tables, id: VirtualServerId) -> (Vec<Service<'_>>, Vec<Destination>) {
    (services(tables, id), destinations(tables, id))
}

/// The services of a virtual server: one, or one for each address and mark of its group.
pub fn services(tables: &Tables, id: VirtualServerId) -> Vec<Service<'_>> {
    let Some(row) = tables.virtual_servers.get(&id) else { return Default::default() };
    let protocol = row.config.protocol.unwrap_or(Protocol::Udp);
    let mut keys = Vec::new();
    match &row.config.endpoint {
        Endpoint::Address(address) => keys.push(ServiceKey::Address(*address, protocol)),
        Endpoint::FwMark(mark, family) => keys.push(ServiceKey::FwMark(*mark, *family)),
        Endpoint::Group(_) => {
            for entry in tables.members_of(row) {
                match entry {
                    GroupEntry::Address(address) => keys.push(ServiceKey::Address(address, protocol)),
                    GroupEntry::FwMark(mark, family) => {
                        keys.push(ServiceKey::FwMark(mark, family.unwrap_or(row.family)))
                    }
                    GroupEntry::Range(first, last, port) => keys.extend(
                        addresses(first, last).map(|ip| ServiceKey::Address(SocketAddr::new(ip, port), protocol)),
                    ),
                }
            }
        }
    }
    keys.into_iter().map(|key| Service { key, config: &row.config }).collect()
}

fn destinations(tables: &Tables, id: VirtualServerId) -> Vec<Destination> {
    let mut destinations: Vec<Destination> = Vec::new();
    for (_, row) in tables.real_servers.of(&id) {
        let Some(weight) = row.wanted else { continue };
        let address = row.address();
        let limits = row.regular().map_or((0, 0), |server| (server.upper_threshold, server.lower_threshold));
        let wanted =
            Destination { address, method: row.method(), weight, upper_threshold: limits.0, lower_threshold: limits.1 };
        // The sorry server may also be a real server. The kernel has such a destination once; the row in use counts.
        match destinations.iter_mut().find(|other| other.address == address) {
            Some(other) if other.weight == 0 => *other = wanted,
            Some(_) => {}
            None => destinations.push(wanted),
        }
    }
    destinations
}

/// The addresses from `first` to `last`, inclusive; none if their families differ.
fn addresses(first: IpAddr, last: IpAddr) -> Box<dyn Iterator<Item = IpAddr>> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Box::new((u32::from(first)..=u32::from(last)).map(|bits| Ipv4Addr::from(bits).into()))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Box::new((u128::from(first)..=u128::from(last)).map(|bits| Ipv6Addr::from(bits).into()))
        }
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_both_ends() {
        let addresses = |first: &str, last: &str| -> Vec<String> {
            addresses(first.parse().unwrap(), last.parse().unwrap()).map(|ip| ip.to_string()).collect()
        };
        assert_eq!(addresses("10.0.0.254", "10.0.1.1"), ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]);
        assert_eq!(addresses("255.255.255.255", "255.255.255.255"), ["255.255.255.255"]);
        assert_eq!(addresses("fd00::ffff", "fd00::1:0"), ["fd00::ffff", "fd00::1:0"]);
        assert!(addresses("10.0.0.2", "10.0.0.1").is_empty() && addresses("10.0.0.1", "fd00::1").is_empty());
    }
}
