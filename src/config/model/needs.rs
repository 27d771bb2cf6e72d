//! Demands of a configuration on the privileges of a process.

use serde::{Deserialize, Serialize};

/// Demands on the privileges of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// It runs programs.
    pub programs: bool,
    /// It runs some of them as a user other than root.
    pub other_users: bool,
    /// It reads or writes files that may belong to any user: tracked files, certificates, keys, FIFOs, configured dump files.
    pub files: bool,
    /// It sends ICMP messages (`PING_CHECK`).
    pub ping: bool,
    /// It binds a socket to a port below 1024 (`bind_port`).
    pub low_ports: bool,
}
