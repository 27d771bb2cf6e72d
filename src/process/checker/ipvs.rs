//! The kernel's IPVS table kept equal to what the rows want: read, compare, write the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::check::{self, Check, Event, Statistics, VirtualServerId};
use crate::config::lvs::Protocol;
use crate::kernel::ipvs::{
    Answer, Change, Done, Error, Request, ServiceKey, ServiceRow, Stats, Table, Timeouts, Writer, destination,
    difference, service,
};
use crate::notify::log::Log;
use crate::reactor::clock;

/// Requests that may be under way.
const CAPACITY: usize = 1 << 20;

/// The kernel's table as it should be, and the way there.
pub(super) struct Ipvs {
    writer: Writer,
    /// What the kernel has once all that is submitted is done.
    believed: BTreeMap<ServiceKey, ServiceRow>,
    /// Services of each virtual server, as last wanted.
    keys: BTreeMap<VirtualServerId, Vec<ServiceKey>>,
    dirty: BTreeSet<VirtualServerId>,
    /// Counts submissions, so that a dump is known to be older than a change.
    submitted: u64,
    /// The first dump has come: what is there is known.
    synchronised: bool,
    /// Set before the first dump is asked for.
    flush_first: bool,
    answers: Vec<Answer>,
    told: Option<String>,
    /// Changes the kernel has made, for those who count.
    pub(super) changed: u64,
}

impl Ipvs {
    pub(super) fn start(flush_first: bool, timeouts: [u32; 3]) -> io::Result<Ipvs> {
        let mut ipvs = Ipvs {
            writer: Writer::start(CAPACITY)?,
            believed: BTreeMap::new(),
            keys: BTreeMap::new(),
            dirty: BTreeSet::new(),
            submitted: 0,
            synchronised: false,
            flush_first,
            answers: Vec::new(),
            told: None,
            changed: 0,
        };
        let [tcp, tcp_fin, udp] = timeouts;
        if timeouts != [0; 3] {
            ipvs.submit(vec![Change::SetTimeouts(Timeouts { tcp, tcp_fin, udp })]);
        }
        Ok(ipvs)
    }

    /// A service's rows have changed.
    pub(super) fn mark(&mut self, id: VirtualServerId) {
        self.dirty.insert(id);
    }

    /// Reads the kernel's table, for statistics and to put right what an outsider has changed.
    pub(super) fn refresh(&mut self) {
        if std::mem::take(&mut self.flush_first) {
            self.submit(vec![Change::Flush]);
        }
        if self.writer.submit(vec![Request::Dump(self.submitted)]).is_err() {
            // The writer is far behind; the next refresh comes anyway.
            self.told = None;
        }
    }

    /// Writes what marked services lack. Nothing is written before the kernel's table is known.
    pub(super) fn reconcile(&mut self, check: &Check) {
        if !self.synchronised || self.dirty.is_empty() {
            return;
        }
        let mut changes = Vec::new();
        for id in std::mem::take(&mut self.dirty) {
            let wanted = wanted(check, id);
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
        self.submit(changes);
    }

    /// Removes all services of the configuration, or everything.
    pub(super) fn clear(&mut self, everything: bool) {
        self.dirty.clear();
        let keys = std::mem::take(&mut self.keys).into_values().flatten();
        let changes = if everything { vec![Change::Flush] } else { keys.map(Change::DelService).collect() };
        self.submit(changes);
        self.believed.clear();
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
        let requests = changes.into_iter().map(|change| Request::Change(self.submitted, change)).collect();
        if self.writer.submit(requests).is_err() {
            // Nothing of it was taken: what the kernel has is read again.
            self.synchronised = false;
        }
    }

    /// Takes the writer's answers; statistics go to the rows.
    pub(super) fn turn(&mut self, check: &mut Check, log: &Log) {
        let mut answers = std::mem::take(&mut self.answers);
        self.writer.results(&mut answers);
        for answer in answers.drain(..) {
            match answer {
                Answer::Changed { outcome: Ok(Done::Changed), .. } => self.changed += 1,
                Answer::Changed { outcome: Ok(Done::AlreadySo), .. } => {}
                Answer::Changed { outcome: Err(error), .. } | Answer::Dumped { table: Err(error), .. } => {
                    self.tell(&error, log);
                    self.synchronised = false;
                }
                Answer::Dumped { token, table: Ok(table) } => {
                    statistics(&table, check);
                    // An older dump says nothing of changes that were submitted after it.
                    if token == self.submitted {
                        self.adopt(table, check);
                    }
                }
            }
        }
        self.answers = answers;
    }

    /// The kernel's table is known: everything is compared with it.
    fn adopt(&mut self, table: Table, check: &Check) {
        self.told = None;
        self.believed = table.services;
        self.synchronised = true;
        self.dirty.extend(check.tables.virtual_servers.keys());
        // Services of virtual servers that are gone.
        self.dirty.extend(self.keys.keys());
    }

    /// The same error is told once.
    fn tell(&mut self, error: &Error, log: &Log) {
        let text = error.to_string();
        if self.told.as_ref() != Some(&text) {
            log.error(format_args!("IPVS: {text}; trying again"));
            self.told = Some(text);
        }
    }
}

impl AsRawFd for Ipvs {
    fn as_raw_fd(&self) -> RawFd {
        self.writer.as_raw_fd()
    }
}

fn kernel_key(key: check::ServiceKey) -> ServiceKey {
    match key {
        check::ServiceKey::Address(address, protocol) => {
            let protocol = match protocol {
                Protocol::Tcp => 6,
                Protocol::Udp => 17,
                Protocol::Sctp => 132,
            };
            ServiceKey::Address { protocol, ip: address.ip(), port: address.port() }
        }
        check::ServiceKey::FwMark(mark, family) => ServiceKey::FwMark { mark, family },
    }
}

/// The services of a virtual server with their destinations.
fn wanted(check: &Check, id: VirtualServerId) -> BTreeMap<ServiceKey, ServiceRow> {
    let (services, destinations) = check::wanted(&check.tables, id);
    let row = |wanted: check::Service<'_>| {
        let key = kernel_key(wanted.key);
        let mut row = ServiceRow::from(service(wanted.config, key));
        for to in &destinations {
            row.insert(destination(&key, to.address, to.method, to.weight, to.upper_threshold, to.lower_threshold));
        }
        (key, row)
    };
    services.into_iter().map(row).collect()
}

/// Statistics of a dump, summed over the services of each virtual server.
fn statistics(table: &Table, check: &mut Check) {
    let now = clock::now();
    for id in check.tables.virtual_server_ids() {
        let keys: Vec<ServiceKey> =
            check::wanted(&check.tables, id).0.into_iter().map(|service| kernel_key(service.key)).collect();
        let rows: Vec<&ServiceRow> = keys.iter().filter_map(|key| table.services.get(key)).collect();
        let mut sum = Statistics::default();
        for row in &rows {
            add(&mut sum, &row.stats);
        }
        check.handle(Event::VirtualServerStatistics(id, sum), now);
        for server in check.tables.real_server_ids(id) {
            let Some(row) = check.tables.real_servers.get(&server) else { continue };
            let (address, method) = (row.address(), row.method());
            let mut sum = Statistics::default();
            for row in &rows {
                let key = destination(&row.service.key, address, method, 0, 0, 0).key;
                let Some(row) = row.destinations.get(&key) else { continue };
                add(&mut sum, &row.stats);
                sum.active = sum.active.saturating_add(row.active);
                sum.inactive = sum.inactive.saturating_add(row.inactive);
                sum.persistent = sum.persistent.saturating_add(row.persistent);
            }
            check.handle(Event::RealServerStatistics(server, sum), now);
        }
    }
}

fn add(sum: &mut Statistics, stats: &Stats) {
    sum.connections += stats.connections;
    sum.in_packets += stats.packets_in;
    sum.out_packets += stats.packets_out;
    sum.in_bytes += stats.octets_in;
    sum.out_bytes += stats.octets_out;
    sum.connection_rate += stats.connection_rate;
    sum.in_packet_rate += stats.packet_rate_in;
    sum.out_packet_rate += stats.packet_rate_out;
    sum.in_byte_rate += stats.octet_rate_in;
    sum.out_byte_rate += stats.octet_rate_out;
}

/// How often the kernel's table is read.
pub(super) fn refresh_interval(check: &Check) -> Duration {
    let lvs = &check.tables.lvs;
    lvs.vs_stats_interval.min(lvs.rs_stats_interval).max(Duration::from_millis(500))
}
