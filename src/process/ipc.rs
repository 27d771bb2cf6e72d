//! The socket pair between the parent and a child: hellos, configurations to the child, its state to the parent.
//!
//! A message is the length of its body (4 octets, big endian), a kind (1 octet) and the body. Both ends are
//! non-blocking; octets that do not fit into the socket wait in memory, bounded by the few kinds of messages that a
//! process sends.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

use super::engine::EngineStart;
use super::sessions::Listener;
use crate::config::Snapshot;
use crate::notify::dump::Dump;
use crate::state::{Lasting, Opened, Unusable, from_sections};
use crate::system::Lateness;

/// Octets of the longest message that is accepted: the snapshot of a very large configuration.
const LIMIT: usize = 256 << 20;

/// A message over the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Watchdog: the parent sends a number, and the child answers with the same.
    Hello(u32),
    /// From the parent: run this configuration.
    Config(Snapshot),
    /// From the child: the indices of its rows. From the parent, before the checkpoint: the indices of its predecessor.
    Indices(Vec<u8>),
    /// From the child: the state from which a replacement should continue. From the parent, before the configuration:
    /// the state from which to continue.
    Checkpoint(Vec<u8>),
    /// From the parent: write a dump file.
    Dump(Dump),
    /// From the child: it runs with the configuration of a [`Message::Config`]; one for each, in the same order.
    Ready,
    /// From the parent, before the configuration: the [`Origin`](crate::reactor::Origin) of the daemon, as text.
    Origin(String),
    /// From the parent, before the configuration: the start of the daemon.
    Engine(EngineStart),
    /// From the parent, at any time, with a descriptor: the receiver's end of a socket pair over which the BFD process
    /// reports its sessions. See [`Channel::take_descriptor`].
    Link(Listener),
    /// From the parent: send the part of the status, with this number.
    StatusWanted(u32),
    /// From the child: its part of the status as JSON, with the number of the request.
    Status(u32, Vec<u8>),
    /// From the parent: carry out a command of a client, as JSON, with its number.
    Command(u32, Vec<u8>),
    /// From the child: the result of a command as JSON, with its number.
    Result(u32, Vec<u8>),
    /// From the parent, before the configuration: prepare to replace another process, and wait for [`Message::Go`].
    StandBy,
    /// From the child: it is prepared.
    Prepared,
    /// From the parent, after indices and checkpoint: begin.
    Go,
    /// From the parent: a replacement is prepared; send the last checkpoint, and do nothing any more.
    HandOver,
    /// From the child, after its last checkpoint: it does nothing any more.
    HandedOver,
    /// From the child: a caller on D-Bus wants the configuration to be read again.
    ReloadWanted,
    /// From the child, with each hello: how late its event loop was in the last minute.
    Late(Lateness),
    /// From the parent: what it knows of the daemon, with news for notifications, as JSON.
    Daemon(Vec<u8>),
    /// From the child: it has taken the news of a [`Message::Daemon`] that had some; one for each, in the same order.
    Learnt,
    /// From the parent, before the configuration: remove the entries that a predecessor has left in the kernel, then
    /// exit.
    CleanUp,
}

/// The state that a child has sent to the parent for its replacement, as octets of [records](crate::state::Lasting).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedState {
    /// The last [`Message::Indices`].
    pub indices: Option<Vec<u8>>,
    /// The last [`Message::Checkpoint`].
    pub checkpoint: Option<Vec<u8>>,
}

impl SavedState {
    /// Decodes the indices and the checkpoint, in the types of the child's role.
    ///
    /// # Errors
    /// If either cannot be used: states without indices would be assigned to the wrong rows.
    pub fn open<I: Lasting, C: Lasting>(&self) -> Result<Opened<(I, C)>, Unusable> {
        let nothing = || Opened { record: C::default(), lost: Vec::new() };
        let Some(indices) = &self.indices else {
            return Ok(Opened { record: (I::default(), C::default()), lost: Vec::new() });
        };
        let checkpoint = self.checkpoint.as_deref().map(from_sections).transpose()?.unwrap_or_else(nothing);
        let indices: Opened<I> = from_sections(indices)?;
        let lost = indices.lost.into_iter().chain(checkpoint.lost).collect();
        Ok(Opened { record: (indices.record, checkpoint.record), lost })
    }
}

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

    /// Queues a message and sends as much as the socket accepts; call [`Channel::flush`] when it is writable again.
    pub fn send(&mut self, message: &Message) -> io::Result<()> {
        self.queue(message, None)
    }

    /// As [`Channel::send`], with a descriptor for a [`Message::Link`]; this process closes its copy once it is sent.
    pub fn send_with(&mut self, message: &Message, descriptor: OwnedFd) -> io::Result<()> {
        self.queue(message, Some(descriptor))
    }

    fn queue(&mut self, message: &Message, descriptor: Option<OwnedFd>) -> io::Result<()> {
        let number;
        let with_number;
        let engine;
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
            Message::Dump(Dump::Json) => (15, &[]),
            Message::Late(late) => {
                with_number = [micros(late.max), micros(late.p99)].concat();
                (17, &with_number)
            }
            Message::Daemon(octets) => (18, octets),
            Message::CleanUp => (6, &[]),
            Message::StandBy => (20, &[]),
            Message::Prepared => (21, &[]),
            Message::Go => (22, &[]),
            Message::Learnt => (34, &[]),
            Message::HandOver => (32, &[]),
            Message::HandedOver => (33, &[]),
            Message::ReloadWanted => (16, &[]),
            Message::Ready => (8, &[]),
            Message::StatusWanted(wanted) => {
                number = wanted.to_be_bytes();
                (11, &number)
            }
            Message::Status(of, octets) | Message::Command(of, octets) | Message::Result(of, octets) => {
                with_number = [&of.to_be_bytes()[..], octets].concat();
                let kind = match message {
                    Message::Status(..) => 12,
                    Message::Command(..) => 13,
                    _ => 14,
                };
                (kind, &with_number)
            }
            Message::Origin(text) => (7, text.as_bytes()),
            Message::Engine(start) => {
                engine = start.octets();
                (31, &engine)
            }
            Message::Link(Listener::Vrrp) => (10, &[0]),
            Message::Link(Listener::Checkers) => (10, &[1]),
        };
        let length = large.iter().fold(body.len(), |sum, piece| sum.saturating_add(piece.len()));
        let mut head = u32::try_from(length).map_err(|_| ErrorKind::InvalidInput)?.to_be_bytes().to_vec();
        head.push(kind);
        head.extend(body);
        self.outgoing.push_back(match descriptor {
            Some(descriptor) => Piece::With(head, descriptor),
            None => Piece::Own(head),
        });
        self.outgoing.extend(large.into_iter().map(Piece::Shared));
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
        let message = match kind.map(|kind| (kind, frame)) {
            Some((0, body)) => first_number(&body).map(Message::Hello),
            Some((1, body)) => Some(Message::Config(body.into())),
            Some((2, body)) => Some(Message::Checkpoint(body)),
            Some((9, body)) => Some(Message::Indices(body)),
            Some((3, _)) => Some(Message::Dump(Dump::Data)),
            Some((4, _)) => Some(Message::Dump(Dump::Statistics)),
            Some((5, _)) => Some(Message::Dump(Dump::ClearStatistics)),
            Some((15, _)) => Some(Message::Dump(Dump::Json)),
            Some((6, _)) => Some(Message::CleanUp),
            Some((20, _)) => Some(Message::StandBy),
            Some((21, _)) => Some(Message::Prepared),
            Some((22, _)) => Some(Message::Go),
            Some((34, _)) => Some(Message::Learnt),
            Some((32, _)) => Some(Message::HandOver),
            Some((33, _)) => Some(Message::HandedOver),
            Some((16, _)) => Some(Message::ReloadWanted),
            Some((17, body)) => first_number(&body).zip(body.get(4..).and_then(first_number)).map(|(max, p99)| {
                let of = |micros: u32| Duration::from_micros(micros.into());
                Message::Late(Lateness { max: of(max), p99: of(p99) })
            }),
            Some((18, body)) => Some(Message::Daemon(body)),
            Some((8, _)) => Some(Message::Ready),
            Some((10, body)) => match body.as_slice() {
                [0] => Some(Message::Link(Listener::Vrrp)),
                [1] => Some(Message::Link(Listener::Checkers)),
                _ => None,
            },
            Some((11, body)) => first_number(&body).map(Message::StatusWanted),
            Some((kind @ 12..=14, mut body)) => first_number(&body).map(|number| {
                body.drain(..4);
                match kind {
                    12 => Message::Status(number, body),
                    13 => Message::Command(number, body),
                    _ => Message::Result(number, body),
                }
            }),
            Some((31, body)) => EngineStart::from_octets(&body).map(Message::Engine),
            Some((7, body)) => String::from_utf8(body).ok().map(Message::Origin),
            _ => None,
        };
        message.map(Some).ok_or_else(|| ErrorKind::InvalidData.into())
    }
}

/// A duration in microseconds, at most 2^32 - 1.
fn micros(duration: Duration) -> [u8; 4] {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX).to_be_bytes()
}

/// The number at the start of a body.
fn first_number(body: &[u8]) -> Option<u32> {
    body.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}

fn write(stream: &UnixStream, octets: &[u8], descriptor: Option<&OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = descriptor.map(AsFd::as_fd);
    if let Some(descriptors) = descriptors.as_ref() {
        control.push(SendAncillaryMessage::ScmRights(std::slice::from_ref(descriptors)));
    }
    Ok(sendmsg(stream, &[IoSlice::new(octets)], &mut control, SendFlags::NOSIGNAL)?)
}

fn read(stream: &UnixStream, buffer: &mut [u8], descriptors: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sent) = message {
            descriptors.extend(sent);
        }
    }
    Ok(received.bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Reader, Writer, to_sections};

    /// Two kinds with the same number would be mistaken for each other.
    #[test]
    fn each_kind_of_message_arrives_as_it_was_sent() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (Channel::new(ours).unwrap(), Channel::new(theirs).unwrap());
        let body = || b"body".to_vec();
        let messages = [
            Message::Hello(7),
            Message::Config(body().into()),
            Message::Indices(body()),
            Message::Checkpoint(body()),
            Message::Dump(Dump::Data),
            Message::Dump(Dump::Statistics),
            Message::Dump(Dump::ClearStatistics),
            Message::Dump(Dump::Json),
            Message::Ready,
            Message::Origin("origin".into()),
            Message::Engine(EngineStart { boots: 12, at: 13 }),
            Message::Link(Listener::Vrrp),
            Message::Link(Listener::Checkers),
            Message::StatusWanted(8),
            Message::Status(9, body()),
            Message::Command(10, body()),
            Message::Result(11, body()),
            Message::ReloadWanted,
            Message::Late(Lateness { max: Duration::from_millis(7), p99: Duration::from_micros(8) }),
            Message::Daemon(body()),
            Message::CleanUp,
            Message::StandBy,
            Message::Prepared,
            Message::Go,
            Message::HandOver,
            Message::HandedOver,
            Message::Learnt,
        ];
        messages.iter().for_each(|message| ours.send(message).unwrap());
        assert_eq!(theirs.receive().unwrap(), messages);
    }

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

    /// A descriptor belongs to its message, however the stream is cut into pieces.
    #[test]
    fn descriptors_arrive_with_their_messages() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (Channel::new(ours).unwrap(), Channel::new(theirs).unwrap());
        let large = Message::Config(b"configuration".repeat(100_000).into());
        let mut pipes = Vec::new();
        for listener in [Listener::Vrrp, Listener::Checkers] {
            let (reader, writer) = io::pipe().unwrap();
            pipes.push(reader);
            ours.send(&large).unwrap();
            ours.send_with(&Message::Link(listener), writer.into()).unwrap();
        }
        let mut received = Vec::new();
        while received.len() < 4 {
            ours.flush().unwrap();
            received.extend(theirs.receive().unwrap());
        }
        assert_eq!(received[1], Message::Link(Listener::Vrrp));
        assert_eq!(received[3], Message::Link(Listener::Checkers));
        for (mut pipe, text) in pipes.into_iter().zip(["first", "second"]) {
            let mut writer = std::fs::File::from(theirs.take_descriptor().unwrap());
            io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
            // No other process has the other end.
            drop(writer);
            let mut read = String::new();
            io::Read::read_to_string(&mut pipe, &mut read).unwrap();
            assert_eq!(read, text);
        }
        assert!(theirs.take_descriptor().is_none());
        theirs.put_back([Message::Ready, Message::Hello(1)]);
        ours.send(&Message::Hello(2)).unwrap();
        assert_eq!(theirs.receive().unwrap(), [Message::Ready, Message::Hello(1), Message::Hello(2)]);
    }

    #[derive(Debug, Default, PartialEq)]
    struct Rows(u32);
    #[derive(Debug, Default, PartialEq)]
    struct States(u32);

    macro_rules! lasting {
        ($type:ident, $name:literal, $version:literal) => {
            impl Lasting for $type {
                const NAME: &'static str = $name;
                const VERSION: u32 = $version;

                fn write(&self, sections: &mut Writer) {
                    sections.put("number", &self.0);
                }

                fn read(sections: &mut Reader<'_>) -> Result<$type, Unusable> {
                    Ok($type(sections.take("number")?))
                }
            }
        };
    }

    lasting!(Rows, "rows", 1);
    lasting!(States, "states", 2);

    /// States are meaningless without the indices of their rows: both are used, or neither.
    #[test]
    fn saved_state_is_used_as_a_whole_or_refused() {
        let (rows, states) = (to_sections(&Rows(7)).unwrap(), to_sections(&States(8)).unwrap());
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
            let saved = SavedState { indices: indices.cloned(), checkpoint: checkpoint.cloned() };
            let opened = saved.open().map(|opened| opened.record).map_err(|error| error.to_string());
            assert_eq!(opened, expected.map_err(str::to_owned));
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut theirs = Channel::new(theirs).unwrap();
        io::Write::write_all(&mut ours, &[0xff; 64]).unwrap();
        assert!(theirs.receive().is_err());
    }
}
