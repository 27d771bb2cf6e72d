//! What a process has set in the kernel, written to a file beside its pid file.
//!
//! When everything was killed and the next start has another configuration, no row knows of what was left: this file
//! does. It belongs to one boot of the machine, and goes at a clean stop that leaves nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::kept::{self, Kept};
use crate::notify::log::Log;

/// Names this boot of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// The file, and what it said at the start.
#[derive(Debug)]
pub(super) struct Held {
    found: String,
    file: Kept,
}

impl Held {
    /// Reads what a predecessor has left, and starts the thread that writes.
    pub(super) fn start(pid_file: &Path, log: Log) -> io::Result<Held> {
        let boot = fs::read_to_string(BOOT).unwrap_or_default();
        let found = found(pid_file, &boot, &log);
        let file = Kept::start(path(pid_file), former(pid_file), boot, found.clone(), log)?;
        Ok(Held { found, file })
    }

    /// What a predecessor left, a line for each thing.
    pub(super) fn found(&self) -> &str {
        &self.found
    }

    /// This is set now: nothing when `text` is empty. Never blocks.
    pub(super) fn save(&mut self, text: String) {
        self.file.save(text);
    }

    /// Writes what is queued.
    pub(super) fn finish(self) {
        self.file.finish();
    }
}

/// What the last process with this pid file has left, as the lines of its file.
pub(super) fn left(pid_file: &Path, log: &Log) -> Vec<String> {
    let boot = fs::read_to_string(BOOT).unwrap_or_default();
    found(pid_file, &boot, log).lines().map(str::to_owned).collect()
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

/// Where a release wrote it that had one file for `X.vrrp` and `X.check`. It is read once after an upgrade.
fn former(pid_file: &Path) -> Option<PathBuf> {
    let former = pid_file.with_extension("held");
    (former != path(pid_file)).then_some(former)
}

/// What was written in this boot, by us and nobody else.
fn found(pid_file: &Path, boot: &str, log: &Log) -> String {
    let lost = "what a former daemon has left in the kernel may stay there; see 'ip address' and 'ipvsadm'";
    let read = |path: PathBuf| kept::read(&path, lost, log);
    let text = read(path(pid_file)).or_else(|| former(pid_file).and_then(read)).unwrap_or_default();
    text.strip_prefix(boot).map(str::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::notify::log;

    fn log() -> Log {
        let options = log::Options {
            ident: String::new(),
            syslog: false,
            facility: log::Facility::LOG_DAEMON,
            console: false,
            detail: false,
        };
        log::start(options).unwrap().log()
    }

    #[test]
    fn each_pid_file_has_its_own() {
        let pid_files = ["/x/vrrp.pid", "/x/checkers.pid", "/x/X", "/x/X.pid", "/x/X.vrrp", "/x/X.check", "/x/X.held"];
        let paths: std::collections::BTreeSet<PathBuf> = pid_files.iter().map(|file| path(Path::new(file))).collect();
        assert_eq!(paths.len(), pid_files.len(), "{paths:?}");
        assert_eq!(path(Path::new("/run/vrrp.pid")), Path::new("/run/vrrp.held"));
    }

    #[test]
    fn the_file_of_a_former_release_is_found_once() {
        let directory = tempfile::tempdir().unwrap();
        let pid_file = directory.path().join("X.vrrp");
        let boot = fs::read_to_string(BOOT).unwrap();
        fs::write(directory.path().join("X.held"), format!("{boot}address\told")).unwrap();
        let mut held = Held::start(&pid_file, log()).unwrap();
        assert_eq!(held.found(), "address\told");
        held.save("address\tnew".into());
        held.finish();
        assert!(!directory.path().join("X.held").exists());
        assert_eq!(Held::start(&pid_file, log()).unwrap().found(), "address\tnew");
    }

    #[test]
    fn what_others_may_have_written_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let (pid_file, path) = (directory.path().join("vrrp.pid"), directory.path().join("vrrp.held"));
        fs::write(&path, fs::read_to_string(BOOT).unwrap() + "address\tx").unwrap();
        assert_eq!(left(&pid_file, &log()), ["address\tx"]);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(left(&pid_file, &log()), Vec::<String>::new());
    }
}
