//! Links and their addresses, as the kernel reflects them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::event::KernelAddress;
use super::vmac::Macvlan;
use crate::config::model::Family;

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Kernel index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Up and running.
    pub up: bool,
    /// Flagged NOARP: no gratuitous ARP is sent on it.
    pub noarp: bool,
    /// Largest packet in octets.
    pub mtu: u32,
    /// Ethernet address.
    pub mac: Option<[u8; 6]>,
    /// That it is a macvlan.
    pub macvlan: Option<Macvlan>,
    /// Its addresses.
    pub addresses: Addresses,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// Prefix length.
    pub prefix: u8,
    /// False while duplicate address detection runs or after it failed.
    pub usable: bool,
}

/// Addresses in the kernel's order, found by value: a takeover may bring thousands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    in_order: BTreeMap<u64, InterfaceAddress>,
    by_value: HashMap<(IpAddr, u8), u64>,
    next: u64,
}

impl Addresses {
    /// Adds an address at the end, or changes a known one in its place.
    pub fn add(&mut self, address: InterfaceAddress) {
        let place = *self.by_value.entry((address.ip, address.prefix)).or_insert(self.next);
        self.next += u64::from(place == self.next);
        self.in_order.insert(place, address);
    }

    /// Forgets an address.
    pub fn remove(&mut self, ip: IpAddr, prefix: u8) {
        if let Some(place) = self.by_value.remove(&(ip, prefix)) {
            self.in_order.remove(&place);
        }
    }

    /// Whether the address is there.
    pub fn contains(&self, ip: IpAddr, prefix: u8) -> bool {
        self.by_value.contains_key(&(ip, prefix))
    }

    /// All of them, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = &InterfaceAddress> + Clone {
        self.in_order.values()
    }
}

impl FromIterator<InterfaceAddress> for Addresses {
    fn from_iter<I: IntoIterator<Item = InterfaceAddress>>(addresses: I) -> Addresses {
        let mut all = Addresses::default();
        addresses.into_iter().for_each(|address| all.add(address));
        all
    }
}

/// All interfaces by index.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    by_index: BTreeMap<u32, Interface>,
}

impl Interfaces {
    /// The interface of an index.
    pub fn get(&self, index: u32) -> Option<&Interface> {
        self.by_index.get(&index)
    }

    /// The interface of a name.
    pub fn named(&self, name: &str) -> Option<&Interface> {
        self.by_index.values().find(|link| link.name == name)
    }

    /// The name of an index, `?` when it is gone.
    pub fn name(&self, index: u32) -> &str {
        self.get(index).map_or("?", |link| &link.name)
    }

    /// All interfaces by ascending index.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.by_index.values()
    }

    /// Takes over what the kernel has.
    pub fn replace(&mut self, links: Vec<Interface>) {
        self.by_index = links.into_iter().map(|link| (link.index, link)).collect();
    }

    /// Adds or changes a link; known addresses stay.
    pub fn set_link(&mut self, mut link: Interface) {
        if let Some(old) = self.by_index.get_mut(&link.index) {
            link.addresses = std::mem::take(&mut old.addresses);
        }
        self.by_index.insert(link.index, link);
    }

    /// Forgets a link.
    pub fn remove_link(&mut self, index: u32) {
        self.by_index.remove(&index);
    }

    /// Adds or changes an address.
    pub fn add(&mut self, address: KernelAddress) {
        let Some(link) = self.by_index.get_mut(&address.ifindex) else { return };
        link.addresses.add(InterfaceAddress { ip: address.ip, prefix: address.prefix, usable: address.usable });
    }

    /// Forgets an address.
    pub fn remove(&mut self, address: KernelAddress) {
        if let Some(link) = self.by_index.get_mut(&address.ifindex) {
            link.addresses.remove(address.ip, address.prefix);
        }
    }
}

impl Interface {
    /// The address to send adverts to these `destinations` from: the first IPv4 address or the first usable IPv6
    /// link-local one, one that is not virtual if there is any (an address owner may have no other). To global IPv6
    /// unicast peers a global one, which may be routed.
    pub fn source(
        &self,
        family: Family,
        destinations: &[IpAddr],
        is_virtual: impl Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let global = destinations.iter().any(|ip| !ip.is_multicast() && !is_link_local(*ip));
        let usable = |known: &&InterfaceAddress| match known.ip {
            IpAddr::V4(_) => family == Family::V4,
            IpAddr::V6(_) => family == Family::V6 && known.usable && is_link_local(known.ip) != global,
        };
        let mut candidates = self.addresses.iter().filter(usable).map(|known| known.ip);
        candidates.clone().find(|ip| !is_virtual(*ip)).or_else(|| candidates.next())
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(addresses: &[(&str, bool)]) -> Interface {
        let addresses = addresses
            .iter()
            .map(|(ip, usable)| InterfaceAddress { ip: ip.parse().unwrap(), prefix: 24, usable: *usable })
            .collect();
        Interface { index: 2, name: "eth0".into(), up: true, addresses, ..Interface::default() }
    }

    #[test]
    fn source_is_the_first_address_that_is_not_virtual() {
        let link = link(&[("10.0.0.100", true), ("10.0.0.1", true), ("fe80::9", false), ("fe80::1", true)]);
        let vip: IpAddr = "10.0.0.100".parse().unwrap();
        let to = |ip: &str| [ip.parse().unwrap()];
        assert_eq!(link.source(Family::V4, &to("224.0.0.18"), |ip| ip == vip), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(link.source(Family::V6, &to("ff02::12"), |_| false), Some("fe80::1".parse().unwrap()));
    }

    #[test]
    fn global_peers_are_sent_to_from_a_global_address() {
        let link = link(&[("fe80::1", true), ("fd00::9", false), ("fd00::1", true)]);
        let source = |peer: &str| link.source(Family::V6, &[peer.parse().unwrap()], |_| false);
        assert_eq!(source("fd00::2"), Some("fd00::1".parse().unwrap()));
        assert_eq!(source("fe80::2"), Some("fe80::1".parse().unwrap()));
    }

    #[test]
    fn an_owner_sends_from_its_virtual_address() {
        let link = link(&[("10.0.0.100", true)]);
        assert_eq!(
            link.source(Family::V4, &["224.0.0.18".parse().unwrap()], |_| true),
            Some("10.0.0.100".parse().unwrap())
        );
    }
}
