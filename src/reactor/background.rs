//! Threads whose work must not compete with an event loop for the processor.

use std::io;
use std::thread::JoinHandle;

use rustix::process::setpriority_process;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Niceness of such threads: some 30 of them take half of the processor that a loop wants for itself, not more.
const NICE: i32 = 19;

/// Starts a thread that is nice, and that is not of the real-time policy which the caller may have.
///
/// # Errors
/// When the system has no threads left.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(move || {
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        // Giving up a policy is always allowed, and so is being nicer; if not, the work is done all the same.
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
        // On Linux this is the calling thread.
        let _ = setpriority_process(None, NICE);
        work();
    })
}
