//! The octets of a message. The numbers of the kinds that an upgrade needs stay the same in all releases.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::message::Message;
use crate::notify::dump::Dump;
use crate::process::engine::EngineStart;
use crate::process::sessions::Listener;
use crate::system::Lateness;

/// A body without octets.
const NOTHING: Cow<'static, [u8]> = Cow::Borrowed(&[]);

/// The octets of a message.
#[derive(Debug)]
pub(super) struct Encoded {
    /// Its length, its kind and its body, except `shared`.
    pub(super) own: Vec<u8>,
    /// The rest of the body, not copied.
    pub(super) shared: Vec<Arc<Vec<u8>>>,
}

/// Encodes a message; `None` if it is too long.
pub(super) fn encode(message: &Message) -> Option<Encoded> {
    let mut shared = Vec::new();
    let (kind, body): (u8, Cow<'_, [u8]>) = match message {
        Message::Hello(hello) => (0, hello.to_be_bytes().to_vec().into()),
        Message::Config(snapshot) => {
            shared.extend(snapshot.pieces());
            (1, NOTHING)
        }
        Message::Checkpoint(octets) => (2, octets.into()),
        Message::Dump(Dump::Data) => (3, NOTHING),
        Message::Dump(Dump::Statistics) => (4, NOTHING),
        Message::Dump(Dump::ClearStatistics) => (5, NOTHING),
        Message::CleanUp => (6, NOTHING),
        Message::Origin(text) => (7, text.as_bytes().into()),
        Message::Ready => (8, NOTHING),
        Message::Indices(octets) => (9, octets.into()),
        Message::Link(Listener::Vrrp) => (10, [0][..].into()),
        Message::Link(Listener::Checkers) => (10, [1][..].into()),
        Message::StatusWanted(wanted) => (11, wanted.to_be_bytes().to_vec().into()),
        Message::Status(of, octets) => (12, numbered(*of, octets).into()),
        Message::Command(of, octets) => (13, numbered(*of, octets).into()),
        Message::Result(of, octets) => (14, numbered(*of, octets).into()),
        Message::Dump(Dump::Json) => (15, NOTHING),
        Message::ReloadWanted => (16, NOTHING),
        Message::Late(late) => (17, [micros(late.max), micros(late.p99)].concat().into()),
        Message::Daemon(octets) => (18, octets.into()),
        Message::StandBy => (20, NOTHING),
        Message::Prepared => (21, NOTHING),
        Message::Go => (22, NOTHING),
        Message::Engine(start) => (31, start.octets().to_vec().into()),
        Message::HandOver(None) => (32, NOTHING),
        Message::HandOver(Some(limit)) => (32, limit.to_be_bytes().to_vec().into()),
        Message::HandedOver => (33, NOTHING),
        Message::Learnt => (34, NOTHING),
        Message::Resume => (35, NOTHING),
        Message::Resumed => (36, NOTHING),
    };
    let length = shared.iter().fold(body.len(), |sum, piece| sum.saturating_add(piece.len()));
    let mut own = u32::try_from(length).ok()?.to_be_bytes().to_vec();
    own.push(kind);
    own.extend_from_slice(&body);
    Some(Encoded { own, shared })
}

/// Decodes a message; `None` if no message has this form.
pub(super) fn decode(kind: u8, mut body: Vec<u8>) -> Option<Message> {
    match kind {
        0 => first_number(&body).map(Message::Hello),
        1 => Some(Message::Config(body.into())),
        2 => Some(Message::Checkpoint(body)),
        3 => Some(Message::Dump(Dump::Data)),
        4 => Some(Message::Dump(Dump::Statistics)),
        5 => Some(Message::Dump(Dump::ClearStatistics)),
        6 => Some(Message::CleanUp),
        7 => String::from_utf8(body).ok().map(Message::Origin),
        8 => Some(Message::Ready),
        9 => Some(Message::Indices(body)),
        10 => match body.as_slice() {
            [0] => Some(Message::Link(Listener::Vrrp)),
            [1] => Some(Message::Link(Listener::Checkers)),
            _ => None,
        },
        11 => first_number(&body).map(Message::StatusWanted),
        12..=14 => {
            let number = first_number(&body)?;
            body.drain(..4);
            Some(match kind {
                12 => Message::Status(number, body),
                13 => Message::Command(number, body),
                _ => Message::Result(number, body),
            })
        }
        15 => Some(Message::Dump(Dump::Json)),
        16 => Some(Message::ReloadWanted),
        17 => first_number(&body).zip(body.get(4..).and_then(first_number)).map(|(max, p99)| {
            let of = |micros: u32| Duration::from_micros(micros.into());
            Message::Late(Lateness { max: of(max), p99: of(p99) })
        }),
        18 => Some(Message::Daemon(body)),
        20 => Some(Message::StandBy),
        21 => Some(Message::Prepared),
        22 => Some(Message::Go),
        31 => EngineStart::from_octets(&body).map(Message::Engine),
        32 => Some(Message::HandOver(first_number(&body))),
        33 => Some(Message::HandedOver),
        34 => Some(Message::Learnt),
        35 => Some(Message::Resume),
        36 => Some(Message::Resumed),
        _ => None,
    }
}

fn numbered(number: u32, octets: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], octets].concat()
}

/// A duration in microseconds, at most 2^32 - 1.
fn micros(duration: Duration) -> [u8; 4] {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX).to_be_bytes()
}

/// The number at the start of a body.
fn first_number(body: &[u8]) -> Option<u32> {
    body.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}
