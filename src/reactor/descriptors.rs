//! The limit of descriptors of this process.
//!
//! The usual limit is 1024; ten thousand checks or 255 VMACs may need more. Programs are started with the original
//! limit: some close all descriptors below it, others cannot use descriptors above 1023.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Origin;

/// Raises the limit to `wanted` descriptors if it is lower. Returns the new limit, which is lower than `wanted` when the
/// hard limit is lower and this process may not raise it.
pub fn make_room(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(now.current) {
        return now.current.unwrap_or(u64::MAX);
    }
    // Record the original limit, for programs.
    let _ = Origin::of_the_daemon();
    let within = Rlimit { current: Some(wanted.min(now.maximum.unwrap_or(wanted))), maximum: now.maximum };
    let beyond = Rlimit { current: Some(wanted), maximum: Some(wanted) };
    if enough(now.maximum) || setrlimit(Resource::Nofile, beyond).is_err() {
        // Up to the hard limit is always allowed.
        let _ = setrlimit(Resource::Nofile, within);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
