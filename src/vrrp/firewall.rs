//! The firewall tables of the daemon: what they should contain, and what they contain after all requests to the kernel.
//!
//! Each request is the difference to the result of the requests before it, so that requests need not wait for answers: the
//! drop of packets to an address is requested just before the address. After a refusal, or a change by another program, the
//! contents are unknown, and the table is built again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::ids::InstanceId;
use super::ruleset::{Element, FirewallChange, FirewallLayout};
use crate::config::model::Family;

/// First and longest delay before a table is built again after repeated trouble.
const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(64));
/// Time without trouble after which the next trouble counts as the first.
const CALM: Duration = Duration::from_secs(60);

/// Desired and present contents of the tables.
#[derive(Debug, Default)]
pub struct Firewall {
    tables: BTreeMap<Family, Table>,
    /// The elements that each instance needs.
    needs: BTreeMap<InstanceId, BTreeSet<(Family, Element)>>,
    /// Number of the last request.
    last: u64,
}

/// The table of a family.
#[derive(Debug, Default)]
struct Table {
    wanted: Option<FirewallLayout>,
    /// The desired elements, each with the number of instances that need it.
    elements: BTreeMap<Element, usize>,
    /// The layout after the requests so far; `None` if the table does not exist or its contents are unknown.
    layout: Option<FirewallLayout>,
    /// The elements after the requests so far.
    present: BTreeSet<Element>,
    /// Elements that may be desired and not present, or the other way round.
    changed: BTreeSet<Element>,
    /// Names of tables of ours that may exist; true for those that were seen to exist.
    names: BTreeMap<String, bool>,
    /// Requests to build and to remove tables that the kernel has not answered yet, by number.
    asked: BTreeMap<u64, (Whole, String)>,
    /// Requests up to this number no longer count.
    obsolete: u64,
    /// The last refusal that was reported.
    refusal: Option<String>,
    /// The kernel refused the last removal: no further one until the pause is over.
    refused: bool,
    pause: Pause,
}

/// A request about a whole table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    Build,
    Remove,
}

/// Delays repeated attempts.
#[derive(Debug, Default)]
struct Pause {
    until: Duration,
    next: Duration,
    trouble: Option<Duration>,
}

/// A request for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallRequest {
    /// Returned with the answer.
    pub number: u64,
    /// The change.
    pub change: FirewallChange,
}

impl Pause {
    /// Notes trouble. After the first one there is no delay.
    fn trouble(&mut self, now: Duration) {
        if self.trouble.is_none_or(|last| now.saturating_sub(last) > self.next + CALM) {
            self.next = Duration::ZERO;
        }
        self.trouble = Some(now);
        self.until = now + self.next;
        self.next = (self.next * 2).clamp(DELAYS.0, DELAYS.1);
    }
}

impl Firewall {
    /// Notes a table that a predecessor may have left.
    pub(super) fn inherit(&mut self, family: Family, name: String) {
        self.tables.entry(family).or_default().names.insert(name, true);
    }

    /// The tables that may exist.
    pub fn held(&self) -> impl Iterator<Item = (Family, &str)> {
        self.tables.iter().flat_map(|(family, table)| table.names.keys().map(|name| (*family, name.as_str())))
    }

    /// Whether packets to an address on an interface are dropped, after the requests so far.
    pub fn drops(&self, ip: IpAddr, ifindex: Option<u32>) -> bool {
        let Some(table) = self.tables.get(&Family::of(ip)) else { return false };
        let local = match (ip, ifindex) {
            (IpAddr::V6(ip), Some(index)) => table.present.contains(&Element::LinkLocalVip(ip, index)),
            _ => false,
        };
        local || table.present.contains(&Element::Vip(ip))
    }

    /// The layouts of the tables that exist after the requests so far.
    pub fn layouts(&self) -> impl Iterator<Item = &FirewallLayout> {
        self.tables.values().filter_map(|table| table.layout.as_ref())
    }

    /// The layouts that the tables should have.
    pub fn wanted(&self) -> impl Iterator<Item = &FirewallLayout> {
        self.tables.values().filter_map(|table| table.wanted.as_ref())
    }

    /// Sets the desired layouts; a family without one needs no table.
    pub(super) fn want_layouts(&mut self, layouts: [Option<FirewallLayout>; 2]) {
        for (family, layout) in [Family::V4, Family::V6].into_iter().zip(layouts) {
            if layout.is_some() || self.tables.contains_key(&family) {
                self.tables.entry(family).or_default().wanted = layout;
            }
        }
    }

    /// Sets the elements that an instance needs.
    pub(super) fn want(&mut self, id: InstanceId, elements: BTreeSet<(Family, Element)>) {
        let before = if elements.is_empty() {
            self.needs.remove(&id).unwrap_or_default()
        } else {
            self.needs.insert(id, elements.clone()).unwrap_or_default()
        };
        for (family, element) in before.difference(&elements) {
            let table = self.tables.entry(*family).or_default();
            if let Some(count) = table.elements.get_mut(element) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    table.elements.remove(element);
                    table.changed.insert(element.clone());
                }
            }
        }
        for (family, element) in elements.difference(&before) {
            let table = self.tables.entry(*family).or_default();
            let count = table.elements.entry(element.clone()).or_default();
            *count = count.saturating_add(1);
            if *count == 1 {
                table.changed.insert(element.clone());
            }
        }
    }

    /// The requests that bring the tables into the desired state, as far as no pause delays them.
    pub(super) fn requests(&mut self, now: Duration) -> Vec<FirewallRequest> {
        let mut requests = Vec::new();
        for (family, table) in &mut self.tables {
            for change in table.next(*family, now) {
                self.last = self.last.saturating_add(1);
                let whole = match &change {
                    FirewallChange::Build(layout, _) => Some((Whole::Build, layout.settings.table.clone())),
                    FirewallChange::Remove(_, name) => Some((Whole::Remove, name.clone())),
                    FirewallChange::Update { .. } => None,
                };
                table.asked.extend(whole.map(|whole| (self.last, whole)));
                requests.push(FirewallRequest { number: self.last, change });
            }
        }
        requests
    }

    /// The end of the pauses that delay requests.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        let waiting = self.tables.values().filter(|table| table.is_waiting() && table.pause.until > now);
        waiting.map(|table| table.pause.until).min()
    }

    /// Handles the kernel's answer. Returns a refusal that was not reported yet.
    pub(super) fn done(
        &mut self,
        family: Family,
        number: u64,
        result: Result<(), String>,
        now: Duration,
    ) -> Option<String> {
        let table = self.tables.get_mut(&family)?;
        let asked = table.asked.remove(&number);
        let error = match (result, asked) {
            (Ok(()), asked) => {
                match asked {
                    Some((Whole::Build, name)) => drop(table.names.insert(name, true)),
                    Some((Whole::Remove, name)) => drop(table.names.remove(&name)),
                    None => {}
                }
                if number > table.obsolete {
                    table.refusal = None;
                }
                return None;
            }
            (Err(error), Some((Whole::Build, name))) => {
                if table.names.get(&name) == Some(&false) {
                    table.names.remove(&name);
                }
                error
            }
            (Err(error), Some((Whole::Remove, _))) => {
                table.refused = true;
                error
            }
            (Err(error), None) => error,
        };
        // What was requested before the last refusal or loss has been requested again.
        if number <= table.obsolete {
            return None;
        }
        table.forget(self.last, now);
        (table.refusal.as_ref() != Some(&error)).then(|| table.refusal.insert(error).clone())
    }

    /// Handles the notification that another program has changed a table. Returns whether the table is ours.
    pub(super) fn touched(&mut self, family: Family, now: Duration) -> bool {
        let last = self.last;
        let table = self.tables.get_mut(&family).filter(|table| table.layout.is_some());
        let known = table.map(|table| table.forget(last, now));
        known.is_some()
    }

    /// No table is wanted any more.
    pub(super) fn drop_all(&mut self) {
        self.tables.values_mut().for_each(|table| table.wanted = None);
    }

    /// Whether all tables were removed, as far as the kernel permits.
    pub(super) fn is_gone(&self) -> bool {
        self.tables.values().all(|table| table.names.is_empty() || table.refused)
    }
}

impl Table {
    /// The contents are unknown.
    fn forget(&mut self, last: u64, now: Duration) {
        self.layout = None;
        self.obsolete = last;
        self.pause.trouble(now);
    }

    fn is_waiting(&self) -> bool {
        self.refused || (self.wanted.is_some() && self.layout.is_none())
    }

    fn next(&mut self, family: Family, now: Duration) -> Vec<FirewallChange> {
        let paused = now < self.pause.until;
        self.refused &= paused;
        let mut changes = Vec::new();
        match &self.wanted {
            None => self.layout = None,
            Some(layout) if self.layout.as_ref() == Some(layout) => changes.extend(self.update()),
            Some(_) if paused => {}
            Some(layout) => {
                let layout = layout.clone();
                self.names.entry(layout.settings.table.clone()).or_default();
                self.present = self.elements.keys().filter(|element| layout.takes(element)).cloned().collect();
                self.changed.clear();
                self.layout = Some(layout.clone());
                changes.push(FirewallChange::Build(layout, self.present.iter().cloned().collect()));
            }
        }
        if !self.refused {
            let kept = self.wanted.as_ref().map(|layout| layout.settings.table.as_str());
            let stale = self.names.keys().filter(|name| Some(name.as_str()) != kept);
            let asked = |name: &str| self.asked.values().any(|(whole, other)| *whole == Whole::Remove && other == name);
            let stale = stale.filter(|name| !asked(name));
            changes.extend(stale.map(|name| FirewallChange::Remove(family, name.clone())));
        }
        changes
    }

    /// The difference between the present and the desired elements.
    fn update(&mut self) -> Option<FirewallChange> {
        let layout = self.layout.as_ref()?;
        let (mut remove, mut add) = (Vec::new(), Vec::new());
        for element in std::mem::take(&mut self.changed).into_iter().filter(|element| layout.takes(element)) {
            match (self.elements.contains_key(&element), self.present.contains(&element)) {
                (true, false) => add.push(element),
                (false, true) => remove.push(element),
                _ => {}
            }
        }
        if remove.is_empty() && add.is_empty() {
            return None;
        }
        for element in &remove {
            self.present.remove(element);
        }
        self.present.extend(add.iter().cloned());
        Some(FirewallChange::Update { layout: layout.clone(), remove, add })
    }
}
