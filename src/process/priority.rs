//! How the kernel treats the process: `vrrp_priority`, `vrrp_rt_priority`, `vrrp_no_swap`.

use nix::sys::mman::{MlockAllFlags, mlockall};
use rustix::process::setpriority_process;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::config::model::Global;
use crate::notify::log::Log;

/// Applies what is configured to the calling thread (the loop) and the process. What fails is logged: the daemon does
/// its work without it, only less certainly in time.
pub(super) fn apply(global: &Global, log: &Log) {
    if let Some(nice) = global.vrrp_nice
        && let Err(error) = setpriority_process(None, nice.into())
    {
        log.error(format_args!("Cannot set vrrp_priority {nice}: {error}"));
    }
    if global.vrrp_no_swap
        && let Err(error) = mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)
    {
        log.error(format_args!("Cannot lock memory as vrrp_no_swap says: {error}"));
    }
    if let Some(priority) = global.vrrp_rt_priority {
        let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
        let set = ThreadPriorityValue::try_from(priority).map_err(|error| error.to_owned()).and_then(|value| {
            let priority = ThreadPriority::Crossplatform(value);
            set_thread_priority_and_policy(thread_native_id(), priority, policy).map_err(|error| error.to_string())
        });
        if let Err(error) = set {
            log.error(format_args!("Cannot set vrrp_rt_priority {priority}: {error}"));
        }
    }
}
