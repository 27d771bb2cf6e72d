//! A TCP connection with or without TLS, driven by readiness: connect, shake hands, read, write.

use std::io::{self, Read, Write};

use openssl::ssl::{ErrorCode, SslStream};
use socket2::Socket;

use super::meter::Metered;
use super::socket::{self, Progress};
use super::tls;

/// Octets handed over in one event.
pub(super) const CHUNK: usize = 4096;

/// A connection and how far it is.
#[derive(Debug)]
pub(super) enum Stream {
    /// Plain TCP.
    Plain(Socket),
    /// TLS over TCP.
    Tls(Box<SslStream<Metered>>),
}

/// What reading gave.
#[derive(Debug)]
pub(super) enum Got {
    /// Octets.
    Bytes(Vec<u8>),
    /// Nothing for now.
    Nothing,
    /// The peer has ended its side.
    End,
}

impl Stream {
    pub fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_ref().socket(),
        }
    }

    /// A new turn of the loop begins, in which TLS may read its allowance.
    pub fn begin_turn(&mut self) {
        if let Stream::Tls(stream) = self {
            stream.get_mut().begin_turn();
        }
    }

    /// Whether there may be more to read, but not in this turn.
    pub fn is_cut(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.get_ref().is_cut(),
        }
    }

    /// Goes on with the TLS handshake; at once done without TLS.
    pub fn shake_hands(&mut self) -> Result<Progress, String> {
        let Stream::Tls(stream) = self else { return Ok(Progress::Done) };
        match stream.do_handshake() {
            Ok(()) => Ok(Progress::Done),
            Err(e) => match waits(&e) {
                true => not_endless(stream).map(|()| Progress::Pending),
                false => Err(failure(&e)),
            },
        }
    }

    /// One chunk at most.
    pub fn read(&mut self) -> Result<Got, String> {
        let mut chunk = vec![0; CHUNK];
        let count = match self {
            Stream::Plain(socket) => match socket.read(&mut chunk) {
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Got::Nothing),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(Got::Nothing),
                Err(e) => return Err(socket::reason(&e)),
            },
            Stream::Tls(stream) => match stream.ssl_read(&mut chunk) {
                Ok(count) => {
                    stream.get_mut().data_came();
                    count
                }
                Err(e) if waits(&e) => return not_endless(stream).map(|()| Got::Nothing),
                // Many servers end with no more than a FIN, without close_notify. It is for the checker to say
                // whether what came is complete.
                Err(e) if e.code() == ErrorCode::ZERO_RETURN || is_bare_end(&e) => return Ok(Got::End),
                Err(e) => return Err(failure(&e)),
            },
        };
        if count == 0 {
            return Ok(Got::End);
        }
        chunk.truncate(count);
        Ok(Got::Bytes(chunk))
    }

    /// Octets taken; 0 when there is no room now.
    pub fn write(&mut self, data: &[u8]) -> Result<usize, String> {
        match self {
            Stream::Plain(socket) => match socket.write(data) {
                Ok(count) => Ok(count),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
                Err(e) => Err(socket::reason(&e)),
            },
            Stream::Tls(stream) => match stream.ssl_write(data) {
                Ok(count) => Ok(count),
                Err(e) if waits(&e) => Ok(0),
                Err(e) => Err(failure(&e)),
            },
        }
    }

    /// Octets that are decrypted already: no readiness of the socket will tell of them.
    pub fn buffered(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.ssl().pending() > 0,
        }
    }

    /// Sends close_notify, as far as that goes without waiting, and ends the connection in order instead of
    /// resetting it.
    pub fn close_notify(&mut self) {
        if let Stream::Tls(stream) = self {
            // Whether the peer gets it is of no matter to the check.
            let _ = stream.shutdown();
            let _ = socket::reset_on_close(stream.get_ref().socket(), false);
        }
    }
}

/// Whether TLS only waits for the socket.
fn waits(error: &openssl::ssl::Error) -> bool {
    matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}

/// Fails an attempt whose server goes on and on without any data.
fn not_endless(stream: &SslStream<Metered>) -> Result<(), String> {
    match stream.get_ref().is_exhausted() {
        true => Err("TLS: the server sends protocol messages without end, and no data".to_owned()),
        false => Ok(()),
    }
}

/// Whether the TCP connection ended in order, but TLS did not.
fn is_bare_end(error: &openssl::ssl::Error) -> bool {
    error.code() == ErrorCode::SYSCALL && error.io_error().is_none()
}

fn failure(error: &openssl::ssl::Error) -> String {
    if let Some(errors) = error.ssl_error() {
        return format!("TLS: {}", tls::text(errors));
    }
    match error.io_error() {
        Some(e) => socket::reason(e),
        None => "TLS: the connection was closed".to_owned(),
    }
}
