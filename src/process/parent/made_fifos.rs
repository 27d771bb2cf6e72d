//! The FIFOs that the daemon has made, in a file beside the pid file: the next start knows them after a kill, and removes them at
//! its stop.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::notify::log::Log;
use crate::process::names::beside;
use crate::process::record_file::{Place, RecordFile};
use crate::state::Record;
use crate::text::reason;

/// A file in a file system. A number may be used again, but not with the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    /// When it was made, since the epoch, if the file system knows it.
    born: Option<Duration>,
}

impl Identity {
    pub(super) fn of(found: &Metadata) -> Identity {
        let born = found.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Identity { device: found.dev(), inode: found.ino(), born }
    }

    /// That of a file whose time is not known.
    pub(super) fn numbered((device, inode): (u64, u64)) -> Identity {
        Identity { device, inode, born: None }
    }

    pub(super) fn numbers(self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether both are the same file, as far as is known.
    pub(super) fn is(self, other: Identity) -> bool {
        let same_time = self.born.zip(other.born).is_none_or(|(one, other)| one == other);
        self.numbers() == other.numbers() && same_time
    }

    /// Whether the path names it.
    pub(super) fn is_at(self, path: &str) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_fifo() && self.is(Identity::of(&found)))
    }
}

/// The FIFOs, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MadeFifos {
    pub(super) fifos: Vec<(String, Identity)>,
}

impl Record for MadeFifos {
    const NAME: &'static str = "FIFOs made";
    const VERSION: u32 = 1;
}

/// The location of the file for the pid file of the daemon.
pub(super) fn place(pid_file: &Path) -> Place {
    let lost = "FIFOs of an earlier daemon are not removed at the stop";
    Place { path: beside(pid_file, "fifos"), boot: None, lost }
}

impl MadeFifos {
    /// The file, and the FIFOs of an earlier daemon that was killed; no file if no thread can be started.
    pub(super) fn start(place: Place, log: &Log) -> (Option<RecordFile<MadeFifos>>, MadeFifos) {
        match RecordFile::start(place, log.clone()) {
            Ok((file, found)) => (Some(file), found),
            Err(error) => {
                log.warning(format_args!(
                    "Cannot start the thread that records FIFOs: {}; after a kill they are not removed",
                    reason(&error)
                ));
                (None, MadeFifos::default())
            }
        }
    }

    /// Takes the FIFO with this path out of the record, if it is there.
    pub(super) fn take(&mut self, path: &str) -> Option<Identity> {
        let at = self.fifos.iter().position(|(of, _)| of == path)?;
        Some(self.fifos.remove(at).1)
    }

    /// Removes the FIFOs.
    pub(super) fn remove(self, log: &Log) {
        self.fifos.into_iter().for_each(|(path, made)| remove(&path, made, log));
    }
}

/// Removes a FIFO, if it is still the one that the daemon has made.
pub(super) fn remove(path: &str, made: Identity, log: &Log) {
    if made.is_at(path)
        && let Err(error) = fs::remove_file(path)
    {
        log.warning(format_args!("Cannot remove the FIFO {path}: {}", reason(&error)));
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn a_fifo_is_known_by_its_numbers_and_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        let text = path.to_str().unwrap();
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let made = Identity::of(&path.metadata().unwrap());
        assert!(made.is_at(text) && Identity::numbered(made.numbers()).is_at(text));
        for other in [
            Identity { inode: made.inode + 1, ..made },
            Identity { device: made.device + 1, ..made },
            Identity { born: made.born.map(|at| at + Duration::from_nanos(1)), ..made },
        ] {
            assert!(!other.is_at(text) || other == made, "{other:?}");
        }
        fs::remove_file(&path).unwrap();
        assert!(!made.is_at(text));
        fs::write(&path, "").unwrap();
        assert!(!Identity::of(&path.metadata().unwrap()).is_at(text), "it is no FIFO");
    }
}
