//! vrrpRouteNextHopTable.

use snmp::{Column, Syntax, Table, TableView, Value};

use super::nested::{Inside, Nested};
use super::routing;
use super::values::{TRUTH, address_type, if_index, octets};
use crate::config::model::{Encap, NextHop};
use crate::state::RowId;
use crate::vrrp::{Route, Vrrp};

/// The next hops of all routes. The index is that of the route, and the position from 1.
pub(super) struct Hops;

impl Inside for Hops {
    type Id = RowId;
    type Outer = Route;
    type Inner = NextHop;

    fn outer<'d>(&self, data: &'d Vrrp) -> &'d Table<RowId, Route> {
        data.tables().routes.rows()
    }

    fn inner<'d>(&self, _: &'d Vrrp, route: &'d Route) -> impl Iterator<Item = (u32, &'d NextHop)> {
        (1..).zip(&route.config.hops)
    }
}

impl routing::Realms for NextHop {
    fn realms(&self) -> Option<u32> {
        self.realms
    }
}

impl routing::Encapsulated for NextHop {
    fn encap(&self) -> Option<&Encap> {
        self.encap.as_ref()
    }
}

/// vrrpRouteNextHopTable. vrrpRouteNextHopEncapType is not-accessible in the MIB.
pub(super) const NEXT_HOPS: TableView<Vrrp, (RowId, u32), NextHop, Nested<Hops>> = TableView {
    name: "vrrpRouteNextHopTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 11, 1],
    table: Nested(Hops),
    columns: &[
        Column::new(2, "vrrpRouteNextHopAddressType", Syntax::INET_ADDRESS_TYPE, |_, _, hop| hop.via.map(address_type)),
        Column::new(3, "vrrpRouteNextHopAddress", Syntax::INET_ADDRESS, |_, _, hop| hop.via.map(octets)),
        Column::new(4, "vrrpRouteNextHopIfIndex", Syntax::INTERFACE_INDEX, |data, _, hop| {
            if_index(data, hop.device.as_deref())
        }),
        Column::new(5, "vrrpRouteNextHopIfName", Syntax::DISPLAY_STRING, |_, _, hop| {
            hop.device.as_ref().map(Value::text)
        }),
        Column::new(6, "vrrpRouteNextHopWeight", Syntax::Unsigned32 { min: 1, max: 256 }, |_, _, hop| {
            routing::number(hop.weight?)
        }),
        Column::new(7, "vrrpRouteNextHopOnlink", TRUTH, |_, _, hop| Some(Value::truth(hop.onlink))),
        routing::realm_of_destination(8, "vrrpRouteNextHopRealmDst"),
        routing::realm_of_source(9, "vrrpRouteNextHopRealmSrc"),
        routing::encap_labels(11, "vrrpRouteNextHopEncapMplsLabels"),
        routing::encap_id(12, "vrrpRouteNextHopEncapId"),
        routing::encap_destination(13, "vrrpRouteNextHopEncapDstAddress"),
        routing::encap_source(14, "vrrpRouteNextHopEncapSrcAddress"),
        routing::encap_tos(15, "vrrpRouteNextHopEncapTOS"),
        routing::encap_ttl(16, "vrrpRouteNextHopEncapTTL"),
        routing::encap_flags(17, "vrrpRouteNextHopEncapFlags"),
        routing::encap_locator(18, "vrrpRouteNextHopEncapIlaLocator"),
    ],
};
