//! Tests of `auth_type AH`: sequence numbers between routers, across takeovers, replacements and restarts, and when they
//! are used up.

use std::time::Duration;

use super::lan::{IFINDEX, Lan, Packet, config, instance, ms};
use crate::config::model::{Authentication, Config, StartState, Version};
use crate::vrrp::{Cause, Change, Checkpoint, Complaint, Counters, Event, Instance, Sequences, State, Tables, Vrrp};
use crate::wire::ah::{LAST_SEQUENCE, Seal};
use crate::wire::vrrp::{AUTH_AH, AUTH_NONE, Advertisement, VersionFields};

const KEY: [u8; 8] = *b"secret\0\0";

fn ah(priority: u8) -> Config {
    let mut row = instance("VI", 51);
    row.version = Version::V2;
    row.advert_interval = ms(1000);
    row.priority = priority;
    row.authentication = Some(Authentication::Ah(KEY));
    config(vec![row], Vec::new())
}

/// An advert of router 10.0.0.77 with this authentication type, with an authentication header if `seal` is given.
fn advert(auth_type: u8, priority: u8, seal: Option<Seal>) -> Packet {
    let (source, destination) = ("10.0.0.77".parse().unwrap(), "224.0.0.18".parse().unwrap());
    let version = VersionFields::V2 { interval_seconds: 1, auth_type, auth_data: [0; 8] };
    let addresses = ["10.0.1.51".parse().unwrap()];
    let message = Advertisement { vrid: 51, priority, version, addresses: &addresses }.to_bytes(source, destination);
    Packet::new(source, destination, 255, message, seal)
}

fn sealed(priority: u8, sequence: u32) -> Packet {
    advert(AUTH_AH, priority, Some(Seal { key: KEY, sequence }))
}

fn row(lan: &Lan, at: usize) -> &Instance {
    lan.routers[at].vrrp.tables.instances.values().next().unwrap()
}

fn set_sequence(lan: &mut Lan, at: usize, sequence: u32) {
    lan.routers[at].vrrp.tables.instances.values_mut().next().unwrap().sequence = sequence;
}

/// Counters and state of a master with priority 100, which has sent some adverts, after it receives the packet.
fn heard(config: Config, packet: &Packet) -> (Counters, State) {
    let mut lan = Lan::new(vec![config]);
    lan.run(ms(8000));
    lan.event(0, Event::Packet(packet.received(IFINDEX)));
    let mut counters = row(&lan, 0).counters;
    (counters.adverts_sent, counters.become_master, counters.release_master) = (0, 0, 0);
    (counters, row(&lan, 0).state)
}

fn refused(config: Config, packet: &Packet, count: impl FnOnce(&mut Counters)) {
    let mut expected = Counters::default();
    count(&mut expected);
    assert_eq!(heard(config, packet), (expected, State::Master));
}

#[test]
fn a_new_master_continues_the_sequence_of_its_predecessor() {
    let mut lan = Lan::new(vec![ah(200), ah(100)]);
    lan.run(ms(10_000));
    assert_eq!(lan.masters("VI"), [0]);
    let sent = lan.routers[0].sealed.clone();
    assert_eq!(sent, (1..=u32::try_from(sent.len()).unwrap()).collect::<Vec<_>>());
    lan.kill(0);
    lan.run(ms(10_000));
    assert_eq!(lan.masters("VI"), [1]);
    assert_eq!(
        lan.routers[1].sealed.first(),
        sent.last().map(|last| last + 1).as_ref(),
        "greater than all numbers before"
    );

    // The first router restarts without saved numbers, learns the number and is accepted.
    lan.routers[0].vrrp = Vrrp::new(Tables::new(ah(200), "test".into()));
    lan.routers[0].alive = true;
    lan.routers[0].timers.clear();
    lan.start(0);
    lan.run(ms(10_000));
    assert_eq!(lan.masters("VI"), [0]);
    assert_eq!(row(&lan, 1).counters.auth_failures, 0);
}

#[test]
fn a_master_yields_to_a_valid_advert() {
    let good = Counters { adverts_received: 1, ..Counters::default() };
    assert_eq!(heard(ah(100), &sealed(200, 1000)), (good, State::Backup));
}

#[test]
fn adverts_that_are_not_authentic_are_refused() {
    let wrong_key = Seal { key: *b"another\0", sequence: 1000 };
    refused(ah(100), &advert(AUTH_AH, 200, Some(wrong_key)), |counters| counters.auth_failures = 1);
    let mut altered = sealed(199, 1000);
    altered.payload[26] = 200;
    refused(ah(100), &altered, |counters| counters.auth_failures = 1);
    let mut other_sender = sealed(200, 1000);
    other_sender.source = "10.0.0.78".parse().unwrap();
    refused(ah(100), &other_sender, |counters| counters.auth_failures = 1);
}

#[test]
fn an_old_sequence_number_is_refused_even_from_another_sender() {
    // The master has sent five adverts.
    for (sequence, good) in [(1, false), (5, false), (6, true)] {
        let (counters, state) = heard(ah(100), &sealed(200, sequence));
        assert_eq!((counters.auth_failures, state == State::Backup), (u64::from(!good), good), "{sequence}");
    }
    let mut lan = Lan::new(vec![ah(100)]);
    lan.run(ms(8000));
    lan.routers[0].changes.clear();
    let packet = sealed(50, 1000);
    for _ in 0..5 {
        lan.event(0, Event::Packet(packet.received(IFINDEX)));
    }
    let replay =
        |(_, change): &&(Duration, Change)| matches!(change, Change::Complaint { complaint: Complaint::Replay, .. });
    assert_eq!(lan.routers[0].changes.iter().filter(replay).count(), 1, "reported once");
    assert_eq!(row(&lan, 0).counters.auth_failures, 4);
}

#[test]
fn the_authentication_header_is_required_with_ah_and_refused_without() {
    refused(ah(100), &advert(AUTH_AH, 200, None), |counters| counters.auth_type_mismatch = 1);
    refused(ah(100), &advert(AUTH_NONE, 200, None), |counters| counters.auth_type_mismatch = 1);
    let inside = advert(AUTH_NONE, 200, Some(Seal { key: KEY, sequence: 1000 }));
    refused(ah(100), &inside, |counters| counters.auth_type_mismatch = 1);
    let mut plain = ah(100);
    plain.instances[0].authentication = None;
    refused(plain, &sealed(200, 1000), |counters| counters.auth_type_mismatch = 1);
}

#[test]
fn a_master_answers_a_lower_priority_with_a_greater_number() {
    let mut lan = Lan::new(vec![ah(100)]);
    lan.run(ms(8000));
    lan.event(0, Event::Packet(sealed(50, 7000).received(IFINDEX)));
    assert_eq!(lan.routers[0].sealed.last(), Some(&7002));
    assert_eq!(row(&lan, 0).state, State::Master);
}

#[test]
fn when_the_numbers_are_used_up_the_master_steps_down_and_they_start_again() {
    let mut lan = Lan::new(vec![ah(100)]);
    lan.run(ms(8000));
    set_sequence(&mut lan, 0, LAST_SEQUENCE - 2);
    let before = lan.routers[0].sealed.len();
    lan.run(ms(3000));
    assert_eq!(lan.routers[0].sealed[before..], [LAST_SEQUENCE - 1, LAST_SEQUENCE]);
    let stepped_down = |(_, change): &(Duration, Change)| {
        matches!(change, Change::Instance { to: State::Backup, cause: Cause::SequenceExhausted, .. })
    };
    assert!(lan.routers[0].changes.iter().any(stepped_down));
    lan.run(ms(6000));
    assert_eq!(lan.masters("VI"), [0]);
    assert_eq!(lan.routers[0].sealed[before + 2], 1);
}

#[test]
fn two_routers_agree_on_a_master_after_the_last_number() {
    let mut lan = Lan::new(vec![ah(200), ah(100)]);
    lan.run(ms(8000));
    set_sequence(&mut lan, 0, LAST_SEQUENCE - 2);
    lan.run(ms(60_000));
    assert_eq!(lan.masters("VI"), [0]);
}

#[test]
fn a_replacement_continues_with_greater_numbers_unnoticed() {
    let mut lan = Lan::new(vec![ah(200), ah(100)]);
    let mut checkpoint = Checkpoint::default();
    // The checkpoint is only saved when a block of numbers ends, so it is as old as possible.
    for _ in 0..1500 {
        lan.run(ms(1000));
        if std::mem::take(&mut lan.routers[0].save) {
            checkpoint = lan.routers[0].vrrp.checkpoint();
        }
    }
    let last = *lan.routers[0].sealed.last().unwrap();
    lan.routers[1].changes.clear();
    lan.routers[0].timers.clear();
    lan.routers[0].vrrp = Vrrp::new(Tables::new(ah(200), "test".into()));
    lan.routers[0].vrrp.resume(&checkpoint);
    lan.start(0);
    lan.run(ms(5000));
    assert!(lan.routers[0].sealed.iter().rev().take(5).all(|sequence| *sequence > last));
    assert_eq!(lan.routers[1].changes, []);

    // A backup must not mistake its master's next advert for a replay.
    let checkpoint = lan.routers[1].vrrp.checkpoint();
    lan.routers[1].timers.clear();
    lan.routers[1].vrrp = Vrrp::new(Tables::new(ah(100), "test".into()));
    lan.routers[1].vrrp.resume(&checkpoint);
    lan.start(1);
    lan.run(ms(5000));
    assert_eq!(lan.masters("VI"), [0]);
    assert_eq!(row(&lan, 1).counters.auth_failures, 0);
}

#[test]
fn a_master_that_continues_instead_of_its_replacement_sends_greater_numbers() {
    let mut lan = Lan::new(vec![ah(200), ah(100)]);
    lan.run(ms(30_000));
    lan.continue_instead_of_replacement(0, ah(200));
    lan.routers[1].changes.clear();
    lan.run(ms(10_000));
    assert_eq!((lan.masters("VI"), row(&lan, 1).counters.auth_failures), (vec![0], 0));
    assert_eq!(lan.routers[1].changes, []);
}

#[test]
fn an_owner_that_restarts_without_saved_numbers_is_accepted_again() {
    let owner = || {
        let mut config = ah(255);
        config.instances[0].start_state = StartState::Master;
        config
    };
    let mut lan = Lan::new(vec![owner(), ah(100)]);
    lan.run(ms(60_000));
    lan.routers[0].vrrp = Vrrp::new(Tables::new(owner(), "test".into()));
    lan.routers[0].timers.clear();
    lan.start(0);
    lan.run(ms(10_000));
    assert_eq!(lan.masters("VI"), [0]);
}

/// Restarts the daemon with the sequence numbers saved by its previous run.
fn restart(lan: &mut Lan, at: usize, config: Config, sequences: &Sequences) {
    lan.routers[at].timers.clear();
    lan.routers[at].alive = true;
    lan.routers[at].vrrp = Vrrp::new(Tables::new(config, "test".into()));
    lan.routers[at].vrrp.recall_sequences(sequences);
    lan.start(at);
}

/// After a kill the saved numbers are as old as possible; after a stop they are exact.
#[test]
fn after_a_restart_old_adverts_are_refused_and_new_adverts_accepted() {
    for stopped in [false, true] {
        let mut lan = Lan::new(vec![ah(200), ah(100)]);
        let mut sequences = Sequences::default();
        for _ in 0..1500 {
            lan.run(ms(1000));
            if std::mem::take(&mut lan.routers[1].save) {
                sequences = lan.routers[1].vrrp.sequences(false);
            }
        }
        if stopped {
            sequences = lan.routers[1].vrrp.sequences(true);
        }
        restart(&mut lan, 1, ah(100), &sequences);
        for old in [1, 500, 1024] {
            lan.event(1, Event::Packet(sealed(200, old).received(IFINDEX)));
        }
        assert_eq!(row(&lan, 1).counters.auth_failures, 3, "stopped: {stopped}");
        lan.run(ms(5000));
        assert_eq!((lan.masters("VI"), row(&lan, 1).counters.auth_failures), (vec![0], 3));

        // The master does not return: the numbers of this router must be greater than all that others have received.
        let last = *lan.routers[0].sealed.last().unwrap();
        restart(&mut lan, 1, ah(100), &sequences);
        lan.kill(0);
        lan.run(ms(5000));
        let first = lan.routers[1].sealed.first().copied();
        let highest = if stopped { last - 10 } else { last };
        assert!(lan.masters("VI") == [1] && first > Some(highest), "{first:?} after {last}, stopped: {stopped}");
    }
}

#[test]
fn a_restarted_master_sends_greater_numbers() {
    for stopped in [false, true] {
        let mut lan = Lan::new(vec![ah(100)]);
        let mut sequences = Sequences::default();
        for _ in 0..1500 {
            lan.run(ms(1000));
            if std::mem::take(&mut lan.routers[0].save) {
                sequences = lan.routers[0].vrrp.sequences(false);
            }
        }
        if stopped {
            sequences = lan.routers[0].vrrp.sequences(true);
        }
        let last = *lan.routers[0].sealed.last().unwrap();
        let before = lan.routers[0].sealed.len();
        restart(&mut lan, 0, ah(100), &sequences);
        lan.run(ms(10_000));
        assert!(lan.routers[0].sealed[before] > last, "stopped: {stopped}");
    }
}

/// One router restarts with saved numbers; the other is new and starts with 1.
#[test]
fn routers_with_and_without_saved_numbers_agree_on_a_master() {
    for (restarted, new) in [(200, 100), (100, 200)] {
        let mut lan = Lan::new(vec![ah(restarted), ah(new)]);
        lan.kill(0);
        lan.run(ms(20_000));
        assert_eq!(lan.masters("VI"), [1]);
        restart(&mut lan, 0, ah(restarted), &Sequences::of("VI", 50_000, 52_048));
        lan.run(ms(20_000));
        assert_eq!(lan.masters("VI"), [usize::from(new > restarted)], "{restarted} {new}");
    }
}

#[test]
fn numbers_are_only_saved_for_ah_and_by_name() {
    let mut lan = Lan::new(vec![ah(100)]);
    lan.run(ms(8000));
    assert_eq!(lan.routers[0].vrrp.sequences(true), Sequences::of("VI", 5, 0));
    assert_eq!(lan.routers[0].vrrp.sequences(false), Sequences::of("VI", 0, 2048));
    let mut plain = ah(100);
    plain.instances[0].authentication = None;
    let mut lan = Lan::new(vec![plain]);
    for name in ["VI", "OTHER"] {
        lan.routers[0].vrrp.recall_sequences(&Sequences::of(name, 7, 0));
    }
    assert_eq!((row(&lan, 0).sequence, lan.routers[0].vrrp.sequences(true)), (0, Sequences::default()));
}
