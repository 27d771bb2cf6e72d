//! Dump files: the rows as text, on signals.
//!
//! The process makes the text from its rows, and a thread writes it, so that a slow disk does not delay the process. Files
//! are written under a temporary name and renamed, so that they are always complete.

pub mod bfd;
pub mod check;
pub mod effective;
mod files;
mod global;
mod json;
mod lines;
pub mod parent;
mod text;
pub mod vrrp;

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::log::Log;

pub use files::DumpFile;
pub use global::Setting;
pub use json::json;

/// Kind of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dump {
    /// SIGUSR1: all rows.
    Data,
    /// SIGUSR2: the counters of VRRP.
    Statistics,
    /// SIGRTMAX - 1: the counters of VRRP, which are then reset to 0.
    ClearStatistics,
    /// SIGRTMIN + 2: the virtual routers in JSON.
    Json,
}

/// Most waiting dumps; further ones are refused.
const QUEUE: usize = 8;

/// A file to be written.
#[derive(Debug)]
struct Job {
    path: PathBuf,
    text: String,
    /// Its directory is made if it does not exist.
    make_directory: bool,
}

/// Writes dump files in a separate thread.
#[derive(Debug)]
pub struct Writer {
    queue: SyncSender<Job>,
    log: Log,
}

impl Writer {
    /// Starts the thread, which reports to `log`.
    pub fn start(log: Log) -> io::Result<Writer> {
        let (queue, orders) = sync_channel(QUEUE);
        let thread_log = log.clone();
        std::thread::Builder::new().name("dump".into()).spawn(move || write_all(&orders, &thread_log))?;
        Ok(Writer { queue, log })
    }

    /// Queues `text` for a file; a relative path begins at the temporary directory. Never blocks.
    pub fn write(&self, path: PathBuf, text: String) {
        self.send(Job { path, text, make_directory: false });
    }

    /// Queues `text` for a file in a directory that is made if only its parent exists. Never blocks.
    pub fn save(&self, path: PathBuf, text: String) {
        self.send(Job { path, text, make_directory: true });
    }

    fn send(&self, job: Job) {
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = self.queue.try_send(job) {
            let path = job.path.display();
            self.log.warning(format_args!("{path} is not written: earlier dumps are still being written"));
        }
    }
}

fn write_all(orders: &Receiver<Job>, log: &Log) {
    while let Ok(Job { path, text, make_directory }) = orders.recv() {
        let directory = directory(std::env::var_os("TMPDIR").map(PathBuf::from));
        let path = directory.join(path);
        let made = if make_directory { make(path.parent()) } else { Ok(()) };
        match made.and_then(|()| replace(&path, &text)) {
            Ok(()) => log.info(format_args!("Wrote {}", path.display())),
            Err(error) => log.error(format_args!("Cannot write {}: {error}", path.display())),
        }
    }
}

/// Makes a directory that only its owner can use, if it does not exist.
fn make(directory: Option<&Path>) -> io::Result<()> {
    let Some(directory) = directory else { return Ok(()) };
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// `TMPDIR` when it is absolute and a directory, else /tmp.
fn directory(tmpdir: Option<PathBuf>) -> PathBuf {
    tmpdir.filter(|path| path.is_absolute() && path.is_dir()).unwrap_or_else(|| "/tmp".into())
}

/// Replaces `path` by a new file that only its owner can read. Safe in a directory where other users can create files: the
/// temporary file has a random name, is created exclusively, and is renamed, so that no symbolic link is followed.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", RandomState::new().hash_one(std::process::id())));
    let temporary = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Report the first error.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_dump_replaces_a_link_and_follows_none() {
        let directory = tempfile::tempdir().unwrap();
        let (victim, path) = (directory.path().join("victim"), directory.path().join("keepalived.stats"));
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &path).unwrap();
        replace(&path, "text\n").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text\n");
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert!(metadata.is_file() && metadata.permissions().mode() & 0o777 == 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn a_dump_that_fails_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keepalived.stats");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, "text\n").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_an_absolute_directory_is_taken() {
        assert_eq!(directory(Some("/usr".into())), PathBuf::from("/usr"));
        assert_eq!(directory(Some("src".into())), PathBuf::from("/tmp"));
        assert_eq!(directory(Some("/no/such/directory".into())), PathBuf::from("/tmp"));
        assert_eq!(directory(None), PathBuf::from("/tmp"));
    }
}
