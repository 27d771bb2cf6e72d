//! One read of a tracked file: writes `init_file`, watches the directory, reads the number. May block on a file system.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::sys::inotify::{AddWatchFlags, Inotify, WatchDescriptor};

use super::number::number;
use crate::config::model::InitFile;
use crate::text::reason;

/// Octets of a file that are read.
const MAX_LENGTH: u64 = 128;
/// Mode of a file that `init_file` creates or overwrites, as in C keepalived.
const MODE: u32 = 0o600;

/// The function that performs a job.
pub(super) type Examine = Arc<dyn Fn(&Job) -> Examined + Send + Sync>;

/// When `init_file` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitFiles {
    /// At the start of the daemon: create the file; with `overwrite`, also replace an existing one.
    AsWritten,
    /// While the daemon is running: create the file if it does not exist.
    IfMissing,
    /// Do not write it.
    Never,
}

/// A read to perform.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Index of the file.
    pub(super) place: usize,
    pub(super) path: PathBuf,
    /// `init_file` to write first.
    pub(super) init: Option<InitFile>,
    /// The kernel has reported that the writer has closed or renamed the file.
    pub(super) complete: bool,
}

/// Result of a read.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) place: usize,
    /// The watch of the directory, if it exists.
    pub(super) watch: Option<WatchDescriptor>,
    /// Why `init_file` could not be written.
    pub(super) init: Option<String>,
    pub(super) found: Found,
    pub(super) complete: bool,
}

/// Content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Its number; 0 when the file has none or does not exist.
    Number(i32),
    /// The file has no usable number, for this reason: the last number stays.
    Unusable(String),
}

/// Performs a read.
pub(super) fn examine(job: &Job, inotify: &Inotify) -> Examined {
    let init = job.init.and_then(|init| write(&job.path, init).err()).map(|error| reason(&error));
    // Watch before reading, so that no change is missed. A second watch of a directory has no effect.
    let watch = watch(&job.path, inotify).ok();
    Examined { place: job.place, watch, init, found: read(&job.path), complete: job.complete }
}

/// Watches the directory of a file, as files are often replaced by renaming.
fn watch(path: &Path, inotify: &Inotify) -> nix::Result<WatchDescriptor> {
    let whole = AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_ONLYDIR;
    let directory = path.parent().filter(|path| !path.as_os_str().is_empty());
    inotify.add_watch(directory.unwrap_or(Path::new(".")), whole)
}

fn read(path: &Path) -> Found {
    let text = match text_of(path) {
        Ok(text) => text,
        Err(error) if is_absence(&error) => return Found::Number(0),
        Err(error) => return Found::Unusable(reason(&error)),
    };
    number(&text).map_or_else(
        || Found::Unusable(format!("'{}' is beyond 32 bits", String::from_utf8_lossy(&text).trim())),
        Found::Number,
    )
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads the start of a regular file. FIFOs and devices are not opened: data of a FIFO may be for another reader.
fn text_of(path: &Path) -> io::Result<Vec<u8>> {
    regular(path.metadata()?)?;
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    regular(file.metadata()?)?;
    let mut text = Vec::new();
    file.take(MAX_LENGTH).read_to_end(&mut text)?;
    Ok(text)
}

fn regular(metadata: std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Writes `init_file`.
fn write(path: &Path, init: InitFile) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(MODE).custom_flags(OFlag::O_NONBLOCK.bits());
    let mut file = match options.clone().create_new(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !init.overwrite {
                return Ok(());
            }
            match path.metadata() {
                Ok(metadata) => regular(metadata)?,
                // A dangling symbolic link.
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(error),
            }
            options.create(true).open(path)?
        }
        Err(error) => return Err(error),
    };
    regular(file.metadata()?)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.set_len(0)?;
    writeln!(file, "{}", init.value)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn init_file_creates_a_file_and_overwrites_only_with_overwrite() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        write(&path, InitFile { value: 5, overwrite: false }).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "5\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "123456").unwrap();
        write(&path, InitFile { value: 5, overwrite: false }).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "123456");
        write(&path, InitFile { value: -7, overwrite: true }).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "-7\n");
        assert!(write(directory.path(), InitFile { value: 5, overwrite: true }).is_err());
        assert!(write(&directory.path().join("no/f"), InitFile { value: 5, overwrite: true }).is_err());
    }

    #[test]
    fn only_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let no_file = Found::Unusable("it is not a regular file".to_owned());
        assert_eq!([read(&path), read(directory.path())], [no_file.clone(), no_file]);
        assert_eq!(read(&directory.path().join("missing")), Found::Number(0));
        assert_eq!(read(&path.join("below")), Found::Number(0));
        let number = directory.path().join("n");
        fs::write(&number, "99999999999\n").unwrap();
        assert_eq!(read(&number), Found::Unusable("'99999999999' is beyond 32 bits".to_owned()));
    }
}
