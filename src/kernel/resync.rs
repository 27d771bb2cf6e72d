//! A dump of the watched tables, corrected by the notifications that arrive while it is running.

use std::collections::HashMap;
use std::hash::Hash;

use super::event::{KernelEvent, Snapshot};
use super::latest_routes::LatestRoutes;
use super::tables::{Addr, AddrKey, Link};
use crate::vrrp::HostRule;

/// A running dump, and the notifications received since it was requested.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// Dumped rows, in the kernel's order.
    pub(super) rows: Vec<KernelEvent>,
    /// The tables changed during the dump (`NLM_F_DUMP_INTR`): rows may be missing.
    pub(super) interrupted: bool,
    latest_links: Latest<u32, Link>,
    latest_addresses: Latest<AddrKey, Addr>,
    latest_routes: LatestRoutes,
    latest_rules: Latest<HostRule, HostRule>,
}

impl Dump {
    /// Records a notification.
    pub(super) fn note(&mut self, event: &KernelEvent) {
        match event {
            KernelEvent::Link(link) => self.latest_links.put(link.index, Some(link.clone())),
            KernelEvent::LinkGone { index, .. } => self.latest_links.put(*index, None),
            KernelEvent::Address(addr) => self.latest_addresses.put(addr.key(), Some(addr.clone())),
            KernelEvent::AddressGone(addr) => self.latest_addresses.put(addr.key(), None),
            KernelEvent::Route { route, replaces } => self.latest_routes.put(route, *replaces),
            KernelEvent::RouteGone(route) => self.latest_routes.remove(route),
            KernelEvent::Rule(rule) => self.latest_rules.put(rule.clone(), Some(rule.clone())),
            KernelEvent::RuleGone(rule) => self.latest_rules.put(rule.clone(), None),
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
                KernelEvent::Route { route, .. } => dumped.routes.push(route),
                KernelEvent::Rule(rule) => dumped.rules.push(rule),
                // No rows.
                KernelEvent::LinkGone { .. }
                | KernelEvent::AddressGone(_)
                | KernelEvent::RouteGone(_)
                | KernelEvent::RuleGone(_)
                | KernelEvent::Snapshot(_) => {}
            }
        }
        Snapshot {
            links: self.latest_links.apply(dumped.links, |link| link.index),
            addresses: self.latest_addresses.apply(dumped.addresses, Addr::key),
            routes: self.latest_routes.apply(dumped.routes),
            rules: self.latest_rules.apply(dumped.rules, HostRule::clone),
        }
    }
}

/// The last notification of each row, with its position in the order of arrival; `None`: the row was removed.
#[derive(Debug)]
struct Latest<K, R> {
    last: HashMap<K, (u64, Option<R>)>,
    count: u64,
}

impl<K, R> Default for Latest<K, R> {
    fn default() -> Self {
        Latest { last: HashMap::new(), count: 0 }
    }
}

impl<K: Eq + Hash, R> Latest<K, R> {
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
