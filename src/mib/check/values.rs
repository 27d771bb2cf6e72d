//! Conversions of the checker process's values.

use snmp::{Syntax, Value};

use crate::config::lvs::{Method, Tunnel, TunnelChecksum};

pub(super) const U32: Syntax = Syntax::UNSIGNED32;
pub(super) const STATUS: Syntax = Syntax::Enum(&[("alive", 1), ("dead", 2)]);
pub(super) const METHOD: Syntax = Syntax::Enum(&[("nat", 1), ("dr", 2), ("tun", 3)]);
pub(super) const TUNNEL: Syntax = Syntax::Enum(&[("ipip", 1), ("gue", 2), ("gre", 3)]);
pub(super) const TUNNEL_CHECKSUM: Syntax = Syntax::Enum(&[("nocsum", 1), ("csum", 2), ("remcsum", 3)]);

pub(super) fn method(method: Method) -> Option<Value> {
    Some(Value::Integer(match method {
        Method::Nat => 1,
        Method::Dr => 2,
        Method::Tun(_) => 3,
    }))
}

pub(super) fn tunnel_type(method: Method) -> Option<Value> {
    match method {
        Method::Tun(Tunnel::Ipip) => Some(Value::Integer(1)),
        Method::Tun(Tunnel::Gue(..)) => Some(Value::Integer(2)),
        Method::Tun(Tunnel::Gre(_)) => Some(Value::Integer(3)),
        Method::Nat | Method::Dr => None,
    }
}

pub(super) fn tunnel_port(method: Method) -> Option<Value> {
    match method {
        Method::Tun(Tunnel::Gue(port, _)) => Some(Value::Gauge32(port.into())),
        _ => None,
    }
}

pub(super) fn tunnel_checksum(method: Method) -> Option<Value> {
    let (Method::Tun(Tunnel::Gue(_, checksum)) | Method::Tun(Tunnel::Gre(checksum))) = method else { return None };
    Some(Value::Integer(match checksum {
        TunnelChecksum::None => 1,
        TunnelChecksum::Checksum => 2,
        TunnelChecksum::Remote => 3,
    }))
}

pub(super) fn action_when_down(inhibit: bool) -> Value {
    Value::Integer(if inhibit { 2 } else { 1 })
}

pub(super) fn weight(weight: u32) -> Value {
    Value::Integer(i32::try_from(weight).unwrap_or(i32::MAX))
}

pub(super) fn gauge(number: u64) -> Option<Value> {
    Some(Value::Gauge32(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// The lower 32 bits of a counter, which wraps.
pub(super) fn counter32(number: u64) -> Option<Value> {
    Some(Value::Counter32(low_32_bits(number)))
}

pub(super) fn counter64(number: u64) -> Option<Value> {
    Some(Value::Counter64(number))
}

pub(super) fn low(number: u64) -> Option<Value> {
    Some(Value::Gauge32(low_32_bits(number)))
}

pub(super) fn high(number: u64) -> Option<Value> {
    Some(Value::Gauge32(low_32_bits(number >> 32)))
}

fn low_32_bits(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}
