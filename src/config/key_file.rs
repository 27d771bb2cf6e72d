//! Files of keys of `auth_hmac`.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::text::reason;

/// Longest file, in octets.
const LONGEST: usize = 4096;
/// Permissions of the group and of others to read and write.
const OF_OTHERS: u32 = 0o066;

/// A file with a key. `Debug` never shows its octets.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// The content of the file.
    pub octets: Vec<u8>,
    /// Whether users other than its owner can read or change it.
    pub exposed: bool,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("exposed", &self.exposed).finish_non_exhaustive()
    }
}

/// Reads a regular file of bounded size. Never waits on a FIFO or a device.
///
/// # Errors
/// Why the file cannot be used, for a message.
pub(crate) fn read(path: &Path) -> Result<KeyFile, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {}", reason(&error));
    let regular = |meta: &std::fs::Metadata| {
        if meta.is_file() { Ok(()) } else { Err("is not a regular file".to_owned()) }
    };
    regular(&path.metadata().map_err(failed)?)?;
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_CLOEXEC;
    let file = File::options().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    // Check the open file: the name may refer to another file by now.
    let meta = file.metadata().map_err(failed)?;
    regular(&meta)?;
    let mut octets = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut octets).map_err(failed)?;
    if octets.len() > LONGEST {
        return Err(format!("is larger than {LONGEST} octets"));
    }
    Ok(KeyFile { octets, exposed: meta.permissions().mode() & OF_OTHERS != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let make = |name: &str, octets: &[u8], mode: u32| {
            std::fs::write(path(name), octets).unwrap();
            std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        make("good", b"key\n", 0o600);
        make("longest", &[7; LONGEST], 0o400);
        make("longer", &[7; LONGEST + 1], 0o600);
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("good", path("link")).unwrap();
        let good = KeyFile { octets: b"key\n".to_vec(), exposed: false };
        assert_eq!(read(&path("good")), Ok(good.clone()));
        assert_eq!(read(&path("link")), Ok(good));
        assert_eq!(read(&path("longest")).unwrap().octets.len(), LONGEST);
        for (name, part) in [
            ("longer", "is larger than 4096 octets"),
            ("fifo", "is not a regular file"),
            ("", "is not a regular file"),
            ("missing", "cannot be read: "),
        ] {
            let refused = read(&path(name)).unwrap_err();
            assert!(refused.contains(part), "{name}: {refused}");
        }
        for mode in [0o640, 0o604, 0o620, 0o602] {
            make("good", b"key\n", mode);
            assert!(read(&path("good")).unwrap().exposed, "{mode:o}");
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        let shown = format!("{:?}", KeyFile { octets: b"secret".to_vec(), exposed: true });
        assert_eq!(shown, "KeyFile { exposed: true, .. }");
    }
}
