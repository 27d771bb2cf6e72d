//! vrrpRouteTable.

use std::net::IpAddr;

use snmp::{Column, Syntax, TableView, Value};

use super::routing::{self, Field, number};
use super::values::{TRUTH, if_index, octets, scope};
use crate::config::model::{Encap, MetricKind, RouteKind, RouteMetric, RoutePreference, TABLE_MAIN};
use crate::state::RowId;
use crate::vrrp::{Route, Vrrp};

const STRING: Syntax = Syntax::DISPLAY_STRING;
const ADDRESS: Syntax = Syntax::INET_ADDRESS;
const UNSIGNED: Syntax = Syntax::UNSIGNED32;
const TYPE: Syntax = Syntax::Enum(&[
    ("unicast", 1),
    ("ecmp", 2),
    ("blackhole", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("broadcast", 6),
    ("unreachable", 7),
    ("prohibit", 8),
    ("throw", 9),
    ("nat", 10),
    ("xresolve", 11),
]);
const PREFERENCE: Syntax = Syntax::Enum(&[("low", 1), ("medium", 2), ("high", 3)]);
/// The bit of [`MetricKind::Features`] for explicit congestion notification (`RTAX_FEATURE_ECN`).
const ECN: u32 = 1;

const MTU: u32 = MetricKind::Mtu as u32;
const WINDOW: u32 = MetricKind::Window as u32;
const RTT: u32 = MetricKind::Rtt as u32;
const RTTVAR: u32 = MetricKind::RttVar as u32;
const SSTHRESH: u32 = MetricKind::SsThresh as u32;
const CWND: u32 = MetricKind::Cwnd as u32;
const ADVMSS: u32 = MetricKind::AdvMss as u32;
const REORDERING: u32 = MetricKind::Reordering as u32;
const INITCWND: u32 = MetricKind::InitCwnd as u32;
const RTO_MIN: u32 = MetricKind::RtoMin as u32;
const INITRWND: u32 = MetricKind::InitRwnd as u32;

/// A column of routes.
type RouteColumn = Column<Vrrp, RowId, Route>;

/// vrrpRouteTable. The first index is 0 for static routes, else that of the instance.
pub(super) const ROUTES: TableView<Vrrp, RowId, Route> = TableView {
    name: "vrrpRouteTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 7, 1],
    table: |data| data.tables().routes.rows(),
    columns: &[
        routing::network_type::<_, _, Destination>(2, "vrrpRouteAddressType"),
        routing::network_address::<_, _, Destination>(3, "vrrpRouteDestination"),
        routing::network_length::<_, _, Destination>(4, "vrrpRouteDestinationMask"),
        Column::new(5, "vrrpRouteGateway", ADDRESS, |_, _, row| gateways(row).next().map(octets)),
        Column::new(6, "vrrpRouteSecondaryGateway", ADDRESS, |_, _, row| gateways(row).nth(1).map(octets)),
        Column::new(7, "vrrpRouteSource", ADDRESS, |_, _, row| row.config.source.map(octets)),
        Column::new(8, "vrrpRouteMetric", UNSIGNED, |_, _, row| number(row.config.metric.unwrap_or(0))),
        Column::new(9, "vrrpRouteScope", Syntax::INET_SCOPE_TYPE, |_, _, row| scope(row.config.scope.unwrap_or(0))),
        Column::new(10, "vrrpRouteType", TYPE, |_, _, row| Some(Value::Integer(route_type(row)))),
        Column::new(11, "vrrpRouteIfIndex", Syntax::INTERFACE_INDEX, |data, _, row| {
            if_index(data, row.config.device.as_deref())
        }),
        Column::new(12, "vrrpRouteIfName", STRING, |_, _, row| row.config.device.as_ref().map(Value::text)),
        Column::new(13, "vrrpRouteRoutingTable", UNSIGNED, |data, _, row| number(table(data, row)?)),
        routing::status(14, "vrrpRouteStatus"),
        routing::network_address::<_, _, SourceNetwork>(15, "vrrpRouteFromAddress"),
        routing::network_length::<_, _, SourceNetwork>(16, "vrrpRouteFromAddressMask"),
        Column::new(17, "vrrpRouteTos", Syntax::Unsigned32 { min: 0, max: 255 }, |_, _, row| {
            number(Some(row.config.tos).filter(|tos| *tos != 0)?)
        }),
        routing::protocol(18, "vrrpRouteProtocol"),
        Column::new(19, "vrrpRouteECN", TRUTH, |_, _, row| {
            Some(Value::truth(value(row, MetricKind::Features).is_some_and(|features| features & ECN != 0)))
        }),
        Column::new(20, "vrrpRouteQuickAck", TRUTH, |_, _, row| {
            // C keepalived shows whether the word is given.
            Some(Value::truth(value(row, MetricKind::QuickAck).is_some_and(|quickack| quickack != 0)))
        }),
        Column::new(21, "vrrpRouteExpires", Syntax::Integer32 { min: 1, max: i32::MAX }, |_, _, row| {
            let expires = row.config.expires.filter(|expires| *expires > 0)?;
            Some(Value::Integer(i32::try_from(expires).unwrap_or(i32::MAX)))
        }),
        metric::<MTU>(22, "vrrpRouteMTU", UNSIGNED),
        lock::<MTU>(23, "vrrpRouteMTULock"),
        Column::new(24, "vrrpRouteHopLimit", Syntax::Unsigned32 { min: 1, max: 256 }, |_, _, row| {
            // 0 is the default of the host.
            number(value(row, MetricKind::HopLimit).filter(|limit| *limit > 0)?)
        }),
        metric::<ADVMSS>(25, "vrrpRouteAdvmss", UNSIGNED),
        lock::<ADVMSS>(26, "vrrpRouteAdvmssLock"),
        metric::<RTT>(27, "vrrpRouteRTT", Syntax::Unsigned32 { min: 1, max: 536_870 }),
        lock::<RTT>(28, "vrrpRouteRTTLock"),
        metric::<RTTVAR>(29, "vrrpRouteRTTvar", Syntax::Unsigned32 { min: 1, max: 1_073_741 }),
        lock::<RTTVAR>(30, "vrrpRouteRTTvarLock"),
        metric::<REORDERING>(31, "vrrpRouteReordering", UNSIGNED),
        lock::<REORDERING>(32, "vrrpRouteReorderingLock"),
        metric::<WINDOW>(33, "vrrpRouteWindow", UNSIGNED),
        metric::<CWND>(34, "vrrpRouteCwnd", UNSIGNED),
        lock::<CWND>(35, "vrrpRouteCwndLock"),
        metric::<SSTHRESH>(36, "vrrpRouteSSthresh", UNSIGNED),
        lock::<SSTHRESH>(37, "vrrpRouteSSthreshLock"),
        metric::<RTO_MIN>(38, "vrrpRouteRTOMin", UNSIGNED),
        lock::<RTO_MIN>(39, "vrrpRouteRTOMinLock"),
        metric::<INITCWND>(40, "vrrpRouteInitCwnd", UNSIGNED),
        metric::<INITRWND>(41, "vrrpRouteInitRwnd", UNSIGNED),
        Column::new(42, "vrrpRouteCongCtl", STRING, |_, _, row| {
            row.config.congestion_control.as_ref().map(|algorithm| Value::text(&algorithm.name))
        }),
        Column::new(43, "vrrpRoutePref", PREFERENCE, |_, _, row| {
            Some(Value::Integer(match row.config.preference? {
                RoutePreference::Low => 1,
                RoutePreference::Medium => 2,
                RoutePreference::High => 3,
            }))
        }),
        routing::realm_of_destination(44, "vrrpRouteRealmDst"),
        routing::realm_of_source(45, "vrrpRouteRealmSrc"),
        routing::encap_type(46, "vrrpRouteEncapType"),
        routing::encap_labels(47, "vrrpRouteEncapMplsLabels"),
        routing::encap_id(48, "vrrpRouteEncapId"),
        routing::encap_destination(49, "vrrpRouteEncapDstAddress"),
        routing::encap_source(50, "vrrpRouteEncapSrcAddress"),
        routing::encap_tos(51, "vrrpRouteEncapTOS"),
        routing::encap_ttl(52, "vrrpRouteEncapTTL"),
        routing::encap_flags(53, "vrrpRouteEncapFlags"),
        routing::encap_locator(54, "vrrpRouteEncapIlaLocator"),
        Column::new(55, "vrrpRouteFastOpenNoCookie", TRUTH, |_, _, row| {
            Some(Value::truth(value(row, MetricKind::FastOpenNoCookie)? != 0))
        }),
    ],
};

/// `to`.
struct Destination;

impl Field<Route> for Destination {
    type Value = (IpAddr, u8);

    fn of(row: &Route) -> Option<(IpAddr, u8)> {
        Some(row.config.destination)
    }
}

/// `from`.
struct SourceNetwork;

impl Field<Route> for SourceNetwork {
    type Value = (IpAddr, u8);

    fn of(row: &Route) -> Option<(IpAddr, u8)> {
        row.config.from
    }
}

impl routing::Originated for Route {
    fn protocol(&self) -> u8 {
        self.config.protocol
    }
}

impl routing::Realms for Route {
    fn realms(&self) -> Option<u32> {
        self.config.realms
    }
}

impl routing::Encapsulated for Route {
    fn encap(&self) -> Option<&Encap> {
        self.config.encap.as_ref()
    }
}

/// A metric.
const fn metric<const KIND: u32>(column: u32, name: &'static str, range: Syntax) -> RouteColumn {
    Column::new(column, name, range, |_, _, row| number(metric_of(row, KIND)?.value))
}

/// `lock` of a metric.
const fn lock<const KIND: u32>(column: u32, name: &'static str) -> RouteColumn {
    Column::new(column, name, TRUTH, |_, _, row| Some(Value::truth(metric_of(row, KIND)?.lock)))
}

fn metric_of(row: &Route, kind: u32) -> Option<&RouteMetric> {
    row.config.metrics.iter().find(|metric| metric.kind as u32 == kind)
}

/// The value of a metric, if it is set.
fn value(row: &Route, kind: MetricKind) -> Option<u32> {
    row.config.metric(kind).map(|metric| metric.value)
}

/// The gateways of a route, in the configured order. C keepalived shows none of several, and a single next hop as the second.
fn gateways(row: &Route) -> impl Iterator<Item = IpAddr> {
    row.config.via.into_iter().chain(row.config.hops.iter().filter_map(|hop| hop.via))
}

/// The number of the table that holds a route; `None` while the VRF does not exist.
fn table(data: &Vrrp, row: &Route) -> Option<u32> {
    match &row.config.vrf {
        Some(vrf) => data.tables().interfaces.named(vrf)?.vrf_table,
        // The kernel takes table 0 as the main table.
        None if row.config.table == 0 => Some(TABLE_MAIN),
        None => Some(row.config.table),
    }
}

/// The type as RouteType, which has no value for `local`.
fn route_type(row: &Route) -> i32 {
    match row.config.kind {
        _ if !row.config.hops.is_empty() => 2,
        RouteKind::Unicast | RouteKind::Local => 1,
        RouteKind::Blackhole => 3,
        RouteKind::Anycast => 4,
        RouteKind::Multicast => 5,
        RouteKind::Broadcast => 6,
        RouteKind::Unreachable => 7,
        RouteKind::Prohibit => 8,
        RouteKind::Throw => 9,
        RouteKind::Nat => 10,
        RouteKind::Xresolve => 11,
    }
}
