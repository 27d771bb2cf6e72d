//! A namespace with the writer and the monitor of routes and rules.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(dead_code, reason = "each test uses a part")]

use std::io::Write;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;

use keepalived::config::model::{CongestionControl, MetricKind, NextHop, Route, RouteMetric};
use keepalived::kernel::nft::OwnPorts;
use keepalived::kernel::{EntryRequest, EntryResult, KernelEvent, Monitor, RouteRequest, WatchedTables, Writer};
use keepalived::state::{Done, Op};
use keepalived::vrrp::{HostRoute, HostRule, RouteDevices};
use lab::netns::{Netns, next_lab};
use lab::wait_until;

pub const LIMIT: Duration = Duration::from_secs(20);

/// A namespace with the networks 10.1.0.0/24 and fd00:1::/64 on eth0, and 10.2.0.0/24 and fd00:2::/64 on eth1.
pub struct Lab {
    pub netns: Netns,
    pub writer: Writer,
    pub mirror: Mirror,
}

impl Lab {
    pub fn new() -> Lab {
        let netns = host();
        let (writer, monitor) = netns.enter(|| {
            let watch = WatchedTables { routes: true, rules: true, ..WatchedTables::default() };
            (Writer::start(20_000, OwnPorts::default()).unwrap(), Monitor::watching(LIMIT, watch).unwrap())
        });
        Lab { netns, writer, mirror: Mirror::of(monitor) }
    }

    pub fn perform(&self, requests: impl IntoIterator<Item = EntryRequest>) -> Vec<EntryResult> {
        let requests: Vec<_> = requests.into_iter().collect();
        let count = requests.len();
        self.writer.submit(requests).unwrap();
        let mut results = Vec::new();
        wait_until(LIMIT, "all results", || {
            self.writer.results(&mut results);
            results.len() == count
        });
        results
    }

    /// The devices of a route.
    pub fn devices(&self, route: &Route) -> RouteDevices {
        let index = |name: &String| index(&self.netns, name);
        RouteDevices {
            device: route.device.as_ref().map(index),
            hops: route.hops.iter().map(|hop| hop.device.as_ref().map(index)).collect(),
            vrf_table: None,
        }
    }

    pub fn route(&self, op: Op, route: &Route) -> EntryRequest {
        EntryRequest::Route(RouteRequest { token: 0, op, route: route.clone(), devices: self.devices(route) })
    }

    /// The kernel's refusal to add a route.
    pub fn refusal(&self, route: Route) -> String {
        let outcome = self.perform([self.route(Op::Add, &route)]).remove(0).outcome;
        outcome.unwrap_err().to_string()
    }

    /// The lines of `ip`, of this daemon's routes.
    pub fn shown(&self, family: &str) -> Vec<String> {
        let text = self.netns.ip(&format!("-d {family} route show table all proto keepalived"));
        lines(&text)
    }

    /// Adds the routes, compares `ip` and the monitor's events, and removes them.
    pub fn check(&mut self, family: &str, cases: &[(Route, &str)]) {
        for (route, expected) in cases {
            let result = self.perform([self.route(Op::Add, route)]).remove(0);
            assert_eq!(result.outcome, Ok(Done::Changed), "{expected}");
            assert_eq!(self.shown(family), [*expected]);
            let devices = self.devices(route);
            self.mirror.wait("the added route", |routes, _| routes.iter().any(|found| found.is(route, &devices)));
            let result = self.perform([self.route(Op::Remove, route)]).remove(0);
            assert_eq!(result.outcome, Ok(Done::Changed), "{expected}");
            assert_eq!(self.shown(family), [""; 0], "{expected}");
            self.mirror.wait("no route", |routes, _| routes.is_empty());
            let again = self.perform([self.route(Op::Remove, route)]).remove(0);
            assert_eq!(again.outcome, Ok(Done::AlreadySo), "{expected}");
        }
    }
}

/// Routes and rules, updated only by the events of a monitor.
pub struct Mirror {
    pub monitor: Monitor,
    pub routes: Vec<HostRoute>,
    pub rules: Vec<HostRule>,
    pub snapshots: usize,
    /// Events of routes and rules.
    pub events: usize,
}

impl Mirror {
    pub fn of(monitor: Monitor) -> Mirror {
        let mut mirror = Mirror { monitor, routes: Vec::new(), rules: Vec::new(), snapshots: 0, events: 0 };
        mirror.read();
        assert_eq!(mirror.snapshots, 1, "the first events contain a snapshot");
        mirror
    }

    pub fn read(&mut self) {
        let mut events = Vec::new();
        while self.monitor.receive(16, &mut events).unwrap() {}
        for event in events {
            self.apply(event);
        }
    }

    fn apply(&mut self, event: KernelEvent) {
        self.events += 1;
        match event {
            KernelEvent::Route { route, replaces } => {
                self.routes.retain(|old| *old != route && !(replaces && old.key == route.key));
                self.routes.push(route);
            }
            KernelEvent::RouteGone(route) => {
                // An IPv6 route may be removed hop by hop.
                self.routes.retain(|old| old.key != route.key || !route.hops.iter().all(|hop| old.hops.contains(hop)));
            }
            KernelEvent::Rule(rule) => self.rules.push(rule),
            KernelEvent::RuleGone(rule) => self.rules.retain(|old| *old != rule),
            KernelEvent::Snapshot(snapshot) => {
                self.routes = snapshot.routes;
                self.rules = snapshot.rules;
                self.snapshots += 1;
                self.events -= 1;
            }
            _ => self.events -= 1,
        }
    }

    pub fn wait(&mut self, condition: &str, found: impl Fn(&[HostRoute], &[HostRule]) -> bool) {
        wait_until(LIMIT, condition, || {
            self.read();
            found(&self.routes, &self.rules)
        });
    }
}

pub fn host() -> Netns {
    let netns = Netns::new(next_lab(), "routes");
    for (name, number) in [("eth0", 1), ("eth1", 2)] {
        netns.ip(&format!("link add {name} type veth peer name peer{number}"));
        netns.ip(&format!("link set {name} up"));
        netns.ip(&format!("link set peer{number} up"));
        netns.ip(&format!("addr add 10.{number}.0.1/24 dev {name}"));
        netns.ip(&format!("addr add fd00:{number}::1/64 dev {name} nodad"));
    }
    netns
}

pub fn index(netns: &Netns, name: &str) -> u32 {
    let text = netns.ip(&format!("-o link show {name}"));
    text.split(':').next().unwrap().parse().unwrap()
}

/// Lines of `ip` with single spaces; the continuation lines of a route are part of it.
pub fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\n\t", " ");
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Runs `ip` commands.
pub fn batch(netns: &Netns, commands: &str) {
    let mut ip = netns.command("ip");
    let mut child = ip.args(["-force", "-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn net(text: &str) -> (IpAddr, u8) {
    let (address, prefix) = text.split_once('/').unwrap();
    (ip(address), prefix.parse().unwrap())
}

/// A route to a network.
pub fn to(network: &str) -> Route {
    Route::plain(net(network))
}

/// A route through a gateway.
pub fn via(network: &str, gateway: &str) -> Route {
    Route { via: Some(ip(gateway)), ..to(network) }
}

/// A route to an interface.
pub fn dev(network: &str, device: &str) -> Route {
    Route { device: Some(device.to_owned()), ..to(network) }
}

pub fn hop(gateway: &str, device: Option<&str>, weight: Option<u16>) -> NextHop {
    let device = device.map(str::to_owned);
    NextHop { via: Some(ip(gateway)), device, weight, onlink: false, encap: None, realms: None }
}

pub fn metrics(values: &[(MetricKind, u32, bool)]) -> Vec<RouteMetric> {
    values.iter().map(|&(kind, value, lock)| RouteMetric { kind, value, lock }).collect()
}

pub fn control(name: &str, lock: bool) -> Option<CongestionControl> {
    Some(CongestionControl { name: name.to_owned(), lock })
}
