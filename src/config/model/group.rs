//! Sync groups.

use serde::{Deserialize, Serialize};

use super::script::Scripts;
use super::track::Track;

/// One `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncGroup {
    /// Name of the block.
    pub name: String,
    /// Names of the member instances, in configured order, never empty.
    pub members: Vec<String>,
    /// Notify scripts.
    pub scripts: Scripts,
    /// `smtp_alert`, with the global defaults merged in; default false.
    pub smtp_alert: bool,
    /// `track_interface` entries of the group.
    pub trackers: Vec<Track>,
    /// `sync_group_tracking_weight`.
    pub tracking_weight: bool,
    /// `notify_priority_changes` of its members.
    pub notify_priority_changes: bool,
}
