//! One end of the pair.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::codec::{Encoded, decode, encode};
use super::message::Message;
use super::socket::{read, write};

/// Octets of the longest message that is accepted: the snapshot of a very large configuration.
const LIMIT: usize = 256 << 20;

/// One end of the pair.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
    incoming: Vec<u8>,
    /// Messages that were put back.
    unread: Vec<Message>,
    /// Descriptors that came with messages, in the same order.
    descriptors: VecDeque<OwnedFd>,
    outgoing: VecDeque<Piece>,
    /// Octets of the first piece that have been sent.
    sent: usize,
}

/// A part of the octets to be sent.
#[derive(Debug)]
enum Piece {
    Own(Vec<u8>),
    /// Octets of a snapshot, not copied.
    Shared(Arc<Vec<u8>>),
    /// Octets with a descriptor, which is sent with the first of them.
    With(Vec<u8>, OwnedFd),
}

impl Piece {
    fn octets(&self) -> &[u8] {
        match self {
            Piece::Own(octets) | Piece::With(octets, _) => octets,
            Piece::Shared(octets) => octets,
        }
    }
}

impl Channel {
    /// Uses a connected stream, which becomes non-blocking.
    pub fn new(stream: UnixStream) -> io::Result<Channel> {
        stream.set_nonblocking(true)?;
        Ok(Channel {
            stream,
            incoming: Vec::new(),
            unread: Vec::new(),
            descriptors: VecDeque::new(),
            outgoing: VecDeque::new(),
            sent: 0,
        })
    }

    /// Continues a channel of the former program of this process, with the octets of an incomplete message.
    pub fn resume(stream: UnixStream, incoming: Vec<u8>) -> io::Result<Channel> {
        Ok(Channel { incoming, ..Channel::new(stream)? })
    }

    /// Octets of an incomplete message.
    pub fn incoming(&self) -> &[u8] {
        &self.incoming
    }

    /// Whether all messages were sent, and all that were received were taken.
    pub fn is_sent(&self) -> bool {
        self.outgoing.is_empty() && self.unread.is_empty() && self.descriptors.is_empty()
    }

    /// Whether octets wait to be sent.
    pub fn has_unsent(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Queues a message and sends as much as the socket accepts; call [`Channel::flush`] when it is writable again.
    pub fn send(&mut self, message: &Message) -> io::Result<()> {
        self.queue(message, None)
    }

    /// As [`Channel::send`], with a descriptor for a [`Message::Link`]; this process closes its copy once it is sent.
    pub fn send_with(&mut self, message: &Message, descriptor: OwnedFd) -> io::Result<()> {
        self.queue(message, Some(descriptor))
    }

    fn queue(&mut self, message: &Message, descriptor: Option<OwnedFd>) -> io::Result<()> {
        let Encoded { own, shared } = encode(message).ok_or(ErrorKind::InvalidInput)?;
        self.outgoing.push_back(match descriptor {
            Some(descriptor) => Piece::With(own, descriptor),
            None => Piece::Own(own),
        });
        self.outgoing.extend(shared.into_iter().map(Piece::Shared));
        self.flush()
    }

    /// Sends as much of the queue as the socket accepts.
    pub fn flush(&mut self) -> io::Result<()> {
        while let Some(piece) = self.outgoing.front() {
            let rest = piece.octets().get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                self.outgoing.pop_front();
                self.sent = 0;
                continue;
            }
            let with = if let (Piece::With(_, descriptor), 0) = (piece, self.sent) { Some(descriptor) } else { None };
            match write(&self.stream, rest, with) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => self.sent = self.sent.saturating_add(sent),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads all messages that have arrived. An error or the end of the stream means that the other process has exited.
    pub fn receive(&mut self) -> io::Result<Vec<Message>> {
        let mut buffer = [0; 65536];
        loop {
            match read(&self.stream, &mut buffer, &mut self.descriptors) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.incoming.extend(buffer.get(..read).unwrap_or_default());
                    self.make_room();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut messages = std::mem::take(&mut self.unread);
        while let Some(message) = self.next_message()? {
            messages.push(message);
        }
        Ok(messages)
    }

    /// The descriptor of a received [`Message::Link`]; to be called once for each, in order. `None` if this process was
    /// out of descriptors.
    pub fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }

    /// Puts messages back: the next [`Channel::receive`] returns them first, in this order.
    pub fn put_back(&mut self, messages: impl IntoIterator<Item = Message>) {
        self.unread.extend(messages);
    }

    /// Reserves memory for the whole message once its length is known.
    fn make_room(&mut self) {
        let length = self.incoming.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
        if length <= LIMIT {
            self.incoming.reserve((length + 5).saturating_sub(self.incoming.len()));
        }
    }

    fn next_message(&mut self) -> io::Result<Option<Message>> {
        let Some(length) = self.incoming.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > LIMIT {
            return Err(ErrorKind::InvalidData.into());
        }
        if self.incoming.len() < 5 + length {
            return Ok(None);
        }
        // Splits off the octets after the message, which are few, so that the message is not copied.
        let rest = self.incoming.split_off(5 + length);
        let mut frame = std::mem::replace(&mut self.incoming, rest);
        let kind = frame.get(4).copied();
        frame.drain(..5);
        let message = kind.and_then(|kind| decode(kind, frame));
        message.map(Some).ok_or_else(|| ErrorKind::InvalidData.into())
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
