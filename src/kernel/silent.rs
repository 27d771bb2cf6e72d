//! IPv4 routes that the kernel removes without a notification: those of an interface that goes down or loses its last
//! address, and those whose preferred source address is removed. (It reports the same for IPv6.)

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::event::{KernelEvent, Snapshot};
use super::tables::{Addr, AddrKey};

/// The rows on which IPv4 routes depend.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// A snapshot was complete; before, every loss may concern a route.
    known: bool,
    /// Interfaces that are up.
    up: BTreeSet<u32>,
    /// IPv4 addresses.
    addresses: BTreeSet<AddrKey>,
    /// Preferred source addresses of routes.
    sources: BTreeSet<IpAddr>,
}

impl Dependencies {
    /// Takes the rows of a snapshot.
    pub(super) fn take(&mut self, snapshot: &Snapshot) {
        *self = Dependencies {
            known: true,
            up: snapshot.links.iter().filter(|link| link.admin_up).map(|link| link.index).collect(),
            addresses: snapshot.addresses.iter().filter(|address| address.ip.is_ipv4()).map(Addr::key).collect(),
            sources: snapshot.routes.iter().filter_map(|route| route.source).collect(),
        };
    }

    /// Takes a notification; returns whether routes may have been removed with it.
    pub(super) fn lose(&mut self, event: &KernelEvent) -> bool {
        match event {
            KernelEvent::Link(link) if link.admin_up => {
                self.up.insert(link.index);
                false
            }
            KernelEvent::Link(link) => self.up.remove(&link.index) || !self.known,
            KernelEvent::LinkGone { index, .. } => self.up.remove(index) || !self.known,
            KernelEvent::Address(address) if address.ip.is_ipv4() => {
                self.addresses.insert(address.key());
                false
            }
            KernelEvent::AddressGone(address) if address.ip.is_ipv4() => {
                self.addresses.remove(&address.key());
                self.sources.contains(&address.ip) || !self.has_address(address.ifindex) || !self.known
            }
            KernelEvent::Route { route, .. } => {
                self.sources.extend(route.source);
                false
            }
            _ => false,
        }
    }

    fn has_address(&self, ifindex: u32) -> bool {
        let first = (ifindex, IpAddr::from([0; 4]), 0, None);
        self.addresses.range(first..).next().is_some_and(|key| key.0 == ifindex)
    }
}
