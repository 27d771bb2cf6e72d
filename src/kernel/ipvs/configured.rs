//! Rows of the table from the configuration of virtual servers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::table::{Destination, DestinationKey, Service, ServiceKey, SyncRole, SyncThread, flags};
use crate::config::lvs::{Endpoint, GroupEntry, Method, Protocol, SyncDaemon, VirtualServer, VirtualServerGroup};
use crate::config::model::Family;

/// The services of a virtual server: one, or one for each address and mark of its group, in configured order.
pub fn services(server: &VirtualServer, groups: &[VirtualServerGroup]) -> Vec<Service> {
    keys(server, groups).into_iter().map(|key| service(server, key)).collect()
}

/// What the services of a virtual server are known by, in configured order, each once.
pub fn keys(server: &VirtualServer, groups: &[VirtualServerGroup]) -> Vec<ServiceKey> {
    // Only marks come without a protocol.
    let protocol = number(server.protocol.unwrap_or(Protocol::Tcp));
    let address = |ip, port| ServiceKey::Address { protocol, ip, port };
    match &server.endpoint {
        Endpoint::Address(to) => vec![address(to.ip(), to.port())],
        Endpoint::FwMark(mark, family) => vec![ServiceKey::FwMark { mark: *mark, family: *family }],
        Endpoint::Group(name) => {
            let of_group = server.family(groups);
            let mut keys = Vec::new();
            for entry in groups.iter().filter(|group| &group.name == name).flat_map(|group| &group.entries) {
                match *entry {
                    GroupEntry::Address(to) => keys.push(address(to.ip(), to.port())),
                    GroupEntry::Range(first, last, port) => keys.extend(range(first, last).map(|ip| address(ip, port))),
                    GroupEntry::FwMark(mark, family) => {
                        keys.push(ServiceKey::FwMark { mark, family: family.unwrap_or(of_group) });
                    }
                }
            }
            let mut seen = BTreeSet::new();
            keys.retain(|key| seen.insert(*key));
            keys
        }
    }
}

/// A destination of a service from an address and its settings; `weight` beyond what the kernel takes is its most.
///
/// Direct routing and tunnels do not touch the port, so there it is that of the service: 0 with a mark.
pub fn destination(
    of: &ServiceKey,
    address: SocketAddr,
    method: Method,
    weight: u32,
    upper_threshold: u32,
    lower_threshold: u32,
) -> Destination {
    let port = match method {
        Method::Nat => address.port(),
        Method::Dr | Method::Tun(_) => of.port(),
    };
    Destination {
        key: DestinationKey { ip: address.ip(), port },
        forwarding: method.into(),
        weight: i32::try_from(weight).unwrap_or(i32::MAX),
        upper_threshold,
        lower_threshold,
    }
}

/// The synchronisation thread of one role.
pub fn sync(daemon: &SyncDaemon, role: SyncRole) -> SyncThread {
    SyncThread {
        role,
        interface: daemon.interface.clone(),
        id: daemon.id,
        max_len: daemon.max_len,
        port: daemon.port,
        ttl: daemon.ttl,
        group: daemon.group,
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

/// A prefix length as the kernel's granularity of persistence; `None` is the whole address.
fn netmask(family: Family, prefix: Option<u8>) -> u32 {
    match family {
        Family::V4 => {
            let host_bits = 32u32.saturating_sub(prefix.map_or(32, u32::from));
            u32::MAX.checked_shl(host_bits).unwrap_or(0)
        }
        Family::V6 => prefix.map_or(128, u32::from),
    }
}

/// The addresses from first to last; none when they are of two families.
fn range(first: IpAddr, last: IpAddr) -> Box<dyn Iterator<Item = IpAddr>> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Box::new((u32::from(first)..=u32::from(last)).map(|ip| Ipv4Addr::from(ip).into()))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Box::new((u128::from(first)..=u128::from(last)).map(|ip| Ipv6Addr::from(ip).into()))
        }
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn granularity_as_the_kernel_wants_it() {
        let cases = [(None, u32::MAX), (Some(32), u32::MAX), (Some(24), 0xffff_ff00), (Some(1), 1 << 31), (Some(0), 0)];
        for (prefix, mask) in cases {
            assert_eq!(netmask(Family::V4, prefix), mask, "{prefix:?}");
        }
        assert_eq!((netmask(Family::V6, None), netmask(Family::V6, Some(64))), (128, 64));
    }

    #[test]
    fn ranges_have_both_ends() {
        let addresses = |first: &str, last: &str| -> Vec<String> {
            range(first.parse().unwrap(), last.parse().unwrap()).map(|ip| ip.to_string()).collect()
        };
        assert_eq!(addresses("10.0.0.254", "10.0.1.1"), ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]);
        assert_eq!(addresses("255.255.255.255", "255.255.255.255"), ["255.255.255.255"]);
        assert_eq!(addresses("fd00::ffff", "fd00::1:0"), ["fd00::ffff", "fd00::1:0"]);
        assert!(addresses("10.0.0.2", "10.0.0.1").is_empty() && addresses("10.0.0.1", "fd00::1").is_empty());
    }
}
