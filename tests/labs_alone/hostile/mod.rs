//! All hostile parties at once do not disturb failover: hostile servers for every kind of check, a hostile AgentX
//! master, forged adverts, storms of link events, name servers that do not answer, scripts that never exit, and a log
//! that is not read.
//!
//! A short form runs with the other tests; LAB_SOAK=1 (`make soak`) runs a minute.
#![allow(clippy::expect_used, reason = "a test")]

mod conf;
mod parties;

use std::fs::{self, File};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::agentx::HostileMaster;
use lab::machine::{self, Witness, longest_gap, soak, stalled};
use lab::names::Etc;
use lab::process::footprint;
use lab::{Frame, Lab, Router, Stamp, now, real, wait_until};
use nix::sys::signal::Signal;

use conf::{ADDRESSES, HEALTHY, INSTANCES, INTERVAL, checks, configure, failing, hostile_servers};
use parties::Parties;

const LIMIT: Duration = Duration::from_secs(30);
/// Longest allowed gap between two adverts: a backup waits for three intervals and a little more.
const LONGEST_GAP: Duration = Duration::from_millis(300);
/// Allowed growth for allocators and queues of each process; a leak exceeds it within a minute.
const GROWTH_KIB: u64 = 4096;
/// Most adverts of an interval: the regular one, and answers to one of lower priority and to a resignation.
const ANSWERS: u128 = 3;
/// Most log lines of an interval, chiefly about failed checks of hostile servers.
const LINES: u128 = 5;
/// Time limit for checks to notice that a server was stopped.
const NOTICED: Duration = Duration::from_secs(15);
/// Time in which the machine stood still before a takeover that is not the daemons' fault.
const STALL: Duration = Duration::from_millis(60);
/// How long before the takeover.
const EXCUSED: Duration = Duration::from_secs(1);
/// Time limit of a stop: `child_wait_time`, and a second for the log that is not read.
const STOPPED: Duration = Duration::from_secs(8);

#[test]
fn all_hostile_parties_at_once() {
    let _turn = machine::alone();
    let period = Duration::from_secs(if soak() { 60 } else { 18 });
    let mut lab = Lab::new(2);
    let (_etc1, questions1) = Etc::with_dead_name_server(lab.router(1).netns(), 3);
    let (_etc2, questions2) = Etc::with_dead_name_server(lab.router(2).netns(), 3);
    let mut servers = healthy_servers(lab.router(1));
    let _hostile = hostile_servers(lab.router(1).netns());
    let agentx = lab.router(1).file("agentx");
    let master = HostileMaster::start(&agentx);
    lab.router(1).use_agentx(&format!("unix:{}", agentx.display()));
    lab.router(2).use_agentx("tcp:master.lab:7050");
    configure(lab.router(1), 200, &checks());
    configure(lab.router(2), 100, "");
    let (settled, _unread) = start(&mut lab);

    let parties = Parties::start(&mut lab);
    let witness = Witness::start();
    std::thread::sleep(period / 3);
    let warm = processes(&mut lab);
    std::thread::sleep(period * 2 / 3);
    let end = now();
    let stalls = witness.stop();
    assert_none_grew(&warm, &processes(&mut lab));

    let schedule = lab.wire.schedule(1, settled, end);
    let adverts = |vrid| schedule.get(&vrid).map_or(&[][..], Vec::as_slice);
    let gaps = (1..=INSTANCES).map(|vrid| longest_gap(adverts(vrid), settled, end, LONGEST_GAP, &stalls));
    let longest = gaps.max().unwrap_or_default();
    let most = (1..=INSTANCES).map(|vrid| adverts(vrid).len()).max().unwrap_or_default();
    let lines = lab.router(1).log().lines().count();
    println!(
        "adverts of an instance: longest gap {longest:?}, at most {most} in {:?}; {lines} log lines",
        end - settled
    );
    assert!(longest < LONGEST_GAP, "a gap of {longest:?} between adverts");
    let intervals = (end - settled).as_millis() / INTERVAL.as_millis();
    assert!(most as u128 <= intervals * ANSWERS, "{most} adverts of an instance in {intervals} intervals");
    assert!(lines as u128 <= intervals * LINES, "{lines} log lines in {intervals} intervals");
    let unexcused = adverts_of_backup(&lab).into_iter().filter(|at| {
        // Timers go on while the machine stands still.
        stalled(&stalls, at.saturating_sub(EXCUSED), *at) < STALL
    });
    assert_eq!(unexcused.count(), 0, "the backup took over");
    let excused = adverts_of_backup(&lab).len();
    assert_healthy_are_up(lab.router(1));
    assert_all_parties_were_active(&mut lab, &master, [&questions1, &questions2]);

    // The checks of healthy servers still work.
    servers.clear();
    wait_until(NOTICED, "the stop of the healthy servers is noticed", || {
        let log = lab.router(1).log();
        HEALTHY.iter().all(|(kind, port, _)| log.contains(&failed(kind, *port)))
    });
    assert_eq!(adverts_of_backup(&lab).len(), excused, "the backup took over");
    let began = Instant::now();
    for router in [2, 1] {
        lab.router(router).daemon().signal(Signal::SIGTERM);
    }
    for router in [2, 1] {
        let status = lab.router(router).daemon().wait(STOPPED);
        assert_eq!(status.code(), Some(0), "router {router}");
        assert_eq!(lab.router(router).count_addresses("10.1"), 0, "addresses of router {router} after its stop");
    }
    println!("both routers stopped within {:?}", began.elapsed());
    for (party, rounds) in parties.end() {
        println!("{party}: {rounds} rounds");
        assert!(rounds > 1, "{party}: only {rounds} rounds");
    }
}

/// A real server for each kind of check.
fn healthy_servers(router: &Router) -> Vec<lab::process::Proc> {
    vec![real::nginx(router), real::smtp(router), real::dns(router)]
}

/// Starts both daemons, the second with a log that is not read. Returns the time since which router 1 is master of all
/// instances, and the end that keeps the log's pipe open.
fn start(lab: &mut Lab) -> (Stamp, File) {
    let command = lab.router(1).whole(Ours);
    lab.router(1).start_with(command);
    let all = usize::from(INSTANCES);
    wait_until(LIMIT, "router 1 is master of all", || {
        lab.wire.schedule(1, Duration::ZERO, now()).len() == all
            && lab.router(1).count_addresses("10.1") == all * ADDRESSES
    });
    let daemon = lab.router(2).whole(Ours);
    let (command, pipe) = lab.router(2).with_unread_log(&daemon);
    lab.router(2).start_with(command);
    // Once it has written its pid it runs, and may become master.
    lab.router(2).vrrp_pid();
    (now(), pipe)
}

/// Name, pid and resident memory in KiB of all processes of both daemons.
fn processes(lab: &mut Lab) -> Vec<(String, i32, u64)> {
    let files = [(1, "keepalived"), (1, "vrrp"), (1, "checkers"), (2, "keepalived"), (2, "vrrp")];
    let all = files.map(|(router, file)| {
        let pid = fs::read_to_string(lab.router(router).file(&format!("{file}.pid"))).expect("a running process");
        let pid = pid.trim().parse().expect("a number");
        (format!("{file} of router {router}"), pid, footprint(pid).0)
    });
    all.into()
}

/// Asserts that no process was replaced, and none has grown.
fn assert_none_grew(before: &[(String, i32, u64)], after: &[(String, i32, u64)]) {
    for ((name, pid, warm), (_, now, kib)) in before.iter().zip(after) {
        println!("{name}: grew from {warm} KiB to {kib} KiB");
        assert_eq!(pid, now, "{name} was replaced");
        assert!(*kib <= warm + GROWTH_KIB, "{name}: grew from {warm} KiB to {kib} KiB");
    }
}

/// Adverts that router 2 has sent.
fn adverts_of_backup(lab: &Lab) -> Vec<Stamp> {
    let frames = lab.wire.frames();
    let adverts = frames.iter().filter(|captured| captured.from == 2 && matches!(captured.frame, Frame::Vrrp(_)));
    adverts.map(|captured| captured.at).collect()
}

/// The log line of a check that has failed after its retries.
fn failed(kind: &str, port: u16) -> String {
    format!("{kind} of [127.0.0.1]:tcp:{port} failed")
}

fn assert_healthy_are_up(router: &Router) {
    let log = router.log();
    for (kind, port, _) in HEALTHY {
        assert!(!log.contains(&failed(kind, port)), "{kind} of a healthy server failed: {log}");
    }
}

/// Asserts that each hostile party was active; otherwise the test would be void.
fn assert_all_parties_were_active(lab: &mut Lab, master: &HostileMaster, name_servers: [&UdpSocket; 2]) {
    let log = lab.router(1).log();
    for (kind, port) in failing() {
        assert!(log.contains(&failed(kind, port)), "{kind} of the hostile server at port {port} has not failed: {log}");
    }
    assert!(master.rounds() > 0, "the daemon did not talk to the AgentX master");
    for socket in name_servers {
        socket.set_nonblocking(true).expect("a socket");
        assert!(socket.recv(&mut [0; 512]).is_ok(), "no name was looked up");
    }
    let ran = fs::read_to_string(lab.router(1).file("endless.sh.ran")).unwrap_or_default();
    assert!(ran.lines().count() >= usize::from(INSTANCES), "{} scripts have run", ran.lines().count());
}
