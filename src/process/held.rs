//! What a process has set in the kernel, written to a file beside its pid file.
//!
//! When everything was killed and the next start has another configuration, no row knows of what was left: this file
//! does. It belongs to one boot of the machine, and goes at a clean stop that leaves nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::files::{self, Unfit};
use crate::notify::dump::replace;
use crate::notify::log::Log;

/// Names this boot of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// Bytes of a file that is believed: a line for each of a hundred thousand things.
const MOST: u64 = 16 << 20;
/// The last change may take so long to be written.
const LIMIT: Duration = Duration::from_millis(500);

/// The file, and the thread that writes it.
#[derive(Debug)]
pub(super) struct Held {
    found: String,
    last: String,
    boot: String,
    /// The text to be written next: however slow the disk is, only the latest waits.
    next: Arc<Mutex<Option<String>>>,
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Held {
    /// Reads what a predecessor has left, and starts the thread.
    pub(super) fn start(pid_file: &Path, log: Log) -> io::Result<Held> {
        let path = path(pid_file);
        let boot = fs::read_to_string(BOOT).unwrap_or_default();
        let former = former(pid_file);
        let found = found(pid_file, &boot, &log);
        let (wake, woken) = sync_channel(1);
        let next = Arc::new(Mutex::new(None));
        let texts = Arc::clone(&next);
        let thread = std::thread::Builder::new().name("held".into()).spawn(move || {
            write_all(&path, former.as_deref(), &texts, &woken, &log);
        })?;
        Ok(Held { last: found.clone(), found, boot, next, wake, thread })
    }

    /// What a predecessor left, a line for each thing.
    pub(super) fn found(&self) -> &str {
        &self.found
    }

    /// This is set now: nothing when `text` is empty. Never blocks.
    pub(super) fn save(&mut self, text: String) {
        if text != self.last {
            let whole = if text.is_empty() { String::new() } else { format!("{}{text}", self.boot) };
            *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(whole);
            // One that is under way already will find it.
            let _ = self.wake.try_send(());
            self.last = text;
        }
    }

    /// Writes what is queued.
    pub(super) fn finish(self) {
        drop(self.wake);
        let until = Instant::now() + LIMIT;
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Whether a process with this pid file has left something.
pub(super) fn anything(pid_file: &Path, log: &Log) -> bool {
    let boot = fs::read_to_string(BOOT).unwrap_or_default();
    !found(pid_file, &boot, log).is_empty()
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
    let read = |path: PathBuf| match files::read_own(&path, MOST) {
        Ok(text) => text,
        Err(reason) => {
            tell_unfit(&path, &reason, log);
            None
        }
    };
    let text = read(path(pid_file)).or_else(|| former(pid_file).and_then(read)).unwrap_or_default();
    text.strip_prefix(boot).map(str::to_owned).unwrap_or_default()
}

fn tell_unfit(path: &Path, reason: &Unfit, log: &Log) {
    log.error(format_args!(
        "{} is not believed: {reason}. What a former daemon has left in the kernel may stay there; see 'ip addr' and 'ipvsadm'",
        path.display()
    ));
}

fn write_all(path: &Path, former: Option<&Path>, next: &Mutex<Option<String>>, woken: &Receiver<()>, log: &Log) {
    let mut told = false;
    while woken.recv().is_ok() {
        let text = next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(text) = text else { continue };
        let written = if text.is_empty() { remove(path) } else { replace(path, &text) };
        if let (Ok(()), Some(former)) = (&written, former) {
            // What it says is old from now on. If it cannot be removed, the file of today comes first.
            let _ = remove(former);
        }
        if let Err(error) = written
            && !std::mem::replace(&mut told, true)
        {
            log.warning(format_args!("Cannot write {}: {error}", path.display()));
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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
        assert!(anything(&pid_file, &log()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!anything(&pid_file, &log()));
    }
}
