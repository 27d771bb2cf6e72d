//! Branch 3, `check`: virtual servers, real servers, the IPVS sync daemon and time-outs.

mod group;
mod real_server;
mod scalars;
mod statistics;
mod traps;
mod values;
mod virtual_server;

use snmp::{Mib, MibBuilder, MibError};

use super::global;
use super::ha;
use super::module::{Module, PRIORITY, tree};
use super::values::BASE;
use crate::check::{Change, Check};

pub use traps::check_trap;

/// The modules of the checker process. Branch `global` has a higher number, so that it is served by the VRRP process if that
/// runs.
pub const CHECK_MODULES: &[Module<Check, Change>] = &[
    Module {
        root: &BASE,
        capability: "The MIB module for Keepalived",
        subtrees: &[(global::BRANCH, PRIORITY + 1)],
        enabled: |global| global.snmp_checker,
        views: global::views,
        trap: |_, _| None,
    },
    Module {
        root: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 3],
        capability: "The MIB module for Healthchecker",
        subtrees: &[(&[1, 3, 6, 1, 4, 1, 9586, 100, 5, 3], PRIORITY)],
        enabled: |global| global.snmp_checker,
        views,
        trap: check_trap,
    },
    ha::CHECK,
];

/// The MIB of the checker process.
///
/// # Errors
/// When two views overlap in the tree.
pub fn check_mib() -> Result<Mib<Check>, MibError> {
    tree(CHECK_MODULES)
}

fn views(builder: MibBuilder<Check>) -> MibBuilder<Check> {
    builder
        .table(group::GROUPS)
        .table(group::MEMBERS)
        .table(virtual_server::VIRTUAL_SERVERS)
        .table(real_server::REAL_SERVERS)
        .scalars(scalars::SCALARS)
}
