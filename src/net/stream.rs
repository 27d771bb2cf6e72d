//! A TCP connection with or without TLS: handshake, reads and writes, driven by readiness.

use std::io::{self, Read, Write};

use openssl::ssl::{ErrorCode, SslStream};
use socket2::Socket;

use super::meter::Metered;
use super::socket::{self, Progress};
use super::tls;
use crate::reactor::Ready;
use crate::text::reason;

/// Most octets in one event.
pub(super) const CHUNK: usize = 4096;

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    /// Plain TCP.
    Plain(Socket),
    /// TLS over TCP.
    Tls(Box<SslStream<Metered>>),
}

/// Result of a read.
#[derive(Debug)]
pub(super) enum ReadResult {
    /// Octets; there may be more.
    Bytes(Vec<u8>),
    /// Octets, after which there is nothing to read now.
    Last(Vec<u8>),
    /// The last octets before the end of the stream.
    Final(Vec<u8>),
    /// There is nothing to read now.
    Empty,
    /// The peer has closed its side.
    End,
}

impl Stream {
    pub fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_ref().socket(),
        }
    }

    /// Starts a turn of the loop, with a new allowance for TLS.
    pub fn begin_turn(&mut self) {
        if let Stream::Tls(stream) = self {
            stream.get_mut().begin_turn();
        }
    }

    /// Whether the allowance of this turn is used up, so that there may be more to read.
    pub fn is_limited(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.get_ref().is_limited(),
        }
    }

    /// Continues the TLS handshake; `Done` without TLS.
    pub fn handshake(&mut self) -> Result<Progress, String> {
        let Stream::Tls(stream) = self else { return Ok(Progress::Done) };
        match stream.do_handshake() {
            Ok(()) => Ok(Progress::Done),
            Err(e) => match is_pending(&e) {
                true => check_allowance(stream).map(|()| Progress::Pending),
                false => Err(failure(&e)),
            },
        }
    }

    /// Whether there may be something to read. What OpenSSL has read already the reactor does not report.
    pub fn has_input(&self, ready: Ready) -> bool {
        matches!(self, Stream::Tls(_)) || has_input(ready)
    }

    /// Reads at most one chunk from a stream that is `ready`.
    ///
    /// A read of TCP that returns less than its buffer has room for has emptied the socket, and a peer that had closed its
    /// side by then sent nothing after that (epoll(7)). So most replies need one system call. Urgent data, which would end
    /// a read early, is in none of the protocols.
    pub fn read(&mut self, ready: Ready) -> Result<ReadResult, String> {
        let mut chunk = vec![0; CHUNK];
        let plain = matches!(self, Stream::Plain(_));
        let count = match self {
            Stream::Plain(socket) => match socket.read(&mut chunk) {
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(ReadResult::Empty),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(ReadResult::Empty),
                Err(e) => return Err(reason(&e)),
            },
            Stream::Tls(stream) => match stream.ssl_read(&mut chunk) {
                Ok(count) => {
                    stream.get_mut().data_received();
                    count
                }
                Err(e) if is_pending(&e) => return check_allowance(stream).map(|()| ReadResult::Empty),
                // Many servers send only a FIN, without close_notify. The checker decides whether the reply is
                // complete.
                Err(e) if e.code() == ErrorCode::ZERO_RETURN || is_eof_without_close_notify(&e) => {
                    return Ok(ReadResult::End);
                }
                Err(e) => return Err(failure(&e)),
            },
        };
        if count == 0 {
            return Ok(ReadResult::End);
        }
        chunk.truncate(count);
        Ok(match plain && count < CHUNK && !ready.error {
            false => ReadResult::Bytes(chunk),
            true if ready.read_closed => ReadResult::Final(chunk),
            true => ReadResult::Last(chunk),
        })
    }

    /// Writes octets; returns the number written, 0 when the socket has no room.
    pub fn write(&mut self, data: &[u8]) -> Result<usize, String> {
        match self {
            Stream::Plain(socket) => match socket.write(data) {
                Ok(count) => Ok(count),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
                Err(e) => Err(reason(&e)),
            },
            Stream::Tls(stream) => match stream.ssl_write(data) {
                Ok(count) => Ok(count),
                Err(e) if is_pending(&e) => Ok(0),
                Err(e) => Err(failure(&e)),
            },
        }
    }

    /// Whether decrypted octets are waiting, for which the socket will not become readable.
    pub fn buffered(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.ssl().pending() > 0,
        }
    }

    /// Sends close_notify, if possible without blocking, so that closing ends the connection in order instead of resetting
    /// it.
    pub fn close_notify(&mut self) {
        if let Stream::Tls(stream) = self {
            // An error does not matter: the check is over.
            let _ = stream.shutdown();
            let _ = socket::reset_on_close(stream.get_ref().socket(), false);
        }
    }
}

/// Whether a read would return data, the end or an error.
pub(super) fn has_input(ready: Ready) -> bool {
    ready.readable || ready.read_closed || ready.error
}

/// Whether the TLS operation only waits for the socket.
fn is_pending(error: &openssl::ssl::Error) -> bool {
    matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}

/// Fails if the server has used up the allowance for messages without data.
fn check_allowance(stream: &SslStream<Metered>) -> Result<(), String> {
    match stream.get_ref().is_exhausted() {
        true => Err("TLS: the server sends protocol messages without end and without data".to_owned()),
        false => Ok(()),
    }
}

/// Whether the TCP connection was closed without a TLS close_notify.
fn is_eof_without_close_notify(error: &openssl::ssl::Error) -> bool {
    error.code() == ErrorCode::SYSCALL && error.io_error().is_none()
}

fn failure(error: &openssl::ssl::Error) -> String {
    if let Some(errors) = error.ssl_error() {
        return format!("TLS: {}", tls::text(errors));
    }
    match error.io_error() {
        Some(e) => reason(e),
        None => "TLS: the connection was closed".to_owned(),
    }
}
