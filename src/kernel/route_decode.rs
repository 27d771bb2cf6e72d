//! Decodes `RTM_NEWROUTE` and `RTM_DELROUTE`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::attributes::{align, attributes, ip, u16_at, u32_at};
use super::rtnetlink::{
    AF_INET, AF_INET6, RTA_DST, RTA_GATEWAY, RTA_MULTIPATH, RTA_OIF, RTA_PREFSRC, RTA_PRIORITY, RTA_SRC, RTA_TABLE,
    RTA_VIA, RTM_F_CLONED, RTMSG,
};
use crate::config::model::{Family, network};
use crate::vrrp::{HostHop, HostRoute, RouteKey};

/// The protocol of a route, which is in the fixed header: foreign routes are recognized by it alone.
pub(super) fn protocol(payload: &[u8]) -> Option<u8> {
    payload.get(5).copied()
}

/// Decodes a route. `None`: another family, or an entry of a cache.
pub(super) fn decode(payload: &[u8]) -> Option<HostRoute> {
    // struct rtmsg.
    let [family, to, from, tos, table, protocol, _scope, kind] = *payload.first_chunk()?;
    if u32_at(payload, 8)? & RTM_F_CLONED != 0 {
        return None;
    }
    let (number, family, any) = match family {
        AF_INET => (AF_INET, Family::V4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        AF_INET6 => (AF_INET6, Family::V6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        _ => return None,
    };
    let own_ip = |value| ip(number, value);
    let mut route = HostRoute {
        key: RouteKey {
            family,
            table: table.into(),
            destination: (any, to),
            from: (from > 0).then_some((any, from)),
            tos,
            metric: 0,
            protocol,
            kind,
        },
        source: None,
        hops: Vec::new(),
    };
    let mut single = HostHop { via: None, ifindex: 0 };
    for (kind, value) in attributes(payload.get(RTMSG..)?) {
        match kind {
            RTA_DST => route.key.destination = network((own_ip(value)?, to)),
            RTA_SRC if from > 0 => route.key.from = Some(network((own_ip(value)?, from))),
            RTA_TABLE => route.key.table = u32_at(value, 0)?,
            RTA_PRIORITY => route.key.metric = u32_at(value, 0)?,
            RTA_PREFSRC => route.source = own_ip(value),
            RTA_GATEWAY => single.via = own_ip(value),
            RTA_VIA => single.via = via(value),
            RTA_OIF => single.ifindex = u32_at(value, 0)?,
            RTA_MULTIPATH => route.hops = hops(value, number),
            _ => {}
        }
    }
    if route.hops.is_empty() && single != (HostHop { via: None, ifindex: 0 }) {
        route.hops.push(single);
    }
    Some(route)
}

/// The hops of `RTA_MULTIPATH`; stops at the first incomplete one.
fn hops(mut rest: &[u8], family: u8) -> Vec<HostHop> {
    // struct rtnexthop: length, flags, weight, index.
    const HEADER: usize = 8;
    let hops = std::iter::from_fn(|| {
        let length = usize::from(u16_at(rest, 0)?);
        let inner = rest.get(HEADER..length)?;
        let mut hop = HostHop { via: None, ifindex: u32_at(rest, 4)? };
        for (kind, value) in attributes(inner) {
            match kind {
                RTA_GATEWAY => hop.via = ip(family, value),
                RTA_VIA => hop.via = via(value),
                _ => {}
            }
        }
        rest = rest.get(align(length)..).unwrap_or_default();
        Some(hop)
    });
    hops.collect()
}

/// `struct rtvia`: a gateway with its family.
fn via(value: &[u8]) -> Option<IpAddr> {
    ip(u16_at(value, 0)?.try_into().ok()?, value.get(2..)?)
}
