//! The children that serve the daemon by SNMP.

use crate::config::model::Global;
use crate::process::cli::Options;
use crate::process::role::Role;

/// The children that have a session with the SNMP agent, if they run. The first that runs sends the notifications about the
/// daemon.
pub(in crate::process) fn serving(options: &Options, global: &Global) -> Vec<Role> {
    let roles = [(Role::Vrrp, global.snmp_vrrp), (Role::Checkers, global.snmp_checker)];
    roles.into_iter().filter(|(_, enabled)| options.snmp || *enabled).map(|(role, _)| role).collect()
}
