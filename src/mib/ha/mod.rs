//! KEEPALIVED-HA-MIB: when and why instances, groups, trackers and real servers have changed. It is this daemon's own.

/// Identifier of an object below the root: 112 of netSnmpPlaypen, which is free for everyone.
macro_rules! oid {
    ($($sub_id:expr),*) => {
        &[1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 112, $($sub_id),*]
    };
}

mod check;
mod daemon;
mod process;
mod targets;
mod vrrp;

use std::time::Duration;

use snmp::{Oid, Value, VarBind};

pub(super) use check::MODULE as CHECK;
pub use daemon::trap as daemon_trap;
pub(super) use vrrp::MODULE as VRRP;

/// Root of KEEPALIVED-HA-MIB.
pub const ROOT: &[u32] = oid![];

const CAPABILITY: &str = "The MIB module for KEEPALIVED-HA";

/// haEventTime, which each notification has as its last object.
pub fn event_time(at: Duration) -> VarBind {
    VarBind { name: Oid::new(oid![1, 1, 0]), value: Value::DateAndTime(at) }
}

/// The time of a change, if there was one.
fn time_of(change: Duration) -> Option<Value> {
    (!change.is_zero()).then_some(Value::DateAndTime(change))
}

/// A duration in microseconds.
fn microseconds(duration: Duration) -> Value {
    Value::Gauge32(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX))
}

/// At most 255 octets, as DisplayString has.
fn text(text: &str) -> Value {
    Value::OctetString(text.bytes().take(255).collect())
}
