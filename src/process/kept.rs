//! A small file in which a process keeps what its successor is to know, written by a thread of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::files;
use crate::notify::dump::replace;
use crate::notify::log::Log;

/// Bytes of a file that is believed: a line for each of a hundred thousand things.
const MOST: u64 = 16 << 20;
/// The last change may take so long to be written.
const LIMIT: Duration = Duration::from_millis(500);

/// The file's writer.
#[derive(Debug)]
pub(super) struct Kept {
    last: String,
    /// Before each text.
    head: String,
    /// The text to be written next: however slow the disk is, only the latest waits.
    next: Arc<Mutex<Option<String>>>,
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
}

/// What a file says, if nobody but us can have written it; if others can, the log says so, and what is `lost` by that.
pub(super) fn read(path: &Path, lost: &str, log: &Log) -> Option<String> {
    match files::read_own(path, MOST) {
        Ok(text) => text,
        Err(reason) => {
            log.error(format_args!("{} is not believed: {reason}; {lost}", path.display()));
            None
        }
    }
}

impl Kept {
    /// Starts the thread. `last` is what the file says. Once anything is written, a file of a `former` name goes.
    pub(super) fn start(
        path: PathBuf,
        former: Option<PathBuf>,
        head: String,
        last: String,
        log: Log,
    ) -> io::Result<Kept> {
        let (wake, woken) = sync_channel(1);
        let next = Arc::new(Mutex::new(None));
        let texts = Arc::clone(&next);
        let thread = std::thread::Builder::new().name("kept".into()).spawn(move || {
            write_all(&path, former.as_deref(), &texts, &woken, &log);
        })?;
        Ok(Kept { last, head, next, wake, thread })
    }

    /// Has the text written; without any the file goes. Never blocks.
    pub(super) fn save(&mut self, text: String) {
        if text != self.last {
            let whole = if text.is_empty() { String::new() } else { format!("{}{text}", self.head) };
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
