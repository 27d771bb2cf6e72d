//! Lines for the local syslog daemon.
//!
//! The daemon may hang, be absent or be started again. The thread that sends the lines waits for one that hangs, and for a few
//! seconds for one that is started again; meanwhile further lines wait in the queue of the log.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use ::syslog::{Facility, Severity};
use chrono::{DateTime, Local};

use super::record::Level;

/// Socket of the local syslog daemon.
pub(super) const SOCKET: &str = "/dev/log";
/// Time after which a line for a daemon that hangs is sent to the one that has the socket by then.
const HANG: Duration = Duration::from_secs(1);
/// Time for a daemon that is started again.
const RESTART: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });
/// Pause between attempts to reach it.
const PAUSE: Duration = Duration::from_millis(100);

/// The connection to the local syslog daemon.
#[derive(Debug)]
pub(super) struct Syslog {
    path: PathBuf,
    facility: Facility,
    ident: String,
    socket: Option<UnixDatagram>,
    /// A line was sent.
    reached: bool,
    /// Since when the daemon is absent.
    absent: Option<Instant>,
}

impl Syslog {
    /// The daemon that has the socket `path`. It is connected for the first line.
    pub fn new(path: &Path, facility: Facility, ident: String) -> Syslog {
        Syslog { path: path.to_owned(), facility, ident, socket: None, reached: false, absent: None }
    }

    /// Sends a line. Blocks while the daemon hangs or is started again; returns whether the line was sent.
    pub fn send(&mut self, level: Level, at: SystemTime, line: &str) -> bool {
        let message = message(self.facility, level, at, &self.ident, line);
        loop {
            let Err(error) = self.attempt(message.as_bytes()) else {
                (self.reached, self.absent) = (true, None);
                return true;
            };
            match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                // Where there never was a daemon, such as in a container, lines do not wait for one.
                kind if is_absence(kind) && self.reached && self.absent_for() < RESTART => sleep(PAUSE),
                _ => return false,
            }
        }
    }

    fn absent_for(&mut self) -> Duration {
        self.absent.get_or_insert_with(Instant::now).elapsed()
    }

    fn attempt(&mut self, message: &[u8]) -> io::Result<()> {
        if let Some(socket) = self.socket.take() {
            match socket.send(message) {
                Ok(_) => {
                    self.socket = Some(socket);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // Another daemon may have the socket.
                Err(_) => {}
            }
        }
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(HANG))?;
        socket.connect(&self.path)?;
        socket.send(message)?;
        self.socket = Some(socket);
        Ok(())
    }
}

/// Whether nobody has the socket.
fn is_absence(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected, NotFound};
    matches!(kind, BrokenPipe | ConnectionRefused | ConnectionReset | NotConnected | NotFound)
}

/// A datagram: RFC 3164, with local time and a space-padded day.
fn message(facility: Facility, level: Level, at: SystemTime, ident: &str, line: &str) -> String {
    let severity = match level {
        Level::Error => Severity::LOG_ERR,
        Level::Warning => Severity::LOG_WARNING,
        Level::Notice => Severity::LOG_NOTICE,
        Level::Info | Level::Detail => Severity::LOG_INFO,
    };
    let priority = facility as u8 | severity as u8;
    let stamp = DateTime::<Local>::from(at).format("%b %e %H:%M:%S");
    format!("<{priority}>{stamp} {ident}[{}]: {line}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(path: &Path) -> Syslog {
        Syslog::new(path, Facility::LOG_DAEMON, "Keepalived".to_owned())
    }

    fn send(syslog: &mut Syslog, line: &str) -> bool {
        syslog.send(Level::Info, SystemTime::now(), line)
    }

    /// The text of the next datagram.
    fn read(daemon: &UnixDatagram) -> String {
        daemon.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut octets = [0; 1000];
        let length = daemon.recv(&mut octets).unwrap();
        let text = String::from_utf8_lossy(&octets[..length]).into_owned();
        text.split_once(": ").unwrap().1.to_owned()
    }

    /// Fills the queue of a daemon's socket, however long it is on this machine; returns the number of datagrams.
    fn fill(path: &Path) -> usize {
        let from_one = || {
            let socket = UnixDatagram::unbound().unwrap();
            socket.connect(path).unwrap();
            socket.set_nonblocking(true).unwrap();
            std::iter::repeat_with(|| socket.send(b"other: ")).take_while(Result::is_ok).count()
        };
        // One socket may not have room for all.
        std::iter::repeat_with(from_one).take_while(|sent| *sent > 0).sum()
    }

    #[test]
    fn a_line_has_priority_local_time_and_ident() {
        let line = "(VI_1) Entering MASTER STATE";
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_126_862);
        let text = message(Facility::LOG_LOCAL1, Level::Notice, at, "Keepalived_vrrp", line);
        let stamp = DateTime::<Local>::from(at).format("%b %e %H:%M:%S");
        let ident = format!("Keepalived_vrrp[{}]", std::process::id());
        assert_eq!(text, format!("<141>{stamp} {ident}: (VI_1) Entering MASTER STATE"));
    }

    #[test]
    fn a_line_waits_for_a_daemon_that_hangs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = to(&path);
        let queued = fill(&path);
        let waits = std::thread::spawn(move || send(&mut syslog, "one"));
        sleep(HANG + HANG / 2);
        assert!(!waits.is_finished());
        for _ in 0..queued {
            assert_eq!(read(&daemon), "");
        }
        assert_eq!(read(&daemon), "one");
        assert!(waits.join().unwrap());
    }

    #[test]
    fn a_line_for_a_daemon_that_hangs_goes_to_the_one_that_replaces_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let _hangs = UnixDatagram::bind(&path).unwrap();
        let mut syslog = to(&path);
        fill(&path);
        let sends = std::thread::spawn(move || assert!(send(&mut syslog, "one")));
        sleep(PAUSE);
        std::fs::remove_file(&path).unwrap();
        let daemon = UnixDatagram::bind(&path).unwrap();
        assert_eq!(read(&daemon), "one");
        sends.join().unwrap();
    }

    #[test]
    fn a_line_waits_for_a_daemon_that_is_started_again_but_not_for_one_that_never_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut syslog = to(&path);
        let begun = Instant::now();
        assert!(!send(&mut syslog, "zero"));
        assert!(begun.elapsed() < RESTART);
        let daemon = UnixDatagram::bind(&path).unwrap();
        assert!(send(&mut syslog, "one"));
        assert_eq!(read(&daemon), "one");
        drop(daemon);
        let waits = std::thread::spawn(move || (send(&mut syslog, "two"), syslog));
        sleep(3 * PAUSE);
        std::fs::remove_file(&path).unwrap();
        sleep(3 * PAUSE);
        assert!(!waits.is_finished());
        let daemon = UnixDatagram::bind(&path).unwrap();
        assert_eq!(read(&daemon), "two");
        let (sent, mut syslog) = waits.join().unwrap();
        assert!(sent);
        drop(daemon);
        assert!(!send(&mut syslog, "three"));
        let begun = Instant::now();
        assert!(!send(&mut syslog, "four"));
        assert!(begun.elapsed() < RESTART, "it is known to be absent");
    }
}
