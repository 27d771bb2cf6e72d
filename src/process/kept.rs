//! A small file in which a process keeps what its successor is to know, written by a thread of its own.

use std::fs;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::files;
use crate::notify::dump::replace;
use crate::notify::log::Log;
use crate::state::{Record, Unusable};

/// Bytes of a file that is believed: it can name more than a hundred thousand things.
const MOST: u64 = 16 << 20;
/// The last change may take so long to be written.
const LIMIT: Duration = Duration::from_millis(500);

/// The file's writer.
#[derive(Debug)]
pub(super) struct Kept<T> {
    /// The text of the file, or the text that is to be written last.
    last: String,
    /// The boot of the machine that the record belongs to; `None` if it outlives that.
    boot: Option<String>,
    /// The text to be written next: however slow the disk is, only the latest waits.
    next: Arc<Mutex<Option<String>>>,
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    log: Log,
    record: PhantomData<T>,
}

/// Where a record is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The present boot of the machine, if a record of another is worth nothing.
    pub(super) boot: Option<String>,
    /// For the log: what it means if the file cannot be used.
    pub(super) lost: &'static str,
}

/// A record as its file has it. JSON, so that an administrator can read after a crash what is left in the kernel.
#[derive(Serialize)]
struct Written<'r, T> {
    content: &'static str,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    boot: Option<&'r str>,
    record: &'r T,
}

/// What is common to the files of all versions.
#[derive(Deserialize)]
struct Head {
    content: String,
    version: u32,
    boot: Option<String>,
}

#[derive(Deserialize)]
struct Body<T> {
    record: T,
}

/// The record that a file has, empty without one. A file that cannot be used is named in the log.
pub(super) fn read<T: Record + Default>(place: &Place, log: &Log) -> T {
    find(place, log).1
}

/// The text of the file, and its record.
fn find<T: Record + Default>(place: &Place, log: &Log) -> (String, T) {
    let path = place.path.display();
    let text = match files::read_own(&place.path, MOST) {
        Ok(Some(text)) => text,
        Ok(None) => return Default::default(),
        Err(reason) => {
            log.error(format_args!("{path} is not believed: {reason}; {}", place.lost));
            return Default::default();
        }
    };
    let record = parse(&text, place.boot.as_deref()).unwrap_or_else(|error| {
        log.error(format_args!("{path} is not used, since it has {error}; {}", place.lost));
        T::default()
    });
    (text, record)
}

fn parse<T: Record + Default>(text: &str, boot: Option<&str>) -> Result<T, Unusable> {
    let head: Head = serde_json::from_str(text).map_err(Unusable::damaged::<T>)?;
    if head.content != T::NAME {
        return Err(Unusable::damaged::<T>("its content has another name"));
    }
    Unusable::check_version::<T>(head.version)?;
    if head.boot.as_deref() != boot {
        return Ok(T::default());
    }
    let body: Body<T> = serde_json::from_str(text).map_err(Unusable::damaged::<T>)?;
    Ok(body.record)
}

impl<T: Record + Default + PartialEq> Kept<T> {
    /// Starts the thread. The second value is what the file says.
    pub(super) fn start(place: Place, log: Log) -> io::Result<(Kept<T>, T)> {
        let (last, found) = find(&place, &log);
        let (wake, woken) = sync_channel(1);
        let next = Arc::new(Mutex::new(None));
        let texts = Arc::clone(&next);
        let Place { path, boot, .. } = place;
        let told = log.clone();
        let thread = std::thread::Builder::new().name("kept".into()).spawn(move || {
            write_all(&path, &texts, &woken, &told);
        })?;
        Ok((Kept { last, boot, next, wake, thread, log, record: PhantomData }, found))
    }

    /// Has the record written; an empty one has no file. Never blocks.
    pub(super) fn save(&mut self, record: &T) {
        let text = if *record == T::default() { Ok(String::new()) } else { self.text_of(record) };
        match text {
            Ok(text) if text == self.last => {}
            Ok(text) => {
                *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
                // One that is under way already will find it.
                let _ = self.wake.try_send(());
                self.last = text;
            }
            // There is no such record.
            Err(error) => self.log.error(format_args!("Cannot write {}: {error}", T::NAME)),
        }
    }

    fn text_of(&self, record: &T) -> serde_json::Result<String> {
        let (content, version, boot) = (T::NAME, T::VERSION, self.boot.as_deref());
        serde_json::to_string(&Written { content, version, boot, record }).map(|text| text + "\n")
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::notify::log;

    pub(in super::super) fn log() -> Log {
        let options = log::Options {
            ident: String::new(),
            syslog: false,
            facility: log::Facility::LOG_DAEMON,
            console: false,
            detail: false,
        };
        log::start(options).unwrap().log()
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Names(Vec<String>);

    impl Record for Names {
        const NAME: &'static str = "names";
        const VERSION: u32 = 3;
    }

    fn place(directory: &Path, boot: Option<&str>) -> Place {
        Place { path: directory.join("names"), boot: boot.map(str::to_owned), lost: "" }
    }

    #[test]
    fn a_record_is_found_again_in_the_boot_that_it_belongs_to() {
        let directory = tempfile::tempdir().unwrap();
        let record = Names(vec!["A \"quoted\"\n".into()]);
        for (written, read_in, found) in
            [(None, None, true), (Some("1"), Some("1"), true), (Some("1"), Some("2"), false), (None, Some("1"), false)]
        {
            let (mut kept, _) = Kept::<Names>::start(place(directory.path(), written), log()).unwrap();
            kept.save(&record);
            kept.finish();
            let again: Names = read(&place(directory.path(), read_in), &log());
            assert_eq!(again == record, found, "{written:?} {read_in:?}");
            assert_eq!(again == Names::default(), !found);
            fs::remove_file(directory.path().join("names")).unwrap();
        }
    }

    #[test]
    fn an_empty_record_has_no_file_whatever_was_there() {
        for text in ["nonsense", r#"{"content":"names","version":3,"record":["A"]}"#] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("names"), text).unwrap();
            let (mut kept, _) = Kept::<Names>::start(place(directory.path(), None), log()).unwrap();
            kept.save(&Names::default());
            kept.finish();
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn anything_but_a_record_of_this_version_is_refused_in_words() {
        let boot = "01234567-89ab-cdef-0123-456789abcdef\naddress\teth0\t10.0.0.1\t24\n";
        for (text, expected) in [
            (
                r#"{"content":"names","version":2,"record":["A"]}"#,
                "names of version 2, not 3: another release wrote it",
            ),
            (
                r#"{"content":"names","version":4,"record":{"A":1}}"#,
                "names of version 4, not 3: another release wrote it",
            ),
            (
                r#"{"content":"others","version":3,"record":["A"]}"#,
                "names that cannot be read: its content has another",
            ),
            (r#"{"content":"names","version":3,"record":[1]}"#, "names that cannot be read: invalid type: integer `1`"),
            (r#"{"content":"names","version":3,"record":["A"]"#, "names that cannot be read: EOF"),
            (boot, "names that cannot be read: "),
            ("", "names that cannot be read: EOF"),
            (&"[".repeat(100_000), "names that cannot be read: "),
        ] {
            let error = parse::<Names>(text, None).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
