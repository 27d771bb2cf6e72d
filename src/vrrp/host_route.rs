//! Routes of the host, as the kernel reports them, and how to know a configured route among them.

use std::net::IpAddr;

use crate::config::model::{Family, NextHop, Route, RouteKind, TABLE_MAIN, network};

/// Metric of an IPv6 route without `metric` (the kernel's `IP6_RT_PRIO_USER`).
const METRIC_IPV6: u32 = 1024;
/// Protocol that the kernel gives an IPv6 route with protocol 0.
const RTPROT_BOOT: u8 = 3;

/// The devices of a route, found by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteDevices {
    /// Index of `dev`.
    pub device: Option<u32>,
    /// Index of `dev` of each next hop, in their order.
    pub hops: Vec<Option<u32>>,
    /// Table of `vrf`.
    pub vrf_table: Option<u32>,
}

impl RouteDevices {
    /// The next hops of the route, each with the index of its device.
    pub fn of_hops<'r>(&'r self, route: &'r Route) -> impl Iterator<Item = (&'r NextHop, Option<u32>)> + 'r {
        let indices = self.hops.iter().copied().chain(std::iter::repeat(None));
        route.hops.iter().zip(indices)
    }
}

/// A route of this host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostRoute {
    /// The fields in which routes of a table differ.
    pub key: RouteKey,
    /// Preferred source address (`src`).
    pub source: Option<IpAddr>,
    /// Next hops; a blackhole and the like of IPv4 has none, of IPv6 the interface `lo`.
    pub hops: Vec<HostHop>,
}

/// The key of a route. Several routes may have the same key (`append`, `prepend`); [`HostRoute::is`] then compares their
/// next hops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// Family of the addresses.
    pub family: Family,
    /// Table.
    pub table: u32,
    /// Network and prefix length; the default route is 0.0.0.0/0 or ::/0.
    pub destination: (IpAddr, u8),
    /// Network and prefix length of the packets' source (IPv6).
    pub from: Option<(IpAddr, u8)>,
    /// `tos`.
    pub tos: u8,
    /// Metric; without one 0, or 1024 for IPv6.
    pub metric: u32,
    /// Protocol.
    pub protocol: u8,
    /// Type (`RTN_*`).
    pub kind: u8,
}

/// A next hop of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostHop {
    /// Gateway.
    pub via: Option<IpAddr>,
    /// Index of the interface; 0 if the kernel does not say.
    pub ifindex: u32,
}

impl RouteKey {
    /// The key of a configured route. `vrf_table` is as in [`RouteDevices`].
    pub fn of(route: &Route, vrf_table: Option<u32>) -> RouteKey {
        let v6 = route.family == Family::V6;
        RouteKey {
            family: route.family,
            table: table(route, vrf_table),
            destination: network(route.destination),
            from: route.from.filter(|(_, prefix)| *prefix > 0).map(network),
            // IPv6 routes have none.
            tos: if v6 { 0 } else { route.tos },
            metric: metric(route),
            protocol: if v6 && route.protocol == 0 { RTPROT_BOOT } else { route.protocol },
            kind: route.kind as u8,
        }
    }
}

impl HostRoute {
    /// Whether this is the configured route: it has its key, source and next hops. Settings that do not identify a route,
    /// such as `mtu`, may differ.
    pub fn is(&self, route: &Route, devices: &RouteDevices) -> bool {
        let wanted = wanted_hops(route, devices);
        self.may_be(route, devices)
            && (rejects(route.kind) || self.hops.len() == wanted.len())
            && (rejects(route.kind) || wanted.iter().all(|wanted| self.hops.iter().any(|hop| hop.is(*wanted))))
    }

    /// Whether this, a removed route, is the configured one or some of its next hops. The kernel reports the removal of an
    /// IPv6 route hop by hop, and that of a single hop in the same way.
    pub fn is_part_of(&self, route: &Route, devices: &RouteDevices) -> bool {
        let wanted = wanted_hops(route, devices);
        self.may_be(route, devices)
            && (rejects(route.kind) || self.hops.iter().any(|hop| wanted.iter().any(|wanted| hop.is(*wanted))))
    }

    fn may_be(&self, route: &Route, devices: &RouteDevices) -> bool {
        self.key == RouteKey::of(route, devices.vrf_table) && (route.source.is_none() || route.source == self.source)
    }
}

/// Gateway and device of a configured next hop.
type WantedHop = (Option<IpAddr>, Option<u32>);

impl HostHop {
    fn is(&self, (via, device): WantedHop) -> bool {
        self.via == via && device.is_none_or(|index| index == self.ifindex)
    }
}

fn wanted_hops(route: &Route, devices: &RouteDevices) -> Vec<WantedHop> {
    if route.hops.is_empty() {
        vec![(route.via, devices.device)]
    } else {
        devices.of_hops(route).map(|(hop, index)| (hop.via, index)).collect()
    }
}

/// Types without next hops.
fn rejects(kind: RouteKind) -> bool {
    matches!(kind, RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw)
}

/// The table of a route; 0 stands for `main`.
fn table(route: &Route, vrf_table: Option<u32>) -> u32 {
    match vrf_table.filter(|_| route.vrf.is_some()).unwrap_or(route.table) {
        0 => TABLE_MAIN,
        table => table,
    }
}

/// The metric that the kernel stores.
fn metric(route: &Route) -> u32 {
    match route.metric.unwrap_or(0) {
        0 if route.family == Family::V6 => METRIC_IPV6,
        metric => metric,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::NextHop;

    fn plain(destination: &str, length: u8) -> Route {
        Route::plain((destination.parse().unwrap(), length))
    }

    fn host(route: &Route, hops: &[(&str, u32)]) -> HostRoute {
        let hops = hops.iter().map(|(via, ifindex)| HostHop { via: via.parse().ok(), ifindex: *ifindex }).collect();
        HostRoute { key: RouteKey::of(route, None), source: None, hops }
    }

    #[test]
    fn keys_are_those_of_the_kernel() {
        let key = RouteKey::of(&plain("10.1.2.3", 24), None);
        assert_eq!((key.destination, key.metric, key.table), (("10.1.2.0".parse().unwrap(), 24), 0, 254));
        let v6 = Route { tos: 4, from: Some(("::".parse().unwrap(), 0)), ..plain("2001:db8::1", 32) };
        let key = RouteKey::of(&v6, None);
        assert_eq!((key.metric, key.tos, key.from), (1024, 0, None));
        let in_vrf = Route { vrf: Some("red".into()), ..plain("10.0.0.0", 8) };
        assert_eq!(RouteKey::of(&in_vrf, Some(77)).table, 77);
    }

    #[test]
    fn a_route_is_known_by_protocol_gateway_and_interface() {
        let via = Route { via: "10.0.0.254".parse().ok(), ..plain("10.1.0.0", 16) };
        let anywhere = RouteDevices::default();
        assert!(host(&via, &[("10.0.0.254", 2)]).is(&via, &anywhere));
        assert!(!host(&via, &[("10.0.0.253", 2)]).is(&via, &anywhere));
        assert!(!host(&Route { protocol: 4, ..via.clone() }, &[("10.0.0.254", 2)]).is(&via, &anywhere));
        let on_three = RouteDevices { device: Some(3), ..anywhere };
        assert!(!host(&via, &[("10.0.0.254", 2)]).is(&via, &on_three));
        assert!(host(&via, &[("10.0.0.254", 3)]).is(&via, &on_three));
    }

    #[test]
    fn a_route_with_several_next_hops_is_known_by_all_of_them() {
        let next = |via: &str| NextHop {
            via: via.parse().ok(),
            device: None,
            weight: None,
            onlink: false,
            encap: None,
            realms: None,
        };
        let route = Route { hops: vec![next("10.0.0.1"), next("10.0.0.2")], ..plain("10.1.0.0", 16) };
        let devices = RouteDevices { hops: vec![None, None], ..RouteDevices::default() };
        assert!(host(&route, &[("10.0.0.2", 2), ("10.0.0.1", 2)]).is(&route, &devices));
        assert!(!host(&route, &[("10.0.0.2", 2), ("10.0.0.3", 2)]).is(&route, &devices));
        assert!(!host(&route, &[]).is(&route, &devices));
    }

    #[test]
    fn a_blackhole_is_known_with_and_without_the_loopback_interface() {
        let route = Route { kind: RouteKind::Blackhole, ..plain("2001:db8::", 32) };
        assert!(host(&route, &[("", 1)]).is(&route, &RouteDevices::default()));
        assert!(host(&route, &[]).is(&route, &RouteDevices::default()));
    }
}
