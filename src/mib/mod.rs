//! KEEPALIVED-MIB (.1.3.6.1.4.1.9586.100.5), VRRP-MIB, VRRPV3-MIB and KEEPALIVED-HA-MIB: views of the tables, and the notifications.
//!
//! Views read the rows of the state machines directly, without a copy. The texts in `mibs/` are the contract; a test
//! compares each object here with it.

#[macro_use]
mod forms;

mod address;
mod check;
mod global;
mod group;
mod ha;
mod instance;
mod module;
mod nested;
mod next_hop;
mod rfc;
mod route;
mod routing;
mod rule;
mod tracked;
mod trackers;
mod traps;
mod values;

use snmp::{Mib, MibBuilder, MibError};

use crate::vrrp::{Change, Vrrp};

pub use check::{CHECK_MODULES, check_mib, check_trap};
pub use ha::{ROOT as HA_ROOT, daemon_trap, event_time};
pub use module::{Module, tree};
pub use traps::{Trap, trap};
pub use values::BASE;

use module::PRIORITY;

/// The modules of the VRRP process.
pub const VRRP_MODULES: &[Module<Vrrp, Change>] = &[
    Module {
        root: &BASE,
        capability: "The MIB module for Keepalived",
        subtrees: &[(global::BRANCH, PRIORITY)],
        enabled: |global| global.snmp_vrrp,
        views: global::views,
        trap: |_, _| None,
    },
    Module {
        root: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2],
        capability: "The MIB module for KEEPALIVED-VRRP",
        subtrees: &[(&[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2], PRIORITY)],
        enabled: |global| global.snmp_vrrp,
        views: vrrp_views,
        trap,
    },
    rfc::V2,
    rfc::V3,
    ha::VRRP,
];

/// The MIB of the VRRP process.
///
/// # Errors
/// When two views overlap in the tree.
pub fn vrrp_mib() -> Result<Mib<Vrrp>, MibError> {
    tree(VRRP_MODULES)
}

/// Branch 2, `vrrp`.
fn vrrp_views(mut builder: MibBuilder<Vrrp>) -> MibBuilder<Vrrp> {
    for table in tracked::INSTANCES {
        builder = builder.rows(table);
    }
    for table in tracked::GROUPS {
        builder = builder.rows(table);
    }
    builder
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
}
