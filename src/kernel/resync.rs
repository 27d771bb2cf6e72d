//! A dump of links and addresses, corrected by what is heard while it is under way.

use std::collections::BTreeMap;

use super::event::{KernelEvent, Snapshot};
use super::tables::{Addr, AddrKey, Link};

/// A dump under way and the notifications heard since it was asked for.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// Links, in the kernel's order.
    pub(super) links: Vec<Link>,
    /// Addresses, in the kernel's order.
    pub(super) addresses: Vec<Addr>,
    /// The tables changed under the dump: rows may be missing.
    pub(super) interrupted: bool,
    later_links: Later<u32, Link>,
    later_addresses: Later<AddrKey, Addr>,
}

impl Dump {
    /// Notes a notification.
    pub(super) fn heard(&mut self, event: &KernelEvent) {
        match event {
            KernelEvent::Link(link) => self.later_links.put(link.index, Some(link.clone())),
            KernelEvent::LinkGone { index, .. } => self.later_links.put(*index, None),
            KernelEvent::Address(addr) => self.later_addresses.put(addr.key(), Some(addr.clone())),
            KernelEvent::AddressGone(addr) => self.later_addresses.put(addr.key(), None),
            KernelEvent::Snapshot(_) => {}
        }
    }

    /// What is so now: the last notification of a row counts, whatever the dump saw of it.
    pub(super) fn finish(self) -> Snapshot {
        Snapshot {
            links: self.later_links.apply(self.links, |link| link.index),
            addresses: self.later_addresses.apply(self.addresses, Addr::key),
        }
    }
}

/// The last that was heard of each row, with the order of hearing; `None` = gone.
#[derive(Debug)]
struct Later<K, R> {
    last: BTreeMap<K, (u64, Option<R>)>,
    heard: u64,
}

impl<K, R> Default for Later<K, R> {
    fn default() -> Self {
        Later { last: BTreeMap::new(), heard: 0 }
    }
}

impl<K: Ord, R> Later<K, R> {
    fn put(&mut self, key: K, row: Option<R>) {
        self.heard = self.heard.saturating_add(1);
        self.last.insert(key, (self.heard, row));
    }

    /// The dumped rows, corrected; rows that are only heard of come last.
    fn apply(mut self, dumped: Vec<R>, key: impl Fn(&R) -> K) -> Vec<R> {
        let mut rows: Vec<R> = dumped
            .into_iter()
            .filter_map(|row| match self.last.remove(&key(&row)) {
                None => Some(row),
                Some((_, later)) => later,
            })
            .collect();
        let mut new: Vec<(u64, R)> = self.last.into_values().filter_map(|(heard, row)| Some((heard, row?))).collect();
        new.sort_by_key(|(heard, _)| *heard);
        rows.extend(new.into_iter().map(|(_, row)| row));
        rows
    }
}
