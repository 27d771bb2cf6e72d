//! A row per service: the virtual servers that want it, what is installed, and refused changes.

use std::collections::BTreeMap;

use super::change::{Change, Failure};
use super::service::{DestinationKey, Installed};
use crate::check::rows::VirtualServerId;

/// A service of the kernel's table, or that it should have.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The service in the kernel, by its last answer; `None`: there is none.
    pub installed: Option<Installed>,
    /// Number of changes without an answer yet. Until then no further changes are submitted.
    pub pending: u32,
    /// Refused changes of destinations, and of the service itself (`None`).
    pub refused: BTreeMap<Option<DestinationKey>, Refused>,
    /// The virtual servers that want the service, in index order. Only groups may overlap.
    pub(super) owners: Vec<VirtualServerId>,
    /// It is held: this daemon or a predecessor has added it, or is about to. It is removed when nobody wants it.
    pub(super) ours: bool,
    /// It was marked while changes were pending.
    pub(super) again: bool,
}

/// A change that the kernel has refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason.
    pub reason: String,
    /// The change. It is not submitted again before the kernel's table was read again.
    pub(super) change: Change,
    /// The table was read again.
    pub(super) retry: bool,
}

impl Refused {
    /// Whether a change would be refused again.
    fn blocks(&self, change: &Change) -> bool {
        self.change == *change && !self.retry
    }
}

impl Row {
    /// Whether the row says nothing.
    pub(super) fn is_void(&self) -> bool {
        self.installed.is_none() && self.pending == 0 && self.owners.is_empty()
    }

    /// Filters out changes that were refused and would be again. Refusals of other changes are obsolete.
    pub(super) fn without_refused(&mut self, changes: Vec<Change>) -> Vec<Change> {
        if self.refused.is_empty() {
            return changes;
        }
        let mut former = std::mem::take(&mut self.refused);
        if self.installed.is_none() {
            // Without its service, a destination is refused for no other reason.
            let blocked =
                changes.first().is_some_and(|first| former.get(&None).is_some_and(|refused| refused.blocks(first)));
            if !blocked {
                return changes;
            }
            self.refused = former;
            return Vec::new();
        }
        let mut kept = Vec::new();
        for change in changes {
            let part = change.target().and_then(|(_, destination)| destination);
            match former.remove(&part).filter(|refused| refused.blocks(&change)) {
                Some(refused) => drop(self.refused.insert(part, refused)),
                None => kept.push(change),
            }
        }
        kept
    }

    /// Takes a change that the kernel has made.
    pub(super) fn done(&mut self, change: Change) {
        if let Some((_, part)) = change.target() {
            self.refused.remove(&part);
        }
        match change {
            Change::NewService(service) | Change::SetService(service) => match &mut self.installed {
                Some(installed) => installed.service = service,
                None => self.installed = Some(service.into()),
            },
            Change::NewDestination(_, destination) | Change::SetDestination(_, destination) => {
                if let Some(installed) = &mut self.installed {
                    installed.destinations.insert(destination.key, destination);
                }
            }
            Change::DelDestination(_, key) => {
                if let Some(installed) = &mut self.installed {
                    installed.destinations.remove(&key);
                }
            }
            Change::DelService(_) => {
                self.installed = None;
                self.refused.clear();
            }
            Change::Flush | Change::SetTimeouts(_) | Change::StartSync(_) | Change::StopSync(_) => {}
        }
    }

    /// Takes a change that the kernel has not made. Returns whether it must be reported: a destination is refused if its
    /// service is.
    pub(super) fn refuse(&mut self, change: Change, failure: &Failure) -> bool {
        let part = change.target().and_then(|(_, destination)| destination);
        let follows = part.is_some() && self.installed.is_none() && self.refused.contains_key(&None);
        self.refused.insert(part, Refused { reason: failure.to_string(), change, retry: false });
        !follows
    }
}
