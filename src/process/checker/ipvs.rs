//! The kernel's IPVS table kept equal to what the rows want: read, compare, write the difference.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::check::{Check, VirtualServerId};
use crate::kernel::ipvs::{
    Answer, Change, Destination, Done, Error, Request, ServiceKey, ServiceRow, Table, Timeouts, Writer, difference,
    rows,
};
use crate::notify::log::{Level, Log};

use super::checkpoint::Held;
use super::services::{name, service_keys};
use super::statistics;

/// Requests that may be under way.
const CAPACITY: usize = 1 << 20;
/// While so many are, services that are still to be compared wait: a table of ten thousand entries is not copied as
/// a whole, and what changes meanwhile is written once.
const ENOUGH: usize = 512;

/// The kernel's table as it should be, and the way there.
pub(super) struct Ipvs {
    writer: Writer,
    /// What the kernel has once all that is submitted is done.
    believed: BTreeMap<ServiceKey, ServiceRow>,
    /// Services of each virtual server, as last wanted.
    keys: BTreeMap<VirtualServerId, Vec<ServiceKey>>,
    /// Services that a predecessor has left, until the kernel's table is known.
    inherited: BTreeSet<ServiceKey>,
    /// Services to be compared.
    dirty: BTreeSet<VirtualServerId>,
    /// Some of them were marked since `keys` was made.
    marked: bool,
    /// Counts submissions, so that a dump is known to be older than a change.
    submitted: u64,
    /// The first dump has come: what is there is known.
    synchronised: bool,
    /// Set before the first dump is asked for.
    flush_first: bool,
    /// `lvs_timeouts`: tcp, tcpfin, udp in seconds, 0 = as found.
    timeouts: [u32; 3],
    /// Time-outs as the first process of this daemon found them.
    first_found: Option<Timeouts>,
    /// Time-outs as found in the kernel, and as last set.
    found_and_set: Option<(Timeouts, Timeouts)>,
    /// What the changes under way are about, in the order of their answers.
    under_way: VecDeque<Change>,
    answers: Vec<Answer>,
    /// Errors told, until all goes well again.
    told: BTreeSet<String>,
    /// A change was refused since the table was last compared.
    failed: bool,
    /// A service was not removed.
    removal_failed: bool,
    /// Changes the kernel has made.
    changed: u64,
}

impl Ipvs {
    /// With the time-outs that a predecessor has found and what it held, if there was one.
    pub(super) fn start(
        flush_first: bool,
        timeouts: [u32; 3],
        first_found: Option<Timeouts>,
        held: Held,
    ) -> io::Result<Ipvs> {
        Ok(Ipvs {
            writer: Writer::start(CAPACITY)?,
            believed: BTreeMap::new(),
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
            told: BTreeSet::new(),
            failed: false,
            removal_failed: false,
            changed: 0,
        })
    }

    /// Sets `lvs_timeouts`, once the kernel's own are known; those that are 0 are again as they were.
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

    /// Time-outs as the first process of this daemon found them, which a replacement cannot find out any more; `None`
    /// until the kernel has been asked.
    pub(super) fn first_found(&self) -> Option<Timeouts> {
        self.first_found
    }

    /// A service's rows have changed.
    pub(super) fn mark(&mut self, id: VirtualServerId) {
        self.dirty.insert(id);
        self.marked = true;
    }

    /// Reads the kernel's table, for statistics and to put right what an outsider has changed.
    pub(super) fn refresh(&mut self) {
        if std::mem::take(&mut self.flush_first) {
            self.submit(vec![Change::Flush]);
        }
        // When the writer is far behind, nothing is lost: the next refresh comes anyway.
        let _ = self.writer.submit(vec![Request::Dump(self.submitted)]);
    }

    /// What this process and its predecessors have set.
    pub(super) fn held(&self) -> Held {
        Held { services: self.keys.values().flatten().chain(&self.inherited).copied().collect() }
    }

    /// Writes what marked services lack, or a part of it when that is much: the rest follows the answers. Whether
    /// [`Ipvs::held`] may have changed. Nothing is written before the kernel's table is known.
    pub(super) fn reconcile(&mut self, check: &Check) -> bool {
        if !self.synchronised || (self.dirty.is_empty() && self.inherited.is_empty()) {
            return false;
        }
        let marked = std::mem::take(&mut self.marked);
        if marked {
            self.claim(check);
        }
        let mut changes = Vec::new();
        while self.writer.in_flight().saturating_add(changes.len()) < ENOUGH
            && let Some(id) = self.dirty.pop_first()
        {
            let wanted = rows(check.tables(), id);
            let mut keys = self.keys.insert(id, wanted.keys().copied().collect()).unwrap_or_default();
            keys.extend(wanted.keys());
            let current = keys.iter().filter_map(|key| Some((*key, self.believed.get(key)?.clone()))).collect();
            let current = Table { services: current, ..Table::default() };
            let wanted = Table { services: wanted, ..Table::default() };
            changes.extend(difference(&current, &wanted, |_| true));
            for key in current.services.keys() {
                self.believed.remove(key);
            }
            self.believed.extend(wanted.services);
        }
        if !self.dirty.is_empty() {
            self.submit(changes);
            return marked;
        }
        // What a predecessor held and nobody wants.
        let wanted: BTreeSet<&ServiceKey> = self.keys.values().flatten().collect();
        let stale = std::mem::take(&mut self.inherited);
        let stale = stale.into_iter().filter(|key| !wanted.contains(key) && self.believed.contains_key(key));
        changes.extend(stale.map(Change::DelService));
        self.submit(changes);
        true
    }

    /// Before anything is written it counts as held: a process that ends in between leaves nothing unknown.
    fn claim(&mut self, check: &Check) {
        for id in &self.dirty {
            let keys = self.keys.entry(*id).or_default();
            keys.extend(service_keys(check, *id));
            keys.sort_unstable();
            keys.dedup();
        }
    }

    /// Removes all services of the configuration and those of a predecessor, or everything; time-outs are again as
    /// found. Before the kernel's table is known, anything of that may be in it.
    pub(super) fn clear(&mut self, check: &Check, everything: bool) {
        if !self.synchronised {
            self.dirty.extend(check.tables().virtual_servers.keys());
            self.claim(check);
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
        self.believed.clear();
        self.set_timeouts([0; 3]);
    }

    /// After [`Ipvs::clear`]: whether nothing is left that the kernel was asked to remove.
    pub(super) fn is_clear(&self) -> bool {
        !self.removal_failed
    }

    /// Whether all that was submitted is done.
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
            // Nothing of it was taken: what the kernel has is read again.
            Err(_) => self.synchronised = false,
        }
    }

    /// Takes the writer's answers; statistics go to the rows.
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
                    self.tell(error.to_string(), log);
                    self.synchronised = false;
                }
                Answer::Dumped { token, table: Ok(table) } => {
                    statistics::adopt(&table, check, now);
                    // An older dump says nothing of changes that were submitted after it.
                    if token == self.submitted {
                        self.adopt(table, check);
                    }
                }
            }
        }
        self.answers = answers;
        let made = self.changed - before;
        if made > 0 {
            let all = self.changed;
            log.write(Level::Detail, format_args!("IPVS: {made} changes made, {all} since the start"));
        }
    }

    /// One service that the kernel refuses does not keep the others from being written: all of it is compared at the
    /// next refresh anyway.
    fn refused(&mut self, change: Option<Change>, error: Error, log: &Log) {
        self.failed = true;
        // A kernel without IPVS has no services either.
        let is_removal = matches!(change, Some(Change::DelService(_) | Change::Flush));
        self.removal_failed |= is_removal && !matches!(error, Error::NoIpvs);
        match (error, change) {
            (Error::Refused(refusal), Some(change)) => self.tell(format!("{}: {refusal}", subject(&change)), log),
            (error, _) => {
                self.tell(error.to_string(), log);
                self.synchronised = false;
            }
        }
    }

    /// The kernel's table is known: everything is compared with it.
    fn adopt(&mut self, table: Table, check: &Check) {
        if !std::mem::take(&mut self.failed) {
            self.told.clear();
        }
        self.believed = table.services;
        self.synchronised = true;
        if self.found_and_set.is_none() {
            let found = *self.first_found.get_or_insert(table.timeouts);
            self.found_and_set = Some((found, table.timeouts));
            self.set_timeouts(self.timeouts);
        }
        self.dirty.extend(check.tables().virtual_servers.keys());
        // Services of virtual servers that are gone.
        self.dirty.extend(self.keys.keys());
        self.marked = true;
    }

    /// The same error is told once.
    fn tell(&mut self, text: String, log: &Log) {
        if !self.told.contains(&text) {
            log.error(format_args!("IPVS: {text}; trying again"));
            self.told.insert(text);
        }
    }
}

/// What a change is about, for the log.
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
