//! Pid files: locked while in use, so that a second daemon notices, and removed at stop.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A pid file held by this process.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

/// Why a pid file can not be had.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Another process holds it.
    #[error("daemon is already running")]
    Running,
    /// It can not be written.
    #[error("cannot write pid file {0}: {1}")]
    Io(PathBuf, io::Error),
}

impl PidFile {
    /// Locks the file, which stays as it is until [`PidFile::write`].
    pub fn lock(path: &Path) -> Result<PidFile, PidFileError> {
        if let Some(directory) = path.parent() {
            // Whether it could be made shows when the file is opened.
            let _ = std::fs::create_dir_all(directory);
        }
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o644).custom_flags(no_follow);
        let file = options.open(path).map_err(|error| PidFileError::Io(path.into(), error))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => PidFileError::Running,
            TryLockError::Error(error) => PidFileError::Io(path.into(), error),
        })?;
        Ok(PidFile { path: path.into(), file })
    }

    /// Writes `pid` and a newline.
    pub fn write(&mut self, pid: u32) -> Result<(), PidFileError> {
        let written = self.file.set_len(0).and_then(|()| writeln!(self.file, "{pid}"));
        written.map_err(|error| PidFileError::Io(self.path.clone(), error))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nothing to be done about a file that is gone already.
        let _ = std::fs::remove_file(&self.path);
    }
}
