//! The log: syslog, and the terminal with `-l`, written by a thread of its own.
//!
//! A stuck syslog daemon or a full pipe at standard error delays nothing but the log: lines wait in a bounded queue,
//! and what finds it full is counted and owned up to in the next line that gets through.

use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use syslog::Facility;
use syslog::{LogFormat, Severity};

use super::queue::{Receiver, Sender, bounded};

/// Lines that may wait.
const QUEUE: usize = 8192;
/// Where the local syslog daemon listens.
const SYSLOG_SOCKET: &str = "/dev/log";

/// Importance of a line, as syslog has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something may be wrong.
    Warning,
    /// A change of state.
    Notice,
    /// The usual.
    Info,
    /// Only with `-D`.
    Detail,
}

/// Where the lines go.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name before the process id.
    pub ident: String,
    /// Write to syslog (`-G` turns it off).
    pub syslog: bool,
    /// `-S`.
    pub facility: Facility,
    /// `-l`: also to standard error.
    pub console: bool,
    /// `-D`.
    pub detail: bool,
}

/// A handle to the log; cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    queue: Sender<Order>,
    lost: Arc<AtomicU64>,
    detail: bool,
}

#[derive(Debug)]
enum Order {
    Line(Level, String),
    End,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Writer {
    log: Log,
    thread: JoinHandle<()>,
}

/// Starts the log's thread.
pub fn start(options: Options) -> io::Result<Writer> {
    let (queue, orders) = bounded(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let log = Log { queue, lost: Arc::clone(&lost), detail: options.detail };
    let thread = std::thread::Builder::new().name("log".into()).spawn(move || write_all(&options, &orders, &lost))?;
    Ok(Writer { log, thread })
}

/// Lines that are kept instead of being written.
#[derive(Debug)]
pub struct Kept(Receiver<Order>);

/// A log whose lines are kept for the caller, details included.
pub fn keep() -> (Log, Kept) {
    let (queue, orders) = bounded(QUEUE);
    (Log { queue, lost: Arc::default(), detail: true }, Kept(orders))
}

impl Kept {
    /// The lines since they were last taken.
    pub fn take(&self) -> Vec<(Level, String)> {
        let of = |order| match order {
            Order::Line(level, line) => Some((level, line)),
            Order::End => None,
        };
        self.0.drain().filter_map(of).collect()
    }
}

impl Writer {
    /// A handle to write with.
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// Writes what is queued and ends, at the latest after `limit`.
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
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Log {
    /// Logs a line. Never blocks.
    pub fn write(&self, level: Level, text: impl Display) {
        if level == Level::Detail && !self.detail {
            return;
        }
        if self.queue.offer(Order::Line(level, text.to_string())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
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
    let mut syslog = options.syslog.then(|| Syslog::new(options));
    let mut write = |level: Level, line: &str| {
        if let Some(syslog) = &mut syslog {
            syslog.write(level, line);
        }
        if options.console {
            let stamp = chrono::Local::now().format("%a %b %e %H:%M:%S %Y");
            // Nobody to tell when standard error is gone.
            let _ = io::stderr().write_all(format!("{stamp}: {line}\n").as_bytes());
        }
    };
    while let Some(Order::Line(level, line)) = orders.receive() {
        for line in line.lines() {
            write(level, line);
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            write(Level::Warning, &format!("{lost} log lines were dropped because the log was too slow"));
        }
    }
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
        // What is lost is counted by the backend; there is no other place to complain.
        let _ = match level {
            Level::Error => self.logger.err(line),
            Level::Warning => self.logger.warning(line),
            Level::Notice => self.logger.notice(line),
            Level::Info | Level::Detail => self.logger.info(line),
        };
    }
}

/// RFC 3164 with local time and a space-padded day: the crate's own formatter has UTC and zero padding.
struct Format {
    facility: Facility,
    ident: String,
}

impl LogFormat<&str> for Format {
    fn format<W: Write>(&self, out: &mut W, severity: Severity, message: &str) -> syslog::Result<()> {
        let priority = self.facility as u8 | severity as u8;
        let stamp = chrono::Local::now().format("%b %e %H:%M:%S");
        let line = format!("<{priority}>{stamp} {}[{}]: {message}", self.ident, std::process::id());
        out.write_all(line.as_bytes()).map_err(syslog::Error::Write)
    }
}

/// One write is one datagram; connects again after the syslog daemon was restarted.
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
                // Full: this line is lost, the socket is good.
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
        let log = Log { queue, lost: Arc::default(), detail: false };
        log.info("one");
        log.info("two");
        log.write(Level::Detail, "not asked for");
        assert_eq!(log.lost.load(Ordering::Relaxed), 1);
        assert!(matches!(orders.receive(), Some(Order::Line(Level::Info, line)) if line == "one"));
    }
}
