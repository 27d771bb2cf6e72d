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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::netlink::Refusal;
    use super::super::route::RouteRequest;
    use super::super::route_encode::encode;
    use super::*;
    use crate::config::model::{NextHop, Route, RouteKind};
    use crate::state::Op;
    use crate::vrrp::RouteDevices;

    /// The payload of a request, which has the form of the kernel's notifications.
    fn encoded(route: &Route, devices: &RouteDevices) -> Result<Vec<u8>, Refusal> {
        let request = RouteRequest { token: 0, op: Op::Add, route: route.clone(), devices: devices.clone() };
        encode(&request).map(|request| request.payload.octets().to_vec())
    }

    fn net(text: &str) -> (IpAddr, u8) {
        let (ip, prefix) = text.split_once('/').unwrap();
        (ip.parse().unwrap(), prefix.parse().unwrap())
    }

    fn routes() -> Vec<(Route, RouteDevices)> {
        let via = |text: &str| Some(text.parse().unwrap());
        let on = |index| RouteDevices { device: Some(index), ..RouteDevices::default() };
        let hop = |gateway, device: Option<&str>| NextHop {
            via: via(gateway),
            device: device.map(str::to_owned),
            weight: Some(7),
            onlink: true,
            encap: None,
            realms: Some(3),
        };
        vec![
            (Route { via: via("10.1.0.254"), ..Route::plain(net("0.0.0.0/0")) }, RouteDevices::default()),
            (Route { via: via("fe80::1"), device: Some("a".into()), ..Route::plain(net("10.0.0.0/8")) }, on(3)),
            (Route { via: via("fd00::1"), from: Some(net("fd01::/64")), ..Route::plain(net("fd02::1/64")) }, on(0)),
            (
                Route {
                    table: 70_000,
                    metric: Some(5),
                    tos: 4,
                    kind: RouteKind::Throw,
                    ..Route::plain(net("10.0.0.0/8"))
                },
                RouteDevices::default(),
            ),
            (
                Route {
                    source: via("10.0.0.9"),
                    hops: vec![hop("10.0.0.1", None), hop("fe80::2", Some("b"))],
                    ..Route::plain(net("10.0.0.0/8"))
                },
                RouteDevices { hops: vec![None, Some(9)], ..RouteDevices::default() },
            ),
            (
                Route { vrf: Some("red".into()), device: Some("a".into()), ..Route::plain(net("10.0.0.0/8")) },
                RouteDevices { device: Some(4), vrf_table: Some(10), ..RouteDevices::default() },
            ),
        ]
    }

    #[test]
    fn a_request_is_decoded_as_the_configured_route() {
        for (at, (route, devices)) in routes().iter().enumerate() {
            let payload = encoded(route, devices).unwrap();
            let decoded = decode(&payload).unwrap();
            for (other, (route, devices)) in routes().iter().enumerate() {
                assert_eq!(decoded.is(route, devices), at == other, "{route:?}");
            }
            assert_eq!(protocol(&payload), Some(18));
            assert_eq!(decoded.key.table, [254, 254, 254, 70_000, 254, 10][at]);
            assert_eq!(decoded.key.metric, [0, 0, 1024, 5, 0, 0][at]);
        }
    }

    #[test]
    fn a_device_that_does_not_exist_is_refused() {
        for (route, _) in routes() {
            let named = route.device.is_some() || route.hops.iter().any(|hop| hop.device.is_some());
            let refused = encoded(&route, &RouteDevices::default()).is_err();
            assert_eq!(refused, named, "{route:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = (protocol(&bytes), decode(&bytes));
        }

        /// Real messages with some octets changed, which reach deeper parts of the decoder.
        #[test]
        fn damaged_messages_are_read(
            route in any::<prop::sample::Index>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let routes = routes();
            let (route, devices) = &routes[route.index(routes.len())];
            let mut bytes = encoded(route, devices).unwrap();
            for (at, value) in damage {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = decode(&bytes);
        }
    }
}
