//! One raw socket for each interface, family and IP protocol, shared by its instances.
//!
//! A separate thread opens and closes sockets, since both may wait for a lock in the kernel. Meanwhile the latest
//! advert of each instance waits.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

use crate::config::model::{AdvertBuffer, Authentication, Family};
use crate::kernel::{ADVERT_BUFFER, AdvertSocket, Opener, SocketRequest, WantedSocket};
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};
use crate::vrrp::{Event, Instance, InstanceId, Received, Tables, Vrrp};
use crate::wire::{ah, ipv4, vrrp};

/// Most packets read from one socket in a turn, before the other sockets and the timers.
const BUDGET: usize = 512;
/// MTU for instances without an interface.
const MTU: u32 = 1500;
/// Octets of the largest IP packet.
const BUFFER: usize = 65536;

/// Interface (0: all), family, IP protocol (VRRP or AH).
type Key = (u32, Family, u8);

/// The open sockets.
pub(super) struct Sockets {
    open: BTreeMap<Key, Pair>,
    /// Token of all sockets.
    token: Token,
    log: Log,
    opener: Opener,
    /// Sockets that are being opened.
    requested: BTreeMap<Key, Purpose>,
    /// Adverts that wait for a socket.
    waiting: BTreeMap<InstanceId, Outgoing>,
    buffer: Vec<u8>,
    /// Sockets that cannot be opened, with the reason last logged.
    failed: BTreeMap<Key, String>,
}

/// The purpose of a socket: its groups, virtual router and size.
#[derive(Clone, Default, PartialEq)]
struct Purpose {
    groups: BTreeSet<IpAddr>,
    /// Packets arrive on any interface, or on those of a VRF.
    everywhere: bool,
    /// VRID of the only virtual router, on a VMAC.
    vrid: Option<u8>,
    /// Receive buffer in octets: the sum for the instances.
    buffer: u32,
}

struct Pair {
    socket: AdvertSocket,
    purpose: Purpose,
}

/// An advert for all its destinations.
pub(super) struct Outgoing {
    /// Index of the outgoing interface.
    pub(super) ifindex: u32,
    /// IP source address.
    pub(super) source: IpAddr,
    /// TTL or hop limit.
    pub(super) ttl: u8,
    /// Destinations, each with the message for it.
    pub(super) messages: Vec<(IpAddr, Vec<u8>)>,
    /// The authentication header, with `auth_type AH`.
    pub(super) seal: Option<ah::Seal>,
}

impl Outgoing {
    fn key(&self) -> Key {
        let protocol = if self.seal.is_some() { ah::PROTOCOL } else { vrrp::PROTOCOL };
        (self.ifindex, Family::of(self.source), protocol)
    }
}

impl Sockets {
    /// Starts the thread. All sockets will be registered under `token`.
    pub(super) fn new(token: Token, log: Log) -> io::Result<Sockets> {
        Ok(Sockets {
            open: BTreeMap::new(),
            token,
            log,
            opener: Opener::start_sockets()?,
            requested: BTreeMap::new(),
            waiting: BTreeMap::new(),
            buffer: vec![0; BUFFER],
            failed: BTreeMap::new(),
        })
    }

    /// The descriptors of the open sockets, by interface (0: all), family and IP protocol.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (Key, RawFd)> {
        self.open.iter().map(|(key, pair)| (*key, pair.socket.as_raw_fd()))
    }

    /// Opens the sockets of all instances in this thread, which may block before the start. Returns whether some could
    /// not be opened.
    pub(super) fn open_all(&mut self, tables: &Tables, reactor: &Reactor) -> bool {
        for (key, purpose) in wanted(tables) {
            let opened = purpose.of(key, tables).open();
            self.add(key, purpose, opened, tables, reactor);
        }
        !self.failed.is_empty()
    }

    /// Requests missing sockets of the instances. Sockets that are no longer needed stay open for last adverts until
    /// [`Sockets::prune`].
    pub(super) fn follow(&mut self, tables: &Tables) {
        let wanted = wanted(tables);
        self.failed.retain(|key, _| wanted.contains_key(key));
        for (key, purpose) in wanted {
            let is_open = self.open.get(&key).is_some_and(|pair| pair.purpose == purpose);
            if is_open || self.requested.get(&key) == Some(&purpose) {
                continue;
            }
            let request = SocketRequest::Open(purpose.of(key, tables));
            if self.opener.submit(vec![request]).is_ok() {
                self.requested.insert(key, purpose);
            }
        }
    }

    /// Adds the sockets that the thread has opened. Returns whether some could not be opened.
    pub(super) fn turn(&mut self, tables: &Tables, reactor: &Reactor) -> bool {
        let mut results = Vec::new();
        self.opener.results(&mut results);
        for (wanted, opened) in results.into_iter().flatten() {
            let key = (wanted.ifindex, wanted.family, wanted.protocol);
            let (groups, vrid, buffer) = (wanted.groups.into_iter().collect(), wanted.vrid, wanted.buffer);
            let purpose = Purpose { groups, everywhere: wanted.everywhere, vrid, buffer };
            // The answer to an older request: the socket is not needed.
            if self.requested.get(&key) != Some(&purpose) {
                opened.into_iter().for_each(|socket| self.close(socket));
                continue;
            }
            self.requested.remove(&key);
            self.add(key, purpose, opened, tables, reactor);
        }
        !self.failed.is_empty()
    }

    fn add(
        &mut self,
        key: Key,
        purpose: Purpose,
        opened: io::Result<AdvertSocket>,
        tables: &Tables,
        reactor: &Reactor,
    ) {
        let registered = opened.and_then(|socket| {
            reactor.register(&socket, self.token, Interest::READABLE)?;
            Ok(socket)
        });
        match registered {
            Ok(socket) => {
                self.failed.remove(&key);
                if let Some(old) = self.open.insert(key, Pair { socket, purpose }) {
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

    /// Closes the sockets that no instance needs.
    pub(super) fn prune(&mut self, tables: &Tables, reactor: &Reactor) {
        let wanted = wanted(tables);
        let unwanted: Vec<Key> = self.open.keys().filter(|key| !wanted.contains_key(key)).copied().collect();
        self.requested.retain(|key, _| wanted.contains_key(key));
        for key in unwanted {
            if let Some(pair) = self.open.remove(&key) {
                // The kernel removes a closed descriptor anyway.
                let _ = reactor.deregister(&pair.socket);
                self.close(pair.socket);
            }
        }
    }

    fn close(&self, socket: AdvertSocket) {
        // If the queue is full, the socket is dropped and so closed here.
        let _ = self.opener.submit(vec![SocketRequest::Close(socket)]);
    }

    /// Sends an advert to all its destinations, or keeps it until its socket is open. A socket on a new link may not be
    /// requested yet.
    ///
    /// # Errors
    /// The first error; the advert is sent to the other destinations all the same.
    pub(super) fn send(&mut self, instance: InstanceId, advert: Outgoing, tables: &Tables) -> io::Result<()> {
        let key = advert.key();
        match self.open.get(&key) {
            Some(pair) => {
                self.waiting.remove(&instance);
                send(&pair.socket, &advert)
            }
            None if self.requested.contains_key(&key) || self.is_to_be_opened(&key, tables) => {
                self.waiting.insert(instance, advert);
                Ok(())
            }
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn is_to_be_opened(&self, key: &Key, tables: &Tables) -> bool {
        !self.failed.contains_key(key) && wanted(tables).contains_key(key)
    }

    /// The waiting adverts whose sockets are no longer being opened; to be sent now.
    pub(super) fn take_waiting(&mut self) -> Vec<(InstanceId, Outgoing)> {
        let waiting = std::mem::take(&mut self.waiting);
        let (waiting, ready): (BTreeMap<_, _>, BTreeMap<_, _>) =
            waiting.into_iter().partition(|(_, advert)| self.requested.contains_key(&advert.key()));
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
                    // A malformed packet, or a pending error such as ENETDOWN, which this read has cleared.
                    Err(_) => left -= 1,
                }
            }
            more |= left == 0;
        }
        more
    }
}

/// The sockets that the instances need, each with its groups.
fn wanted(tables: &Tables) -> BTreeMap<Key, Purpose> {
    let mut wanted: BTreeMap<Key, Purpose> = BTreeMap::new();
    let mut with_default = BTreeSet::new();
    for row in tables.instances.values() {
        // The event about a new VMAC may not have arrived yet.
        let Some(ifindex) = row.wire() else { continue };
        let link = tables.interfaces.get(ifindex);
        if link.is_none() && ifindex != 0 {
            continue;
        }
        let size = size(row, link.filter(|_| !row.config.is_unbound()).map_or(MTU, |link| link.mtu));
        for protocol in protocols(row) {
            let key = (ifindex, row.config.family, *protocol);
            with_default.extend(size.is_none().then_some(key));
            let purpose = wanted.entry(key).or_default();
            purpose.buffer = purpose.buffer.saturating_add(size.unwrap_or(0));
            purpose.groups.extend(row.config.unicast.is_none().then_some(row.config.group));
            purpose.everywhere |= row.config.is_unbound();
            // A VMAC belongs to one instance.
            purpose.vrid = (row.link().is_some() && row.ifindex != Some(ifindex)).then_some(row.config.vrid);
        }
    }
    for (key, purpose) in &mut wanted {
        let least = if with_default.contains(key) { ADVERT_BUFFER } else { 1 };
        purpose.buffer = purpose.buffer.max(least);
    }
    wanted
}

/// The configured receive buffer of an instance, in octets; `None`: the default of a socket.
fn size(row: &Instance, mtu: u32) -> Option<u32> {
    match row.config.buffer {
        AdvertBuffer::Default => None,
        AdvertBuffer::Octets(octets) => Some(octets),
        AdvertBuffer::Mtu(multiplier) => Some(mtu.saturating_mul(multiplier)),
        AdvertBuffer::Advert(multiplier) => {
            let octets = u32::try_from(row.advert_octets()).unwrap_or(u32::MAX);
            Some(octets.saturating_mul(multiplier))
        }
    }
}

impl Purpose {
    fn of(&self, (ifindex, family, protocol): Key, tables: &Tables) -> WantedSocket {
        let interface = tables.interfaces.name(ifindex).to_owned();
        let groups = self.groups.iter().copied().collect();
        let (everywhere, vrid, buffer) = (self.everywhere, self.vrid, self.buffer);
        WantedSocket { interface, ifindex, everywhere, family, protocol, groups, vrid, buffer }
    }
}

fn send(socket: &AdvertSocket, advert: &Outgoing) -> io::Result<()> {
    let Outgoing { source, ttl, seal, .. } = *advert;
    // The same for all peers, as the sequence number is.
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

/// IP protocols that an instance listens to: with `auth_type AH` also VRRP, to log adverts without the header.
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
