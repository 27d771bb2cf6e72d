//! The log: syslog, the terminal with `-l`, and a file with `-g`, written by its own thread.
//!
//! A stuck syslog daemon or a full pipe at standard error delays the log only. Lines wait in a bounded queue; lines that are
//! dropped because it is full are counted, and the next line that is written reports their number.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

pub use syslog::Facility;
use syslog::Severity;

use super::queue::{Receiver, Sender, bounded};
pub use super::record::{Level, Object, Record};
use crate::config::model::LogFormat;
use crate::reactor::background::await_end;
use crate::text::{plain, reason};

/// Most waiting lines.
const QUEUE: usize = 8192;
/// Socket of the local syslog daemon.
const SYSLOG_SOCKET: &str = "/dev/log";

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
    queue: Sender<Order>,
    lost: Arc<AtomicU64>,
    detail: bool,
    /// The records show what they are about.
    objects: bool,
}

#[derive(Debug)]
enum Order {
    Record(Record),
    /// Report that the records before are written.
    Reach(mpsc::Sender<()>),
    End,
}

/// The thread that writes the log.
#[derive(Debug)]
pub struct Writer {
    log: Log,
    thread: JoinHandle<()>,
}

/// Starts the thread of the log.
pub fn start(options: Options) -> io::Result<Writer> {
    let (queue, orders) = bounded(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let objects = options.format == Some(LogFormat::Json);
    let log = Log { queue, lost: Arc::clone(&lost), detail: options.detail, objects };
    let thread = std::thread::Builder::new().name("log".into()).spawn(move || write_all(&options, &orders, &lost))?;
    Ok(Writer { log, thread })
}

/// Lines that are kept instead of being written.
#[derive(Debug)]
pub struct Kept(Receiver<Order>);

/// A log whose lines are kept for the caller, details included.
pub fn keep() -> (Log, Kept) {
    let (queue, orders) = bounded(QUEUE);
    (Log { queue, lost: Arc::default(), detail: true, objects: true }, Kept(orders))
}

impl Kept {
    /// Takes the lines so far.
    pub fn take(&self) -> Vec<(Level, String)> {
        self.records().into_iter().map(|record| (record.level, record.text)).collect()
    }

    /// Takes the records so far.
    pub fn records(&self) -> Vec<Record> {
        let of = |order| match order {
            Order::Record(record) => Some(record),
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

    /// Writes the queued lines and stops the thread, within `limit`.
    pub fn finish(self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut order = Some(Order::End);
        while let Some(end) = order.take() {
            if let Err(end) = self.log.queue.offer(end)
                && Instant::now() < until
            {
                std::thread::sleep(Duration::from_millis(2));
                order = Some(end);
            }
        }
        await_end(&self.thread, until.saturating_duration_since(Instant::now()));
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
        let record = Record { at: SystemTime::now(), level, text, object };
        if self.queue.offer(Order::Record(record)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the lines so far are written, at most for `limit`.
    pub fn drain(&self, limit: Duration) {
        let (reached, signal) = mpsc::channel();
        if self.queue.offer(Order::Reach(reached)).is_ok() {
            let _ = signal.recv_timeout(limit);
        }
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

fn write_all(options: &Options, orders: &Receiver<Order>, lost: &AtomicU64) {
    let mut sinks = Sinks {
        syslog: options.syslog.then(|| Syslog::new(options)),
        console: options.console,
        file: options.file.clone().map(Lines::new),
        format: options.format,
        ident: options.ident.clone(),
    };
    loop {
        match orders.receive() {
            Some(Order::Record(record)) => sinks.write(&record),
            Some(Order::Reach(reached)) => {
                sinks.flush();
                // The caller may have given up.
                let _ = reached.send(());
                continue;
            }
            Some(Order::End) | None => break,
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let noun = if lost == 1 { "line was" } else { "lines were" };
            let text = format!("{lost} log {noun} dropped because the log was too slow");
            sinks.write(&Record { at: SystemTime::now(), level: Level::Warning, text, object: None });
        }
        if orders.is_empty() {
            sinks.flush();
        }
    }
}

/// Destinations of the lines.
struct Sinks {
    syslog: Option<Syslog>,
    console: bool,
    file: Option<Lines>,
    format: Option<LogFormat>,
    ident: String,
}

impl Sinks {
    fn write(&mut self, record: &Record) {
        if let Some(syslog) = &mut self.syslog {
            record.text.lines().for_each(|line| syslog.write(record.level, line));
        }
        if !self.console && self.file.is_none() {
            return;
        }
        let lines = record.lines(self.format, &self.ident);
        if self.console {
            let _ = io::stderr().write_all(lines.as_bytes());
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(&lines)) {
            self.complain(&error);
        }
    }

    fn flush(&mut self) {
        if let Some(Err(error)) = self.file.as_mut().map(Lines::flush) {
            self.complain(&error);
        }
    }

    /// Reports a write error of the file to the other destinations, once until a write succeeds.
    fn complain(&mut self, error: &io::Error) {
        let Some(file) = &mut self.file else { return };
        file.open = None;
        if std::mem::replace(&mut file.complained, true) {
            return;
        }
        let text = format!("Cannot write the log file {}: {}", file.options.path.display(), reason(error));
        if let Some(syslog) = &mut self.syslog {
            syslog.write(Level::Error, &text);
        }
        if self.console {
            let record = Record { at: SystemTime::now(), level: Level::Error, text, object: None };
            let _ = io::stderr().write_all(record.lines(self.format, &self.ident).as_bytes());
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

/// Messages to the local syslog daemon.
struct Syslog {
    logger: syslog::Logger<Datagrams, Format>,
}

impl Syslog {
    fn new(options: &Options) -> Syslog {
        let format = Format { facility: options.facility, ident: options.ident.clone() };
        Syslog { logger: syslog::Logger::new(Datagrams::default(), format) }
    }

    fn write(&mut self, level: Level, line: &str) {
        // There is no other destination for an error of syslog.
        let _ = match level {
            Level::Error => self.logger.err(line),
            Level::Warning => self.logger.warning(line),
            Level::Notice => self.logger.notice(line),
            Level::Info | Level::Detail => self.logger.info(line),
        };
    }
}

/// RFC 3164, with local time and a space-padded day; the formatter of the crate uses UTC and zero padding.
struct Format {
    facility: Facility,
    ident: String,
}

impl syslog::LogFormat<&str> for Format {
    fn format<W: Write>(&self, out: &mut W, severity: Severity, message: &str) -> syslog::Result<()> {
        let priority = self.facility as u8 | severity as u8;
        let stamp = chrono::Local::now().format("%b %e %H:%M:%S");
        let line = format!("<{priority}>{stamp} {}[{}]: {message}", self.ident, std::process::id());
        out.write_all(line.as_bytes()).map_err(syslog::Error::Write)
    }
}

/// Sends each write as a datagram; reconnects after a restart of the syslog daemon.
#[derive(Default)]
struct Datagrams {
    socket: Option<UnixDatagram>,
}

impl Write for Datagrams {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        for _ in 0..2 {
            let socket = match self.socket.take() {
                Some(socket) => socket,
                None => connect()?,
            };
            match socket.send(message) {
                Ok(_) => {
                    self.socket = Some(socket);
                    break;
                }
                // The queue of the socket is full: drop the line, keep the socket.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.socket = Some(socket);
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn connect() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(Duration::from_millis(200)))?;
    socket.connect(SYSLOG_SOCKET)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use syslog::LogFormat as _;

    use super::*;

    #[test]
    fn a_line_has_priority_local_time_and_ident() {
        let format = Format { facility: Facility::LOG_LOCAL1, ident: "Keepalived_vrrp".into() };
        let mut out = Vec::new();
        format.format(&mut out, Severity::LOG_NOTICE, "(VI_1) Entering MASTER STATE").unwrap();
        let line = String::from_utf8(out).unwrap();
        assert!(line.starts_with("<141>"), "{line}");
        let ending = format!(" Keepalived_vrrp[{}]: (VI_1) Entering MASTER STATE", std::process::id());
        assert!(line.ends_with(&ending), "{line}");
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (queue, orders) = bounded(1);
        let log = Log { queue, lost: Arc::default(), detail: false, objects: false };
        log.info("one");
        log.info("two");
        log.write(Level::Detail, "not asked for");
        assert_eq!(log.lost.load(Ordering::Relaxed), 1);
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
