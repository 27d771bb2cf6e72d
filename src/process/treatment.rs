//! How the kernel treats a process: `vrrp_priority`, `vrrp_rt_priority`, `vrrp_no_swap`, those of the checkers, and how
//! many descriptors it may have.

use nix::sys::mman::{MlockAllFlags, mlockall};
use rustix::process::setpriority_process;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

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
