//! What is known of one file, and when it is told.

use std::path::PathBuf;
use std::time::Duration;

use super::look::{Found, InitFiles, Job};
use crate::config::model::{InitFile, TrackFile};

/// A look that takes longer is told of.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is told of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileEvent {
    /// Its number: at the start, and whenever it changes.
    Number {
        /// Name of the `track_file` block.
        name: String,
        /// The number; 0 when the file is not there or holds none.
        number: i32,
    },
    /// It cannot be made or read, or its number is beyond 32 bits: its number stays. Told once until that changes.
    Trouble {
        /// Name of the `track_file` block.
        name: String,
        /// What is wrong, with the path and the number that stays; a message to the user.
        text: String,
    },
}

/// One file.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) file: TrackFile,
    /// To be written by the next look.
    init: Option<InitFile>,
    /// Number of the last event.
    told: Option<i32>,
    /// What the last look found.
    seen: Option<Found>,
    /// The trouble that was told last.
    trouble: Option<String>,
    /// A look is under way since then.
    since: Option<Duration>,
    /// Another look is due when the present one is over: the kernel has reported something meanwhile.
    again: bool,
}

impl Watched {
    /// Before the first look.
    pub(super) fn new(file: &TrackFile, init_files: InitFiles) -> Watched {
        let init = file.init.and_then(|init| match init_files {
            InitFiles::AsWritten => Some(init),
            InitFiles::IfMissing => Some(InitFile { overwrite: false, ..init }),
            InitFiles::Never => None,
        });
        let file = file.clone();
        Watched { file, init, told: None, seen: None, trouble: None, since: None, again: false }
    }

    /// A look is due, perhaps as the kernel reported that something is `complete`. One at a time is under way.
    pub(super) fn due(&mut self, place: usize, complete: bool, now: Duration) -> Option<Job> {
        if self.since.is_some() {
            self.again |= complete;
            return None;
        }
        self.since = Some(now);
        // Nobody is told of the first look but as it is.
        let complete = complete || self.seen.is_none();
        Some(Job { place, path: PathBuf::from(&self.file.path), init: self.init.take(), complete })
    }

    /// The look that has to follow the last one at once.
    pub(super) fn again(&mut self, place: usize, now: Duration) -> Option<Job> {
        let again = std::mem::take(&mut self.again);
        again.then(|| self.due(place, true, now)).flatten()
    }

    /// A look is over. Without a report of the kernel a writer may be halfway, so what is found counts when it was seen
    /// twice.
    pub(super) fn looked(&mut self, init: Option<String>, found: Found, complete: bool) -> Vec<FileEvent> {
        self.since = None;
        let mut events = Vec::new();
        if let Some(why) = init {
            let text = format!("track_file {}: init_file cannot write {}: {why}", self.file.name, self.file.path);
            events.push(FileEvent::Trouble { name: self.file.name.clone(), text });
        }
        let settled = complete || self.seen.as_ref() == Some(&found);
        self.seen = Some(found.clone());
        match found {
            _ if !settled => {}
            Found::Number(number) => {
                self.trouble = None;
                self.tell(number, &mut events);
            }
            Found::Nothing(why) => self.stay(&why, &mut events),
        }
        events
    }

    /// The present look takes too long: the file counts as missing if it has no number yet.
    pub(super) fn overdue(&mut self, now: Duration) -> Vec<FileEvent> {
        let mut events = Vec::new();
        if self.since.is_some_and(|since| now >= since.saturating_add(PATIENCE)) {
            self.stay("its file system does not answer", &mut events);
        }
        events
    }

    fn stay(&mut self, why: &str, events: &mut Vec<FileEvent>) {
        let number = self.told.unwrap_or(0);
        self.tell(number, events);
        if self.trouble.as_deref() == Some(why) {
            return;
        }
        self.trouble = Some(why.to_owned());
        let TrackFile { name, path, .. } = &self.file;
        let text = format!("track_file {name}: {path} gives no number: {why}; the number stays {number}");
        events.push(FileEvent::Trouble { name: name.clone(), text });
    }

    fn tell(&mut self, number: i32, events: &mut Vec<FileEvent>) {
        if self.told.replace(number) != Some(number) {
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

    fn look(watched: &mut Watched, found: Found, complete: bool) -> Vec<FileEvent> {
        let job = watched.due(0, complete, Duration::ZERO).unwrap();
        watched.looked(None, found, job.complete)
    }

    fn number(number: i32) -> FileEvent {
        FileEvent::Number { name: "t".into(), number }
    }

    #[test]
    fn a_file_that_is_half_written_does_not_count() {
        let mut watched = watched(InitFiles::Never);
        assert_eq!(look(&mut watched, Found::Number(10), false), [number(10)], "the first look");
        assert!(look(&mut watched, Found::Number(1), false).is_empty());
        assert!(look(&mut watched, Found::Number(100), false).is_empty());
        assert_eq!(look(&mut watched, Found::Number(100), false), [number(100)], "seen twice");
        assert_eq!(look(&mut watched, Found::Number(2), true), [number(2)], "the kernel has reported it");
    }

    #[test]
    fn the_old_number_stays_and_that_is_told_once() {
        let mut watched = watched(InitFiles::Never);
        look(&mut watched, Found::Number(3), true);
        let beyond = || Found::Nothing("'99999999999' is beyond 32 bits".to_owned());
        let told = look(&mut watched, beyond(), true);
        let text = "track_file t: /f gives no number: '99999999999' is beyond 32 bits; the number stays 3";
        assert_eq!(told, [FileEvent::Trouble { name: "t".into(), text: text.to_owned() }]);
        assert!(look(&mut watched, beyond(), true).is_empty());
        assert!(look(&mut watched, Found::Number(3), true).is_empty());
        assert_eq!(look(&mut watched, beyond(), true).len(), 1, "it was well meanwhile");
    }

    #[test]
    fn a_report_during_a_look_is_another_look() {
        let mut watched = watched(InitFiles::Never);
        assert!(watched.due(0, false, Duration::ZERO).is_some());
        assert!(watched.due(0, true, Duration::ZERO).is_none());
        watched.looked(None, Found::Number(0), true);
        assert!(watched.again(0, Duration::ZERO).is_some_and(|job| job.complete));
        assert!(watched.again(0, Duration::ZERO).is_none());
    }

    #[test]
    fn init_file_is_for_the_first_look() {
        let init = |init_files| {
            let mut watched = watched(init_files);
            let first = watched.due(0, false, Duration::ZERO).and_then(|job| job.init).map(|init| init.overwrite);
            watched.looked(None, Found::Number(0), true);
            assert!(watched.due(0, true, Duration::ZERO).is_some_and(|job| job.init.is_none()));
            first
        };
        assert_eq!(
            [InitFiles::AsWritten, InitFiles::IfMissing, InitFiles::Never].map(init),
            [Some(true), Some(false), None]
        );
    }
}
