//! Test fixtures: a LAN of routers in virtual time. Each router has the machine, a simulated kernel and one interface.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

pub use super::fixtures::{EPOCH, IFINDEX, OTHER, address, config, group, instance, kernel_address, ms};
use super::simulated::Request;
pub use super::simulated::{Entry, Packet, Router};
use crate::config::model::Config;
use crate::state::{Done, Object, Op};
use crate::track::ScriptEnd;
use crate::vrrp::{
    Action, AddressId, Change, Checkpoint, Event, Interface, KernelAddress, ObjectId, OwnLinkId, State, Tables, Vrrp,
    WantedLink,
};

/// Routers on one LAN.
pub struct Lan {
    pub now: Duration,
    pub routers: Vec<Router>,
    /// Probability in 1/256 that a receiver misses an advert.
    pub loss: u8,
    pub random: u64,
}

impl Lan {
    /// Starts one router for each configuration, with the addresses 10.0.0.1, 10.0.0.2 and so on.
    pub fn new(configs: Vec<Config>) -> Lan {
        let mut lan = Lan { now: ms(1000), routers: Vec::new(), loss: 0, random: 0x9e37_79b9_7f4a_7c15 };
        for config in configs {
            lan.add(config);
        }
        lan
    }

    pub fn add(&mut self, config: Config) -> usize {
        self.add_with(config, BTreeMap::new())
    }

    /// Starts a router whose scripts have these exit statuses from the first run on.
    pub fn add_with(&mut self, config: Config, exits: BTreeMap<u32, Option<i32>>) -> usize {
        self.add_resumed(config, &Checkpoint::default(), exits)
    }

    /// Starts a router whose process resumes from a checkpoint.
    pub fn add_resumed(&mut self, config: Config, checkpoint: &Checkpoint, exits: BTreeMap<u32, Option<i32>>) -> usize {
        let ip = IpAddr::from([10, 0, 0, u8::try_from(self.routers.len() + 1).unwrap()]);
        let mut vrrp = Vrrp::new(Tables::new(config, "test".into()));
        vrrp.resume(checkpoint);
        self.routers.push(Router {
            vrrp,
            ip,
            clock_ahead: 0,
            timers: BTreeMap::new(),
            kernel: BTreeSet::new(),
            host: BTreeSet::from([(ip, 24)]),
            marks: true,
            routing: Vec::new(),
            refuses_routing: None,
            requests: Vec::new(),
            spared: Vec::new(),
            refuses_addresses: None,
            mtu: 1500,
            vmacs: BTreeMap::new(),
            second: None,
            refuses_links: false,
            firewall: Vec::new(),
            on_vmac: BTreeMap::new(),
            next_index: 10,
            changes: Vec::new(),
            announced: Vec::new(),
            sent: Vec::new(),
            sealed: Vec::new(),
            save: false,
            alive: true,
            isolated: false,
            lags: false,
            late: Vec::new(),
            answers: VecDeque::new(),
            kernel_delay: ms(1),
            exits,
            runs: Vec::new(),
            vmac_delays: VecDeque::new(),
        });
        let at = self.routers.len() - 1;
        self.start(at);
        at
    }

    /// Starts the process of a router (again). Its kernel keeps addresses and VMACs.
    pub fn start(&mut self, at: usize) {
        let router = &self.routers[at];
        let vmacs = router.vmacs.keys().map(|index| router.vmac(*index));
        let links = std::iter::once(router.link(true)).chain(router.second.clone()).chain(vmacs).collect();
        self.snapshot(at, links);
        self.event(at, Event::Start);
    }

    /// A replacement of the process begins and sends adverts, but does not live: the process, which has kept still, continues.
    pub fn continue_instead_of_replacement(&mut self, at: usize, config: Config) {
        let (checkpoint, timers) = (self.routers[at].vrrp.checkpoint(), std::mem::take(&mut self.routers[at].timers));
        let replacement = Vrrp::new(Tables::new(config, "test".into()));
        let former = std::mem::replace(&mut self.routers[at].vrrp, replacement);
        self.routers[at].vrrp.resume(&checkpoint);
        self.start(at);
        self.run(ms(2000));
        self.routers[at].timers.clear();
        self.run(ms(5));
        (self.routers[at].vrrp, self.routers[at].timers) = (former, timers);
        self.routers[at].vrrp.pass_over_numbers();
    }

    /// The kernel reports all it has.
    pub fn snapshot(&mut self, at: usize, links: Vec<Interface>) {
        let (mut routes, mut rules) = (Vec::new(), Vec::new());
        for entry in self.routers[at].routing.clone() {
            match entry {
                Entry::Route(route) => routes.push(route),
                Entry::Rule(rule) => rules.push(rule),
            }
        }
        self.event(at, Event::Routing { routes, rules });
        self.event(at, Event::Interfaces(links));
    }

    /// Xorshift, so that a seed always gives the same run.
    pub fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Handles an event in a router and carries out the resulting actions.
    pub fn event(&mut self, at: usize, event: Event<'_>) {
        let utc = Duration::from_secs(EPOCH.saturating_add_signed(self.routers[at].clock_ahead)) + self.now;
        self.routers[at].vrrp.handle(Event::Clock(utc), self.now);
        self.routers[at].vrrp.handle(event, self.now);
        self.carry_out(at);
    }

    fn carry_out(&mut self, at: usize) {
        let output = self.routers[at].vrrp.take_output();
        let now = self.now;
        let router = &mut self.routers[at];
        router.save |= output.save || !output.changes.is_empty();
        router.changes.extend(output.changes.into_iter().map(|change| (now, change)));
        let mut wire = Vec::new();
        for action in output.actions {
            match action {
                Action::Send { source, ttl, messages, seal, .. } => {
                    router.sealed.extend(seal.map(|seal| seal.sequence));
                    for (destination, payload) in messages {
                        router.sent.push((now, payload.clone()));
                        wire.push(Packet::new(source, destination, ttl, payload, seal));
                    }
                }
                Action::Timer(key, Some(time)) => drop(router.timers.insert(key, time)),
                Action::Timer(key, None) => drop(router.timers.remove(&key)),
                Action::Address(id, op, secondaries) => {
                    router.requests.push((ObjectId::Address(id), op));
                    router.spared.extend((op == Op::Remove).then_some(secondaries));
                    let row = router.vrrp.tables.addresses.get(&id).unwrap();
                    let address = (row.config.ip, row.config.prefix);
                    let request = Request::Address(Some(id), op, address, row.ifindex.unwrap());
                    router.answers.push_back((now + router.kernel_delay, request));
                }
                Action::WithdrawAddress(row, secondaries) => {
                    router.spared.push(secondaries);
                    let address = (row.config.ip, row.config.prefix);
                    let request = Request::Address(None, Op::Remove, address, row.ifindex.unwrap());
                    router.answers.push_back((now + router.kernel_delay, request));
                }
                Action::Route(id, op) => {
                    let id_of = ObjectId::Route(id);
                    router.requests.push((id_of, op));
                    let entry = Entry::of_route(router.vrrp.tables.routes.get(&id).unwrap());
                    router.answers.push_back((now + router.kernel_delay, Request::Routing(Some(id_of), op, entry)));
                }
                Action::WithdrawRoute(row) => {
                    let entry = Entry::of_route(&row);
                    router.answers.push_back((now + router.kernel_delay, Request::Routing(None, Op::Remove, entry)));
                }
                Action::Rule(id, op) => {
                    let id_of = ObjectId::Rule(id);
                    router.requests.push((id_of, op));
                    let entry = Entry::Rule(router.vrrp.tables.rules.get(&id).unwrap().key().unwrap());
                    router.answers.push_back((now + router.kernel_delay, Request::Routing(Some(id_of), op, entry)));
                }
                Action::WithdrawRule(row) => {
                    let entry = Entry::Rule(row.key().unwrap());
                    router.answers.push_back((now + router.kernel_delay, Request::Routing(None, Op::Remove, entry)));
                }
                Action::Firewall(request) => {
                    let answer = Request::Firewall(request.change.family(), request.number);
                    router.answers.push_back((now + router.kernel_delay, answer));
                    router.firewall.push((router.requests.len(), request.change));
                }
                Action::OwnLink { id, op, link } => {
                    let delay = router.vmac_delays.pop_front().unwrap_or(router.kernel_delay);
                    router.answers.push_back((now + delay, Request::OwnLink(id, op, link)));
                }
                Action::Announce(id, count) => router.announced.push((now, id, count)),
                Action::CancelAnnouncements(_) => {}
                Action::RunScript { id, .. } => {
                    router.runs.push((now, id));
                    if let Some(status) = router.exits.get(&id).copied().unwrap_or(Some(0)) {
                        router.answers.push_back((now + router.kernel_delay, Request::Script(id, status)));
                    }
                }
                Action::CancelScript(id) => {
                    router.answers.retain(|(_, request)| !matches!(request, Request::Script(of, _) if *of == id));
                }
            }
        }
        let isolated = router.isolated;
        for packet in wire.iter().filter(|_| !isolated) {
            for other in 0..self.routers.len() {
                let lost = (self.random() & 0xff) < u64::from(self.loss);
                let reached = packet.destination.is_multicast() || packet.destination == self.routers[other].ip;
                if other != at && self.routers[other].alive && !self.routers[other].isolated && reached && !lost {
                    // Each socket receives it.
                    let rows = self.routers[other].vrrp.tables.instances.values();
                    let wires: BTreeSet<u32> = rows.filter_map(|row| row.wire()).collect();
                    for wire in wires {
                        self.event(other, Event::Packet(packet.received(wire)));
                    }
                }
            }
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, next)) = self.next().filter(|(_, next)| *next <= end) {
            self.now = self.now.max(next);
            self.step(at);
        }
        self.now = end;
    }

    fn next(&self) -> Option<(usize, Duration)> {
        let routers = self.routers.iter().enumerate();
        routers.filter_map(|(at, router)| Some((at, router.next()?))).min_by_key(|(at, next)| (*next, *at))
    }

    fn step(&mut self, at: usize) {
        let now = self.now;
        let router = &mut self.routers[at];
        if let Some((_, request)) = router.answers.pop_front_if(|(time, _)| *time <= now) {
            return match request {
                Request::Address(id, op, address, ifindex) => self.answer_address(at, id, op, address, ifindex),
                Request::Routing(id, op, entry) => self.answer_routing(at, id, op, entry),
                Request::OwnLink(id, op, link) => self.answer_vmac(at, id, op, link),
                Request::Firewall(family, number) => {
                    self.event(at, Event::FirewallDone { family, number, result: Ok(()) });
                }
                Request::Script(id, status) => self.event(at, Event::ScriptEnded(id, ScriptEnd::Exited(status))),
            };
        }
        let due = router.timers.iter().filter(|(_, time)| **time <= now).min_by_key(|(_, time)| **time);
        if let Some(key) = due.map(|(key, _)| *key) {
            router.timers.remove(&key);
            self.event(at, Event::Timer(key));
        }
    }

    fn answer_address(&mut self, at: usize, id: Option<AddressId>, op: Op, (ip, prefix): (IpAddr, u8), ifindex: u32) {
        let router = &mut self.routers[at];
        let there = [IFINDEX, OTHER].contains(&ifindex) || router.vmacs.contains_key(&ifindex);
        if let (Some(id), Some(error)) = (id, router.refuses_addresses.clone()) {
            return self.event(at, Event::Done { id: ObjectId::Address(id), op, result: Err(error) });
        }
        let hosts = ifindex == IFINDEX && router.host.contains(&(ip, prefix));
        let changed = match op {
            Op::Add => there && !hosts && router.kernel.insert((ip, prefix)),
            Op::Remove if hosts => router.host.remove(&(ip, prefix)),
            Op::Remove => there && router.kernel.remove(&(ip, prefix)),
        };
        if ifindex != IFINDEX && changed {
            router.on_vmac.insert(ip, ifindex);
        }
        let address = KernelAddress { ifindex, ip, prefix, usable: true, marked: router.marks };
        if changed {
            router.late.push((op, address));
            if !router.lags {
                self.catch_up(at);
            }
        }
        if let Some(id) = id {
            let done = if changed { Done::Changed } else { Done::AlreadySo };
            self.event(at, Event::Done { id: ObjectId::Address(id), op, result: Ok(done) });
        }
    }

    fn answer_routing(&mut self, at: usize, id: Option<ObjectId>, op: Op, entry: Entry) {
        let router = &mut self.routers[at];
        if let (Some(id), Some(error)) = (id, router.refuses_routing.clone()) {
            return self.event(at, Event::Done { id, op, result: Err(error) });
        }
        let changed = self.change_routing(at, op, entry);
        if let Some(id) = id {
            let done = if changed { Done::Changed } else { Done::AlreadySo };
            self.event(at, Event::Done { id, op, result: Ok(done) });
        }
    }

    /// Sets or removes a route or rule, and reports that as the kernel does: a replaced route is not reported as removed.
    pub fn change_routing(&mut self, at: usize, op: Op, entry: Entry) -> bool {
        let routing = &mut self.routers[at].routing;
        let there = routing.contains(&entry);
        if there == (op == Op::Add) {
            return false;
        }
        let before = routing.len();
        routing.retain(|other| *other != entry && !(op == Op::Add && entry.replaces(other)));
        let replaces = op == Op::Add && routing.len() < before;
        if op == Op::Add {
            routing.push(entry.clone());
        }
        self.event(at, entry.event(op, replaces));
        true
    }

    /// Delivers all notifications about addresses that were held back.
    pub fn catch_up(&mut self, at: usize) {
        self.routers[at].lags = false;
        for (op, address) in std::mem::take(&mut self.routers[at].late) {
            let event = if op == Op::Add { Event::AddressAdded(address) } else { Event::AddressGone(address) };
            self.event(at, event);
        }
    }

    fn answer_vmac(&mut self, at: usize, id: Option<OwnLinkId>, op: Op, link: Box<WantedLink>) {
        let router = &mut self.routers[at];
        let found = router.vmacs.iter().find(|(_, there)| there.name == link.name).map(|(index, _)| *index);
        let made = match (op, found) {
            (Op::Add, _) if router.refuses_links => Err("refused".to_owned()),
            (Op::Add, Some(index)) => Ok(index),
            (Op::Add, None) => {
                let index = router.next_index;
                router.next_index += 1;
                router.vmacs.insert(index, (*link).clone());
                let vmac = router.vmac(index);
                self.event(at, Event::Link(vmac));
                if let Some((ip, prefix)) = link.address {
                    let address = KernelAddress { ifindex: index, ip, prefix, usable: true, marked: true };
                    self.event(at, Event::AddressAdded(address));
                }
                Ok(index)
            }
            (Op::Remove, found) => {
                if let Some(index) = found {
                    self.remove_vmac(at, index);
                }
                Ok(found.unwrap_or(0))
            }
        };
        if let Some(id) = id {
            self.event(at, Event::OwnLinkDone { id, op, link, made });
        }
    }

    /// Removes a VMAC with its addresses.
    pub fn remove_vmac(&mut self, at: usize, index: u32) {
        let router = &mut self.routers[at];
        router.vmacs.remove(&index).unwrap();
        let there = std::mem::take(&mut router.on_vmac);
        let (gone, left): (BTreeMap<_, _>, _) = there.into_iter().partition(|(_, on)| *on == index);
        router.on_vmac = left;
        router.kernel.retain(|(ip, _)| !gone.contains_key(ip));
        self.event(at, Event::LinkGone(index));
    }

    /// Removes an address from a router's interface, as another program would.
    pub fn steal(&mut self, at: usize, ip: &str) {
        let ip = ip.parse().unwrap();
        assert!(self.routers[at].kernel.remove(&(ip, 32)));
        self.event(at, Event::AddressGone(kernel_address(ip, 32)));
    }

    /// Sets an address of the host on eth0.
    pub fn host_adds(&mut self, at: usize, ip: &str, prefix: u8) {
        let ip = ip.parse().unwrap();
        self.routers[at].host.insert((ip, prefix));
        self.event(at, Event::AddressAdded(kernel_address(ip, prefix)));
    }

    /// Removes an address of the host from eth0.
    pub fn host_removes(&mut self, at: usize, ip: &str, prefix: u8) {
        let ip = ip.parse().unwrap();
        assert!(self.routers[at].host.remove(&(ip, prefix)));
        self.event(at, Event::AddressGone(kernel_address(ip, prefix)));
    }

    /// Sets the link of a router down or up.
    pub fn set_link(&mut self, at: usize, up: bool) {
        self.routers[at].isolated = !up;
        let link = self.routers[at].link(up);
        self.event(at, Event::Link(link));
    }

    /// Kills the process of a router (`kill -9`). Its kernel keeps the addresses.
    pub fn kill(&mut self, at: usize) {
        self.routers[at].alive = false;
    }

    /// The running routers that are master of an instance.
    pub fn masters(&self, name: &str) -> Vec<usize> {
        let is_master = |at: &usize| self.routers[*at].alive && self.routers[*at].state(name) == State::Master;
        (0..self.routers.len()).filter(is_master).collect()
    }

    /// Time of the first change of an instance to a state, at or after `from`.
    pub fn entered(&self, at: usize, to: State, from: Duration) -> Option<Duration> {
        let entered = |(time, change): &&(Duration, Change)| {
            *time >= from && matches!(change, Change::Instance { to: state, .. } if *state == to)
        };
        self.routers[at].changes.iter().find(entered).map(|(time, _)| *time)
    }
}
