//! IPv4 routes that the kernel removes without a notification: those of an interface that goes down or loses its last
//! address, and those whose preferred source address is removed. (It reports the same for IPv6.)

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::event::{KernelEvent, Snapshot};
use super::tables::{Addr, AddrKey};
use crate::vrrp::HostRoute;

/// The rows on which IPv4 routes depend.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    /// A snapshot was complete; before, every loss may concern a route.
    known: bool,
    /// Interfaces that are up.
    up: BTreeSet<u32>,
    /// IPv4 addresses.
    addresses: BTreeSet<AddrKey>,
    /// Preferred source addresses of the watched routes.
    sources: BTreeSet<IpAddr>,
    /// Interfaces that the watched routes lead through. Changes of all others, of which there may be thousands, cost nothing.
    through: BTreeSet<u32>,
}

impl Dependencies {
    /// Takes the rows of a snapshot.
    pub(super) fn take(&mut self, snapshot: &Snapshot) {
        *self = Dependencies {
            known: true,
            up: snapshot.links.iter().filter(|link| link.admin_up).map(|link| link.index).collect(),
            addresses: snapshot.addresses.iter().filter(|address| address.ip.is_ipv4()).map(Addr::key).collect(),
            sources: snapshot.routes.iter().filter_map(|route| route.source).collect(),
            through: snapshot.routes.iter().flat_map(interfaces).collect(),
        };
    }

    /// Takes a notification; returns whether routes may have been removed with it.
    pub(super) fn lose(&mut self, event: &KernelEvent) -> bool {
        match event {
            KernelEvent::Link(link) if link.admin_up => {
                self.up.insert(link.index);
                false
            }
            KernelEvent::Link(link) => self.loses(link.index),
            KernelEvent::LinkGone { index, .. } => self.loses(*index),
            KernelEvent::Address(address) if address.ip.is_ipv4() => {
                self.addresses.insert(address.key());
                false
            }
            KernelEvent::AddressGone(address) if address.ip.is_ipv4() => {
                self.addresses.remove(&address.key());
                let is_last = !self.has_address(address.ifindex) && self.through.contains(&address.ifindex);
                self.sources.contains(&address.ip) || is_last || !self.known
            }
            KernelEvent::Route { route, .. } => {
                self.sources.extend(route.source);
                self.through.extend(interfaces(route));
                false
            }
            _ => false,
        }
    }

    /// Takes a link that is down or gone.
    fn loses(&mut self, index: u32) -> bool {
        (self.up.remove(&index) && self.through.contains(&index)) || !self.known
    }

    fn has_address(&self, ifindex: u32) -> bool {
        let first = (ifindex, IpAddr::from([0; 4]), 0, None);
        self.addresses.range(first..).next().is_some_and(|key| key.0 == ifindex)
    }
}
/// Indices of the interfaces of a route.
fn interfaces(route: &HostRoute) -> impl Iterator<Item = u32> {
    route.hops.iter().map(|hop| hop.ifindex)
}
