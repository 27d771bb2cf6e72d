//! `reload_time_file` and related keywords.

use serde::{Deserialize, Serialize};

/// Reloads at set times, and the sign of a reload for other programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloads {
    /// `reload_time_file`: an absolute path. The file has the time of the next reload.
    pub reload_time_file: Option<String>,
    /// `reload_repeat`: a time without a date stays, and repeats each day.
    pub reload_repeat: bool,
    /// `reload_file`: an absolute path, empty for `keepalived.reload` beside the pid file. The file is there while a reload
    /// reads the configuration.
    pub reload_file: Option<String>,
}
