//! Routes and rules in network namespaces: `ip` shows every word that the writer sets, and the monitor reports the changes
//! of others.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use keepalived::config::model::{
    CongestionControl, Encap, Family, MetricKind, NextHop, Placing, Route, RouteKind, RouteMetric, RoutePreference,
    Rule, RuleAction, Tunnel,
};
use keepalived::kernel::{
    Addr, AddressRequest, EntryRequest, EntryResult, KernelEvent, Monitor, RouteRequest, RuleRequest, WantedAddr,
    Watch, Writer,
};
use keepalived::state::{Done, Op};
use keepalived::vrrp::{HostRoute, HostRule, RouteDevices};
use lab::netns::{Netns, next_lab};
use lab::wait_until;

const LIMIT: Duration = Duration::from_secs(20);

/// A namespace with the networks 10.1.0.0/24 and fd00:1::/64 on eth0, and 10.2.0.0/24 and fd00:2::/64 on eth1.
struct Lab {
    netns: Netns,
    writer: Writer,
    mirror: Mirror,
}

impl Lab {
    fn new() -> Lab {
        let netns = host();
        let (writer, monitor) = netns.enter(|| {
            let watch = Watch { routes: true, rules: true, ..Watch::default() };
            (Writer::start(20_000).unwrap(), Monitor::watching(LIMIT, watch).unwrap())
        });
        Lab { netns, writer, mirror: Mirror::of(monitor) }
    }

    fn perform(&self, requests: impl IntoIterator<Item = EntryRequest>) -> Vec<EntryResult> {
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
    fn devices(&self, route: &Route) -> RouteDevices {
        let index = |name: &String| index(&self.netns, name);
        RouteDevices {
            device: route.device.as_ref().map(index),
            hops: route.hops.iter().map(|hop| hop.device.as_ref().map(index)).collect(),
            vrf_table: None,
        }
    }

    fn route(&self, op: Op, route: &Route) -> EntryRequest {
        EntryRequest::Route(RouteRequest { token: 0, op, route: route.clone(), devices: self.devices(route) })
    }

    /// The kernel's refusal to add a route.
    fn refusal(&self, route: Route) -> String {
        let outcome = self.perform([self.route(Op::Add, &route)]).remove(0).outcome;
        outcome.unwrap_err().to_string()
    }

    /// The lines of `ip`, of this daemon's routes.
    fn shown(&self, family: &str) -> Vec<String> {
        let text = self.netns.ip(&format!("-d {family} route show table all proto keepalived"));
        lines(&text)
    }

    /// Adds the routes, compares `ip` and the monitor's events, and removes them.
    fn check(&mut self, family: &str, cases: &[(Route, &str)]) {
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
struct Mirror {
    monitor: Monitor,
    routes: Vec<HostRoute>,
    rules: Vec<HostRule>,
    snapshots: usize,
    /// Events of routes and rules.
    events: usize,
}

impl Mirror {
    fn of(monitor: Monitor) -> Mirror {
        let mut mirror = Mirror { monitor, routes: Vec::new(), rules: Vec::new(), snapshots: 0, events: 0 };
        mirror.read();
        assert_eq!(mirror.snapshots, 1, "the first events contain a snapshot");
        mirror
    }

    fn read(&mut self) {
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

    fn wait(&mut self, condition: &str, found: impl Fn(&[HostRoute], &[HostRule]) -> bool) {
        wait_until(LIMIT, condition, || {
            self.read();
            found(&self.routes, &self.rules)
        });
    }
}

fn host() -> Netns {
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

fn index(netns: &Netns, name: &str) -> u32 {
    let text = netns.ip(&format!("-o link show {name}"));
    text.split(':').next().unwrap().parse().unwrap()
}

/// Lines of `ip` with single spaces; the continuation lines of a route are part of it.
fn lines(text: &str) -> Vec<String> {
    let text = text.replace("\n\t", " ");
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Runs `ip` commands.
fn batch(netns: &Netns, commands: &str) {
    let mut ip = netns.command("ip");
    let mut child = ip.args(["-force", "-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(text: &str) -> (IpAddr, u8) {
    let (address, prefix) = text.split_once('/').unwrap();
    (ip(address), prefix.parse().unwrap())
}

/// A route to a network.
fn to(network: &str) -> Route {
    Route::plain(net(network))
}

/// A route through a gateway.
fn via(network: &str, gateway: &str) -> Route {
    Route { via: Some(ip(gateway)), ..to(network) }
}

/// A route to an interface.
fn dev(network: &str, device: &str) -> Route {
    Route { device: Some(device.to_owned()), ..to(network) }
}

fn hop(gateway: &str, device: Option<&str>, weight: Option<u16>) -> NextHop {
    let device = device.map(str::to_owned);
    NextHop { via: Some(ip(gateway)), device, weight, onlink: false, encap: None, realms: None }
}

fn metrics(values: &[(MetricKind, u32, bool)]) -> Vec<RouteMetric> {
    values.iter().map(|&(kind, value, lock)| RouteMetric { kind, value, lock }).collect()
}

fn control(name: &str, lock: bool) -> Option<CongestionControl> {
    Some(CongestionControl { name: name.to_owned(), lock })
}

#[test]
fn every_word_of_an_ip4_route() {
    let mut lab = Lab::new();
    let by = || via("10.20.0.0/24", "10.1.0.254");
    let on = || dev("10.20.0.0/24", "eth1");
    let is = |kind| Route { kind, ..to("10.20.0.0/24") };
    let with = |kind, value, lock| Route { metrics: metrics(&[(kind, value, lock)]), ..by() };
    let via_eth0 = "unicast 10.20.0.0/24 via 10.1.0.254 dev eth0 table main scope global";
    let with_end = |end: &str| format!("{via_eth0} {end}");
    let onlink = |gateway: &str| NextHop { onlink: true, ..hop(gateway, Some("eth1"), None) };
    let mut cases: Vec<(Route, String)> = [
        (by(), via_eth0),
        (on(), "unicast 10.20.0.0/24 dev eth1 table main scope global"),
        (Route { device: Some("eth0".into()), ..by() }, via_eth0),
        (via("10.20.5.1/32", "10.1.0.254"), "unicast 10.20.5.1 via 10.1.0.254 dev eth0 table main scope global"),
        (
            Route { table: 1000, ..via("0.0.0.0/0", "10.1.0.254") },
            "unicast default via 10.1.0.254 dev eth0 table 1000 scope global",
        ),
        (Route { table: 0, ..by() }, via_eth0),
        (
            Route { kind: RouteKind::Local, table: 102, device: Some("eth0".into()), ..to("10.20.0.0/24") },
            "local 10.20.0.0/24 dev eth0 table 102 scope host",
        ),
        (
            Route { kind: RouteKind::Broadcast, table: 102, device: Some("eth1".into()), ..to("10.20.9.255/32") },
            "broadcast 10.20.9.255 dev eth1 table 102 scope link",
        ),
        (
            Route { kind: RouteKind::Multicast, table: 102, device: Some("eth1".into()), ..to("239.5.0.0/16") },
            "multicast 239.5.0.0/16 dev eth1 table 102 scope global",
        ),
        (is(RouteKind::Throw), "throw 10.20.0.0/24 table main scope global"),
        (is(RouteKind::Unreachable), "unreachable 10.20.0.0/24 table main scope global"),
        (is(RouteKind::Prohibit), "prohibit 10.20.0.0/24 table main scope global"),
        (is(RouteKind::Blackhole), "blackhole 10.20.0.0/24 table main scope global"),
        (
            Route { tos: 0x10, ..by() },
            "unicast 10.20.0.0/24 tos 0x10 via 10.1.0.254 dev eth0 table main scope global",
        ),
        (Route { scope: Some(253), ..on() }, "unicast 10.20.0.0/24 dev eth1 table main scope link"),
        (Route { scope: Some(254), ..on() }, "unicast 10.20.0.0/24 dev eth1 table main scope host"),
        (Route { scope: Some(200), ..on() }, "unicast 10.20.0.0/24 dev eth1 table main scope site"),
        (
            Route { via: Some(ip("192.0.2.1")), onlink: true, ..on() },
            "unicast 10.20.0.0/24 via 192.0.2.1 dev eth1 table main scope global onlink",
        ),
        (
            Route { via: Some(ip("fe80::1")), device: Some("eth0".into()), ..to("10.20.0.0/24") },
            "unicast 10.20.0.0/24 via inet6 fe80::1 dev eth0 table main scope global",
        ),
        (
            Route {
                encap: Some(Encap::Ip(Tunnel {
                    id: Some(100),
                    destination: Some(ip("10.1.0.77")),
                    source: Some(ip("10.1.0.1")),
                    tos: Some(4),
                    ttl: Some(33),
                    flags: Some(0),
                })),
                ..by()
            },
            "unicast 10.20.0.0/24 encap ip id 100 src 10.1.0.1 dst 10.1.0.77 ttl 33 tos 4 via 10.1.0.254 dev eth0 table \
             main scope global",
        ),
        (
            Route {
                hops: vec![hop("10.1.0.253", Some("eth0"), Some(1)), hop("10.1.0.254", Some("eth0"), Some(256))],
                ..to("10.20.0.0/24")
            },
            "unicast 10.20.0.0/24 table main scope global nexthop via 10.1.0.253 dev eth0 weight 1 \
             nexthop via 10.1.0.254 dev eth0 weight 256",
        ),
        (
            Route {
                table: 104,
                hops: vec![
                    NextHop { realms: Some(8 << 16 | 9), weight: Some(3), ..onlink("192.0.2.1") },
                    onlink("192.0.2.2"),
                ],
                ..to("10.20.0.0/24")
            },
            "unicast 10.20.0.0/24 table 104 scope global nexthop via 192.0.2.1 realms 8/9 dev eth1 \
             weight 3 onlink nexthop via 192.0.2.2 dev eth1 weight 1 onlink",
        ),
        (Route { placing: Placing::Add, ..by() }, via_eth0),
        (Route { placing: Placing::Append, ..by() }, via_eth0),
        (Route { placing: Placing::Prepend, ..by() }, via_eth0),
    ]
    .map(|(route, text)| (route, text.to_owned()))
    .into();
    cases.extend([
        (Route { source: Some(ip("10.1.0.1")), ..by() }, with_end("src 10.1.0.1")),
        (Route { metric: Some(10), ..by() }, with_end("metric 10")),
        (Route { realms: Some(5), ..by() }, with_end("realm 5")),
        (Route { realms: Some(6 << 16 | 7), ..by() }, with_end("realms 6/7")),
        (with(MetricKind::Mtu, 1400, false), with_end("mtu 1400")),
        (with(MetricKind::Mtu, 1401, true), with_end("mtu lock 1401")),
        (with(MetricKind::HopLimit, 44, false), with_end("hoplimit 44")),
        (with(MetricKind::Rtt, 300, false), with_end("rtt 300ms")),
        (with(MetricKind::Rtt, 500, true), with_end("rtt lock 500ms")),
        (with(MetricKind::RttVar, 250, true), with_end("rttvar lock 250ms")),
        (with(MetricKind::Reordering, 6, true), with_end("reordering lock 6")),
        (with(MetricKind::Window, 7000, false), with_end("window 7000")),
        (with(MetricKind::Cwnd, 21, true), with_end("cwnd lock 21")),
        (with(MetricKind::SsThresh, 31, true), with_end("ssthresh lock 31")),
        (with(MetricKind::RtoMin, 1000, true), with_end("rto_min lock 1s")),
        (with(MetricKind::InitCwnd, 12, false), with_end("initcwnd 12")),
        (with(MetricKind::InitRwnd, 13, false), with_end("initrwnd 13")),
        (with(MetricKind::Features, 1, false), with_end("features ecn")),
        (with(MetricKind::QuickAck, 1, false), with_end("quickack 1")),
        (with(MetricKind::FastOpenNoCookie, 1, false), with_end("fastopen_no_cookie 1")),
        (
            Route { metrics: metrics(&[(MetricKind::AdvMss, 1301, true), (MetricKind::HopLimit, 45, false)]), ..by() },
            with_end("advmss lock 1301 hoplimit 45"),
        ),
        (Route { congestion_control: control("cubic", false), ..by() }, with_end("congctl cubic")),
        (Route { congestion_control: control("reno", true), ..by() }, with_end("congctl lock reno")),
        // Other routes do not have it; the kernel ignores it.
        (Route { ttl_propagate: Some(false), ..by() }, via_eth0.to_owned()),
    ]);
    let cases: Vec<(Route, &str)> = cases.iter().map(|(route, text)| (route.clone(), text.as_str())).collect();
    lab.check("-4", &cases);
}

#[test]
fn every_word_of_an_ip6_route() {
    let mut lab = Lab::new();
    let by = || via("2001:db8:20::/64", "fd00:1::fe");
    let is = |kind| Route { kind, ..to("2001:db8:20::/64") };
    let start = "unicast 2001:db8:20::/64 via fd00:1::fe dev eth0 table main scope global metric";
    let metric = |end: &str| format!("{start} 1024 {end}");
    let rejects =
        |kind: &str| format!("{kind} 2001:db8:20::/64 dev lo table main scope global metric 1024 pref medium");
    let cases: Vec<(Route, String)> = vec![
        (by(), metric("pref medium")),
        (
            dev("2001:db8:20::/64", "eth1"),
            "unicast 2001:db8:20::/64 dev eth1 table main scope global metric 1024 pref medium".into(),
        ),
        (
            Route { table: 200, ..via("::/0", "fd00:1::fe") },
            "unicast default via fd00:1::fe dev eth0 table 200 scope global metric 1024 pref medium".into(),
        ),
        (
            Route { device: Some("eth0".into()), ..via("2001:db8:22::1/128", "fe80::1") },
            "unicast 2001:db8:22::1 via fe80::1 dev eth0 table main scope global metric 1024 pref medium".into(),
        ),
        // Host bits of the network.
        (via("2001:db8:20::1/64", "fd00:1::fe"), metric("pref medium")),
        (
            Route { from: Some(net("2001:db8:99::/64")), ..by() },
            "unicast 2001:db8:20::/64 from 2001:db8:99::/64 via fd00:1::fe dev eth0 table main scope \
             global metric 1024 pref medium"
                .into(),
        ),
        (
            Route { source: Some(ip("fd00:1::1")), ..by() },
            "unicast 2001:db8:20::/64 via fd00:1::fe dev eth0 table main scope global src fd00:1::1 \
             metric 1024 pref medium"
                .into(),
        ),
        (Route { metric: Some(77), ..by() }, format!("{start} 77 pref medium")),
        (Route { preference: Some(RoutePreference::Low), ..by() }, metric("pref low")),
        (Route { preference: Some(RoutePreference::Medium), ..by() }, metric("pref medium")),
        (Route { preference: Some(RoutePreference::High), ..by() }, metric("pref high")),
        (
            Route { metrics: metrics(&[(MetricKind::Mtu, 1401, true), (MetricKind::HopLimit, 9, false)]), ..by() },
            metric("mtu lock 1401 hoplimit 9 pref medium"),
        ),
        (is(RouteKind::Blackhole), rejects("blackhole")),
        (is(RouteKind::Unreachable), rejects("unreachable")),
        (is(RouteKind::Prohibit), rejects("prohibit")),
        (is(RouteKind::Throw), rejects("throw")),
        (
            Route {
                hops: vec![hop("fd00:1::fd", None, None), hop("fd00:1::fe", None, Some(5))],
                ..to("2001:db8:20::/64")
            },
            "unicast 2001:db8:20::/64 table main scope global metric 1024 pref medium nexthop via \
             fd00:1::fd dev eth0 weight 1 nexthop via fd00:1::fe dev eth0 weight 5"
                .into(),
        ),
        (Route { onlink: true, device: Some("eth0".into()), ..by() }, metric("onlink pref medium")),
        (Route { congestion_control: control("cubic", false), ..by() }, metric("congctl cubic pref medium")),
        (Route { placing: Placing::Add, ..by() }, metric("pref medium")),
    ];
    let cases: Vec<(Route, &str)> = cases.iter().map(|(route, text)| (route.clone(), text.as_str())).collect();
    lab.check("-6", &cases);
    let expires = Route { expires: Some(300), ..by() };
    assert_eq!(lab.perform([lab.route(Op::Add, &expires)])[0].outcome, Ok(Done::Changed));
    let shown = lab.shown("-6").remove(0);
    assert!(shown.contains("expires 300sec") || shown.contains("expires 299sec"), "{shown}");
    assert_eq!(lab.perform([lab.route(Op::Remove, &expires)])[0].outcome, Ok(Done::Changed));
}

#[test]
fn every_word_of_a_rule() {
    let mut lab = Lab::new();
    let v4 = || Rule::plain(Family::V4, 1000, RuleAction::Table(300));
    let from = || Rule { from: Some(net("10.30.0.0/24")), ..v4() };
    let does = |action| Rule { action, ..from() };
    let v6 = || Rule { family: Family::V6, from: Some(net("2001:db8:50::/64")), ..v4() };
    let cases = [
        (from(), "from 10.30.0.0/24 lookup 300"),
        (v4(), "from all lookup 300"),
        (Rule { to: Some(net("10.31.0.0/24")), ..from() }, "from 10.30.0.0/24 to 10.31.0.0/24 lookup 300"),
        (Rule { from: Some(net("0.0.0.0/0")), ..v4() }, "from all lookup 300"),
        (Rule { invert: true, ..from() }, "not from 10.30.0.0/24 lookup 300"),
        (Rule { tos: 0x10, ..from() }, "from 10.30.0.0/24 tos 0x10 lookup 300"),
        (Rule { mark: Some((5, None)), ..v4() }, "from all fwmark 0x5 lookup 300"),
        (Rule { mark: Some((0x10, Some(0xff))), ..v4() }, "from all fwmark 0x10/0xff lookup 300"),
        (Rule { mark: Some((0, Some(0xff))), ..v4() }, "from all fwmark 0/0xff lookup 300"),
        (Rule { realms: Some(3 << 16 | 4), ..from() }, "from 10.30.0.0/24 lookup 300 realms 3/4"),
        (Rule { suppress_prefix: Some(0), ..from() }, "from 10.30.0.0/24 lookup 300 suppress_prefixlength 0"),
        (Rule { suppress_group: Some(6), ..from() }, "from 10.30.0.0/24 lookup 300 suppress_ifgroup 6"),
        (Rule { iif: Some("eth1".into()), ..v4() }, "from all iif eth1 lookup 300"),
        (Rule { oif: Some("eth1".into()), ..v4() }, "from all oif eth1 lookup 300"),
        (Rule { tunnel_id: Some(1234), ..from() }, "from 10.30.0.0/24 tun_id 1234 lookup 300"),
        (Rule { users: Some((1000, 2000)), ..v4() }, "from all uidrange 1000-2000 lookup 300"),
        (Rule { ip_protocol: Some(6), ..from() }, "from 10.30.0.0/24 ipproto tcp lookup 300"),
        (
            Rule { ip_protocol: Some(17), source_ports: Some((10, 20)), destination_ports: Some((53, 53)), ..from() },
            "from 10.30.0.0/24 ipproto udp sport 10-20 dport 53 lookup 300",
        ),
        (does(RuleAction::Table(254)), "from 10.30.0.0/24 lookup main"),
        (does(RuleAction::Table(u32::MAX)), "from 10.30.0.0/24 lookup 4294967295"),
        (does(RuleAction::L3Mdev), "from 10.30.0.0/24 lookup [l3mdev-table]"),
        (does(RuleAction::Goto(1026)), "from 10.30.0.0/24 goto 1026 [unresolved]"),
        (does(RuleAction::Nop), "from 10.30.0.0/24 nop"),
        (does(RuleAction::Blackhole), "from 10.30.0.0/24 blackhole"),
        (does(RuleAction::Unreachable), "from 10.30.0.0/24 unreachable"),
        (does(RuleAction::Prohibit), "from 10.30.0.0/24 prohibit"),
        (v6(), "from 2001:db8:50::/64 lookup 300"),
        (Rule { from: None, mark: Some((7, None)), ..v6() }, "from all fwmark 0x7 lookup 300"),
        (
            Rule { to: Some(net("2001:db8:53::/96")), users: Some((10, 20)), ..v6() },
            "from 2001:db8:50::/64 to 2001:db8:53::/96 uidrange 10-20 lookup 300",
        ),
        (Rule { ip_protocol: Some(58), ..v6() }, "from 2001:db8:50::/64 ipproto ipv6-icmp lookup 300"),
        (Rule { suppress_prefix: Some(64), ..v6() }, "from 2001:db8:50::/64 lookup 300 suppress_prefixlength 64"),
        (Rule { action: RuleAction::Prohibit, ..v6() }, "from 2001:db8:50::/64 prohibit"),
        (Rule { action: RuleAction::Goto(1026), ..v6() }, "from 2001:db8:50::/64 goto 1026 [unresolved]"),
        (Rule { from: None, action: RuleAction::Nop, ..v6() }, "from all nop"),
    ];
    for (rule, expected) in cases {
        let request = |op| EntryRequest::Rule(RuleRequest { token: 0, op, rule: rule.clone() });
        let family = if rule.family == Family::V4 { "-4" } else { "-6" };
        let shown = |lab: &Lab| -> Vec<String> {
            let text = lab.netns.ip(&format!("-d {family} rule show"));
            let own = lines(&text).into_iter().filter_map(|line| line.strip_prefix("1000: ").map(str::to_owned));
            own.collect()
        };
        assert_eq!(lab.perform([request(Op::Add)])[0].outcome, Ok(Done::Changed), "{expected}");
        assert_eq!(shown(&lab), [format!("{expected} proto keepalived")]);
        assert_eq!(lab.perform([request(Op::Add)])[0].outcome, Ok(Done::AlreadySo), "{expected}");
        lab.mirror.wait(expected, |_, rules| rules == [HostRule::of(&rule)]);
        assert_eq!(lab.perform([request(Op::Remove)])[0].outcome, Ok(Done::Changed), "{expected}");
        assert_eq!(shown(&lab), [""; 0]);
        assert_eq!(lab.perform([request(Op::Remove)])[0].outcome, Ok(Done::AlreadySo), "{expected}");
        lab.mirror.wait("no rule", |_, rules| rules.is_empty());
    }
}

#[test]
fn removals_and_additions_of_others_are_reported() {
    let mut lab = Lab::new();
    let v4 = via("10.20.0.0/24", "10.1.0.254");
    let v6 = via("2001:db8:20::/64", "fd00:1::fe");
    let hops =
        Route { hops: vec![hop("fd00:1::fd", None, None), hop("fd00:1::fe", None, None)], ..to("2001:db8:21::/64") };
    let wide = Route { hops: vec![hop("10.1.0.253", None, None), hop("10.1.0.254", None, None)], ..to("10.21.0.0/24") };
    let routes = [&v4, &v6, &hops, &wide];
    let results = lab.perform(routes.map(|route| lab.route(Op::Add, route)));
    assert!(results.iter().all(|result| result.outcome == Ok(Done::Changed)), "{results:?}");
    let none = RouteDevices::default();
    lab.mirror.wait("all routes", |found, _| {
        routes.iter().all(|route| found.iter().any(|found| found.is(route, &none))) && found.len() == 4
    });
    // Another metric or gateway is another route.
    for other in [Route { metric: Some(1), ..v4.clone() }, via("10.20.0.0/24", "10.1.0.253"), to("10.20.0.0/24")] {
        assert!(!lab.mirror.routes.iter().any(|found| found.is(&other, &none)), "{other:?}");
    }
    lab.netns.ip("route del 10.20.0.0/24 proto keepalived");
    lab.netns.ip("-6 route del 2001:db8:20::/64");
    lab.netns.ip("route del 10.21.0.0/24");
    lab.mirror.wait("one route is left", |found, _| found.len() == 1 && found[0].is(&hops, &none));
    // A single hop of an IPv6 route.
    let mut events = Vec::new();
    lab.netns.ip("-6 route del 2001:db8:21::/64 via fd00:1::fd");
    wait_until(LIMIT, "the removal of a hop", || {
        lab.mirror.monitor.receive(16, &mut events).unwrap();
        !events.is_empty()
    });
    let [KernelEvent::RouteGone(gone)] = &events[..] else { panic!("{events:?}") };
    assert!(gone.is_part_of(&hops, &none) && !gone.is(&hops, &none) && !gone.is_part_of(&v6, &none));
    // A replacement.
    lab.netns.ip("route add 10.20.0.0/24 via 10.1.0.254 proto keepalived");
    lab.mirror.wait("the route is back", |found, _| found.iter().any(|found| found.is(&v4, &none)));
    lab.netns.ip("route replace 10.20.0.0/24 via 10.1.0.253 proto keepalived");
    lab.mirror.wait("the route is replaced", |found, _| !found.iter().any(|found| found.is(&v4, &none)));
    // A rule.
    let rule = Rule { from: Some(net("10.30.0.0/24")), ..Rule::plain(Family::V4, 1000, RuleAction::Table(300)) };
    lab.netns.ip("rule add from 10.30.0.0/24 table 300 preference 1000 protocol keepalived");
    lab.netns.ip("rule add from 10.31.0.0/24 table 300 preference 1001");
    lab.mirror.wait("the rule", |_, rules| rules == [HostRule::of(&rule)]);
    lab.netns.ip("rule del preference 1000");
    lab.mirror.wait("no rule", |_, rules| rules.is_empty());
    assert_eq!(lab.mirror.snapshots, 1, "all changes came as single events");
}

#[test]
fn routes_that_disappear_silently_are_missed() {
    let mut lab = Lab::new();
    lab.netns.ip("addr add 10.1.0.9/32 dev eth0");
    let routes = [
        Route { source: Some(ip("10.1.0.9")), ..via("10.20.1.0/24", "10.2.0.254") },
        dev("10.20.2.0/24", "eth0"),
        dev("10.20.3.0/24", "eth1"),
        via("2001:db8:20::/64", "fd00:2::fe"),
    ];
    let results = lab.perform(routes.iter().map(|route| lab.route(Op::Add, route)));
    assert!(results.iter().all(|result| result.outcome == Ok(Done::Changed)), "{results:?}");
    lab.mirror.wait("all routes", |found, _| found.len() == 4);
    let left = |found: &[HostRoute]| -> BTreeSet<String> {
        found.iter().map(|route| route.key.destination.0.to_string()).collect()
    };
    let expected = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    // The preferred source address.
    lab.netns.ip("addr del 10.1.0.9/32 dev eth0");
    lab.mirror.wait("its route", |found, _| left(found) == expected(&["10.20.2.0", "10.20.3.0", "2001:db8:20::"]));
    // The last address of an interface.
    lab.netns.ip("addr del 10.1.0.1/24 dev eth0");
    lab.mirror.wait("routes of eth0", |found, _| left(found) == expected(&["10.20.3.0", "2001:db8:20::"]));
    lab.netns.ip("link set eth1 down");
    lab.mirror.wait("routes of eth1", |found, _| found.is_empty());
    // The machine's repair.
    lab.netns.ip("link set eth1 up");
    assert_eq!(lab.perform([lab.route(Op::Add, &routes[2])])[0].outcome, Ok(Done::Changed));
    lab.mirror.wait("the route is back", |found, _| left(found) == expected(&["10.20.3.0"]));
    lab.netns.ip("link del eth1");
    lab.mirror.wait("no route", |found, _| found.is_empty());
}

#[test]
fn a_removal_names_one_route() {
    let lab = Lab::new();
    let route = |metric, gateway| Route { metric, placing: Placing::Append, ..via("10.20.0.0/24", gateway) };
    let v6 = |metric, gateway| Route { metric, placing: Placing::Add, ..via("2001:db8:20::/64", gateway) };
    let routes = [
        route(None, "10.1.0.254"),
        route(None, "10.1.0.253"),
        route(Some(10), "10.1.0.254"),
        Route { tos: 0x10, ..route(None, "10.1.0.254") },
        Route { table: 300, ..route(None, "10.1.0.254") },
        v6(None, "fd00:1::fe"),
        v6(Some(10), "fd00:1::fe"),
        v6(Some(2000), "fd00:1::fe"),
    ];
    let shown = || [lab.shown("-4"), lab.shown("-6")].concat();
    lab.netns.ip("route add 10.20.0.0/24 via 10.1.0.254 proto static metric 77");
    let results = lab.perform(routes.iter().map(|route| lab.route(Op::Add, route)));
    assert!(results.iter().all(|result| result.outcome == Ok(Done::Changed)), "{results:?}");
    for route in &routes {
        let before = shown();
        assert_eq!(lab.perform([lab.route(Op::Remove, route)])[0].outcome, Ok(Done::Changed));
        let after = shown();
        let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        assert!(gone.len() == 1 && before.len() == after.len() + 1, "{route:?}: {gone:?}");
        let metric = |text: &str| gone[0].split_once("metric ").is_some_and(|(_, rest)| rest.starts_with(text));
        assert_eq!(metric("10 ") || gone[0].ends_with("metric 10"), route.metric == Some(10), "{gone:?}");
    }
    assert_eq!(shown(), [""; 0]);
    assert!(lab.netns.ip("route show proto static").contains("10.20.0.0/24"));
}

#[test]
fn a_refusal_names_its_word() {
    let lab = Lab::new();
    let by = || via("10.20.0.0/24", "10.1.0.254");
    let tunnel = Tunnel { destination: Some(ip("fd00::1")), ..Tunnel::default() };
    let routes = [
        (via("10.20.0.0/24", "10.9.9.9"), "Network is unreachable (Nexthop has invalid gateway, via)"),
        (
            Route { hops: vec![hop("10.9.9.1", None, None)], ..to("10.20.0.0/24") },
            "Network is unreachable (Nexthop has invalid gateway, via)",
        ),
        (Route { source: Some(ip("10.9.9.9")), ..by() }, "Invalid argument (Invalid prefsrc address, src)"),
        (Route { source: Some(ip("fd00::1")), ..by() }, "Invalid argument (src of another family)"),
        (Route { encap: Some(Encap::Ip(tunnel)), ..by() }, "Invalid argument (encap of another family)"),
        (Route { tos: 3, ..by() }, "Invalid argument (Invalid dsfield (tos): ECN bits must be 0, tos)"),
        (via("10.20.0.1/24", "10.1.0.254"), "Invalid argument (Invalid prefix for given prefix length, to)"),
        (
            Route { metrics: metrics(&[(MetricKind::Features, 1 << 31, false)]), ..by() },
            "Invalid argument (Unknown flag set in feature mask in metrics attribute, features)",
        ),
        (
            Route { hops: vec![hop("fd00::1", Some("eth0"), None); 3000], ..to("10.20.0.0/24") },
            "Message too long (nexthop)",
        ),
    ];
    for (route, expected) in routes {
        assert_eq!(lab.refusal(route), expected);
    }
    let missing = EntryRequest::Route(RouteRequest {
        token: 7,
        op: Op::Add,
        route: Route { device: Some("eth9".into()), ..by() },
        devices: RouteDevices::default(),
    });
    let result = lab.perform([missing]).remove(0);
    assert_eq!((result.token, result.outcome.unwrap_err().to_string().as_str()), (7, "No such device (dev eth9)"));
    let plain = || Rule::plain(Family::V4, 1000, RuleAction::Table(300));
    let rules = [
        (Rule { users: Some((9, 5)), ..plain() }, "Invalid argument (Invalid uid range, uidrange)"),
        (Rule { source_ports: Some((9, 5)), ..plain() }, "Invalid argument (Invalid sport range, sport)"),
        (Rule { from: Some((ip("10.0.0.0"), 33)), ..plain() }, "Invalid argument (Invalid source address, from)"),
        (Rule { action: RuleAction::Goto(5), ..plain() }, "Invalid argument (Backward goto not supported, goto)"),
        // The kernel reports the attribute.
        (Rule { iif: Some("x".repeat(20)), ..plain() }, "Math result not representable (Error parsing msg, iif)"),
    ];
    for (rule, expected) in rules {
        let request = EntryRequest::Rule(RuleRequest { token: 0, op: Op::Add, rule });
        assert_eq!(lab.perform([request])[0].outcome.as_ref().unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_takeover_reaches_the_kernel_in_the_order_submitted() {
    let mut lab = Lab::new();
    let eth0 = index(&lab.netns, "eth0");
    let address = |op, n: u8| {
        let address = WantedAddr::plain(eth0, [10, 3, n, 1].into(), 24);
        EntryRequest::Address(AddressRequest { token: 0, op, address, secondaries: None })
    };
    // Each route needs an address: its gateway, or its source.
    let route =
        |n: u8| Route { source: Some([10, 3, n, 1].into()), ..via(&format!("10.20.{n}.0/24"), &format!("10.3.{n}.9")) };
    let rule = |op, n: u8| {
        let rule =
            Rule { from: Some(([10, 3, n, 0].into(), 24)), ..Rule::plain(Family::V4, 1000, RuleAction::Table(300)) };
        EntryRequest::Rule(RuleRequest { token: 0, op, rule })
    };
    let all = 0..100u8;
    let requests = all.clone().map(|n| address(Op::Add, n));
    let requests = requests.chain(all.clone().map(|n| lab.route(Op::Add, &route(n))));
    let results = lab.perform(requests.chain(all.clone().map(|n| rule(Op::Add, n))));
    assert!(results.iter().all(|result| result.outcome == Ok(Done::Changed)), "{results:?}");
    lab.mirror.wait("all entries", |routes, rules| routes.len() == 100 && rules.len() == 100);
    let requests = all.clone().map(|n| rule(Op::Remove, n));
    let requests = requests.chain(all.clone().map(|n| lab.route(Op::Remove, &route(n))));
    let results = lab.perform(requests.chain(all.map(|n| address(Op::Remove, n))));
    // A route that was removed with its address would be there no more.
    assert!(results.iter().all(|result| result.outcome == Ok(Done::Changed)), "{results:?}");
    lab.mirror.wait("no entries", |routes, rules| routes.is_empty() && rules.is_empty());
    assert!(!lab.netns.ip("-o addr show eth0").contains("10.3."));
}

#[test]
fn foreign_routes_cause_no_events() {
    let mut lab = Lab::new();
    let own = via("10.20.0.0/24", "10.1.0.254");
    let rounds = |verb: &str, protocol: &str| -> String {
        let line =
            |n: u32| format!("route {verb} 10.{}.{}.0/24 via 10.1.0.9 proto {protocol}\n", 100 + n / 250, n % 250);
        (0..10_000).map(line).collect()
    };
    batch(&lab.netns, &rounds("add", "bgp"));
    // They are in the tables, but not in a snapshot.
    let watch = Watch { routes: true, ..Watch::default() };
    let (begin, netns) = (Instant::now(), &lab.netns);
    let mut second = Mirror::of(netns.enter(|| Monitor::watching(LIMIT, watch).unwrap()));
    let opened = begin.elapsed();
    assert_eq!(second.routes, []);
    batch(&lab.netns, &rounds("del", "bgp"));
    let begin = Instant::now();
    lab.mirror.read();
    let read = begin.elapsed();
    second.read();
    assert_eq!((lab.mirror.events, lab.mirror.snapshots, lab.mirror.monitor.overflows()), (0, 1, 0));
    assert!(opened < Duration::from_secs(1) && read < Duration::from_millis(200), "{opened:?} {read:?}");
    // A monitor of more protocols than a socket filter can have drops them itself.
    let protocols = (0..=255).filter(|protocol| *protocol != 186).collect();
    let watch = Watch { routes: true, protocols, ..Watch::default() };
    let mut third = Mirror::of(lab.netns.enter(|| Monitor::with(LIMIT, 16 << 20, watch).unwrap()));
    batch(&lab.netns, &rounds("add", "bgp"));
    let begin = Instant::now();
    third.read();
    let read = begin.elapsed();
    assert_eq!((third.events, third.snapshots), (0, 1));
    assert!(read < Duration::from_secs(1), "{read:?}");
    // An own route among them is reported.
    assert_eq!(lab.perform([lab.route(Op::Add, &own)])[0].outcome, Ok(Done::Changed));
    lab.mirror.wait("the own route", |routes, _| routes.len() == 1);
    second.wait("the own route", |routes, _| routes.len() == 1);
}

#[test]
fn routes_and_rules_that_are_not_watched_cost_nothing() {
    let netns = host();
    let mut mirror = Mirror::of(netns.enter(|| Monitor::open(LIMIT).unwrap()));
    netns.ip("route add 10.20.0.0/24 via 10.1.0.254 proto keepalived");
    netns.ip("rule add from 10.30.0.0/24 table 300 protocol keepalived");
    netns.ip("addr add 10.9.0.1/32 dev eth0");
    let mut events = Vec::new();
    wait_until(LIMIT, "the address", || {
        mirror.monitor.receive(16, &mut events).unwrap();
        let is_new = |address: &Addr| address.ip == ip("10.9.0.1");
        events.iter().any(|event| matches!(event, KernelEvent::Address(address) if is_new(address)))
    });
    let expected = |event: &KernelEvent| matches!(event, KernelEvent::Address(_) | KernelEvent::Link(_));
    assert!(events.iter().all(expected), "{events:?}");
    let again = Mirror::of(netns.enter(|| Monitor::open(LIMIT).unwrap()));
    assert!(again.routes.is_empty() && again.rules.is_empty());
}

#[test]
fn after_an_overflow_a_snapshot_has_the_current_routes_and_rules() {
    let mut lab = Lab::new();
    let watch = Watch { routes: true, rules: true, ..Watch::default() };
    lab.mirror = Mirror::of(lab.netns.enter(|| Monitor::with(LIMIT, 1, watch).unwrap()));
    let route = |n: u8| via(&format!("10.20.{n}.0/24"), "10.1.0.254");
    let rule = |op, n: u32| {
        let rule = Rule { mark: Some((n, None)), ..Rule::plain(Family::V6, 1000, RuleAction::Table(300)) };
        EntryRequest::Rule(RuleRequest { token: 0, op, rule })
    };
    let added = (0..200).map(|n| lab.route(Op::Add, &route(n))).chain((1..=200).map(|n| rule(Op::Add, n)));
    let removed = (0..150).map(|n| lab.route(Op::Remove, &route(n))).chain((1..=150).map(|n| rule(Op::Remove, n)));
    let requests: Vec<_> = added.chain(removed).collect();
    let results = lab.perform(requests);
    assert!(results.iter().all(|result| result.outcome == Ok(Done::Changed)));
    lab.mirror.wait("the rest", |routes, rules| routes.len() == 50 && rules.len() == 50);
    assert!(lab.mirror.monitor.overflows() > 0, "the buffer did not overflow");
    let none = RouteDevices::default();
    for n in 150..200 {
        assert!(lab.mirror.routes.iter().any(|found| found.is(&route(n), &none)), "{n}");
    }
}
