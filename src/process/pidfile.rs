//! Pid files: locked while in use, so that a second daemon notices, and removed at stop.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A pid file held by this process.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    _locked: File,
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
    /// Locks the file and writes `pid` and a newline into it.
    pub fn create(path: &Path, pid: u32) -> Result<PidFile, PidFileError> {
        let io = |error| PidFileError::Io(path.into(), error);
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        // Not truncated before it is locked: the number inside may be that of a living daemon.
        options.write(true).create(true).truncate(false).mode(0o644).custom_flags(no_follow);
        let mut file = options.open(path).map_err(io)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => PidFileError::Running,
            TryLockError::Error(error) => io(error),
        })?;
        file.set_len(0).and_then(|()| writeln!(file, "{pid}")).map_err(io)?;
        Ok(PidFile { path: path.into(), _locked: file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nothing to be done about a file that is gone already.
        let _ = std::fs::remove_file(&self.path);
    }
}
