//! vrrpAddressTable.

use snmp::{Column, Syntax, TableView, Value};

use super::values::{STATUS, address_type, octets, scope};
use crate::vrrp::{Address, AddressId, Vrrp};

/// vrrpAddressTable. The first index is 0 for static addresses, else that of the instance; advertised addresses come first.
pub(super) const ADDRESSES: TableView<Vrrp, AddressId, Address> = TableView {
    name: "vrrpAddressTable",
    entry: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2, 6, 1],
    table: |data| data.tables().addresses.rows(),
    columns: &[
        Column::new(2, "vrrpAddressType", Syntax::INET_ADDRESS_TYPE, |_, _, row| Some(address_type(row.config.ip))),
        Column::new(3, "vrrpAddressValue", Syntax::INET_ADDRESS, |_, _, row| Some(octets(row.config.ip))),
        Column::new(4, "vrrpAddressBroadcast", Syntax::INET_ADDRESS, |_, _, row| {
            let unset = row.config.ip.is_ipv4().then(|| Value::OctetString(vec![0; 4]));
            row.config.broadcast.map(octets).or(unset)
        }),
        Column::new(5, "vrrpAddressMask", Syntax::INET_PREFIX_LENGTH, |_, _, row| {
            Some(Value::Gauge32(row.config.prefix.into()))
        }),
        Column::new(6, "vrrpAddressScope", Syntax::INET_SCOPE_TYPE, |_, _, row| scope(row.config.scope)),
        Column::new(7, "vrrpAddressIfIndex", Syntax::INTERFACE_INDEX, |_, _, row| {
            i32::try_from(row.ifindex?).ok().map(Value::Integer)
        }),
        Column::new(8, "vrrpAddressIfName", Syntax::DISPLAY_STRING, |data, id, _| {
            Some(Value::text(data.tables().device(*id)))
        }),
        Column::new(9, "vrrpAddressIfAlias", Syntax::DISPLAY_STRING, |_, _, row| {
            row.config.label.as_ref().map(Value::text)
        }),
        Column::new(10, "vrrpAddressStatus", STATUS, |_, _, row| Some(Value::truth(row.state.installed))),
        Column::new(
            11,
            "vrrpAddressAdvertising",
            Syntax::Enum(&[("advertised", 1), ("notAdvertised", 2)]),
            |_, _, row| Some(Value::truth(row.advertised)),
        ),
        Column::new(12, "vrrpAddressPeer", Syntax::INET_ADDRESS, |_, _, row| {
            row.config.peer.map(|(peer, _)| octets(peer))
        }),
    ],
};
