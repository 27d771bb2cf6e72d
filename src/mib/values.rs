//! The root of the MIB, and conversions of values.

use snmp::{Syntax, Value};

use crate::config::model::Script;
use crate::vrrp::{State, Vrrp};

/// Root of KEEPALIVED-MIB.
pub const BASE: [u32; 9] = [1, 3, 6, 1, 4, 1, 9586, 100, 5];

/// SYNTAX of VrrpState.
pub(super) const STATE: Syntax = Syntax::Enum(&[
    ("init", 0),
    ("backup", 1),
    ("master", 2),
    ("fault", 3),
    ("unknown", 4),
    ("shutdown", 5),
    ("deleted", 6),
]);
/// A state as VrrpState.
pub(super) fn state(state: State) -> Value {
    Value::Integer(state as i32)
}

/// SYNTAX of objects that are enabled or disabled.
pub(super) const ENABLED: Syntax = Syntax::Enum(&[("enabled", 1), ("disabled", 2)]);

pub(super) const TRUTH: Syntax = Syntax::TRUTH_VALUE;

pub(super) fn enabled(on: bool) -> Option<Value> {
    Some(Value::truth(on))
}

/// The program and arguments of a script, each in single quotes.
pub(super) fn script(script: Option<&Script>) -> Option<Value> {
    let words: Vec<String> = script?.argv.iter().map(|word| format!("'{word}'")).collect();
    Some(Value::text(words.join(" ")))
}

/// An address as InetAddress.
pub(super) fn octets(ip: std::net::IpAddr) -> Value {
    Value::OctetString(match ip {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    })
}

/// The InetAddressType of an address.
pub(super) fn address_type(ip: std::net::IpAddr) -> Value {
    Value::Integer(if ip.is_ipv4() { 1 } else { 2 })
}

/// Whole seconds, rounded down.
pub(super) fn seconds(time: std::time::Duration) -> Value {
    Value::Gauge32(u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
}

/// Whole microseconds, rounded down.
pub(super) fn micros(time: std::time::Duration) -> Option<Value> {
    Some(Value::Gauge32(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)))
}

/// SYNTAX of the status of an object in the kernel.
pub(super) const STATUS: Syntax = Syntax::Enum(&[("set", 1), ("unset", 2)]);

/// From an rtnetlink scope to InetScopeType; "nowhere" and user-defined scopes have no counterpart.
pub(super) fn scope(number: u8) -> Option<Value> {
    match number {
        0 => Some(Value::Integer(14)),
        200 => Some(Value::Integer(5)),
        253 => Some(Value::Integer(2)),
        254 => Some(Value::Integer(1)),
        _ => None,
    }
}

/// The ifIndex of an interface, if it exists.
pub(super) fn if_index(data: &Vrrp, name: Option<&str>) -> Option<Value> {
    let link = data.tables().interfaces.named(name?)?;
    i32::try_from(link.index).ok().map(Value::Integer)
}

/// The program of a script, without its arguments.
pub(super) fn program(script: Option<&Script>) -> Option<Value> {
    script?.argv.first().map(Value::text)
}
