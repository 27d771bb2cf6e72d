//! The state machine of the virtual routers (RFC 9568 section 6.4) and its sync groups.
//!
//! Pure: an event and a time in, rows and actions out. It reads no clock and does no I/O.

use std::net::IpAddr;
use std::time::Duration;

use super::cause::{Cause, Occasion, Setting};
use super::counters::Counters;
use super::event::{Action, Change, Event, Output, TimerKey};
use super::held::Held;
use super::ids::{GroupId, InstanceId};
use super::rows::Instance;
use super::sequence_blocks::another_block;
use super::state::State;
use super::tables::Tables;
use crate::config::model::{Authentication, Family, Version};
use crate::system::{HasSystem, System};
use crate::wire::ah;
use crate::wire::vrrp::{AUTH_AH, AUTH_NONE, AUTH_PASS, Advertisement, Checksum, VersionFields};

/// All virtual routers of a process.
#[derive(Debug)]
pub struct Vrrp {
    /// The rows; only the machines write them.
    pub(super) tables: Tables,
    pub(super) output: Output,
    pub(super) now: Duration,
    pub(super) phase: Phase,
    /// [`Event::Start`] has come: scripts run.
    pub(super) started: bool,
    /// Removed instances whose rows the views may still want to see.
    pub(super) retired: Vec<InstanceId>,
    /// What a predecessor has left, until the interfaces are known.
    pub(super) inherited: Held,
    /// What the present event is, for changes that it causes.
    pub(super) occasion: Occasion,
    /// When the kernel last answered a request for a VMAC.
    pub(super) vmac_progress: Duration,
}

/// Where the whole process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The interfaces are not yet known, or `vrrp_startup_delay` runs.
    Waiting,
    /// Instances take part.
    Running,
    /// Priority 0 has been sent; addresses go.
    Stopping,
}

impl HasSystem for Vrrp {
    fn system(&self) -> &System {
        &self.tables.system
    }
}

impl Vrrp {
    /// Machines over the rows of a configuration; they wait for [`Event::Interfaces`] and [`Event::Start`].
    pub fn new(tables: Tables) -> Vrrp {
        Vrrp {
            tables,
            output: Output::default(),
            now: Duration::ZERO,
            phase: Phase::Waiting,
            started: false,
            retired: Vec::new(),
            inherited: Held::default(),
            occasion: Occasion::default(),
            vmac_progress: Duration::ZERO,
        }
    }

    /// The rows, for the views.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Hands over what the events so far have produced.
    pub fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    /// Time of the last event.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Takes one event. `now` never goes backwards.
    pub fn handle(&mut self, event: Event<'_>, now: Duration) {
        self.now = now;
        self.sweep();
        match event {
            Event::Configure(config) => self.configure(*config),
            Event::Start => self.start(),
            Event::Packet(packet) => self.receive(packet),
            Event::Timer(TimerKey::Protocol(id)) => self.protocol_timer(id),
            Event::Timer(TimerKey::Announce(id)) => self.announce_timer(id),
            Event::Timer(TimerKey::RetryAddress(id)) => self.retry_address(id),
            Event::Timer(TimerKey::Vmac(id)) => self.vmac_timer(id),
            Event::Timer(TimerKey::Source(id)) => self.reassess(id),
            Event::Timer(TimerKey::Startup) => self.run(),
            Event::Timer(TimerKey::Script(id)) => self.script_due(id),
            Event::Timer(TimerKey::Processes(id)) => self.processes_settled(id),
            Event::Timer(TimerKey::Flap(id)) => self.flap_expired(id),
            Event::ScriptEnded(id, end) => self.script_ended(id, end),
            Event::ScriptPostponed(id) => self.script_postponed(id),
            Event::FileRead { name, number } => self.file_read(&name, number),
            Event::ProcessesCounted { name, count } => self.processes_counted(&name, count),
            Event::Session { name, up } => self.session_changed(&name, up),
            Event::Interfaces(links) => self.interfaces_known(links),
            Event::Link(link) => self.link_changed(link),
            Event::LinkGone(index) => self.link_gone(index),
            Event::AddressAdded(address) => self.address_added(address),
            Event::AddressGone(address) => self.address_gone(address),
            Event::AddressDone { id, op, result } => self.address_done(id, op, result),
            Event::VmacDone { id, op, link, made } => self.vmac_done(id, op, &link, made),
            Event::SetBasePriority(id, priority) => self.set_base_priority(id, priority),
            Event::SetPreempt(id, preempt) => self.set_preempt(id, preempt),
            Event::SetNotifyDeleted(id, notify) => self.set_notify_deleted(id, notify),
            Event::ClearCounters => self.clear_counters(),
            Event::Stop { keep_addresses } => self.stop(keep_addresses),
        }
    }

    fn start(&mut self) {
        self.started = true;
        self.start_scripts();
        let delay = self.tables.system.global.as_ref().map_or(Duration::ZERO, |global| global.vrrp_startup_delay);
        if delay.is_zero() {
            self.run();
        } else {
            self.set_timer(TimerKey::Startup, Some(self.now + delay));
        }
    }

    /// Leaves the initial state, groups as a whole.
    fn run(&mut self) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.phase = Phase::Running;
        self.reconcile_static();
        let groups: Vec<GroupId> = self.tables.groups.keys().copied().collect();
        for id in groups {
            if !self.group_awaits(id) {
                self.start_group(id);
            }
        }
        for id in self.tables.instance_ids() {
            let Some(row) = self.tables.instances.get(&id).filter(|row| row.group.is_none()) else { continue };
            if self.awaits(id) {
                continue;
            }
            let to = row.first_state();
            self.start_instance(id, to);
        }
    }

    /// First transition of an instance, out of Init.
    pub(super) fn start_instance(&mut self, id: InstanceId, to: State) {
        match to {
            State::Master => {
                let resumes = self.tables.instances.get(&id).is_some_and(|row| row.resumes_master);
                self.enter_master(id, if resumes { Cause::Resumed } else { Cause::Owner });
            }
            State::Fault => {
                let cause = self.fault_cause(id);
                self.enter_fault(id, cause);
            }
            _ => {
                // Also with `state MASTER`: without owning the addresses it may not be the only one.
                let Some(row) = self.tables.instances.get(&id) else { return };
                let wait = row.down_interval();
                self.enter_backup(id, wait, Cause::Startup);
            }
        }
    }

    fn protocol_timer(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        if row.deadline.is_none_or(|deadline| deadline > self.now) {
            return;
        }
        match row.state {
            State::Master if row.sequence >= ah::LAST_SEQUENCE => self.yield_to(id, Cause::SequenceExhausted),
            State::Master => {
                self.send_advert(id);
                self.arm_advert(id);
            }
            State::Backup => self.want_master(id),
            _ => {}
        }
    }

    /// Next advert one interval after the last was due, so that intervals do not drift; late ones are not made up for.
    fn arm_advert(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let interval = row.config.advert_interval;
        let on_time = row.deadline.map_or(self.now + interval, |due| due + interval);
        let at = if on_time > self.now { on_time } else { self.now + interval };
        row.deadline = Some(at);
        self.set_timer(TimerKey::Protocol(id), Some(at));
    }

    /// The down timer ran out. Alone, an instance becomes master; in a group all of its members must want it.
    fn want_master(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        row.wanted = State::Master;
        let cause = row.takeover.clone();
        match row.group {
            None => self.enter_master(id, cause),
            Some(group) => self.group_member_wants_master(group, id, cause),
        }
    }

    /// Adverts first, then addresses: the actions of this event keep that order.
    pub(super) fn enter_master(&mut self, id: InstanceId, cause: Cause) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let from = std::mem::replace(&mut row.state, State::Master);
        row.perhaps_second = cause == Cause::Silence && row.master.is_some();
        row.wanted = State::Master;
        row.since = self.now;
        row.master_interval = row.config.advert_interval;
        row.preempt_at = None;
        row.deadline = None;
        row.counters.become_master += 1;
        row.complaints.another_master();
        let before = row.sequence;
        row.sequence = before.max(std::mem::take(&mut row.reserved_sequence));
        if row.sequence >= ah::LAST_SEQUENCE {
            row.sequence = 0;
        }
        self.output.save |= another_block(before, row.sequence);
        self.send_advert(id);
        self.arm_advert(id);
        self.change(Change::Instance { id, from, to: State::Master, cause });
        self.hold_addresses(id, true);
        self.start_announcements(id);
    }

    /// `wait` is the time until the instance wants to be master.
    pub(super) fn enter_backup(&mut self, id: InstanceId, wait: Duration, cause: Cause) {
        let deadline = self.now + wait;
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let from = std::mem::replace(&mut row.state, State::Backup);
        row.wanted = State::Backup;
        row.since = self.now;
        row.preempt_at = None;
        row.takeover = Cause::Silence;
        row.deadline = Some(deadline);
        row.counters.release_master += u64::from(from == State::Master);
        self.set_timer(TimerKey::Protocol(id), Some(deadline));
        self.stop_announcements(id);
        self.change(Change::Instance { id, from, to: State::Backup, cause });
        self.hold_addresses(id, false);
    }

    pub(super) fn enter_fault(&mut self, id: InstanceId, cause: Cause) {
        let Some(row) = self.tables.instances.get(&id) else { return };
        if row.state == State::Master {
            self.send_priority_zero(id);
        }
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let from = std::mem::replace(&mut row.state, State::Fault);
        row.wanted = State::Fault;
        row.since = self.now;
        row.preempt_at = None;
        row.deadline = None;
        row.master = None;
        row.counters.release_master += u64::from(from == State::Master);
        self.set_timer(TimerKey::Protocol(id), None);
        self.stop_announcements(id);
        self.change(Change::Instance { id, from, to: State::Fault, cause });
        self.hold_addresses(id, false);
    }

    /// Out of fault: backup with the full timer and nothing learnt.
    pub(super) fn leave_fault(&mut self, id: InstanceId) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        row.master_interval = row.config.advert_interval;
        let wait = row.down_interval();
        self.enter_backup(id, wait, Cause::Recovered);
    }

    fn set_base_priority(&mut self, id: InstanceId, priority: u8) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let before = std::mem::replace(&mut row.base_priority, priority);
        self.change(Change::Set { id, what: Setting::BasePriority(before, priority) });
        self.occasion = Occasion::Set(before, priority);
        self.reassess(id);
    }

    fn set_preempt(&mut self, id: InstanceId, preempt: bool) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let before = !std::mem::replace(&mut row.nopreempt, !preempt);
        self.change(Change::Set { id, what: Setting::Preempt(before, preempt) });
    }

    fn set_notify_deleted(&mut self, id: InstanceId, notify: bool) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let before = std::mem::replace(&mut row.config.notify_deleted, notify);
        self.change(Change::Set { id, what: Setting::NotifyDeleted(before, notify) });
    }

    fn clear_counters(&mut self) {
        self.tables.instances.iter_mut().for_each(|(_, row)| row.counters = Counters::default());
    }

    /// Priority 0, addresses away, notifications: instances first, then their groups.
    fn stop(&mut self, keep_addresses: bool) {
        if std::mem::replace(&mut self.phase, Phase::Stopping) == Phase::Stopping {
            return;
        }
        self.set_timer(TimerKey::Startup, None);
        for id in self.tables.instance_ids() {
            let Some(row) = self.tables.instances.get_mut(&id) else { continue };
            let from = row.state;
            row.deadline = None;
            if from == State::Master {
                row.counters.release_master += 1;
                self.send_priority_zero(id);
            }
        }
        for id in self.tables.instance_ids() {
            let Some(row) = self.tables.instances.get_mut(&id) else { continue };
            let from = std::mem::replace(&mut row.state, State::Init);
            row.wanted = State::Init;
            self.set_timer(TimerKey::Protocol(id), None);
            self.stop_announcements(id);
            if !keep_addresses {
                self.hold_addresses(id, false);
                self.drop_vmac(id);
            }
            if from != State::Init {
                self.change(Change::Instance { id, from, to: State::Stopped, cause: Cause::Shutdown });
            }
        }
        let mut groups = Vec::new();
        for (id, group) in self.tables.groups.iter_mut() {
            groups.push((*id, std::mem::replace(&mut group.state, State::Init)));
        }
        for (id, from) in groups.into_iter().filter(|(_, from)| *from != State::Init) {
            self.change(Change::Group { id, from, to: State::Stopped });
        }
        if !keep_addresses {
            self.drop_static();
        }
    }

    /// After [`Event::Stop`]: whether the kernel has done all it was asked for, or refused it.
    pub fn is_stopped(&self) -> bool {
        let settled =
            |row: &super::rows::Address| row.pending.is_none() && (row.refused || !row.is_held() || row.wanted);
        let vmacs = self.tables.instances.values().filter_map(|row| row.vmac.as_ref());
        self.phase == Phase::Stopping
            && self.tables.addresses.values().all(settled)
            && vmacs.into_iter().all(super::vmac_row::Vmac::is_settled)
    }

    /// Sends an advert with the present priority.
    pub(super) fn send_advert(&mut self, id: InstanceId) {
        if let Some(row) = self.tables.instances.get_mut(&id) {
            let priority = row.priority;
            row.counters.adverts_sent += 1;
            self.send(id, priority);
        }
    }

    pub(super) fn send_priority_zero(&mut self, id: InstanceId) {
        if let Some(row) = self.tables.instances.get_mut(&id) {
            row.counters.priority_zero_sent += 1;
            row.counters.adverts_sent += 1;
            self.send(id, 0);
        }
    }

    fn send(&mut self, id: InstanceId, priority: u8) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let (Some(ifindex), Some(source)) = (row.wire(), row.source) else { return };
        let seal = match row.config.authentication {
            // Those left over would be refused: numbers never go back.
            Some(Authentication::Ah(_)) if row.sequence >= ah::LAST_SEQUENCE => return,
            Some(Authentication::Ah(key)) => {
                let sequence = row.sequence + 1;
                self.output.save |= another_block(row.sequence, sequence);
                row.sequence = sequence;
                Some(ah::Seal { key, sequence })
            }
            _ => None,
        };
        let message = |destination: &IpAddr| (*destination, advert_bytes(row, priority, source, *destination));
        let messages = row.destinations().iter().map(message).collect();
        let ttl = row.config.unicast.as_ref().map_or(u8::MAX, |unicast| unicast.ttl);
        self.output.actions.push(Action::Send { instance: id, ifindex, source, ttl, messages, seal });
    }

    pub(super) fn set_timer(&mut self, key: TimerKey, at: Option<Duration>) {
        self.output.actions.push(Action::Timer(key, at));
    }

    pub(super) fn change(&mut self, change: Change) {
        self.output.changes.push(change);
    }
}

fn advert_bytes(row: &Instance, priority: u8, source: IpAddr, destination: IpAddr) -> Vec<u8> {
    let config = &row.config;
    let version = match config.version {
        Version::V2 => {
            let (auth_type, auth_data) = match config.authentication {
                Some(Authentication::Pass(password)) => (AUTH_PASS, password),
                Some(Authentication::Ah(_)) => (AUTH_AH, [0; 8]),
                None => (AUTH_NONE, [0; 8]),
            };
            let interval_seconds = u8::try_from(config.advert_interval.as_secs()).unwrap_or(u8::MAX);
            VersionFields::V2 { interval_seconds, auth_type, auth_data }
        }
        Version::V3 => {
            let centiseconds = config.advert_interval.as_millis() / 10;
            let checksum = match config.family {
                Family::V4 if config.v3_checksum_as_v2 => Checksum::Message,
                _ => Checksum::PseudoHeader,
            };
            VersionFields::V3 { interval_centiseconds: u16::try_from(centiseconds).unwrap_or(0x0fff), checksum }
        }
    };
    let addresses: Vec<IpAddr> = row.carried().iter().map(|address| address.ip).collect();
    let destination = if row.sends_old_checksum() { config.group } else { destination };
    Advertisement { vrid: config.vrid, priority, version, addresses: &addresses }.to_bytes(source, destination)
}
