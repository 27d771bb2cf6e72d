//! A new configuration while running: what is unchanged does not notice.

use super::site::{Behaviour, Site, lvs, rs, secs, server, service, sorry};
use crate::check::{Cause, Change, Event, VirtualServerId};
use crate::config::lvs::{Endpoint, Lvs, VirtualServer};
use crate::config::model::{Config, Global};

const A: &str = "10.1.0.1:80";
const B: &str = "10.1.0.2:80";
const C: &str = "10.1.0.3:80";
const S: &str = "10.1.0.9:80";

fn reload(site: &mut Site, lvs: Lvs) {
    let (instances, sync_groups, static_addresses) = Default::default();
    let global = Global::default();
    let config = Config { global, static_addresses, instances, sync_groups, has_virtual_servers: true, lvs };
    site.event(Event::Configure(Box::new(config)));
}

fn other(address: &str) -> VirtualServer {
    let mut other = service(vec![server(address)]);
    other.endpoint = Endpoint::Address("10.0.0.2:80".parse().unwrap());
    other
}

/// A and C are well, B is down.
fn settled() -> Site {
    let mut site = Site::started(lvs(vec![service(vec![server(A), server(B), server(C)])]));
    site.behave(B, Behaviour::Refuses);
    site.run(secs(15));
    assert_eq!(site.destinations(), [(1, 1), (3, 1)]);
    site.news();
    site
}

#[test]
fn the_same_configuration_changes_nothing() {
    let mut site = settled();
    site.attempt_times();
    reload(&mut site, lvs(vec![service(vec![server(A), server(B), server(C)])]));
    assert!(!site.alive(rs(2)));
    site.run(secs(30));
    assert_eq!(site.news(), []);
    assert_eq!(site.destinations(), [(1, 1), (3, 1)]);
    assert_eq!(site.attempt_times().len(), 9, "three checkers, every 10 s");
}

#[test]
fn a_server_less_and_a_server_more_keep_the_others_rows() {
    let mut site = settled();
    reload(&mut site, lvs(vec![service(vec![server(S), server(B), server(C)])]));
    let rows: Vec<u32> = site.check.tables.real_servers.keys().map(|(_, position)| *position).collect();
    assert_eq!(rows, [2, 3, 4]);
    assert!(!site.alive(rs(2)), "B is still down");
    assert_eq!(site.destinations(), [(3, 1), (9, 1)], "the new one is taken to be well");
    site.behave(S, Behaviour::Refuses);
    site.run(secs(15));
    assert_eq!(site.destinations(), [(3, 1)]);
}

#[test]
fn another_weight_is_an_edit() {
    let mut site = settled();
    let mut heavy = server(A);
    heavy.weight = 7;
    reload(&mut site, lvs(vec![service(vec![heavy, server(B), server(C)])]));
    assert_eq!(site.destinations(), [(1, 7), (3, 1)]);
    assert_eq!(site.news(), [Change::Weight { id: rs(1), from: 1, to: 7 }]);
}

#[test]
fn a_checker_that_is_dropped_takes_its_verdict_along() {
    let mut site = settled();
    let mut unchecked = server(B);
    unchecked.checkers.clear();
    reload(&mut site, lvs(vec![service(vec![server(A), unchecked, server(C)])]));
    assert_eq!(site.destinations(), [(1, 1), (2, 1), (3, 1)]);
    let told = site.news();
    assert!(matches!(told[..], [Change::RealServer { up: true, cause: Cause::Checks, .. }]), "{told:?}");
}

#[test]
fn services_come_and_go_by_how_they_are_reached() {
    let mut site = settled();
    reload(&mut site, lvs(vec![other(S), service(vec![server(A), server(B), server(C)])]));
    let ids: Vec<u32> = site.check.tables.virtual_servers.keys().map(|id| id.0).collect();
    assert_eq!(ids, [1, 2], "the old one keeps its index");
    assert!(!site.alive(rs(2)));
    assert_eq!(site.kernel[&VirtualServerId(2)].len(), 1);
    reload(&mut site, lvs(vec![other(S)]));
    assert!(site.kernel.get(&VirtualServerId(1)).is_none_or(|destinations| destinations.is_empty()));
    site.run(secs(60));
    assert_eq!(site.kernel[&VirtualServerId(2)].len(), 1);
}

#[test]
fn a_sorry_server_that_is_added_comes_first() {
    let mut site = settled();
    site.behave(A, Behaviour::Refuses);
    site.behave(C, Behaviour::Refuses);
    site.run(secs(30));
    assert_eq!(site.destinations(), []);
    let mut with_sorry = service(vec![server(A), server(B), server(C)]);
    with_sorry.sorry_server = Some(sorry(S));
    reload(&mut site, lvs(vec![with_sorry]));
    site.run(secs(30));
    assert_eq!(site.destinations(), [(9, 1)]);
    assert!(site.check.tables.real_servers.get(&rs(1)).unwrap().regular().is_none());
}
