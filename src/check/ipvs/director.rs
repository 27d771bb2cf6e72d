//! The machine that makes the kernel's IPVS table the wanted one. It is pure: the process submits the changes that it
//! returns, in order, and reports the answers, in the same order. So the rows are the kernel's table at the last answer.
//!
//! The rows record what the kernel has; what it should have is not copied but derived from the virtual servers when a service
//! is compared ([`wanted`]). Start, reload, checks, refusals, a crash of the predecessor and changes by other programs are the
//! same comparison. The rows are not [`Objects`](crate::state::Objects): destinations belong to a service and vanish with it,
//! they have settings that are changed in place, their order counts, and there may be tens of thousands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::change::{Change, Failure};
use super::difference::difference;
use super::rows::Row;
use super::service::{Installed, ServiceKey};
use super::table::{Table, Timeouts};
use super::timeouts::TimeoutSettings;
use super::wanted::{service_keys, wanted};
use crate::check::rows::VirtualServerId;
use crate::check::tables::Tables;
use crate::state::Done;

/// With this many changes pending, further services wait to be compared. So a table of ten thousand entries is not queued as
/// a whole, and a service that changes meanwhile is written once.
const ENOUGH: usize = 512;

/// The IPVS table of this host.
#[derive(Debug, Default)]
pub struct Director {
    rows: BTreeMap<ServiceKey, Row>,
    /// The services of each virtual server, as last derived.
    keys: BTreeMap<VirtualServerId, Vec<ServiceKey>>,
    /// Virtual servers whose services are to be derived and compared.
    marked: BTreeSet<VirtualServerId>,
    /// Services to be compared.
    queue: BTreeSet<ServiceKey>,
    /// Submitted changes without an answer yet.
    pending: VecDeque<Change>,
    /// The rows show the kernel's table. Nothing is written otherwise.
    known: bool,
    /// `lvs_flush`: the table is flushed before it is read first.
    flush_first: bool,
    timeouts: TimeoutSettings,
    /// Errors to be logged.
    messages: Vec<String>,
    /// Errors that were logged, until a comparison without errors.
    logged: BTreeSet<String>,
    /// A change has failed since the table was last read.
    failed: bool,
    /// The removal of a service has failed.
    removal_failed: bool,
    /// [`Director::held`] has changed.
    held_changed: bool,
    /// After [`Director::clear`]: nothing more is wanted.
    cleared: bool,
}

impl Director {
    /// Creates the machine with `lvs_flush`, `lvs_timeouts` (tcp, tcpfin, udp in seconds; 0 leaves the kernel's value), the
    /// time-outs before the start of the daemon if a predecessor knows them, and the services that it has left.
    pub fn new(
        flush_first: bool,
        timeouts: [u32; 3],
        first_found: Option<Timeouts>,
        left: impl IntoIterator<Item = ServiceKey>,
    ) -> Director {
        let row = || Row { ours: true, ..Row::default() };
        Director {
            rows: left.into_iter().map(|key| (key, row())).collect(),
            timeouts: TimeoutSettings::new(timeouts, first_found),
            flush_first,
            ..Director::default()
        }
    }

    /// The row of a service.
    pub fn row(&self, key: &ServiceKey) -> Option<&Row> {
        self.rows.get(key)
    }

    /// Whether the rows show the kernel's table.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// The changes that a service needs now, whether they are pending, refused or not submitted yet.
    pub fn outstanding(&self, tables: &Tables, key: &ServiceKey) -> Vec<Change> {
        let Some(row) = self.rows.get(key) else { return Vec::new() };
        difference(*key, row.installed.as_ref(), wanted(tables, *key, &row.owners).as_ref())
    }

    /// Marks a virtual server whose wanted services may have changed.
    pub fn mark(&mut self, id: VirtualServerId) {
        self.marked.insert(id);
    }

    /// Sets `lvs_timeouts`, once the kernel's values are known; those that are 0 are restored. Returns the change to submit.
    #[must_use]
    pub fn set_timeouts(&mut self, timeouts: [u32; 3]) -> Vec<Change> {
        let change = self.timeouts.set(timeouts).map(Change::SetTimeouts);
        self.submit(change.into_iter().collect())
    }

    /// Time-outs before the start of the daemon, which a replacement cannot read from the kernel; `None` until they are
    /// known.
    pub fn first_found(&self) -> Option<Timeouts> {
        self.timeouts.first_found()
    }

    /// Returns the changes to submit before the kernel's table is read.
    #[must_use]
    pub fn before_read(&mut self) -> Vec<Change> {
        let flush = std::mem::take(&mut self.flush_first).then_some(Change::Flush);
        self.submit(flush.into_iter().collect())
    }

    /// The services that this process and its predecessors have added, or are about to.
    pub fn held(&self) -> impl Iterator<Item = ServiceKey> {
        self.rows.iter().filter(|(_, row)| row.ours).map(|(key, _)| *key)
    }

    /// Whether [`Director::held`] has changed since the last call.
    pub fn take_held_changed(&mut self) -> bool {
        std::mem::take(&mut self.held_changed)
    }

    /// Errors to be logged, since the last call.
    pub fn take_messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.messages)
    }

    /// Compares marked services, or a part of them if there are many; the rest follows with the answers. Returns the changes
    /// to submit.
    #[must_use]
    pub fn reconcile(&mut self, tables: &Tables) -> Vec<Change> {
        if !self.known || self.cleared {
            return Vec::new();
        }
        self.claim(tables);
        let mut changes = Vec::new();
        while self.pending.len().saturating_add(changes.len()) < ENOUGH
            && let Some(key) = self.queue.pop_first()
        {
            let Some(row) = self.rows.get_mut(&key) else { continue };
            row.again = row.pending > 0;
            if row.again || (row.owners.is_empty() && !row.ours) {
                continue;
            }
            let wanted = wanted(tables, key, &row.owners);
            changes.extend(row.without_refused(difference(key, row.installed.as_ref(), wanted.as_ref())));
        }
        self.submit(changes)
    }

    /// Derives the services of marked virtual servers. They are held from now on, before they are written, so that a process
    /// killed in between leaves no unrecorded service.
    fn claim(&mut self, tables: &Tables) {
        for id in std::mem::take(&mut self.marked) {
            let mut keys = service_keys(tables, id);
            keys.sort_unstable();
            keys.dedup();
            let former = self.keys.remove(&id).unwrap_or_default();
            if former != keys {
                self.own(id, &former, &keys);
            }
            self.queue.extend(former.iter().chain(&keys));
            if !keys.is_empty() {
                self.keys.insert(id, keys);
            }
        }
    }

    /// Records a virtual server as owner of its services.
    fn own(&mut self, id: VirtualServerId, former: &[ServiceKey], keys: &[ServiceKey]) {
        for key in former {
            if let Some(row) = self.rows.get_mut(key) {
                row.owners.retain(|owner| *owner != id);
            }
        }
        for key in keys {
            let row = self.rows.entry(*key).or_default();
            if let Err(place) = row.owners.binary_search(&id) {
                row.owners.insert(place, id);
            }
            row.ours = true;
        }
        self.held_changed = true;
    }

    /// Removes all services of the configuration and of a predecessor, or `everything`, and restores the time-outs. If the
    /// kernel's table is not known yet, it removes all services that it may contain. Returns the changes to submit.
    #[must_use]
    pub fn clear(&mut self, tables: &Tables, everything: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        if !self.known {
            self.marked.extend(tables.virtual_servers.keys());
            self.claim(tables);
        }
        self.marked.clear();
        self.queue.clear();
        match everything {
            true => changes.push(Change::Flush),
            false => changes.extend(self.held().map(Change::DelService)),
        }
        changes.extend(self.timeouts.restore().map(Change::SetTimeouts));
        for row in self.rows.values_mut() {
            row.owners.clear();
        }
        self.keys.clear();
        (self.cleared, self.removal_failed) = (true, false);
        self.submit(changes)
    }

    /// After [`Director::clear`]: whether the kernel has removed all services.
    pub fn is_clear(&self) -> bool {
        !self.removal_failed
    }

    fn submit(&mut self, changes: Vec<Change>) -> Vec<Change> {
        if changes.is_empty() {
            return changes;
        }
        for change in &changes {
            if let Some((key, _)) = change.target() {
                let row = self.rows.entry(key).or_default();
                row.pending = row.pending.saturating_add(1);
            }
        }
        self.pending.extend(changes.iter().cloned());
        changes
    }

    /// Takes the answer to the oldest submitted change.
    pub fn answered(&mut self, outcome: Result<Done, Failure>) {
        let Some(change) = self.pending.pop_front() else { return };
        // A kernel without IPVS has no services either.
        let gone = matches!(outcome, Ok(_) | Err(Failure::NoIpvs(_)));
        let Some((key, _)) = change.target() else {
            if change == Change::Flush && gone {
                self.flushed();
            }
            return outcome.map_or_else(|failure| self.fail(&change, &failure), drop);
        };
        let Some(row) = self.rows.get_mut(&key) else { return };
        row.pending = row.pending.saturating_sub(1);
        if gone && matches!(change, Change::DelService(_)) && row.owners.is_empty() {
            row.ours = false;
            self.held_changed = true;
        }
        match outcome {
            Ok(_) => row.done(change),
            Err(failure) => {
                if row.refuse(change.clone(), &failure) {
                    self.fail(&change, &failure);
                }
            }
        }
        if let Some(row) = self.rows.get_mut(&key)
            && row.pending == 0
            && std::mem::take(&mut row.again)
        {
            self.queue.insert(key);
        }
    }

    /// The kernel's table was flushed; changes submitted later are not made yet.
    fn flushed(&mut self) {
        for row in self.rows.values_mut() {
            row.installed = None;
            row.refused.clear();
            // At the stop.
            row.ours &= !self.cleared;
        }
        self.held_changed |= self.cleared;
    }

    /// Handles a failed change. Other services are written all the same; the change is repeated when the table was read again.
    fn fail(&mut self, change: &Change, failure: &Failure) {
        self.failed = true;
        match failure {
            Failure::NoIpvs(text) => {
                self.log_once(text.clone());
                self.known = false;
            }
            Failure::Refused(reason) => {
                self.removal_failed |= change.removes_services();
                self.log_once(format!("{change}: {reason}"));
            }
        }
    }

    /// Takes the changes back that were submitted last and that the queue did not take.
    pub fn not_submitted(&mut self, count: usize) {
        for _ in 0..count {
            let Some(change) = self.pending.pop_back() else { break };
            self.removal_failed |= change.removes_services();
            if let Some((key, _)) = change.target()
                && let Some(row) = self.rows.get_mut(&key)
            {
                row.pending = row.pending.saturating_sub(1);
            }
        }
        // The next read compares all services.
        self.known = false;
    }

    /// Takes the kernel's table, or the error of reading it. It is an answer in the order of the requests, so the table contains
    /// the changes answered before it and no others. Returns the change to submit.
    #[must_use]
    pub fn read(&mut self, table: Result<Table, Failure>, tables: &Tables) -> Vec<Change> {
        let table = match table {
            Ok(table) => table,
            Err(failure) => {
                self.log_once(failure.to_string());
                self.known = false;
                return Vec::new();
            }
        };
        if !std::mem::take(&mut self.failed) {
            self.logged.clear();
        }
        let change = self.timeouts.found(table.timeouts);
        self.adopt(&table);
        if !std::mem::replace(&mut self.known, true) {
            self.marked.extend(tables.virtual_servers.keys());
            self.marked.extend(self.keys.keys());
            self.queue.extend(self.rows.keys());
        }
        self.submit(change.map(Change::SetTimeouts).into_iter().collect())
    }

    /// Updates the rows from the kernel's table, and queues those that differ and those with refused changes.
    fn adopt(&mut self, table: &Table) {
        for key in table.services.keys() {
            self.rows.entry(*key).or_default();
        }
        for (key, row) in &mut self.rows {
            let found = table.services.get(key).map(Installed::from);
            if row.installed != found || !row.refused.is_empty() {
                row.installed = found;
                row.refused.values_mut().for_each(|refused| refused.retry = true);
                self.queue.insert(*key);
            }
        }
        let before = self.rows.len();
        self.rows.retain(|_, row| !row.is_void());
        self.held_changed |= self.rows.len() != before;
    }

    /// Logs an error once, until a comparison without errors.
    fn log_once(&mut self, text: String) {
        if self.logged.insert(text.clone()) {
            self.messages.push(text);
        }
    }
}
