//! Looking at a file once: `init_file`, the watch of its directory, its number. All of this may wait for a file system.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::sys::inotify::{AddWatchFlags, Inotify, WatchDescriptor};

use super::number::number;
use crate::config::model::InitFile;

/// Octets of a file that are looked at.
const MOST: u64 = 128;
/// Mode of a file that `init_file` makes or overwrites, as in C keepalived.
const MODE: u32 = 0o600;

/// What a job is done by.
pub(super) type Look = Arc<dyn Fn(&Job) -> Looked + Send + Sync>;

/// What becomes of `init_file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitFiles {
    /// The daemon starts: the file is made, with `overwrite` also if it exists.
    AsWritten,
    /// The daemon runs already: the file is made if it does not exist.
    IfMissing,
    /// Nothing is written.
    Never,
}

/// A look to be taken.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Which of the files.
    pub(super) place: usize,
    pub(super) path: PathBuf,
    /// To be written first, whether or not it exists.
    pub(super) init: Option<InitFile>,
    /// The kernel has reported that whoever wrote is done.
    pub(super) complete: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) place: usize,
    /// The watch of its directory, if that is there.
    pub(super) watch: Option<WatchDescriptor>,
    /// Why `init_file` could not be followed.
    pub(super) init: Option<String>,
    pub(super) found: Found,
    pub(super) complete: bool,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A number; 0 when there is none, or no file.
    Number(i32),
    /// Something that is no number, for this reason: the number stays as it was.
    Nothing(String),
}

/// Takes a look.
pub(super) fn look(job: &Job, inotify: &Inotify) -> Looked {
    let init = job.init.and_then(|init| write(&job.path, init).err()).map(|error| error.to_string());
    // The watch before the look: nothing is missed between. Watching a directory twice is watching it once.
    let watch = watch(&job.path, inotify).ok();
    Looked { place: job.place, watch, init, found: read(&job.path), complete: job.complete }
}

/// Watches the directory: a file is often replaced by another.
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
        Err(error) => return Found::Nothing(error.to_string()),
    };
    number(&text).map_or_else(
        || Found::Nothing(format!("'{}' is beyond 32 bits", String::from_utf8_lossy(&text).trim())),
        Found::Number,
    )
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A FIFO is not opened, for that would take what is meant for another reader, nor is a device.
fn text_of(path: &Path) -> io::Result<Vec<u8>> {
    regular(path.metadata()?)?;
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    regular(file.metadata()?)?;
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

fn regular(metadata: std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(io::Error::other("it is no regular file")) }
}

/// `init_file`.
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
                // A symbolic link to nothing yet.
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
    fn init_file_makes_a_file_and_overwrites_one_only_if_it_is_to() {
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
        let no_file = Found::Nothing("it is no regular file".to_owned());
        assert_eq!([read(&path), read(directory.path())], [no_file.clone(), no_file]);
        assert_eq!(read(&directory.path().join("missing")), Found::Number(0));
        assert_eq!(read(&path.join("below")), Found::Number(0));
        let number = directory.path().join("n");
        fs::write(&number, "99999999999\n").unwrap();
        assert_eq!(read(&number), Found::Nothing("'99999999999' is beyond 32 bits".to_owned()));
    }
}
