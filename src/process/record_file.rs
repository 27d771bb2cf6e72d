//! A small file with a record for the next process, written by a separate thread.

use std::fs;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::files;
use crate::notify::dump::replace;
use crate::notify::log::Log;
use crate::reactor::background::await_end;
use crate::state::{Record, Unusable};

/// Bytes of the largest file that is read: room for more than a hundred thousand entries.
const LARGEST: u64 = 16 << 20;
/// Time limit for writing the last change.
const LIMIT: Duration = Duration::from_millis(500);

/// Writer of the file.
#[derive(Debug)]
pub(super) struct RecordFile<T> {
    /// The latest text, written or queued.
    last: String,
    /// The boot for which the record is valid; `None` if it stays valid after a reboot.
    boot: Option<String>,
    /// The text to be written next. On a slow disk newer texts replace it.
    next: Arc<Mutex<Option<String>>>,
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    log: Log,
    record: PhantomData<T>,
}

/// Location of a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The current boot, if a record of another boot is invalid.
    pub(super) boot: Option<String>,
    /// The consequence if the file cannot be used, for the log.
    pub(super) lost: &'static str,
}

/// The content of the file: JSON, so that an administrator can read it after a crash.
#[derive(Serialize)]
struct Written<'r, T> {
    content: &'static str,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    boot: Option<&'r str>,
    record: &'r T,
}

/// The fields that files of all versions have.
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

/// Reads the record; it is empty if the file is missing. If the file cannot be used, that is logged.
pub(super) fn read<T: Record + Default>(place: &Place, log: &Log) -> T {
    find(place, log).1
}

/// The text of the file and the record in it.
fn find<T: Record + Default>(place: &Place, log: &Log) -> (String, T) {
    let path = place.path.display();
    let text = match files::read_own(&place.path, LARGEST) {
        Ok(Some(text)) => text,
        Ok(None) => return Default::default(),
        Err(reason) => {
            log.error(format_args!("Cannot trust {path}: {reason}; {}", place.lost));
            return Default::default();
        }
    };
    let record = parse(&text, place.boot.as_deref()).unwrap_or_else(|error| {
        log.error(format_args!("Cannot use {path}: it has {error}; {}", place.lost));
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

impl<T: Record + Default + PartialEq> RecordFile<T> {
    /// Starts the thread. The second value is the record in the file.
    pub(super) fn start(place: Place, log: Log) -> io::Result<(RecordFile<T>, T)> {
        let (last, found) = find(&place, &log);
        let (wake, woken) = sync_channel(1);
        let next = Arc::new(Mutex::new(None));
        let texts = Arc::clone(&next);
        let Place { path, boot, .. } = place;
        let thread_log = log.clone();
        let thread = std::thread::Builder::new().name("record-file".into()).spawn(move || {
            write_all(&path, &texts, &woken, &thread_log);
        })?;
        Ok((RecordFile { last, boot, next, wake, thread, log, record: PhantomData }, found))
    }

    /// Queues the record for writing; an empty record removes the file. Never blocks.
    pub(super) fn save(&mut self, record: &T) {
        let text = if *record == T::default() { Ok(String::new()) } else { self.text_of(record) };
        match text {
            Ok(text) if text == self.last => {}
            Ok(text) => {
                *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
                // A full channel means that the thread will take the text anyway.
                let _ = self.wake.try_send(());
                self.last = text;
            }
            // No record has this error.
            Err(error) => self.log.error(format_args!("Cannot write {}: {error}", T::NAME)),
        }
    }

    /// As [`RecordFile::save`], although another process may have written the file meanwhile.
    pub(super) fn save_again(&mut self, record: &T) {
        self.last.clear();
        self.save(record);
    }

    fn text_of(&self, record: &T) -> serde_json::Result<String> {
        let (content, version, boot) = (T::NAME, T::VERSION, self.boot.as_deref());
        serde_json::to_string(&Written { content, version, boot, record }).map(|text| text + "\n")
    }

    /// Writes the queued text, at most for [`LIMIT`].
    pub(super) fn finish(self) {
        drop(self.wake);
        await_end(&self.thread, LIMIT);
    }
}

fn write_all(path: &Path, next: &Mutex<Option<String>>, woken: &Receiver<()>, log: &Log) {
    let mut logged = false;
    while woken.recv().is_ok() {
        let text = next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(text) = text else { continue };
        let written = if text.is_empty() { remove(path) } else { replace(path, &text) };
        if let Err(error) = written
            && !std::mem::replace(&mut logged, true)
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
        log::start(log::Options { syslog: false, ..log::Options::syslog(String::new()) }).unwrap().log()
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
    fn a_record_is_read_in_the_boot_for_which_it_is_valid() {
        let directory = tempfile::tempdir().unwrap();
        let record = Names(vec!["A \"quoted\"\n".into()]);
        for (written, read_in, found) in
            [(None, None, true), (Some("1"), Some("1"), true), (Some("1"), Some("2"), false), (None, Some("1"), false)]
        {
            let (mut kept, _) = RecordFile::<Names>::start(place(directory.path(), written), log()).unwrap();
            kept.save(&record);
            kept.finish();
            let again: Names = read(&place(directory.path(), read_in), &log());
            assert_eq!(again == record, found, "{written:?} {read_in:?}");
            assert_eq!(again == Names::default(), !found);
            fs::remove_file(directory.path().join("names")).unwrap();
        }
    }

    #[test]
    fn an_empty_record_removes_the_file() {
        for text in ["nonsense", r#"{"content":"names","version":3,"record":["A"]}"#] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("names"), text).unwrap();
            let (mut kept, _) = RecordFile::<Names>::start(place(directory.path(), None), log()).unwrap();
            kept.save(&Names::default());
            kept.finish();
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn only_a_record_of_this_version_is_accepted() {
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
