//! One raw socket for each interface, family and IP protocol, shared by its instances.
//!
//! Sockets are opened and closed on another thread: both may have to wait for a lock of the kernel. An advert that is
//! due meanwhile waits, the latest of each instance.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

use crate::config::model::{Authentication, Family};
use crate::kernel::{AdvertSocket, Opener, SocketRequest, WantedSocket};
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};
use crate::vrrp::{Event, Instance, InstanceId, Received, Tables, Vrrp};
use crate::wire::{ah, ipv4, vrrp};

/// Packets taken from one socket before the others and the timers have their turn.
const BUDGET: usize = 512;
/// Largest IP packet.
const BUFFER: usize = 65536;

/// Interface, family, IP protocol (VRRP or AH).
type Key = (u32, Family, u8);

/// The open sockets.
pub(super) struct Sockets {
    open: BTreeMap<Key, Pair>,
    /// Of all of them in the reactor.
    token: Token,
    log: Log,
    opener: Opener,
    /// Sockets that are being opened.
    asked: BTreeMap<Key, Wish>,
    /// Adverts that wait for a socket.
    waiting: BTreeMap<InstanceId, Outgoing>,
    buffer: Vec<u8>,
    /// Interfaces whose sockets cannot be opened, with the reason already told.
    failed: BTreeMap<Key, String>,
}

/// What a socket is to be for.
#[derive(Clone, Default, PartialEq)]
struct Wish {
    groups: BTreeSet<IpAddr>,
    /// The one virtual router, on a VMAC.
    vrid: Option<u8>,
}

struct Pair {
    socket: AdvertSocket,
    wish: Wish,
}

/// An advert to all its destinations.
pub(super) struct Outgoing {
    /// Interface to send by.
    pub(super) ifindex: u32,
    /// IP source address.
    pub(super) source: IpAddr,
    /// TTL or hop limit.
    pub(super) ttl: u8,
    /// Destinations, each with the message for it.
    pub(super) messages: Vec<(IpAddr, Vec<u8>)>,
    /// To be sent behind an authentication header.
    pub(super) seal: Option<ah::Seal>,
}

impl Outgoing {
    fn key(&self) -> Key {
        let protocol = if self.seal.is_some() { ah::PROTOCOL } else { vrrp::PROTOCOL };
        (self.ifindex, Family::of(self.source), protocol)
    }
}

impl Sockets {
    /// No sockets yet; all will be registered under one token.
    pub(super) fn new(token: Token, log: Log) -> io::Result<Sockets> {
        Ok(Sockets {
            open: BTreeMap::new(),
            token,
            log,
            opener: Opener::start_sockets()?,
            asked: BTreeMap::new(),
            waiting: BTreeMap::new(),
            buffer: vec![0; BUFFER],
            failed: BTreeMap::new(),
        })
    }

    /// Opens what the instances need, at once: before the start there is nobody whom waiting could hurt. Whether some
    /// sockets could not be opened.
    pub(super) fn open_all(&mut self, tables: &Tables, reactor: &Reactor) -> bool {
        for (key, wish) in wanted(tables) {
            let opened = wish.of(key, tables).open();
            self.take(key, wish, opened, tables, reactor);
        }
        !self.failed.is_empty()
    }

    /// Asks for what the instances need. What they do not need any more stays open for their last words, until
    /// [`Sockets::prune`].
    pub(super) fn follow(&mut self, tables: &Tables) {
        let wanted = wanted(tables);
        self.failed.retain(|key, _| wanted.contains_key(key));
        for (key, wish) in wanted {
            let there = self.open.get(&key).is_some_and(|pair| pair.wish == wish);
            if there || self.asked.get(&key) == Some(&wish) {
                continue;
            }
            let request = SocketRequest::Open(wish.of(key, tables));
            if self.opener.submit(vec![request]).is_ok() {
                self.asked.insert(key, wish);
            }
        }
    }

    /// Takes the sockets that were opened. Whether some could not be.
    pub(super) fn turn(&mut self, tables: &Tables, reactor: &Reactor) -> bool {
        let mut results = Vec::new();
        self.opener.results(&mut results);
        for (wanted, opened) in results.into_iter().flatten() {
            let key = (wanted.ifindex, wanted.family, wanted.protocol);
            let wish = Wish { groups: wanted.groups.into_iter().collect(), vrid: wanted.vrid };
            // An older wish: the answer to the present one is still to come.
            if self.asked.get(&key) != Some(&wish) {
                opened.into_iter().for_each(|socket| self.close(socket));
                continue;
            }
            self.asked.remove(&key);
            self.take(key, wish, opened, tables, reactor);
        }
        !self.failed.is_empty()
    }

    fn take(&mut self, key: Key, wish: Wish, opened: io::Result<AdvertSocket>, tables: &Tables, reactor: &Reactor) {
        let registered = opened.and_then(|socket| {
            reactor.register(&socket, self.token, Interest::READABLE)?;
            Ok(socket)
        });
        match registered {
            Ok(socket) => {
                self.failed.remove(&key);
                if let Some(old) = self.open.insert(key, Pair { socket, wish }) {
                    self.close(old.socket);
                }
            }
            Err(error) => {
                let error = error.to_string();
                if self.failed.get(&key) != Some(&error) {
                    let interface = tables.interfaces.name(key.0);
                    self.log.error(format_args!("Cannot open VRRP socket on {interface}: {error}; trying again"));
                    self.failed.insert(key, error);
                }
            }
        }
    }

    /// Closes what no instance needs.
    pub(super) fn prune(&mut self, tables: &Tables, reactor: &Reactor) {
        let wanted = wanted(tables);
        let unwanted: Vec<Key> = self.open.keys().filter(|key| !wanted.contains_key(key)).copied().collect();
        self.asked.retain(|key, _| wanted.contains_key(key));
        for key in unwanted {
            if let Some(pair) = self.open.remove(&key) {
                // The kernel forgets it with its descriptor in any case.
                let _ = reactor.deregister(&pair.socket);
                self.close(pair.socket);
            }
        }
    }

    fn close(&self, socket: AdvertSocket) {
        // Without room in the queue it is closed here.
        let _ = self.opener.submit(vec![SocketRequest::Close(socket)]);
    }

    /// Sends an advert to all its destinations, behind an authentication header if there is a seal, or keeps it until
    /// its socket is open. A destination that cannot be reached does not keep it from the others; the first error is
    /// returned.
    pub(super) fn send(&mut self, instance: InstanceId, advert: Outgoing) -> io::Result<()> {
        let key = advert.key();
        match self.open.get(&key) {
            Some(pair) => {
                self.waiting.remove(&instance);
                send(&pair.socket, &advert)
            }
            None if self.asked.contains_key(&key) => {
                self.waiting.insert(instance, advert);
                Ok(())
            }
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Adverts whose sockets are open by now, or will not be: to be sent again.
    pub(super) fn take_waiting(&mut self) -> Vec<(InstanceId, Outgoing)> {
        let waiting = std::mem::take(&mut self.waiting);
        let (waiting, ready): (BTreeMap<_, _>, BTreeMap<_, _>) =
            waiting.into_iter().partition(|(_, advert)| self.asked.contains_key(&advert.key()));
        self.waiting = waiting;
        ready.into_iter().collect()
    }

    /// Hands all received packets to the machines; returns whether there may be more.
    pub(super) fn receive(&mut self, vrrp: &mut Vrrp, now: std::time::Duration) -> bool {
        let mut more = false;
        for ((ifindex, _, protocol), pair) in &self.open {
            let mut left = BUDGET;
            while left > 0 {
                match pair.socket.receive(&mut self.buffer) {
                    Ok(Some(packet)) => {
                        let (source, destination, ttl) = (packet.source, packet.destination, packet.ttl);
                        let authenticated = (*protocol == ah::PROTOCOL).then_some(packet.header);
                        let (ifindex, payload) = (*ifindex, packet.payload);
                        let received = Received { ifindex, source, destination, ttl, authenticated, payload };
                        vrrp.handle(Event::Packet(received), now);
                        left -= 1;
                    }
                    Ok(None) => break,
                    // A bad packet or ENETDOWN told by the socket: the next read tells what comes next.
                    Err(_) => left -= 1,
                }
            }
            more |= left == 0;
        }
        more
    }
}

/// The sockets that the instances need, each with its groups.
fn wanted(tables: &Tables) -> BTreeMap<Key, Wish> {
    let mut wanted: BTreeMap<Key, Wish> = BTreeMap::new();
    for row in tables.instances.values() {
        // A VMAC that was just made may not have been told of yet.
        let Some(ifindex) = row.wire().filter(|index| tables.interfaces.get(*index).is_some()) else { continue };
        for protocol in protocols(row) {
            let wish = wanted.entry((ifindex, row.config.family, *protocol)).or_default();
            wish.groups.extend(row.config.unicast.is_none().then_some(row.config.group));
            // A VMAC is of one instance alone.
            wish.vrid = (row.ifindex != Some(ifindex)).then_some(row.config.vrid);
        }
    }
    wanted
}

impl Wish {
    fn of(&self, (ifindex, family, protocol): Key, tables: &Tables) -> WantedSocket {
        let interface = tables.interfaces.name(ifindex).to_owned();
        let groups = self.groups.iter().copied().collect();
        WantedSocket { interface, ifindex, family, protocol, groups, vrid: self.vrid }
    }
}

fn send(socket: &AdvertSocket, advert: &Outgoing) -> io::Result<()> {
    let Outgoing { source, ttl, seal, .. } = *advert;
    // To each peer the same, as the sequence number is.
    let id = seal.map_or(0, |_| socket.next_id());
    let mut outcome = Ok(());
    for (destination, message) in &advert.messages {
        let sent = match (seal, source, *destination) {
            (None, source, destination) => socket.send(source, destination, ttl, message),
            (Some(seal), IpAddr::V4(source), IpAddr::V4(destination)) => {
                let tos = ipv4::TOS_INTERNETWORK_CONTROL;
                let header = ipv4::Header { tos, id, ttl, protocol: ah::PROTOCOL, source, destination };
                socket.send_v4(&header, &seal.apply(&header, message))
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        outcome = outcome.and(sent);
    }
    outcome
}

/// What an instance listens to: with `auth_type AH` also adverts without the header, to complain about them.
fn protocols(row: &Instance) -> &'static [u8] {
    match row.config.authentication {
        Some(Authentication::Ah(_)) => &[vrrp::PROTOCOL, ah::PROTOCOL],
        _ => &[vrrp::PROTOCOL],
    }
}

impl AsRawFd for Sockets {
    /// Readable when sockets were opened.
    fn as_raw_fd(&self) -> RawFd {
        self.opener.as_raw_fd()
    }
}
