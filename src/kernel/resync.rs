//! A dump of links and addresses, corrected by the notifications that arrive while it is running.

use std::collections::BTreeMap;

use super::event::{KernelEvent, Snapshot};
use super::tables::{Addr, AddrKey, Link};

/// A running dump, and the notifications received since it was requested.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// Dumped rows, in the kernel's order.
    pub(super) rows: Vec<KernelEvent>,
    /// The tables changed during the dump (`NLM_F_DUMP_INTR`): rows may be missing.
    pub(super) interrupted: bool,
    latest_links: Latest<u32, Link>,
    latest_addresses: Latest<AddrKey, Addr>,
}

impl Dump {
    /// Records a notification.
    pub(super) fn note(&mut self, event: &KernelEvent) {
        match event {
            KernelEvent::Link(link) => self.latest_links.put(link.index, Some(link.clone())),
            KernelEvent::LinkGone { index, .. } => self.latest_links.put(*index, None),
            KernelEvent::Address(addr) => self.latest_addresses.put(addr.key(), Some(addr.clone())),
            KernelEvent::AddressGone(addr) => self.latest_addresses.put(addr.key(), None),
            KernelEvent::Snapshot(_) => {}
        }
    }

    /// The current state: the last notification of a row takes precedence over the dump.
    pub(super) fn finish(self) -> Snapshot {
        let mut dumped = Snapshot::default();
        for row in self.rows {
            match row {
                KernelEvent::Link(link) => dumped.links.push(link),
                KernelEvent::Address(address) => dumped.addresses.push(address),
                KernelEvent::LinkGone { .. } | KernelEvent::AddressGone(_) | KernelEvent::Snapshot(_) => {}
            }
        }
        Snapshot {
            links: self.latest_links.apply(dumped.links, |link| link.index),
            addresses: self.latest_addresses.apply(dumped.addresses, Addr::key),
        }
    }
}

/// The last notification of each row, with its position in the order of arrival; `None`: the row was removed.
#[derive(Debug)]
struct Latest<K, R> {
    last: BTreeMap<K, (u64, Option<R>)>,
    count: u64,
}

impl<K, R> Default for Latest<K, R> {
    fn default() -> Self {
        Latest { last: BTreeMap::new(), count: 0 }
    }
}

impl<K: Ord, R> Latest<K, R> {
    fn put(&mut self, key: K, row: Option<R>) {
        self.count = self.count.saturating_add(1);
        self.last.insert(key, (self.count, row));
    }

    /// The dumped rows, corrected; rows that were only in notifications come last.
    fn apply(mut self, dumped: Vec<R>, key: impl Fn(&R) -> K) -> Vec<R> {
        let mut rows: Vec<R> = dumped
            .into_iter()
            .filter_map(|row| match self.last.remove(&key(&row)) {
                None => Some(row),
                Some((_, later)) => later,
            })
            .collect();
        let mut new: Vec<(u64, R)> = self.last.into_values().filter_map(|(count, row)| Some((count, row?))).collect();
        new.sort_by_key(|(count, _)| *count);
        rows.extend(new.into_iter().map(|(_, row)| row));
        rows
    }
}
