//! How many descriptors this process may have.
//!
//! The usual limit is 1024, and ten thousand checks or 255 virtual interfaces may need more. Programs are started with
//! the limit as the daemon found it: some try all descriptors below it, others cannot use those beyond 1024.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Origin;

/// Makes room for `wanted` descriptors, if there is less; gives the limit then, which is lower when the hard one is
/// and this process may not raise that.
pub fn make_room(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(now.current) {
        return now.current.unwrap_or(u64::MAX);
    }
    // Programs are given back what was there before.
    let _ = Origin::of_the_daemon();
    let within = Rlimit { current: Some(wanted.min(now.maximum.unwrap_or(wanted))), maximum: now.maximum };
    let beyond = Rlimit { current: Some(wanted), maximum: Some(wanted) };
    if enough(now.maximum) || setrlimit(Resource::Nofile, beyond).is_err() {
        // This much is always allowed.
        let _ = setrlimit(Resource::Nofile, within);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
