//! Routes: requests to add and remove them, and the host's routes as the monitor reports them.

use std::net::IpAddr;

use super::op::Op;
use super::prefix::masked;
use super::rtnetlink::RTPROT_BOOT;
use crate::config::model::{Family, NextHop, Route, RouteKind, TABLE_MAIN};

/// Metric of an IPv6 route without `metric` (the kernel's `IP6_RT_PRIO_USER`).
const METRIC_IPV6: u32 = 1024;

/// A request to add or remove a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRequest {
    /// Returned with the result.
    pub token: u64,
    /// The operation. A removal names this very route: others to the same destination stay.
    pub op: Op,
    /// The route.
    pub route: Route,
    /// The devices that it names.
    pub devices: RouteDevices,
}

/// The devices of a route, found by name. A missing one makes the request fail with `ENODEV`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteDevices {
    /// Index of `dev`.
    pub device: Option<u32>,
    /// Index of `dev` of each next hop, in their order.
    pub hops: Vec<Option<u32>>,
    /// Table of `vrf` ([`Link::vrf_table`](super::Link::vrf_table)).
    pub vrf_table: Option<u32>,
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
            destination: masked(route.destination),
            from: route.from.filter(|(_, prefix)| *prefix > 0).map(masked),
            tos: route.tos,
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
        hops(route, devices).map(|(hop, index)| (hop.via, index)).collect()
    }
}

/// Types without next hops.
fn rejects(kind: RouteKind) -> bool {
    matches!(kind, RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw)
}

/// The table of a route; 0 stands for `main`.
pub(super) fn table(route: &Route, vrf_table: Option<u32>) -> u32 {
    match vrf_table.filter(|_| route.vrf.is_some()).unwrap_or(route.table) {
        0 => TABLE_MAIN,
        table => table,
    }
}

/// The metric that the kernel stores.
pub(super) fn metric(route: &Route) -> u32 {
    match route.metric.unwrap_or(0) {
        0 if route.family == Family::V6 => METRIC_IPV6,
        metric => metric,
    }
}

/// The next hops of a route with the indices of their devices.
pub(super) fn hops<'r>(
    route: &'r Route,
    devices: &'r RouteDevices,
) -> impl Iterator<Item = (&'r NextHop, Option<u32>)> + 'r {
    let indices = devices.hops.iter().copied().chain(std::iter::repeat(None));
    route.hops.iter().zip(indices)
}
