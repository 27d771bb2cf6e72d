//! The client: one request, and its answer.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::frame::{Incoming, frame};
use super::message::{Answer, LONGEST_ANSWER, Request, decode, encode};
use crate::reactor::clock;
use crate::text::reason;

/// Time to connect and to send the request.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No daemon has the socket; with the reason of the system.
    #[error("{0}")]
    Absent(String),
    /// The user may not connect.
    #[error("Permission denied")]
    Denied,
    /// The daemon has not answered in time.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    /// The daemon has disconnected without an answer.
    #[error("it has disconnected without an answer")]
    Disconnected,
    /// The connection has failed, or the answer cannot be understood; a clause.
    #[error("{0}")]
    Broken(String),
}

/// Sends a request to the daemon that listens at `path`, and waits at most for `limit` for the answer.
///
/// # Errors
/// If there is no answer.
pub fn ask(path: &Path, request: &Request, limit: Duration) -> Result<Answer, Failure> {
    let mut stream = connected(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => Failure::Absent(reason(&error)),
        ErrorKind::PermissionDenied => Failure::Denied,
        ErrorKind::WouldBlock => Failure::Late(SEND_LIMIT),
        _ => Failure::Broken(reason(&error)),
    })?;
    let body = encode(request).map_err(Failure::Broken)?;
    let octets = frame(&body).unwrap_or_default();
    let deadline = clock::now() + limit;
    // If the daemon refuses the connection, its answer is there to be read all the same.
    let sent = stream.write_all(&octets);
    let mut incoming = Incoming::new(LONGEST_ANSWER);
    let mut buffer = vec![0; 65536];
    loop {
        let left = deadline.saturating_sub(clock::now());
        if left.is_zero() {
            return Err(Failure::Late(limit));
        }
        let broken = |error: io::Error| Failure::Broken(reason(&error));
        stream.set_read_timeout(Some(left)).map_err(broken)?;
        let wanted = incoming.missing().min(buffer.len());
        match stream.read(buffer.get_mut(..wanted).unwrap_or_default()) {
            Ok(0) => {
                sent.map_err(broken)?;
                return Err(Failure::Disconnected);
            }
            Ok(count) => match incoming.add(buffer.get(..count).unwrap_or_default()) {
                Ok(None) => {}
                Ok(Some(body)) => return decode(body).map_err(|error| Failure::Broken(format!("it sends {error}"))),
                Err(error) => return Err(Failure::Broken(format!("it sends {error}"))),
            },
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(broken(error)),
        }
    }
}

/// Connects, with a time limit for that and for sending: the daemon may not accept any more connections.
fn connected(path: &Path) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(SEND_LIMIT))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    #[test]
    fn failures_are_distinguished() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        let ask = || ask(&path, &Request::Version, SHORT).unwrap_err();
        assert!(matches!(ask(), Failure::Absent(why) if why == "No such file or directory"));
        let listener = UnixListener::bind(&path).unwrap();
        let start = clock::now();
        assert!(matches!(ask(), Failure::Late(_)));
        assert!(clock::now() - start < SEND_LIMIT);
        for (answer, expected) in [
            (frame(br#"{"version":2,"message":"x"}"#).unwrap(), "it sends a message of version 2, not 1"),
            (vec![0xff; 4], "it sends a message of 4294967295 bytes"),
            (vec![0, 0], "it has disconnected without an answer"),
        ] {
            let thread = std::thread::scope(|scope| {
                scope.spawn(|| {
                    // Connections of clients that have given up come first.
                    for mut stream in listener.incoming().flatten() {
                        let mut request = [0; 4];
                        if stream.read_exact(&mut request).is_ok() && stream.write_all(&answer).is_ok() {
                            let mut rest = [0; 4096];
                            let _ = stream.read(&mut rest);
                            break;
                        }
                    }
                });
                ask()
            });
            assert!(thread.to_string().starts_with(expected), "{thread}");
        }
        drop(listener);
        assert!(matches!(ask(), Failure::Absent(why) if why == "Connection refused"));
    }
}
