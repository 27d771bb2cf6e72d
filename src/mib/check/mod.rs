//! Branch 3, `check`: virtual servers, real servers, the IPVS sync daemon and time-outs.

mod group;
mod real_server;
mod scalars;
mod statistics;
mod traps;
mod values;
mod virtual_server;

use snmp::{Mib, MibError};

use super::global;
use super::values::BASE;
use crate::check::Check;

pub use traps::check_trap;

/// The subtrees that the checker process registers: `global` and `check`.
pub fn check_subtrees() -> [Vec<u32>; 2] {
    [1, 3].map(|branch| [&BASE[..], &[branch]].concat())
}

/// The MIB of the checker process.
///
/// # Errors
/// When two views overlap in the tree.
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
