//! Scripts and their users.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// User and group of a script, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptUser {
    /// Numeric user id.
    pub uid: u32,
    /// Numeric group id.
    pub gid: u32,
}

/// A command with its arguments and its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Program and arguments, never empty.
    pub argv: Vec<String>,
    /// Configured user; `None` = `script_user`.
    pub user: Option<ScriptUser>,
}

/// A script with a time limit, after which it is killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedScript {
    /// The script.
    pub script: Script,
    /// Time limit.
    pub limit: Duration,
}

/// Notify scripts of an instance or a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scripts {
    /// `notify_master`.
    pub master: Option<Script>,
    /// `notify_backup`.
    pub backup: Option<Script>,
    /// `notify_fault`.
    pub fault: Option<Script>,
    /// `notify_stop`.
    pub stop: Option<Script>,
    /// `notify`.
    pub any: Option<Script>,
    /// `notify_deleted` (instances only).
    pub deleted: Option<Script>,
    /// `notify_master_rx_lower_pri` (instances only).
    pub master_rx_lower_pri: Option<Script>,
}

impl Scripts {
    /// All that are set.
    pub fn all(&self) -> impl Iterator<Item = &Script> {
        let Scripts { master, backup, fault, stop, any, deleted, master_rx_lower_pri } = self;
        [master, backup, fault, stop, any, deleted, master_rx_lower_pri].into_iter().flatten()
    }
}
