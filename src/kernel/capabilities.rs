//! The capabilities of a process (capabilities(7)): those it does not need are given up, those it lacks are named.
//!
//! A process that runs as root has all of them, and one defect in what reads packets from strangers would give them
//! away. The bounding set stays as it was found: a program that root executes regains all, as the scripts of an
//! administrator expect.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// Files of others: the socket of the AgentX master, configuration and certificates, `TMPDIR`.
const FILES: CapabilitySet = CapabilitySet::DAC_OVERRIDE;
/// Programs run as other users, and are ended.
const PROGRAMS: CapabilitySet = CapabilitySet::SETUID.union(CapabilitySet::SETGID).union(CapabilitySet::KILL);
/// Priority, memory that is never swapped, and limits: also those of programs.
const TREATMENT: CapabilitySet =
    CapabilitySet::SYS_NICE.union(CapabilitySet::IPC_LOCK).union(CapabilitySet::SYS_RESOURCE);
/// Addresses, links, IPVS, interface settings; raw sockets.
const NETWORK: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW);

/// What the VRRP process may need with any configuration: a reload gives nothing back.
pub const VRRP: CapabilitySet = FILES.union(PROGRAMS).union(TREATMENT).union(NETWORK);
/// What the checker process may need with any configuration: `bindto` also with a port below 1024.
pub const CHECKERS: CapabilitySet = VRRP.union(CapabilitySet::NET_BIND_SERVICE);
/// What the BFD process may need with any configuration: a receive buffer as large as it has to be.
pub const BFD: CapabilitySet = FILES.union(TREATMENT).union(CapabilitySet::NET_ADMIN);
/// What the parent needs. What it executes as root has all capabilities again.
pub const PARENT: CapabilitySet = FILES.union(PROGRAMS).union(TREATMENT);
/// What the parent needs besides when each reload enters a network namespace.
pub const NAMESPACES: CapabilitySet = CapabilitySet::SYS_ADMIN;

/// Gives up all capabilities of the calling thread but these. Call it before the first other thread is started: each
/// has its own, and begins with those of the thread that starts it.
///
/// A parent that is not root hands its own capabilities down to its children, and must keep what these need.
///
/// # Errors
/// When the system does not allow it, as some sandboxes do not.
pub fn keep_only(needed: CapabilitySet) -> io::Result<()> {
    let CapabilitySets { effective, permitted, inheritable } = capabilities(None)?;
    let kept = CapabilitySets { effective: effective & needed, permitted: permitted & needed, inheritable };
    Ok(set_capabilities(None, kept)?)
}

/// The names of those of `needed` that the calling thread does not have, such as `CAP_NET_ADMIN`.
///
/// # Errors
/// When the system does not tell.
pub fn missing(needed: CapabilitySet) -> io::Result<Vec<String>> {
    let lacking = needed - capabilities(None)?.effective;
    Ok(lacking.iter_names().map(|(name, _)| format!("CAP_{name}")).collect())
}

/// What neither VRRP nor IPVS can do without: setting addresses, links and services, sending and hearing adverts.
pub const TO_WORK: CapabilitySet = NETWORK;

#[cfg(test)]
mod tests {
    use super::*;

    /// In a thread of its own, which alone loses them.
    #[test]
    fn what_is_not_needed_is_gone_and_named() {
        std::thread::spawn(|| {
            // A container may have less than all.
            let found = capabilities(None).unwrap().effective;
            assert_eq!(missing(NETWORK).unwrap(), Vec::<String>::new(), "this test needs root");
            keep_only(PARENT).unwrap();
            assert_eq!(missing(NETWORK).unwrap(), ["CAP_NET_ADMIN", "CAP_NET_RAW"]);
            let sets = capabilities(None).unwrap();
            assert_eq!((sets.effective, sets.permitted), (found & PARENT, found & PARENT));
            // What is gone does not come back.
            keep_only(VRRP).unwrap();
            assert_eq!(capabilities(None).unwrap().effective, found & PARENT);
        })
        .join()
        .unwrap();
    }
}
