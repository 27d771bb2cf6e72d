//! Rows of the wanted table, from the state of the checkers and the configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::table::{Destination, DestinationKey, Service, ServiceKey, ServiceRow, SyncRole, SyncThread, flags};
use crate::check::{self, VirtualServerId};
use crate::config::lvs::{Method, Protocol, SyncDaemon, VirtualServer};
use crate::config::model::Family;

/// The wanted services of a virtual server, each with its destinations.
pub fn rows(tables: &check::Tables, id: VirtualServerId) -> BTreeMap<ServiceKey, ServiceRow> {
    let (services, destinations) = check::wanted(tables, id);
    let row = |wanted: check::Service<'_>| {
        let key = ServiceKey::from(wanted.key);
        let mut row = ServiceRow::from(service(wanted.config, key));
        for to in &destinations {
            row.insert(destination(&key, to.address, to.method, to.weight, to.upper_threshold, to.lower_threshold));
        }
        (key, row)
    };
    services.into_iter().map(row).collect()
}

impl From<check::ServiceKey> for ServiceKey {
    fn from(key: check::ServiceKey) -> ServiceKey {
        match key {
            check::ServiceKey::Address(to, protocol) => {
                ServiceKey::Address { protocol: number(protocol), ip: to.ip(), port: to.port() }
            }
            check::ServiceKey::FwMark(mark, family) => ServiceKey::FwMark { mark, family },
        }
    }
}

/// A destination of a service, from an address and its settings. A `weight` above the kernel's limit is set to the limit.
///
/// With direct routing and tunnels the port is that of the service (0 for a firewall mark), as they do not change it.
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
    fn granularity_is_converted_to_the_kernels_form() {
        let cases = [(None, u32::MAX), (Some(32), u32::MAX), (Some(24), 0xffff_ff00), (Some(1), 1 << 31), (Some(0), 0)];
        for (prefix, mask) in cases {
            assert_eq!(netmask(Family::V4, prefix), mask, "{prefix:?}");
        }
        assert_eq!((netmask(Family::V6, None), netmask(Family::V6, Some(64))), (128, 64));
    }
}
