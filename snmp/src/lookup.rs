//! A host name looked up without waiting: a thread asks, and its answer comes as octets to read.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// An answer is good for so long, also when it is that there is no address: then the name is looked up again.
const FRESH: Duration = Duration::from_secs(5);

/// The address of a name. At most one thread asks at a time, however long it takes.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    /// What the thread writes to; closed at its end.
    running: Option<UnixStream>,
    heard: Vec<u8>,
    /// The last answer, and when it came.
    known: Option<(Duration, Result<SocketAddr, ErrorKind>)>,
    /// Threads so far.
    started: u64,
}

impl Lookup {
    /// The address, or why there is none; `None` while that is being asked, which this begins. Call it again when
    /// [`fd`](Lookup::fd) is readable.
    pub(crate) fn poll(&mut self, host: &str, port: u16, now: Duration) -> Option<Result<SocketAddr, ErrorKind>> {
        self.hear(now);
        match self.known {
            Some((at, answer)) if now < at.saturating_add(FRESH) => Some(answer),
            _ if self.running.is_some() => None,
            _ => match start(host.to_owned(), port) {
                Ok(stream) => {
                    self.started += 1;
                    self.heard.clear();
                    self.running = Some(stream);
                    None
                }
                Err(error) => {
                    self.known = Some((now, Err(error.kind())));
                    Some(Err(error.kind()))
                }
            },
        }
    }

    /// What to watch for reading while a thread asks.
    pub(crate) fn fd(&self) -> Option<RawFd> {
        self.running.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Grows with every thread.
    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    /// Takes what the running thread has answered.
    fn hear(&mut self, now: Duration) {
        let Some(stream) = &mut self.running else { return };
        match stream.read_to_end(&mut self.heard) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            // The end, or as good as that.
            _ => self.running = None,
        }
        let text = String::from_utf8_lossy(&self.heard);
        self.known = Some((now, text.parse().map_err(|_| ErrorKind::AddrNotAvailable)));
    }
}

/// The thread; its answer is an address, or nothing.
fn start(host: String, port: u16) -> io::Result<UnixStream> {
    let (ours, mut theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let ask = move || {
        let found = (host.as_str(), port).to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        if let Some(address) = found {
            // Whoever asked may be gone.
            let _ = theirs.write_all(address.to_string().as_bytes());
        }
    };
    std::thread::Builder::new().name("lookup".into()).spawn(ask)?;
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn answer(lookup: &mut Lookup, host: &str, now: Duration) -> Result<SocketAddr, ErrorKind> {
        let limit = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(answer) = lookup.poll(host, 705, now) {
                return answer;
            }
            assert!(lookup.fd().is_some() && Instant::now() < limit, "no answer");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_name_is_asked_for_again_when_its_address_may_have_changed() {
        let mut lookup = Lookup::default();
        let at = Duration::from_secs;
        // An old way to write an address, which asks no server.
        assert_eq!(lookup.poll("127.1", 705, at(1)), None);
        let address = "127.0.0.1:705".parse().unwrap();
        assert_eq!(answer(&mut lookup, "127.1", at(1)), Ok(address));
        assert_eq!((lookup.poll("127.1", 705, at(5)), lookup.fd(), lookup.started()), (Some(Ok(address)), None, 1));
        assert_eq!(lookup.poll("127.1", 705, at(6)), None);
        assert_eq!(answer(&mut lookup, "127.1", at(6)), Ok(address));
        assert_eq!(lookup.started(), 2);
    }

    #[test]
    fn no_address_is_an_answer_too() {
        let mut lookup = Lookup::default();
        let now = Duration::from_secs(1);
        assert_eq!(answer(&mut lookup, "not a name", now), Err(ErrorKind::AddrNotAvailable));
        assert_eq!((lookup.poll("not a name", 705, now).is_some(), lookup.started()), (true, 1));
    }
}
