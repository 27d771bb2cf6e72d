//! How the kernel treats a process: `vrrp_priority`, `vrrp_rt_priority`, `vrrp_no_swap`, those of the checkers, and how
//! many descriptors it may have.

use std::io;

use nix::sys::mman::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setpriority_process, setrlimit,
};
use rustix::thread::CapabilitySet;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::kernel::capabilities;
use crate::notify::log::Log;
use crate::reactor::descriptors;

/// What a process is configured with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Treatment {
    /// `*_priority`.
    pub(super) nice: Option<i8>,
    /// `*_rt_priority`.
    pub(super) rt_priority: Option<u8>,
    /// `*_no_swap`.
    pub(super) no_swap: bool,
    /// Descriptors that its configuration may take at most, beside [`OWN`].
    pub(super) descriptors: usize,
}

/// Descriptors for what every process has.
const OWN: usize = 256;

/// Makes room for `descriptors` beside those for what every process has.
pub(super) fn make_room(descriptors: usize, log: &Log) {
    let wanted = descriptors.saturating_add(OWN) as u64;
    let limit = descriptors::make_room(wanted);
    if limit < wanted {
        log.warning(format_args!(
            "This process may have {limit} files open, and all its checks or instances at once may need {wanted}; \
             raise LimitNOFILE of its unit, or the hard limit of 'ulimit -n'"
        ));
    }
}

/// Keeps the memory of this process, which holds passwords, out of core files and from other processes of its user; with
/// `-m` core files are as large as the hard limit lets them be. Call it before anything secret is read.
pub(super) fn guard_memory(core_dump: bool) -> io::Result<()> {
    let limit = getrlimit(Resource::Core);
    let current = if core_dump { limit.maximum } else { Some(0) };
    setrlimit(Resource::Core, Rlimit { current, ..limit })?;
    if !core_dump {
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(())
}

/// Says whether capabilities that are not needed are still there, and which of `needed` are not.
pub(super) fn tell_capabilities(given_up: io::Result<()>, needed: CapabilitySet, log: &Log) {
    if let Err(error) = given_up {
        log.warning(format_args!("Cannot give up capabilities that are not needed: {error}"));
    }
    match capabilities::missing(needed) {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => log.error(format_args!(
            "This process lacks {}: run keepalived as root, or give it that (CapabilityBoundingSet and \
             AmbientCapabilities of its unit, --cap-add of a container)",
            missing.join(" and ")
        )),
        Err(error) => log.warning(format_args!("Cannot tell the capabilities of this process: {error}")),
    }
}

/// Applies it to the calling thread (the loop) and the process. What fails is logged: the daemon does its work without
/// it, only less certainly in time.
pub(super) fn apply(treatment: Treatment, log: &Log) {
    make_room(treatment.descriptors, log);
    if let Some(nice) = treatment.nice
        && let Err(error) = setpriority_process(None, nice.into())
    {
        log.error(format_args!("Cannot set the process priority {nice}: {error}"));
    }
    if treatment.no_swap
        && let Err(error) = mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)
    {
        log.error(format_args!("Cannot lock memory as no_swap says: {error}"));
    }
    if let Some(priority) = treatment.rt_priority {
        let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
        let set = ThreadPriorityValue::try_from(priority).map_err(|error| error.to_owned()).and_then(|value| {
            let priority = ThreadPriority::Crossplatform(value);
            set_thread_priority_and_policy(thread_native_id(), priority, policy).map_err(|error| error.to_string())
        });
        if let Err(error) = set {
            log.error(format_args!("Cannot set the real-time priority {priority}: {error}"));
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
        set_dumpable_behavior(dumpable).unwrap();
        guard_memory(true).unwrap();
        assert_eq!(getrlimit(Resource::Core).current, limit.maximum);
        assert_eq!(dumpable_behavior().unwrap(), dumpable);
        setrlimit(Resource::Core, limit).unwrap();
    }
}
