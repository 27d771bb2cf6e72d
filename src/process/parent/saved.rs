//! `config_save_dir`: copies of the configuration, for debugging.

use super::Parent;
use crate::config::Shown;

impl Parent {
    /// Writes a copy of the configuration at the start.
    pub(super) fn save_first_configuration(&mut self) {
        if let Some(directory) = &self.plan.dumps.config_save_dir {
            let path = self.saves.next(directory.as_ref());
            self.dumps.save(path, self.copy(&self.plan.shown));
        }
    }

    /// Writes a copy of a configuration that a reload has read.
    pub(super) fn save_configuration(&mut self, shown: &Shown, directory: Option<&str>) {
        if let Some(directory) = directory {
            let path = self.saves.next(directory.as_ref());
            self.dumps.save(path, self.copy(shown));
        }
    }

    /// The text of a copy, in which secrets are masked.
    fn copy(&self, shown: &Shown) -> String {
        format!("# {}\n{shown}\n", self.plan.options.config_file.display())
    }
}
