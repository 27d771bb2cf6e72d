//! The sequence numbers of `auth_type AH`, kept for the next start of the daemon, also after a reboot: what was heard
//! before it cannot be played back to it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::doing::Doing;
use super::files;
use super::kept::{Kept, Place};
use crate::notify::log::Log;
use crate::vrrp::Sequences;

/// Where the file is when the pid file is in its usual place, if that directory can be had: it outlives a reboot.
const DIRECTORY: &str = "/var/lib/keepalived";
/// The usual places of pid files.
const RUN: [&str; 4] = ["/run", "/run/keepalived", "/var/run", "/var/run/keepalived"];

/// Starts the thread that writes the file that belongs to this pid file. The second value is what the file says.
pub(super) fn start(pid_file: &Path, log: Log) -> io::Result<(Kept<Sequences>, Sequences)> {
    let path = path(pid_file, Path::new(DIRECTORY));
    let lost = "adverts of before this start may be played back to instances with auth_type AH";
    Kept::start(Place { path, lost, ..Place::default() }, log).doing("start the thread that records sequence numbers")
}

/// `vrrp.sequences` for `vrrp.pid`, in `lasting` if that pid file is in a usual place, else beside it.
fn path(pid_file: &Path, lasting: &Path) -> PathBuf {
    let name = pid_file.file_name().unwrap_or_default().to_string_lossy();
    let name = match name.strip_suffix(".pid") {
        Some(stem) => format!("{stem}.sequences"),
        None => format!("{name}-sequences"),
    };
    let usual = pid_file.parent().is_some_and(|directory| RUN.iter().any(|run| Path::new(run) == directory));
    let may_write = || files::make_directory(lasting).is_ok() && rustix::fs::access(lasting, Access::WRITE_OK).is_ok();
    if usual && may_write() { lasting.join(name) } else { pid_file.with_file_name(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_outlives_a_reboot_if_it_can() {
        let directory = tempfile::tempdir().unwrap();
        let lasting = directory.path().join("lib/keepalived");
        for (pid_file, expected) in [
            ("/run/vrrp.pid", lasting.join("vrrp.sequences")),
            ("/run/keepalived/vrrp_blue.pid", lasting.join("vrrp_blue.sequences")),
            ("/srv/run/vrrp.pid", "/srv/run/vrrp.sequences".into()),
            ("/srv/run/X.vrrp", "/srv/run/X.vrrp-sequences".into()),
        ] {
            assert_eq!(path(Path::new(pid_file), &lasting), expected, "{pid_file}");
        }
        // A file where the directory is to be.
        std::fs::write(directory.path().join("file"), "").unwrap();
        let beside = path(Path::new("/run/vrrp.pid"), &directory.path().join("file/keepalived"));
        assert_eq!(beside, Path::new("/run/vrrp.sequences"));
    }
}
