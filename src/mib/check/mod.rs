//! Branch 3, check: virtual servers, real servers, and what belongs to LVS as a whole.

mod group;
mod real_server;
mod scalars;
mod traps;
mod virtual_server;

use std::time::Duration;

use snmp::{Mib, MibError, Syntax, Value};

use super::{BASE, global};
use crate::check::Check;
use crate::config::lvs::{Method, Tunnel, TunnelChecksum};
use crate::config::model::Script;

pub use traps::check_trap;

/// The subtrees the checker process registers: global and check.
pub fn check_subtrees() -> [Vec<u32>; 2] {
    [1, 3].map(|branch| [&BASE[..], &[branch]].concat())
}

/// What the checker process serves.
///
/// # Errors
/// Two views claim the same place in the tree.
pub fn check_mib() -> Result<Mib<Check>, MibError> {
    Mib::builder()
        .scalars(global::scalars())
        .table(global::emails())
        .table(group::GROUPS)
        .table(group::MEMBERS)
        .table(virtual_server::VIRTUAL_SERVERS)
        .table(real_server::REAL_SERVERS)
        .scalars(scalars::SCALARS)
        .build()
}

const U32: Syntax = Syntax::UNSIGNED32;
const TRUTH: Syntax = Syntax::TRUTH_VALUE;
const STATUS: Syntax = Syntax::Enum(&[("alive", 1), ("dead", 2)]);
const METHOD: Syntax = Syntax::Enum(&[("nat", 1), ("dr", 2), ("tun", 3)]);
const TUNNEL: Syntax = Syntax::Enum(&[("ipip", 1), ("gue", 2), ("gre", 3)]);
const TUNNEL_CHECKSUM: Syntax = Syntax::Enum(&[("nocsum", 1), ("csum", 2), ("remcsum", 3)]);

fn method(method: Method) -> Option<Value> {
    Some(Value::Integer(match method {
        Method::Nat => 1,
        Method::Dr => 2,
        Method::Tun(_) => 3,
    }))
}

fn tunnel_type(method: Method) -> Option<Value> {
    match method {
        Method::Tun(Tunnel::Ipip) => Some(Value::Integer(1)),
        Method::Tun(Tunnel::Gue(..)) => Some(Value::Integer(2)),
        Method::Tun(Tunnel::Gre(_)) => Some(Value::Integer(3)),
        Method::Nat | Method::Dr => None,
    }
}

fn tunnel_port(method: Method) -> Option<Value> {
    match method {
        Method::Tun(Tunnel::Gue(port, _)) => Some(Value::Gauge32(port.into())),
        _ => None,
    }
}

fn tunnel_checksum(method: Method) -> Option<Value> {
    let (Method::Tun(Tunnel::Gue(_, checksum)) | Method::Tun(Tunnel::Gre(checksum))) = method else { return None };
    Some(Value::Integer(match checksum {
        TunnelChecksum::None => 1,
        TunnelChecksum::Checksum => 2,
        TunnelChecksum::Remote => 3,
    }))
}

fn action_when_down(inhibit: bool) -> Value {
    Value::Integer(if inhibit { 2 } else { 1 })
}

fn weight(weight: u32) -> Value {
    Value::Integer(i32::try_from(weight).unwrap_or(i32::MAX))
}

/// Whole microseconds.
fn micros(time: Duration) -> Option<Value> {
    Some(Value::Gauge32(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)))
}

/// The program of a script.
fn program(script: Option<&Script>) -> Option<Value> {
    script?.argv.first().map(Value::text)
}

fn gauge(number: u64) -> Option<Value> {
    Some(Value::Gauge32(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// The lower half: a counter of 32 bits wraps.
fn counter32(number: u64) -> Option<Value> {
    Some(Value::Counter32(lower_half(number)))
}

fn counter64(number: u64) -> Option<Value> {
    Some(Value::Counter64(number))
}

fn low(number: u64) -> Option<Value> {
    Some(Value::Gauge32(lower_half(number)))
}

fn high(number: u64) -> Option<Value> {
    Some(Value::Gauge32(lower_half(number >> 32)))
}

fn lower_half(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}
