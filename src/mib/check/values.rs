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
