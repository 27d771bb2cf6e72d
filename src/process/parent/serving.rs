//! The children that serve the daemon by SNMP, or send notifications about it.

use crate::config::model::Global;
use crate::process::cli::Options;
use crate::process::role::Role;

/// The children that have a session with the SNMP agent, if they run, and then others that send notifications to
/// `snmp_trap_target`. The first that runs sends those about the daemon.
pub(in crate::process) fn serving(options: &Options, global: &Global) -> Vec<Role> {
    let roles = [(Role::Vrrp, global.snmp_vrrp), (Role::Checkers, global.snmp_checker)];
    let (mut serving, others): (Vec<_>, Vec<_>) = roles.into_iter().partition(|(_, enabled)| options.snmp || *enabled);
    serving.extend(others.into_iter().filter(|_| !global.trap_targets.is_empty()));
    serving.into_iter().map(|(role, _)| role).collect()
}
