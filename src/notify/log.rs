//! The log: syslog, the terminal with `-l`, and a file with `-g`, written by two threads.
//!
//! A syslog daemon that hangs delays the lines for syslog only, and a full pipe at standard error those for the terminal and the
//! file. Lines wait in bounded queues; those that are dropped because a queue is full, or because there is no syslog daemon, are
//! counted, and the next line that is written reports their number.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

pub use ::syslog::Facility;

use super::queue::{Receiver, Sender, bounded};
pub use super::record::{Level, Object, Record};
use super::syslog::{self, Syslog};
use crate::config::model::LogFormat;
use crate::reactor::background::await_end;
use crate::text::{plain, reason};

/// Most waiting records of a destination.
const QUEUE: usize = 8192;

/// Destinations and settings of the log.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ident: the name before the process id.
    pub ident: String,
    /// Write to syslog (`-G` turns it off).
    pub syslog: bool,
    /// `-S`.
    pub facility: Facility,
    /// `-l`: also to standard error.
    pub console: bool,
    /// `-D`.
    pub detail: bool,
    /// `log_format`: the form of the lines on standard error and in the file; `None` = that of C keepalived.
    pub format: Option<LogFormat>,
    /// `-g`: also to a file.
    pub file: Option<LogFile>,
}

impl Options {
    /// Options for syslog only, with the facility `daemon`.
    pub fn syslog(ident: String) -> Options {
        let facility = Facility::LOG_DAEMON;
        Options { ident, syslog: true, facility, console: false, detail: false, format: None, file: None }
    }
}

/// A file to log to.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// Its path. A file that was renamed or removed is created again.
    pub path: PathBuf,
    /// Opens the file for appending.
    pub open: fn(&Path) -> io::Result<File>,
    /// `--flush-log-file`: write each line at once, instead of several lines together.
    pub flush: bool,
}

/// A handle to the log; cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    outputs: Arc<[Output]>,
    detail: bool,
    /// The records show what they are about.
    objects: bool,
}

/// The way to a thread that writes.
#[derive(Clone, Debug)]
struct Output {
    queue: Sender<Order>,
    /// Lines that were dropped since the last report of their number.
    lost: Arc<AtomicU64>,
}

impl Output {
    fn of(queue: Sender<Order>) -> Output {
        Output { queue, lost: Arc::default() }
    }

    /// Queues a record, or counts its lines as lost. Never blocks.
    fn offer(&self, record: Arc<Record>) {
        if let Err(Order::Record(record)) = self.queue.offer(Order::Record(record)) {
            self.lost.fetch_add(record.text.lines().count() as u64, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
enum Order {
    Record(Arc<Record>),
    /// Report that the records before are written.
    Reach(mpsc::Sender<()>),
    End,
}

/// The threads that write the log.
#[derive(Debug)]
pub struct Writer {
    log: Log,
    threads: Vec<JoinHandle<()>>,
}

/// Starts the threads of the log.
///
/// # Errors
/// When the system has no threads left.
pub fn start(options: Options) -> io::Result<Writer> {
    let (mut outputs, mut threads) = (Vec::new(), Vec::new());
    let (detail, objects) = (options.detail, options.format == Some(LogFormat::Json));
    let mut begin = |name: &str, destination: Box<dyn Destination>| {
        let (queue, orders) = bounded(QUEUE);
        let output = Output::of(queue);
        let lost = Arc::clone(&output.lost);
        let thread = std::thread::Builder::new().name(name.into());
        threads.push(thread.spawn(move || write_all(destination, &orders, &lost))?);
        outputs.push(output.clone());
        io::Result::Ok(output)
    };
    let mut syslog = None;
    if options.syslog {
        let daemon = Syslog::new(Path::new(syslog::SOCKET), options.facility, options.ident.clone());
        syslog = Some(begin("syslog", Box::new(daemon))?);
    }
    if options.console || options.file.is_some() {
        begin("log", Box::new(Local::new(options, syslog)))?;
    }
    Ok(Writer { log: Log { outputs: outputs.into(), detail, objects }, threads })
}

/// Lines that are kept instead of being written.
#[derive(Debug)]
pub struct Kept(Receiver<Order>);

/// A log whose lines are kept for the caller, details included.
pub fn keep() -> (Log, Kept) {
    let (queue, orders) = bounded(QUEUE);
    (Log { outputs: [Output::of(queue)].into(), detail: true, objects: true }, Kept(orders))
}

impl Kept {
    /// Takes the lines so far.
    pub fn take(&self) -> Vec<(Level, String)> {
        self.records().into_iter().map(|record| (record.level, record.text)).collect()
    }

    /// Takes the records so far.
    pub fn records(&self) -> Vec<Record> {
        let of = |order| match order {
            Order::Record(record) => Some(Arc::unwrap_or_clone(record)),
            Order::Reach(_) | Order::End => None,
        };
        self.0.drain().filter_map(of).collect()
    }
}

impl Writer {
    /// A handle to write with.
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// Writes the queued lines and stops the threads, within `limit`.
    pub fn finish(self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut open: Vec<&Output> = self.log.outputs.iter().collect();
        loop {
            // A full queue has no room for the order.
            open.retain(|output| output.queue.offer(Order::End).is_err());
            if open.is_empty() || Instant::now() >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        for thread in &self.threads {
            await_end(thread, until.saturating_duration_since(Instant::now()));
        }
    }
}

impl Log {
    /// Logs a line. Never blocks.
    pub fn write(&self, level: Level, text: impl Display) {
        self.write_about(level, text, || None);
    }

    /// Logs a line about an object. Never blocks.
    pub fn write_about(&self, level: Level, text: impl Display, object: impl FnOnce() -> Option<Object>) {
        if level == Level::Detail && !self.detail {
            return;
        }
        let text = plain(&text.to_string()).into_owned();
        let object = if self.objects { object() } else { None };
        let record = Arc::new(Record { at: SystemTime::now(), level, text, object });
        self.outputs.iter().for_each(|output| output.offer(Arc::clone(&record)));
    }

    /// Waits until the lines so far are written, at most for `limit`; returns the number of records that are not.
    pub fn drain(&self, limit: Duration) -> usize {
        let until = Instant::now() + limit;
        let ask = |output: &Output| {
            let (reached, signal) = mpsc::channel();
            output.queue.offer(Order::Reach(reached)).ok().map(|()| signal)
        };
        // All are asked before the first is waited for.
        let asked: Vec<_> = self.outputs.iter().map(|output| (output, ask(output))).collect();
        let left = asked.into_iter().map(|(output, signal)| {
            let left = until.saturating_duration_since(Instant::now());
            let is_reached = signal.is_some_and(|signal| signal.recv_timeout(left).is_ok());
            if is_reached { 0 } else { output.queue.waiting() }
        });
        left.sum()
    }

    /// Logs at [`Level::Error`].
    pub fn error(&self, text: impl Display) {
        self.write(Level::Error, text);
    }

    /// Logs at [`Level::Warning`].
    pub fn warning(&self, text: impl Display) {
        self.write(Level::Warning, text);
    }

    /// Logs at [`Level::Info`].
    pub fn info(&self, text: impl Display) {
        self.write(Level::Info, text);
    }
}

/// Where records are written.
trait Destination: Send {
    /// Writes a record; returns the number of its lines that are lost.
    fn write(&mut self, record: &Record) -> u64;
    /// Writes what it has kept to be written together.
    fn flush(&mut self);
}

fn write_all(mut destination: Box<dyn Destination>, orders: &Receiver<Order>, lost: &AtomicU64) {
    loop {
        let failed = match orders.receive() {
            Some(Order::Record(record)) => destination.write(&record),
            Some(Order::Reach(reached)) => {
                destination.flush();
                // The caller may have given up.
                let _ = reached.send(());
                continue;
            }
            Some(Order::End) | None => break,
        };
        if failed > 0 {
            lost.fetch_add(failed, Ordering::Relaxed);
        } else {
            report_lost(&mut *destination, lost);
        }
        if orders.is_empty() {
            destination.flush();
        }
    }
    destination.flush();
}

/// Writes the number of lost lines, if there are any.
fn report_lost(destination: &mut dyn Destination, lost: &AtomicU64) {
    let count = lost.swap(0, Ordering::Relaxed);
    if count == 0 {
        return;
    }
    let noun = if count == 1 { "line was" } else { "lines were" };
    let text = format!("{count} log {noun} dropped because the log was too slow or absent");
    if destination.write(&Record { at: SystemTime::now(), level: Level::Warning, text, object: None }) > 0 {
        lost.fetch_add(count, Ordering::Relaxed);
    }
}

impl Destination for Syslog {
    fn write(&mut self, record: &Record) -> u64 {
        record.text.lines().map(|line| u64::from(!self.send(record.level, record.at, line))).sum()
    }

    fn flush(&mut self) {}
}

/// Standard error and the file.
struct Local {
    console: bool,
    file: Option<Lines>,
    format: Option<LogFormat>,
    ident: String,
    /// For the errors of the file.
    syslog: Option<Output>,
}

impl Local {
    fn new(options: Options, syslog: Option<Output>) -> Local {
        let Options { console, file, format, ident, .. } = options;
        Local { console, file: file.map(Lines::new), format, ident, syslog }
    }

    /// Reports a write error of the file to the other destinations, once until a write succeeds.
    fn complain(&mut self, error: &io::Error) {
        let Some(file) = &mut self.file else { return };
        file.open = None;
        if std::mem::replace(&mut file.complained, true) {
            return;
        }
        let text = format!("Cannot write the log file {}: {}", file.options.path.display(), reason(error));
        let record = Record { at: SystemTime::now(), level: Level::Error, text, object: None };
        if self.console {
            let _ = io::stderr().write_all(record.lines(self.format, &self.ident).as_bytes());
        }
        if let Some(syslog) = &self.syslog {
            syslog.offer(Arc::new(record));
        }
    }
}

impl Destination for Local {
    fn write(&mut self, record: &Record) -> u64 {
        let lines = record.lines(self.format, &self.ident);
        if self.console {
            let _ = io::stderr().write_all(lines.as_bytes());
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(&lines)) {
            self.complain(&error);
        }
        0
    }

    fn flush(&mut self) {
        if let Some(Err(error)) = self.file.as_mut().map(Lines::flush) {
            self.complain(&error);
        }
    }
}

/// The lines of a log file.
struct Lines {
    options: LogFile,
    open: Option<BufWriter<File>>,
    complained: bool,
}

impl Lines {
    fn new(options: LogFile) -> Lines {
        Lines { options, open: None, complained: false }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let file = match &mut self.open {
            Some(file) if is_at(file.get_ref(), &self.options.path) => file,
            // Not open yet, or renamed by log rotation.
            other => {
                other.as_mut().map_or(Ok(()), Write::flush)?;
                other.insert(BufWriter::new((self.options.open)(&self.options.path)?))
            }
        };
        file.write_all(line.as_bytes())?;
        if self.options.flush { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |file| file.flush().inspect(|()| self.complained = false))
    }
}

/// Whether `path` still is the open file.
fn is_at(open: &File, path: &Path) -> bool {
    let identity = |found: io::Result<std::fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    identity(open.metadata()) == identity(path.symlink_metadata())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (queue, orders) = bounded(1);
        let log = Log { outputs: [Output::of(queue)].into(), detail: false, objects: false };
        log.info("one");
        log.info("two\nthree");
        log.write(Level::Detail, "not asked for");
        assert_eq!(log.outputs[0].lost.load(Ordering::Relaxed), 2);
        let first = orders.receive();
        assert!(matches!(&first, Some(Order::Record(record)) if record.level == Level::Info && record.text == "one"));
    }

    #[test]
    fn a_log_file_that_was_renamed_is_created_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k.log");
        let open = |path: &Path| File::options().append(true).create(true).open(path);
        let file = LogFile { path: path.clone(), open, flush: false };
        let options = Options { syslog: false, file: Some(file), ..Options::syslog(String::new()) };
        let writer = start(options).unwrap();
        let log = writer.log();
        let wait = |path: &Path, text: &str| {
            let until = Instant::now() + Duration::from_secs(10);
            while !std::fs::read_to_string(path).is_ok_and(|found| found.ends_with(text)) {
                assert!(Instant::now() < until, "{text} is not in {}", path.display());
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        log.error("one\ntwo (os error 5)");
        wait(&path, ": two\n");
        let moved = directory.path().join("k.log.1");
        std::fs::rename(&path, &moved).unwrap();
        log.info("three");
        wait(&path, ": three\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
        assert_eq!(std::fs::read_to_string(&moved).unwrap().lines().count(), 2);
        writer.finish(Duration::from_secs(5));
    }
}
