//! Encodes IPVS requests and decodes rows: attributes of generic netlink (`linux/ip_vs.h`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::check::ipvs::{
    Change, Destination, DestinationKey, DestinationRow, Forwarding, Service, ServiceKey, ServiceRow, Stats, SyncRole,
    SyncThread, Timeouts, flags,
};
use crate::config::model::Family;
use crate::kernel::attributes::{Attributes, find, text, u16_at, u32_at};
use crate::kernel::generic::{self, body};
use crate::kernel::netlink::NLM_F_DUMP;
use crate::kernel::request_socket::Request;

/// `IPVS_GENL_NAME`, and the version of the protocol.
pub(super) const FAMILY: &str = "IPVS";
const VERSION: u8 = 1;

/// `IPVS_CMD_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    NewService = 1,
    SetService = 2,
    DelService = 3,
    GetService = 4,
    NewDest = 5,
    SetDest = 6,
    DelDest = 7,
    GetDest = 8,
    NewDaemon = 9,
    DelDaemon = 10,
    GetDaemon = 11,
    SetConfig = 12,
    GetConfig = 13,
    Flush = 17,
}

// IPVS_CMD_ATTR_*
const SERVICE: u16 = 1;
const DEST: u16 = 2;
const DAEMON: u16 = 3;
const TIMEOUT_TCP: u16 = 4;
const TIMEOUT_TCP_FIN: u16 = 5;
const TIMEOUT_UDP: u16 = 6;

// IPVS_SVC_ATTR_*
const SVC_AF: u16 = 1;
const SVC_PROTOCOL: u16 = 2;
const SVC_ADDR: u16 = 3;
const SVC_PORT: u16 = 4;
const SVC_FWMARK: u16 = 5;
const SVC_SCHED_NAME: u16 = 6;
const SVC_FLAGS: u16 = 7;
const SVC_TIMEOUT: u16 = 8;
const SVC_NETMASK: u16 = 9;
const SVC_STATS: u16 = 10;
const SVC_PE_NAME: u16 = 11;
const SVC_STATS64: u16 = 12;

// IPVS_DEST_ATTR_*
const DEST_ADDR: u16 = 1;
const DEST_PORT: u16 = 2;
const DEST_FWD_METHOD: u16 = 3;
const DEST_WEIGHT: u16 = 4;
const DEST_U_THRESH: u16 = 5;
const DEST_L_THRESH: u16 = 6;
const DEST_ACTIVE_CONNS: u16 = 7;
const DEST_INACT_CONNS: u16 = 8;
const DEST_PERSIST_CONNS: u16 = 9;
const DEST_STATS: u16 = 10;
const DEST_ADDR_FAMILY: u16 = 11;
const DEST_STATS64: u16 = 12;
const DEST_TUN_TYPE: u16 = 13;
const DEST_TUN_PORT: u16 = 14;
const DEST_TUN_FLAGS: u16 = 15;

// IPVS_DAEMON_ATTR_*
const DAEMON_STATE: u16 = 1;
const DAEMON_MCAST_IFN: u16 = 2;
const DAEMON_SYNC_ID: u16 = 3;
const DAEMON_SYNC_MAXLEN: u16 = 4;
const DAEMON_MCAST_GROUP: u16 = 5;
const DAEMON_MCAST_GROUP6: u16 = 6;
const DAEMON_MCAST_PORT: u16 = 7;
const DAEMON_MCAST_TTL: u16 = 8;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Encodes a change as a request to the family with ID `family`.
pub(super) fn request(family: u16, change: &Change) -> Request {
    let with = |kind, fill: &dyn Fn(&mut Attributes)| message(family, 0, kind, fill);
    match change {
        Change::NewService(service) => with(Kind::NewService, &|out| whole_service(out, service)),
        Change::SetService(service) => with(Kind::SetService, &|out| whole_service(out, service)),
        Change::DelService(key) => with(Kind::DelService, &|out| service_key(out, key)),
        Change::NewDestination(key, destination) => with(Kind::NewDest, &|out| {
            service_key(out, key);
            whole_destination(out, destination);
        }),
        Change::SetDestination(key, destination) => with(Kind::SetDest, &|out| {
            service_key(out, key);
            whole_destination(out, destination);
        }),
        Change::DelDestination(key, destination) => with(Kind::DelDest, &|out| {
            service_key(out, key);
            out.nest(DEST, |out| destination_key(out, destination));
        }),
        Change::Flush => with(Kind::Flush, &|_| {}),
        Change::SetTimeouts(timeouts) => with(Kind::SetConfig, &|out| {
            out.put(TIMEOUT_TCP, timeouts.tcp.to_ne_bytes());
            out.put(TIMEOUT_TCP_FIN, timeouts.tcp_fin.to_ne_bytes());
            out.put(TIMEOUT_UDP, timeouts.udp.to_ne_bytes());
        }),
        Change::StartSync(sync) => with(Kind::NewDaemon, &|out| daemon(out, sync)),
        Change::StopSync(role) => with(Kind::DelDaemon, &|out| {
            out.nest(DAEMON, |out| out.put(DAEMON_STATE, state(*role).to_ne_bytes()));
        }),
    }
}

/// Encodes a dump request; for destinations, `of` is their service.
pub(super) fn dump(family: u16, kind: Kind, of: Option<&ServiceKey>) -> Request {
    message(family, NLM_F_DUMP, kind, |out| of.into_iter().for_each(|key| service_key(out, key)))
}

/// Encodes a request for the time-outs; the answer is one message.
pub(super) fn get_timeouts(family: u16) -> Request {
    message(family, 0, Kind::GetConfig, |_| {})
}

/// Decodes a service of a dump.
pub(super) fn service(payload: &[u8]) -> Option<ServiceRow> {
    let row = find(body(payload), SERVICE)?;
    let family = family_of(u16_in(row, SVC_AF)?)?;
    let key = match find(row, SVC_FWMARK) {
        Some(mark) => ServiceKey::FwMark { mark: u32_at(mark, 0)?, family },
        None => ServiceKey::Address {
            protocol: u16_in(row, SVC_PROTOCOL)?,
            ip: ip(family, find(row, SVC_ADDR)?)?,
            port: u16::from_be(u16_in(row, SVC_PORT)?),
        },
    };
    let netmask = u32_in(row, SVC_NETMASK)?;
    let service = Service {
        key,
        scheduler: text(find(row, SVC_SCHED_NAME)?),
        flags: find(row, SVC_FLAGS).and_then(|flags| u32_at(flags, 0))? & !flags::HASHED,
        timeout: u32_in(row, SVC_TIMEOUT)?,
        netmask: if family == Family::V4 { u32::from_be(netmask) } else { netmask },
        engine: find(row, SVC_PE_NAME).map(text).filter(|name| !name.is_empty()),
    };
    Some(ServiceRow { stats: stats(row, SVC_STATS64, SVC_STATS), ..service.into() })
}

/// Decodes a destination of a dump. `family` is that of the service, for kernels before 3.18, which do not send it.
pub(super) fn destination(payload: &[u8], family: Family) -> Option<DestinationRow> {
    let row = find(body(payload), DEST)?;
    let family = u16_in(row, DEST_ADDR_FAMILY).map_or(Some(family), family_of)?;
    let count = |kind| u32_in(row, kind).unwrap_or(0);
    Some(DestinationRow {
        destination: Destination {
            key: DestinationKey { ip: ip(family, find(row, DEST_ADDR)?)?, port: u16::from_be(u16_in(row, DEST_PORT)?) },
            forwarding: Forwarding {
                method: u32_in(row, DEST_FWD_METHOD)?,
                // Kernels before 5.3 support IPIP only.
                tunnel: find(row, DEST_TUN_TYPE).and_then(|tunnel| tunnel.first().copied()).unwrap_or(0),
                tunnel_port: u16_in(row, DEST_TUN_PORT).map_or(0, u16::from_be),
                tunnel_flags: u16_in(row, DEST_TUN_FLAGS).unwrap_or(0),
            },
            weight: u32_in(row, DEST_WEIGHT)?.cast_signed(),
            upper_threshold: count(DEST_U_THRESH),
            lower_threshold: count(DEST_L_THRESH),
        },
        stats: stats(row, DEST_STATS64, DEST_STATS),
        active: count(DEST_ACTIVE_CONNS),
        inactive: count(DEST_INACT_CONNS),
        persistent: count(DEST_PERSIST_CONNS),
    })
}

/// Decodes a synchronisation thread of a dump.
pub(super) fn sync(payload: &[u8]) -> Option<SyncThread> {
    let row = find(body(payload), DAEMON)?;
    let group4 = find(row, DAEMON_MCAST_GROUP).and_then(|group| ip(Family::V4, group));
    let group6 = find(row, DAEMON_MCAST_GROUP6).and_then(|group| ip(Family::V6, group));
    Some(SyncThread {
        role: match u32_in(row, DAEMON_STATE)? {
            1 => SyncRole::Master,
            2 => SyncRole::Backup,
            _ => return None,
        },
        interface: text(find(row, DAEMON_MCAST_IFN)?),
        id: u32_in(row, DAEMON_SYNC_ID)?.try_into().ok()?,
        max_len: u16_in(row, DAEMON_SYNC_MAXLEN),
        port: u16_in(row, DAEMON_MCAST_PORT),
        ttl: find(row, DAEMON_MCAST_TTL).and_then(|ttl| ttl.first().copied()),
        group: group4.or(group6),
    })
}

/// Decodes the answer to [`get_timeouts`].
pub(super) fn timeouts(payload: &[u8]) -> Option<Timeouts> {
    let row = body(payload);
    Some(Timeouts {
        tcp: u32_in(row, TIMEOUT_TCP)?,
        tcp_fin: u32_in(row, TIMEOUT_TCP_FIN)?,
        udp: u32_in(row, TIMEOUT_UDP)?,
    })
}

fn service_key(out: &mut Attributes, key: &ServiceKey) {
    out.nest(SERVICE, |out| in_service(out, key));
}

fn in_service(out: &mut Attributes, key: &ServiceKey) {
    out.put(SVC_AF, family_number(key.family()).to_ne_bytes());
    match key {
        ServiceKey::Address { protocol, ip, port } => {
            out.put(SVC_PROTOCOL, protocol.to_ne_bytes());
            out.put_ip(SVC_ADDR, *ip);
            out.put(SVC_PORT, port.to_be_bytes());
        }
        ServiceKey::FwMark { mark, .. } => out.put(SVC_FWMARK, mark.to_ne_bytes()),
    }
}

fn whole_service(out: &mut Attributes, service: &Service) {
    let family = service.key.family();
    let netmask = if family == Family::V4 { service.netmask.to_be() } else { service.netmask };
    out.nest(SERVICE, |out| {
        in_service(out, &service.key);
        out.put_text(SVC_SCHED_NAME, &service.scheduler);
        // struct ip_vs_flags: the flags and their mask.
        out.put(SVC_FLAGS, both(service.flags, u32::MAX));
        out.put(SVC_TIMEOUT, service.timeout.to_ne_bytes());
        out.put(SVC_NETMASK, netmask.to_ne_bytes());
        if let Some(engine) = &service.engine {
            out.put_text(SVC_PE_NAME, engine);
        }
    });
}

/// Two numbers in one attribute.
fn both(first: u32, second: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
    [a, b, c, d, e, f, g, h]
}

fn destination_key(out: &mut Attributes, key: &DestinationKey) {
    out.put(DEST_ADDR_FAMILY, family_number(Family::of(key.ip)).to_ne_bytes());
    out.put_ip(DEST_ADDR, key.ip);
    out.put(DEST_PORT, key.port.to_be_bytes());
}

fn whole_destination(out: &mut Attributes, destination: &Destination) {
    let forwarding = destination.forwarding;
    out.nest(DEST, |out| {
        destination_key(out, &destination.key);
        out.put(DEST_FWD_METHOD, forwarding.method.to_ne_bytes());
        out.put(DEST_WEIGHT, destination.weight.to_ne_bytes());
        out.put(DEST_U_THRESH, destination.upper_threshold.to_ne_bytes());
        out.put(DEST_L_THRESH, destination.lower_threshold.to_ne_bytes());
        out.put(DEST_TUN_TYPE, [forwarding.tunnel]);
        out.put(DEST_TUN_PORT, forwarding.tunnel_port.to_be_bytes());
        out.put(DEST_TUN_FLAGS, forwarding.tunnel_flags.to_ne_bytes());
    });
}

fn daemon(out: &mut Attributes, sync: &SyncThread) {
    out.nest(DAEMON, |out| {
        out.put(DAEMON_STATE, state(sync.role).to_ne_bytes());
        out.put_text(DAEMON_MCAST_IFN, &sync.interface);
        out.put(DAEMON_SYNC_ID, u32::from(sync.id).to_ne_bytes());
        if let Some(max_len) = sync.max_len {
            out.put(DAEMON_SYNC_MAXLEN, max_len.to_ne_bytes());
        }
        if let Some(group) = sync.group {
            let kind = if group.is_ipv4() { DAEMON_MCAST_GROUP } else { DAEMON_MCAST_GROUP6 };
            out.put_ip(kind, group);
        }
        if let Some(port) = sync.port {
            out.put(DAEMON_MCAST_PORT, port.to_ne_bytes());
        }
        if let Some(ttl) = sync.ttl {
            out.put(DAEMON_MCAST_TTL, [ttl]);
        }
    });
}

/// `IP_VS_STATE_*`.
fn state(role: SyncRole) -> u32 {
    match role {
        SyncRole::Master => 1,
        SyncRole::Backup => 2,
    }
}

fn family_number(family: Family) -> u16 {
    if family == Family::V4 { AF_INET } else { AF_INET6 }
}

fn family_of(number: u16) -> Option<Family> {
    match number {
        AF_INET => Some(Family::V4),
        AF_INET6 => Some(Family::V6),
        _ => None,
    }
}

/// Decodes an address from the start of a union `nf_inet_addr`.
fn ip(family: Family, bytes: &[u8]) -> Option<IpAddr> {
    Some(match family {
        Family::V4 => Ipv4Addr::from(*bytes.first_chunk::<4>()?).into(),
        Family::V6 => Ipv6Addr::from(*bytes.first_chunk::<16>()?).into(),
    })
}

/// Decodes 64-bit statistics, or those of kernels before 4.1: 32 bits, except for the octets.
fn stats(row: &[u8], wide: u16, narrow: u16) -> Stats {
    let values = find(row, wide).or_else(|| find(row, narrow)).unwrap_or_default();
    let value = |kind| {
        let value = find(values, kind)?;
        value.first_chunk().map(|wide| u64::from_ne_bytes(*wide)).or_else(|| u32_at(value, 0).map(u64::from))
    };
    let value = |kind| value(kind).unwrap_or(0);
    // IPVS_STATS_ATTR_*
    Stats {
        connections: value(1),
        packets_in: value(2),
        packets_out: value(3),
        octets_in: value(4),
        octets_out: value(5),
        connection_rate: value(6),
        packet_rate_in: value(7),
        packet_rate_out: value(8),
        octet_rate_in: value(9),
        octet_rate_out: value(10),
    }
}

fn u16_in(row: &[u8], kind: u16) -> Option<u16> {
    u16_at(find(row, kind)?, 0)
}

fn u32_in(row: &[u8], kind: u16) -> Option<u32> {
    u32_at(find(row, kind)?, 0)
}

fn message(family: u16, flags: u16, command: Kind, fill: impl FnOnce(&mut Attributes)) -> Request {
    let mut payload = generic::command(command as u8, VERSION);
    fill(&mut payload);
    Request { kind: family, flags, payload }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The payload of an encoded request. The kernel's rows have the same attributes.
    fn payload(change: &Change) -> Vec<u8> {
        request(30, change).payload.octets().to_vec()
    }

    fn any_ip() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|ip| Ipv4Addr::from(ip).into()),
            any::<u128>().prop_map(|ip| Ipv6Addr::from(ip).into())
        ]
    }

    proptest! {
        #[test]
        fn encoded_services_are_decoded_unchanged(
            (ip, protocol, port) in (any_ip(), 1u16..256, any::<u16>()),
            mark in prop::option::of(1u32..),
            (timeout, netmask, bits) in any::<(u32, u32, u32)>(),
            engine in prop::option::of("[a-z]{1,15}"),
            scheduler in "[a-z]{1,15}",
        ) {
            let key = match mark {
                Some(mark) => ServiceKey::FwMark { mark, family: Family::of(ip) },
                None => ServiceKey::Address { protocol, ip, port },
            };
            let wanted = Service { key, scheduler, flags: bits & !flags::HASHED, timeout, netmask, engine };
            let read = service(&payload(&Change::NewService(wanted.clone())));
            prop_assert_eq!(read, Some(wanted.into()));
        }

        #[test]
        fn encoded_destinations_are_decoded_unchanged(
            (ip, port, weight) in (any_ip(), any::<u16>(), any::<i32>()),
            (upper_threshold, lower_threshold, method) in any::<(u32, u32, u32)>(),
            (tunnel, tunnel_port, tunnel_flags) in any::<(u8, u16, u16)>(),
        ) {
            let key = ServiceKey::FwMark { mark: 1, family: Family::V6 };
            let wanted = Destination {
                key: DestinationKey { ip, port },
                forwarding: Forwarding { method, tunnel, tunnel_port, tunnel_flags },
                weight,
                upper_threshold,
                lower_threshold,
            };
            let read = destination(&payload(&Change::SetDestination(key, wanted.clone())), Family::V4);
            prop_assert_eq!(read, Some(wanted.into()));
        }

        /// No bytes make a decoder panic.
        #[test]
        fn any_bytes_are_decoded(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
            let mut bytes = bytes;
            let key = ServiceKey::FwMark { mark: 1, family: Family::V4 };
            bytes.extend(payload(&Change::DelService(key)));
            bytes.truncate(cut.index(bytes.len()));
            let _ = (service(&bytes), destination(&bytes, Family::V4), sync(&bytes), timeouts(&bytes));
        }
    }

    #[test]
    fn statistics_with_64_bits_are_preferred() {
        let values = |out: &mut Attributes| {
            for kind in 1..=10 {
                match kind {
                    4..=5 => out.put(kind, u64::from(kind).to_ne_bytes()),
                    _ => out.put(kind, u32::from(kind).to_ne_bytes()),
                }
            }
        };
        let read = |row: Attributes| stats(row.octets(), SVC_STATS64, SVC_STATS);
        let mut row = Attributes::default();
        row.nest(SVC_STATS, values);
        let narrow = read(row);
        assert_eq!((narrow.connections, narrow.octets_in, narrow.octets_out, narrow.octet_rate_out), (1, 4, 5, 10));
        let mut both = Attributes::default();
        both.nest(SVC_STATS, |_| {});
        both.nest(SVC_STATS64, |out| (1..=10).for_each(|kind| out.put(kind, u64::from(kind).to_ne_bytes())));
        assert_eq!(read(both), narrow);
    }
}
