//! Routes and rules in network namespaces: the writer keeps the order of requests, and the monitor reports the changes of
//! others.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::routes_support::{LIMIT, Lab, Mirror, batch, dev, hop, host, index, ip, net, to, via};
use keepalived::config::model::{Address, Family, Placing, Route, Rule, RuleAction};
use keepalived::kernel::{Addr, AddressRequest, EntryRequest, KernelEvent, Monitor, RuleRequest, WatchedTables};
use keepalived::state::{Done, Op};
use keepalived::vrrp::{HostRoute, HostRule, RouteDevices};
use lab::wait_until;

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
fn a_takeover_reaches_the_kernel_in_the_order_submitted() {
    let mut lab = Lab::new();
    let eth0 = index(&lab.netns, "eth0");
    let address = |op, n: u8| {
        EntryRequest::Address(AddressRequest::new(0, op, eth0, Address::plain([10, 3, n, 1].into(), 24, "eth0")))
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
    // A route that was removed with its address would be gone.
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
            |n: u32| format!("route {verb} 10.{}.{}.0/24 via 10.2.0.9 proto {protocol}\n", 100 + n / 250, n % 250);
        (0..10_000).map(line).collect()
    };
    batch(&lab.netns, &rounds("add", "bgp"));
    // They are in the tables, but not in a snapshot.
    let watch = WatchedTables { routes: true, ..WatchedTables::default() };
    let (begin, netns) = (Instant::now(), &lab.netns);
    // A small buffer: notifications that arrive would overflow it.
    let mut second = Mirror::of(netns.enter(|| Monitor::with(LIMIT, 64 << 10, watch).unwrap()));
    let opened = begin.elapsed();
    assert_eq!(second.routes, []);
    batch(&lab.netns, &rounds("del", "bgp"));
    let begin = Instant::now();
    lab.mirror.read();
    let read = begin.elapsed();
    second.read();
    assert_eq!((second.events, second.snapshots, second.monitor.overflows()), (0, 1, 0));
    assert_eq!((lab.mirror.events, lab.mirror.snapshots, lab.mirror.monitor.overflows()), (0, 1, 0));
    assert!(opened < Duration::from_secs(1) && read < Duration::from_millis(200), "{opened:?} {read:?}");
    // A monitor of more protocols than a socket filter can have drops them itself.
    let protocols = (0..=255).filter(|protocol| *protocol != 186).collect();
    let watch = WatchedTables { routes: true, protocols, ..WatchedTables::default() };
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
    // A new dump while others change their routes.
    std::thread::scope(|scope| {
        let netns = &lab.netns;
        scope.spawn(|| batch(netns, &rounds("replace", "bgp").repeat(3)));
        netns.ip("link set eth0 down");
        second.wait("no route", |routes, _| routes.is_empty());
    });
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
    let watch = WatchedTables { routes: true, rules: true, ..WatchedTables::default() };
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
