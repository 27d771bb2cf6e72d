//! Link beat: polls the link state of interfaces through the ethtool family of generic netlink.
//!
//! It is for drivers that do not report link changes to the kernel by themselves.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::attributes::find;
use super::generic;
use super::request_socket::{Request, RequestSocket};
use crate::reactor::{Events, Feed, Feeder, Interest, Reactor, Token, clock, feed};

/// Interval of polling.
const PERIOD: Duration = Duration::from_secs(1);
/// `ETHTOOL_MSG_LINKSTATE_GET`, its header with the name of an interface, and the link state in the answer.
const LINKSTATE_GET: u8 = 6;
const LINKSTATE_HEADER: u16 = 1;
const HEADER_NAME: u16 = 2;
const LINKSTATE_LINK: u16 = 2;
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
    socket: RequestSocket,
    family: u16,
}

impl EthtoolSocket {
    fn open() -> io::Result<EthtoolSocket> {
        let mut socket = RequestSocket::generic()?;
        let family = generic::family_id(&mut socket, "ethtool").map_err(io::Error::other)?;
        let family =
            family.ok_or_else(|| io::Error::other("the kernel has no ethtool netlink (Linux 5.6 or later)"))?;
        Ok(EthtoolSocket { socket, family })
    }

    fn link(&mut self, name: &str) -> io::Result<bool> {
        let mut payload = generic::command(LINKSTATE_GET, 1);
        payload.nest(LINKSTATE_HEADER, |header| header.put_text(HEADER_NAME, name));
        let request = Request { kind: self.family, flags: 0, payload };
        let links =
            self.socket.rows(&request, |payload| find(generic::body(payload), LINKSTATE_LINK)?.first().copied());
        let link = links.map_err(io::Error::other)?.pop();
        link.map(|link| link != 0).ok_or_else(|| io::Error::other("its driver does not report a link state"))
    }
}
