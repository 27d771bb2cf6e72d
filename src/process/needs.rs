//! The capabilities that the settings of a process and its configuration need.

use rustix::process::{Resource, getrlimit};
use rustix::thread::CapabilitySet;

use super::cli::Options;
use crate::config::model::{Needs, ProcessSettings};
use crate::kernel::capabilities;

/// A hard limit of descriptors that is enough for any configuration of usual size: a process with a lower one keeps the
/// capability to raise it.
const MANY_DESCRIPTORS: u64 = 1 << 17;

/// The capabilities for the settings of a process and for the demands of its configuration; `snmp`: it connects to an
/// AgentX master.
pub(super) fn common(options: &Options, settings: &ProcessSettings, needs: Needs, snmp: bool) -> CapabilitySet {
    let given = options.names_files() || std::env::var_os("TMPDIR").is_some();
    let few_descriptors = getrlimit(Resource::Nofile).maximum.is_some_and(|limit| limit < MANY_DESCRIPTORS);
    let when = |needed: bool, set: CapabilitySet| if needed { set } else { CapabilitySet::empty() };
    when(snmp || needs.files || needs.programs || given, capabilities::FILES)
        // The launcher regains what it needs to switch to another user; to kill the program is up to this process.
        | when(needs.other_users, CapabilitySet::KILL)
        | when(needs.ping, CapabilitySet::NET_RAW)
        | when(needs.low_ports, CapabilitySet::NET_BIND_SERVICE)
        | when(
            settings.nice.is_some() || settings.rt_priority.is_some() || settings.auto_priority.is_some(),
            CapabilitySet::SYS_NICE,
        )
        | when(settings.no_swap, CapabilitySet::IPC_LOCK)
        | when(few_descriptors, CapabilitySet::SYS_RESOURCE)
}
