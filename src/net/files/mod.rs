//! Files with a number in them, for `track_file` and FILE_CHECK.
//!
//! A thread follows what the kernel tells of their directories, and has the files looked at by others: a file system that
//! hangs holds up its own files alone.

mod look;
mod number;
mod watched;
mod workers;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use crate::config::model::TrackFile;
use crate::reactor::{Events, Interest, Reactor, Token, Waker, clock};
pub use look::Occasion;
use look::{Job, Look, Looked};
pub use watched::FileEvent;
use watched::Watched;
use workers::Workers;

/// How often the files are looked at even if the kernel reports nothing: network file systems, symbolic links, directories
/// that come later.
const LOOK: Duration = Duration::from_secs(1);
const STOP: Token = Token(0);
const CHANGE: Token = Token(1);

/// Handle to the thread; dropping it ends the watching.
///
/// Register it as readable; when it is ready, take the [`events`](Files::events). Each file gives a number at the start.
#[derive(Debug)]
pub struct Files {
    changed: Receiver<FileEvent>,
    ready: Waker,
    stop: Arc<AtomicBool>,
    wake: Waker,
}

impl Files {
    /// Starts watching. Files with `init_file` are written first, as the occasion asks for.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn start(files: &[TrackFile], occasion: Occasion) -> io::Result<Files> {
        let inotify = Arc::new(Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?);
        let watcher = inotify.clone();
        Files::watch(files, occasion, inotify, Arc::new(move |job: &Job| look::look(job, &watcher)))
    }

    fn watch(files: &[TrackFile], occasion: Occasion, inotify: Arc<Inotify>, look: Look) -> io::Result<Files> {
        let (sender, changed) = channel();
        let (ready, wake) = (Waker::new()?, Waker::new()?);
        let stop = Arc::new(AtomicBool::new(false));
        let reactor = Reactor::coarse()?;
        reactor.register(&wake, STOP, Interest::READABLE)?;
        let fd = std::os::fd::AsFd::as_fd(&*inotify).as_raw_fd();
        reactor.register(&fd, CHANGE, Interest::READABLE)?;
        let watcher = Watcher {
            watched: files.iter().map(|file| Watched::new(file, occasion)).collect(),
            by_name: HashMap::new(),
            inotify,
            workers: Workers::new(look, wake.clone()),
            reactor,
            stop: stop.clone(),
            sender,
            ready: ready.clone(),
        };
        let wake_thread = wake.clone();
        std::thread::Builder::new().name("files".into()).spawn(move || watcher.run(&wake_thread))?;
        Ok(Files { changed, ready, stop, wake })
    }

    /// Adds what was told since the last call.
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

/// The thread.
struct Watcher {
    watched: Vec<Watched>,
    /// Files by the watch of their directory and their name in it.
    by_name: HashMap<(WatchDescriptor, std::ffi::OsString), Vec<usize>>,
    inotify: Arc<Inotify>,
    workers: Workers,
    reactor: Reactor,
    stop: Arc<AtomicBool>,
    sender: Sender<FileEvent>,
    ready: Waker,
}

impl Watcher {
    fn run(mut self, wake: &Waker) {
        let mut events = Events::with_capacity(4);
        let mut due = Duration::ZERO;
        while !self.stop.load(Ordering::Relaxed) {
            wake.clear();
            self.take_results();
            self.follow_kernel();
            let now = clock::now();
            if now >= due {
                due = now.saturating_add(LOOK);
                self.look_at_all(now);
            }
            if self.reactor.wait(Some(due), &mut events).is_err() {
                return;
            }
        }
    }

    fn look_at_all(&mut self, now: Duration) {
        let mut told = Vec::new();
        for (place, watched) in self.watched.iter_mut().enumerate() {
            if let Some(job) = watched.due(place, false, now) {
                self.workers.begin(job);
            }
            told.extend(watched.overdue(now));
        }
        self.tell(told);
    }

    fn take_results(&mut self) {
        while let Some(Looked { place, watch, init, found, complete }) = self.workers.result() {
            let Some(watched) = self.watched.get_mut(place) else { continue };
            let path = Path::new(&watched.file.path);
            if let (Some(watch), Some(name)) = (watch, path.file_name()) {
                let files = self.by_name.entry((watch, name.to_owned())).or_default();
                if !files.contains(&place) {
                    files.push(place);
                }
            }
            let told = watched.looked(init, found, complete);
            if let Some(job) = watched.again(place, clock::now()) {
                self.workers.begin(job);
            }
            self.tell(told);
        }
    }

    /// Looks at the files of which the kernel reports that something is complete.
    fn follow_kernel(&mut self) {
        let now = clock::now();
        while let Ok(events) = self.inotify.read_events() {
            if events.is_empty() {
                return;
            }
            for event in events {
                if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                    // The directory is gone; the next look watches the one that has come in its place.
                    self.by_name.retain(|(watch, _), _| *watch != event.wd);
                    continue;
                }
                let name = event.name.unwrap_or_default();
                for place in self.by_name.get(&(event.wd, name)).into_iter().flatten() {
                    let job = self.watched.get_mut(*place).and_then(|watched| watched.due(*place, true, now));
                    if let Some(job) = job {
                        self.workers.begin(job);
                    }
                }
            }
        }
    }

    fn tell(&self, events: Vec<FileEvent>) {
        for event in events {
            if self.sender.send(event).is_ok() {
                self.ready.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::look::Found;
    use super::*;

    fn file(name: &str) -> TrackFile {
        let path = format!("/{name}");
        TrackFile { name: name.to_owned(), path, weight: 1, reverse: false, init: None }
    }

    #[test]
    fn a_file_system_that_hangs_holds_up_only_its_own_files() {
        let inotify = Arc::new(Inotify::init(InitFlags::IN_NONBLOCK).unwrap());
        let (release, hang) = channel::<()>();
        let hang = Mutex::new(hang);
        let look: Look = Arc::new(move |job: &Job| {
            let number = if job.path == Path::new("/hangs") {
                let _ = hang.lock().unwrap().recv();
                7
            } else {
                5
            };
            Looked { place: job.place, watch: None, init: None, found: Found::Number(number), complete: job.complete }
        });
        let files = Files::watch(&[file("hangs"), file("works")], Occasion::Start, inotify, look).unwrap();
        let mut reactor = Reactor::new().unwrap();
        reactor.register(&files, Token(1), Interest::READABLE).unwrap();
        let mut events = Events::with_capacity(4);
        let mut next = || {
            let until = clock::now() + Duration::from_secs(20);
            loop {
                if let Ok(event) = files.changed.try_recv() {
                    return event;
                }
                assert!(clock::now() < until, "nothing is told");
                reactor.wait(Some(until), &mut events).unwrap();
                files.ready.clear();
            }
        };
        assert_eq!(next(), FileEvent::Number { name: "works".into(), number: 5 });
        // At last it counts as missing, and the log may say why.
        assert_eq!(next(), FileEvent::Number { name: "hangs".into(), number: 0 });
        let FileEvent::Trouble { name, text } = next() else { panic!("no trouble") };
        assert!(name == "hangs" && text.contains("/hangs") && text.contains("does not answer"), "{text}");
        drop(release);
        assert_eq!(next(), FileEvent::Number { name: "hangs".into(), number: 7 });
    }
}
