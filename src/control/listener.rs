//! The socket file: made with its mode and group before anybody can connect, in place of the file of a dead daemon only.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, setfsgid};
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};
use rustix::process::{getegid, geteuid};

/// Permissions: the daemon's user and the control group.
const MODE: u32 = 0o660;
/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 64;

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A process answers at the socket.
    #[error("another process has it")]
    InUse,
    /// There is another file with the name; a clause that begins with "it".
    #[error("{0}")]
    Unfit(String),
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for BindError {
    fn from(error: Errno) -> BindError {
        BindError::Io(error.into())
    }
}

/// A listening socket with a file of its own, which is removed on drop unless another has replaced it.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// The file, opened with O_PATH: it names the same file after a rename, and keeps its inode number.
    file: File,
}

impl Listener {
    /// Makes the socket, with mode 0660 and the group, by default that of the daemon. The socket of a daemon that was
    /// killed is replaced.
    ///
    /// # Errors
    /// If a process answers at the path, if there is a file that is not a socket of this user, or if a system call fails.
    pub fn bind(path: &Path, group: Option<u32>) -> Result<Listener, BindError> {
        let stale = stale(path)?;
        // Made under another name, and renamed when it is complete: the file at the path is always a socket that answers.
        let new = temporary(path);
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let address = SocketAddrUnix::new(&new)?;
        if let Err(error) = bind(&socket, &address) {
            if error != Errno::ADDRINUSE || !is_socket(&new.symlink_metadata()?) {
                return Err(error.into());
            }
            // From a killed daemon with the process id of this one.
            fs::remove_file(&new)?;
            bind(&socket, &address)?;
        }
        let made = Listener::finish(socket, &new, group).and_then(|(socket, file)| {
            put_in_place(&new, path, stale.as_ref())?;
            Ok(Listener { socket, path: path.into(), file })
        });
        if made.is_err() {
            // The error is the one to report.
            let _ = fs::remove_file(&new);
        }
        made
    }

    /// Sets mode and group, then listens. Before that, nobody can connect.
    fn finish(socket: OwnedFd, path: &Path, group: Option<u32>) -> Result<(UnixListener, File), BindError> {
        let flags = (OFlags::PATH | OFlags::NOFOLLOW).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        if !is_socket(&file.metadata()?) {
            return Err(BindError::InUse);
        }
        set_group(&file, group)?;
        fs::set_permissions(name(&file), Permissions::from_mode(MODE))?;
        listen(&socket, BACKLOG)?;
        let socket = UnixListener::from(socket);
        socket.set_nonblocking(true)?;
        Ok((socket, file))
    }

    /// Changes the group of the file, by default to that of the daemon.
    pub(super) fn set_group(&self, group: Option<u32>) -> io::Result<()> {
        set_group(&self.file, group)
    }

    /// The socket, which is non-blocking.
    pub(super) fn socket(&self) -> &UnixListener {
        &self.socket
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Listener {
    /// Removes the file if it is still ours.
    pub(super) fn remove(&self) {
        let ours = self.file.metadata().and_then(|ours| Ok(is_same(&ours, &self.path.symlink_metadata()?)));
        if ours.unwrap_or(false) {
            // At the exit an error has no remedy.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The socket at a path whose daemon is dead; `None` if there is no file.
fn stale(path: &Path) -> Result<Option<Metadata>, BindError> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    if !is_socket(&found) {
        return Err(BindError::Unfit("it is not a socket; remove it, or name another file".to_owned()));
    }
    if ![0, geteuid().as_raw()].contains(&found.uid()) {
        let text = format!("it belongs to user {}; remove it, or name another file", found.uid());
        return Err(BindError::Unfit(text));
    }
    match attempt(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        // Connected, or too many others are connecting.
        Ok(()) => Err(BindError::InUse),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(BindError::InUse),
        Err(error) => Err(error.into()),
    }
}

/// Connects without waiting.
fn attempt(path: &Path) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let stream = UnixStream::from(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?);
    Ok(connect(&stream, &SocketAddrUnix::new(path)?)?)
}

/// Renames a new socket to its path. If another process has put its own there meanwhile, that stays.
fn put_in_place(new: &Path, path: &Path, stale: Option<&Metadata>) -> Result<(), BindError> {
    let rename = |flags| renameat_with(CWD, new, CWD, path, flags);
    let renamed = match stale {
        None => rename(RenameFlags::NOREPLACE),
        Some(stale) => match rename(RenameFlags::EXCHANGE) {
            Ok(()) if is_same(stale, &new.symlink_metadata()?) => return Ok(fs::remove_file(new)?),
            // Another daemon was faster.
            Ok(()) => return Err(rename(RenameFlags::EXCHANGE).map_or_else(BindError::from, |()| BindError::InUse)),
            // Another daemon, which has found the same file, has removed it.
            Err(Errno::NOENT) => rename(RenameFlags::NOREPLACE),
            Err(error) => Err(error),
        },
    };
    match renamed {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(BindError::InUse),
        // A file system without these flags.
        Err(Errno::INVAL) => Ok(fs::rename(new, path)?),
        Err(error) => Err(error.into()),
    }
}

/// The temporary name of the socket, beside its path.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    path.with_file_name(name)
}

/// Sets the group of a file. With the file system group of the thread, that needs no capability but CAP_SETGID, which the
/// daemon has for scripts.
fn set_group(file: &File, group: Option<u32>) -> io::Result<()> {
    let group = group.unwrap_or_else(|| getegid().as_raw());
    if file.metadata()?.gid() == group {
        return Ok(());
    }
    let before = setfsgid(Gid::from_raw(group));
    let set = chown(name(file), None, Some(group));
    setfsgid(before);
    set
}

/// A path of an open file, whatever its name is now.
fn name(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn is_socket(found: &Metadata) -> bool {
    found.file_type().is_socket()
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn answers(path: &Path) -> bool {
        attempt(path).is_ok()
    }

    #[test]
    fn the_socket_has_its_mode_and_group_and_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        for group in [None, Some(30)] {
            let listener = Listener::bind(&path, group).unwrap();
            let found = path.symlink_metadata().unwrap();
            let expected = group.unwrap_or_else(|| getegid().as_raw());
            assert!(is_socket(&found) && answers(&path));
            assert_eq!((found.mode() & 0o7777, found.gid()), (0o660, expected));
            listener.set_group(Some(31)).unwrap();
            assert_eq!(path.symlink_metadata().unwrap().gid(), 31);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
            drop(listener);
            assert!(!path.exists());
        }
    }

    #[test]
    fn the_socket_of_a_dead_daemon_is_replaced_and_that_of_another_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        // The standard library leaves the file.
        drop(UnixListener::bind(&path).unwrap());
        drop(UnixListener::bind(temporary(&path)).unwrap());
        assert!(!answers(&path) && path.exists());
        let first = Listener::bind(&path, None).unwrap();
        assert!(answers(&path));
        assert!(matches!(Listener::bind(&path, None), Err(BindError::InUse)));
        assert!(answers(&path));
        // A socket that has replaced ours is not removed.
        fs::rename(&path, directory.path().join("moved")).unwrap();
        let second = Listener::bind(&path, None).unwrap();
        drop(first);
        assert!(answers(&path));
        drop(second);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
    }

    /// Another daemon has found the same dead socket, and was faster.
    #[test]
    fn two_daemons_do_not_replace_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        let new = |name: &str| {
            let path = directory.path().join(name);
            (UnixListener::bind(&path).unwrap(), path)
        };
        drop(UnixListener::bind(&path).unwrap());
        let dead = stale(&path).unwrap().unwrap();
        let (_first, one) = new("one");
        let (_second, two) = new("two");
        put_in_place(&one, &path, Some(&dead)).unwrap();
        assert!(matches!(put_in_place(&two, &path, Some(&dead)), Err(BindError::InUse)));
        assert!(matches!(put_in_place(&two, &path, None), Err(BindError::InUse)));
        assert!(answers(&path) && two.exists());
        // The faster one has stopped again.
        fs::remove_file(&path).unwrap();
        put_in_place(&two, &path, Some(&dead)).unwrap();
        assert!(answers(&path));
    }

    #[test]
    fn other_files_are_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        fs::write(place("file"), "precious").unwrap();
        drop(UnixListener::bind(place("dead")).unwrap());
        symlink(place("dead"), place("link")).unwrap();
        fs::create_dir(place("directory")).unwrap();
        drop(UnixListener::bind(place("foreign")).unwrap());
        chown(place("foreign"), Some(65534), None).unwrap();
        for name in ["file", "link", "directory", "foreign"] {
            let error = Listener::bind(&place(name), None).unwrap_err().to_string();
            let reason = if name == "foreign" { "it belongs to user 65534" } else { "it is not a socket" };
            assert!(error.contains(reason), "{name}: {error}");
            assert!(place(name).symlink_metadata().is_ok(), "{name}");
        }
        let long = place(&"x".repeat(120));
        assert!(Listener::bind(&long, None).is_err());
    }
}
