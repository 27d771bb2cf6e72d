//! Tests of routes and policy rules.

use super::lan::{Entry, Lan, address, config, instance, ms};
use crate::config::model::{self, Config, Family, Instance, MetricKind, RouteMetric, RuleAction};
use crate::state::{Object, Op};
use crate::vrrp::{Cause, Change, Event, Fault, HostRule, Interface, ObjectId, Rule, State, Tables, Vrrp};

fn route(destination: &str, via: &str) -> model::Route {
    let (ip, length) = destination.split_once('/').unwrap();
    let plain = model::Route::plain((ip.parse().unwrap(), length.parse().unwrap()));
    model::Route { via: via.parse().ok(), ..plain }
}

fn rule(preference: u32) -> model::Rule {
    model::Rule::plain(Family::V4, preference, RuleAction::Table(300))
}

fn with(name: &str, vrid: u8, routes: &[model::Route], rules: &[model::Rule]) -> Instance {
    Instance { routes: routes.to_vec(), rules: rules.to_vec(), ..instance(name, vrid) }
}

fn alone(routes: &[model::Route], rules: &[model::Rule]) -> Config {
    config(vec![with("VI", 51, routes, rules)], Vec::new())
}

/// The gateways of the routes in a kernel, by destination.
fn routes(lan: &Lan) -> Vec<(String, String)> {
    let routes = lan.routers[0].routing.iter().filter_map(|entry| match entry {
        Entry::Route(route) => Some(route),
        Entry::Rule(_) => None,
    });
    routes
        .map(|route| {
            let via = route.hops[0].via.map_or_else(String::new, |via| via.to_string());
            (route.key.destination.0.to_string(), via)
        })
        .collect()
}

fn preferences(lan: &Lan) -> Vec<HostRule> {
    let rules = lan.routers[0].routing.iter().filter_map(|entry| match entry {
        Entry::Rule(rule) => Some(rule.clone()),
        Entry::Route(_) => None,
    });
    rules.collect()
}

fn key(rule: &model::Rule) -> HostRule {
    Rule::new(rule.clone()).key().unwrap()
}

fn stolen(lan: &Lan) -> usize {
    lan.routers[0].changes.iter().filter(|(_, change)| matches!(change, Change::Stolen(_))).count()
}

#[test]
fn a_master_sets_addresses_then_routes_then_rules_and_removes_them_in_the_reverse_order() {
    let mut lan = Lan::new(vec![alone(&[route("10.20.0.0/16", "10.0.0.254")], &[rule(100)])]);
    assert!(lan.routers[0].requests.is_empty(), "a backup sets nothing");
    lan.run(ms(1000));
    let (address, route, rule) = (ObjectId::Address((1, 1)), ObjectId::Route((1, 1)), ObjectId::Rule((1, 1)));
    assert_eq!(lan.routers[0].requests, [(address, Op::Add), (route, Op::Add), (rule, Op::Add)]);
    assert_eq!((routes(&lan).len(), preferences(&lan).len()), (1, 1));
    lan.routers[0].requests.clear();
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert_eq!(lan.routers[0].requests, [(rule, Op::Remove), (route, Op::Remove), (address, Op::Remove)]);
    assert!(lan.routers[0].routing.is_empty() && lan.routers[0].vrrp.is_stopped());
}

#[test]
fn routes_stay_when_a_stop_keeps_the_addresses() {
    let mut lan = Lan::new(vec![alone(&[route("10.20.0.0/16", "10.0.0.254")], &[rule(100)])]);
    lan.run(ms(1000));
    lan.event(0, Event::Stop { keep_addresses: true });
    lan.run(ms(100));
    assert_eq!(lan.routers[0].routing.len(), 2);
}

#[test]
fn what_another_program_removes_is_set_again_unless_it_has_no_track() {
    let free = model::Route { no_track: true, ..route("10.30.0.0/16", "10.0.0.254") };
    let mut lan = Lan::new(vec![alone(&[route("10.20.0.0/16", "10.0.0.254"), free], &[rule(100)])]);
    lan.run(ms(1000));
    for entry in lan.routers[0].routing.clone() {
        lan.change_routing(0, Op::Remove, entry);
    }
    lan.run(ms(2000));
    assert_eq!(routes(&lan), [("10.20.0.0".to_owned(), "10.0.0.254".to_owned())]);
    assert_eq!((preferences(&lan).len(), stolen(&lan)), (1, 2));
    assert_eq!(lan.routers[0].state("VI"), State::Master);
}

#[test]
fn a_route_of_two_instances_stays_until_both_release_it() {
    let shared = route("0.0.0.0/0", "10.0.0.254");
    let both = vec![with("A", 51, std::slice::from_ref(&shared), &[]), with("B", 52, &[shared], &[])];
    let mut lan = Lan::new(vec![config(both.clone(), Vec::new())]);
    lan.run(ms(1000));
    lan.event(0, Event::Configure(Box::new(config(both[..1].to_vec(), Vec::new()))));
    lan.run(ms(1000));
    assert_eq!(routes(&lan).len(), 1, "the other instance still wants it");
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert!(routes(&lan).is_empty());
}

/// The kernel has one route to a destination: that of the last master. When that is no longer master, the route of the other
/// is set again.
#[test]
fn a_replaced_route_comes_back_when_the_other_one_is_released() {
    let a = with("A", 51, &[route("0.0.0.0/0", "10.0.0.253")], &[]);
    let b = with("B", 52, &[route("0.0.0.0/0", "10.0.0.254")], &[]);
    let mut lan = Lan::new(vec![config(vec![a.clone(), b], Vec::new())]);
    lan.run(ms(1000));
    let via = |lan: &Lan| routes(lan).into_iter().map(|(_, via)| via).collect::<Vec<_>>();
    assert_eq!(via(&lan), ["10.0.0.254"], "the last one counts, and nobody fights for the place");
    lan.event(0, Event::Configure(Box::new(config(vec![a], Vec::new()))));
    lan.run(ms(1000));
    assert_eq!(via(&lan), ["10.0.0.253"]);
}

#[test]
fn a_reload_changes_the_differences_and_unchanged_rows_keep_their_index() {
    let kept = route("10.20.0.0/16", "10.0.0.254");
    let mut lan = Lan::new(vec![alone(&[route("10.10.0.0/16", "10.0.0.254"), kept.clone()], &[rule(100)])]);
    lan.run(ms(1000));
    lan.routers[0].requests.clear();
    let added = route("10.30.0.0/16", "10.0.0.254");
    lan.event(0, Event::Configure(Box::new(alone(&[kept.clone(), added], &[rule(101)]))));
    lan.run(ms(100));
    let rows: Vec<_> = lan.routers[0].vrrp.tables.routes.iter().map(|(id, row)| (*id, row.config.clone())).collect();
    assert_eq!((rows[0].0, &rows[0].1, rows[1].0), ((1, 2), &kept, (1, 3)));
    let requests = [(ObjectId::Route((1, 3)), Op::Add), (ObjectId::Rule((1, 2)), Op::Add)];
    assert_eq!(lan.routers[0].requests, requests, "besides two withdrawals");
    let destinations: Vec<_> = routes(&lan).into_iter().map(|(to, _)| to).collect();
    assert_eq!(destinations, ["10.20.0.0", "10.30.0.0"]);
    assert_eq!(preferences(&lan), [key(&rule(101))]);
    assert_eq!(lan.routers[0].state("VI"), State::Master);
}

/// A reload that changes what does not identify a route or a rule sets it anew. That is no loss.
#[test]
fn a_reload_with_other_settings_of_a_route_and_a_rule_is_no_loss() {
    let plain = route("10.20.0.0/16", "10.0.0.254");
    let mut lan = Lan::new(vec![alone(std::slice::from_ref(&plain), &[rule(100)])]);
    lan.run(ms(1000));
    lan.routers[0].requests.clear();
    let mtu = RouteMetric { kind: MetricKind::Mtu, value: 1400, lock: false };
    let changed = (model::Route { metrics: vec![mtu], ..plain }, model::Rule { no_track: true, ..rule(100) });
    lan.event(0, Event::Configure(Box::new(alone(&[changed.0], &[changed.1]))));
    lan.run(ms(100));
    let requests = [(ObjectId::Route((1, 2)), Op::Add), (ObjectId::Rule((1, 2)), Op::Add)];
    assert_eq!(lan.routers[0].requests, requests, "besides two withdrawals");
    assert_eq!((routes(&lan).len(), preferences(&lan).len()), (1, 1));
    assert_eq!(stolen(&lan), 0);
    // Later losses are noticed.
    let entry = lan.routers[0].routing[0].clone();
    assert!(lan.change_routing(0, Op::Remove, entry));
    lan.run(ms(100));
    assert_eq!(routes(&lan).len(), 1, "it is set again");
    assert_eq!(stolen(&lan), 1);
}

#[test]
fn a_refusal_is_reported_once_and_the_request_is_repeated() {
    let mut lan = Lan::new(vec![alone(&[route("10.20.0.0/16", "10.0.0.254")], &[])]);
    lan.routers[0].refuses_routing = Some("Nexthop has invalid gateway".into());
    lan.run(ms(5000));
    let refused = lan.routers[0].changes.iter().filter(|(_, change)| matches!(change, Change::Refused { .. }));
    assert_eq!((refused.count(), lan.routers[0].state("VI")), (1, State::Master));
    assert!(lan.routers[0].requests.len() > 4);
    lan.routers[0].refuses_routing = None;
    lan.run(ms(1100));
    assert_eq!(routes(&lan).len(), 1);
}

/// Starts another process of the router with another configuration, as after kill -9.
fn restart(lan: &mut Lan, file: Config, resumes: bool) {
    let router = &mut lan.routers[0];
    let (held, checkpoint) = (router.vrrp.held(), router.vrrp.checkpoint());
    router.vrrp = Vrrp::new(Tables::new(file, "test".into()));
    router.vrrp.inherit(held);
    if resumes {
        router.vrrp.resume(&checkpoint);
    }
    router.requests.clear();
    router.timers.clear();
    lan.start(0);
    lan.run(ms(50));
}

/// Routes and rules of the predecessor that are not configured any more are removed, in any case.
#[test]
fn a_successor_takes_over_the_routes_of_its_predecessor() {
    let (kept, dropped) = (route("10.20.0.0/16", "10.0.0.254"), route("10.30.0.0/16", "10.0.0.254"));
    for resumes in [true, false] {
        let mut lan = Lan::new(vec![alone(&[kept.clone(), dropped.clone()], &[rule(100), rule(101)])]);
        lan.run(ms(1000));
        restart(&mut lan, alone(std::slice::from_ref(&kept), &[rule(100)]), resumes);
        if resumes {
            assert_eq!(lan.routers[0].requests, [], "a replacement that stays master changes nothing");
        } else {
            assert!(lan.routers[0].routing.is_empty(), "a new process starts as backup");
            lan.run(ms(1000));
        }
        assert_eq!(routes(&lan), [("10.20.0.0".to_owned(), "10.0.0.254".to_owned())]);
        assert_eq!(preferences(&lan), [key(&rule(100))]);
    }
}

#[test]
fn the_interface_of_a_route_must_exist_and_be_up() {
    let away = model::Route { device: Some("eth1".into()), ..route("10.20.0.0/16", "10.9.0.254") };
    let mut lan = Lan::new(vec![alone(&[away], &[])]);
    lan.run(ms(1000));
    let why = |lan: &Lan| lan.routers[0].vrrp.tables.instances.values().next().unwrap().fault.clone();
    assert_eq!(why(&lan), Some(Fault::InterfaceMissing("eth1".into())));
    let link = |up| Event::Link(Interface { index: 7, name: "eth1".into(), up, mtu: 1500, ..Interface::default() });
    lan.event(0, link(false));
    assert_eq!(why(&lan), Some(Fault::InterfaceDown("eth1".into())));
    lan.event(0, link(true));
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("VI"), routes(&lan).len()), (State::Master, 1));
}

/// The kernel removes IPv4 routes without a notification when their interface goes down. The monitor then reads all routes.
#[test]
fn an_untracked_route_is_set_again_when_its_interface_comes_back() {
    let away = model::Route { device: Some("eth1".into()), no_track: true, ..route("10.20.0.0/16", "10.9.0.254") };
    let mut lan = Lan::new(vec![alone(&[away], &[])]);
    let link = |up| Interface { index: 7, name: "eth1".into(), up, mtu: 1500, ..Interface::default() };
    lan.event(0, Event::Link(link(true)));
    lan.run(ms(1000));
    assert_eq!(routes(&lan).len(), 1);
    lan.routers[0].routing.clear();
    lan.routers[0].refuses_routing = Some("Network is down".into());
    lan.event(0, Event::Link(link(false)));
    let links = vec![lan.routers[0].link(true), link(false)];
    lan.snapshot(0, links);
    lan.run(ms(100));
    lan.routers[0].refuses_routing = None;
    lan.event(0, Event::Link(link(true)));
    lan.run(ms(10));
    assert_eq!((routes(&lan).len(), stolen(&lan), lan.routers[0].state("VI")), (1, 0, State::Master));
}

#[test]
fn a_static_route_that_cannot_be_set_is_a_fault_of_the_instances_of_its_group() {
    let fixed = model::Route { track_group: Some("TG".into()), ..route("10.40.0.0/16", "10.0.0.254") };
    let mut follower = instance("VI", 51);
    follower.track_groups = vec!["TG".into()];
    let file = Config { static_routes: vec![fixed], ..config(vec![follower], Vec::new()) };
    let mut lan = Lan::new(vec![file]);
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("VI"), routes(&lan).len()), (State::Master, 1));
    lan.routers[0].refuses_routing = Some("Permission denied".into());
    let entry = lan.routers[0].routing[0].clone();
    lan.change_routing(0, Op::Remove, entry);
    lan.run(ms(100));
    let object = "route 10.40.0.0/16 via 10.0.0.254".to_owned();
    let fault = Fault::Static { object, refusal: Some("Permission denied".into()) };
    let cause = Cause::Fault(fault);
    let reported = lan.routers[0]
        .changes
        .iter()
        .any(|(_, change)| matches!(change, Change::Instance { to: State::Fault, cause: why, .. } if *why == cause));
    assert!(reported, "{:?}", lan.routers[0].changes);
    lan.routers[0].refuses_routing = None;
    lan.run(ms(3000));
    assert_eq!((lan.routers[0].state("VI"), routes(&lan).len()), (State::Master, 1));
}

#[test]
fn static_routes_and_rules_are_set_at_the_start_and_removed_at_the_stop() {
    let file = Config {
        static_routes: vec![route("10.40.0.0/16", "10.0.0.254")],
        static_rules: vec![rule(200)],
        static_addresses: vec![address("10.0.9.9")],
        ..config(Vec::new(), Vec::new())
    };
    let mut lan = Lan::new(vec![file]);
    lan.run(ms(100));
    assert_eq!((routes(&lan).len(), preferences(&lan).len()), (1, 1));
    assert_eq!(lan.routers[0].vrrp.tables.routes.rows().keys().collect::<Vec<_>>(), [&(0, 1)]);
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert!(lan.routers[0].routing.is_empty());
}
