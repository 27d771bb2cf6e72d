//! One raw socket for each interface, family and IP protocol, shared by its instances.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

use crate::config::model::{Authentication, Family};
use crate::kernel::AdvertSocket;
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};
use crate::vrrp::{Event, Instance, Received, Tables, Vrrp};
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
    buffer: Vec<u8>,
    /// Interfaces whose sockets can not be opened, with the reason already told.
    failed: BTreeMap<Key, String>,
}

/// What a socket is to be for.
#[derive(Default)]
struct Wish {
    groups: BTreeSet<IpAddr>,
    /// The one virtual router, on a VMAC.
    vrid: Option<u8>,
}

struct Pair {
    socket: AdvertSocket,
    groups: BTreeSet<IpAddr>,
}

impl Sockets {
    pub(super) fn new() -> Sockets {
        Sockets { open: BTreeMap::new(), buffer: vec![0; BUFFER], failed: BTreeMap::new() }
    }

    /// Opens what the instances need. What they do not need any more stays open for their last words, until
    /// [`Sockets::prune`].
    pub(super) fn follow(&mut self, tables: &Tables, reactor: &Reactor, token: Token, log: &Log) {
        let wanted = wanted(tables);
        self.failed.retain(|key, _| wanted.contains_key(key));
        for (key, wish) in wanted {
            match self.provide(key, wish, tables, reactor, token) {
                Ok(()) => drop(self.failed.remove(&key)),
                Err(error) => {
                    let error = error.to_string();
                    if self.failed.get(&key) != Some(&error) {
                        let interface = tables.interfaces.name(key.0);
                        log.error(format_args!("Cannot open VRRP socket on {interface}: {error}; trying again"));
                        self.failed.insert(key, error);
                    }
                }
            }
        }
    }

    /// Closes what no instance needs.
    pub(super) fn prune(&mut self, tables: &Tables, reactor: &Reactor) {
        let wanted = wanted(tables);
        self.open.retain(|key, pair| {
            let keep = wanted.contains_key(key);
            if !keep {
                // The kernel forgets it with its descriptor in any case.
                let _ = reactor.deregister(&pair.socket);
            }
            keep
        });
    }

    fn provide(&mut self, key: Key, wish: Wish, tables: &Tables, reactor: &Reactor, token: Token) -> io::Result<()> {
        let (ifindex, family, protocol) = key;
        let pair = match self.open.entry(key) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => {
                let socket = AdvertSocket::open(tables.interfaces.name(ifindex), ifindex, family, protocol)?;
                if let Some(vrid) = wish.vrid {
                    socket.only_vrid(vrid)?;
                }
                reactor.register(&socket, token, Interest::READABLE)?;
                place.insert(Pair { socket, groups: BTreeSet::new() })
            }
        };
        for group in wish.groups {
            if !pair.groups.contains(&group) {
                pair.socket.join(group)?;
                pair.groups.insert(group);
            }
        }
        Ok(())
    }

    /// Whether some socket could not be opened.
    pub(super) fn incomplete(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Sends an advert to all its destinations, behind an authentication header if there is a seal. A destination that
    /// can not be reached does not keep it from the others; the first error is returned.
    pub(super) fn send(
        &self,
        ifindex: u32,
        source: IpAddr,
        ttl: u8,
        messages: &[(IpAddr, Vec<u8>)],
        seal: Option<ah::Seal>,
    ) -> io::Result<()> {
        let protocol = if seal.is_some() { ah::PROTOCOL } else { vrrp::PROTOCOL };
        let pair = self.open.get(&(ifindex, Family::of(source), protocol)).ok_or(io::ErrorKind::NotConnected)?;
        // To each peer the same, as the sequence number is.
        let id = seal.map_or(0, |_| pair.socket.next_id());
        let mut outcome = Ok(());
        for (destination, message) in messages {
            let sent = match (seal, source, *destination) {
                (None, source, destination) => pair.socket.send(source, destination, ttl, message),
                (Some(seal), IpAddr::V4(source), IpAddr::V4(destination)) => {
                    let tos = ipv4::TOS_INTERNETWORK_CONTROL;
                    let header = ipv4::Header { tos, id, ttl, protocol, source, destination };
                    pair.socket.send_v4(&header, &seal.apply(&header, message))
                }
                _ => Err(io::ErrorKind::InvalidInput.into()),
            };
            outcome = outcome.and(sent);
        }
        outcome
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

/// What an instance listens to: with `auth_type AH` also adverts without the header, to complain about them.
fn protocols(row: &Instance) -> &'static [u8] {
    match row.config.authentication {
        Some(Authentication::Ah(_)) => &[vrrp::PROTOCOL, ah::PROTOCOL],
        _ => &[vrrp::PROTOCOL],
    }
}
