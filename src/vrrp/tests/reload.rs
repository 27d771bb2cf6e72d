//! Tests of reloads: unchanged instances are not affected.

use std::collections::BTreeSet;

use super::lan::{Lan, address, config, group, instance, ms};
use crate::config::model::{Config, Instance, OldChecksum, Unicast, UnicastPeer};
use crate::vrrp::{Change, Event, InstanceId, State};

fn reload(lan: &mut Lan, at: usize, config: Config) {
    lan.event(at, Event::Configure(Box::new(config)));
}

fn two() -> Vec<Instance> {
    vec![instance("A", 51), instance("B", 52)]
}

fn running(instances: Vec<Instance>) -> Lan {
    let mut lan = Lan::new(vec![config(instances, Vec::new())]);
    lan.run(ms(1050));
    lan.routers[0].changes.clear();
    lan.routers[0].sent.clear();
    lan
}

fn kernel(lan: &Lan) -> Vec<String> {
    lan.routers[0].kernel.iter().map(|(ip, _)| ip.to_string()).collect()
}

#[test]
fn the_same_configuration_changes_nothing() {
    let mut lan = running(two());
    let timers = lan.routers[0].timers.clone();
    reload(&mut lan, 0, config(two(), Vec::new()));
    assert_eq!(lan.routers[0].timers, timers);
    lan.run(ms(10_000));
    assert_eq!(lan.routers[0].changes, []);
    let gaps: BTreeSet<_> =
        lan.routers[0].sent.iter().filter(|(_, bytes)| bytes[1] == 51).map(|(at, _)| at.as_millis() % 100).collect();
    assert_eq!(gaps.len(), 1, "adverts kept their schedule");
}

#[test]
fn addresses_are_added_and_removed_without_a_transition() {
    let mut lan = running(two());
    let mut new = two();
    new[0].addresses.push(address("10.0.9.9"));
    reload(&mut lan, 0, config(new.clone(), Vec::new()));
    lan.run(ms(100));
    assert_eq!(kernel(&lan), ["10.0.1.51", "10.0.1.52", "10.0.9.9"]);
    assert!(lan.routers[0].announced.iter().any(|(_, id, _)| *id == (1, 2)));
    assert_eq!(lan.routers[0].sent.last().unwrap().1[3], 1, "the other instance");
    assert!(lan.routers[0].sent.iter().any(|(_, bytes)| bytes[1] == 51 && bytes[3] == 2), "advertised");
    new[0].addresses.remove(0);
    reload(&mut lan, 0, config(new, Vec::new()));
    lan.run(ms(100));
    assert_eq!(kernel(&lan), ["10.0.1.52", "10.0.9.9"]);
    assert_eq!(lan.routers[0].changes, []);
}

#[test]
fn a_removed_instance_sends_priority_zero_and_the_others_keep_their_index() {
    let mut lan = running(two());
    reload(&mut lan, 0, config(vec![instance("B", 52)], Vec::new()));
    assert!(lan.routers[0].sent.iter().any(|(_, bytes)| bytes[1] == 51 && bytes[2] == 0), "priority 0");
    lan.run(ms(200));
    assert_eq!(kernel(&lan), ["10.0.1.52"]);
    let changes: Vec<_> = lan.routers[0].changes.iter().map(|(_, change)| change.clone()).collect();
    assert!(matches!(changes[..], [Change::Instance { id: InstanceId(1), to: State::Fault, .. }]), "{changes:?}");
    let ids: Vec<_> = lan.routers[0].vrrp.tables.instances.keys().copied().collect();
    assert_eq!(ids, [InstanceId(2)]);
    // Its index is not reused.
    reload(&mut lan, 0, config(vec![instance("B", 52), instance("C", 53)], Vec::new()));
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("C"), State::Master);
    assert_eq!(lan.routers[0].state("B"), State::Master);
}

#[test]
fn with_notify_deleted_a_removed_instance_is_reported_as_deleted() {
    let mut gone = instance("A", 51);
    gone.notify_deleted = true;
    let mut lan = running(vec![gone, instance("B", 52)]);
    reload(&mut lan, 0, config(vec![instance("B", 52)], Vec::new()));
    let change = &lan.routers[0].changes[0].1;
    assert!(matches!(change, Change::Instance { id: InstanceId(1), to: State::Deleted, .. }), "{change:?}");
}

#[test]
fn another_vrid_is_another_router() {
    let mut lan = running(two());
    let mut new = two();
    new[0].vrid = 77;
    reload(&mut lan, 0, config(new, Vec::new()));
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Backup, State::Master));
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("A"), State::Master);
    assert_eq!(lan.routers[0].vrrp.tables.instances.keys().next(), Some(&InstanceId(1)));
}

#[test]
fn a_shorter_interval_takes_effect_at_once() {
    let mut slow = instance("A", 51);
    slow.advert_interval = ms(10_000);
    let mut lan = running(vec![slow]);
    lan.run(ms(40_000));
    reload(&mut lan, 0, config(vec![instance("A", 51)], Vec::new()));
    lan.routers[0].sent.clear();
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].sent.len(), 10);
}

#[test]
fn instances_may_join_and_leave_a_group() {
    let mut lan = running(two());
    reload(&mut lan, 0, config(two(), vec![group("G", &["A", "B"])]));
    assert_eq!(lan.routers[0].changes.len(), 1, "only the group is reported: {:?}", lan.routers[0].changes);
    lan.set_link(0, false);
    lan.set_link(0, true);
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Master, State::Master));
    reload(&mut lan, 0, config(two(), Vec::new()));
    assert!(lan.routers[0].vrrp.tables.groups.is_empty());
    assert_eq!(lan.routers[0].state("A"), State::Master);
}

#[test]
fn after_random_reloads_the_tables_equal_those_of_a_fresh_start() {
    for seed in 1..=50_u64 {
        let mut lan = running(vec![instance("fixed", 200)]);
        lan.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut last = config(Vec::new(), Vec::new());
        for _ in 0..30 {
            let mut instances = vec![instance("fixed", 200)];
            for n in 1..=4_u8 {
                let dice = lan.random();
                if !dice.is_multiple_of(3) {
                    let mut row = instance(&format!("I{n}"), n + (dice >> 8) as u8 % 2 * 10);
                    row.priority = 100 + (dice >> 16) as u8 % 50;
                    row.addresses = (0..(dice >> 24) % 4).map(|at| address(&format!("10.5.{n}.{at}"))).collect();
                    instances.push(row);
                }
            }
            let members: Vec<_> = instances.iter().skip(1).map(|row| row.name.clone()).collect();
            let names: Vec<&str> = members.iter().map(String::as_str).collect();
            let groups =
                if lan.random().is_multiple_of(2) && names.len() > 1 { vec![group("G", &names)] } else { Vec::new() };
            last = config(instances, groups);
            reload(&mut lan, 0, last.clone());
            let pause = lan.random() % 800;
            lan.run(ms(pause));
        }
        lan.run(ms(3000));
        let untouched = lan.routers[0]
            .changes
            .iter()
            .filter(|(_, change)| matches!(change, Change::Instance { id: InstanceId(1), .. }));
        assert_eq!(untouched.count(), 0, "seed {seed}: the instance that never changed");
        let mut fresh = Lan::new(vec![last]);
        fresh.run(ms(3000));
        let rows = |lan: &Lan| {
            let tables = &lan.routers[0].vrrp.tables;
            tables
                .instances
                .values()
                .map(|row| (row.config.clone().name, row.state, row.priority))
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(rows(&lan), rows(&fresh), "seed {seed}");
        assert_eq!(kernel(&lan), kernel(&fresh), "seed {seed}");
        assert!(
            lan.routers[0].vrrp.tables.addresses.values().all(|row| row.state.installed && row.state.pending.is_none()),
            "seed {seed}"
        );
    }
}

#[test]
fn a_renamed_instance_keeps_its_row_and_its_state() {
    let mut lan = running(two());
    let timers = lan.routers[0].timers.clone();
    let mut new = two();
    new[0].name = "front".into();
    new.reverse();
    reload(&mut lan, 0, config(new, Vec::new()));
    assert_eq!(lan.routers[0].timers, timers);
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].changes, []);
    assert_eq!(lan.masters("front"), [0]);
    let row = lan.routers[0].vrrp.tables.instances.get(&InstanceId(1)).unwrap();
    assert_eq!((row.config.name.as_str(), row.config.vrid), ("front", 51));
    assert_eq!(kernel(&lan), ["10.0.1.51", "10.0.1.52"]);
}

#[test]
fn instances_that_swap_names_are_replaced() {
    let mut lan = running(two());
    let mut new = two();
    (new[0].name, new[1].name) = ("B".into(), "A".into());
    reload(&mut lan, 0, config(new, Vec::new()));
    lan.run(ms(1000));
    let vrids: Vec<_> = lan.routers[0].vrrp.tables.instances.values().map(|row| row.config.vrid).collect();
    assert_eq!(vrids, [52, 51], "another virtual router of the same name");
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
}

#[test]
fn renamed_instances_with_the_same_vrid_are_identified_by_their_peers() {
    let peers = |name: &str, peer: &str| {
        let peer = UnicastPeer { ip: peer.parse().unwrap(), min_ttl: 0, max_ttl: 255 };
        let unicast = Unicast { peers: vec![peer], check_source: false, ttl: 255, old_checksum: OldChecksum::Never };
        Instance { unicast: Some(unicast), ..instance(name, 51) }
    };
    let mut lan = running(vec![peers("A", "10.0.0.8"), peers("B", "10.0.0.9")]);
    let new = vec![peers("B2", "10.0.0.9"), peers("A2", "10.0.0.8")];
    reload(&mut lan, 0, config(new, Vec::new()));
    lan.run(ms(1000));
    let names: Vec<_> = lan.routers[0].vrrp.tables.instances.values().map(|row| row.config.name.as_str()).collect();
    assert_eq!((names, lan.routers[0].changes.len()), (vec!["A2", "B2"], 0));
}
