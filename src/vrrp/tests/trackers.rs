//! Tests of trackers in virtual time: faults and priorities due to scripts, files, processes and BFD sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::lan::{Lan, config, group, instance, ms};
use crate::config::model::{Config, Instance, Track, TrackProcess, TrackSession, TrackerKind, Trackers};
use crate::track::tests::{file, script};
use crate::track::{Effect, FlapReport, Reading, ScriptEnd};
use crate::vrrp::{Cause, Change, Event, Fault, Occasion, State};

fn entry(kind: TrackerKind, name: &str, weight: i16, reverse: bool) -> Track {
    Track { kind, name: name.to_owned(), weight, reverse }
}

/// An instance with these tracker entries, and a tracker for each entry.
fn listing(entries: Vec<Track>) -> Config {
    with(config(vec![Instance { trackers: entries, ..instance("VI", 51) }], Vec::new()))
}

/// Adds the trackers that the instances and groups of a configuration list.
fn with(mut config: Config) -> Config {
    let instances = config.instances.iter().flat_map(|row| &row.trackers);
    let entries: Vec<Track> =
        instances.chain(config.sync_groups.iter().flat_map(|row| &row.trackers)).cloned().collect();
    let mut trackers = Trackers::default();
    for Track { kind, name, .. } in entries {
        match kind {
            TrackerKind::Interface => {}
            TrackerKind::Script if trackers.scripts.iter().all(|s| s.name != name) => {
                trackers.scripts.push(script(&name))
            }
            TrackerKind::File if trackers.files.iter().all(|f| f.name != name) => trackers.files.push(file(&name)),
            TrackerKind::Process if trackers.processes.iter().all(|p| p.name != name) => {
                trackers.processes.push(TrackProcess::new(&name, &name));
            }
            TrackerKind::Bfd if trackers.sessions.iter().all(|s| s.name != name) => {
                trackers.sessions.push(TrackSession { name, weight: 0, reverse: false })
            }
            _ => {}
        }
    }
    config.trackers = trackers;
    config
}

fn priority(lan: &Lan) -> u8 {
    lan.routers[0].vrrp.tables().instances.values().next().unwrap().priority
}

fn causes(lan: &Lan) -> Vec<Cause> {
    let changes = lan.routers[0].changes.iter();
    changes
        .filter_map(|(_, change)| match change {
            Change::Instance { cause, .. } => Some(cause.clone()),
            _ => None,
        })
        .collect()
}

fn failed(name: &str) -> Cause {
    let kind = TrackerKind::Script;
    Cause::Fault(Fault::Tracked { kind, name: name.to_owned(), reading: Reading::Down })
}

#[test]
fn a_failing_script_causes_a_failover() {
    let file = listing(vec![entry(TrackerKind::Script, "chk", 0, false)]);
    let mut other = file.clone();
    other.instances[0].priority = 90;
    let mut lan = Lan::new(vec![file, other]);
    lan.run(ms(2000));
    assert_eq!(lan.masters("VI"), [0]);
    lan.routers[0].exits.insert(1, Some(1));
    lan.run(ms(1100));
    assert_eq!((lan.routers[0].state("VI"), lan.masters("VI")), (State::Fault, vec![1]));
    assert_eq!(causes(&lan).last(), Some(&failed("chk")));
    lan.routers[0].exits.clear();
    lan.run(ms(2000));
    assert_eq!(lan.masters("VI"), [0]);
    assert_eq!(lan.routers[0].runs.len(), 6, "once a second");
}

#[test]
fn an_instance_waits_for_the_first_result() {
    let weighted = listing(vec![entry(TrackerKind::Script, "chk", -10, false)]);
    let deciding = listing(vec![entry(TrackerKind::Script, "chk", 0, false)]);
    let mut lan = Lan::new(Vec::new());
    let hanging = BTreeMap::from([(1, None)]);
    lan.add_with(weighted, hanging.clone());
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("VI"), State::Master, "a tracker with a weight does not delay the start");
    let mut lan = Lan::new(Vec::new());
    lan.add_with(deciding.clone(), hanging.clone());
    lan.run(ms(5000));
    assert_eq!(lan.routers[0].state("VI"), State::Init);
    lan.event(0, Event::ScriptEnded(1, ScriptEnd::Exited(0)));
    assert_eq!(lan.routers[0].state("VI"), State::Backup);
    let mut lan = Lan::new(Vec::new());
    lan.add_with(deciding.clone(), hanging.clone());
    lan.event(0, Event::ScriptEnded(1, ScriptEnd::TimedOut));
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    // `init_fail` is no result.
    let mut init_fail = deciding;
    init_fail.trackers.scripts[0].init_fail = true;
    let mut lan = Lan::new(Vec::new());
    lan.add_with(init_fail, hanging);
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("VI"), State::Init);
    lan.event(0, Event::ScriptEnded(1, ScriptEnd::Exited(1)));
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
}

#[test]
fn a_group_waits_and_enters_fault_as_a_whole() {
    let mut members = vec![instance("A", 51), instance("B", 52)];
    members[1].trackers = vec![entry(TrackerKind::Script, "chk", 0, false)];
    let mut file = config(members, vec![group("G", &["A", "B"])]);
    file.sync_groups[0].trackers = vec![entry(TrackerKind::Process, "httpd", 0, false)];
    let mut lan = Lan::new(vec![with(file)]);
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Init, State::Init));
    lan.event(0, Event::ProcessesCounted { name: "httpd".into(), count: 1 });
    lan.run(ms(1000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    lan.event(0, Event::ScriptEnded(1, ScriptEnd::Exited(3)));
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Fault, State::Fault));
    assert_eq!(causes(&lan)[4..], [failed("chk"), Cause::Fault(Fault::SyncGroup("B".into()))]);
}

/// An entry of the group holds for all members, in place of a member's own entry for the same tracker.
#[test]
fn an_entry_of_the_group_replaces_that_of_the_member() {
    let of = |weight| vec![entry(TrackerKind::File, "f", weight, false), entry(TrackerKind::Bfd, "b", weight, false)];
    for (own, of_group, expected) in
        [(2, Some(3), 100 + 3 * 7 + 3), (2, None, 100 + 2 * 7 + 2), (0, Some(1), 100 + 7 + 1)]
    {
        let row = Instance { trackers: of(own), ..instance("VI", 51) };
        let members = crate::config::model::SyncGroup {
            trackers: of_group.map(of).unwrap_or_default(),
            tracking_weight: true,
            ..group("G", &["VI"])
        };
        let mut lan = Lan::new(vec![with(config(vec![row], vec![members]))]);
        lan.event(0, Event::FileRead { name: "f".into(), number: 7 });
        lan.event(0, Event::Session { name: "b".into(), up: true });
        assert_eq!(priority(&lan), expected, "{own} {of_group:?}");
        assert_ne!(lan.routers[0].state("VI"), State::Fault);
    }
}

/// Without `sync_group_tracking_weight` the weights of processes of a member count, and of interfaces, as in C keepalived.
#[test]
fn weights_of_a_member_count_by_kind() {
    let row = Instance {
        trackers: vec![
            entry(TrackerKind::Process, "p", 20, false),
            entry(TrackerKind::File, "f", 2, false),
            entry(TrackerKind::Bfd, "b", 5, false),
            entry(TrackerKind::Interface, "eth9", -30, false),
        ],
        ..instance("VI", 51)
    };
    let mut lan = Lan::new(vec![with(config(vec![row], vec![group("G", &["VI"])]))]);
    lan.event(0, Event::FileRead { name: "f".into(), number: 7 });
    lan.event(0, Event::Session { name: "b".into(), up: true });
    lan.event(0, Event::ProcessesCounted { name: "p".into(), count: 1 });
    assert_eq!(priority(&lan), 100 + 20 - 30);
}

/// The first state is reported with the priority that it has.
#[test]
fn the_first_state_waits_for_files_and_processes() {
    let mut lan = Lan::new(vec![listing(vec![
        entry(TrackerKind::File, "load", 2, false),
        entry(TrackerKind::Process, "httpd", -20, false),
        entry(TrackerKind::Bfd, "peer", 20, false),
    ])]);
    lan.run(ms(1000));
    lan.event(0, Event::FileRead { name: "load".into(), number: 7 });
    assert_eq!(lan.routers[0].state("VI"), State::Init);
    lan.event(0, Event::ProcessesCounted { name: "httpd".into(), count: 0 });
    assert_eq!((lan.routers[0].state("VI"), priority(&lan)), (State::Backup, 94));
}

#[test]
fn a_priority_change_reports_its_tracker() {
    let mut lan = Lan::new(vec![listing(vec![
        entry(TrackerKind::File, "load", 2, false),
        entry(TrackerKind::Bfd, "peer", 20, false),
    ])]);
    lan.event(0, Event::FileRead { name: "load".into(), number: 7 });
    lan.event(0, Event::Session { name: "peer".into(), up: true });
    lan.event(0, Event::FileRead { name: "nobody".into(), number: 7 });
    assert_eq!(priority(&lan), 134);
    let occasions: Vec<Occasion> = (lan.routers[0].changes.iter())
        .filter_map(|(_, change)| match change {
            Change::Priority { occasion, .. } => Some(occasion.clone()),
            _ => None,
        })
        .collect();
    let tracker = |kind, name: &str, reading| Occasion::Tracker { kind, name: name.into(), reading, counted: false };
    assert_eq!(
        occasions,
        [tracker(TrackerKind::File, "load", Reading::Number(7)), tracker(TrackerKind::Bfd, "peer", Reading::Up)]
    );
}

#[test]
fn changes_of_a_flapping_tracker_are_summarized() {
    let mut lan = Lan::new(vec![listing(vec![entry(TrackerKind::Bfd, "peer", 20, false)])]);
    for turn in 0..60 {
        lan.event(0, Event::Session { name: "peer".into(), up: turn % 2 == 0 });
        lan.run(ms(1000));
    }
    lan.run(Duration::from_secs(70));
    let report: Vec<FlapReport> = (lan.routers[0].changes.iter())
        .filter_map(|(_, change)| match change {
            Change::Tracker { report, .. } => Some(*report),
            _ => None,
        })
        .collect();
    use FlapReport::{Flapping, Single, Summary};
    assert_eq!(report, [Single, Single, Single, Single, Flapping, Summary(55)]);
}

#[test]
fn a_reload_keeps_the_readings() {
    let entries = vec![entry(TrackerKind::Script, "chk", 0, false), entry(TrackerKind::File, "load", 1, false)];
    let mut file = listing(entries);
    let mut lan = Lan::new(vec![file.clone()]);
    lan.event(0, Event::FileRead { name: "load".into(), number: 10 });
    lan.run(ms(2000));
    assert_eq!((lan.masters("VI"), priority(&lan)), (vec![0], 110));
    lan.routers[0].changes.clear();
    // A new script before the known one, another weight, a longer interval.
    let mut trackers = vec![entry(TrackerKind::Script, "new", 5, true)];
    trackers.append(&mut file.instances[0].trackers);
    trackers[2].weight = 3;
    file.instances[0].trackers = trackers;
    file = with(file);
    file.trackers.scripts[1].interval = ms(10_000);
    lan.event(0, Event::Configure(Box::new(file.clone())));
    assert_eq!(priority(&lan), 130);
    lan.run(ms(1000));
    assert_eq!((lan.masters("VI"), priority(&lan)), (vec![0], 125));
    assert!(causes(&lan).is_empty(), "no transition");
    assert_eq!(
        lan.routers[0].vrrp.tables().trackers.find(TrackerKind::Script, "chk").unwrap().1,
        1,
        "the script keeps its index"
    );
    // A removed script is no longer run.
    file.instances[0].trackers.remove(0);
    let file = with(file);
    lan.event(0, Event::Configure(Box::new(file)));
    lan.routers[0].runs.clear();
    lan.run(ms(5000));
    assert!(lan.routers[0].runs.iter().all(|(_, id)| *id == 1), "{:?}", lan.routers[0].runs);
    assert_eq!(priority(&lan), 130);
}

/// A session that no instance tracks has a reading too, which takes effect at once when a reload adds the session to an
/// instance.
#[test]
fn the_reading_of_a_session_takes_effect_when_a_reload_starts_to_track_it() {
    let follows = |name| {
        let mut file = listing(vec![entry(TrackerKind::Bfd, name, 0, false)]);
        let session = |name: &str| TrackSession { name: name.to_owned(), weight: 0, reverse: false };
        file.trackers.sessions = ["peer", "other"].map(session).to_vec();
        file
    };
    let mut lan = Lan::new(vec![follows("peer")]);
    for name in ["peer", "other"] {
        lan.event(0, Event::Session { name: name.into(), up: true });
    }
    lan.run(ms(5000));
    assert_eq!(lan.masters("VI"), [0]);
    lan.routers[0].changes.clear();
    lan.event(0, Event::Configure(Box::new(follows("other"))));
    lan.run(ms(1000));
    assert!(causes(&lan).is_empty() && lan.masters("VI") == [0]);
    for up in [false, true] {
        lan.event(0, Event::Session { name: "peer".into(), up });
    }
    lan.event(0, Event::Session { name: "peer".into(), up: false });
    assert!(lan.routers[0].changes.is_empty(), "no instance tracks it");
    lan.event(0, Event::Configure(Box::new(follows("peer"))));
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [] as [usize; 0], "the session has gone down meanwhile");
}

#[test]
fn a_replacement_process_resumes_with_the_readings() {
    let file = listing(vec![
        entry(TrackerKind::Script, "chk", 0, false),
        entry(TrackerKind::File, "load", 1, false),
        entry(TrackerKind::Process, "httpd", 0, false),
        entry(TrackerKind::Bfd, "peer", 0, false),
    ]);
    let mut lan = Lan::new(vec![file.clone()]);
    lan.event(0, Event::FileRead { name: "load".into(), number: 10 });
    lan.event(0, Event::ProcessesCounted { name: "httpd".into(), count: 1 });
    lan.event(0, Event::Session { name: "peer".into(), up: true });
    lan.run(ms(2000));
    assert_eq!((lan.masters("VI"), priority(&lan)), (vec![0], 110));
    let since = |lan: &Lan| {
        let trackers = &lan.routers[0].vrrp.tables.trackers;
        let (scripts, files) = (trackers.scripts.values(), trackers.files.values());
        let (processes, sessions) = (trackers.processes.values(), trackers.sessions.values());
        let all = [scripts.map(|row| row.since).collect::<Vec<_>>(), files.map(|row| row.since).collect()];
        [all.concat(), processes.map(|row| row.since).chain(sessions.map(|row| row.since)).collect()].concat()
    };
    let before = since(&lan);
    assert!(before.len() == 4 && before.iter().all(|at| !at.is_zero()), "{before:?}");
    let checkpoint = lan.routers[0].vrrp.checkpoint();
    lan.kill(0);
    let mut next = Lan::new(Vec::new());
    next.add_resumed(file, &checkpoint, BTreeMap::from([(1, None)]));
    assert_eq!((next.routers[0].state("VI"), priority(&next)), (State::Master, 110));
    assert_eq!((causes(&next), since(&next)), (vec![Cause::Resumed], before));
    let of_priority = |(_, change): &&(Duration, Change)| matches!(change, Change::Priority { .. });
    assert_eq!(next.routers[0].changes.iter().find(of_priority), None, "it is as before");
}

#[test]
fn a_postponed_run_is_repeated_later() {
    let mut lan = Lan::new(Vec::new());
    lan.add_with(listing(vec![entry(TrackerKind::Script, "chk", 0, false)]), BTreeMap::from([(1, None)]));
    lan.event(0, Event::ScriptPostponed(1));
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].runs.len(), lan.routers[0].state("VI")), (2, State::Init));
}

/// A model of the rules: fault and priority from base priority and entries.
fn model(base: u8, entries: &[(Track, Reading)]) -> (bool, u8) {
    let mut sum = i64::from(base);
    let mut fault = false;
    for (entry, reading) in entries {
        let sign = if entry.reverse { -1 } else { 1 };
        let weight = i64::from(entry.weight);
        match reading {
            Reading::Number(number) if weight == 0 => fault |= (*number == 0) == entry.reverse,
            Reading::Number(number) => {
                let product = i64::from(*number) * weight * sign;
                fault |= product <= -254;
                sum += if product <= -254 { 0 } else { product.min(254) };
            }
            Reading::Up if weight == 0 => fault |= entry.reverse,
            Reading::Down if weight == 0 => fault |= !entry.reverse,
            Reading::Up if weight > 0 => sum += weight * sign,
            Reading::Down if weight < 0 => sum += weight * sign,
            _ => {}
        }
    }
    (fault, u8::try_from(sum.clamp(1, 254)).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn priority_and_fault_agree_with_the_model(
        base in 1..=254_u8,
        weights in prop::collection::vec((prop_oneof![Just(0), -254..=254_i16], any::<bool>()), 8),
        events in prop::collection::vec((0..8_usize, any::<i32>(), -3..=3_i32), 0..40),
    ) {
        let kinds = [TrackerKind::Script, TrackerKind::File, TrackerKind::Process, TrackerKind::Bfd];
        let entries: Vec<Track> = weights.iter().enumerate()
            .map(|(at, (weight, reverse))| entry(kinds[at % 4], &format!("t{at}"), *weight, *reverse))
            .collect();
        let mut file = listing(entries.clone());
        file.instances[0].priority = base;
        let mut lan = Lan::new(vec![file]);
        // Scripts succeed by default.
        lan.run(ms(10));
        let mut readings = [Reading::Unknown; 8];
        (readings[0], readings[4]) = (Reading::Up, Reading::Up);
        for (at, large, small) in events {
            let name = format!("t{at}");
            let number = if large % 3 == 0 { large } else { small };
            let up = number > 0;
            let id = |kind| lan.routers[0].vrrp.tables().trackers.find(kind, &format!("t{at}")).unwrap().1;
            let event = match kinds[at % 4] {
                TrackerKind::Script => Event::ScriptEnded(id(TrackerKind::Script), ScriptEnd::Exited(i32::from(!up))),
                TrackerKind::File => Event::FileRead { name, number },
                TrackerKind::Process => Event::ProcessesCounted { name, count: u32::from(up) },
                _ => Event::Session { name, up },
            };
            readings[at] = if kinds[at % 4] == TrackerKind::File { Reading::Number(number) } else { Reading::of(up) };
            lan.event(0, event);
            let known: Vec<(Track, Reading)> = entries.iter().cloned().zip(readings.iter().copied()).collect();
            let (fault, priority_wanted) = model(base, &known);
            let undecided = known.iter().any(|(entry, reading)| reading.effect(entry) == Effect::Undecided);
            prop_assert_eq!(priority(&lan), priority_wanted);
            let state = lan.routers[0].state("VI");
            prop_assert!(state == State::Fault || !fault, "{:?} {:?}", state, known);
            prop_assert!(state != State::Fault || fault || undecided, "{:?} {:?}", state, known);
        }
    }
}
