//! Tests that addresses of the host are kept: addresses that keepalived has not set, and the main address of a network.

use super::lan::{Lan, config, instance, ms};
use crate::config::model::{Address, Config, Instance, StartState};
use crate::vrrp::{Change, Event, Fault, InterfaceAddress, ObjectId, State, Tables, Vrrp};

fn one(row: Instance) -> Config {
    config(vec![row], Vec::new())
}

/// An address owner: its virtual address is an address of the first router's host.
fn owner() -> Config {
    let mut row = instance("VI", 51);
    (row.priority, row.start_state) = (255, StartState::Master);
    row.addresses = vec![Address::plain("10.0.0.1".parse().unwrap(), 24, "eth0")];
    one(row)
}

fn has(lan: &Lan, ip: &str, prefix: u8) -> bool {
    lan.routers[0].host.contains(&(ip.parse().unwrap(), prefix))
}

fn fault(lan: &Lan) -> Option<Fault> {
    lan.routers[0].vrrp.tables.instances.values().next().unwrap().fault.clone()
}

#[test]
fn an_owner_keeps_its_only_address_when_its_link_goes_down_and_up() {
    let mut lan = Lan::new(vec![owner()]);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    lan.set_link(0, false);
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("VI"), has(&lan, "10.0.0.1", 24)), (State::Fault, true));
    lan.set_link(0, true);
    lan.run(ms(1000));
    assert_eq!((lan.masters("VI"), has(&lan, "10.0.0.1", 24)), (vec![0], true));
    assert!(lan.routers[0].vrrp.held().is_empty(), "no address is ours");
    lan.event(0, crate::vrrp::Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert!(has(&lan, "10.0.0.1", 24) && lan.routers[0].vrrp.is_stopped());
}

#[test]
fn an_owner_leaves_fault_when_its_address_is_set_after_the_start() {
    let mut lan = Lan::new(vec![owner()]);
    // Start again without the address.
    lan.routers[0].host.clear();
    lan.routers[0].timers.clear();
    let link = lan.routers[0].link(true);
    lan.routers[0].vrrp = crate::vrrp::Vrrp::new(crate::vrrp::Tables::new(owner(), "test".into()));
    lan.event(0, crate::vrrp::Event::Interfaces(vec![link]));
    lan.event(0, crate::vrrp::Event::Start);
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("VI"), fault(&lan)), (State::Fault, Some(Fault::NoSource("eth0".into()))));
    lan.host_adds(0, "10.0.0.1", 24);
    lan.run(ms(1000));
    assert_eq!((lan.masters("VI"), has(&lan, "10.0.0.1", 24)), (vec![0], true));
}

#[test]
fn a_virtual_address_that_the_host_has_set_stays_and_is_reported_once() {
    for marks in [true, false] {
        let mut lan = Lan::new(vec![one(instance("VI", 51)), one(Instance { priority: 200, ..instance("VI", 51) })]);
        lan.routers[0].marks = marks;
        lan.host_adds(0, "10.0.1.51", 32);
        for _ in 0..3 {
            lan.run(ms(1000));
            assert_eq!(lan.masters("VI"), [1]);
            lan.set_link(1, false);
            lan.run(ms(1000));
            assert_eq!(lan.masters("VI"), [0]);
            lan.set_link(1, true);
        }
        lan.run(ms(1000));
        assert!(has(&lan, "10.0.1.51", 32));
        let stays =
            lan.routers[0].changes.iter().filter(|(_, change)| *change == Change::Stays(ObjectId::Address((1, 1))));
        assert_eq!(stays.count(), 1);
    }
}

#[test]
fn an_address_of_a_predecessor_is_removed_by_mark_or_by_record() {
    for marks in [true, false] {
        let mut lan = Lan::new(vec![one(instance("VI", 51)), one(Instance { priority: 200, ..instance("VI", 51) })]);
        lan.kill(1);
        lan.routers[0].marks = marks;
        lan.run(ms(1000));
        let held = lan.routers[0].vrrp.held();
        lan.routers[0].timers.clear();
        lan.routers[0].vrrp = crate::vrrp::Vrrp::new(crate::vrrp::Tables::new(one(instance("VI", 51)), "test".into()));
        if !marks {
            lan.routers[0].vrrp.inherit(held);
        }
        lan.start(0);
        assert!(!lan.routers[0].kernel.is_empty(), "the kernel has not answered yet");
        lan.run(ms(100));
        assert!(lan.routers[0].kernel.is_empty(), "a backup at the start, marks {marks}");
    }
}

#[test]
fn an_address_set_by_keepalived_is_no_source_address() {
    let mut row = instance("VI", 51);
    row.addresses[0].prefix = 24;
    let mut lan = Lan::new(vec![one(row)]);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    lan.host_removes(0, "10.0.0.1", 24);
    lan.run(ms(499));
    assert_eq!(lan.masters("VI"), [0]);
    lan.run(ms(1));
    assert_eq!((lan.routers[0].state("VI"), fault(&lan)), (State::Fault, Some(Fault::NoSource("eth0".into()))));
    lan.host_adds(0, "10.0.0.1", 24);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
}

#[test]
fn a_static_address_can_be_the_only_source_address() {
    let mut file = one(instance("VI", 51));
    file.static_addresses = vec![Address::plain("10.0.0.9".parse().unwrap(), 24, "eth0")];
    let mut lan = Lan::new(vec![file]);
    lan.run(ms(1));
    lan.host_removes(0, "10.0.0.1", 24);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    let source = lan.routers[0].vrrp.tables.instances.values().next().unwrap().source;
    assert_eq!(source, Some("10.0.0.9".parse().unwrap()));
}

#[test]
fn the_main_address_of_the_host_is_kept_when_it_has_become_a_secondary() {
    let mut row = instance("VI", 51);
    row.addresses = vec![Address::plain("10.0.0.51".parse().unwrap(), 24, "eth0")];
    let mut lan = Lan::new(vec![one(row)]);
    lan.run(ms(1000));
    lan.set_link(0, false);
    lan.run(ms(100));
    assert_eq!(lan.routers[0].spared, [[]], "the main address is the primary");
    lan.set_link(0, true);
    lan.run(ms(1000));
    // A network manager removes and sets the main address.
    lan.host_removes(0, "10.0.0.1", 24);
    lan.run(ms(20));
    lan.host_adds(0, "10.0.0.1", 24);
    lan.run(ms(1000));
    assert_eq!((lan.masters("VI"), lan.routers[0].spared.len()), (vec![0], 1), "no failover");
    lan.routers[0].spared.clear();
    lan.set_link(0, false);
    lan.run(ms(100));
    assert_eq!(lan.routers[0].spared, [[("10.0.0.1".parse().unwrap(), 24)]]);
    // The same when a reload removes the virtual address.
    lan.set_link(0, true);
    lan.run(ms(1000));
    lan.host_removes(0, "10.0.0.1", 24);
    lan.host_adds(0, "10.0.0.1", 24);
    lan.run(ms(1000));
    lan.routers[0].spared.clear();
    lan.event(0, crate::vrrp::Event::Configure(Box::new(one(instance("VI", 51)))));
    assert_eq!(lan.routers[0].spared, [[("10.0.0.1".parse().unwrap(), 24)]]);
}

/// The kernel removes the secondaries of a leftover too, and the main address of the host may be one by now.
#[test]
fn leftovers_are_removed_at_the_start_without_the_main_address_of_the_host() {
    let mut row = instance("VI", 51);
    row.addresses = vec![Address::plain("10.0.0.51".parse().unwrap(), 24, "eth0")];
    let mut lan = Lan::new(vec![one(row)]);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    // Its process is killed, and the next one has another configuration.
    let held = lan.routers[0].vrrp.held();
    lan.routers[0].timers.clear();
    lan.routers[0].spared.clear();
    lan.routers[0].vrrp = Vrrp::new(Tables::new(one(instance("VI", 52)), "test".into()));
    lan.routers[0].vrrp.inherit(held);
    // Meanwhile a network manager has removed and set the main address.
    let mut link = lan.routers[0].link(true);
    let known = |ip: &str, marked| InterfaceAddress { ip: ip.parse().unwrap(), prefix: 24, usable: true, marked };
    link.addresses = [known("10.0.0.51", true), known("10.0.0.1", false)].into_iter().collect();
    lan.event(0, Event::Interfaces(vec![link]));
    lan.event(0, Event::Start);
    assert_eq!(lan.routers[0].spared, [[("10.0.0.1".parse().unwrap(), 24)]]);
    lan.run(ms(100));
    assert!(lan.routers[0].kernel.is_empty() && has(&lan, "10.0.0.1", 24));
}

#[test]
fn a_refused_request_is_reported_once_and_when_the_reason_changes() {
    let mut lan = Lan::new(vec![one(instance("VI", 51))]);
    let refusals = |lan: &Lan| -> Vec<String> {
        let of = |change: &Change| match change {
            Change::Refused { error, .. } => Some(error.clone()),
            _ => None,
        };
        lan.routers[0].changes.iter().filter_map(|(_, change)| of(change)).collect()
    };
    lan.routers[0].refuses_addresses = Some("Operation not supported".into());
    lan.run(ms(20_000));
    assert_eq!(refusals(&lan), ["Operation not supported"]);
    lan.routers[0].refuses_addresses = Some("Permission denied".into());
    lan.run(ms(20_000));
    assert_eq!(refusals(&lan), ["Operation not supported", "Permission denied"]);
    lan.routers[0].refuses_addresses = None;
    lan.run(ms(2000));
    assert_eq!(lan.routers[0].kernel.len(), 1);
    // After a success a refusal is reported again.
    lan.routers[0].refuses_addresses = Some("Permission denied".into());
    lan.steal(0, "10.0.1.51");
    lan.run(ms(5000));
    assert_eq!(refusals(&lan).len(), 3);
}
