//! The names of copies of the configuration (`config_save_dir`).

use std::path::{Path, PathBuf};

/// Number of the next copy.
#[derive(Debug, Default)]
pub(super) struct Saves(u32);

impl Saves {
    /// The file of the next copy: `keepalived.conf.PID.NUMBER`.
    pub(super) fn next(&mut self, directory: &Path) -> PathBuf {
        let number = self.0;
        self.0 = number.saturating_add(1);
        directory.join(format!("keepalived.conf.{}.{number}", std::process::id()))
    }
}
