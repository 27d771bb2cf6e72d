//! Tests of the schedule of attempts, and of retries.

use super::site::{Behaviour, Site, checker, lvs, misc, ms, rs, secs, server, service, target};
use crate::check::{Cause, Change, Event, ScriptEnd};
use crate::config::lvs::{CheckerKind, RealServer, UdpCheck};
use crate::config::model::TrackFile;

const A: &str = "10.1.0.1:80";

fn one(edit: impl FnOnce(&mut RealServer)) -> Site {
    let mut row = server(A);
    edit(&mut row);
    Site::new(lvs(vec![service(vec![row])]))
}

#[test]
fn checks_start_after_a_second_and_follow_the_last_result_by_delay_loop() {
    let mut site = one(|_| {});
    site.start();
    site.run(secs(25));
    assert_eq!(site.attempt_times(), [1000, 11_001, 21_002]);
    assert_eq!(site.take_changes(), []);
}

#[test]
fn an_outdated_timer_event_is_ignored() {
    let mut site = one(|_| {});
    site.start();
    site.run(secs(5));
    site.attempt_times();
    let key = *site.timers.keys().next().unwrap();
    site.event(Event::Timer(key));
    assert_eq!(site.attempt_times(), []);
}

#[test]
fn warmup_spreads_the_first_checks() {
    let servers = (1..=100).map(|n| {
        let mut row = server(&format!("10.1.0.{n}:80"));
        row.checkers[0].warmup = secs(10);
        row
    });
    let mut site = Site::started(lvs(vec![service(servers.collect())]));
    site.run(ms(10_999));
    let times = site.attempt_times();
    assert_eq!(times.len(), 100, "all attempts start within warmup");
    assert!(times.iter().all(|at| (1000..11_000).contains(at)));
    let early = times.iter().filter(|at| **at < 6000).count();
    assert!((25..75).contains(&early), "{early} of 100 in the first half");
}

/// Running out of descriptors in the daemon is no failure of a server, even without retries.
#[test]
fn running_out_of_resources_is_no_failure() {
    let mut site = one(|row| row.checkers[0].retry = 0);
    site.start();
    site.run(ms(1500));
    site.behave(A, Behaviour::OutOfResources);
    site.run(secs(11));
    assert_eq!(site.attempt_times(), [1000, 11_001, 11_502, 12_003]);
    site.behave(A, Behaviour::Serves(Vec::new()));
    site.run(secs(11));
    assert_eq!(site.attempt_times(), [12_504, 22_505]);
    assert!(site.alive(rs(1)));
    assert_eq!(site.take_changes(), []);
}

#[test]
fn a_first_failure_takes_the_server_down() {
    let mut site = one(|row| row.checkers[0].retry = 3);
    site.behave(A, Behaviour::Refuses);
    site.start();
    site.run(ms(1001));
    assert!(!site.alive(rs(1)));
    assert_eq!(site.check.tables.real_servers.get(&rs(1)).unwrap().not_run, 0);
}

#[test]
fn a_later_failure_takes_the_server_down_after_the_retries() {
    let mut site = one(|row| {
        row.checkers[0].retry = 2;
        row.checkers[0].log_all_failures = true;
    });
    site.start();
    site.run(secs(5));
    site.attempt_times();
    site.behave(A, Behaviour::Refuses);
    site.run(ms(8001));
    assert_eq!(site.attempt_times(), [11_001, 12_002], "delay_before_retry between them");
    assert!(site.alive(rs(1)));
    let left: Vec<_> =
        site.take_changes().iter().map(|change| matches!(change, Change::AttemptFailed { .. })).collect();
    assert_eq!(left, [true, true]);
    site.run(secs(1));
    assert!(!site.alive(rs(1)));
    site.run(secs(11));
    assert_eq!(site.attempt_times(), [13_003, 23_004], "delay_loop when the server is down");
    let Some(Change::Checker { up: false, reason, .. }) = site.take_changes().first().cloned() else { panic!() };
    assert_eq!(reason, "connection refused");
}

#[test]
fn a_success_resets_the_retries_and_brings_the_server_up_at_once() {
    let mut site = one(|_| {});
    site.start();
    site.run(secs(5));
    for _ in 0..3 {
        site.behave(A, Behaviour::Refuses);
        site.run(ms(6500));
        site.behave(A, Behaviour::Serves(Vec::new()));
        site.run(ms(3500));
    }
    assert!(site.alive(rs(1)), "one failure at a time, with one retry");
    assert_eq!(site.take_changes(), []);
    site.behave(A, Behaviour::Refuses);
    site.run(secs(20));
    assert!(!site.alive(rs(1)));
    site.behave(A, Behaviour::Serves(Vec::new()));
    site.run(secs(10));
    assert!(site.alive(rs(1)));
}

#[test]
fn silence_fails_after_the_timeout() {
    let mut site = one(|_| {});
    site.behave(A, Behaviour::Silent);
    site.start();
    site.run(ms(2999));
    assert!(site.alive(rs(1)));
    site.run(ms(1));
    assert!(!site.alive(rs(1)));
    assert_eq!(site.check.tables.checkers.get(&(rs(1), 1)).unwrap().reason, "timed out");
}

#[test]
fn a_reply_after_the_timeout_is_ignored() {
    let mut site = one(|_| {});
    site.latency = secs(3);
    site.start();
    site.run(secs(60));
    assert!(!site.alive(rs(1)));
    assert_eq!(site.take_changes().len(), 3, "checker, server, quorum");
}

#[test]
fn with_alpha_the_first_success_brings_the_server_up() {
    let mut site = one(|row| row.checkers[0].alpha = true);
    site.start();
    assert!(!site.alive(rs(1)));
    assert_eq!(site.destinations(), []);
    site.run(ms(1001));
    assert_eq!(site.destinations(), [(1, 1)]);
    let ups: Vec<_> =
        site.take_changes().into_iter().filter(|c| matches!(c, Change::RealServer { up: true, .. })).collect();
    assert_eq!(ups.len(), 1);
}

#[test]
fn all_checkers_of_a_server_must_succeed() {
    let mut site = one(|row| row.checkers.push(checker(CheckerKind::Tcp(target("10.1.0.1:443")))));
    site.start();
    site.run(secs(5));
    site.behave("10.1.0.1:443", Behaviour::Refuses);
    site.run(secs(10));
    assert_eq!(site.check.tables.real_servers.get(&rs(1)).unwrap().failed_checkers, 1);
    site.behave(A, Behaviour::Refuses);
    site.run(secs(10));
    assert_eq!(site.check.tables.real_servers.get(&rs(1)).unwrap().failed_checkers, 2);
    site.behave("10.1.0.1:443", Behaviour::Serves(Vec::new()));
    site.run(secs(12));
    assert!(!site.alive(rs(1)));
    site.behave(A, Behaviour::Serves(Vec::new()));
    site.run(secs(12));
    assert!(site.alive(rs(1)));
    let moves = site.take_changes().into_iter().filter(|change| matches!(change, Change::RealServer { .. })).count();
    assert_eq!(moves, 2);
}

#[test]
fn the_interval_of_a_script_counts_from_its_start_and_runs_do_not_overlap() {
    let mut site = one(|row| row.checkers = vec![misc("check", false)]);
    site.scripts.insert("check".into(), (ScriptEnd::Exited(0), secs(4)));
    site.start();
    site.run(secs(12));
    assert_eq!(site.attempt_times(), [1000, 11_000]);
    let mut site = one(|row| {
        row.checkers = vec![misc("check", false)];
        row.checkers[0].delay_loop = secs(3);
    });
    site.scripts.insert("check".into(), (ScriptEnd::Exited(0), secs(4)));
    site.start();
    site.run(secs(10));
    assert_eq!(site.attempt_times(), [1000, 5000, 9000]);
}

#[test]
fn scripts_that_fail_hang_or_are_killed_take_the_server_down() {
    for end in [ScriptEnd::Exited(2), ScriptEnd::Signalled(11), ScriptEnd::NotStarted("no such file".into())] {
        let mut site = one(|row| row.checkers = vec![misc("check", false)]);
        site.scripts.insert("check".into(), (end, ms(5)));
        site.start();
        site.run(secs(2));
        assert!(!site.alive(rs(1)));
    }
    let mut site = one(|row| row.checkers = vec![misc("check", false)]);
    site.scripts.insert("check".into(), (ScriptEnd::Exited(0), secs(100)));
    site.start();
    site.run(secs(12));
    assert!(!site.alive(rs(1)), "killed at misc_timeout");
}

#[test]
fn ping_and_udp_checks() {
    let mut site = one(|row| row.checkers = vec![checker(CheckerKind::Ping(target("10.1.0.1:0")))]);
    site.start();
    site.run(secs(5));
    assert_eq!(site.take_changes(), []);
    site.behave("10.1.0.1:0", Behaviour::Silent);
    site.run(secs(20));
    assert!(!site.alive(rs(1)));
    let udp = |reply| {
        let check = UdpCheck { target: target(A), payload: vec![1], reply, min_reply: 0, max_reply: 255 };
        CheckerKind::Udp(Box::new(check))
    };
    for (reply, behaviour, alive) in [
        (None, Behaviour::Silent, true),
        (None, Behaviour::Refuses, false),
        (Some(vec![(b'o', 255)]), Behaviour::Serves(b"ok".to_vec()), true),
        (Some(vec![(b'x', 255)]), Behaviour::Serves(b"ok".to_vec()), false),
    ] {
        let mut site = one(|row| row.checkers = vec![checker(udp(reply.clone()))]);
        site.behave(A, behaviour.clone());
        site.start();
        site.run(secs(9));
        assert_eq!(site.alive(rs(1)), alive, "{reply:?} {behaviour:?}");
    }
}

#[test]
fn a_file_check_makes_no_attempts() {
    let kind = CheckerKind::File { track_file: "load".into(), weight: 0, reverse: false };
    let mut site = one(|row| row.checkers = vec![checker(kind)]);
    site.check.tables.lvs.track_files =
        vec![TrackFile { name: "load".into(), path: "/run/load".into(), weight: 0, reverse: false, init: None }];
    site.event(Event::FileValue { name: "load", value: 0 });
    site.start();
    assert!(site.timers.is_empty());
    site.event(Event::FileValue { name: "other", value: 1 });
    assert!(site.alive(rs(1)));
    site.event(Event::FileValue { name: "load", value: 1 });
    assert!(!site.alive(rs(1)), "at once");
    site.event(Event::FileValue { name: "load", value: 0 });
    assert!(site.alive(rs(1)));
    assert!(site.take_changes().iter().any(|change| matches!(change, Change::RealServer { cause: Cause::Checks, .. })));
}

#[test]
fn a_bfd_check_makes_no_attempts_and_with_alpha_waits_for_the_session() {
    for alpha in [false, true] {
        let mut checker = checker(CheckerKind::Bfd { session: "peer".into() });
        checker.alpha = alpha;
        let mut site = one(|row| row.checkers = vec![checker]);
        site.start();
        site.run(secs(20));
        assert!(site.timers.is_empty() && site.attempt_times().is_empty());
        assert_eq!(site.alive(rs(1)), !alpha);
        for up in [true, false, true] {
            site.event(Event::Session { name: "other", up: !up });
            site.event(Event::Session { name: "peer", up });
            assert_eq!(site.alive(rs(1)), up, "at once");
        }
    }
}
