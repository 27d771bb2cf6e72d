//! Background threads with low priority, and waiting for a thread to end.

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Niceness of background threads: 30 of them take at most half of the CPU time from a busy event loop.
const NICE: i32 = 19;

/// Starts a thread with niceness 19 and without the real-time policy that the caller may have.
///
/// # Errors
/// When the system has no threads left.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    spawn_brief(name, move || {
        // On Linux this applies to the calling thread only. Raising the niceness is always allowed.
        let _ = setpriority_process(None, NICE);
        work();
    })
}

/// Starts a thread that works little, and should do it soon: without the real-time policy that the caller may have, but with
/// its niceness.
///
/// # Errors
/// When the system has no threads left.
pub fn spawn_brief(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(move || {
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        // Leaving a real-time policy is always allowed; if not, work at the caller's priority.
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
        work();
    })
}

/// Waits for a thread to end, at most for `limit`; returns whether it has ended. A thread that hangs, for example in a
/// file system, is abandoned.
pub fn await_end(thread: &JoinHandle<()>, limit: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(2);
    let start = Instant::now();
    loop {
        if thread.is_finished() {
            return true;
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return false;
        }
        std::thread::sleep(STEP.min(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_thread_that_hangs_is_abandoned() {
        let (release, hangs) = channel::<()>();
        let thread = spawn("hangs", move || {
            let _ = hangs.recv();
        })
        .unwrap();
        assert!(!await_end(&thread, Duration::from_millis(20)));
        drop(release);
        assert!(await_end(&thread, Duration::from_secs(10)));
    }
}
