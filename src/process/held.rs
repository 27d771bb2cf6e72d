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

use crate::notify::dump::replace;
use crate::notify::log::Log;

/// Names this boot of the machine.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
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
        let found = found(&path, &boot);
        let (wake, woken) = sync_channel(1);
        let next = Arc::new(Mutex::new(None));
        let texts = Arc::clone(&next);
        let thread =
            std::thread::Builder::new().name("held".into()).spawn(move || write_all(&path, &texts, &woken, &log))?;
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

/// What the last process with this pid file has left, as the lines of its file.
pub(super) fn left(pid_file: &Path) -> Vec<String> {
    let boot = fs::read_to_string(BOOT).unwrap_or_default();
    found(&path(pid_file), &boot).lines().map(str::to_owned).collect()
}

fn path(pid_file: &Path) -> PathBuf {
    pid_file.with_extension("held")
}

/// What was written in this boot.
fn found(path: &Path, boot: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.strip_prefix(boot).map(str::to_owned).unwrap_or_default()
}

fn write_all(path: &Path, next: &Mutex<Option<String>>, woken: &Receiver<()>, log: &Log) {
    let mut told = false;
    while woken.recv().is_ok() {
        let text = next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(text) = text else { continue };
        let written = if text.is_empty() { remove(path) } else { replace(path, &text) };
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
