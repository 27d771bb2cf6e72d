//! KEEPALIVED-MIB (.1.3.6.1.4.1.9586.100.5): views of the tables, and the notifications.
//!
//! Views read the rows of the state machines directly, without a copy. `mibs/KEEPALIVED-MIB.txt` is the contract; a test
//! compares each object here with it.

mod address;
mod check;
mod forms;
mod global;
mod group;
mod instance;
mod nested;
mod next_hop;
mod route;
mod routing;
mod rule;
mod tracked;
mod trackers;
mod traps;
mod values;

use snmp::{Mib, MibError};

use crate::vrrp::Vrrp;

pub use check::{check_mib, check_subtrees, check_trap};
pub use traps::{Trap, trap};
pub use values::BASE;

/// The subtrees that the VRRP process registers: `global` and `vrrp`.
pub fn subtrees() -> [Vec<u32>; 2] {
    [1, 2].map(|branch| [&BASE[..], &[branch]].concat())
}

/// The MIB of the VRRP process.
///
/// # Errors
/// When two views overlap in the tree.
pub fn vrrp_mib() -> Result<Mib<Vrrp>, MibError> {
    let mut builder = Mib::builder();
    for table in tracked::INSTANCES {
        builder = builder.rows(table);
    }
    for table in tracked::GROUPS {
        builder = builder.rows(table);
    }
    builder
        .scalars(global::scalars())
        .table(global::emails())
        .table(group::GROUPS)
        .table(group::MEMBERS)
        .table(instance::INSTANCES)
        .table(address::ADDRESSES)
        .table(route::ROUTES)
        .rows(next_hop::NEXT_HOPS)
        .table(rule::RULES)
        .table(trackers::SCRIPTS)
        .table(trackers::FILES)
        .table(trackers::SESSIONS)
        .table(trackers::PROCESSES)
        .build()
}
