//! Opening a configuration file: only what can be read at once and to its end.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Bytes of one file.
const MAX_FILE: u64 = 16 << 20;

/// Why a file cannot be read.
#[derive(Debug)]
pub(crate) struct Problem {
    /// What is wrong with it.
    pub text: String,
    /// What to do.
    pub help: Option<&'static str>,
    /// It is wrong wherever it comes from, not only where an include is checked.
    pub fatal: bool,
    /// A directory, which includes skip silently.
    pub directory: bool,
}

impl Problem {
    /// A problem without more to say.
    pub fn new(text: impl Into<String>) -> Problem {
        Problem { text: text.into(), help: None, fatal: false, directory: false }
    }

    fn help(self, help: &'static str) -> Problem {
        Problem { help: Some(help), ..self }
    }

    /// The same, wrong wherever it comes from.
    pub fn fatal(self) -> Problem {
        Problem { fatal: true, ..self }
    }
}

/// Tells one state of a file from another.
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

    /// Which file it is, whatever its contents.
    pub fn identity(self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether `path` still names the file in this state.
    pub fn holds(self, path: &Path) -> bool {
        path.metadata().is_ok_and(|meta| Stamp::new(&meta) == self)
    }
}

/// Reads a regular file of bounded size, and an executable one only if that is `wanted`; never waits on a FIFO or a device.
/// The stamp is from before.
pub(crate) fn open(path: &Path, wanted: bool) -> Result<(Vec<u8>, Stamp), Problem> {
    let failed = |e: std::io::Error| Problem::new(format!("cannot read it: {}", reason(&e)));
    let regular = |meta: &std::fs::Metadata| {
        if meta.is_dir() {
            return Err(Problem { directory: true, ..Problem::new("it is a directory") });
        }
        if !meta.is_file() {
            return Err(Problem::new("it is not a regular file"));
        }
        if meta.permissions().mode() & 0o111 != 0 && !wanted {
            return Err(Problem::new("it is executable, so it is not read").help("chmod a-x FILE"));
        }
        if meta.len() > MAX_FILE {
            return Err(Problem::new("it is larger than 16 MiB"));
        }
        Ok(())
    };
    regular(&path.metadata().map_err(failed)?)?;
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_CLOEXEC;
    let file = File::options().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    // Once more on what was opened: the name may have been given to something else meanwhile.
    let meta = file.metadata().map_err(failed)?;
    regular(&meta)?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0).saturating_add(1));
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes, Stamp::new(&meta)))
}

fn reason(e: &std::io::Error) -> String {
    match e.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => e.to_string(),
    }
}
