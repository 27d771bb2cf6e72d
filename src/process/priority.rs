//! How the kernel treats a process: `vrrp_priority`, `vrrp_rt_priority`, `vrrp_no_swap`, and those of the checkers.

use nix::sys::mman::{MlockAllFlags, mlockall};
use rustix::process::setpriority_process;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::notify::log::Log;

/// What a process is configured with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Treatment {
    /// `*_priority`.
    pub(super) nice: Option<i8>,
    /// `*_rt_priority`.
    pub(super) rt_priority: Option<u8>,
    /// `*_no_swap`.
    pub(super) no_swap: bool,
}

/// Applies it to the calling thread (the loop) and the process. What fails is logged: the daemon does its work without
/// it, only less certainly in time.
pub(super) fn apply(treatment: Treatment, log: &Log) {
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
