//! `reload_file`: a file that is there while a reload reads the configuration, so that other programs do not change it then.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::fcntl::OFlag;

use crate::notify::log::Log;
use crate::text::reason;

/// Mode of the file if the daemon makes it.
const MODE: u32 = 0o644;

/// The file, while the configuration is read; dropping it removes the file.
pub(super) struct Sign {
    path: PathBuf,
    log: Log,
}

impl Sign {
    /// Makes the file, or empties it if it is there already. Without it the reload goes on, and the log says so.
    pub(super) fn set(path: PathBuf, log: Log) -> Option<Sign> {
        match make(&path) {
            Ok(()) => Some(Sign { path, log }),
            Err(error) => {
                let why = reason(&error);
                log.error(format_args!("reload_file: cannot make {}: {why}; the reload goes on", path.display()));
                None
            }
        }
    }
}

/// A link is not followed, and a FIFO or a device is not opened.
fn make(path: &PathBuf) -> io::Result<()> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(MODE).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    file.set_len(0)
}

impl Drop for Sign {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            let (path, why) = (self.path.display(), reason(&error));
            self.log.error(format_args!("reload_file: cannot remove {path}: {why}; remove it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::log;

    #[test]
    fn it_is_there_for_a_while_and_follows_no_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link, victim) =
            (directory.path().join("busy"), directory.path().join("link"), directory.path().join("victim"));
        let (log, kept) = log::keep();
        let set = |path: PathBuf| Sign::set(path, log.clone());
        fs::write(&path, "content").unwrap();
        let sign = set(path.clone()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        drop(sign);
        assert!(!path.exists());
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        assert!(set(link).is_none());
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert!(set(directory.path().to_owned()).is_none());
        assert!(set(directory.path().join("none/busy")).is_none());
        let lines = kept.take();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines.iter().all(|(_, line)| line.starts_with("reload_file: cannot make ")), "{lines:?}");
    }
}
