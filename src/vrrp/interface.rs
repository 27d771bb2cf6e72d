//! The interface table: links and their addresses, as reported by the kernel.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::config::model::{Family, IpvlanMode, network};

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Kernel index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Up and running.
    pub up: bool,
    /// It was up since the daemon knows it.
    pub seen_up: bool,
    /// Its flags in the kernel's last message (`IFF_*`).
    pub flags: u32,
    /// Type of the hardware (`ARPHRD_*`).
    pub hardware: u16,
    /// Flagged NOARP: no gratuitous ARP is sent on it.
    pub noarp: bool,
    /// MTU in octets.
    pub mtu: u32,
    /// Ethernet address.
    pub mac: Option<[u8; 6]>,
    /// Ethernet broadcast address.
    pub broadcast: Option<[u8; 6]>,
    /// Table of a VRF; `None` for other interfaces.
    pub vrf_table: Option<u32>,
    /// Number of its interface group.
    pub group: u32,
    /// Properties of a macvlan or ipvlan; `None` for other interfaces.
    pub upper: Option<Upper>,
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
    /// Marked by the kernel as set by keepalived (`IFA_PROTO`).
    pub marked: bool,
}

/// Properties of a link over another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upper {
    /// Index of the lower interface.
    pub base: Option<u32>,
    /// Its kind.
    pub kind: UpperKind,
}

/// Kind of a link over another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpperKind {
    /// A macvlan.
    Macvlan {
        /// Whether the mode is `private`.
        private: bool,
    },
    /// An ipvlan with its mode; `None` for those of layer 3.
    Ipvlan(Option<IpvlanMode>),
}

impl Interface {
    /// Whether it is a macvlan.
    pub fn is_macvlan(&self) -> bool {
        self.upper.is_some_and(|upper| matches!(upper.kind, UpperKind::Macvlan { .. }))
    }
}

/// An address as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelAddress {
    /// Interface that carries it.
    pub ifindex: u32,
    /// The (local) address.
    pub ip: IpAddr,
    /// Prefix length.
    pub prefix: u8,
    /// False while duplicate address detection runs or after it failed.
    pub usable: bool,
    /// Marked by the kernel as set by keepalived (`IFA_PROTO`).
    pub marked: bool,
}

/// Addresses of an interface in the kernel's order, with look-up by value, since there may be thousands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    in_order: BTreeMap<u64, InterfaceAddress>,
    by_value: HashMap<(IpAddr, u8), u64>,
    /// Positions of the addresses of each network.
    by_network: HashMap<(IpAddr, u8), BTreeSet<u64>>,
    next: u64,
}

impl Addresses {
    /// Appends an address, or updates a known address in place.
    pub fn add(&mut self, address: InterfaceAddress) {
        let place = *self.by_value.entry((address.ip, address.prefix)).or_insert(self.next);
        self.next += u64::from(place == self.next);
        self.in_order.insert(place, address);
        self.by_network.entry(network((address.ip, address.prefix))).or_default().insert(place);
    }

    /// Removes an address.
    pub fn remove(&mut self, ip: IpAddr, prefix: u8) {
        let Some(place) = self.by_value.remove(&(ip, prefix)) else { return };
        self.in_order.remove(&place);
        let network = network((ip, prefix));
        if let Some(places) = self.by_network.get_mut(&network) {
            places.remove(&place);
            if places.is_empty() {
                self.by_network.remove(&network);
            }
        }
    }

    /// The longest prefix length of a network that an address is in, if any.
    pub fn length_to(&self, ip: IpAddr) -> Option<u8> {
        let all = self.by_network.len();
        let longest = if ip.is_ipv4() { 32u8 } else { 128 };
        if all <= usize::from(longest) {
            let covering = self.by_network.keys().filter(|(first, length)| network((ip, *length)) == (*first, *length));
            return covering.filter(|(first, _)| first.is_ipv4() == ip.is_ipv4()).map(|(_, length)| *length).max();
        }
        (0..=longest).rev().find(|length| self.by_network.contains_key(&network((ip, *length))))
    }

    /// Whether the address is set.
    pub fn contains(&self, ip: IpAddr, prefix: u8) -> bool {
        self.by_value.contains_key(&(ip, prefix))
    }

    /// Returns an address with its flags.
    pub fn get(&self, ip: IpAddr, prefix: u8) -> Option<&InterfaceAddress> {
        self.in_order.get(self.by_value.get(&(ip, prefix))?)
    }

    /// Addresses of the same network that were set after this address. If it is primary, they are its secondaries.
    pub fn later_in_network(&self, ip: IpAddr, prefix: u8) -> impl Iterator<Item = &InterfaceAddress> {
        let place = self.by_value.get(&(ip, prefix)).copied();
        let places = self.by_network.get(&network((ip, prefix)));
        let later = place.zip(places).into_iter().flat_map(|(place, places)| places.range(place + 1..));
        later.filter_map(|place| self.in_order.get(place))
    }

    /// All addresses in the kernel's order.
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

/// All interfaces, with look-up by index, name and address.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    by_index: BTreeMap<u32, Interface>,
    by_name: HashMap<String, u32>,
    /// Interfaces that have an address, with its prefix length.
    by_address: HashMap<IpAddr, BTreeSet<(u32, u8)>>,
}

impl Interfaces {
    /// Returns the interface with an index.
    pub fn get(&self, index: u32) -> Option<&Interface> {
        self.by_index.get(&index)
    }

    /// Returns the interface with a name.
    pub fn named(&self, name: &str) -> Option<&Interface> {
        self.get(*self.by_name.get(name)?)
    }

    /// The name of the interface with an index, `?` when there is none. 0 stands for all interfaces.
    pub fn name(&self, index: u32) -> &str {
        if index == 0 {
            return "any interface";
        }
        self.get(index).map_or("?", |link| &link.name)
    }

    /// All interfaces by ascending index.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.by_index.values()
    }

    /// The interfaces on which an address is set, including loopback.
    pub fn carriers(&self, ip: IpAddr) -> impl Iterator<Item = (&Interface, &InterfaceAddress)> {
        let places = self.by_address.get(&ip).into_iter().flatten();
        places.filter_map(move |(index, prefix)| {
            let link = self.get(*index)?;
            Some((link, link.addresses.get(ip, *prefix)?))
        })
    }

    /// Replaces all interfaces.
    pub fn replace(&mut self, links: Vec<Interface>) {
        let before = std::mem::take(self);
        for mut link in links {
            link.seen_up = link.up || before.by_index.get(&link.index).is_some_and(|old| old.seen_up);
            for address in link.addresses.iter() {
                self.by_address.entry(address.ip).or_default().insert((link.index, address.prefix));
            }
            self.by_name.insert(link.name.clone(), link.index);
            self.by_index.insert(link.index, link);
        }
    }

    /// Adds or changes a link; the addresses of a known link are kept.
    pub fn set_link(&mut self, mut link: Interface) {
        link.seen_up = link.up;
        if let Some(old) = self.by_index.get_mut(&link.index) {
            link.seen_up |= old.seen_up;
            link.addresses = std::mem::take(&mut old.addresses);
            let old_name = std::mem::take(&mut old.name);
            self.forget_name(&old_name, link.index);
        }
        self.by_name.insert(link.name.clone(), link.index);
        self.by_index.insert(link.index, link);
    }

    /// Removes a link with its addresses.
    pub fn remove_link(&mut self, index: u32) {
        let Some(link) = self.by_index.remove(&index) else { return };
        self.forget_name(&link.name, index);
        for address in link.addresses.iter() {
            self.forget_carrier(address.ip, index, address.prefix);
        }
    }

    /// Adds or changes an address.
    pub fn add(&mut self, address: KernelAddress) {
        let KernelAddress { ifindex, ip, prefix, usable, marked } = address;
        let Some(link) = self.by_index.get_mut(&ifindex) else { return };
        link.addresses.add(InterfaceAddress { ip, prefix, usable, marked });
        self.by_address.entry(ip).or_default().insert((ifindex, prefix));
    }

    /// Removes an address.
    pub fn remove(&mut self, ifindex: u32, ip: IpAddr, prefix: u8) {
        if let Some(link) = self.by_index.get_mut(&ifindex) {
            link.addresses.remove(ip, prefix);
        }
        self.forget_carrier(ip, ifindex, prefix);
    }

    /// Removes a name, unless another link has it already.
    fn forget_name(&mut self, name: &str, index: u32) {
        if self.by_name.get(name) == Some(&index) {
            self.by_name.remove(name);
        }
    }

    fn forget_carrier(&mut self, ip: IpAddr, index: u32, prefix: u8) {
        if let Some(places) = self.by_address.get_mut(&ip) {
            places.remove(&(index, prefix));
            if places.is_empty() {
                self.by_address.remove(&ip);
            }
        }
    }
}

/// Role of an interface's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressRole {
    /// An address of the host.
    Host,
    /// An address of the host that is also configured as a virtual address: that of an address owner.
    HostAndVirtual,
    /// A virtual address that keepalived has set. It is no source address, since it is removed with the state.
    Ours,
}

impl Interface {
    /// The source address for adverts to these `destinations`: the host's first IPv4 address, or its first usable IPv6
    /// link-local address; for global IPv6 unicast peers, its first usable global address. Virtual addresses of an
    /// address owner are only used if there is no other address.
    pub fn source(
        &self,
        family: Family,
        destinations: &[IpAddr],
        role_of: impl Fn(&InterfaceAddress) -> AddressRole,
    ) -> Option<IpAddr> {
        let global = destinations.iter().any(|ip| !ip.is_multicast() && !is_link_local(*ip));
        let mut owned = None;
        for known in self.addresses.iter() {
            let fits = match known.ip {
                IpAddr::V4(_) => family == Family::V4,
                IpAddr::V6(_) => family == Family::V6 && known.usable && is_link_local(known.ip) != global,
            };
            match fits.then(|| role_of(known)) {
                Some(AddressRole::Host) => return Some(known.ip),
                Some(AddressRole::HostAndVirtual) => owned = owned.or(Some(known.ip)),
                Some(AddressRole::Ours) | None => {}
            }
        }
        owned
    }
}

pub(super) fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(addresses: &[(&str, bool)]) -> Interface {
        let addresses = addresses
            .iter()
            .map(|(ip, usable)| InterfaceAddress {
                ip: ip.parse().unwrap(),
                prefix: 24,
                usable: *usable,
                marked: false,
            })
            .collect();
        Interface { index: 2, name: "eth0".into(), up: true, addresses, ..Interface::default() }
    }

    fn to(ip: &str) -> [IpAddr; 1] {
        [ip.parse().unwrap()]
    }

    #[test]
    fn the_source_is_the_first_address_that_is_not_virtual() {
        let link = link(&[("10.0.0.100", true), ("10.0.0.1", true), ("fe80::9", false), ("fe80::1", true)]);
        let vip: IpAddr = "10.0.0.100".parse().unwrap();
        let role_of =
            |known: &InterfaceAddress| if known.ip == vip { AddressRole::HostAndVirtual } else { AddressRole::Host };
        assert_eq!(link.source(Family::V4, &to("224.0.0.18"), role_of), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(link.source(Family::V6, &to("ff02::12"), |_| AddressRole::Host), Some("fe80::1".parse().unwrap()));
    }

    #[test]
    fn the_source_for_global_peers_is_a_global_address() {
        let link = link(&[("fe80::1", true), ("fd00::9", false), ("fd00::1", true)]);
        let source = |peer: &str| link.source(Family::V6, &to(peer), |_| AddressRole::Host);
        assert_eq!(source("fd00::2"), Some("fd00::1".parse().unwrap()));
        assert_eq!(source("fe80::2"), Some("fe80::1".parse().unwrap()));
    }

    #[test]
    fn an_owner_sends_from_its_virtual_address_unless_keepalived_has_set_it() {
        let link = link(&[("10.0.0.100", true)]);
        let source = |kind| link.source(Family::V4, &to("224.0.0.18"), |_| kind);
        assert_eq!(source(AddressRole::HostAndVirtual), Some("10.0.0.100".parse().unwrap()));
        assert_eq!(source(AddressRole::Ours), None);
    }

    #[test]
    fn secondaries_are_the_later_addresses_of_the_network() {
        let mut link = link(&[("10.0.0.9", true), ("10.0.1.1", true), ("10.0.0.1", true)]);
        let later = |link: &Interface, ip: &str| -> Vec<String> {
            link.addresses.later_in_network(ip.parse().unwrap(), 24).map(|known| known.ip.to_string()).collect()
        };
        assert_eq!(later(&link, "10.0.0.9"), ["10.0.0.1"]);
        assert!(later(&link, "10.0.0.1").is_empty());
        link.addresses.remove("10.0.0.1".parse().unwrap(), 24);
        assert!(later(&link, "10.0.0.9").is_empty());
    }

    #[test]
    fn interfaces_are_found_by_name_and_address() {
        let mut all = Interfaces::default();
        all.set_link(link(&[]));
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        all.add(KernelAddress { ifindex: 2, ip, prefix: 24, usable: true, marked: false });
        all.set_link(Interface { index: 2, name: "lan0".into(), ..Interface::default() });
        assert!(all.named("eth0").is_none());
        // Another link gets the name before the removal of the first link is reported.
        all.set_link(Interface { index: 3, name: "lan0".into(), ..Interface::default() });
        assert_eq!(all.carriers(ip).map(|(link, _)| link.index).collect::<Vec<_>>(), [2]);
        all.remove_link(2);
        assert_eq!(all.named("lan0").map(|link| link.index), Some(3));
        assert_eq!(all.carriers(ip).count(), 0);
    }
}
