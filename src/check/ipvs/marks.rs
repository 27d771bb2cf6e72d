//! `nftables_ipvs`: the firewall marks of virtual server groups, and the tables of nftables that set them.
//!
//! A virtual server with a group is one service of IPVS, by mark, instead of one for each address. A table maps the addresses
//! and ports of the group to the mark. Names and layout are those of C keepalived.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::check::rows::VirtualServer;
use crate::check::tables::Tables;
use crate::config::lvs::{GroupEntry, Protocol};
use crate::config::model::{Family, IpvsMarks};

/// A table that sets marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkTable {
    /// Its family.
    pub family: Family,
    /// Its name, priority, and whether packets are counted.
    pub settings: IpvsMarks,
    /// A map for each protocol in use, in the order of the virtual servers.
    pub maps: Vec<MarkMap>,
}

/// The map of a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkMap {
    /// The protocol.
    pub protocol: Protocol,
    /// Its elements, which do not overlap.
    pub elements: Vec<MarkElement>,
}

/// Addresses and ports with a mark; both ends are included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkElement {
    /// First and last address.
    pub addresses: (IpAddr, IpAddr),
    /// First and last port.
    pub ports: (u16, u16),
    /// The mark.
    pub mark: u32,
}

/// A change of a table, which the kernel makes as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkChange {
    /// Replaces the table, if any.
    Build(MarkTable),
    /// Removes the table, if any.
    Remove(Family, String),
}

impl MarkChange {
    /// Family and name of the table.
    pub fn table(&self) -> (Family, &str) {
        match self {
            MarkChange::Build(table) => (table.family, &table.settings.table),
            MarkChange::Remove(family, name) => (*family, name),
        }
    }
}

impl MarkElement {
    fn overlaps(&self, other: &MarkElement) -> bool {
        let meet = |one: (IpAddr, IpAddr), other: (IpAddr, IpAddr)| one.0 <= other.1 && other.0 <= one.1;
        meet(self.addresses, other.addresses) && self.ports.0 <= other.ports.1 && other.ports.0 <= self.ports.1
    }
}

/// The families of the addresses in the group of a virtual server.
pub(in crate::check) fn families(tables: &Tables, row: &VirtualServer) -> BTreeSet<Family> {
    let addresses = tables.members_of(row).filter_map(|entry| match entry {
        GroupEntry::Address(to) => Some(to.ip()),
        GroupEntry::Range(first, ..) => Some(first),
        GroupEntry::FwMark(..) => None,
    });
    addresses.map(Family::of).collect()
}

/// The tables that the configuration needs: at most one for each family. Of overlapping elements the first counts.
pub fn mark_tables(tables: &Tables) -> Vec<MarkTable> {
    let Some(settings) = tables.marks() else { return Vec::new() };
    let mut all: BTreeMap<Family, MarkTable> = BTreeMap::new();
    for row in tables.in_order() {
        let Some(mark) = tables.mark_of(row) else { continue };
        let protocol = row.config.protocol.unwrap_or(Protocol::Udp);
        for entry in tables.members_of(row) {
            let (first, last, port) = match entry {
                GroupEntry::Address(to) => (to.ip(), to.ip(), to.port()),
                GroupEntry::Range(first, last, port) => (first, last, port),
                GroupEntry::FwMark(..) => continue,
            };
            let ports = if port == 0 { (0, u16::MAX) } else { (port, port) };
            let element = MarkElement { addresses: (first, last), ports, mark };
            let family = Family::of(first);
            let new = || MarkTable { family, settings: settings.clone(), maps: Vec::new() };
            let maps = &mut all.entry(family).or_insert_with(new).maps;
            let place = maps.iter().position(|map| map.protocol == protocol).unwrap_or_else(|| {
                maps.push(MarkMap { protocol, elements: Vec::new() });
                maps.len().saturating_sub(1)
            });
            if let Some(map) = maps.get_mut(place)
                && !map.elements.iter().any(|other| other.overlaps(&element))
            {
                map.elements.push(element);
            }
        }
    }
    all.into_values().collect()
}

/// The machine that makes the tables the wanted ones. Requests do not wait for answers: each is the difference to the result
/// of those before it.
#[derive(Debug, Default)]
pub struct Marks {
    families: BTreeMap<Family, State>,
    /// Requests without an answer, in order.
    asked: std::collections::VecDeque<MarkChange>,
    /// The last error that was reported.
    reported: Option<String>,
    /// A removal was refused.
    stuck: bool,
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<MarkTable>,
    /// The table after the requests so far; `None` if there is none, or its contents are unknown.
    present: Option<MarkTable>,
    /// Names of tables of ours that may exist.
    names: BTreeSet<String>,
    /// The table is not built again before the next [`Marks::retry`].
    paused: bool,
}

impl Marks {
    /// Starts with the tables that a predecessor has left.
    pub fn new(left: impl IntoIterator<Item = (Family, String)>) -> Marks {
        let mut marks = Marks::default();
        for (family, name) in left {
            marks.families.entry(family).or_default().names.insert(name);
        }
        marks
    }

    /// Sets the wanted tables.
    pub fn want(&mut self, tables: Vec<MarkTable>) {
        self.families.values_mut().for_each(|state| state.wanted = None);
        for table in tables {
            let family = table.family;
            self.families.entry(family).or_default().wanted = Some(table);
        }
    }

    /// The tables that exist or are about to.
    pub fn held(&self) -> impl Iterator<Item = (Family, String)> {
        self.families.iter().flat_map(|(family, state)| state.names.iter().map(|name| (*family, name.clone())))
    }

    /// The tables that are wanted.
    pub fn wanted(&self) -> impl Iterator<Item = &MarkTable> {
        self.families.values().filter_map(|state| state.wanted.as_ref())
    }

    /// The requests that are needed now, in order.
    #[must_use]
    pub fn requests(&mut self) -> Vec<MarkChange> {
        let mut changes = Vec::new();
        for (family, state) in &mut self.families {
            let kept = state.wanted.as_ref().map(|table| table.settings.table.as_str());
            let stale: Vec<String> = state.names.iter().filter(|name| Some(name.as_str()) != kept).cloned().collect();
            if state.wanted.is_none() {
                state.present = None;
            }
            for name in stale {
                let remove = MarkChange::Remove(*family, name);
                if !self.asked.contains(&remove) && !state.paused {
                    changes.push(remove);
                }
            }
            if state.wanted != state.present && !state.paused {
                state.present.clone_from(&state.wanted);
                if let Some(table) = &state.wanted {
                    state.names.insert(table.settings.table.clone());
                    changes.push(MarkChange::Build(table.clone()));
                }
            }
        }
        self.asked.extend(changes.iter().cloned());
        changes
    }

    /// Takes the answer to the oldest request. Returns an error that was not reported yet.
    pub fn answered(&mut self, outcome: Result<(), String>) -> Option<String> {
        let change = self.asked.pop_front()?;
        let (family, name) = change.table();
        let state = self.families.entry(family).or_default();
        match outcome {
            Ok(()) => {
                if matches!(change, MarkChange::Remove(..)) {
                    state.names.remove(name);
                }
                None
            }
            Err(error) => {
                self.stuck |= matches!(change, MarkChange::Remove(..));
                (state.present, state.paused) = (None, true);
                (self.reported.as_ref() != Some(&error)).then(|| self.reported.insert(error).clone())
            }
        }
    }

    /// Another program has changed a table. It is built again: at once for the first time, then after the next
    /// [`Marks::retry`]. Returns whether the table is ours.
    pub fn touched(&mut self, family: Family) -> bool {
        let state = self.families.get_mut(&family).filter(|state| state.wanted.is_some());
        state.is_some_and(|state| {
            // A pause begins with the second time.
            state.paused |= state.present.is_none();
            state.present = None;
            true
        })
    }

    /// Permits repetitions.
    pub fn retry(&mut self) {
        self.families.values_mut().for_each(|state| state.paused = false);
    }

    /// Whether all tables were removed, as far as the kernel permits.
    pub fn is_gone(&self) -> bool {
        self.stuck || self.held().next().is_none()
    }

    /// Whether all requests were answered.
    pub fn is_idle(&self) -> bool {
        self.asked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(priority: i32) -> MarkTable {
        let settings = IpvsMarks { table: "t".into(), priority, first: 1000, counters: false };
        MarkTable { family: Family::V4, settings, maps: Vec::new() }
    }

    #[test]
    fn tables_are_built_changed_and_removed() {
        let mut marks = Marks::new([(Family::V6, "old".to_owned())]);
        marks.want(vec![table(1)]);
        let removal = MarkChange::Remove(Family::V6, "old".into());
        assert_eq!(marks.requests(), [MarkChange::Build(table(1)), removal]);
        assert!(marks.requests().is_empty());
        assert_eq!((marks.answered(Ok(())), marks.answered(Ok(()))), (None, None));
        assert_eq!(marks.held().collect::<Vec<_>>(), [(Family::V4, "t".to_owned())]);
        marks.want(vec![table(2)]);
        assert_eq!(marks.requests(), [MarkChange::Build(table(2))]);
        marks.answered(Ok(()));
        marks.want(Vec::new());
        assert_eq!(marks.requests(), [MarkChange::Remove(Family::V4, "t".into())]);
        assert!(!marks.is_gone() && !marks.is_idle());
        marks.answered(Ok(()));
        assert!(marks.is_gone() && marks.is_idle());
    }

    #[test]
    fn a_refusal_is_repeated_after_a_pause_and_reported_once() {
        let mut marks = Marks::default();
        marks.want(vec![table(1)]);
        assert_eq!(marks.requests().len(), 1);
        assert_eq!(marks.answered(Err("no".into())), Some("no".to_owned()));
        assert!(marks.requests().is_empty());
        marks.retry();
        assert_eq!(marks.requests().len(), 1);
        assert_eq!(marks.answered(Err("no".into())), None);
    }

    #[test]
    fn a_touched_table_is_built_at_once_and_then_with_pauses() {
        let mut marks = Marks::default();
        marks.want(vec![table(1)]);
        let _ = marks.requests();
        marks.answered(Ok(()));
        assert!(marks.touched(Family::V4) && !marks.touched(Family::V6));
        assert_eq!(marks.requests().len(), 1);
        marks.answered(Ok(()));
        assert!(marks.touched(Family::V4) && marks.touched(Family::V4));
        assert!(marks.requests().is_empty());
        marks.retry();
        assert_eq!(marks.requests().len(), 1);
    }
}
