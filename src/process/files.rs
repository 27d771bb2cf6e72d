//! Files of the daemon that outlive a process, where others may have put something in their place: a link, a FIFO, a
//! device. Nothing is opened, believed or overwritten but a regular file of our own.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::geteuid;

/// Permissions of a directory for files of the daemon, whatever the umask.
const DIRECTORY: u32 = 0o755;
/// Write permission for the group and for others.
const OTHERS: u32 = 0o022;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// It is no regular file of our own.
    #[error("{0}")]
    Kind(String),
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Opens a file to write to, never through a link, and makes it if it is absent. Only a regular file that belongs to the
/// user of this process or to root, and that has no other name, is opened. The second value tells whether it was made.
pub(super) fn open_own(path: &Path, mode: u32) -> Result<(File, bool), Unfit> {
    let mut options = options();
    options.read(true).write(true).mode(mode);
    match options.clone().create_new(true).open(path) {
        Ok(file) => return Ok((file, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    // Before it is opened: that alone has an effect on some devices.
    own(&path.symlink_metadata()?)?;
    let file = options.open(path)?;
    own(&file.metadata()?)?;
    Ok((file, false))
}

/// Whether [`open_own`] would open what is at `path`, if there is anything.
pub(super) fn may_open(path: &Path) -> Result<(), Unfit> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        found => own(&found?),
    }
}

/// Reads a text of at most `most` bytes if nobody but the user of this process and root can have written it. `None` when
/// there is no such file.
pub(super) fn read_own(path: &Path, most: u64) -> Result<Option<String>, Unfit> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    trusted(&found, most)?;
    let file = options().read(true).open(path)?;
    trusted(&file.metadata()?, most)?;
    let mut text = String::new();
    file.take(most).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Whether `path` is still the file that is open, and not another one put in its place.
pub(super) fn is_same(path: &Path, file: &File) -> bool {
    let identity = |metadata: io::Result<Metadata>| metadata.ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let open = identity(file.metadata());
    open.is_some() && open == identity(path.symlink_metadata())
}

/// Makes a directory and those above it that are missing, with permissions that do not depend on the umask.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).collect();
    for part in missing.into_iter().rev() {
        match DirBuilder::new().mode(DIRECTORY).create(part) {
            Ok(()) => fs::set_permissions(part, Permissions::from_mode(DIRECTORY))?,
            // Another process of the daemon has been faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Takes write permission on a directory of the daemon's own from all but its owner.
pub(super) fn close_directory(path: &Path) -> io::Result<()> {
    let found = path.symlink_metadata()?;
    if found.is_dir() && found.mode() & OTHERS != 0 && is_ours(&found) {
        fs::set_permissions(path, Permissions::from_mode(DIRECTORY))?;
    }
    Ok(())
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    options
}

fn is_ours(metadata: &Metadata) -> bool {
    [0, geteuid().as_raw()].contains(&metadata.uid())
}

fn own(metadata: &Metadata) -> Result<(), Unfit> {
    let kind = metadata.file_type();
    let unfit = |text: &str| Err(Unfit::Kind(text.to_owned()));
    match () {
        () if kind.is_symlink() => unfit("it is a symbolic link; name the file itself"),
        () if kind.is_fifo() => unfit("it is a FIFO, not a regular file"),
        () if kind.is_char_device() || kind.is_block_device() => unfit("it is a device, not a regular file"),
        () if !kind.is_file() => unfit("it is not a regular file"),
        () if !is_ours(metadata) => {
            Err(Unfit::Kind(format!("it belongs to user {}; remove it, or name another file", metadata.uid())))
        }
        () if metadata.nlink() != 1 => unfit("it has other names (hard links); remove it, or name another file"),
        () => Ok(()),
    }
}

fn trusted(metadata: &Metadata, most: u64) -> Result<(), Unfit> {
    own(metadata)?;
    if metadata.mode() & OTHERS != 0 {
        return Err(Unfit::Kind("others may write to it".to_owned()));
    }
    if metadata.len() > most {
        return Err(Unfit::Kind(format!("it has {} bytes, more than {most}", metadata.len())));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use nix::sys::stat::{Mode, SFlag, mknod};
    use nix::unistd::mkfifo;

    use super::*;

    /// What must not be taken for a file of ours, and a part of the reason. All in a directory of the test.
    pub(in super::super) fn unfit(directory: &Path) -> Vec<(PathBuf, &'static str)> {
        let place = |name: &str| directory.join(name);
        fs::write(place("victim"), "precious").unwrap();
        symlink(place("victim"), place("link")).unwrap();
        symlink(place("nowhere"), place("dangling")).unwrap();
        fs::write(place("named"), "precious").unwrap();
        fs::hard_link(place("named"), place("twice")).unwrap();
        mkfifo(&place("fifo"), Mode::S_IRWXU).unwrap();
        fs::create_dir(place("directory")).unwrap();
        fs::write(place("foreign"), "precious").unwrap();
        std::os::unix::fs::chown(place("foreign"), Some(65534), None).unwrap();
        // As /dev/null is.
        mknod(&place("null"), SFlag::S_IFCHR, Mode::S_IRWXU, nix::sys::stat::makedev(1, 3)).unwrap();
        [
            ("link", "symbolic link"),
            ("dangling", "symbolic link"),
            ("twice", "hard links"),
            ("fifo", "FIFO"),
            ("directory", "regular file"),
            ("foreign", "belongs to user 65534"),
            ("null", "device"),
        ]
        .map(|(name, reason)| (place(name), reason))
        .into()
    }

    #[test]
    fn only_files_of_our_own_are_opened_or_believed() {
        let directory = tempfile::tempdir().unwrap();
        for (path, reason) in unfit(directory.path()) {
            let text = open_own(&path, 0o644).unwrap_err().to_string();
            assert!(text.contains(reason), "{}: {text}", path.display());
            let text = read_own(&path, 100).unwrap_err().to_string();
            assert!(text.contains(reason), "{}: {text}", path.display());
        }
        for name in ["victim", "named", "foreign"] {
            assert_eq!(fs::read_to_string(directory.path().join(name)).unwrap(), "precious");
        }
        assert!(!directory.path().join("nowhere").exists());
    }

    #[test]
    fn a_text_that_others_could_write_or_that_is_too_long_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("text");
        assert_eq!(read_own(&path, 4).unwrap(), None);
        fs::write(&path, "text").unwrap();
        for (mode, most, expected) in [
            (0o644, 4, Ok("text")),
            (0o600, 4, Ok("text")),
            (0o664, 4, Err("others may write")),
            (0o602, 4, Err("others may write")),
            (0o600, 3, Err("it has 4 bytes, more than 3")),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match (read_own(&path, most), expected) {
                (Ok(Some(text)), Ok(expected)) => assert_eq!(text, expected),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
                (found, expected) => panic!("{mode:o}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn directories_are_closed_to_others() {
        let directory = tempfile::tempdir().unwrap();
        let (deep, open) = (directory.path().join("a/b"), directory.path().join("open"));
        make_directory(&deep).unwrap();
        make_directory(&deep).unwrap();
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        close_directory(&open).unwrap();
        for path in [deep.as_path(), deep.parent().unwrap(), &open] {
            assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o755, "{}", path.display());
        }
    }
}
