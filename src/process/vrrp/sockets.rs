//! One raw socket pair per (interface, family), shared by its instances.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

use crate::config::model::Family;
use crate::kernel::AdvertSocket;
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};
use crate::vrrp::{Event, Received, Tables, Vrrp};
use crate::wire::vrrp::PROTOCOL;

/// Packets taken from one socket before the others and the timers have their turn.
const BUDGET: usize = 512;
/// Largest IP packet.
const BUFFER: usize = 65536;
/// TTL and hop limit of multicast adverts.
const TTL: u8 = 255;

/// The open sockets.
pub(super) struct Sockets {
    open: BTreeMap<(u32, Family), Pair>,
    buffer: Vec<u8>,
    /// Interfaces whose sockets can not be opened, with the reason already told.
    failed: BTreeMap<(u32, Family), String>,
}

struct Pair {
    socket: AdvertSocket,
    groups: BTreeSet<IpAddr>,
}

impl Sockets {
    pub(super) fn new() -> Sockets {
        Sockets { open: BTreeMap::new(), buffer: vec![0; BUFFER], failed: BTreeMap::new() }
    }

    /// Opens what the instances need and closes what they do not.
    pub(super) fn follow(&mut self, tables: &Tables, reactor: &Reactor, token: Token, log: &Log) {
        let mut wanted: BTreeMap<(u32, Family), BTreeSet<IpAddr>> = BTreeMap::new();
        for row in tables.instances.values() {
            if let Some(ifindex) = row.ifindex {
                wanted.entry((ifindex, row.config.family)).or_default().insert(row.config.group);
            }
        }
        self.open.retain(|key, pair| {
            let keep = wanted.contains_key(key);
            if !keep {
                // The kernel forgets it with its descriptor in any case.
                let _ = reactor.deregister(&pair.socket);
            }
            keep
        });
        self.failed.retain(|key, _| wanted.contains_key(key));
        for (key, groups) in wanted {
            match self.provide(key, groups, tables, reactor, token) {
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

    fn provide(
        &mut self,
        key: (u32, Family),
        groups: BTreeSet<IpAddr>,
        tables: &Tables,
        reactor: &Reactor,
        token: Token,
    ) -> io::Result<()> {
        let (ifindex, _) = key;
        if !self.open.contains_key(&key)
            && let Some(first) = groups.first()
        {
            let socket = AdvertSocket::open(tables.interfaces.name(ifindex), ifindex, *first, PROTOCOL)?;
            reactor.register(&socket, token, Interest::READABLE)?;
            self.open.insert(key, Pair { socket, groups: BTreeSet::from([*first]) });
        }
        if let Some(pair) = self.open.get_mut(&key) {
            for group in groups {
                if !pair.groups.contains(&group) {
                    pair.socket.join(group)?;
                    pair.groups.insert(group);
                }
            }
        }
        Ok(())
    }

    /// Whether some socket could not be opened.
    pub(super) fn incomplete(&self) -> bool {
        !self.failed.is_empty()
    }

    pub(super) fn send(&self, ifindex: u32, source: IpAddr, destination: IpAddr, payload: &[u8]) -> io::Result<()> {
        match self.open.get(&(ifindex, Family::of(destination))) {
            Some(pair) => pair.socket.send(source, destination, TTL, payload),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Hands all received packets to the machines; returns whether there may be more.
    pub(super) fn receive(&mut self, vrrp: &mut Vrrp, now: std::time::Duration) -> bool {
        let mut more = false;
        for ((ifindex, _), pair) in &self.open {
            let mut left = BUDGET;
            while left > 0 {
                match pair.socket.receive(&mut self.buffer) {
                    Ok(Some(packet)) => {
                        let (source, destination, ttl) = (packet.source, packet.destination, packet.ttl);
                        let received =
                            Received { ifindex: *ifindex, source, destination, ttl, payload: packet.payload };
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
