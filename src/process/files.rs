//! Access to pid files, records and log files. Other users may have put a link, a FIFO or a device in their place, so
//! only regular files that belong to the daemon's user or to root are opened, trusted or overwritten.

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

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// It is not a regular file of our own; a clause that begins with "it".
    #[error("{0}")]
    Kind(String),
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Opens a file for reading and writing, and creates it if it is missing. Links are not followed; the file must be a
/// regular file without other names that belongs to the user of this process or to root. The second value is true if
/// the file was created.
pub(super) fn open_own(path: &Path, mode: u32) -> Result<(File, bool), Unfit> {
    let mut options = options();
    options.read(true).write(true).mode(mode);
    match options.clone().create_new(true).open(path) {
        Ok(file) => return Ok((file, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    // Checked before the open, which already has an effect on some devices.
    check_own(&path.symlink_metadata()?)?;
    let file = options.open(path)?;
    check_own(&file.metadata()?)?;
    Ok((file, false))
}

/// Opens a log file for appending, and creates it with mode 0644, less the umask, if it is missing.
pub(super) fn open_log(path: &Path) -> io::Result<File> {
    let mut options = options();
    options.append(true).create(true).mode(0o644);
    match path.symlink_metadata() {
        // Checked before the open, which already has an effect on some devices.
        Ok(found) => check_own(&found).map_err(io::Error::other)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = options.open(path)?;
    check_own(&file.metadata()?).map_err(io::Error::other)?;
    Ok(file)
}

/// Checks that [`open_own`] would accept the file at `path`; a missing file is accepted.
pub(super) fn may_open(path: &Path) -> Result<(), Unfit> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        found => check_own(&found?),
    }
}

/// Reads a text file of at most `limit` bytes that only the user of this process and root can write to. `None` if the
/// file is missing.
pub(super) fn read_own(path: &Path, limit: u64) -> Result<Option<String>, Unfit> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    check_trusted(&found, limit)?;
    let file = options().read(true).open(path)?;
    check_trusted(&file.metadata()?, limit)?;
    let mut text = String::new();
    file.take(limit).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Whether `path` still names the open `file`, and not another one that has replaced it.
pub(super) fn is_same(path: &Path, file: &File) -> bool {
    let identity = |metadata: io::Result<Metadata>| metadata.ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let open = identity(file.metadata());
    open.is_some() && open == identity(path.symlink_metadata())
}

/// Creates a directory and its missing parents, with mode 0755 independent of the umask.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).collect();
    for part in missing.into_iter().rev() {
        match DirBuilder::new().mode(DIRECTORY).create(part) {
            Ok(()) => fs::set_permissions(part, Permissions::from_mode(DIRECTORY))?,
            // Another process of the daemon has created it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes write permission for group and others from a directory that belongs to the user of this process or to root.
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

fn check_own(metadata: &Metadata) -> Result<(), Unfit> {
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

fn check_trusted(metadata: &Metadata, limit: u64) -> Result<(), Unfit> {
    check_own(metadata)?;
    if metadata.mode() & OTHERS != 0 {
        return Err(Unfit::Kind("others may write to it".to_owned()));
    }
    if metadata.len() > limit {
        return Err(Unfit::Kind(format!("it has {} bytes, more than {limit}", metadata.len())));
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

    /// Creates files that must be refused in a directory of the test, each with a part of the reason.
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
        // The device number of /dev/null.
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
    fn only_files_of_our_own_are_opened_or_trusted() {
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
    fn a_text_that_others_can_write_to_or_that_is_too_long_is_refused() {
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
