//! `-a`: logs each address that the kernel adds or removes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::kernel::{Addr, KernelEvent, Link};
use crate::notify::log::{Level, Log};

/// Interface index, address and prefix length.
type Key = (u32, IpAddr, u8);

/// The current addresses and the names of their interfaces.
pub(super) struct AddressLog {
    log: Log,
    names: BTreeMap<u32, String>,
    addresses: BTreeSet<Key>,
}

impl AddressLog {
    pub(super) fn new(log: Log) -> AddressLog {
        AddressLog { log, names: BTreeMap::new(), addresses: BTreeSet::new() }
    }

    /// Logs the addresses that an event adds or removes.
    pub(super) fn record(&mut self, event: &KernelEvent) {
        match event {
            KernelEvent::Link(link) => self.name(link),
            KernelEvent::LinkGone { index, .. } => {
                let gone: Vec<_> = self.addresses.iter().filter(|(of, ..)| of == index).copied().collect();
                gone.into_iter().for_each(|key| self.remove(key));
                self.names.remove(index);
            }
            KernelEvent::Address(address) => self.add(key(address)),
            KernelEvent::AddressGone(address) => self.remove(key(address)),
            KernelEvent::Snapshot(snapshot) => {
                snapshot.links.iter().for_each(|link| self.name(link));
                let there: BTreeSet<_> = snapshot.addresses.iter().map(key).collect();
                let gone: Vec<_> = self.addresses.difference(&there).copied().collect();
                gone.into_iter().for_each(|key| self.remove(key));
                snapshot.addresses.iter().for_each(|address| self.add(key(address)));
            }
            _ => {}
        }
    }

    fn name(&mut self, link: &Link) {
        self.names.insert(link.index, link.name.clone());
    }

    fn add(&mut self, key: Key) {
        if self.addresses.insert(key) {
            self.log(key, "added to");
        }
    }

    fn remove(&mut self, key: Key) {
        if self.addresses.remove(&key) {
            self.log(key, "removed from");
        }
    }

    fn log(&self, (index, ip, _): Key, change: &str) {
        let unknown = || format!("interface {index}");
        let name = self.names.get(&index).cloned().unwrap_or_else(unknown);
        self.log.write(Level::Info, format_args!("Netlink reflector reports IP {ip} {change} {name}"));
    }
}

fn key(address: &Addr) -> Key {
    (address.ifindex, address.ip, address.prefix)
}
