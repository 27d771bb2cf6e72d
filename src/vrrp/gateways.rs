//! The interfaces through which the gateways of routes without `dev` are reached.
//!
//! An interface reaches a gateway if an address of it has the gateway in its network; the longest prefix counts. An interface
//! that is set down loses its IPv6 addresses, and a backup has no virtual address: so a gateway that no interface reaches any
//! more keeps the last ones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::ids::InstanceId;
use super::interface::{Interface, Interfaces};
use super::rows::Instance;
use crate::config::model::network;

/// The gateways of all tracked routes.
#[derive(Debug, Default)]
pub struct Gateways {
    by_ip: BTreeMap<IpAddr, Gateway>,
    /// All interfaces that reach a gateway.
    links: BTreeSet<u32>,
}

/// A gateway.
#[derive(Debug, Default)]
struct Gateway {
    /// Instances with routes through it.
    users: BTreeSet<InstanceId>,
    /// Prefix length of the networks by which the interfaces reach it.
    length: u8,
    /// Index and name of the interfaces.
    links: BTreeMap<u32, String>,
    /// No interface reaches it now.
    lost: bool,
}

impl Gateways {
    /// Takes the gateways of these instances, with what is known of them, and looks for interfaces.
    pub(super) fn follow<'i>(
        &mut self,
        instances: impl Iterator<Item = (InstanceId, &'i Instance)>,
        interfaces: &Interfaces,
    ) {
        let mut before = std::mem::take(&mut self.by_ip);
        for (id, row) in instances {
            for ip in row.config.gateways() {
                let known = self.by_ip.entry(ip).or_insert_with(|| {
                    let former = before.remove(&ip).unwrap_or_default();
                    Gateway { users: BTreeSet::new(), ..former }
                });
                known.users.insert(id);
            }
        }
        self.by_ip.iter_mut().for_each(|(ip, gateway)| gateway.find(*ip, interfaces));
        self.note_links();
    }

    /// The interfaces through which a gateway is reached, or was last: index, and name at that time.
    pub(super) fn links_to(&self, ip: IpAddr) -> impl Iterator<Item = (u32, &str)> {
        let links = self.by_ip.get(&ip).map(|gateway| &gateway.links);
        links.into_iter().flatten().map(|(index, name)| (*index, name.as_str()))
    }

    /// The instances with gateways behind an interface.
    pub(super) fn users_of_link(&self, index: u32) -> BTreeSet<InstanceId> {
        if !self.links.contains(&index) {
            return BTreeSet::new();
        }
        let behind = self.by_ip.values().filter(|gateway| gateway.links.contains_key(&index));
        behind.flat_map(|gateway| &gateway.users).copied().collect()
    }

    /// Handles an address that was set on or removed from an interface. Returns the instances that may be concerned.
    pub(super) fn address_changed(&mut self, ip: IpAddr, prefix: u8, interfaces: &Interfaces) -> BTreeSet<InstanceId> {
        let mut concerned = BTreeSet::new();
        for (ip, gateway) in self.by_ip.range_mut(range((ip, prefix))) {
            // Virtual addresses are in the networks of addresses that stay.
            if gateway.lost || prefix >= gateway.length {
                gateway.find(*ip, interfaces);
                concerned.extend(gateway.users.iter().copied());
            }
        }
        if !concerned.is_empty() {
            self.note_links();
        }
        concerned
    }

    /// Handles an interface that was renamed or removed.
    pub(super) fn link_changed(&mut self, index: u32, interfaces: &Interfaces) {
        if !self.links.contains(&index) {
            return;
        }
        self.by_ip.iter_mut().for_each(|(ip, gateway)| gateway.find(*ip, interfaces));
        self.note_links();
    }

    fn note_links(&mut self) {
        self.links = self.by_ip.values().flat_map(|gateway| gateway.links.keys()).copied().collect();
    }
}

impl Gateway {
    fn find(&mut self, ip: IpAddr, interfaces: &Interfaces) {
        let reach = |link: &Interface| link.addresses.length_to(ip);
        let Some(length) = interfaces.iter().filter_map(reach).max() else {
            self.lost = true;
            return;
        };
        let links = interfaces.iter().filter(|link| reach(link) == Some(length));
        let links = links.map(|link| (link.index, link.name.clone())).collect();
        *self = Gateway { users: std::mem::take(&mut self.users), length, links, lost: false };
    }
}

/// All addresses of a network.
fn range(of: (IpAddr, u8)) -> std::ops::RangeInclusive<IpAddr> {
    let (first, length) = network(of);
    let last = match first {
        IpAddr::V4(ip) => IpAddr::V4((u32::from(ip) | u32::MAX.checked_shr(length.into()).unwrap_or(0)).into()),
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) | u128::MAX.checked_shr(length.into()).unwrap_or(0)).into()),
    };
    first..=last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_all_addresses_of_the_network() {
        let ends = |ip: &str, length| {
            let range = range((ip.parse().unwrap(), length));
            (range.start().to_string(), range.end().to_string())
        };
        assert_eq!(ends("10.0.0.9", 24), ("10.0.0.0".into(), "10.0.0.255".into()));
        assert_eq!(ends("10.0.0.9", 32), ("10.0.0.9".into(), "10.0.0.9".into()));
        assert_eq!(ends("10.0.0.9", 0), ("0.0.0.0".into(), "255.255.255.255".into()));
        assert_eq!(ends("fd00::1", 64), ("fd00::".into(), "fd00::ffff:ffff:ffff:ffff".into()));
    }
}
