//! The machine of all services: dispatches events, schedules checkers, and suspends the checkers of services whose
//! addresses are on another host (`ha_suspend`).
//!
//! It is pure: it takes an event and the time, and produces rows and actions. It reads no clock and does no I/O.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::event::{Action, AttemptId, Change, Event, Output, TimerKey};
use super::rows::{CheckerId, VirtualServer, VirtualServerId};
use super::tables::Tables;
use crate::config::lvs::{CheckerKind, Endpoint, GroupEntry};
use crate::state::Random;
use crate::system::{HasSystem, System};

/// Time from the start to the first attempts, to which a random part of `warmup` is added.
const BOOTSTRAP_DELAY: Duration = Duration::from_secs(1);

/// An attempt that starts later than this after its time is counted.
const LATE: Duration = Duration::from_millis(100);

/// The machine of all services of a process.
#[derive(Debug)]
pub struct Check {
    /// The rows; only the machine writes them.
    pub(super) tables: Tables,
    pub(super) output: Output,
    pub(super) now: Duration,
    pub(super) random: Random,
    /// Services whose wanted destinations have changed since the last event.
    pub(super) dirty: BTreeSet<VirtualServerId>,
    phase: Phase,
}

/// Phase of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before [`Event::Start`]: addresses, files and sessions are recorded, no change is reported.
    Waiting,
    /// Checkers run.
    Running,
    /// Events are ignored.
    Stopped,
}

impl Check {
    /// Creates the machine for the rows of a configuration. It waits for [`Event::Start`]. The seed determines the
    /// random part of `warmup`, DNS ids and UDP payloads.
    pub fn new(tables: Tables, seed: u64) -> Check {
        Check {
            tables,
            output: Output::default(),
            now: Duration::ZERO,
            random: Random::new(seed),
            dirty: BTreeSet::new(),
            phase: Phase::Waiting,
        }
    }

    /// The rows, for the views.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Takes the actions and changes of the events so far.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    /// Time of the last event.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Handles one event. `now` must not go backwards.
    pub fn handle(&mut self, event: Event<'_>, now: Duration) {
        self.now = now;
        if self.phase == Phase::Stopped {
            return;
        }
        match event {
            Event::Start => self.start(),
            Event::Timer(TimerKey::Checker(id)) => self.timer(id),
            Event::Connected(attempt) => self.converse(attempt, |talk, send| talk.connected(send)),
            Event::Received(attempt, octets) => self.converse(attempt, |talk, send| talk.received(octets, send)),
            Event::Closed(attempt) => self.converse(attempt, |talk, _| talk.closed()),
            Event::Failed(attempt, reason) => self.converse(attempt, |talk, _| talk.failed(reason)),
            Event::Looked(attempt, looked) => self.looked(attempt, looked),
            Event::Postponed(attempt) => self.postpone(attempt),
            Event::PingReply(attempt) => self.ping_reply(attempt),
            Event::ScriptEnded(attempt, end) => self.script_ended(attempt, &end),
            Event::FileValue { name, value } => self.file_value(name, value),
            Event::Session { name, up } => self.session_changed(name, up),
            Event::Addresses(addresses) => {
                self.tables.addresses = addresses.into_iter().collect();
                self.addresses_changed();
            }
            Event::AddressPresent(ip) => {
                if self.tables.addresses.insert(ip) {
                    self.addresses_changed();
                }
            }
            Event::AddressGone(ip) => {
                if self.tables.addresses.remove(&ip) {
                    self.addresses_changed();
                }
            }
            Event::VirtualServerStatistics(id, statistics) => {
                if let Some(row) = self.tables.virtual_servers.get_mut(&id) {
                    row.statistics = statistics.into();
                }
            }
            Event::RealServerStatistics(id, statistics) => {
                if let Some(row) = self.tables.real_servers.get_mut(&id) {
                    row.statistics = statistics.into();
                }
            }
            Event::SetWeight(id, weight, by) => self.set_weight(id, weight, by),
            Event::Daemon(daemon) => self.tables.system.learn(*daemon),
            Event::Configure { config, servers } => self.configure(*config, servers),
            Event::Stop => self.stop(),
        }
        if self.phase == Phase::Running {
            let dirty = std::mem::take(&mut self.dirty);
            self.output.actions.extend(dirty.into_iter().map(Action::Reconcile));
        }
    }

    fn start(&mut self) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.tables.system.configured = self.now;
        let changed = self.start_pools(&self.tables.virtual_server_ids());
        self.dirty.extend(self.tables.virtual_servers.keys());
        self.phase = Phase::Running;
        self.report_start(&changed);
        for id in self.tables.virtual_server_ids() {
            let suspended = self.must_suspend(id);
            if let Some(row) = self.tables.virtual_servers.get_mut(&id) {
                row.suspended = suspended;
            }
            if !suspended {
                self.start_checkers(id, BOOTSTRAP_DELAY);
            }
        }
    }

    /// Starts new checkers after a reload.
    pub(super) fn start_new_checkers(&mut self) {
        self.addresses_changed();
        for id in self.tables.virtual_server_ids() {
            if self.tables.virtual_servers.get(&id).is_some_and(|row| !row.suspended) {
                self.start_checkers(id, BOOTSTRAP_DELAY);
            }
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Schedules the first attempts of idle checkers, after `delay` and a random part of `warmup`.
    fn start_checkers(&mut self, of: VirtualServerId, delay: Duration) {
        for id in self.checker_ids(of) {
            let Some(row) = self.tables.checkers.get(&id) else { continue };
            // These checkers are driven by events and make no attempts.
            let passive = matches!(row.config.kind, CheckerKind::File { .. } | CheckerKind::Bfd { .. });
            if passive || row.work.running || row.deadline.is_some() {
                continue;
            }
            let share = self.random.share(row.config.warmup);
            self.schedule(id, self.now + delay + share);
        }
    }

    fn checker_ids(&self, of: VirtualServerId) -> Vec<CheckerId> {
        let rows = self.tables.checkers.range(((of, 0), 0)..=((of, u32::MAX), u32::MAX));
        rows.map(|(id, _)| *id).collect()
    }

    fn timer(&mut self, id: CheckerId) {
        let Some(row) = self.tables.checkers.get_mut(&id) else { return };
        let Some(deadline) = row.deadline.take_if(|deadline| *deadline <= self.now) else { return };
        if row.work.running {
            let attempt = AttemptId { checker: id, number: row.attempt };
            self.converse(attempt, |talk, _| Some(talk.expired()));
        } else {
            if self.now.saturating_sub(deadline) > LATE {
                self.tables.late = self.tables.late.wrapping_add(1);
            }
            self.start_attempt(id);
        }
    }

    fn stop(&mut self) {
        for id in self.tables.virtual_server_ids() {
            self.cancel_checkers(id);
        }
        self.stop_pools();
        self.phase = Phase::Stopped;
    }

    fn cancel_checkers(&mut self, of: VirtualServerId) {
        for id in self.checker_ids(of) {
            self.cancel(id);
        }
    }

    /// Suspends and resumes checkers for `ha_suspend`: they are suspended while no address of the service is on this host.
    fn addresses_changed(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        let following = self.tables.virtual_servers.iter().filter(|(_, row)| row.config.ha_suspend || row.suspended);
        let ids: Vec<_> = following.map(|(id, row)| (*id, row.suspended)).collect();
        for (id, was_suspended) in ids {
            let suspended = self.must_suspend(id);
            if suspended == was_suspended {
                continue;
            }
            if let Some(row) = self.tables.virtual_servers.get_mut(&id) {
                row.suspended = suspended;
            }
            self.change(Change::Suspended { id, suspended });
            if suspended {
                self.cancel_checkers(id);
            } else {
                self.start_checkers(id, Duration::ZERO);
            }
        }
    }

    fn must_suspend(&self, id: VirtualServerId) -> bool {
        let Some(row) = self.tables.virtual_servers.get(&id).filter(|row| row.config.ha_suspend) else { return false };
        !self.has_address_of(row)
    }

    fn has_address_of(&self, row: &VirtualServer) -> bool {
        let here = &self.tables.addresses;
        match &row.config.endpoint {
            Endpoint::Address(address) => here.contains(&address.ip()),
            Endpoint::FwMark(..) => true,
            Endpoint::Group(_) => {
                let mut addresses =
                    self.tables.members_of(row).filter(|entry| !matches!(entry, GroupEntry::FwMark(..)));
                let is_here = |entry| match entry {
                    GroupEntry::Address(address) => here.contains(&address.ip()),
                    GroupEntry::Range(first, last, _) => here.iter().any(|ip| within(*ip, first, last)),
                    GroupEntry::FwMark(..) => false,
                };
                // A group with firewall marks only has no addresses and is never suspended.
                addresses.next().is_none_or(|first| is_here(first) || addresses.any(is_here))
            }
        }
    }

    pub(super) fn schedule(&mut self, id: CheckerId, at: Duration) {
        self.set_timer(id, Some(at));
    }

    pub(super) fn set_timer(&mut self, id: CheckerId, at: Option<Duration>) {
        if let Some(row) = self.tables.checkers.get_mut(&id) {
            row.deadline = at;
            self.output.actions.push(Action::Timer(TimerKey::Checker(id), at));
        }
    }

    /// Reports a change to the views, except before the start.
    pub(super) fn change(&mut self, change: Change) {
        if self.phase == Phase::Running {
            self.output.changes.push(change);
        }
    }
}

impl HasSystem for Check {
    fn system(&self) -> &System {
        &self.tables.system
    }
}

fn within(ip: IpAddr, first: IpAddr, last: IpAddr) -> bool {
    ip.is_ipv4() == first.is_ipv4() && (first..=last).contains(&ip)
}
