//! What a replacement of the process continues besides the states: times, causes, counters and history, after an orderly hand-over
//! and after a crash; and checkpoints of other releases.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::lan::{Lan, config, group, instance, ms};
use crate::config::model::Config;
use crate::state::{Known, Opened, edited, fixtures, from_sections, to_sections};
use crate::track::Reading;
use crate::vrrp::{
    Cause, Change, Checkpoint, Counters, Event, Fault, Indices, Instance, RouterCounters, State, Tables, Transition,
    Vrrp, Yielded,
};
use crate::wire::auth_hmac::Sequence;

/// Two instances, in a group or not.
fn pair(priority: u8, grouped: bool) -> Config {
    let rows =
        [("A", 51), ("B", 52)].map(|(name, vrid)| crate::config::model::Instance { priority, ..instance(name, vrid) });
    let groups = if grouped { vec![group("G", &["A", "B"])] } else { Vec::new() };
    config(rows.to_vec(), groups)
}

/// What views show of the past of an instance.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    state: State,
    since: Duration,
    up_since: Option<Duration>,
    transitions: u64,
    cause: Option<(Cause, u8)>,
    became_master: Option<Cause>,
    heard: Option<IpAddr>,
}

fn shown(row: &Instance) -> Shown {
    Shown {
        state: row.state,
        since: row.since,
        up_since: row.up_since,
        transitions: row.transitions,
        cause: row.last_cause.clone(),
        became_master: row.became_master.clone(),
        heard: row.heard,
    }
}

/// All counters of an instance, those since they were cleared, and since when they count.
fn counters(row: &Instance) -> (Counters, Counters, Duration) {
    (row.counters, row.statistics(), row.counted_since)
}

fn history(lan: &Lan, at: usize) -> Vec<Transition> {
    lan.routers[at].vrrp.tables.history.latest_first().cloned().collect()
}

fn of_groups(lan: &Lan, at: usize) -> Vec<(State, Duration, u64)> {
    lan.routers[at].vrrp.tables.groups.values().map(|row| (row.state, row.since, row.transitions)).collect()
}

fn rows<T>(lan: &Lan, at: usize, of: fn(&Instance) -> T) -> Vec<T> {
    lan.routers[at].vrrp.tables.instances.values().map(of).collect()
}

fn router_counters(lan: &Lan, at: usize) -> RouterCounters {
    lan.routers[at].vrrp.tables.router_counters
}

fn replace(lan: &mut Lan, at: usize, config: Config, octets: &[u8]) -> Vec<String> {
    let Opened { record, lost } = from_sections::<Checkpoint>(octets).unwrap();
    let mut vrrp = Vrrp::new(Tables::new(config, "test".into()));
    vrrp.resume(&record);
    lan.routers[at].timers.clear();
    lan.routers[at].changes.clear();
    lan.routers[at].vrrp = vrrp;
    lan.start(at);
    lost
}

fn last(lan: &Lan, at: usize) -> Vec<u8> {
    to_sections(&lan.routers[at].vrrp.last_checkpoint()).unwrap()
}

fn crashed(lan: &Lan, at: usize) -> Vec<u8> {
    to_sections(&lan.routers[at].vrrp.checkpoint()).unwrap()
}

/// A master and a backup that have been through transitions, refused packets, and cleared their statistics once.
fn eventful(grouped: bool) -> Lan {
    let mut lan = Lan::new(vec![pair(200, grouped), pair(100, grouped)]);
    lan.run(ms(2000));
    lan.set_link(0, false);
    lan.run(ms(2000));
    lan.event(1, Event::ClearCounters);
    lan.event(0, Event::ClearCounters);
    lan.set_link(0, true);
    lan.run(ms(3000));
    let stranger = [0x31, 99, 100, 1, 0, 100, 0, 0, 10, 0, 1, 99];
    let packet = super::lan::Packet::new([10, 0, 0, 9].into(), [224, 0, 0, 18].into(), 255, stranger.to_vec(), None);
    lan.event(0, Event::Packet(packet.received(super::lan::IFINDEX)));
    let wrong = [0x31, 51, 100, 1, 0, 100, 0, 0, 10, 0, 1, 51];
    let packet = super::lan::Packet::new([10, 0, 0, 9].into(), [224, 0, 0, 18].into(), 1, wrong.to_vec(), None);
    lan.event(0, Event::Packet(packet.received(super::lan::IFINDEX)));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    assert!(rows(&lan, 0, |row| row.counters.ttl_errors)[0] == 1 && router_counters(&lan, 0).unknown_vrids() == 1);
    lan
}

fn news(lan: &Lan, at: usize) -> Vec<&Change> {
    let resumed = |change: &&Change| matches!(change, Change::Instance { cause: Cause::Resumed, .. });
    lan.routers[at].changes.iter().map(|(_, change)| change).filter(|change| !resumed(change)).collect()
}

#[test]
fn everything_goes_on_after_an_orderly_hand_over() {
    for grouped in [false, true] {
        let mut lan = eventful(grouped);
        for at in [0, 1] {
            let priority = [200, 100][at];
            let before = (rows(&lan, at, shown), history(&lan, at), of_groups(&lan, at), router_counters(&lan, at));
            let counted = rows(&lan, at, |row| (row.counters, row.statistics(), row.counted_since));
            assert!(
                before.0[0].transitions > 2 && !before.1.is_empty() && counted[0].0.adverts_sent > 10,
                "{before:?}"
            );
            assert_ne!(counted[0].0, counted[0].1, "they were cleared");
            let octets = last(&lan, at);
            assert_eq!(replace(&mut lan, at, pair(priority, grouped), &octets), [""; 0]);
            let after = (rows(&lan, at, shown), history(&lan, at), of_groups(&lan, at), router_counters(&lan, at));
            assert_eq!(after, before);
            // A master sends at once.
            let mut expected = counted;
            let sent = u64::from(at == 0);
            for (all, since, _) in &mut expected {
                (all.adverts_sent, since.adverts_sent) = (all.adverts_sent + sent, since.adverts_sent + sent);
            }
            assert_eq!(rows(&lan, at, counters), expected);
            lan.run(ms(1000));
            assert_eq!(news(&lan, at), [] as [&Change; 0], "nothing has changed for a view");
            assert_eq!(rows(&lan, at, shown), before.0);
        }
        assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    }
}

#[test]
fn after_a_crash_counters_of_packets_begin_at_zero_with_a_new_discontinuity_time() {
    for grouped in [false, true] {
        let mut lan = eventful(grouped);
        for at in [0, 1] {
            let before = (rows(&lan, at, shown), history(&lan, at), of_groups(&lan, at));
            let masters = rows(&lan, at, |row| (row.counters.become_master, row.counters.release_master));
            let transitions_since = rows(&lan, at, |row| row.transitions_since);
            assert!(transitions_since[0] > Duration::ZERO && transitions_since[0] < lan.now);
            let cleared = rows(&lan, at, |row| (row.statistics().become_master, row.statistics().release_master));
            let octets = crashed(&lan, at);
            replace(&mut lan, at, pair([200, 100][at], grouped), &octets);
            assert_eq!((rows(&lan, at, shown), history(&lan, at), of_groups(&lan, at)), before);
            assert_eq!(rows(&lan, at, |row| (row.counters.become_master, row.counters.release_master)), masters);
            assert_eq!(rows(&lan, at, |row| row.transitions_since), transitions_since);
            let statistics = |row: &Instance| (row.statistics().become_master, row.statistics().release_master);
            assert_eq!(rows(&lan, at, statistics), cleared);
            let now = lan.now;
            for (all, _, since) in rows(&lan, at, counters) {
                assert_eq!((all.adverts_sent, all.adverts_received, since), (u64::from(at == 0), 0, now));
                assert_eq!(all.ttl_errors, 0);
            }
            assert_eq!(router_counters(&lan, at), RouterCounters { since: now, ..RouterCounters::default() });
            // Once more: the crash of a replacement loses nothing either.
            let octets = crashed(&lan, at);
            replace(&mut lan, at, pair([200, 100][at], grouped), &octets);
            assert_eq!((rows(&lan, at, shown), history(&lan, at), of_groups(&lan, at)), before);
        }
    }
}

/// The state is another one than the predecessor's: a transition from that, with all that belongs to it.
#[test]
fn a_master_that_comes_back_in_fault_has_had_a_transition() {
    for grouped in [false, true] {
        let mut lan = eventful(grouped);
        let (before, groups) = (rows(&lan, 0, shown), of_groups(&lan, 0));
        let released = rows(&lan, 0, |row| row.counters.release_master);
        let octets = last(&lan, 0);
        let Opened { record, .. } = from_sections::<Checkpoint>(&octets).unwrap();
        let mut vrrp = Vrrp::new(Tables::new(pair(200, grouped), "test".into()));
        vrrp.resume(&record);
        lan.routers[0].timers.clear();
        lan.routers[0].changes.clear();
        lan.routers[0].vrrp = vrrp;
        let link = lan.routers[0].link(false);
        lan.snapshot(0, vec![link]);
        lan.event(0, Event::Start);
        let down = Cause::Fault(Fault::InterfaceDown("eth0".into()));
        for ((row, before), released) in rows(&lan, 0, Clone::clone).iter().zip(&before).zip(released) {
            assert_eq!((row.state, row.since, row.up_since), (State::Fault, lan.now, None));
            assert_eq!((row.transitions, row.counters.release_master), (before.transitions + 1, released + 1));
            assert_eq!(
                (row.last_cause.clone().unwrap().0, row.became_master.clone()),
                (down.clone(), before.became_master.clone())
            );
        }
        let changes: Vec<_> = news(&lan, 0).into_iter().cloned().collect();
        let fault = |change: &&Change| matches!(change, Change::Instance { from: State::Master, to: State::Fault, cause, .. } if *cause == down);
        assert_eq!(changes.iter().filter(fault).count(), 2, "{changes:?}");
        assert_eq!(history(&lan, 0)[0].from, State::Master);
        if grouped {
            assert_eq!(of_groups(&lan, 0), [(State::Fault, lan.now, groups[0].2 + 1)]);
            let group =
                |change: &&Change| matches!(change, Change::Group { from: State::Master, to: State::Fault, .. });
            assert_eq!(changes.iter().filter(group).count(), 1, "{changes:?}");
        }
    }
}

#[test]
fn an_instance_in_fault_stays_so_without_news() {
    let mut lan = eventful(true);
    lan.set_link(0, false);
    lan.run(ms(500));
    let before = (rows(&lan, 0, shown), of_groups(&lan, 0), history(&lan, 0));
    assert_eq!(before.0[0].state, State::Fault);
    let octets = crashed(&lan, 0);
    let Opened { record, .. } = from_sections::<Checkpoint>(&octets).unwrap();
    let mut vrrp = Vrrp::new(Tables::new(pair(200, true), "test".into()));
    vrrp.resume(&record);
    lan.routers[0].changes.clear();
    lan.routers[0].vrrp = vrrp;
    let link = lan.routers[0].link(false);
    lan.snapshot(0, vec![link]);
    lan.event(0, Event::Start);
    assert_eq!((rows(&lan, 0, shown), of_groups(&lan, 0), history(&lan, 0)), before);
    assert_eq!(news(&lan, 0), [] as [&Change; 0]);
    // It recovers as any other.
    lan.set_link(0, true);
    lan.run(ms(2000));
    assert_eq!(lan.masters("A"), [0]);
    assert_eq!(rows(&lan, 0, |row| row.transitions)[0], before.0[0].transitions + 2);
}

/// A release that knows more, and one that knows less.
#[test]
fn checkpoints_of_other_releases_are_continued() {
    let mut lan = eventful(true);
    let before = (rows(&lan, 0, shown), of_groups(&lan, 0));
    let later = edited(&last(&lan, 0), |sections| drop(sections.insert("weather".into(), vec![0xff; 20])));
    assert_eq!(replace(&mut lan, 0, pair(200, true), &later), ["weather"]);
    assert_eq!((rows(&lan, 0, shown), of_groups(&lan, 0)), before);
    lan.run(ms(1000));
    let parts =
        ["past of instances", "past of groups", "history", "counters", "counters of the router", "past of trackers"];
    let earlier =
        edited(&last(&lan, 0), |sections| parts.iter().for_each(|part| assert!(sections.remove(*part).is_some())));
    assert_eq!(replace(&mut lan, 0, pair(200, true), &earlier), [""; 0]);
    for Shown { state, since, transitions, cause, .. } in rows(&lan, 0, shown) {
        assert_eq!(
            (state, since, transitions, cause.map(|(cause, _)| cause)),
            (State::Master, lan.now, 0, Some(Cause::Resumed))
        );
    }
    assert_eq!(history(&lan, 0), []);
    lan.run(ms(1000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    // Parts that cannot be read are lost; the states are not.
    let spoilt = edited(&last(&lan, 0), |sections| {
        parts.iter().for_each(|part| drop(sections.insert((*part).into(), vec![0xff; 3])));
    });
    let mut lost = replace(&mut lan, 0, pair(200, true), &spoilt);
    lost.sort();
    let mut expected = parts.to_vec();
    expected.sort_unstable();
    assert_eq!(lost, expected);
    lan.run(ms(1000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    let spoilt = edited(&last(&lan, 0), |sections| drop(sections.insert("instances".into(), vec![0xff; 3])));
    let error = from_sections::<Checkpoint>(&spoilt).unwrap_err().to_string();
    assert!(error.starts_with("states of instances that cannot be read: instances: "), "{error}");
}

/// A checkpoint with something in each section.
fn full() -> Vec<u8> {
    let number = |seconds| Sequence::at(Duration::from_secs(seconds));
    let hmac = Some((-5_i64, Some(number(7)), vec![(IpAddr::from([10, 0, 0, 2]), number(300))]));
    let yielded = Some(Yielded { since: ms(1500), until: Some(ms(2500)) });
    let instances = [(1_u32, State::Master, (200_u8, false), 150_u8, true, 1025_u32, hmac, yielded)];
    let put = |octets: postcard::Result<Vec<u8>>| octets.unwrap();
    edited(&last(&eventful(true), 0), |sections| {
        sections.insert("instances".into(), put(postcard::to_stdvec(instances.as_slice())));
        for (name, octets) in [
            ("scripts", postcard::to_stdvec(&[(1_u32, Reading::Up), (2, Reading::Down)].as_slice())),
            ("files", postcard::to_stdvec(&[(1_u32, -7)].as_slice())),
            ("processes", postcard::to_stdvec(&[(1_u32, Reading::Number(4), 300_u32)].as_slice())),
            ("sessions", postcard::to_stdvec(&[(1_u32, Reading::Unknown)].as_slice())),
            ("past of trackers", postcard::to_stdvec(&vec![vec![(1_u32, ms(1500))], vec![], vec![], vec![(3, ms(1))]])),
        ] {
            assert!(sections.insert(name.into(), put(octets)).is_some(), "{name}");
        }
    })
}

#[test]
fn checkpoints_of_releases_in_use_are_read() {
    let vital = ["instances", "scripts", "files", "processes", "sessions"];
    fixtures::check::<Checkpoint>("vrrp-states", &full(), &vital);
}

/// The encoding is that of releases in use: new variants come last, and other forms need a section of another name.
#[test]
fn the_encoding_of_causes_stays() {
    let ip = || "10.0.0.2".parse().unwrap();
    let fault = |fault| Cause::Fault(fault);
    let causes = [
        (Cause::Startup, "00"),
        (Cause::Silence, "01"),
        (Cause::MasterLeft(ip()), "02000a000002"),
        (Cause::LowerAdverts(ip(), 7), "03000a00000207"),
        (Cause::Owner, "04"),
        (Cause::BetterAdvert(ip(), 200), "05000a000002c8"),
        (Cause::SequenceExhausted, "06"),
        (Cause::AdvertLate(Duration::new(1, 2)), "070102"),
        (Cause::SyncGroup, "08"),
        (fault(Fault::InterfaceMissing("e".into())), "09000165"),
        (fault(Fault::InterfaceDown("e".into())), "09010165"),
        (fault(Fault::LinkMissing { kind: "VMAC".into(), name: "e".into() }), "090204564d41430165"),
        (fault(Fault::NoSource("e".into())), "09030165"),
        (fault(Fault::SourceMissing(ip())), "0904000a000002"),
        (fault(Fault::NoPeer), "0905"),
        (fault(Fault::Privileges("e".into())), "09090165"),
        (Cause::Recovered, "0a"),
        (Cause::Resumed, "0b"),
        (Cause::Yielded, "0c"),
        (Cause::Shutdown, "0d"),
        (Cause::Deleted, "0e"),
    ];
    for (cause, expected) in causes {
        let octets: String = postcard::to_stdvec(&cause).unwrap().iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(octets, expected, "{cause:?}");
    }
    let states = [State::Init, State::Backup, State::Master, State::Fault, State::Stopped, State::Deleted];
    assert_eq!(postcard::to_stdvec(&states).unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(postcard::to_stdvec(&Known(Some(Cause::Owner))).unwrap(), [1, 4]);
    let list =
        Counters { adverts_received: 1, become_master: 3, priority_zero_sent: 23, ..Counters::default() }.to_list();
    assert_eq!((list.len(), list[0], list[2], list[22]), (23, 1, 3, 23));
    assert_eq!(
        Counters::of_list(&[1, 0, 3]),
        Counters { adverts_received: 1, become_master: 3, ..Counters::default() }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_checkpoint_causes_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..300), at in any::<usize>(), octet in any::<u8>()) {
        let vrrp = Vrrp::new(Tables::new(pair(200, true), "test".into()));
        let mut good = to_sections(&vrrp.last_checkpoint()).unwrap();
        let at = at % good.len();
        good[at] = octet;
        let mut indices = to_sections(&vrrp.tables.indices()).unwrap();
        let place = at % indices.len();
        indices[place] = octet;
        for octets in [&octets, &good, &good[..at].to_vec(), &[&[7], octets.as_slice()].concat()] {
            if let Ok(Opened { record, .. }) = from_sections::<Checkpoint>(octets) {
                let mut lan = Lan::new(Vec::new());
                lan.add_resumed(pair(200, true), &record, Default::default());
                lan.run(ms(500));
            }
        }
        for octets in [&octets, &indices, &[&[4], octets.as_slice()].concat()] {
            if let Ok(Opened { record, .. }) = from_sections::<Indices>(octets) {
                let _ = Tables::numbered(pair(200, true), "test".into(), record);
            }
        }
    }
}
