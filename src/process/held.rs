//! What a process has set in the kernel, written to a file beside its pid file.
//!
//! When everything was killed and the next start has another configuration, no row knows of what was left: this file
//! does. It belongs to one boot of the machine, and goes at a clean stop that leaves nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::doing::Doing;
use super::kept::{self, Kept, Place};
use crate::notify::log::Log;
use crate::state::Record;

/// Names this boot of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A record of what is set in the kernel.
pub(super) trait InKernel: Record + Default + PartialEq {
    /// Each thing in words.
    fn list(&self) -> Vec<String>;
}

/// Starts the thread that writes. The second value is what a predecessor has left.
pub(super) fn start<T: InKernel>(pid_file: &Path, log: Log) -> io::Result<(Kept<T>, T)> {
    Kept::start(place(pid_file), log).doing("start the thread that records what is set")
}

/// What the last process with this pid file has left, in words.
pub(super) fn left<T: InKernel>(pid_file: &Path, log: &Log) -> Vec<String> {
    kept::read::<T>(&place(pid_file), log).list()
}

fn place(pid_file: &Path) -> Place {
    let boot = fs::read_to_string(BOOT).unwrap_or_default();
    Place {
        path: path(pid_file),
        boot: Some(boot.trim_end().to_owned()),
        lost: "what a former daemon has left in the kernel may stay there; see 'ip address' and 'ipvsadm'",
    }
}

/// `vrrp.held` for `vrrp.pid`; no other pid file has the same.
fn path(pid_file: &Path) -> PathBuf {
    if pid_file.extension().is_some_and(|extension| extension == "pid") {
        return pid_file.with_extension("held");
    }
    let mut name = pid_file.file_name().unwrap_or_default().to_owned();
    name.push("-held");
    pid_file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::kept::tests::log;
    use super::super::role::Role;
    use super::*;

    #[test]
    fn each_pid_file_has_its_own() {
        let pid_files = ["/x/vrrp.pid", "/x/checkers.pid", "/x/X", "/x/X.pid", "/x/X.vrrp", "/x/X.check", "/x/X.held"];
        let paths: std::collections::BTreeSet<PathBuf> = pid_files.iter().map(|file| path(Path::new(file))).collect();
        assert_eq!(paths.len(), pid_files.len(), "{paths:?}");
        assert_eq!(path(Path::new("/run/vrrp.pid")), Path::new("/run/vrrp.held"));
    }

    /// What is in these files is in those of users too: the forms stay as they are, or get another version.
    #[test]
    fn what_is_left_is_read_as_it_was_written_and_named() {
        let vrrp = r#"{"content":"addresses and VMACs held","version":1,"boot":"BOOT","record":{"vmacs":[{"name":"vrrp.51",
            "mac":[0,0,94,0,1,51]}],"addresses":[{"device":"eth0","ip":"10.0.0.1","prefix":24,"peer":null},{"device":"eth0",
            "ip":"10.0.0.2","prefix":32,"peer":["10.0.9.9",30]}]}}"#;
        let checkers = r#"{"content":"IPVS services held","version":1,"boot":"BOOT","record":{"services":[{"Address":
            {"protocol":6,"ip":"10.0.0.1","port":80}},{"FwMark":{"mark":5,"family":"V6"}}]}}"#;
        for (role, text, expected) in [
            (
                Role::Vrrp,
                vrrp,
                &["VMAC vrrp.51", "address 10.0.0.1/24 on eth0", "address 10.0.0.2/32 peer 10.0.9.9/30 on eth0"][..],
            ),
            (Role::Checkers, checkers, &["IPVS service 10.0.0.1:80 TCP", "IPVS service fwmark 5 of IPv6"]),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let (pid_file, path) = (directory.path().join("x.pid"), directory.path().join("x.held"));
            let boot = fs::read_to_string(BOOT).unwrap();
            fs::write(&path, text.replace("BOOT", boot.trim_end())).unwrap();
            assert_eq!((role.kind().left)(&pid_file, &log()), expected);
            // Others could have written it.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
            assert_eq!((role.kind().left)(&pid_file, &log()), Vec::<String>::new());
        }
    }
}
