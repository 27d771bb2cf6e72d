//! The file of sequence numbers of `auth_type AH` and `auth_hmac`. The next start of the daemon reads them, also after a reboot, so
//! that earlier adverts cannot be replayed.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::context::Context;
use super::files;
use super::record_file::{Place, RecordFile};
use crate::notify::log::Log;
use crate::vrrp::Sequences;

/// Directory of the file if the pid file is in a usual place and this directory is writable: it survives a reboot.
const DIRECTORY: &str = "/var/lib/keepalived";
/// The usual places of pid files.
const RUN: [&str; 4] = ["/run", "/run/keepalived", "/var/run", "/var/run/keepalived"];

/// Starts the thread that writes the file for this pid file. The second value is the sequence numbers in the file.
pub(super) fn start(pid_file: &Path, log: Log) -> io::Result<(RecordFile<Sequences>, Sequences)> {
    let path = path(pid_file, Path::new(DIRECTORY));
    let lost = "adverts from before this start can be replayed to instances with auth_type AH or auth_hmac";
    RecordFile::start(Place { path, lost, ..Place::default() }, log)
        .context("start the thread that records sequence numbers")
}

/// `vrrp.sequences` for `vrrp.pid`: in `lasting` if the pid file is in a usual place, else beside the pid file.
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
    fn the_file_is_in_a_lasting_directory_if_possible() {
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
        // The directory cannot be created.
        std::fs::write(directory.path().join("file"), "").unwrap();
        let beside = path(Path::new("/run/vrrp.pid"), &directory.path().join("file/keepalived"));
        assert_eq!(beside, Path::new("/run/vrrp.sequences"));
    }
}
