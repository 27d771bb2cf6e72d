//! How the tables appear as KEEPALIVED-MIB (.1.3.6.1.4.1.9586.100.5), and the notifications.
//!
//! Views are data over the rows that the machines write: there is no second copy. `mibs/KEEPALIVED-MIB.txt` is the
//! contract; a test compares each object here with it.

mod address;
mod check;
mod global;
mod group;
mod instance;
mod traps;

use snmp::{Mib, MibError, Syntax, Value};

use crate::config::model::Script;
use crate::vrrp::{State, Vrrp};

pub use check::{check_mib, check_subtrees, check_trap};
pub use traps::{Trap, trap};

/// Root of KEEPALIVED-MIB.
pub const BASE: [u32; 9] = [1, 3, 6, 1, 4, 1, 9586, 100, 5];

/// The subtrees the VRRP process registers: global and vrrp.
pub fn subtrees() -> [Vec<u32>; 2] {
    [1, 2].map(|branch| [&BASE[..], &[branch]].concat())
}

/// What the VRRP process serves.
pub fn vrrp_mib() -> Result<Mib<Vrrp>, MibError> {
    Mib::builder()
        .scalars(global::scalars())
        .table(global::emails())
        .table(group::GROUPS)
        .table(group::MEMBERS)
        .table(instance::INSTANCES)
        .table(address::ADDRESSES)
        .build()
}

/// VrrpState.
const STATE: Syntax = Syntax::Enum(&[
    ("init", 0),
    ("backup", 1),
    ("master", 2),
    ("fault", 3),
    ("unknown", 4),
    ("shutdown", 5),
    ("deleted", 6),
]);
/// A state in it.
fn state(state: State) -> Value {
    Value::Integer(state as i32)
}

/// Objects that are on or off.
const ENABLED: Syntax = Syntax::Enum(&[("enabled", 1), ("disabled", 2)]);

fn enabled(on: bool) -> Option<Value> {
    Some(Value::truth(on))
}

/// Every argument in single quotes; absent without a script.
fn script(script: Option<&Script>) -> Option<Value> {
    let words: Vec<String> = script?.argv.iter().map(|word| format!("'{word}'")).collect();
    Some(Value::text(words.join(" ")))
}

/// Octets of an InetAddress.
fn octets(ip: std::net::IpAddr) -> Value {
    Value::OctetString(match ip {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    })
}

/// InetAddressType of an address.
fn address_type(ip: std::net::IpAddr) -> Value {
    Value::Integer(if ip.is_ipv4() { 1 } else { 2 })
}

/// Whole seconds, rounded down.
fn seconds(time: std::time::Duration) -> Value {
    Value::Gauge32(u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
}
