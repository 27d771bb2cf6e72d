//! `state_dump_file` and related keywords.

use serde::{Deserialize, Serialize};

/// Names of the dump files, and the layout of the dump in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dumps {
    /// `data_use_instance`: the network namespace and the instance are in the names of the dumps of data.
    pub data_use_instance: bool,
    /// `json_version`: 1 or 2.
    pub json_version: u32,
    /// `state_dump_file`: the dump of data of the VRRP process, from which the names of the others are derived. A directory
    /// if it ends with `/`; so are the next two.
    pub state_dump_file: Option<String>,
    /// `stats_dump_file`.
    pub stats_dump_file: Option<String>,
    /// `json_dump_file`.
    pub json_dump_file: Option<String>,
    /// `config_save_dir`: directory for copies of the configuration at the start and at reloads, and of the dumps of data
    /// before and after a reload.
    pub config_save_dir: Option<String>,
}

impl Default for Dumps {
    fn default() -> Dumps {
        Dumps {
            data_use_instance: false,
            json_version: 1,
            state_dump_file: None,
            stats_dump_file: None,
            json_dump_file: None,
            config_save_dir: None,
        }
    }
}

impl Dumps {
    /// The paths that are set, for changes.
    pub(in crate::config) fn each_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let files = [&mut self.state_dump_file, &mut self.stats_dump_file, &mut self.json_dump_file];
        files.into_iter().chain([&mut self.config_save_dir]).flatten()
    }

    /// Whether any path is set: the directory may belong to any user.
    pub fn places_any(&self) -> bool {
        let files = [&self.state_dump_file, &self.stats_dump_file, &self.json_dump_file, &self.config_save_dir];
        files.into_iter().any(Option::is_some)
    }
}
