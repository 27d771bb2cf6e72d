//! Files with a number in them, watched by a thread of their own, so that a file system that hangs holds up nobody.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::config::model::TrackFile;
use crate::reactor::{Events, Interest, Reactor, Token, Waker, clock};

/// How often the files are looked at even if the kernel reports nothing (network file systems, directories that
/// come later).
const LOOK: Duration = Duration::from_secs(1);
/// Octets of a file that are looked at.
const MOST: u64 = 64;
const STOP: Token = Token(0);
const CHANGE: Token = Token(1);

/// The number in a file has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEvent {
    /// Name of the `track_file` block.
    pub name: String,
    /// The number; 0 when the file is not there or holds none.
    pub number: i32,
}

/// Handle to the thread; dropping it ends the watching.
///
/// Register it as readable; when it is ready, take the [`events`](Files::events). Each file gives one event at the
/// start.
#[derive(Debug)]
pub struct Files {
    changed: Receiver<FileEvent>,
    ready: Waker,
    stop: Arc<AtomicBool>,
    wake: Waker,
}

impl Files {
    /// Starts watching.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn start(files: &[TrackFile]) -> io::Result<Files> {
        let (sender, changed) = channel();
        let (ready, wake) = (Waker::new()?, Waker::new()?);
        let stop = Arc::new(AtomicBool::new(false));
        let reactor = Reactor::new()?;
        reactor.register(&wake, STOP, Interest::READABLE)?;
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let fd = std::os::fd::AsFd::as_fd(&inotify).as_raw_fd();
        reactor.register(&fd, CHANGE, Interest::READABLE)?;
        let watched = files.iter().map(|file| Watched { file: file.clone(), told: None, seen: None }).collect();
        let watcher = Watcher { watched, inotify, reactor, stop: stop.clone(), sender, ready: ready.clone() };
        std::thread::Builder::new().name("files".into()).spawn(move || watcher.run())?;
        Ok(Files { changed, ready, stop, wake })
    }

    /// Adds the changes since the last call.
    pub fn events(&self, out: &mut Vec<FileEvent>) {
        self.ready.clear();
        out.extend(self.changed.try_iter());
    }
}

impl AsRawFd for Files {
    fn as_raw_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake.wake();
    }
}

struct Watched {
    file: TrackFile,
    /// Number of the last event.
    told: Option<i32>,
    /// Number of the last look.
    seen: Option<i32>,
}

struct Watcher {
    watched: Vec<Watched>,
    inotify: Inotify,
    reactor: Reactor,
    stop: Arc<AtomicBool>,
    sender: Sender<FileEvent>,
    ready: Waker,
}

impl Watcher {
    fn run(mut self) {
        let mut events = Events::with_capacity(4);
        // Watches before the first look: nothing is missed between.
        self.watch();
        self.look(true);
        while !self.stop.load(Ordering::Relaxed) {
            if self.reactor.wait(Some(clock::now().saturating_add(LOOK)), &mut events).is_err() {
                return;
            }
            let complete = self.drain();
            if !complete {
                self.watch();
            }
            self.look(complete);
        }
    }

    /// Watches the directories: a file is often replaced by another. Watching one twice is watching it once.
    fn watch(&self) {
        let whole = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        for watched in &self.watched {
            let directory = Path::new(&watched.file.path).parent().filter(|path| !path.as_os_str().is_empty());
            // A directory that is not there yet is tried again at the next look.
            let _ = self.inotify.add_watch(directory.unwrap_or(Path::new(".")), whole);
        }
    }

    /// Whether the kernel reported that something is complete.
    fn drain(&self) -> bool {
        let mut any = false;
        while let Ok(events) = self.inotify.read_events() {
            any |= !events.is_empty();
            if events.is_empty() {
                break;
            }
        }
        any
    }

    /// Reads the files. Without a report of the kernel a writer may be halfway, so a number counts when it was seen
    /// twice.
    fn look(&mut self, complete: bool) {
        for watched in &mut self.watched {
            let number = number_of(Path::new(&watched.file.path));
            let settled = complete || watched.seen == Some(number);
            watched.seen = Some(number);
            if settled && watched.told != Some(number) {
                watched.told = Some(number);
                if self.sender.send(FileEvent { name: watched.file.name.clone(), number }).is_ok() {
                    self.ready.wake();
                }
            }
        }
    }
}

fn number_of(path: &Path) -> i32 {
    let mut text = Vec::new();
    // A FIFO without a writer must not hold up the others.
    let open = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    match open.and_then(|file| file.take(MOST).read_to_end(&mut text)) {
        Ok(_) => number(&text),
        Err(_) => 0,
    }
}

/// The number a file begins with, limited to 32 bits; 0 without one.
fn number(text: &[u8]) -> i32 {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start();
    let signs = usize::from(text.starts_with(['-', '+']));
    let digits = text.get(signs..).unwrap_or("").bytes().take_while(u8::is_ascii_digit).count();
    let Some(digits) = text.get(..signs.saturating_add(digits)).filter(|_| digits > 0) else { return 0 };
    let limit = if digits.starts_with('-') { i64::from(i32::MIN) } else { i64::from(i32::MAX) };
    let value = digits.parse::<i64>().unwrap_or(limit);
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::number;

    #[test]
    fn numbers() {
        for (text, want) in [
            ("", 0),
            ("5", 5),
            (" -7\n", -7),
            ("+3 rest", 3),
            ("12abc", 12),
            ("abc", 0),
            ("-", 0),
            ("4294967296", i32::MAX),
            ("-99999999999999999999999", i32::MIN),
        ] {
            assert_eq!(number(text.as_bytes()), want, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_number(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = number(&bytes);
        }

        #[test]
        fn every_number_is_read(wanted: i32) {
            prop_assert_eq!(number(format!("{wanted}\n").as_bytes()), wanted);
        }
    }
}
