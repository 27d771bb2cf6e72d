//! Columns that routes, next hops and policy rules have in common.

use std::net::IpAddr;

use snmp::{Column, Syntax, Value};

use super::values::{STATUS, address_type, octets};
use crate::config::model::{Encap, PROTOCOL_KEEPALIVED, Tunnel};
use crate::state::Object;
use crate::vrrp::Vrrp;

const STRING: Syntax = Syntax::DISPLAY_STRING;
const OCTET: Syntax = Syntax::Unsigned32 { min: 0, max: 255 };
const REALM: Syntax = Syntax::Unsigned32 { min: 1, max: 65535 };
const PROTOCOL: Syntax = Syntax::Enum(&[
    ("unspec", 1),
    ("redirect", 2),
    ("kernel", 3),
    ("boot", 4),
    ("static", 5),
    ("gated", 9),
    ("ra", 10),
    ("mrt", 11),
    ("zebra", 12),
    ("bird", 13),
    ("dnrouted", 14),
    ("xorp", 15),
    ("ntk", 16),
    ("dhcp", 17),
    ("keepalived", 112),
]);

/// A number of 32 bits.
pub(super) fn number(number: impl Into<u32>) -> Option<Value> {
    Some(Value::Gauge32(number.into()))
}

/// Whether the row's object is in the kernel.
pub(super) const fn status<K, R: Object>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, STATUS, |_, _, row| Some(Value::truth(row.state().installed)))
}

/// A row of an object with a protocol.
pub(super) trait Originated {
    /// The kernel's number (`RTPROT_*`).
    fn protocol(&self) -> u8;
}

/// The protocol. C keepalived shows its own as 19.
pub(super) const fn protocol<K, R: Originated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, PROTOCOL, |_, _, row| {
        Some(Value::Integer(match row.protocol() {
            PROTOCOL_KEEPALIVED => 112,
            other => i32::from(other).saturating_add(1),
        }))
    })
}

/// A field of a row that several columns show.
pub(super) trait Field<R> {
    /// Its type.
    type Value;

    /// The field of a row, if it is set.
    fn of(row: &R) -> Option<Self::Value>;
}

/// The type of a network's address.
pub(super) const fn network_type<K, R, P: Field<R, Value = (IpAddr, u8)>>(
    column: u32,
    name: &'static str,
) -> Column<Vrrp, K, R> {
    Column::new(column, name, Syntax::INET_ADDRESS_TYPE, |_, _, row| P::of(row).map(|(ip, _)| address_type(ip)))
}

/// The address of a network.
pub(super) const fn network_address<K, R, P: Field<R, Value = (IpAddr, u8)>>(
    column: u32,
    name: &'static str,
) -> Column<Vrrp, K, R> {
    Column::new(column, name, Syntax::INET_ADDRESS, |_, _, row| P::of(row).map(|(ip, _)| octets(ip)))
}

/// The prefix length of a network.
pub(super) const fn network_length<K, R, P: Field<R, Value = (IpAddr, u8)>>(
    column: u32,
    name: &'static str,
) -> Column<Vrrp, K, R> {
    Column::new(column, name, Syntax::INET_PREFIX_LENGTH, |_, _, row| number(P::of(row)?.1))
}

/// A row with realms.
pub(super) trait Realms {
    /// The source realm in the upper and the destination realm in the lower 16 bits.
    fn realms(&self) -> Option<u32>;
}

/// The realm of the destination.
pub(super) const fn realm_of_destination<K, R: Realms>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, REALM, |_, _, row| realm(row.realms()? & 0xffff))
}

/// The realm of the source.
pub(super) const fn realm_of_source<K, R: Realms>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, REALM, |_, _, row| realm(row.realms()? >> 16))
}

/// A realm; 0 is none.
fn realm(realm: u32) -> Option<Value> {
    (realm != 0).then_some(Value::Gauge32(realm))
}

/// A row of something that may lead into a tunnel.
pub(super) trait Encapsulated {
    /// `encap`.
    fn encap(&self) -> Option<&Encap>;

    /// Options of `encap ip` and `encap ip6`.
    fn tunnel(&self) -> Option<&Tunnel> {
        match self.encap()? {
            Encap::Ip(tunnel) | Encap::Ip6(tunnel) => Some(tunnel),
            Encap::Mpls(_) | Encap::Ila(_) => None,
        }
    }
}

/// The kind of a tunnel, as the MIB numbers it. C keepalived's numbers are greater by 1.
pub(super) const fn encap_type<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    const KINDS: Syntax = Syntax::Enum(&[("mpls", 1), ("ip", 2), ("ila", 3), ("ip6", 4)]);
    Column::new(column, name, KINDS, |_, _, row| {
        Some(Value::Integer(match row.encap()? {
            Encap::Mpls(_) => 1,
            Encap::Ip(_) => 2,
            Encap::Ila(_) => 3,
            Encap::Ip6(_) => 4,
        }))
    })
}

/// MPLS labels, the outermost first. C keepalived shows the label stack entry as one number.
pub(super) const fn encap_labels<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, STRING, |_, _, row| match row.encap()? {
        Encap::Mpls(labels) => {
            let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
            Some(Value::text(labels.join("/")))
        }
        _ => None,
    })
}

/// The identifier of a tunnel.
pub(super) const fn encap_id<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, Syntax::Counter64, |_, _, row| row.tunnel()?.id.map(Value::Counter64))
}

/// The destination of the outer packet.
pub(super) const fn encap_destination<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, Syntax::INET_ADDRESS, |_, _, row| row.tunnel()?.destination.map(octets))
}

/// The source of the outer packet.
pub(super) const fn encap_source<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, Syntax::INET_ADDRESS, |_, _, row| row.tunnel()?.source.map(octets))
}

/// The type of service of the outer packet.
pub(super) const fn encap_tos<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, OCTET, |_, _, row| number(row.tunnel()?.tos?))
}

/// The TTL of the outer packet. 0 is the default, and no value of the object.
pub(super) const fn encap_ttl<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    const RANGE: Syntax = Syntax::Unsigned32 { min: 1, max: 255 };
    Column::new(column, name, RANGE, |_, _, row| number(row.tunnel()?.ttl.filter(|ttl| *ttl > 0)?))
}

/// The flags of a tunnel.
pub(super) const fn encap_flags<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, Syntax::UNSIGNED32, |_, _, row| number(row.tunnel()?.flags?))
}

/// The locator of identifier locator addressing.
pub(super) const fn encap_locator<K, R: Encapsulated>(column: u32, name: &'static str) -> Column<Vrrp, K, R> {
    Column::new(column, name, Syntax::Counter64, |_, _, row| match row.encap()? {
        Encap::Ila(locator) => Some(Value::Counter64(*locator)),
        _ => None,
    })
}
