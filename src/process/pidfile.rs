//! Pid files: locked while the process runs, so that a second daemon refuses to start, and removed at the stop.
//!
//! Only a regular file of our own is used: `-p` may name a device or a FIFO by mistake, and others may create links in
//! the directory.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::files::{self, Unfit};

/// Permissions of a pid file.
const MODE: u32 = 0o644;
/// Octets of a pid file that are read.
const LARGEST: usize = 32;

/// A pid file locked by this process.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
    /// The content that this process has written: empty for a file that it has created, `None` for another that it has
    /// only locked.
    ours: Option<String>,
}

/// Another handle to the same locked file, which keeps the lock over a change of the program.
#[derive(Debug)]
pub struct Locked {
    path: PathBuf,
    file: File,
    ours: Option<String>,
}

impl Locked {
    /// Path and content.
    pub fn parts(&self) -> (PathBuf, Option<String>) {
        (self.path.clone(), self.ours.clone())
    }
}

impl AsFd for Locked {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Why a pid file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Another process has locked it.
    #[error("daemon is already running")]
    Running,
    /// It cannot be opened or written: path and reason.
    #[error("Cannot use the pid file {0}: {1}")]
    Unusable(PathBuf, String),
}

impl PidFile {
    /// Creates or opens the file and locks it. Its content stays until [`PidFile::write`].
    ///
    /// # Errors
    /// If another process has locked it, or if it is not a regular file of our own.
    pub fn lock(path: &Path) -> Result<PidFile, PidFileError> {
        let unusable = |reason: Unfit| PidFileError::Unusable(path.into(), reason.to_string());
        if let Some(directory) = path.parent() {
            // An error shows when the file is opened.
            let _ = files::make_directory(directory);
        }
        let (file, made) = files::open_own(path, MODE).map_err(unusable)?;
        if made {
            // Independent of the umask: other users read the pid.
            file.set_permissions(Permissions::from_mode(MODE)).map_err(|error| unusable(error.into()))?;
        }
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => PidFileError::Running,
            TryLockError::Error(error) => unusable(error.into()),
        })?;
        Ok(PidFile { path: path.into(), file, ours: made.then(String::new) })
    }

    /// The file that the former program of this process has locked and written.
    pub fn inherited((path, ours): (PathBuf, Option<String>), file: File) -> PidFile {
        PidFile { path, file, ours }
    }

    /// Another handle, for the new program of an upgrade; `None` if no descriptor is free.
    pub fn locked(&self) -> Option<Locked> {
        let file = self.file.try_clone().ok()?;
        Some(Locked { path: self.path.clone(), file, ours: self.ours.clone() })
    }

    /// Checks that a child will be able to use its pid file; otherwise it would be restarted for ever.
    ///
    /// # Errors
    /// If it exists and is not a regular file of our own.
    pub fn check(path: &Path) -> Result<(), PidFileError> {
        files::may_open(path).map_err(|reason| PidFileError::Unusable(path.into(), reason.to_string()))
    }

    /// Writes `pid` and a newline.
    ///
    /// # Errors
    /// If the write fails.
    pub fn write(&mut self, pid: u32) -> Result<(), PidFileError> {
        let text = format!("{pid}\n");
        let written = self.file.set_len(0).and_then(|()| self.file.write_all_at(text.as_bytes(), 0));
        written.map_err(|error| PidFileError::Unusable(self.path.clone(), error.to_string()))?;
        self.ours = Some(text);
        Ok(())
    }

    /// Unlocks the file for a replacement of this process.
    pub fn release(&self) {
        // An error has no remedy; the replacement reports that the file is locked.
        let _ = self.file.unlock();
    }

    /// Locks and writes the file again, as the replacement has not lived. It may have removed the file.
    ///
    /// # Errors
    /// If another process has locked it, or it cannot be used any more.
    pub fn regain(&mut self, pid: u32) -> Result<(), PidFileError> {
        let mut regained = PidFile::lock(&self.path)?;
        regained.write(pid)?;
        // The former handle must not remove the file.
        self.ours = None;
        *self = regained;
        Ok(())
    }

    /// Whether the path still names our file, with the content that we wrote.
    fn is_ours(&self) -> io::Result<bool> {
        let mut found = [0; LARGEST];
        let length = self.file.read_at(&mut found, 0)?;
        let same = self.ours.as_ref().is_some_and(|ours| found.get(..length) == Some(ours.as_bytes()));
        Ok(same && files::is_same(&self.path, &self.file))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.is_ours().unwrap_or(false) {
            // At the exit an error has no remedy.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::files::tests::unfit;
    use super::*;

    /// A replacement has locked the file, or has removed it too.
    #[test]
    fn a_file_is_released_and_regained() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        let mut ours = PidFile::lock(&path).unwrap();
        ours.write(1).unwrap();
        for removes in [false, true] {
            assert!(matches!(PidFile::lock(&path), Err(PidFileError::Running)));
            ours.release();
            let mut theirs = PidFile::lock(&path).unwrap();
            theirs.write(2).unwrap();
            assert!(matches!(ours.regain(1), Err(PidFileError::Running)));
            if !removes {
                theirs.ours = None;
            }
            drop(theirs);
            assert_eq!(path.exists(), !removes);
            ours.regain(1).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        }
        drop(ours);
        assert!(!path.exists());
    }

    /// The replacement has not even locked it.
    #[test]
    fn a_file_is_regained_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        let mut ours = PidFile::lock(&path).unwrap();
        ours.write(1).unwrap();
        ours.release();
        ours.regain(1).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        assert!(matches!(PidFile::lock(&path), Err(PidFileError::Running)));
    }

    #[test]
    fn only_a_regular_file_of_our_own_is_used() {
        let directory = tempfile::tempdir().unwrap();
        for (path, reason) in unfit(directory.path()) {
            let error = PidFile::lock(&path).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()) && error.contains(reason), "{error}");
            assert!(path.symlink_metadata().is_ok(), "{} was removed", path.display());
        }
        assert_eq!(fs::read_to_string(directory.path().join("named")).unwrap(), "precious");
    }

    #[test]
    fn a_pid_file_is_locked_written_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/daemon.pid");
        let mut file = PidFile::lock(&path).unwrap();
        file.write(4711).unwrap();
        file.write(12).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "12\n");
        assert!(matches!(PidFile::lock(&path), Err(PidFileError::Running)));
        drop(file);
        assert!(!path.exists());
        // The pid file of a killed daemon is reused.
        fs::write(&path, "99\n").unwrap();
        let mut file = PidFile::lock(&path).unwrap();
        file.write(13).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_file_with_our_content_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("daemon.pid");
        // A file that was only locked.
        fs::write(&path, "99\n").unwrap();
        drop(PidFile::lock(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "99\n");
        // A file with content of another process.
        let mut file = PidFile::lock(&path).unwrap();
        file.write(12).unwrap();
        fs::write(&path, "13\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "13\n");
        // A file that was replaced.
        let mut file = PidFile::lock(&path).unwrap();
        file.write(12).unwrap();
        fs::rename(&path, directory.path().join("moved")).unwrap();
        fs::write(&path, "12\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "12\n");
    }
}
