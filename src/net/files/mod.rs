//! Watches files that contain a number, for `track_file` and FILE_CHECK.
//!
//! A thread watches their directories with inotify; other threads read the files, so that a file system that hangs delays
//! only its own files.

mod examine;
mod number;
mod watched;
mod workers;

use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use crate::config::model::TrackFile;
use crate::reactor::{Events, Feed, Feeder, Interest, Reactor, Token, clock, feed};
pub use examine::InitFiles;
use examine::{Examine, Examined, Job};
pub use watched::FileEvent;
use watched::Watched;
use workers::Workers;

/// Interval of reading all files even without inotify events: for network file systems, symbolic links and directories
/// created later.
const INTERVAL: Duration = Duration::from_secs(1);
const STOP: Token = Token(0);
const CHANGE: Token = Token(1);

/// Starts to watch files. The number of each file is sent at the start and at each change. Files with `init_file` are
/// written first, depending on `init_files`.
///
/// # Errors
/// When the system has no descriptors or threads left.
pub fn watch_files(files: &[TrackFile], init_files: InitFiles) -> io::Result<Feed<FileEvent>> {
    let inotify = Arc::new(Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?);
    let watcher = inotify.clone();
    watch(files, init_files, inotify, Arc::new(move |job: &Job| examine::examine(job, &watcher)))
}

fn watch(
    files: &[TrackFile],
    init_files: InitFiles,
    inotify: Arc<Inotify>,
    examine: Examine,
) -> io::Result<Feed<FileEvent>> {
    let (feed, feeder) = feed()?;
    let reactor = Reactor::coarse()?;
    reactor.register(feeder.waker(), STOP, Interest::READABLE)?;
    let fd = std::os::fd::AsFd::as_fd(&*inotify).as_raw_fd();
    reactor.register(&fd, CHANGE, Interest::READABLE)?;
    let watcher = Watcher {
        watched: files.iter().map(|file| Watched::new(file, init_files)).collect(),
        by_name: HashMap::new(),
        inotify,
        workers: Workers::new(examine, feeder.waker().clone()),
        reactor,
        feeder,
    };
    std::thread::Builder::new().name("files".into()).spawn(move || watcher.run())?;
    Ok(feed)
}

/// The thread.
struct Watcher {
    watched: Vec<Watched>,
    /// Indices of files by the watch of their directory and their name in it.
    by_name: HashMap<(WatchDescriptor, std::ffi::OsString), Vec<usize>>,
    inotify: Arc<Inotify>,
    workers: Workers,
    reactor: Reactor,
    feeder: Feeder<FileEvent>,
}

impl Watcher {
    fn run(mut self) {
        let mut events = Events::with_capacity(4);
        let mut due = Duration::ZERO;
        while !self.feeder.is_over() {
            self.feeder.waker().clear();
            self.take_results();
            self.follow_kernel();
            let now = clock::now();
            if now >= due {
                due = now.saturating_add(INTERVAL);
                self.examine_all(now);
            }
            if self.reactor.wait(Some(due), &mut events).is_err() {
                return;
            }
        }
    }

    fn examine_all(&mut self, now: Duration) {
        let mut reported = Vec::new();
        for (place, watched) in self.watched.iter_mut().enumerate() {
            if let Some(job) = watched.due(place, false, now) {
                self.workers.begin(job);
            }
            reported.extend(watched.overdue(now));
        }
        self.report(reported);
    }

    fn take_results(&mut self) {
        while let Some(Examined { place, watch, init, found, complete }) = self.workers.result() {
            let Some(watched) = self.watched.get_mut(place) else { continue };
            let path = Path::new(&watched.file.path);
            if let (Some(watch), Some(name)) = (watch, path.file_name()) {
                let files = self.by_name.entry((watch, name.to_owned())).or_default();
                if !files.contains(&place) {
                    files.push(place);
                }
            }
            let reported = watched.examined(init, found, complete);
            if let Some(job) = watched.again(place, clock::now()) {
                self.workers.begin(job);
            }
            self.report(reported);
        }
    }

    /// Reads the files for which inotify reports a completed write, a rename or a removal.
    fn follow_kernel(&mut self) {
        let now = clock::now();
        while let Ok(events) = self.inotify.read_events() {
            if events.is_empty() {
                return;
            }
            for event in events {
                if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                    // The directory was removed; the next read watches its replacement.
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

    fn report(&self, events: Vec<FileEvent>) {
        events.into_iter().for_each(|event| self.feeder.send(event));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::examine::Found;
    use super::*;

    fn file(name: &str) -> TrackFile {
        let path = format!("/{name}");
        TrackFile { name: name.to_owned(), path, weight: 1, reverse: false, init: None }
    }

    #[test]
    fn a_file_system_that_hangs_delays_only_its_own_files() {
        let inotify = Arc::new(Inotify::init(InitFlags::IN_NONBLOCK).unwrap());
        let (release, hang) = channel::<()>();
        let hang = Mutex::new(hang);
        let examine: Examine = Arc::new(move |job: &Job| {
            let number = if job.path == Path::new("/hangs") {
                let _ = hang.lock().unwrap().recv();
                7
            } else {
                5
            };
            Examined { place: job.place, watch: None, init: None, found: Found::Number(number), complete: job.complete }
        });
        let files = watch(&[file("hangs"), file("works")], InitFiles::AsWritten, inotify, examine).unwrap();
        let mut reactor = Reactor::new().unwrap();
        reactor.register(&files, Token(1), Interest::READABLE).unwrap();
        let mut events = Events::with_capacity(4);
        let mut reported = Vec::new();
        let mut next = || {
            let until = clock::now() + Duration::from_secs(20);
            loop {
                files.events(&mut reported);
                if !reported.is_empty() {
                    return reported.remove(0);
                }
                assert!(clock::now() < until, "no event");
                reactor.wait(Some(until), &mut events).unwrap();
            }
        };
        assert_eq!(next(), FileEvent::Number { name: "works".into(), number: 5 });
        // After the time limit the file counts as missing, and the reason is reported.
        assert_eq!(next(), FileEvent::Number { name: "hangs".into(), number: 0 });
        let FileEvent::Trouble { name, text } = next() else { panic!("no trouble") };
        assert!(name == "hangs" && text.contains("/hangs") && text.contains("does not answer"), "{text}");
        drop(release);
        assert_eq!(next(), FileEvent::Number { name: "hangs".into(), number: 7 });
    }
}
