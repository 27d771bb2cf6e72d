//! Non-blocking lookup of a host name: a thread resolves the name and writes the address to a socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long an answer is used, a negative one included; then the name is looked up again.
const FRESH: Duration = Duration::from_secs(5);

/// The address of a host name. At most one thread runs at a time, however long the resolver takes.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    /// Our end of the thread's socket; the thread closes its end when it is done.
    running: Option<UnixStream>,
    received: Vec<u8>,
    /// The last answer, and the time it arrived.
    answer_cache: Option<(Duration, Result<SocketAddr, ErrorKind>)>,
    /// Number of threads started so far.
    started: u64,
}

impl Lookup {
    /// The address or the reason why there is none. `None` while the lookup, which this call starts if necessary, is
    /// running: call again when [`fd`](Lookup::fd) is readable.
    pub(crate) fn poll(&mut self, host: &str, port: u16, now: Duration) -> Option<Result<SocketAddr, ErrorKind>> {
        self.take_answer(now);
        match self.answer_cache {
            Some((at, answer)) if now < at.saturating_add(FRESH) => Some(answer),
            _ if self.running.is_some() => None,
            _ => match start(host.to_owned(), port) {
                Ok(stream) => {
                    self.started += 1;
                    self.received.clear();
                    self.running = Some(stream);
                    None
                }
                Err(error) => {
                    self.answer_cache = Some((now, Err(error.kind())));
                    Some(Err(error.kind()))
                }
            },
        }
    }

    /// The descriptor to watch for reading while a lookup is running.
    pub(crate) fn fd(&self) -> Option<RawFd> {
        self.running.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// The socket to watch for reading while a lookup is running.
    pub(crate) fn socket(&self) -> Option<&UnixStream> {
        self.running.as_ref()
    }

    /// Number of lookups started so far.
    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    /// Reads the answer of the running thread, if it has come.
    fn take_answer(&mut self, now: Duration) {
        let Some(stream) = &mut self.running else { return };
        match stream.read_to_end(&mut self.received) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            // End of file; after any other error there is no more to read either.
            _ => self.running = None,
        }
        let text = String::from_utf8_lossy(&self.received);
        self.answer_cache = Some((now, text.parse().map_err(|_| ErrorKind::AddrNotAvailable)));
    }
}

/// Starts the thread. It writes the address, or nothing if there is none.
fn start(host: String, port: u16) -> io::Result<UnixStream> {
    let (ours, mut theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let resolve = move || {
        let found = (host.as_str(), port).to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        if let Some(address) = found {
            // The `Lookup` may have been dropped.
            let _ = theirs.write_all(address.to_string().as_bytes());
        }
    };
    std::thread::Builder::new().name("lookup".into()).spawn(resolve)?;
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
    fn a_name_is_looked_up_again_after_five_seconds() {
        let mut lookup = Lookup::default();
        let at = Duration::from_secs;
        // A short form of 127.0.0.1, resolved without a DNS server.
        assert_eq!(lookup.poll("127.1", 705, at(1)), None);
        let address = "127.0.0.1:705".parse().unwrap();
        assert_eq!(answer(&mut lookup, "127.1", at(1)), Ok(address));
        assert_eq!((lookup.poll("127.1", 705, at(5)), lookup.fd(), lookup.started()), (Some(Ok(address)), None, 1));
        assert_eq!(lookup.poll("127.1", 705, at(6)), None);
        assert_eq!(answer(&mut lookup, "127.1", at(6)), Ok(address));
        assert_eq!(lookup.started(), 2);
    }

    #[test]
    fn a_name_without_an_address_is_not_looked_up_again_at_once() {
        let mut lookup = Lookup::default();
        let now = Duration::from_secs(1);
        assert_eq!(answer(&mut lookup, "not a name", now), Err(ErrorKind::AddrNotAvailable));
        assert_eq!((lookup.poll("not a name", 705, now).is_some(), lookup.started()), (true, 1));
    }
}
