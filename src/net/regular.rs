//! Reads files named by the user, only regular ones of bounded size: devices may be endless, and FIFOs may block.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// Reads a regular file of at most `most` octets. Blocks on the file system, but not on a FIFO.
///
/// # Errors
/// When the file cannot be read, is not a regular file, or is larger.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening a FIFO would wait for its writer, and opening a device may have side effects.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    // The file may have been replaced in the meantime.
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut octets = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} octets")));
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::read;

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "12345").unwrap();
        mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert_eq!(read(&path("file"), 5).unwrap(), b"12345");
        assert_eq!(read(&path("link"), 5).unwrap(), b"12345");
        for (name, most, reason) in [
            ("file", 4, "it has more than 4 octets"),
            ("fifo", 5, "it is not a regular file"),
            (".", 5, "it is not a regular file"),
            ("nothing", 5, "No such file or directory (os error 2)"),
        ] {
            assert_eq!(read(&path(name), most).unwrap_err().to_string(), reason, "{name}");
        }
        assert_eq!(read("/dev/zero".as_ref(), 5).unwrap_err().to_string(), "it is not a regular file");
    }
}
