//! The held state of a process: the entries it has added to the kernel (addresses, VMACs, IPVS services), recorded in a
//! file beside its pid file.
//!
//! After a kill of all processes and a start with another configuration, only this file lists the entries that must be
//! removed. It is valid for one boot, and is removed at a clean stop.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::names::beside;
use super::record_file::{self, Place, RecordFile};
use crate::notify::log::Log;
use crate::state::Record;

/// The identifier of the current boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A record of held state.
pub(super) trait InKernel: Record + Default + PartialEq {
    /// The entries as text, for messages.
    fn list(&self) -> Vec<String>;
}

/// Starts the thread that writes the file. The second value is the held state of the previous process.
pub(super) fn start<T: InKernel>(pid_file: &Path, log: Log) -> io::Result<(RecordFile<T>, T)> {
    RecordFile::start(place(pid_file), log).context("start the thread that records held state")
}

/// The entries that the last process with this pid file has left in the kernel, as text.
pub(super) fn leftovers<T: InKernel>(pid_file: &Path, log: &Log) -> Vec<String> {
    record_file::read::<T>(&place(pid_file), log).list()
}

fn place(pid_file: &Path) -> Place {
    let boot = fs::read_to_string(BOOT).unwrap_or_default();
    Place {
        path: path(pid_file),
        boot: Some(boot.trim_end().to_owned()),
        lost: "addresses, routes, VMACs, nftables tables or IPVS services of an earlier daemon may remain in the kernel; check \
               'ip address', 'ip route', 'ip rule', 'ip link', 'nft list tables' and 'ipvsadm -Ln'",
    }
}

fn path(pid_file: &Path) -> PathBuf {
    beside(pid_file, "held")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::record_file::tests::log;
    use super::super::role::Role;
    use super::*;

    #[test]
    fn each_pid_file_has_its_own_record() {
        let pid_files = ["/x/vrrp.pid", "/x/checkers.pid", "/x/X", "/x/X.pid", "/x/X.vrrp", "/x/X.check", "/x/X.held"];
        let paths: std::collections::BTreeSet<PathBuf> = pid_files.iter().map(|file| path(Path::new(file))).collect();
        assert_eq!(paths.len(), pid_files.len(), "{paths:?}");
        assert_eq!(path(Path::new("/run/vrrp.pid")), Path::new("/run/vrrp.held"));
    }

    /// Users have files in these forms: a change of a form needs a new version.
    #[test]
    fn records_of_earlier_releases_are_read_and_listed() {
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
            assert_eq!((role.kind().leftovers)(&pid_file, &log()), expected);
            // A file that others can write to is refused.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
            assert_eq!((role.kind().leftovers)(&pid_file, &log()), Vec::<String>::new());
        }
    }
}
