//! Tests of the channel.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::{Channel, Message, SavedState};
use crate::notify::dump::Dump;
use crate::process::engine::EngineStart;
use crate::process::sessions::Listener;
use crate::state::{Lasting, Reader, Unusable, Writer, to_sections};
use crate::system::Lateness;

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
        Message::HandOver(None),
        Message::HandOver(Some(12)),
        Message::HandedOver,
        Message::Learnt,
        Message::Resume,
        Message::Resumed,
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
