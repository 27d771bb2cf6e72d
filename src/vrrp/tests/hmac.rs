//! Tests of `auth_hmac`: checks on reception, replay, keys and modes by reload, replacements and restarts, and clocks that are
//! set while the routers run.

use std::net::IpAddr;
use std::time::Duration;

use super::lan::{EPOCH, IFINDEX, Lan, Packet, config, instance, ms};
use crate::config::model::{AntiReplay, AuthHmac, Config, HmacKey, HmacMode, Version};
use crate::vrrp::{Change, Checkpoint, Complaint, Counters, Event, Instance, Sequences, State, Tables, Vrrp};
use crate::wire::auth_hmac::{Sequence, TRAILER_LEN, seal};
use crate::wire::vrrp::{Advertisement, Checksum, VersionFields};

const KEYS: [[u8; 32]; 2] = [[0x11; 32], [0x22; 32]];
const HOUR: i64 = 3600;

fn key(id: u8) -> HmacKey {
    HmacKey { id, octets: KEYS[usize::from(id) - 1].to_vec() }
}

fn settings() -> AuthHmac {
    AuthHmac {
        active: key(1),
        others: vec![key(2)],
        window: Duration::from_secs(5),
        anti_replay: AntiReplay::Time,
        mode: HmacMode::Enforce,
    }
}

fn with(priority: u8, settings: AuthHmac) -> Config {
    let mut row = instance("VI", 51);
    row.advert_interval = ms(1000);
    row.priority = priority;
    row.auth_hmac = Some(settings);
    config(vec![row], Vec::new())
}

fn hmac(priority: u8) -> Config {
    with(priority, settings())
}

fn monotonic(priority: u8) -> Config {
    with(priority, AuthHmac { anti_replay: AntiReplay::Monotonic, ..settings() })
}

fn row(lan: &Lan, at: usize) -> &Instance {
    lan.routers[at].vrrp.tables.instances.values().next().unwrap()
}

/// An advert of router 10.0.0.77.
struct Forged {
    source: &'static str,
    priority: u8,
    key_id: u8,
    key: Vec<u8>,
    /// Milliseconds by which its time is ahead.
    ahead: i64,
}

impl Forged {
    fn new() -> Forged {
        Forged { source: "10.0.0.77", priority: 200, key_id: 1, key: KEYS[0].to_vec(), ahead: 0 }
    }

    fn message(&self) -> Vec<u8> {
        let version = VersionFields::V3 { interval_centiseconds: 100, checksum: Checksum::PseudoHeader };
        let addresses = ["10.0.1.51".parse().unwrap()];
        let advert = Advertisement { vrid: 51, priority: self.priority, version, addresses: &addresses };
        advert.to_bytes(self.source(), "224.0.0.18".parse().unwrap())
    }

    fn source(&self) -> IpAddr {
        self.source.parse().unwrap()
    }

    fn packet_of(&self, payload: Vec<u8>) -> Packet {
        Packet::new(self.source(), "224.0.0.18".parse().unwrap(), 255, payload, None)
    }

    /// The advert as sent at a time of the LAN.
    fn at(&self, now: Duration) -> Packet {
        let utc = now + ms((EPOCH * 1000).saturating_add_signed(self.ahead));
        let message = self.message();
        let trailer = seal(self.key_id, &self.key, Sequence::at(utc), self.source(), &message).unwrap();
        self.packet_of([message, trailer.to_vec()].concat())
    }
}

fn receive(lan: &mut Lan, at: usize, packet: &Packet) {
    lan.event(at, Event::Packet(packet.received(IFINDEX)));
}

/// Counters and state of a master with priority 100, which has sent some adverts, after it receives the packet.
fn heard(config: Config, packet: impl FnOnce(Duration) -> Packet) -> (Counters, State) {
    let mut lan = Lan::new(vec![config]);
    lan.run(ms(8000));
    let packet = packet(lan.now);
    receive(&mut lan, 0, &packet);
    let mut counters = row(&lan, 0).counters;
    (counters.adverts_sent, counters.become_master, counters.release_master) = (0, 0, 0);
    (counters, row(&lan, 0).state)
}

fn counted(count: impl FnOnce(&mut Counters)) -> (Counters, State) {
    let mut counters = Counters::default();
    count(&mut counters);
    (counters, State::Master)
}

fn accepted() -> (Counters, State) {
    (Counters { adverts_received: 1, ..Counters::default() }, State::Backup)
}

fn complaints(lan: &Lan, at: usize) -> Vec<(Complaint, Option<i64>)> {
    let complaint = |(_, change): &(Duration, Change)| match change {
        Change::Complaint { complaint, detail, .. } => Some((*complaint, *detail)),
        _ => None,
    };
    lan.routers[at].changes.iter().filter_map(complaint).collect()
}

#[test]
fn two_routers_elect_a_master_by_signed_adverts() {
    for version in [Version::V2, Version::V3] {
        let of_version = |priority| {
            let mut config = hmac(priority);
            config.instances[0].version = version;
            config
        };
        let mut lan = Lan::new(vec![of_version(200), of_version(100)]);
        lan.run(ms(20_000));
        assert_eq!(lan.masters("VI"), [0]);
        let without = if version == Version::V2 { 20 } else { 12 };
        assert!(lan.routers[0].sent.iter().all(|(_, payload)| payload.len() == without + TRAILER_LEN));
        assert_eq!((complaints(&lan, 0), complaints(&lan, 1)), (vec![], vec![]));
        lan.kill(0);
        lan.run(ms(5000));
        assert_eq!(lan.masters("VI"), [1]);
    }
}

#[test]
fn each_kind_of_bad_trailer_is_refused_and_counted() {
    let valid = Forged::new();
    assert_eq!(heard(hmac(100), |now| valid.at(now)), accepted());
    let second = Forged { key_id: 2, key: KEYS[1].to_vec(), ..Forged::new() };
    assert_eq!(heard(hmac(100), |now| second.at(now)), accepted(), "a known key that is not the active one");
    let none = |_| valid.packet_of(valid.message());
    assert_eq!(heard(hmac(100), none), counted(|counters| counters.hmac_missing = 1));

    let cut = |octets: usize| {
        move |now| {
            let mut packet = Forged::new().at(now);
            packet.payload.truncate(packet.payload.len() - octets);
            packet
        }
    };
    assert_eq!(heard(hmac(100), cut(1)), counted(|counters| counters.length_errors = 1));
    assert_eq!(heard(hmac(100), cut(4)), counted(|counters| counters.hmac_malformed = 1));
    for (at, octet) in [(0, 0), (0, 2), (2, 1), (3, 1)] {
        let altered = |now| {
            let mut packet = valid.at(now);
            packet.payload[12 + at] = octet;
            packet
        };
        assert_eq!(heard(hmac(100), altered), counted(|counters| counters.hmac_malformed = 1), "octet {at}");
    }

    let unknown = Forged { key_id: 9, ..Forged::new() };
    assert_eq!(heard(hmac(100), |now| unknown.at(now)), counted(|counters| counters.hmac_unknown_key = 1));
    let wrong = Forged { key: KEYS[1].to_vec(), ..Forged::new() };
    assert_eq!(heard(hmac(100), |now| wrong.at(now)), counted(|counters| counters.hmac_invalid = 1));
    let other_sender = |now| {
        let mut packet = valid.at(now);
        packet.source = "10.0.0.78".parse().unwrap();
        packet
    };
    assert_eq!(heard(hmac(100), other_sender), counted(|counters| counters.hmac_invalid = 1));
    for (ahead, good) in [(-5000, true), (-6000, false), (5000, true), (6000, false), (-HOUR * 1000, false)] {
        let advert = Forged { ahead, ..Forged::new() };
        let expected = if good { accepted() } else { counted(|counters| counters.hmac_stale = 1) };
        assert_eq!(heard(hmac(100), |now| advert.at(now)), expected, "{ahead} ms ahead");
    }
}

#[test]
fn complaints_have_their_number_and_are_reported_once() {
    let mut lan = Lan::new(vec![hmac(200)]);
    lan.run(ms(8000));
    for advert in [
        Forged { key_id: 9, ..Forged::new() },
        Forged { ahead: -7000, ..Forged::new() },
        Forged { ahead: 4000, priority: 50, ..Forged::new() },
    ] {
        for _ in 0..3 {
            let packet = advert.at(lan.now);
            receive(&mut lan, 0, &packet);
        }
    }
    let expected = [
        (Complaint::HmacUnknownKey, Some(9)),
        (Complaint::HmacStale, Some(7)),
        (Complaint::HmacSkew, Some(-4)),
        (Complaint::HmacReplay, None),
    ];
    assert_eq!(complaints(&lan, 0), expected);
    let counters = row(&lan, 0).counters;
    assert_eq!((counters.hmac_unknown_key, counters.hmac_stale, counters.hmac_replay), (3, 3, 2));
}

#[test]
fn the_number_of_each_sender_must_grow() {
    let mut lan = Lan::new(vec![hmac(200)]);
    lan.run(ms(8000));
    let lower = || Forged { priority: 50, ..Forged::new() };
    let now = lan.now;
    let (first, earlier) = (lower().at(now), Forged { ahead: -1, ..lower() }.at(now));
    let of_other = Forged { source: "10.0.0.78", ahead: -2, ..lower() }.at(now);
    for (packet, received, replayed) in
        [(&first, 1, 0), (&first, 1, 1), (&earlier, 1, 2), (&of_other, 2, 2), (&of_other, 2, 3), (&first, 2, 4)]
    {
        receive(&mut lan, 0, packet);
        let counters = row(&lan, 0).counters;
        assert_eq!((counters.adverts_received, counters.hmac_replay), (received, replayed));
    }
    // The number is remembered although a later check refuses the advert.
    let mut multicast_as_unicast = Forged { ahead: 1, ..lower() }.at(now);
    multicast_as_unicast.destination = "10.0.0.1".parse().unwrap();
    receive(&mut lan, 0, &multicast_as_unicast);
    receive(&mut lan, 0, &multicast_as_unicast);
    assert_eq!(row(&lan, 0).counters.hmac_replay, 5);
}

#[test]
fn monotonic_numbers_need_no_common_time() {
    let mut lan = Lan::new(vec![monotonic(200)]);
    lan.run(ms(8000));
    for (ahead, received, replayed) in [
        (0, 1, 0),
        (-1_000_000, 1, 1),
        (1_000_000, 2, 1),
        (900_000, 2, 2),
        (1_000_001, 3, 2),
        (1_000_001 + (1 << 31) * 1000, 3, 3),
    ] {
        let packet = Forged { ahead, priority: 50, ..Forged::new() }.at(lan.now);
        receive(&mut lan, 0, &packet);
        let counters = row(&lan, 0).counters;
        assert_eq!((counters.adverts_received, counters.hmac_replay), (received, replayed), "{ahead} ms ahead");
    }
}

#[test]
fn only_mode_enforce_demands_a_trailer_and_only_receive_only_sends_none() {
    for (mode, missing, trailer) in [
        (HmacMode::Enforce, counted(|counters| counters.hmac_missing = 1), TRAILER_LEN),
        (HmacMode::Permissive, accepted(), TRAILER_LEN),
        (HmacMode::ReceiveOnly, accepted(), 0),
    ] {
        let of_mode = || with(100, AuthHmac { mode, ..settings() });
        let valid = Forged::new();
        assert_eq!(heard(of_mode(), |_| valid.packet_of(valid.message())), missing, "{mode:?}");
        assert_eq!(heard(of_mode(), |now| valid.at(now)), accepted(), "{mode:?}");
        let wrong = Forged { key: KEYS[1].to_vec(), ..Forged::new() };
        let refused = counted(|counters| counters.hmac_invalid = 1);
        assert_eq!(heard(of_mode(), |now| wrong.at(now)), refused, "{mode:?}");
        let mut lan = Lan::new(vec![of_mode()]);
        lan.run(ms(8000));
        assert!(lan.routers[0].sent.iter().all(|(_, payload)| payload.len() == 12 + trailer), "{mode:?}");
    }
}

#[test]
fn a_router_with_another_key_does_not_disturb() {
    let stranger = || AuthHmac { active: HmacKey { id: 1, octets: vec![0x33; 32] }, others: vec![], ..settings() };
    let mut lan = Lan::new(vec![hmac(200), hmac(100), with(254, stranger())]);
    lan.run(ms(60_000));
    // It refuses their adverts, too, and is master alone.
    assert_eq!(lan.masters("VI"), [0, 2]);
    assert_eq!([0, 1].map(|at| row(&lan, at).counters.become_master), [1, 0]);
    assert_eq!(complaints(&lan, 1), [(Complaint::HmacInvalid, None)]);
}

fn reload(lan: &mut Lan, at: usize, config: Config) {
    lan.event(at, Event::Configure(Box::new(config)));
    lan.run(ms(10_000));
}

/// The extension is introduced, and its key replaced, router by router, without a second master.
#[test]
fn modes_and_keys_change_by_reload_without_a_change_of_the_master() {
    let of_mode = |priority, mode| with(priority, AuthHmac { mode, ..settings() });
    let of_keys = |priority, active, others: Vec<HmacKey>| with(priority, AuthHmac { active, others, ..settings() });
    let mut plain = [hmac(200), hmac(100)];
    plain.iter_mut().for_each(|config| config.instances[0].auth_hmac = None);
    let mut lan = Lan::new(plain.to_vec());
    lan.run(ms(10_000));
    for (at, priority) in [(1, 100), (0, 200)] {
        reload(&mut lan, at, of_mode(priority, HmacMode::ReceiveOnly));
    }
    for mode in [HmacMode::Permissive, HmacMode::Enforce] {
        for (at, priority) in [(1, 100), (0, 200)] {
            reload(&mut lan, at, of_mode(priority, mode));
        }
    }
    for (active, others) in [(1, vec![]), (1, vec![2]), (2, vec![1]), (2, vec![])] {
        for (at, priority) in [(0, 200), (1, 100)] {
            reload(&mut lan, at, of_keys(priority, key(active), others.iter().copied().map(key).collect()));
        }
    }
    assert_eq!(lan.masters("VI"), [0]);
    assert_eq!([0, 1].map(|at| row(&lan, at).counters.become_master), [1, 0]);
    assert_eq!((complaints(&lan, 0), complaints(&lan, 1)), (vec![], vec![]));
    assert_eq!(lan.routers[0].sent.last().unwrap().1[13], 2, "the ID of the key");
}

/// So `mode permissive` can be introduced router by router.
#[test]
fn a_router_without_it_takes_adverts_with_a_trailer() {
    let mut plain = hmac(100);
    plain.instances[0].auth_hmac = None;
    assert_eq!(heard(plain, |now| Forged::new().at(now)), accepted());
}

/// A replacement of the process continues with a checkpoint that is as old as possible.
fn replace(lan: &mut Lan, at: usize, config: Config, checkpoint: &Checkpoint) {
    lan.routers[at].timers.clear();
    lan.routers[at].vrrp = Vrrp::new(Tables::new(config, "test".into()));
    lan.routers[at].vrrp.resume(checkpoint);
    lan.start(at);
}

fn run_with_checkpoints(lan: &mut Lan, seconds: u64) -> [Checkpoint; 2] {
    let mut checkpoints = [0, 1].map(|at: usize| lan.routers[at].vrrp.checkpoint());
    for _ in 0..seconds {
        lan.run(ms(1000));
        for (at, checkpoint) in checkpoints.iter_mut().enumerate() {
            if std::mem::take(&mut lan.routers[at].save) {
                *checkpoint = lan.routers[at].vrrp.checkpoint();
            }
        }
    }
    checkpoints
}

#[test]
fn a_replacement_is_not_noticed_and_refuses_old_adverts() {
    for of in [hmac as fn(u8) -> Config, monotonic] {
        let mut lan = Lan::new(vec![of(200), of(100)]);
        // The clock of the master is set during the run, and again within the last block.
        lan.run(ms(30_000));
        lan.routers[0].clock_ahead = -HOUR;
        let recorded = lan.routers[0].sent.last().unwrap().1.clone();
        let [master, backup] = run_with_checkpoints(&mut lan, 170);
        lan.routers.iter_mut().for_each(|router| router.changes.clear());
        replace(&mut lan, 0, of(200), &master);
        lan.run(ms(10_000));
        replace(&mut lan, 1, of(100), &backup);
        let source = lan.routers[0].ip;
        let old = Packet::new(source, "224.0.0.18".parse().unwrap(), 255, recorded, None);
        receive(&mut lan, 1, &old);
        lan.run(ms(10_000));
        assert_eq!(lan.masters("VI"), [0]);
        let counters = row(&lan, 1).counters;
        assert_eq!((counters.hmac_stale + counters.hmac_replay, counters.become_master), (1, 0));
        assert_eq!(row(&lan, 0).counters.become_master, 1, "it has resumed");
    }
}

/// The replacement has begun and sent adverts, and is gone again.
#[test]
fn a_master_that_continues_instead_of_its_replacement_is_not_noticed() {
    for of in [hmac as fn(u8) -> Config, monotonic] {
        let mut lan = Lan::new(vec![of(200), of(100)]);
        lan.run(ms(30_000));
        let (checkpoint, timers) = (lan.routers[0].vrrp.checkpoint(), std::mem::take(&mut lan.routers[0].timers));
        let replacement = Vrrp::new(Tables::new(of(200), "test".into()));
        let former = std::mem::replace(&mut lan.routers[0].vrrp, replacement);
        lan.routers[0].vrrp.resume(&checkpoint);
        lan.start(0);
        lan.run(ms(2000));
        lan.routers[0].timers.clear();
        lan.run(ms(5));
        (lan.routers[0].vrrp, lan.routers[0].timers) = (former, timers);
        lan.routers[0].vrrp.pass_over_numbers();
        lan.routers[1].changes.clear();
        lan.run(ms(10_000));
        assert_eq!((lan.masters("VI"), row(&lan, 1).counters.hmac_replay), (vec![0], 0));
        assert_eq!(lan.routers[1].changes, []);
    }
}

/// Restarts the daemon with the numbers saved by its previous run.
fn restart(lan: &mut Lan, at: usize, config: Config, sequences: &Sequences) {
    lan.routers[at].timers.clear();
    lan.routers[at].alive = true;
    lan.routers[at].vrrp = Vrrp::new(Tables::new(config, "test".into()));
    lan.routers[at].vrrp.recall_sequences(sequences);
    lan.start(at);
}

#[test]
fn monotonic_numbers_outlive_a_restart_with_a_clock_that_was_set_back() {
    for killed in [false, true] {
        let mut lan = Lan::new(vec![monotonic(200), monotonic(100)]);
        let mut saved = [Sequences::default(), Sequences::default()];
        for _ in 0..170 {
            lan.run(ms(1000));
            for (at, saved) in saved.iter_mut().enumerate() {
                if std::mem::take(&mut lan.routers[at].save) {
                    *saved = lan.routers[at].vrrp.sequences(false);
                }
            }
        }
        if !killed {
            saved = [0, 1].map(|at: usize| lan.routers[at].vrrp.sequences(true));
        }
        let recorded = lan.routers[0].sent[0].1.clone();
        lan.kill(0);
        lan.routers[0].clock_ahead = -HOUR;
        restart(&mut lan, 0, monotonic(200), &saved[0]);
        lan.run(ms(10_000));
        assert_eq!((lan.masters("VI"), row(&lan, 1).counters.hmac_replay), (vec![0], 0), "killed: {killed}");
        restart(&mut lan, 1, monotonic(100), &saved[1]);
        let source = lan.routers[0].ip;
        receive(&mut lan, 1, &Packet::new(source, "224.0.0.18".parse().unwrap(), 255, recorded, None));
        assert_eq!(row(&lan, 1).counters.hmac_replay, 1, "killed: {killed}");
        lan.run(ms(10_000));
        assert_eq!((lan.masters("VI"), row(&lan, 1).counters.hmac_replay), (vec![0], 1), "killed: {killed}");
    }
}

#[test]
fn numbers_of_time_are_saved_at_a_stop_only() {
    let mut lan = Lan::new(vec![hmac(200), hmac(100)]);
    lan.run(ms(20_000));
    assert_eq!(lan.routers[1].vrrp.sequences(false), Sequences::default());
    let saved = lan.routers[1].vrrp.sequences(true);
    let recorded = lan.routers[0].sent.last().unwrap().1.clone();
    restart(&mut lan, 1, hmac(100), &saved);
    let source = lan.routers[0].ip;
    receive(&mut lan, 1, &Packet::new(source, "224.0.0.18".parse().unwrap(), 255, recorded, None));
    assert_eq!(row(&lan, 1).counters.hmac_replay, 1);
    // Not for instances without auth_hmac.
    let mut plain = hmac(100);
    plain.instances[0].auth_hmac = None;
    restart(&mut lan, 1, plain, &saved);
    assert_eq!(lan.routers[1].vrrp.sequences(true), Sequences::default());
}

fn clock_changes(lan: &Lan, at: usize) -> Vec<Change> {
    let of_clock = |change: &&Change| matches!(change, Change::ClockSet { .. } | Change::ClockFollowed { .. });
    lan.routers[at].changes.iter().map(|(_, change)| change).filter(of_clock).cloned().collect()
}

#[test]
fn one_master_remains_when_a_clock_is_set_by_an_hour() {
    for of in [hmac as fn(u8) -> Config, monotonic] {
        for (at, by) in [(0, HOUR), (0, -HOUR), (1, HOUR), (1, -HOUR)] {
            let mut lan = Lan::new(vec![of(200), of(100)]);
            lan.run(ms(10_000));
            lan.routers[at].clock_ahead += by;
            lan.run(ms(600_000));
            assert_eq!(clock_changes(&lan, at), [Change::ClockSet { by }], "{at} {by}");
            lan.routers[at].clock_ahead -= by;
            lan.run(ms(600_000));
            assert!(!row(&lan, at).hmac.keeps_time(), "{at} {by}");
            assert_eq!([0, 1].map(|at| row(&lan, at).counters.become_master), [1, 0], "{at} {by}");
            // The other router takes over, and is heard.
            lan.kill(0);
            lan.run(ms(10_000));
            lan.routers[0].alive = true;
            lan.run(ms(10_000));
            assert_eq!(lan.masters("VI"), [0], "{at} {by}");
        }
    }
}

#[test]
fn one_master_remains_when_both_clocks_are_set_by_an_hour_and_a_router_restarts() {
    for by in [HOUR, -HOUR] {
        let mut lan = Lan::new(vec![hmac(200), hmac(100)]);
        lan.run(ms(10_000));
        for at in [0, 1] {
            lan.routers[at].clock_ahead += by;
            lan.run(ms(7000));
        }
        assert_eq!([0, 1].map(|at| row(&lan, at).counters.become_master), [1, 0], "{by}");
        // The restarted router has the new time.
        let saved = lan.routers[1].vrrp.sequences(true);
        restart(&mut lan, 1, hmac(100), &saved);
        lan.run(ms(20_000));
        assert_eq!(lan.masters("VI"), [0], "{by}");
        assert!(!row(&lan, 0).hmac.keeps_time());
        let sender = lan.routers[1].ip;
        let followed = |change: &Change| matches!(change, Change::ClockFollowed { source, .. } if *source == sender);
        assert!(clock_changes(&lan, 0).iter().any(followed), "{by}");
    }
}

/// Routers without a battery-backed clock start with different times, and get the right time later.
#[test]
fn routers_that_start_with_wrong_times_have_one_master_once_their_clocks_are_right() {
    let mut lan = Lan::new(vec![hmac(200), hmac(100)]);
    (lan.routers[0].clock_ahead, lan.routers[1].clock_ahead) = (-9 * HOUR, -7 * HOUR);
    for (at, config) in [(0, hmac(200)), (1, hmac(100))] {
        restart(&mut lan, at, config, &Sequences::default());
    }
    lan.run(ms(20_000));
    assert_eq!(lan.masters("VI"), [0, 1], "their times differ too much");
    for at in [0, 1] {
        lan.routers[at].clock_ahead = 0;
        lan.run(ms(10_000));
    }
    assert_eq!(lan.masters("VI"), [0]);
}

/// An attacker cannot make a router follow a clock that was set by sending it adverts from before.
#[test]
fn a_replayed_advert_does_not_change_the_kept_time() {
    let mut lan = Lan::new(vec![hmac(200), hmac(100)]);
    lan.run(ms(20_000));
    let recorded = lan.routers[0].sent[0].1.clone();
    lan.routers[1].clock_ahead = HOUR;
    lan.run(ms(5000));
    let source = lan.routers[0].ip;
    receive(&mut lan, 1, &Packet::new(source, "224.0.0.18".parse().unwrap(), 255, recorded, None));
    assert!(row(&lan, 1).hmac.keeps_time());
    assert_eq!(row(&lan, 1).counters.hmac_replay, 1);
}

#[test]
fn the_state_of_senders_is_bounded() {
    let mut lan = Lan::new(vec![hmac(200)]);
    lan.run(ms(8000));
    let sources: Vec<&'static str> = (0..200).map(|n| &*Box::leak(format!("10.0.7.{n}").into_boxed_str())).collect();
    for source in &sources {
        let packet = Forged { source, priority: 50, ..Forged::new() }.at(lan.now);
        receive(&mut lan, 0, &packet);
    }
    let accepted = row(&lan, 0).counters.adverts_received;
    // The last senders are known, the others were forgotten.
    for source in sources.iter().rev() {
        let packet = Forged { source, priority: 50, ..Forged::new() }.at(lan.now);
        receive(&mut lan, 0, &packet);
    }
    let counters = row(&lan, 0).counters;
    assert_eq!((accepted, counters.hmac_replay), (200, 16));
}

#[test]
fn the_trailer_counts_when_addresses_have_to_fit_the_mtu() {
    for (settings, fit) in [(None, 7), (Some(settings()), 0)] {
        let mut config = hmac(100);
        config.instances[0].auth_hmac = settings;
        config.instances[0].addresses = (1..=10).map(|n| super::lan::address(&format!("10.0.1.{n}"))).collect();
        let mut lan = Lan::new(vec![config]);
        lan.routers[0].mtu = 20 + 8 + 28;
        let link = lan.routers[0].link(true);
        lan.event(0, Event::Link(link));
        assert_eq!(row(&lan, 0).advertised, fit);
    }
}
