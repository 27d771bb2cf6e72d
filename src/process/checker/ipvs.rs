//! Reconciles the kernel's IPVS table with the rows: reads it, compares it, and writes the differences.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::check::{Check, VirtualServerId};
use crate::kernel::ipvs::{
    Answer, Change, Destination, Error, Request, ServiceKey, ServiceRow, Table, Timeouts, Writer, difference, rows,
};
use crate::notify::log::{Level, Log};

use super::checkpoint::Held;
use super::services::{name, service_keys};
use super::statistics;
use crate::state::Done;
use crate::text::counted;

/// Requests in the queue to the kernel.
const CAPACITY: usize = 1 << 20;
/// With this many requests in the queue, further services wait to be compared. So a table of ten thousand entries is
/// not queued as a whole, and a service that changes meanwhile is written once.
const ENOUGH: usize = 512;

/// The IPVS table.
pub(super) struct Ipvs {
    writer: Writer,
    /// The kernel's table once all submitted changes are done.
    expected: BTreeMap<ServiceKey, ServiceRow>,
    /// Services of each virtual server, as last written.
    keys: BTreeMap<VirtualServerId, Vec<ServiceKey>>,
    /// Services in the held state of the predecessor, until the kernel's table is known.
    inherited: BTreeSet<ServiceKey>,
    /// Virtual servers to be compared.
    dirty: BTreeSet<VirtualServerId>,
    /// Some of them were marked since `keys` was updated.
    marked: bool,
    /// Number of submissions, which shows whether a dump is older than a change.
    submitted: u64,
    /// The kernel's table is known.
    synchronised: bool,
    /// `lvs_flush`: the table is flushed before the first dump.
    flush_first: bool,
    /// `lvs_timeouts`: tcp, tcpfin, udp in seconds; 0 leaves the kernel's value.
    timeouts: [u32; 3],
    /// Time-outs before the start of the daemon.
    first_found: Option<Timeouts>,
    /// Time-outs before the start of the daemon, and as last set.
    found_and_set: Option<(Timeouts, Timeouts)>,
    /// Changes without an answer yet, in the order of the answers.
    under_way: VecDeque<Change>,
    answers: Vec<Answer>,
    /// Errors that were logged, until a comparison without errors.
    logged: BTreeSet<String>,
    /// A change was refused since the table was last compared.
    failed: bool,
    /// The removal of a service has failed.
    removal_failed: bool,
    /// Number of changes that the kernel has made.
    changed: u64,
}

impl Ipvs {
    /// Starts the writer, with the first time-outs and the held state of a predecessor.
    pub(super) fn start(
        flush_first: bool,
        timeouts: [u32; 3],
        first_found: Option<Timeouts>,
        held: Held,
    ) -> io::Result<Ipvs> {
        Ok(Ipvs {
            writer: Writer::start(CAPACITY)?,
            expected: BTreeMap::new(),
            keys: BTreeMap::new(),
            inherited: held.services,
            dirty: BTreeSet::new(),
            marked: false,
            submitted: 0,
            synchronised: false,
            flush_first,
            timeouts,
            first_found,
            found_and_set: None,
            under_way: VecDeque::new(),
            answers: Vec::new(),
            logged: BTreeSet::new(),
            failed: false,
            removal_failed: false,
            changed: 0,
        })
    }

    /// Sets `lvs_timeouts`, once the kernel's values are known; those that are 0 are restored.
    pub(super) fn set_timeouts(&mut self, timeouts: [u32; 3]) {
        self.timeouts = timeouts;
        let Some((found, set)) = &mut self.found_and_set else { return };
        let or = |wanted: u32, found: u32| if wanted == 0 { found } else { wanted };
        let [tcp, tcp_fin, udp] = timeouts;
        let wanted = Timeouts { tcp: or(tcp, found.tcp), tcp_fin: or(tcp_fin, found.tcp_fin), udp: or(udp, found.udp) };
        if *set != wanted {
            *set = wanted;
            self.submit(vec![Change::SetTimeouts(wanted)]);
        }
    }

    /// Time-outs before the start of the daemon, which a replacement cannot read from the kernel; `None` until they are
    /// known.
    pub(super) fn first_found(&self) -> Option<Timeouts> {
        self.first_found
    }

    /// Marks a virtual server whose rows have changed.
    pub(super) fn mark(&mut self, id: VirtualServerId) {
        self.dirty.insert(id);
        self.marked = true;
    }

    /// Reads the kernel's table, for statistics and to revert changes by other programs.
    pub(super) fn refresh(&mut self) {
        if std::mem::take(&mut self.flush_first) {
            self.submit(vec![Change::Flush]);
        }
        // If the queue is full, the next refresh follows anyway.
        let _ = self.writer.submit(vec![Request::Dump(self.submitted)]);
    }

    /// The services that this process and its predecessors have added.
    pub(super) fn held(&self) -> Held {
        Held { services: self.keys.values().flatten().chain(&self.inherited).copied().collect() }
    }

    /// Writes the differences of marked services, or a part of them if they are many; the rest follows with the
    /// answers. Returns whether [`Ipvs::held`] may have changed. Writes nothing before the kernel's table is known.
    pub(super) fn reconcile(&mut self, check: &Check) -> bool {
        if !self.synchronised || (self.dirty.is_empty() && self.inherited.is_empty()) {
            return false;
        }
        let marked = std::mem::take(&mut self.marked);
        if marked {
            self.hold(check);
        }
        let mut changes = Vec::new();
        while self.writer.in_flight().saturating_add(changes.len()) < ENOUGH
            && let Some(id) = self.dirty.pop_first()
        {
            let wanted = rows(check.tables(), id);
            let mut keys = self.keys.insert(id, wanted.keys().copied().collect()).unwrap_or_default();
            keys.extend(wanted.keys());
            let current = keys.iter().filter_map(|key| Some((*key, self.expected.get(key)?.clone()))).collect();
            let current = Table { services: current, ..Table::default() };
            let wanted = Table { services: wanted, ..Table::default() };
            changes.extend(difference(&current, &wanted, |_| true));
            for key in current.services.keys() {
                self.expected.remove(key);
            }
            self.expected.extend(wanted.services);
        }
        if !self.dirty.is_empty() {
            self.submit(changes);
            return marked;
        }
        // Services of a predecessor that are not configured.
        let wanted: BTreeSet<&ServiceKey> = self.keys.values().flatten().collect();
        let stale = std::mem::take(&mut self.inherited);
        let stale = stale.into_iter().filter(|key| !wanted.contains(key) && self.expected.contains_key(key));
        changes.extend(stale.map(Change::DelService));
        self.submit(changes);
        true
    }

    /// Adds services to the held state before they are written, so that a process killed in between leaves no
    /// unrecorded service.
    fn hold(&mut self, check: &Check) {
        for id in &self.dirty {
            let keys = self.keys.entry(*id).or_default();
            keys.extend(service_keys(check, *id));
            keys.sort_unstable();
            keys.dedup();
        }
    }

    /// Removes all services of the configuration and of a predecessor, or `everything`, and restores the time-outs. If
    /// the kernel's table is not known yet, it removes all services that it may contain.
    pub(super) fn clear(&mut self, check: &Check, everything: bool) {
        if !self.synchronised {
            self.dirty.extend(check.tables().virtual_servers.keys());
            self.hold(check);
            if let Some(found) = self.first_found {
                self.submit(vec![Change::SetTimeouts(found)]);
            }
        }
        self.dirty.clear();
        let mut keys = std::mem::take(&mut self.inherited);
        keys.extend(std::mem::take(&mut self.keys).into_values().flatten());
        let delete = |key| Change::DelService(key);
        let changes = if everything { vec![Change::Flush] } else { keys.into_iter().map(delete).collect() };
        self.submit(changes);
        self.expected.clear();
        self.set_timeouts([0; 3]);
    }

    /// After [`Ipvs::clear`]: whether the kernel has removed all services.
    pub(super) fn is_clear(&self) -> bool {
        !self.removal_failed
    }

    /// Whether all requests are done.
    pub(super) fn is_idle(&self) -> bool {
        self.writer.in_flight() == 0
    }

    fn submit(&mut self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.submitted += 1;
        let requests = changes.iter().map(|change| Request::Change(self.submitted, change.clone())).collect();
        match self.writer.submit(requests) {
            Ok(()) => self.under_way.extend(changes),
            // The queue was full and took none of them: the table is read again.
            Err(_) => self.synchronised = false,
        }
    }

    /// Handles the writer's answers; statistics go to the rows.
    pub(super) fn turn(&mut self, check: &mut Check, now: Duration, log: &Log) {
        let mut answers = std::mem::take(&mut self.answers);
        self.writer.results(&mut answers);
        let before = self.changed;
        for answer in answers.drain(..) {
            match answer {
                Answer::Changed { outcome, .. } => {
                    let change = self.under_way.pop_front();
                    match outcome {
                        Ok(Done::Changed) => self.changed += 1,
                        Ok(Done::AlreadySo) => {}
                        Err(error) => self.refused(change, error, log),
                    }
                }
                Answer::Dumped { table: Err(error), .. } => {
                    self.log_once(error.to_string(), log);
                    self.synchronised = false;
                }
                Answer::Dumped { token, table: Ok(table) } => {
                    statistics::adopt(&table, check, now);
                    // An older dump does not contain changes that were submitted after it.
                    if token == self.submitted {
                        self.adopt(table, check);
                    }
                }
            }
        }
        self.answers = answers;
        let made = self.changed - before;
        if made > 0 {
            let (all, made) = (self.changed, counted(usize::try_from(made).unwrap_or(usize::MAX), "change"));
            log.write(Level::Detail, format_args!("IPVS: {made} made, {all} since the start"));
        }
    }

    /// Handles a refused change. Other services are written all the same; all are compared again at the next refresh.
    fn refused(&mut self, change: Option<Change>, error: Error, log: &Log) {
        self.failed = true;
        // A kernel without IPVS has no services either.
        let is_removal = matches!(change, Some(Change::DelService(_) | Change::Flush));
        self.removal_failed |= is_removal && !matches!(error, Error::NoIpvs);
        match (error, change) {
            (Error::Refused(refusal), Some(change)) => self.log_once(format!("{}: {refusal}", subject(&change)), log),
            (error, _) => {
                self.log_once(error.to_string(), log);
                self.synchronised = false;
            }
        }
    }

    /// Uses a dump as the known table, and marks all virtual servers for comparison.
    fn adopt(&mut self, table: Table, check: &Check) {
        if !std::mem::take(&mut self.failed) {
            self.logged.clear();
        }
        self.expected = table.services;
        self.synchronised = true;
        if self.found_and_set.is_none() {
            let found = *self.first_found.get_or_insert(table.timeouts);
            self.found_and_set = Some((found, table.timeouts));
            self.set_timeouts(self.timeouts);
        }
        self.dirty.extend(check.tables().virtual_servers.keys());
        // Virtual servers that were removed, with services left.
        self.dirty.extend(self.keys.keys());
        self.marked = true;
    }

    /// Logs an error once, until a comparison without errors.
    fn log_once(&mut self, text: String, log: &Log) {
        if !self.logged.contains(&text) {
            log.error(format_args!("IPVS: {text}; trying again"));
            self.logged.insert(text);
        }
    }
}

/// The subject of a change, for the log.
fn subject(change: &Change) -> String {
    match change {
        Change::NewService(service) | Change::SetService(service) => {
            format!("service {} with scheduler {}", name(&service.key), service.scheduler)
        }
        Change::DelService(key) => format!("service {}", name(key)),
        Change::NewDestination(key, Destination { key: server, .. })
        | Change::SetDestination(key, Destination { key: server, .. })
        | Change::DelDestination(key, server) => {
            format!("real server {} of {}", SocketAddr::new(server.ip, server.port), name(key))
        }
        Change::Flush => "lvs_flush".to_owned(),
        Change::SetTimeouts(_) => "lvs_timeouts".to_owned(),
        Change::StartSync(_) | Change::StopSync(_) => "lvs_sync_daemon".to_owned(),
    }
}

impl AsRawFd for Ipvs {
    fn as_raw_fd(&self) -> RawFd {
        self.writer.as_raw_fd()
    }
}

/// How often the kernel's table is read.
pub(super) fn refresh_interval(check: &Check) -> Duration {
    let lvs = &check.tables().lvs;
    lvs.vs_stats_interval.min(lvs.rs_stats_interval).max(Duration::from_millis(500))
}
