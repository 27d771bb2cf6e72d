//! Settings of a process in the kernel: its name, `vrrp_priority`, `vrrp_rt_priority`, `vrrp_no_swap`,
//! `vrrp_cpu_affinity`, `vrrp_rlimit_rttime` and the same of the other processes, the limit of descriptors, and
//! capabilities.

use std::ffi::CString;
use std::io;

use nix::sys::mman::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setpriority_process, setrlimit,
};
use rustix::thread::{CapabilitySet, CpuSet, sched_getaffinity, sched_setaffinity, set_name};

use super::auto_priority::{self, AutoPriority};
use crate::config::model::ProcessSettings;
use crate::kernel::capabilities;
use crate::notify::log::Log;
use crate::reactor::descriptors;

/// Settings of a process.
#[derive(Clone, Debug)]
pub(super) struct Tuning {
    /// The configured settings.
    pub(super) settings: ProcessSettings,
    /// Number of descriptors that its checks or instances may need, in addition to [`OWN`].
    pub(super) descriptors: usize,
}

/// Descriptors that every process needs for log, queues and threads.
const OWN: usize = 256;

/// Raises the limit of descriptors to `descriptors` and [`OWN`]; if the hard limit is lower, that is logged.
pub(super) fn make_room(descriptors: usize, log: &Log) {
    let wanted = descriptors.saturating_add(OWN) as u64;
    let limit = descriptors::make_room(wanted);
    if limit < wanted {
        log.warning(format_args!(
            "This process may open {limit} files, and its checks or instances may need {wanted} at the same time; \
             raise LimitNOFILE of its unit, or the hard limit of 'ulimit -n'"
        ));
    }
}

/// Disables core files and access by other processes of the same user (ptrace), since this process has passwords in its
/// memory. With `core_dump` (`-m`) it raises the limit of core files to the hard limit instead. Call it before secrets
/// are read.
pub(super) fn guard_memory(core_dump: bool) -> io::Result<()> {
    let limit = getrlimit(Resource::Core);
    let current = if core_dump { limit.maximum } else { Some(0) };
    setrlimit(Resource::Core, Rlimit { current, ..limit })?;
    // Set in both cases: a process is not dumpable if it gained capabilities when it was executed, as our children do.
    let behavior = if core_dump { DumpableBehavior::Dumpable } else { DumpableBehavior::NotDumpable };
    set_dumpable_behavior(behavior).map_err(Into::into)
}

/// Logs an error of dropping unneeded capabilities, and those of `needed` that are missing.
pub(super) fn log_capabilities(dropped: io::Result<()>, needed: CapabilitySet, log: &Log) {
    if let Err(error) = dropped {
        log.warning(format_args!("Cannot drop unneeded capabilities: {error}"));
    }
    match capabilities::missing(needed) {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => log.error(format_args!(
            "This process is missing {}: run keepalived as root, or grant it (CapabilityBoundingSet and \
             AmbientCapabilities of its unit, --cap-add of a container)",
            missing.join(" and ")
        )),
        Err(error) => log.warning(format_args!("Cannot read the capabilities of this process: {error}")),
    }
}

/// Applies the settings to the calling thread (the event loop) and the process. Errors are only logged: the settings
/// improve timing, and the daemon works without them. Returns the priority with which the loop begins.
pub(super) fn apply(tuning: Tuning, log: &Log) -> AutoPriority {
    make_room(tuning.descriptors, log);
    let settings = tuning.settings;
    if let Some(name) = &settings.name {
        name_process(name, log);
    }
    restrict_to(&settings.cpus, log);
    if let Some(nice) = settings.nice
        && let Err(error) = setpriority_process(None, nice.into())
    {
        log.error(format_args!("Cannot set the process priority {nice}: {error}"));
    }
    if settings.no_swap
        && let Err(error) = mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)
    {
        log.error(format_args!("Cannot lock memory for no_swap: {error}"));
    }
    if let Some(micros) = settings.rttime {
        let limit = Rlimit { current: Some(u64::from(micros) >> 1), maximum: Some(micros.into()) };
        if let Err(error) = setrlimit(Resource::Rttime, limit) {
            log.error(format_args!("Cannot limit real-time scheduling to {micros} us: {error}"));
        }
    }
    if let Some(priority) = settings.rt_priority
        && let Err(error) = auto_priority::set(priority)
    {
        log.error(format_args!("Cannot set the real-time priority {priority}: {error}"));
    }
    AutoPriority::new(&settings)
}

/// Sets the name of the process (`ps -o comm`). Call it in the main thread.
pub(super) fn name_process(name: &str, log: &Log) {
    let named = CString::new(name).map_err(io::Error::other).and_then(|name| Ok(set_name(&name)?));
    if let Err(error) = named {
        log.error(format_args!("Cannot name this process '{name}': {error}"));
    }
}

/// Restricts the calling thread, and threads that it starts later, to these CPUs.
fn restrict_to(cpus: &[u16], log: &Log) {
    if cpus.is_empty() {
        return;
    }
    let mut wanted = CpuSet::new();
    let (fitting, others): (Vec<u16>, Vec<u16>) = cpus.iter().partition(|cpu| usize::from(**cpu) < CpuSet::MAX_CPU);
    fitting.iter().for_each(|cpu| wanted.set(usize::from(*cpu)));
    let given = sched_setaffinity(None, &wanted).and_then(|()| sched_getaffinity(None));
    match given {
        Err(error) => log.error(format_args!("Cannot restrict this process to CPUs {cpus:?}: {error}")),
        Ok(given) => {
            let absent = fitting.into_iter().filter(|cpu| !given.is_set(usize::from(*cpu))).chain(others);
            for cpu in absent {
                log.error(format_args!("CPU {cpu} is not available to this process: cpu_affinity ignores it"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::dumpable_behavior;

    use super::*;

    #[test]
    fn memory_is_guarded_unless_core_files_are_wanted() {
        let (limit, dumpable) = (getrlimit(Resource::Core), dumpable_behavior().unwrap());
        guard_memory(false).unwrap();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        guard_memory(true).unwrap();
        assert_eq!(getrlimit(Resource::Core).current, limit.maximum);
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        set_dumpable_behavior(dumpable).unwrap();
        setrlimit(Resource::Core, limit).unwrap();
    }
}
