//! `-M`: the pattern of core file names (core(5)), which holds for all programs of the host.

use std::path::{Path, PathBuf};

use crate::text::reason;

/// The kernel's setting.
const PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// The pattern that this daemon has set, and the one before.
pub(super) struct CorePattern {
    file: PathBuf,
    before: String,
    ours: String,
}

impl CorePattern {
    /// Sets the pattern.
    ///
    /// # Errors
    /// A line for the log.
    pub(super) fn set(pattern: &str) -> Result<CorePattern, String> {
        CorePattern::set_in(Path::new(PATTERN), pattern)
    }

    fn set_in(file: &Path, pattern: &str) -> Result<CorePattern, String> {
        let read = std::fs::read_to_string(file);
        let written = read.and_then(|before| std::fs::write(file, pattern).map(|()| before));
        let before = written.map_err(|error| {
            format!(
                "-M, --core-dump-pattern: Cannot write {}: {}; the system's pattern of core file names stays",
                file.display(),
                reason(&error)
            )
        })?;
        Ok(CorePattern { file: file.into(), before, ours: pattern.to_owned() })
    }

    /// The pattern that the former program of this process has set: that before, and ours.
    pub(super) fn inherited((before, ours): (String, String)) -> CorePattern {
        CorePattern { file: PATTERN.into(), before, ours }
    }

    /// The pattern before, and ours.
    pub(super) fn parts(&self) -> (String, String) {
        (self.before.clone(), self.ours.clone())
    }

    /// Restores the earlier pattern, unless it was changed by others meanwhile.
    pub(super) fn restore(self) {
        let is_ours = |text: String| text.trim_end_matches('\n') == self.ours;
        if std::fs::read_to_string(&self.file).is_ok_and(is_ours) {
            // At the exit an error has no remedy.
            let _ = std::fs::write(&self.file, self.before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_earlier_pattern_is_restored() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("core_pattern");
        let text = || fs::read_to_string(&file).unwrap();
        fs::write(&file, "|/lib/handler %p\n").unwrap();
        let pattern = CorePattern::set_in(&file, "/var/crash/%e").unwrap();
        assert_eq!(text(), "/var/crash/%e");
        pattern.restore();
        assert_eq!(text(), "|/lib/handler %p\n");
        // A pattern set by others stays.
        let pattern = CorePattern::set_in(&file, "core").unwrap();
        fs::write(&file, "other\n").unwrap();
        pattern.restore();
        assert_eq!(text(), "other\n");
        let error = CorePattern::set_in(directory.path(), "core").err().unwrap();
        assert!(error.contains("Cannot write") && error.contains("Is a directory;"), "{error}");
    }
}
