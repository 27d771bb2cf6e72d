//! Tests that forged and losing adverts cause a bounded number of answers, log lines and scripts.

use std::net::IpAddr;

use super::lan::{IFINDEX, Lan, Packet, config, instance, ms};
use crate::config::model::{Config, Instance};
use crate::vrrp::{Cause, Change, Event, State};
use crate::wire::vrrp::{Advertisement, Checksum, VersionFields};

fn one(priority: u8) -> Config {
    config(vec![Instance { priority, ..instance("VI", 51) }], Vec::new())
}

fn forged(source: IpAddr, vrid: u8, priority: u8) -> Packet {
    let group = "224.0.0.18".parse().unwrap();
    let version = VersionFields::V3 { interval_centiseconds: 10, checksum: Checksum::PseudoHeader };
    let addresses = ["10.0.1.51".parse().unwrap()];
    let advert = Advertisement { vrid, priority, version, addresses: &addresses };
    Packet::new(source, group, 255, advert.to_bytes(source, group), None)
}

fn stranger(number: usize) -> IpAddr {
    IpAddr::from([10, 0, u8::try_from(100 + number / 250).unwrap(), u8::try_from(number % 250 + 1).unwrap()])
}

fn hear(lan: &mut Lan, source: IpAddr, priority: u8) {
    lan.event(0, Event::Packet(forged(source, 51, priority).received(IFINDEX)));
}

fn lower(lan: &Lan) -> Vec<u64> {
    let of = |change: &Change| match change {
        Change::LowerAdvert { more, .. } => Some(*more),
        _ => None,
    };
    lan.routers[0].changes.iter().filter_map(|(_, change)| of(change)).collect()
}

#[test]
fn a_flood_of_losing_adverts_causes_one_answer_and_one_report_in_an_interval() {
    let mut lan = Lan::new(vec![one(200)]);
    lan.run(ms(7000));
    lan.routers[0].sent.clear();
    for priority in [50, 0] {
        for _ in 0..10_000 {
            hear(&mut lan, stranger(0), priority);
        }
    }
    assert_eq!((lan.routers[0].sent.len(), lower(&lan)), (2, vec![0]), "one answer for each kind");
    // The flood continues with ten adverts in an interval.
    for _ in 0..100 {
        lan.run(ms(10));
        hear(&mut lan, stranger(0), 50);
    }
    assert_eq!(lower(&lan), [0, 10_098], "a second report after a second, with the number of unreported adverts");
    let answers = lan.routers[0].sent.len();
    assert!((18..=22).contains(&answers), "10 answers besides 10 adverts: {answers}");
    let bursts = lan.routers[0].announced.iter().filter(|(at, ..)| *at >= ms(8000)).count();
    assert!(bursts <= 10, "one burst at once and one later: {bursts}");
}

#[test]
fn many_forged_senders_cause_a_limited_number_of_answers() {
    let mut lan = Lan::new(vec![one(200)]);
    lan.run(ms(7000));
    lan.routers[0].sent.clear();
    for sender in 0..5000 {
        hear(&mut lan, stranger(sender), 50);
    }
    assert_eq!((lan.routers[0].sent.len(), lower(&lan).len()), (8, 8));
}

#[test]
fn complaints_are_limited_even_if_the_master_keeps_changing() {
    let mut lan = Lan::new(vec![one(100)]);
    for round in 0..1000 {
        lan.run(ms(1));
        let mut odd = forged(stranger(round), 51, 200);
        odd.payload[8] = 99;
        let group = odd.destination;
        let version = VersionFields::V3 { interval_centiseconds: 30, checksum: Checksum::PseudoHeader };
        let addresses = ["10.9.9.9".parse().unwrap()];
        let advert = Advertisement { vrid: 51, priority: 200, version, addresses: &addresses };
        odd.payload = advert.to_bytes(odd.source, group);
        lan.event(0, Event::Packet(odd.received(IFINDEX)));
    }
    let complaints = lan.routers[0].changes.iter().filter(|(_, change)| matches!(change, Change::Complaint { .. }));
    assert_eq!(complaints.count(), 2, "one complaint of each kind in ten seconds");
}

#[test]
fn unknown_virtual_routers_are_reported_once_per_sender() {
    let mut file = one(100);
    file.global.log_unknown_vrids = true;
    let mut lan = Lan::new(vec![file]);
    for sender in 0..1000 {
        lan.event(0, Event::Packet(forged(stranger(sender % 2), 77, 100).received(IFINDEX)));
    }
    let unknown = lan.routers[0].changes.iter().filter(|(_, change)| matches!(change, Change::UnknownVrid { .. }));
    assert_eq!((unknown.count(), lan.routers[0].vrrp.tables.router_counters.unknown_vrids()), (2, 1000));
}

fn became_master(lan: &Lan) -> Option<Cause> {
    lan.routers[0].changes.iter().rev().find_map(|(_, change)| match change {
        Change::Instance { to: State::Master, cause, .. } => Some(cause.clone()),
        _ => None,
    })
}

#[test]
fn a_transition_to_master_reports_its_cause() {
    let mut lan = Lan::new(vec![one(100)]);
    lan.run(ms(1000));
    assert_eq!(became_master(&lan), Some(Cause::Silence));

    let mut lan = Lan::new(vec![one(100)]);
    hear(&mut lan, stranger(1), 150);
    hear(&mut lan, stranger(1), 0);
    lan.run(ms(1000));
    assert_eq!(became_master(&lan), Some(Cause::MasterLeft(stranger(1))));
    let leaves = lan.routers[0].changes.iter().filter(|(_, change)| matches!(change, Change::MasterLeaves { .. }));
    assert_eq!(leaves.count(), 1);

    let mut lan = Lan::new(vec![one(100)]);
    hear(&mut lan, stranger(2), 70);
    lan.run(ms(1000));
    assert_eq!(became_master(&lan), Some(Cause::LowerAdverts(stranger(2), 70)));

    // An advert of lower priority, then a master that falls silent.
    let mut lan = Lan::new(vec![one(100)]);
    hear(&mut lan, stranger(2), 70);
    hear(&mut lan, stranger(1), 150);
    lan.run(ms(1000));
    assert_eq!(became_master(&lan), Some(Cause::Silence));
}

#[test]
fn the_winner_announces_again_when_the_second_master_is_silent() {
    // In any order of the first adverts after the partition.
    for phase in (0..100).step_by(10) {
        let mut lan = Lan::new(vec![one(200), one(100)]);
        lan.run(ms(1000));
        lan.routers[1].isolated = true;
        lan.run(ms(10_000 + phase));
        assert_eq!(lan.masters("VI"), [0, 1]);
        lan.routers[0].announced.clear();
        let healed = lan.now;
        lan.routers[1].isolated = false;
        lan.run(ms(1000));
        assert_eq!(lan.masters("VI"), [0]);
        let yielded = lan.entered(1, State::Backup, healed).unwrap();
        let after = lan.routers[0].announced.iter().filter(|(at, ..)| *at > yielded).count();
        assert!(after >= 5, "phase {phase}: {:?}", lan.routers[0].announced);
        assert_eq!(lower(&lan), [0], "reported once");
    }
}

#[test]
fn a_normal_preemption_is_not_reported_as_a_second_master() {
    // After a clean stop and after a crash of the other router.
    for crash in [true, false] {
        let mut lan = Lan::new(vec![one(200), one(100)]);
        lan.run(ms(1000));
        if !crash {
            lan.event(0, Event::Stop { keep_addresses: false });
        }
        lan.kill(0);
        lan.run(ms(2000));
        let back = lan.add(one(200));
        lan.run(ms(1000));
        assert_eq!(lan.masters("VI"), [back]);
        let second_master =
            |(_, change): &(std::time::Duration, Change)| matches!(change, Change::LowerAdvert { master: true, .. });
        assert!(!lan.routers[back].changes.iter().any(second_master), "crash {crash}");
    }
}
