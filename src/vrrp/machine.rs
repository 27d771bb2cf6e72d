//! The state machine of the virtual routers (RFC 9568 section 6.4) and sync groups: dispatch of events, start and stop.
//!
//! It is pure: it takes an event and the time, and produces rows and actions. It reads no clock and does no I/O.

use std::time::Duration;

use super::cause::{Cause, Occasion, Setting};
use super::clock::STEP;
use super::event::{Change, Event, TimerKey};
use super::ids::{GroupId, InstanceId, Owner};
use super::own_link::OwnLink;
use super::routers::Vrrp;
use super::state::State;
use super::transition::GroupMove;
use super::turn::Phase;

impl Vrrp {
    /// Handles one event. `now` must not go backwards.
    pub fn handle(&mut self, event: Event<'_>, now: Duration) {
        self.turn.now = now;
        self.sweep();
        match event {
            Event::Configure(config) => self.configure(*config),
            Event::Start => self.start(),
            Event::Clock(utc) => self.read_clock(utc),
            Event::Packet(packet) => self.receive(packet),
            Event::Timer(TimerKey::Protocol(id)) => self.protocol_timer(id),
            Event::Timer(TimerKey::Announce(id)) => self.announce_timer(id),
            Event::Timer(TimerKey::Retry(id)) => self.retry(id),
            Event::Timer(TimerKey::OwnLink(id)) => self.own_link_timer(id),
            Event::Timer(TimerKey::Firewall) => {}
            Event::Timer(TimerKey::Yield(id)) => self.yield_timer(id),
            Event::Timer(TimerKey::Source(id)) => self.reassess(id),
            Event::Timer(TimerKey::Startup) => self.run(),
            Event::Timer(TimerKey::Script(id)) => self.script_due(id),
            Event::Timer(TimerKey::Processes(id)) => self.processes_settled(id),
            Event::Timer(TimerKey::Flap(id)) => self.flap_expired(id),
            Event::Timer(TimerKey::Link(index)) => self.link_settled(index),
            Event::ScriptEnded(id, end) => self.script_ended(id, end),
            Event::ScriptPostponed(id) => self.script_postponed(id),
            Event::FileRead { name, number } => self.file_read(&name, number),
            Event::ProcessesCounted { name, count } => self.processes_counted(&name, count),
            Event::LinkBeat { name, up } => self.link_beat(&name, up),
            Event::Session { name, up } => self.session_changed(&name, up),
            Event::Interfaces(links) => self.interfaces_known(links),
            Event::Link(link) => self.link_reported(link),
            Event::LinkGone(index) => self.link_gone(index),
            Event::AddressAdded(address) => self.address_added(address),
            Event::AddressGone(address) => self.address_gone(address),
            Event::Done { id, op, result } => self.done(id, op, result),
            Event::Routing { routes, rules } => self.routing_known(routes, rules),
            Event::RouteAdded { route, replaces } => self.route_added(route, replaces),
            Event::RouteGone(route) => self.route_gone(route),
            Event::RuleAdded(rule) => self.rule_added(rule),
            Event::RuleGone(rule) => self.rule_gone(rule),
            Event::OwnLinkDone { id, op, link, made } => self.own_link_done(id, op, &link, made),
            Event::FirewallDone { family, number, result } => self.firewall_done(family, number, result),
            Event::FirewallTouched { family, program } => self.firewall_touched(family, program),
            Event::SetBasePriority(id, priority) => self.set_base_priority(id, priority),
            Event::SetPreempt(id, preempt) => self.set_preempt(id, preempt),
            Event::SetNotifyDeleted(id, notify) => self.set_notify_deleted(id, notify),
            Event::Yield(members, until) => self.yield_up(&members, until),
            Event::TakePart(members) => self.resume_part(&members),
            Event::Announce(id) => self.announce(id),
            Event::Daemon(daemon) => self.tables.system.learn(*daemon),
            Event::ClearCounters => self.clear_counters(),
            Event::Stop { keep_addresses } => self.stop(keep_addresses),
        }
    }

    fn start(&mut self) {
        self.turn.started = true;
        self.tables.system.configured = self.turn.now;
        self.start_counters();
        self.start_scripts();
        self.start_yielded();
        let delay = self.tables.system.global.as_ref().map_or(Duration::ZERO, |global| global.vrrp_startup_delay);
        // A replacement of a process that has run continues at once: its routers would fall silent.
        if delay.is_zero() || self.turn.resumed {
            self.run();
        } else {
            self.turn.set_timer(TimerKey::Startup, Some(self.turn.now + delay));
        }
    }

    /// Takes a reading of the system clock. When the clock was set, instances keep the time of before.
    fn read_clock(&mut self, utc: Duration) {
        let Some(by) = self.turn.clock.read(utc, self.turn.now) else { return };
        let mut keeping = false;
        for (_, row) in self.tables.instances.iter_mut().filter(|(_, row)| row.config.auth_hmac.is_some()) {
            row.hmac.keep_time(by);
            keeping = true;
        }
        if keeping {
            self.turn.output.save = true;
            self.turn.change(Change::ClockSet { by: by / STEP });
        }
    }

    /// Starts all groups and instances whose first state can be decided.
    fn run(&mut self) {
        if self.turn.phase != Phase::Waiting {
            return;
        }
        self.turn.phase = Phase::Running;
        self.touch_firewall();
        self.set_static_wanted(true);
        let groups: Vec<GroupId> = self.tables.groups.keys().copied().collect();
        for id in groups {
            if !self.group_is_undecided(id) {
                self.start_group(id);
            }
        }
        for id in self.tables.instance_ids() {
            let alone = self.router(id).filter(|router| router.row.group.is_none() && !router.is_undecided());
            if let Some(to) = alone.map(|router| router.row.first_state()) {
                self.start_instance(id, to);
            }
        }
    }

    fn set_static_wanted(&mut self, wanted: bool) {
        self.site(Owner::Static).1.set_wanted(Owner::Static, None, wanted);
    }

    fn protocol_timer(&mut self, id: InstanceId) {
        let then = self.router(id).map(|mut router| router.protocol_timer());
        self.move_group_of(id, then.unwrap_or(GroupMove::None));
    }

    fn announce_timer(&mut self, id: InstanceId) {
        if let Some(mut router) = self.router(id) {
            router.announce_timer();
        }
    }

    fn announce(&mut self, id: InstanceId) {
        if let Some(mut router) = self.router(id) {
            router.announce_on_request();
        }
    }

    fn set_base_priority(&mut self, id: InstanceId, priority: u8) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let before = std::mem::replace(&mut row.base_priority, priority);
        self.turn.change(Change::Set { id, what: Setting::BasePriority(before, priority) });
        self.turn.occasion = Occasion::Set(before, priority);
        self.touch_firewall();
        self.reassess(id);
    }

    fn set_preempt(&mut self, id: InstanceId, preempt: bool) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let before = !std::mem::replace(&mut row.nopreempt, !preempt);
        self.turn.change(Change::Set { id, what: Setting::Preempt(before, preempt) });
    }

    fn set_notify_deleted(&mut self, id: InstanceId, notify: bool) {
        let Some(row) = self.tables.instances.get_mut(&id) else { return };
        let before = std::mem::replace(&mut row.config.notify_deleted, notify);
        self.turn.change(Change::Set { id, what: Setting::NotifyDeleted(before, notify) });
    }

    fn clear_counters(&mut self) {
        self.tables.instances.iter_mut().for_each(|(_, row)| row.cleared = row.counters);
        self.turn.output.save = true;
    }

    /// Stops: sends priority 0, removes addresses, and reports the changes, instances before groups.
    fn stop(&mut self, keep_addresses: bool) {
        if std::mem::replace(&mut self.turn.phase, Phase::Stopping) == Phase::Stopping {
            return;
        }
        self.turn.keep = keep_addresses;
        self.turn.set_timer(TimerKey::Startup, None);
        for id in self.tables.instance_ids() {
            if let Some(mut router) = self.router(id) {
                router.resign();
            }
        }
        for id in self.tables.instance_ids() {
            let Some(mut router) = self.router(id) else { continue };
            let from = router.reset();
            if !keep_addresses {
                router.site.set_wanted(Owner::Instance(id), Some(router.row), false);
                self.drop_own_links(id);
            }
            if from != State::Init {
                self.turn.change(Change::Instance { id, from, to: State::Stopped, cause: Cause::Shutdown });
            }
        }
        for (id, group) in self.tables.groups.iter_mut() {
            let from = std::mem::replace(&mut group.state, State::Init);
            if from != State::Init {
                self.turn.change(Change::Group { id: *id, from, to: State::Stopped });
            }
        }
        if !keep_addresses {
            self.set_static_wanted(false);
        }
    }

    /// Whether the kernel has answered all requests after [`Event::Stop`].
    pub fn is_stopped(&self) -> bool {
        self.has_released() && (self.turn.keep || self.tables.firewall.is_gone())
    }

    /// Whether the kernel has answered all requests after [`Event::Stop`], except those for the firewall.
    pub(super) fn has_released(&self) -> bool {
        let mut links = self.tables.instances.values().flat_map(|row| row.links.values());
        self.turn.phase == Phase::Stopping
            && self.tables.addresses.is_settled()
            && self.tables.routes.is_settled()
            && self.tables.rules.is_settled()
            && links.all(OwnLink::is_settled)
    }
}
