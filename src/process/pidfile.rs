//! Pid files: locked while in use, so that a second daemon notices, and removed at stop.
//!
//! A pid file is a regular file of our own and nothing else: `-p` may name a device or a FIFO by mistake, and its
//! directory may be one in which others put links.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::files::{self, Unfit};

/// Digits of a pid file that are read.
const MOST: usize = 32;

/// A pid file held by this process.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
    /// What we have written; before that, nothing if the file is one that we made.
    ours: Option<String>,
}

/// Why a pid file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Another process holds it.
    #[error("daemon is already running")]
    Running,
    /// It cannot be written.
    #[error("cannot use the pid file {0}: {1}")]
    Unusable(PathBuf, String),
}

impl PidFile {
    /// Locks the file, which stays as it is until [`PidFile::write`].
    ///
    /// # Errors
    /// When another process has it, or when it is no regular file of our own.
    pub fn lock(path: &Path) -> Result<PidFile, PidFileError> {
        let unusable = |reason: Unfit| PidFileError::Unusable(path.into(), reason.to_string());
        if let Some(directory) = path.parent() {
            // Whether it could be made shows when the file is opened.
            let _ = files::make_directory(directory);
        }
        let (file, made) = files::open_own(path, 0o644).map_err(unusable)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => PidFileError::Running,
            TryLockError::Error(error) => unusable(error.into()),
        })?;
        Ok(PidFile { path: path.into(), file, ours: made.then(String::new) })
    }

    /// Whether a child will be able to use its pid file: one that cannot would be started again for ever.
    ///
    /// # Errors
    /// When it is no regular file of our own.
    pub fn check(path: &Path) -> Result<(), PidFileError> {
        files::may_open(path).map_err(|reason| PidFileError::Unusable(path.into(), reason.to_string()))
    }

    /// Writes `pid` and a newline.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&mut self, pid: u32) -> Result<(), PidFileError> {
        let text = format!("{pid}\n");
        let written = self.file.set_len(0).and_then(|()| self.file.write_all_at(text.as_bytes(), 0));
        written.map_err(|error| PidFileError::Unusable(self.path.clone(), error.to_string()))?;
        self.ours = Some(text);
        Ok(())
    }

    /// Whether the file is still the one we have, with what we wrote.
    fn is_ours(&self) -> io::Result<bool> {
        let mut found = [0; MOST];
        let length = self.file.read_at(&mut found, 0)?;
        let same = self.ours.as_ref().is_some_and(|ours| found.get(..length) == Some(ours.as_bytes()));
        Ok(same && files::is_same(&self.path, &self.file))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.is_ours().unwrap_or(false) {
            // Nothing to be done about a file that cannot be removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::files::tests::unfit;
    use super::*;

    #[test]
    fn a_pid_file_is_a_regular_file_of_our_own() {
        let directory = tempfile::tempdir().unwrap();
        for (path, reason) in unfit(directory.path()) {
            let error = PidFile::lock(&path).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()) && error.contains(reason), "{error}");
            assert!(path.symlink_metadata().is_ok(), "{} is gone", path.display());
        }
        assert_eq!(fs::read_to_string(directory.path().join("named")).unwrap(), "precious");
    }

    #[test]
    fn it_is_locked_written_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/daemon.pid");
        let mut file = PidFile::lock(&path).unwrap();
        file.write(4711).unwrap();
        file.write(12).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "12\n");
        assert!(matches!(PidFile::lock(&path), Err(PidFileError::Running)));
        drop(file);
        assert!(!path.exists());
        // That of a daemon which was killed is taken over.
        fs::write(&path, "99\n").unwrap();
        let mut file = PidFile::lock(&path).unwrap();
        file.write(13).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn only_what_we_wrote_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("daemon.pid");
        // One that was only locked.
        fs::write(&path, "99\n").unwrap();
        drop(PidFile::lock(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "99\n");
        // One into which somebody else has written.
        let mut file = PidFile::lock(&path).unwrap();
        file.write(12).unwrap();
        fs::write(&path, "13\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "13\n");
        // One in whose place there is another.
        let mut file = PidFile::lock(&path).unwrap();
        file.write(12).unwrap();
        fs::rename(&path, directory.path().join("moved")).unwrap();
        fs::write(&path, "12\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "12\n");
    }
}
