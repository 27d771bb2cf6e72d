//! The capabilities of a process (capabilities(7)): drops those it does not need, and names those that are missing.
//!
//! A process that runs as root has all capabilities, and a bug in the decoder of network packets would expose them. The
//! bounding set is not changed: a program executed as root has all capabilities again, as administrators expect of their
//! scripts.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// Files of other users: the socket of the AgentX master, configuration and certificates, `TMPDIR`.
pub const FILES: CapabilitySet = CapabilitySet::DAC_OVERRIDE;
/// Running and killing programs as other users.
const PROGRAMS: CapabilitySet = CapabilitySet::SETUID.union(CapabilitySet::SETGID).union(CapabilitySet::KILL);
/// Priority, locked memory, and resource limits, also for programs.
const TREATMENT: CapabilitySet =
    CapabilitySet::SYS_NICE.union(CapabilitySet::IPC_LOCK).union(CapabilitySet::SYS_RESOURCE);
/// Addresses, links, IPVS, interface settings; raw sockets.
const NETWORK: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW);

/// Capabilities of the VRRP process, whatever the configuration.
pub const VRRP: CapabilitySet = NETWORK;
/// Capabilities of the checker process, whatever the configuration: IPVS.
pub const CHECKERS: CapabilitySet = CapabilitySet::NET_ADMIN;
/// Capabilities of the BFD process: a large receive buffer.
pub const BFD: CapabilitySet = CapabilitySet::NET_ADMIN;
/// Capabilities of the parent process: files, the group of the control socket, the owner of FIFOs,
/// and scripts of other users. Programs that it executes as root have
/// all capabilities again.
pub const PARENT: CapabilitySet =
    FILES.union(CapabilitySet::SETGID).union(CapabilitySet::CHOWN).union(CapabilitySet::KILL);
/// All that some configuration needs in a process.
pub const ANY: CapabilitySet =
    FILES.union(PROGRAMS).union(TREATMENT).union(CapabilitySet::NET_RAW).union(CapabilitySet::NET_BIND_SERVICE);
/// Further capability of the parent process with `net_namespace`, which each reload enters.
pub const NAMESPACES: CapabilitySet = CapabilitySet::SYS_ADMIN;
/// Further capabilities at the start of a child with `net_namespace_ipvs`, which may be the namespace of another process.
pub const ENTER: CapabilitySet = CapabilitySet::SYS_ADMIN.union(CapabilitySet::SYS_PTRACE);

/// Drops all capabilities of the calling thread but these. Call it before starting other threads: capabilities are per
/// thread, and inherited from the starting thread.
///
/// A parent that is not root passes its capabilities on to its children and must keep those that the children need.
///
/// # Errors
/// When the system does not allow it, for example in a sandbox.
pub fn keep_only(needed: CapabilitySet) -> io::Result<()> {
    let CapabilitySets { effective, permitted, inheritable } = capabilities(None)?;
    let kept = CapabilitySets { effective: effective & needed, permitted: permitted & needed, inheritable };
    Ok(set_capabilities(None, kept)?)
}

/// The names of those of `needed` that the calling thread does not have, such as `CAP_NET_ADMIN`.
///
/// # Errors
/// When the capabilities cannot be read.
pub fn missing(needed: CapabilitySet) -> io::Result<Vec<String>> {
    let missing = needed - capabilities(None)?.effective;
    Ok(missing.iter_names().map(|(name, _)| format!("CAP_{name}")).collect())
}

/// Capabilities that VRRP and IPVS require: changing addresses, links and services; sending and receiving adverts.
pub const TO_WORK: CapabilitySet = NETWORK;

#[cfg(test)]
mod tests {
    use super::*;

    /// In a thread of its own, as a dropped capability cannot be regained.
    #[test]
    fn dropped_capabilities_are_reported_as_missing() {
        std::thread::spawn(|| {
            // A container may not have all capabilities.
            let found = capabilities(None).unwrap().effective;
            assert_eq!(missing(NETWORK).unwrap(), Vec::<String>::new(), "this test needs root");
            keep_only(PARENT).unwrap();
            assert_eq!(missing(NETWORK).unwrap(), ["CAP_NET_ADMIN", "CAP_NET_RAW"]);
            let sets = capabilities(None).unwrap();
            assert_eq!((sets.effective, sets.permitted), (found & PARENT, found & PARENT));
            // A dropped capability cannot be regained.
            keep_only(VRRP | FILES).unwrap();
            assert_eq!(capabilities(None).unwrap().effective, found & FILES);
        })
        .join()
        .unwrap();
    }
}
