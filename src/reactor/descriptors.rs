//! How many descriptors this process may have.
//!
//! The usual limit is 1024, and ten thousand checks or 255 virtual interfaces may need more. Programs are started with
//! the limit as it was: some try all descriptors below it, others cannot use those beyond 1024.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// As this process found it; set when it is changed.
static FOUND: OnceLock<Rlimit> = OnceLock::new();

/// Makes room for `wanted` descriptors, if there is less; gives the limit then, which is lower when the hard one is
/// and this process may not raise that.
pub fn make_room(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(now.current) {
        return now.current.unwrap_or(u64::MAX);
    }
    FOUND.get_or_init(|| now);
    let within = Rlimit { current: Some(wanted.min(now.maximum.unwrap_or(wanted))), maximum: now.maximum };
    let beyond = Rlimit { current: Some(wanted), maximum: Some(wanted) };
    if enough(now.maximum) || setrlimit(Resource::Nofile, beyond).is_err() {
        // This much is always allowed.
        let _ = setrlimit(Resource::Nofile, within);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Gives a program that was started just now the limit that this process was started with.
///
/// # Errors
/// When the program is gone, or of another user while this process has no `CAP_SYS_RESOURCE`.
pub(super) fn as_found(program: u32) -> io::Result<()> {
    let Some(found) = FOUND.get() else { return Ok(()) };
    let pid = i32::try_from(program).ok().and_then(Pid::from_raw);
    // Without a number it would be this process.
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    prlimit(Some(pid), Resource::Nofile, *found)?;
    Ok(())
}
