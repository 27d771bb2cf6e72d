//! The services that IPVS should have, derived from the configuration and the state of the checkers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::marks::families;
use super::service::{Destination, DestinationKey, Service, ServiceKey, Wanted, flags};
use crate::check::rows::{RealServer, VirtualServerId};
use crate::check::tables::Tables;
use crate::config::lvs::{Endpoint, GroupEntry, Method, Protocol, VirtualServer};
use crate::config::model::Family;

/// The services of a virtual server: one, or one for each address and mark of its group, in the group's order; with
/// `nftables_ipvs` one for all addresses. Empty for an unknown id.
pub fn service_keys(tables: &Tables, id: VirtualServerId) -> Vec<ServiceKey> {
    let Some(row) = tables.virtual_servers.get(&id) else { return Vec::new() };
    let protocol = number(row.config.protocol.unwrap_or(Protocol::Udp));
    let address = |to: SocketAddr| ServiceKey::Address { protocol, ip: to.ip(), port: to.port() };
    match &row.config.endpoint {
        Endpoint::Address(to) => vec![address(*to)],
        Endpoint::FwMark(mark, family) => vec![ServiceKey::FwMark { mark: *mark, family: *family }],
        Endpoint::Group(_) => {
            let mut keys = Vec::new();
            let mark = tables.mark_of(row);
            if let Some(mark) = mark {
                keys.extend(families(tables, row).into_iter().map(|family| ServiceKey::FwMark { mark, family }));
            }
            for entry in tables.members_of(row) {
                match entry {
                    GroupEntry::Address(_) | GroupEntry::Range(..) if mark.is_some() => {}
                    GroupEntry::Address(to) => keys.push(address(to)),
                    GroupEntry::FwMark(mark, family) => {
                        keys.push(ServiceKey::FwMark { mark, family: family.unwrap_or(row.family) });
                    }
                    GroupEntry::Range(first, last, port) => {
                        keys.extend(addresses(first, last).map(|ip| address(SocketAddr::new(ip, port))));
                    }
                }
            }
            keys
        }
    }
}

/// A service with the settings of the first of its virtual servers, and with the destinations of all: groups may overlap.
/// `None` without a virtual server.
pub fn wanted(tables: &Tables, key: ServiceKey, of: &[VirtualServerId]) -> Option<Wanted> {
    let mut rows = of.iter().filter_map(|id| tables.virtual_servers.get(id));
    Some(Wanted { service: service(&rows.next()?.config, key), destinations: destinations(tables, &key, of) })
}

/// The destinations of a service, in the order of the configuration. Different real servers may be the same destination, such as a sorry server that is also a
/// real server; the first one that is in use counts.
fn destinations(tables: &Tables, key: &ServiceKey, of: &[VirtualServerId]) -> Vec<Destination> {
    let mut destinations: Vec<Destination> = Vec::new();
    let mut places: BTreeMap<DestinationKey, usize> = BTreeMap::new();
    for row in of.iter().flat_map(|id| in_order(tables, *id)) {
        let Some(weight) = row.wanted else { continue };
        let (upper, lower) = row.regular().map_or((0, 0), |server| (server.upper_threshold, server.lower_threshold));
        let wanted = destination(key, row.address(), row.method(), weight, upper, lower);
        let place = *places.entry(wanted.key).or_insert(destinations.len());
        match destinations.get_mut(place) {
            None => destinations.push(wanted),
            Some(other) if other.weight == 0 => *other = wanted,
            Some(_) => {}
        }
    }
    destinations
}

/// The real servers of a virtual server in the order of the configuration. At a reload it may differ from that of the indices.
fn in_order(tables: &Tables, id: VirtualServerId) -> Vec<&RealServer> {
    let mut rows: Vec<&RealServer> = tables.real_servers.of(&id).map(|(_, row)| row).collect();
    rows.sort_by_key(|row| row.place);
    rows
}

/// The key of a real server in a service.
pub fn destination_key(of: &ServiceKey, server: &RealServer) -> DestinationKey {
    key_in(of, server.address(), server.method())
}

/// With direct routing and tunnels the port is that of the service (0 for a firewall mark), as they do not change it.
fn key_in(of: &ServiceKey, address: SocketAddr, method: Method) -> DestinationKey {
    let port = match method {
        Method::Nat => address.port(),
        Method::Dr | Method::Tun(_) => of.port(),
    };
    DestinationKey { ip: address.ip(), port }
}

/// A destination of a service, from an address and its settings. A `weight` above the kernel's limit is set to the limit.
pub fn destination(
    of: &ServiceKey,
    address: SocketAddr,
    method: Method,
    weight: u32,
    upper_threshold: u32,
    lower_threshold: u32,
) -> Destination {
    Destination {
        key: key_in(of, address, method),
        forwarding: method.into(),
        weight: i32::try_from(weight).unwrap_or(i32::MAX),
        upper_threshold,
        lower_threshold,
    }
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

/// The IP protocol number.
fn number(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

/// A service of a virtual server, with its scheduler, flags and persistence.
pub fn service(server: &VirtualServer, key: ServiceKey) -> Service {
    let mut set = 0;
    if server.persistence.is_some() {
        set |= flags::PERSISTENT;
    }
    if server.one_packet {
        set |= flags::ONE_PACKET;
    }
    for (chosen, flag) in server.scheduler_flags.into_iter().zip(flags::SCHEDULER) {
        if chosen {
            set |= flag;
        }
    }
    Service {
        key,
        scheduler: server.scheduler.name().to_owned(),
        flags: set,
        timeout: server.persistence.unwrap_or(0),
        netmask: netmask(key.family(), server.granularity),
        engine: server.persistence_engine.clone(),
    }
}

/// Converts a prefix length to the kernel's persistence granularity; `None`: the whole address.
fn netmask(family: Family, prefix: Option<u8>) -> u32 {
    match family {
        Family::V4 => {
            let host_bits = 32u32.saturating_sub(prefix.map_or(32, u32::from));
            u32::MAX.checked_shl(host_bits).unwrap_or(0)
        }
        Family::V6 => prefix.map_or(128, u32::from),
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

    #[test]
    fn granularity_is_converted_to_the_kernels_form() {
        let cases = [(None, u32::MAX), (Some(32), u32::MAX), (Some(24), 0xffff_ff00), (Some(1), 1 << 31), (Some(0), 0)];
        for (prefix, mask) in cases {
            assert_eq!(netmask(Family::V4, prefix), mask, "{prefix:?}");
        }
        assert_eq!((netmask(Family::V6, None), netmask(Family::V6, Some(64))), (128, 64));
    }
}
