//! The socket pair between the parent and a child: hellos, the configuration down, answers up.
//!
//! A message is a length (4 octets, big endian), a kind (1 octet) and a body. Both ends are non-blocking; what the
//! socket does not take waits in memory, bounded by what the other end can be sent at all (hellos and snapshots).

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::config::Snapshot;
use crate::notify::dump::Dump;
use crate::state::{Record, Unusable, from_octets};

/// Largest message that is taken: a snapshot of a very large configuration.
const LIMIT: usize = 256 << 20;

/// What goes over the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Parent: are you there? Child: yes; with the same number.
    Hello(u32),
    /// Parent: run this configuration.
    Config(Snapshot),
    /// Child: these are the indices of its rows. Parent, before the checkpoint: a predecessor's rows had these.
    Indices(Vec<u8>),
    /// Child: this is where a replacement should go on. Parent, before the configuration: go on there.
    Checkpoint(Vec<u8>),
    /// Parent: write a dump file.
    Dump(Dump),
    /// Child: it runs, with the configuration that it was given last.
    Ready,
    /// Parent, before the configuration: how the system treated the daemon at its start.
    Origin(String),
    /// Parent, before the configuration: only remove what a predecessor has left in the kernel, then end.
    CleanUp,
}

/// What a child has told for its replacement, as octets of [records](crate::state::Record).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The last [`Message::Indices`].
    pub indices: Option<Vec<u8>>,
    /// The last [`Message::Checkpoint`].
    pub checkpoint: Option<Vec<u8>>,
}

impl Told {
    /// The child's rows and their states, in the types of its role.
    ///
    /// # Errors
    /// When any of it cannot be used: states without indices would go to the wrong rows.
    pub fn open<I: Record + Default, C: Record + Default>(&self) -> Result<(I, C), Unusable> {
        let Some(indices) = &self.indices else { return Ok(Default::default()) };
        let checkpoint = self.checkpoint.as_deref().map(from_octets).transpose()?;
        Ok((from_octets(indices)?, checkpoint.unwrap_or_default()))
    }
}

/// One end.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: VecDeque<Piece>,
    /// Octets of the first piece that have been sent.
    sent: usize,
}

/// Octets to be sent.
#[derive(Debug)]
enum Piece {
    Own(Vec<u8>),
    /// Large ones that are there anyway.
    Shared(Arc<Vec<u8>>),
}

impl Piece {
    fn octets(&self) -> &[u8] {
        match self {
            Piece::Own(octets) => octets,
            Piece::Shared(octets) => octets,
        }
    }
}

impl Channel {
    /// Takes a connected stream over.
    pub fn new(stream: UnixStream) -> io::Result<Channel> {
        stream.set_nonblocking(true)?;
        Ok(Channel { stream, incoming: Vec::new(), outgoing: VecDeque::new(), sent: 0 })
    }

    /// Queues a message and sends what the socket takes; call [`Channel::flush`] when it is writable again.
    pub fn send(&mut self, message: &Message) -> io::Result<()> {
        let number;
        let mut large = Vec::new();
        let (kind, body): (u8, &[u8]) = match message {
            Message::Hello(hello) => {
                number = hello.to_be_bytes();
                (0, &number)
            }
            Message::Config(snapshot) => {
                large.extend(snapshot.pieces());
                (1, &[])
            }
            Message::Checkpoint(octets) => (2, octets),
            Message::Indices(octets) => (9, octets),
            Message::Dump(Dump::Data) => (3, &[]),
            Message::Dump(Dump::Statistics) => (4, &[]),
            Message::Dump(Dump::ClearStatistics) => (5, &[]),
            Message::CleanUp => (6, &[]),
            Message::Ready => (8, &[]),
            Message::Origin(text) => (7, text.as_bytes()),
        };
        let length = large.iter().fold(body.len(), |sum, piece| sum.saturating_add(piece.len()));
        let mut head = u32::try_from(length).map_err(|_| ErrorKind::InvalidInput)?.to_be_bytes().to_vec();
        head.push(kind);
        head.extend(body);
        self.outgoing.push_back(Piece::Own(head));
        self.outgoing.extend(large.into_iter().map(Piece::Shared));
        self.flush()
    }

    /// Sends what waits.
    pub fn flush(&mut self) -> io::Result<()> {
        while let Some(piece) = self.outgoing.front() {
            let rest = piece.octets().get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                self.outgoing.pop_front();
                self.sent = 0;
                continue;
            }
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => self.sent = self.sent.saturating_add(sent),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads all that is there. An error or the end of the stream means that the other process is gone.
    pub fn receive(&mut self) -> io::Result<Vec<Message>> {
        let mut buffer = [0; 65536];
        loop {
            match self.stream.read(&mut buffer) {
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
        let mut messages = Vec::new();
        while let Some(message) = self.next_message()? {
            messages.push(message);
        }
        Ok(messages)
    }

    /// Once the length of a large message is known there is room for all of it.
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
        // The frame keeps its place in memory; what follows it is short.
        let rest = self.incoming.split_off(5 + length);
        let mut frame = std::mem::replace(&mut self.incoming, rest);
        let kind = frame.get(4).copied();
        frame.drain(..5);
        let message = match kind.map(|kind| (kind, frame)) {
            Some((0, body)) => {
                <[u8; 4]>::try_from(body.as_slice()).ok().map(|body| Message::Hello(u32::from_be_bytes(body)))
            }
            Some((1, body)) => Some(Message::Config(body.into())),
            Some((2, body)) => Some(Message::Checkpoint(body)),
            Some((9, body)) => Some(Message::Indices(body)),
            Some((3, _)) => Some(Message::Dump(Dump::Data)),
            Some((4, _)) => Some(Message::Dump(Dump::Statistics)),
            Some((5, _)) => Some(Message::Dump(Dump::ClearStatistics)),
            Some((6, _)) => Some(Message::CleanUp),
            Some((8, _)) => Some(Message::Ready),
            Some((7, body)) => String::from_utf8(body).ok().map(Message::Origin),
            _ => None,
        };
        message.map(Some).ok_or_else(|| ErrorKind::InvalidData.into())
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::to_octets;

    #[test]
    fn large_messages_arrive_whole_and_in_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (Channel::new(ours).unwrap(), Channel::new(theirs).unwrap());
        let config = Message::Config(b"configuration".repeat(200_000).into());
        ours.send(&config).unwrap();
        ours.send(&Message::Hello(7)).unwrap();
        let mut received = Vec::new();
        while received.len() < 2 {
            ours.flush().unwrap();
            received.extend(theirs.receive().unwrap());
        }
        assert_eq!(received, [config, Message::Hello(7)]);
        drop(ours);
        assert_eq!(theirs.receive().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Rows(u32);
    #[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    struct States(u32);

    impl Record for Rows {
        const NAME: &'static str = "rows";
        const VERSION: u32 = 1;
    }
    impl Record for States {
        const NAME: &'static str = "states";
        const VERSION: u32 = 2;
    }

    /// Without its indices no state can be told apart: all of it is used, or nothing.
    #[test]
    fn what_a_predecessor_has_told_is_used_as_a_whole_or_refused() {
        let (rows, states) = (to_octets(&Rows(7)).unwrap(), to_octets(&States(8)).unwrap());
        let mut other = states.clone();
        other[0] = 1;
        for (indices, checkpoint, expected) in [
            (None, None, Ok((Rows(0), States(0)))),
            (None, Some(&states), Ok((Rows(0), States(0)))),
            (Some(&rows), None, Ok((Rows(7), States(0)))),
            (Some(&rows), Some(&states), Ok((Rows(7), States(8)))),
            (Some(&rows), Some(&other), Err("states of version 1, not 2: another release wrote it")),
            (Some(&states), Some(&states), Err("rows of version 2, not 1: another release wrote it")),
        ] {
            let told = Told { indices: indices.cloned(), checkpoint: checkpoint.cloned() };
            assert_eq!(told.open().map_err(|error| error.to_string()), expected.map_err(str::to_owned));
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut theirs = Channel::new(theirs).unwrap();
        ours.write_all(&[0xff; 64]).unwrap();
        assert!(theirs.receive().is_err());
    }
}
