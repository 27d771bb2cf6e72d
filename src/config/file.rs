//! Opens configuration files: regular files of bounded size only.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::text::reason;

/// Longest file in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Why a file cannot be read.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Text of the message, after the name of the file.
    pub text: String,
    /// The remedy.
    pub help: Option<&'static str>,
    /// An error for every form of include.
    pub fatal: bool,
    /// A fault, not a warning, where includes are not checked.
    pub fault: bool,
}

impl Problem {
    /// A problem without a remedy.
    pub fn new(text: impl Into<String>) -> Problem {
        Problem { text: text.into(), help: None, fatal: false, fault: false }
    }

    /// A problem that is a fault, with its remedy.
    pub fn fault(text: impl Into<String>, help: &'static str) -> Problem {
        Problem { fault: true, ..Problem::new(text).help(help) }
    }

    fn help(self, help: &'static str) -> Problem {
        Problem { help: Some(help), ..self }
    }

    /// Makes the problem an error for every include.
    pub fn fatal(self) -> Problem {
        Problem { fatal: true, ..self }
    }
}

/// State of a file, to detect changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn new(meta: &std::fs::Metadata) -> Stamp {
        let (size, modified) = (meta.len(), (meta.mtime(), meta.mtime_nsec()));
        Stamp { device: meta.dev(), inode: meta.ino(), size, modified }
    }

    /// Device and inode of the file.
    pub fn identity(self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether `path` still names the file in this state.
    pub fn holds(self, path: &Path) -> bool {
        path.metadata().is_ok_and(|meta| Stamp::new(&meta) == self)
    }
}

/// Reads a regular file of bounded size; executable files only if `wanted`. Never waits on a FIFO or a device. The stamp is
/// the state before reading. `room` = octets that the configuration may still have.
pub(crate) fn open(path: &Path, wanted: bool, room: usize) -> Result<(Vec<u8>, Stamp), Problem> {
    let failed = |e: std::io::Error| Problem::new(format!("cannot read it: {}", reason(&e)));
    let regular = |meta: &std::fs::Metadata| {
        if meta.is_dir() {
            return Err(Problem::new("it is a directory"));
        }
        if !meta.is_file() {
            return Err(Problem::new("it is not a regular file"));
        }
        if meta.permissions().mode() & 0o111 != 0 && !wanted {
            return Err(Problem::new("it is executable").help("chmod a-x FILE"));
        }
        if meta.len() > MAX_FILE {
            return Err(Problem::new("it is larger than 16 MiB").fatal());
        }
        if meta.len() > room as u64 {
            return Err(Problem::new("with this file the configuration is larger than 32 MiB").fatal());
        }
        Ok(())
    };
    regular(&path.metadata().map_err(failed)?)?;
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_CLOEXEC;
    let file = File::options().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    // Check the open file again: the name may refer to another file by now.
    let meta = file.metadata().map_err(failed)?;
    regular(&meta)?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0).saturating_add(1));
    file.take(MAX_FILE.min(room as u64)).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, Stamp::new(&meta)))
}
