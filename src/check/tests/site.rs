//! Test fixture: a site in virtual time with the machine, simulated real servers and a simulated kernel.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use crate::check::http::Looked;
use crate::check::ipvs;
use crate::check::{
    Action, AttemptId, Cause, Change, Check, CheckerId, Event, QuorumStatus, RealServerId, ScriptEnd, Tables, TimerKey,
    Transport, VirtualServerId,
};
use crate::config::lvs::{
    Checker, CheckerKind, Endpoint, Lvs, Method, MiscCheck, Protocol, RealServer, Scheduler, SorryServer, Target,
    Timing, VirtualServer,
};
use crate::config::model::Script;

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn target(address: &str) -> Target {
    address.parse::<SocketAddr>().unwrap().into()
}

/// A checker with an interval of 10 s, a timeout of 2 s, one retry after 1 s, and no warmup.
pub fn checker(kind: CheckerKind) -> Checker {
    Checker {
        delay_loop: secs(10),
        timeout: secs(2),
        retry: 1,
        delay_before_retry: secs(1),
        warmup: Duration::ZERO,
        alpha: false,
        log_all_failures: false,
        kind,
    }
}

pub fn misc(name: &str, dynamic: bool) -> Checker {
    let script = Script { argv: vec![name.into()], user: None };
    let mut checker = checker(CheckerKind::Misc(Box::new(MiscCheck { script, run_limit: secs(10), dynamic })));
    checker.retry = 0;
    checker
}

const TIMING: Timing = Timing {
    delay_loop: Duration::from_secs(10),
    connect_timeout: Duration::from_secs(2),
    retry: None,
    delay_before_retry: None,
    warmup: Some(Duration::ZERO),
};

/// A real server with weight 1 and a TCP_CHECK of its own address.
pub fn server(address: &str) -> RealServer {
    RealServer {
        address: address.parse().unwrap(),
        weight: 1,
        method: Method::Nat,
        upper_threshold: 0,
        lower_threshold: 0,
        inhibit: false,
        notify_up: None,
        notify_down: None,
        alpha: false,
        smtp_alert: false,
        virtual_host: None,
        snmp_name: None,
        timing: None,
        checkers: vec![checker(CheckerKind::Tcp(target(address)))],
    }
}

pub fn sorry(address: &str) -> SorryServer {
    SorryServer { address: address.parse().unwrap(), method: Method::Nat, inhibit: false }
}

/// The service 10.0.0.1:80 over TCP with quorum 1.
pub fn service(real_servers: Vec<RealServer>) -> VirtualServer {
    VirtualServer {
        endpoint: Endpoint::Address("10.0.0.1:80".parse().unwrap()),
        protocol: Some(Protocol::Tcp),
        scheduler: Scheduler::Wlc,
        scheduler_flags: [false; 3],
        hashed: false,
        one_packet: false,
        method: Method::Nat,
        persistence: None,
        granularity: None,
        persistence_engine: None,
        virtual_host: None,
        snmp_name: None,
        timing: TIMING,
        weight: 1,
        alpha: false,
        omega: false,
        ha_suspend: false,
        quorum: 1,
        hysteresis: 0,
        quorum_up: None,
        quorum_down: None,
        inhibit: false,
        smtp_alert: false,
        sorry_server: None,
        real_servers,
    }
}

pub fn lvs(virtual_servers: Vec<VirtualServer>) -> Lvs {
    Lvs { virtual_servers, ..Lvs::default() }
}

/// Addresses and weights of the destinations that each service of a virtual server should have.
pub fn wanted(tables: &Tables, id: VirtualServerId) -> Vec<(SocketAddr, u32)> {
    let keys = ipvs::service_keys(tables, id);
    let service = keys.first().and_then(|key| ipvs::wanted(tables, *key, &[id]));
    let destinations = service.into_iter().flat_map(|service| service.destinations);
    destinations.map(|to| (SocketAddr::new(to.key.ip, to.key.port), to.weight.unsigned_abs())).collect()
}

/// Behaviour of a real server on a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    /// Accepts, sends this after the first octets received, and closes the connection.
    Serves(Vec<u8>),
    /// Refuses the connection at once.
    Refuses,
    /// Does not answer.
    Silent,
    /// The daemon runs out of resources for the connection.
    OutOfResources,
}

/// A scheduled event.
enum Coming {
    Connected(AttemptId),
    Received(AttemptId, Vec<u8>),
    Closed(AttemptId),
    Failed(AttemptId),
    Postponed(AttemptId),
    PingReply(AttemptId),
    Ended(AttemptId, ScriptEnd),
    Looked(AttemptId, Looked),
}

pub struct Site {
    pub check: Check,
    pub now: Duration,
    pub timers: BTreeMap<TimerKey, Duration>,
    pub servers: BTreeMap<SocketAddr, Behaviour>,
    /// Result and duration of scripts by name.
    pub scripts: BTreeMap<String, (ScriptEnd, Duration)>,
    pub changes: Vec<(Duration, Change)>,
    /// Start times of attempts.
    pub attempts: Vec<(Duration, CheckerId)>,
    /// Octets sent.
    pub sent: Vec<Vec<u8>>,
    pub kernel: BTreeMap<VirtualServerId, Vec<(SocketAddr, u32)>>,
    pub latency: Duration,
    coming: BTreeMap<(Duration, u64), Coming>,
    open: BTreeMap<AttemptId, SocketAddr>,
    sequence: u64,
}

impl Site {
    /// A site before its start. By default its servers accept connections.
    pub fn new(lvs: Lvs) -> Site {
        Site {
            check: Check::new(Tables::of(lvs), 1),
            now: Duration::ZERO,
            timers: BTreeMap::new(),
            servers: BTreeMap::new(),
            scripts: BTreeMap::new(),
            changes: Vec::new(),
            attempts: Vec::new(),
            sent: Vec::new(),
            kernel: BTreeMap::new(),
            latency: ms(1),
            coming: BTreeMap::new(),
            open: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub fn started(lvs: Lvs) -> Site {
        let mut site = Site::new(lvs);
        site.start();
        site
    }

    /// Starts the site, and drops the reports of quorums met at the start.
    pub fn start(&mut self) {
        self.event(Event::Start);
        let is_relevant = |change: &Change| {
            !matches!(change, Change::Quorum { status: QuorumStatus::Met, cause: Cause::Initial, .. })
        };
        self.changes.retain(|(_, change)| is_relevant(change));
    }

    pub fn behave(&mut self, address: &str, behaviour: Behaviour) {
        self.servers.insert(address.parse().unwrap(), behaviour);
    }

    pub fn script(&mut self, name: &str, status: i32) {
        self.scripts.insert(name.into(), (ScriptEnd::Exited(status), ms(5)));
    }

    pub fn event(&mut self, event: Event<'_>) {
        self.check.handle(event, self.now);
        let output = self.check.take_output();
        self.changes.extend(output.changes.into_iter().map(|change| (self.now, change)));
        for action in VecDeque::from(output.actions) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Timer(key, Some(at)) => drop(self.timers.insert(key, at)),
            Action::Timer(key, None) => drop(self.timers.remove(&key)),
            Action::Reconcile(id) => {
                self.kernel.insert(id, wanted(&self.check.tables, id));
            }
            Action::Connect { attempt, target, transport } => {
                self.attempts.push((self.now, attempt.checker));
                self.open.insert(attempt, target.address);
                match self.behaviour(target.address) {
                    Behaviour::Refuses => self.later(Coming::Failed(attempt)),
                    Behaviour::OutOfResources => self.later(Coming::Postponed(attempt)),
                    Behaviour::Silent if transport == Transport::Udp => self.later(Coming::Connected(attempt)),
                    Behaviour::Silent => {}
                    Behaviour::Serves(_) if transport == Transport::Ping => self.later(Coming::PingReply(attempt)),
                    Behaviour::Serves(_) => self.later(Coming::Connected(attempt)),
                }
            }
            Action::Send(attempt, octets) => {
                self.sent.push(octets);
                let address = self.open[&attempt];
                if let Behaviour::Serves(reply) = self.behaviour(address) {
                    self.later(Coming::Received(attempt, reply));
                    self.later(Coming::Closed(attempt));
                }
            }
            Action::Close(attempt) => drop(self.open.remove(&attempt)),
            Action::Look(attempt, look) => self.later(Coming::Looked(attempt, look.run(&mut || Ok(())))),
            Action::Resume(_) => {}
            Action::RunScript { attempt, script, limit } => {
                self.attempts.push((self.now, attempt.checker));
                let (end, after) = self.scripts.get(&script.argv[0]).cloned().unwrap_or((ScriptEnd::Exited(0), ms(5)));
                let (end, after) = if after > limit { (ScriptEnd::TimedOut, limit) } else { (end, after) };
                self.sequence += 1;
                self.coming.insert((self.now + after, self.sequence), Coming::Ended(attempt, end));
            }
            Action::KillScript(_) => {}
        }
    }

    fn behaviour(&self, address: SocketAddr) -> Behaviour {
        self.servers.get(&address).cloned().unwrap_or(Behaviour::Serves(Vec::new()))
    }

    fn later(&mut self, coming: Coming) {
        self.sequence += 1;
        self.coming.insert((self.now + self.latency, self.sequence), coming);
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timer = self.timers.iter().min_by_key(|(_, at)| **at).map(|(key, at)| (*at, *key));
            let coming = self.coming.first_key_value().map(|(key, _)| *key);
            let coming_first = coming.is_some_and(|(at, _)| timer.is_none_or(|(timer, _)| at <= timer));
            let Some(at) = coming.map(|(at, _)| at).filter(|_| coming_first).or(timer.map(|(at, _)| at)) else { break };
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            if coming_first {
                let (_, coming) = self.coming.pop_first().unwrap();
                self.come(coming);
            } else if let Some((_, key)) = timer {
                self.timers.remove(&key);
                self.event(Event::Timer(key));
            }
        }
        self.now = end;
    }

    fn come(&mut self, coming: Coming) {
        match coming {
            Coming::Connected(attempt) => self.event(Event::Connected(attempt)),
            Coming::Received(attempt, octets) => self.event(Event::Received(attempt, &octets)),
            Coming::Closed(attempt) => self.event(Event::Closed(attempt)),
            Coming::Failed(attempt) => self.event(Event::Failed(attempt, "connection refused".into())),
            Coming::Postponed(attempt) => self.event(Event::Postponed(attempt)),
            Coming::PingReply(attempt) => self.event(Event::PingReply(attempt)),
            Coming::Ended(attempt, end) => self.event(Event::ScriptEnded(attempt, end)),
            Coming::Looked(attempt, looked) => self.event(Event::Looked(attempt, looked)),
        }
    }

    pub fn alive(&self, id: RealServerId) -> bool {
        self.check.tables.real_servers.get(&id).unwrap().alive
    }

    /// Destinations of the first service in the kernel: last octet of the address, and weight.
    pub fn destinations(&self) -> Vec<(u8, u32)> {
        let destinations = &self.kernel[&VirtualServerId(1)];
        let last = |address: &SocketAddr| match address.ip() {
            std::net::IpAddr::V4(ip) => ip.octets()[3],
            std::net::IpAddr::V6(ip) => ip.octets()[15],
        };
        destinations.iter().map(|(address, weight)| (last(address), *weight)).collect()
    }

    /// Takes the changes since the last call.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes).into_iter().map(|(_, change)| change).collect()
    }

    /// Takes the paths of the HTTP requests since the last call.
    pub fn requests(&mut self) -> Vec<String> {
        let path = |octets: Vec<u8>| String::from_utf8(octets).unwrap().split(' ').nth(1).unwrap().to_owned();
        std::mem::take(&mut self.sent).into_iter().map(path).collect()
    }

    /// Takes the times of the attempts since the last call, in milliseconds.
    pub fn attempt_times(&mut self) -> Vec<u128> {
        std::mem::take(&mut self.attempts).into_iter().map(|(at, _)| at.as_millis()).collect()
    }
}

/// The real server at a position of the first service.
pub fn rs(position: u32) -> RealServerId {
    (VirtualServerId(1), position)
}
