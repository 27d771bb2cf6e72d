//! The process at the other end of a connection, and whether it may make requests.
//!
//! The mode of the socket file decides who can connect. The check here is for the case that somebody has changed the
//! mode, or has given an open connection to another user's process.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt};

/// The process that has made a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its process id; 0 if it is in another PID namespace.
    pub pid: i32,
}

impl Peer {
    /// Asks the kernel for the process that has called connect(2).
    pub(super) fn of(stream: &UnixStream) -> io::Result<Peer> {
        let found = getsockopt(stream, sockopt::PeerCredentials)?;
        Ok(Peer { uid: found.uid(), gid: found.gid(), pid: found.pid() })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}, pid {}", self.uid, self.pid)
    }
}

/// Who may make requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Access {
    /// The user of the daemon.
    pub(super) owner: u32,
    /// `control_group`.
    pub(super) group: Option<u32>,
}

impl Access {
    /// Whether a process may make requests: of root, of the daemon's user, or of a member of the group.
    pub(super) fn permits(&self, peer: Peer) -> bool {
        self.permits_with(peer, groups)
    }

    fn permits_with(&self, peer: Peer, groups: impl Fn(Peer) -> Vec<u32>) -> bool {
        let member = |group: u32| peer.gid == group || groups(peer).contains(&group);
        peer.uid == 0 || peer.uid == self.owner || self.group.is_some_and(member)
    }
}

/// The supplementary groups of a process, if it still runs as the same user.
fn groups(peer: Peer) -> Vec<u32> {
    let status = fs::read_to_string(format!("/proc/{}/status", peer.pid)).unwrap_or_default();
    let numbers = |name: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    // Real, effective, saved and file system user.
    if numbers("Uid:").get(1) == Some(&peer.uid) { numbers("Groups:") } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_the_owner_and_members_of_the_group_may_make_requests() {
        let groups = |peer: Peer| if peer.pid == 7 { vec![4, 30] } else { vec![] };
        for (uid, gid, pid, group, expected) in [
            (0, 0, 1, None, true),
            (50, 50, 1, None, true),
            (51, 50, 1, None, false),
            (51, 30, 1, None, false),
            (51, 30, 1, Some(30), true),
            (51, 50, 7, Some(30), true),
            (51, 50, 8, Some(30), false),
            (51, 50, 7, Some(50), true),
            (51, 51, 7, Some(31), false),
        ] {
            let access = Access { owner: 50, group };
            assert_eq!(access.permits_with(Peer { uid, gid, pid }, groups), expected, "{uid} {gid} {pid} {group:?}");
        }
    }

    #[test]
    fn the_kernel_names_the_peer_and_proc_its_groups() {
        let (stream, _other) = UnixStream::pair().unwrap();
        let peer = Peer::of(&stream).unwrap();
        let own = std::process::id().cast_signed();
        assert_eq!((peer.uid, peer.pid), (rustix::process::geteuid().as_raw(), own));
        let mut expected: Vec<u32> = rustix::process::getgroups().unwrap().iter().map(|gid| gid.as_raw()).collect();
        let mut found = groups(peer);
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(groups(Peer { uid: peer.uid.wrapping_add(1), ..peer }), Vec::<u32>::new());
    }
}
