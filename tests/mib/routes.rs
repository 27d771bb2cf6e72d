//! The tables of routes, next hops and policy rules: the values of all columns.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::config_support;
use crate::mib_rows::rows;
use keepalived::config::model::{
    Config, CongestionControl, Encap, Family, MetricKind, NextHop, Route, RouteKind, RouteMetric, RoutePreference,
    Rule, RuleAction, Tunnel,
};
use keepalived::mib;
use keepalived::state::Object as _;
use keepalived::vrrp::{Event, HostHop, HostRoute, HostRule, Interface, RouteKey, Tables, Vrrp};
use snmp::{Oid, Value};

const ROUTES: u32 = 7;
const RULES: u32 = 8;
const NEXT_HOPS: u32 = 11;

/// Two instances, A and B.
fn config() -> Config {
    let instance = |name: &str, vrid: u8| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n virtual_ipaddress {{\n  10.1.0.{vrid}\n }}\n}}\n"
        )
    };
    let loaded = config_support::load_text(instance("A", 101) + &instance("B", 102));
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

/// The rows of a configuration on a host with eth0, eth1 and the VRF red of table 10.
fn vrrp(config: Config) -> Vrrp {
    let link = |index: u32, name: &str, vrf_table: Option<u32>| Interface {
        index,
        name: name.into(),
        up: true,
        vrf_table,
        ..Interface::default()
    };
    let mut vrrp = Vrrp::new(Tables::new(config, "test".into()));
    let links = vec![link(2, "eth0", None), link(7, "eth1", None), link(9, "red", Some(10))];
    vrrp.handle(Event::Interfaces(links), Duration::ZERO);
    vrrp
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network(text: &str) -> (IpAddr, u8) {
    let (ip, length) = text.split_once('/').unwrap();
    (ip.parse().unwrap(), length.parse().unwrap())
}

fn hop(via: &str) -> NextHop {
    NextHop { via: Some(ip(via)), device: None, weight: None, onlink: false, encap: None, realms: None }
}

fn metric(kind: MetricKind, value: u32, lock: bool) -> Vec<RouteMetric> {
    vec![RouteMetric { kind, value, lock }]
}

fn tunnel() -> Tunnel {
    Tunnel {
        id: Some(u64::MAX),
        destination: Some(ip("10.1.0.77")),
        source: Some(ip("10.1.0.1")),
        tos: Some(4),
        ttl: Some(33),
        flags: Some(0),
    }
}

/// The cells of a row by column. In `changes`, `12=eth0` sets a cell and `-12` removes it.
fn cells(plain: &str, changes: &str) -> BTreeMap<u32, String> {
    let mut cells = BTreeMap::new();
    for cell in plain.split_whitespace().chain(changes.split_whitespace()) {
        match cell.split_once('=') {
            Some((column, value)) => cells.insert(column.parse().unwrap(), value.to_owned()),
            None => cells.remove(&cell.trim_start_matches('-').parse().unwrap()),
        };
    }
    cells
}

/// A change to a plain line, and the cells in which its row differs from the plain row.
type Case<L> = (fn(&mut L), &'static str);

/// The lines of the cases. The plain ones are numbered from 1.
fn lines<L>(plain: impl Fn(u8) -> L, cases: &[Case<L>]) -> Vec<L> {
    let changed = |(number, (change, _)): (u8, &Case<L>)| {
        let mut line = plain(number);
        change(&mut line);
        line
    };
    (1..).zip(cases).map(changed).collect()
}

/// Compares the rows of a table, which all have one owner, with the plain row and the cases. `{n}` in the plain row is the number
/// of the row. Each column of the table must appear in a case.
fn compare<L>(vrrp: &Vrrp, table: u32, owner: &str, plain: &str, cases: &[Case<L>]) {
    let mib = mib::vrrp_mib().unwrap();
    let found = rows(&mib, vrrp, table);
    assert_eq!(found.len(), cases.len(), "one row for each case");
    let mut seen = BTreeSet::new();
    for ((number, (_, changes)), row) in (1..).zip(cases).zip(&found) {
        let (index, row) = row.split_once(": ").unwrap();
        let row = cells(row, "");
        assert_eq!(index, format!("{owner}.{number}"));
        assert_eq!(row, cells(&plain.replace("{n}", &format!("{number}")), changes), "row {index} with {changes:?}");
        seen.extend(row.into_keys());
    }
    let entry = Oid::from([&mib::BASE[..], &[2, table, 1]].concat());
    let columns = mib.objects().filter(|object| object.oid.as_slice().starts_with(entry.as_slice()));
    let columns: BTreeSet<u32> = columns.filter_map(|object| object.oid.as_slice().last().copied()).collect();
    assert_eq!(seen, columns, "all columns appear");
}

/// Changes to a route of 10.20.N.0/24, and the cells in which its row differs from the plain one.
const ROUTE_CASES: &[Case<Route>] = &[
    (|_| (), ""),
    (|route| route.via = Some(ip("10.1.0.254")), "5=10.1.0.254"),
    (|route| route.device = Some("eth1".into()), "11=7 12=eth1"),
    (|route| route.device = Some("absent".into()), "12=absent"),
    (|route| route.source = Some(ip("10.1.0.1")), "7=10.1.0.1"),
    (|route| route.destination = network("0.0.0.0/0"), "3=0.0.0.0 4=0"),
    (|route| route.table = 100, "13=100"),
    // The kernel takes it as the main table.
    (|route| route.table = 0, "13=254"),
    (|route| route.vrf = Some("red".into()), "13=10"),
    (|route| route.vrf = Some("absent".into()), "-13"),
    (|route| route.metric = Some(5), "8=5"),
    (|route| route.tos = 16, "17=16"),
    (|route| route.kind = RouteKind::Local, ""),
    (|route| route.kind = RouteKind::Broadcast, "10=6"),
    (|route| route.kind = RouteKind::Anycast, "10=4"),
    (|route| route.kind = RouteKind::Multicast, "10=5"),
    (|route| route.kind = RouteKind::Blackhole, "10=3"),
    (|route| route.kind = RouteKind::Unreachable, "10=7"),
    (|route| route.kind = RouteKind::Prohibit, "10=8"),
    (|route| route.kind = RouteKind::Throw, "10=9"),
    (|route| route.kind = RouteKind::Nat, "10=10"),
    (|route| route.kind = RouteKind::Xresolve, "10=11"),
    // As in the MIB: keepalived(112), and otherwise the kernel's number plus 1. C shows its own as 19.
    (|route| route.protocol = 0, "18=1"),
    (|route| route.protocol = 4, "18=5"),
    (|route| route.protocol = 16, "18=17"),
    (|route| route.protocol = 99, "18=100"),
    (|route| route.scope = Some(0), "9=14"),
    (|route| route.scope = Some(200), "9=5"),
    (|route| route.scope = Some(253), "9=2"),
    (|route| route.scope = Some(254), "9=1"),
    (|route| route.scope = Some(77), "-9"),
    // Several next hops have gateways too, which C does not show, and one next hop has no second one.
    (|route| route.hops = vec![hop("10.1.0.253"), hop("10.1.0.254")], "5=10.1.0.253 6=10.1.0.254 10=2"),
    (|route| route.hops = vec![hop("10.1.0.254")], "5=10.1.0.254 10=2"),
    // Metrics; advmss also without hoplimit.
    (|route| route.metrics = metric(MetricKind::Mtu, 1400, false), "22=1400 23=2"),
    (|route| route.metrics = metric(MetricKind::Mtu, 1401, true), "22=1401 23=1"),
    (|route| route.metrics = metric(MetricKind::HopLimit, 44, false), "24=44"),
    (|route| route.metrics = metric(MetricKind::HopLimit, 0, false), ""),
    (|route| route.metrics = metric(MetricKind::AdvMss, 1300, false), "25=1300 26=2"),
    (|route| route.metrics = metric(MetricKind::AdvMss, 1301, true), "25=1301 26=1"),
    (|route| route.metrics = metric(MetricKind::Rtt, 250, false), "27=250 28=2"),
    (|route| route.metrics = metric(MetricKind::Rtt, 500, true), "27=500 28=1"),
    (|route| route.metrics = metric(MetricKind::RttVar, 200, false), "29=200 30=2"),
    (|route| route.metrics = metric(MetricKind::RttVar, 201, true), "29=201 30=1"),
    (|route| route.metrics = metric(MetricKind::Reordering, 5, false), "31=5 32=2"),
    (|route| route.metrics = metric(MetricKind::Reordering, 6, true), "31=6 32=1"),
    (|route| route.metrics = metric(MetricKind::Window, 7000, false), "33=7000"),
    (|route| route.metrics = metric(MetricKind::Cwnd, 20, false), "34=20 35=2"),
    (|route| route.metrics = metric(MetricKind::Cwnd, 21, true), "34=21 35=1"),
    (|route| route.metrics = metric(MetricKind::SsThresh, 30, false), "36=30 37=2"),
    (|route| route.metrics = metric(MetricKind::SsThresh, 31, true), "36=31 37=1"),
    (|route| route.metrics = metric(MetricKind::RtoMin, 200, false), "38=200 39=2"),
    (|route| route.metrics = metric(MetricKind::RtoMin, 1000, true), "38=1000 39=1"),
    (|route| route.metrics = metric(MetricKind::InitCwnd, 12, false), "40=12"),
    (|route| route.metrics = metric(MetricKind::InitRwnd, 13, false), "41=13"),
    (|route| route.metrics = metric(MetricKind::Features, 1, false), "19=1"),
    (|route| route.metrics = metric(MetricKind::Features, 2, false), ""),
    // C shows true for `quickack 0`.
    (|route| route.metrics = metric(MetricKind::QuickAck, 1, false), "20=1"),
    (|route| route.metrics = metric(MetricKind::QuickAck, 0, false), ""),
    (|route| route.metrics = metric(MetricKind::FastOpenNoCookie, 1, false), "55=1"),
    (|route| route.metrics = metric(MetricKind::FastOpenNoCookie, 0, false), "55=2"),
    (|route| route.congestion_control = Some(CongestionControl { name: "reno".into(), lock: true }), "42=reno"),
    (|route| route.realms = Some(5), "44=5"),
    (|route| route.realms = Some(0x0006_0007), "44=7 45=6"),
    // The numbers of the MIB; C's are greater by 1. Labels as such, not as a label stack entry.
    (|route| route.encap = Some(Encap::Mpls(vec![100])), "46=1 47=100"),
    (|route| route.encap = Some(Encap::Mpls(vec![16, 1_048_575])), "46=1 47=16/1048575"),
    (
        |route| route.encap = Some(Encap::Ip(tunnel())),
        "46=2 48=18446744073709551615 49=10.1.0.77 50=10.1.0.1 51=4 52=33 53=0",
    ),
    (|route| route.encap = Some(Encap::Ip(Tunnel { id: Some(5), ttl: Some(0), ..Tunnel::default() })), "46=2 48=5"),
    (|route| route.encap = Some(Encap::Ila(0x4040_0000_0001_0000)), "46=3 54=4629700416936935424"),
    (
        |route| {
            let (destination, source) = (Some(ip("2001:db8::1")), Some(ip("2001:db8::2")));
            route.encap = Some(Encap::Ip6(Tunnel { destination, source, tos: Some(8), ..Tunnel::default() }));
        },
        "46=4 49=2001:db8::1 50=2001:db8::2 51=8",
    ),
    // IPv6.
    (
        |route| {
            *route = Route::plain(network("2001:db8:25::/64"));
            (route.from, route.via) = (Some(network("2001:db8:99::/48")), Some(ip("fd00:1::fe")));
        },
        "2=2 3=2001:db8:25:: 4=64 5=fd00:1::fe 15=2001:db8:99:: 16=48",
    ),
    (|route| route.expires = Some(300), "21=300"),
    (|route| route.expires = Some(u32::MAX), "21=2147483647"),
    (|route| route.preference = Some(RoutePreference::Low), "43=1"),
    (|route| route.preference = Some(RoutePreference::Medium), "43=2"),
    (|route| route.preference = Some(RoutePreference::High), "43=3"),
    // Words without a column.
    (|route| (route.onlink, route.no_track, route.ttl_propagate) = (true, true, Some(true)), ""),
];

#[test]
fn columns_of_routes() {
    let mut config = config();
    config.instances[0].routes = lines(|number| Route::plain((IpAddr::from([10, 20, number, 0]), 24)), ROUTE_CASES);
    let plain = "2=1 3=10.20.{n}.0 4=24 8=0 9=14 10=1 13=254 14=2 18=112 19=2 20=2";
    compare(&vrrp(config), ROUTES, "1", plain, ROUTE_CASES);
}

/// Changes to a next hop, and the cells in which its row differs from the plain one.
const HOP_CASES: &[Case<NextHop>] = &[
    (|_| (), ""),
    (|hop| hop.via = Some(ip("fd00:1::fe")), "2=2 3=fd00:1::fe"),
    (|hop| (hop.via, hop.device) = (None, Some("eth1".into())), "-2 -3 4=7 5=eth1"),
    (|hop| hop.device = Some("absent".into()), "5=absent"),
    (|hop| hop.weight = Some(1), "6=1"),
    (|hop| hop.weight = Some(256), "6=256"),
    (|hop| hop.onlink = true, "7=1"),
    (|hop| hop.realms = Some(9), "8=9"),
    (|hop| hop.realms = Some(0x0008_0009), "8=9 9=8"),
    // vrrpRouteNextHopEncapType, column 10, is not-accessible.
    (|hop| hop.encap = Some(Encap::Mpls(vec![100, 200])), "11=100/200"),
    (|hop| hop.encap = Some(Encap::Ip(tunnel())), "12=18446744073709551615 13=10.1.0.77 14=10.1.0.1 15=4 16=33 17=0"),
    (|hop| hop.encap = Some(Encap::Ip6(Tunnel { id: Some(8), ..Tunnel::default() })), "12=8"),
    (|hop| hop.encap = Some(Encap::Ila(7)), "18=7"),
];

#[test]
fn columns_of_next_hops() {
    let mut config = config();
    let hops = lines(|_| hop("10.1.0.254"), HOP_CASES);
    config.instances[0].routes = vec![Route { hops, ..Route::plain(network("10.20.1.0/24")) }];
    compare(&vrrp(config), NEXT_HOPS, "1.1", "2=1 3=10.1.0.254 7=2", HOP_CASES);
}

/// Changes to a rule of table 300, and the cells in which its row differs from the plain one.
const RULE_CASES: &[Case<Rule>] = &[
    (|_| (), ""),
    (|rule| rule.from = Some(network("10.30.0.0/24")), "2=from 3=1 4=10.30.0.0 5=24 12=1 13=10.30.0.0 14=24"),
    (|rule| rule.to = Some(network("10.31.0.0/16")), "2=to 3=1 4=10.31.0.0 5=16 9=1 10=10.31.0.0 11=16"),
    (
        |rule| (rule.from, rule.to) = (Some(network("2001:db8:52::/64")), Some(network("2001:db8:53::/96"))),
        "2=both 3=2 4=2001:db8:53:: 5=96 9=2 10=2001:db8:53:: 11=96 12=2 13=2001:db8:52:: 14=64",
    ),
    (|rule| rule.from = Some(network("0.0.0.0/0")), "2=from 3=1 4=0.0.0.0 5=0 12=1 13=0.0.0.0 14=0"),
    (|rule| rule.invert = true, "8=1"),
    (|rule| rule.tos = 16, "15=16"),
    (|rule| rule.mark = Some((5, None)), "16=5"),
    (|rule| rule.mark = Some((16, Some(255))), "16=16 17=255"),
    (|rule| rule.realms = Some(5), "18=5"),
    (|rule| rule.realms = Some(0x0003_0004), "18=4 19=3"),
    (|rule| rule.iif = Some("eth1".into()), "20=eth1"),
    (|rule| rule.oif = Some("eth0".into()), "21=eth0"),
    (|rule| rule.action = RuleAction::Table(u32::MAX), "6=4294967295 24=4294967295"),
    (|rule| rule.action = RuleAction::Goto(1026), "-6 22=1026 23=2 -24"),
    (|rule| rule.action = RuleAction::Nop, "-6 23=3 -24"),
    (|rule| rule.action = RuleAction::Blackhole, "-6 23=6 -24"),
    (|rule| rule.action = RuleAction::Unreachable, "-6 23=7 -24"),
    (|rule| rule.action = RuleAction::Prohibit, "-6 23=8 -24"),
    (|rule| rule.action = RuleAction::L3Mdev, "6=0 24=0 32=1"),
    (|rule| rule.preference = 0, "-25"),
    (|rule| rule.suppress_prefix = Some(0), "26=0"),
    (|rule| rule.suppress_prefix = Some(64), "26=64"),
    (|rule| rule.suppress_group = Some(6), "27=6"),
    (|rule| rule.tunnel_id = Some(1234), "28=0 29=1234"),
    (|rule| rule.tunnel_id = Some(0x1_0000_0002), "28=1 29=2"),
    (|rule| rule.users = Some((1000, 2000)), "30=1000 31=2000"),
    // C does not serve the columns from 33 on.
    (|rule| rule.protocol = 4, "33=5"),
    (|rule| rule.protocol = 99, "33=100"),
    (|rule| rule.ip_protocol = Some(17), "34=17"),
    (|rule| rule.source_ports = Some((53, 53)), "35=53 36=53"),
    (|rule| rule.destination_ports = Some((30, 40)), "37=30 38=40"),
    (|rule| rule.no_track = true, ""),
];

#[test]
fn columns_of_rules() {
    let mut config = config();
    config.instances[0].rules =
        lines(|number| Rule::plain(Family::V4, number.into(), RuleAction::Table(300)), RULE_CASES);
    let plain = "2= 6=300 7=2 8=2 15=0 23=1 24=300 25={n} 33=112";
    compare(&vrrp(config), RULES, "1", plain, RULE_CASES);
}

/// Static rows, then those of instance A and B; of each owner in the configured order.
#[test]
fn a_walk_is_in_the_order_of_the_indices() {
    let mut config = config();
    let route = |to: &str, hops: &[&str]| Route {
        hops: hops.iter().map(|via| hop(via)).collect(),
        ..Route::plain(network(to))
    };
    config.instances[1].routes = vec![route("10.3.0.0/16", &["10.1.0.6"])];
    config.instances[0].routes =
        vec![route("10.1.0.0/16", &[]), route("10.2.0.0/16", &["10.1.0.3", "10.1.0.4", "10.1.0.5"])];
    config.static_routes = vec![route("10.0.0.0/16", &["10.1.0.1", "10.1.0.2"])];
    config.static_rules = vec![Rule::plain(Family::V6, 9, RuleAction::Nop)];
    config.instances[1].rules = vec![Rule::plain(Family::V4, 7, RuleAction::Nop)];
    let (mib, vrrp) = (mib::vrrp_mib().unwrap(), vrrp(config));
    let column = |table: u32, column: &str| {
        let rows = rows(&mib, &vrrp, table).into_iter();
        let cell = |row: &str| row.split(' ').find_map(|cell| cell.strip_prefix(column)).unwrap().to_owned();
        rows.map(|row| format!("{} {}", row.split(':').next().unwrap(), cell(&row))).collect::<Vec<_>>()
    };
    assert_eq!(column(ROUTES, "3="), ["0.1 10.0.0.0", "1.1 10.1.0.0", "1.2 10.2.0.0", "2.1 10.3.0.0"]);
    assert_eq!(column(RULES, "25="), ["0.1 9", "2.1 7"]);
    let hops =
        ["0.1.1 10.1.0.1", "0.1.2 10.1.0.2", "1.2.1 10.1.0.3", "1.2.2 10.1.0.4", "1.2.3 10.1.0.5", "2.1.1 10.1.0.6"];
    assert_eq!(column(NEXT_HOPS, "3="), hops);
    // GETNEXT after names that are no instances.
    let name = |suffix: &[u32]| Oid::from([&mib::BASE[..], &[2, NEXT_HOPS, 1, 3], suffix].concat());
    for (from, next) in [
        (&[][..], &[0, 1, 1][..]),
        (&[0], &[0, 1, 1]),
        (&[0, 1, 9], &[1, 2, 1]),
        (&[1], &[1, 2, 1]),
        (&[1, 2], &[1, 2, 1]),
        (&[1, 2, 2, 7], &[1, 2, 3]),
        (&[1, 3], &[2, 1, 1]),
    ] {
        assert_eq!(mib.next(&vrrp, &name(from), false, &Oid::new(&[])).name, name(next), "after {from:?}");
    }
    for absent in [[1, 1, 1], [1, 2, 0], [1, 2, 4], [3, 1, 1]] {
        assert_eq!(mib.get(&vrrp, &name(&absent)), Value::NoSuchInstance, "{absent:?}");
    }
    let encap_type = Oid::from([&mib::BASE[..], &[2, NEXT_HOPS, 1, 10, 1, 2, 1]].concat());
    assert_eq!(mib.get(&vrrp, &encap_type), Value::NoSuchObject, "not-accessible");
}

#[test]
fn the_status_follows_the_kernel() {
    let mut config = config();
    let route = Route { via: Some(ip("10.1.0.254")), ..Route::plain(network("10.20.0.0/16")) };
    let rule = Rule::plain(Family::V4, 7, RuleAction::Nop);
    (config.static_routes, config.static_rules) = (vec![route.clone()], vec![rule]);
    let (mib, mut vrrp) = (mib::vrrp_mib().unwrap(), vrrp(config));
    let status = |vrrp: &Vrrp| {
        let get = |entry: [u32; 3]| mib.get(vrrp, &Oid::from([&mib::BASE[..], &[2], &entry, &[0, 1]].concat()));
        (get([ROUTES, 1, 14]), get([RULES, 1, 7]))
    };
    assert_eq!(status(&vrrp), (Value::Integer(2), Value::Integer(2)));
    let hops = vec![HostHop { via: route.via, ifindex: 2 }];
    let host = HostRoute { key: RouteKey::of(&route, None), source: None, hops };
    let key: HostRule = vrrp.tables().rules.get(&(0, 1)).unwrap().key().unwrap();
    vrrp.handle(Event::RouteAdded { route: host.clone(), replaces: false }, Duration::ZERO);
    assert_eq!(status(&vrrp), (Value::Integer(1), Value::Integer(2)));
    vrrp.handle(Event::RuleAdded(key), Duration::ZERO);
    assert_eq!(status(&vrrp), (Value::Integer(1), Value::Integer(1)));
    vrrp.handle(Event::RouteGone(host), Duration::ZERO);
    assert_eq!(status(&vrrp), (Value::Integer(2), Value::Integer(1)));
}
