//! Link beat: polls the link state of interfaces through the ethtool family of generic netlink.
//!
//! It is for drivers that do not report link changes to the kernel by themselves.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use neli::consts::nl::NlmF;
use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use neli::types::Buffer;

use super::attributes::{Attributes, attributes, u16_at};
use super::netlink::{NLMSG_ERROR, NetlinkSocket, acknowledgement, encode, messages};
use crate::reactor::{Events, Feed, Feeder, Interest, Reactor, Token, clock, feed};

/// Interval of polling.
const PERIOD: Duration = Duration::from_secs(1);
/// `GENL_ID_CTRL`, `CTRL_CMD_GETFAMILY` and its attributes.
const CONTROL: u16 = 0x10;
const GETFAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// `ETHTOOL_MSG_LINKSTATE_GET`, its header with the name of an interface, and the link state in the answer.
const LINKSTATE_GET: u8 = 6;
const LINKSTATE_HEADER: u16 = 1;
const HEADER_NAME: u16 = 2;
const LINKSTATE_LINK: u16 = 2;
/// `struct genlmsghdr`.
const HEADER: usize = 4;
const DATAGRAM: usize = 8192;
const STOP: Token = Token(0);

/// An event of the polling thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeatEvent {
    /// The link state of an interface: at the start and at each change.
    Link {
        /// Name of the interface.
        name: String,
        /// Whether the interface has a link.
        up: bool,
    },
    /// An interface cannot be polled. Reported once until the result changes.
    Failed {
        /// Name of the interface.
        name: String,
        /// The error.
        why: String,
    },
}

/// Starts to poll these interfaces.
///
/// # Errors
/// When the system has no descriptors or threads left.
pub fn poll_links(names: Vec<String>) -> io::Result<Feed<BeatEvent>> {
    let (feed, feeder) = feed()?;
    let mut reactor = Reactor::coarse()?;
    reactor.register(feeder.waker(), STOP, Interest::READABLE)?;
    std::thread::Builder::new().name("linkbeat".into()).spawn(move || {
        let mut poll = LinkPoller { names, last: BTreeMap::new(), socket: None, feeder };
        let mut events = Events::with_capacity(2);
        while !poll.feeder.is_over() {
            poll.turn();
            if reactor.wait(Some(clock::now().saturating_add(PERIOD)), &mut events).is_err() {
                return;
            }
        }
    })?;
    Ok(feed)
}

struct LinkPoller {
    names: Vec<String>,
    last: BTreeMap<String, Result<bool, String>>,
    socket: Option<EthtoolSocket>,
    feeder: Feeder<BeatEvent>,
}

impl LinkPoller {
    fn turn(&mut self) {
        for name in &self.names {
            let found = match &mut self.socket {
                Some(socket) => socket.link(name),
                None => EthtoolSocket::open().and_then(|socket| self.socket.insert(socket).link(name)),
            };
            let found = found.map_err(|error| error.to_string());
            if self.last.get(name) == Some(&found) {
                continue;
            }
            self.last.insert(name.clone(), found.clone());
            let name = name.clone();
            let event = match found {
                Ok(up) => BeatEvent::Link { name, up },
                Err(why) => BeatEvent::Failed { name, why },
            };
            self.feeder.send(event);
        }
    }
}

/// A generic netlink socket for requests to the ethtool family.
struct EthtoolSocket {
    socket: NetlinkSocket<NlSocket>,
    family: u16,
    seq: u32,
}

impl EthtoolSocket {
    fn open() -> io::Result<EthtoolSocket> {
        let mut socket = EthtoolSocket { socket: NetlinkSocket::request(NlFamily::Generic)?, family: CONTROL, seq: 0 };
        let mut request = Attributes::after(&[GETFAMILY, 1, 0, 0]);
        request.put_text(FAMILY_NAME, "ethtool");
        let answer = socket.request(request)?;
        let family = attribute(&answer, FAMILY_ID).and_then(|id| u16_at(id, 0));
        socket.family =
            family.ok_or_else(|| io::Error::other("the kernel has no ethtool netlink (Linux 5.6 or later)"))?;
        Ok(socket)
    }

    fn link(&mut self, name: &str) -> io::Result<bool> {
        let mut request = Attributes::after(&[LINKSTATE_GET, 1, 0, 0]);
        request.nest(LINKSTATE_HEADER, |header| header.put_text(HEADER_NAME, name));
        let answer = self.request(request)?;
        let link = attribute(&answer, LINKSTATE_LINK).and_then(|link| link.first());
        link.map(|link| *link != 0).ok_or_else(|| io::Error::other("its driver does not report a link state"))
    }

    /// Sends a request and returns the answer, which the kernel queues inside `send`.
    fn request(&mut self, request: Attributes) -> io::Result<Vec<u8>> {
        self.seq = self.seq.wrapping_add(1);
        let payload = Buffer::from(request.into_octets());
        self.socket.send(&encode(self.family, NlmF::empty(), self.seq, payload)?)?;
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let datagram = self.socket.receive(&mut buffer)?;
            let Some(message) = messages(datagram).find(|message| message.seq == self.seq) else { continue };
            if message.kind == NLMSG_ERROR {
                acknowledgement(&message).map_err(|refusal| io::Error::other(refusal.to_string()))?;
                continue;
            }
            return Ok(message.payload.get(HEADER..).unwrap_or_default().to_vec());
        }
    }
}

fn attribute(body: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(body).find(|(kind, _)| *kind == wanted).map(|(_, payload)| payload)
}
