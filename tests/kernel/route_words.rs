//! Every word of a route and of a rule: `ip` shows it, the monitor reports it, and the removal names it.

#![allow(clippy::unwrap_used, reason = "a test")]

use crate::routes_support::{Lab, control, dev, hop, ip, lines, metrics, net, to, via};
use keepalived::config::model::{
    Encap, Family, MetricKind, NextHop, Placing, Route, RouteKind, RoutePreference, Rule, RuleAction, Tunnel,
};
use keepalived::kernel::{EntryRequest, RouteRequest, RuleRequest};
use keepalived::state::{Done, Op};
use keepalived::vrrp::{HostRule, RouteDevices};

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
        (Route { hops: vec![hop("fd00::1", None, None); 3000], ..to("10.20.0.0/24") }, "Message too long (nexthop)"),
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
