//! State of one watched file, and the events it causes.

use std::path::PathBuf;
use std::time::Duration;

use super::examine::{Found, InitFiles, Job};
use crate::config::model::{InitFile, TrackFile};

/// A read that takes longer is reported as a trouble.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// An event of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileEvent {
    /// The number of the file: at the start and at each change.
    Number {
        /// Name of the `track_file` block.
        name: String,
        /// The number; 0 when the file does not exist or contains none.
        number: i32,
    },
    /// The file cannot be created or read, or its number does not fit 32 bits: the last number stays. Sent once per reason.
    Trouble {
        /// Name of the `track_file` block.
        name: String,
        /// Message for the log, with the path, the reason and the number that stays.
        text: String,
    },
}

/// One file.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) file: TrackFile,
    /// `init_file` to be written by the next read.
    init: Option<InitFile>,
    /// Number of the last event.
    reported: Option<i32>,
    /// Result of the last read.
    last_found: Option<Found>,
    /// The reason of the last [`FileEvent::Trouble`], until the file has a number again.
    trouble: Option<String>,
    /// Start of the running read.
    started: Option<Duration>,
    /// Read again after the running read: inotify has reported a change in the meantime.
    again: bool,
}

impl Watched {
    /// The state before the first read.
    pub(super) fn new(file: &TrackFile, init_files: InitFiles) -> Watched {
        let init = file.init.and_then(|init| match init_files {
            InitFiles::AsWritten => Some(init),
            InitFiles::IfMissing => Some(InitFile { overwrite: false, ..init }),
            InitFiles::Never => None,
        });
        let file = file.clone();
        Watched { file, init, reported: None, last_found: None, trouble: None, started: None, again: false }
    }

    /// Starts a read, unless one is running. `complete`: the kernel has reported a completed change.
    pub(super) fn due(&mut self, place: usize, complete: bool, now: Duration) -> Option<Job> {
        if self.started.is_some() {
            self.again |= complete;
            return None;
        }
        self.started = Some(now);
        // The first read counts as it is.
        let complete = complete || self.last_found.is_none();
        Some(Job { place, path: PathBuf::from(&self.file.path), init: self.init.take(), complete })
    }

    /// Starts another read if a change was reported during the last one.
    pub(super) fn again(&mut self, place: usize, now: Duration) -> Option<Job> {
        let again = std::mem::take(&mut self.again);
        again.then(|| self.due(place, true, now)).flatten()
    }

    /// Handles the result of a read. If it is not `complete`, the file may be half written, so the result counts when two
    /// successive reads agree.
    pub(super) fn examined(&mut self, init: Option<String>, found: Found, complete: bool) -> Vec<FileEvent> {
        self.started = None;
        let mut events = Vec::new();
        if let Some(why) = init {
            let text = format!("Cannot write {} (init_file of track_file {}): {why}", self.file.path, self.file.name);
            events.push(FileEvent::Trouble { name: self.file.name.clone(), text });
        }
        let settled = complete || self.last_found.as_ref() == Some(&found);
        self.last_found = Some(found.clone());
        match found {
            _ if !settled => {}
            Found::Number(number) => {
                self.trouble = None;
                self.report(number, &mut events);
            }
            Found::Unusable(why) => self.keep_number(&why, &mut events),
        }
        events
    }

    /// Reports a running read that takes too long. A file without a number so far then counts as missing.
    pub(super) fn overdue(&mut self, now: Duration) -> Vec<FileEvent> {
        let mut events = Vec::new();
        if self.started.is_some_and(|since| now >= since.saturating_add(TIME_LIMIT)) {
            self.keep_number("its file system does not answer", &mut events);
        }
        events
    }

    fn keep_number(&mut self, why: &str, events: &mut Vec<FileEvent>) {
        let number = self.reported.unwrap_or(0);
        self.report(number, events);
        if self.trouble.as_deref() == Some(why) {
            return;
        }
        self.trouble = Some(why.to_owned());
        let TrackFile { name, path, .. } = &self.file;
        let text = format!("track_file {name}: no number from {path}: {why}; the number stays {number}");
        events.push(FileEvent::Trouble { name: name.clone(), text });
    }

    fn report(&mut self, number: i32, events: &mut Vec<FileEvent>) {
        if self.reported.replace(number) != Some(number) {
            events.push(FileEvent::Number { name: self.file.name.clone(), number });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(init_files: InitFiles) -> Watched {
        let init = Some(InitFile { value: 5, overwrite: true });
        let file = TrackFile { name: "t".into(), path: "/f".into(), weight: 1, reverse: false, init };
        Watched::new(&file, init_files)
    }

    fn examine(watched: &mut Watched, found: Found, complete: bool) -> Vec<FileEvent> {
        let job = watched.due(0, complete, Duration::ZERO).unwrap();
        watched.examined(None, found, job.complete)
    }

    fn number(number: i32) -> FileEvent {
        FileEvent::Number { name: "t".into(), number }
    }

    #[test]
    fn a_half_written_file_does_not_count() {
        let mut watched = watched(InitFiles::Never);
        assert_eq!(examine(&mut watched, Found::Number(10), false), [number(10)], "the first read");
        assert!(examine(&mut watched, Found::Number(1), false).is_empty());
        assert!(examine(&mut watched, Found::Number(100), false).is_empty());
        assert_eq!(examine(&mut watched, Found::Number(100), false), [number(100)], "two reads agree");
        assert_eq!(examine(&mut watched, Found::Number(2), true), [number(2)], "the kernel has reported the change");
    }

    #[test]
    fn a_number_beyond_32_bits_is_reported_once_and_the_old_one_stays() {
        let mut watched = watched(InitFiles::Never);
        examine(&mut watched, Found::Number(3), true);
        let beyond = || Found::Unusable("'99999999999' is beyond 32 bits".to_owned());
        let reported = examine(&mut watched, beyond(), true);
        let text = "track_file t: no number from /f: '99999999999' is beyond 32 bits; the number stays 3";
        assert_eq!(reported, [FileEvent::Trouble { name: "t".into(), text: text.to_owned() }]);
        assert!(examine(&mut watched, beyond(), true).is_empty());
        assert!(examine(&mut watched, Found::Number(3), true).is_empty());
        assert_eq!(examine(&mut watched, beyond(), true).len(), 1, "the file was readable in between");
    }

    #[test]
    fn a_change_during_a_read_causes_another_read() {
        let mut watched = watched(InitFiles::Never);
        assert!(watched.due(0, false, Duration::ZERO).is_some());
        assert!(watched.due(0, true, Duration::ZERO).is_none());
        watched.examined(None, Found::Number(0), true);
        assert!(watched.again(0, Duration::ZERO).is_some_and(|job| job.complete));
        assert!(watched.again(0, Duration::ZERO).is_none());
    }

    #[test]
    fn init_file_is_written_by_the_first_read() {
        let init = |init_files| {
            let mut watched = watched(init_files);
            let first = watched.due(0, false, Duration::ZERO).and_then(|job| job.init).map(|init| init.overwrite);
            watched.examined(None, Found::Number(0), true);
            assert!(watched.due(0, true, Duration::ZERO).is_some_and(|job| job.init.is_none()));
            first
        };
        assert_eq!(
            [InitFiles::AsWritten, InitFiles::IfMissing, InitFiles::Never].map(init),
            [Some(true), Some(false), None]
        );
    }
}
