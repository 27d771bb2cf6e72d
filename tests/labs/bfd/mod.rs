//! BFD sessions with C keepalived and with FRR's bfdd, and their trackers.
#![allow(clippy::expect_used, reason = "a test")]

mod faults;
mod frr;

use std::fs;
use std::time::Duration;

use lab::Daemon::{self, C, Ours};
use lab::{Lab, Router, holds_for, machine, now, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Time limit for a session to come up on a busy machine; RFC 5880 allows some seconds.
const LIMIT: Duration = Duration::from_secs(20);
/// Allowed delay of events on a busy machine; `make bench` measures it precisely.
const LATE: Duration = Duration::from_millis(200);
/// Intervals of the sessions, in milliseconds.
const INTERVAL: u64 = 50;
const DETECTION: Duration = Duration::from_millis(3 * INTERVAL);
/// For a detection time of 4 s, within which a replacement runs also on a busy machine.
const LONG: &str = "multiplier 80";
const UP: &str = "(peer) Entering Up state";
const DOWN: &str = "(peer) Entering Down state";
const MASTER: &str = "2";

/// A session with 3 x 50 ms. An instance tracks it, since C keepalived runs only tracked sessions.
fn session(neighbor: &str, lines: &str) -> String {
    format!(
        "bfd_instance peer {{\n  neighbor_ip {neighbor}\n  min_rx {INTERVAL}\n  min_tx {INTERVAL}\n  multiplier 3\n  \
         {lines}\n}}\n"
    )
}

/// An instance that tracks the session.
fn instance(vrid: u8, priority: u8, weight: i16) -> String {
    format!(
        "vrrp_instance VI {{\n  interface eth0\n  version 3\n  advert_int 0.1\n  virtual_router_id {vrid}\n  \
         priority {priority}\n  track_bfd {{\n    peer weight {weight}\n  }}\n  \
         virtual_ipaddress {{\n    10.9.0.{vrid}/24\n  }}\n}}\n"
    )
}

fn count(router: &Router, text: &str) -> usize {
    router.log().matches(text).count()
}

/// Waits until a router has logged a text this number of times.
fn await_log(lab: &mut Lab, router: usize, text: &str, times: usize) {
    wait_until(LIMIT, &format!("router {router} logs '{text}'"), || count(lab.router(router), text) >= times);
}

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).expect("a running process");
}

/// Two routers with a session between them.
fn pair(daemons: [Daemon; 2], addresses: [&str; 2], lines: [&str; 2]) -> Lab {
    let mut lab = Lab::new(2);
    for (at, daemon) in daemons.into_iter().enumerate() {
        let text = session(addresses[1 - at], lines[at]) + &instance(51 + at as u8, 100, -10);
        lab.router(at + 1).configure(&text);
        lab.router(at + 1).start(daemon);
    }
    for router in [1, 2] {
        await_log(&mut lab, router, UP, 1);
    }
    lab
}

/// A value of the session's dump.
fn dumped(router: &mut Router, item: &str) -> String {
    let file = router.file("keepalived_bfd.data");
    let _ = fs::remove_file(&file);
    router.daemon().signal(Signal::SIGUSR1);
    wait_for(LIMIT, &format!("the dump has '{item}'"), || {
        let text = fs::read_to_string(&file).ok()?;
        text.lines().find_map(|line| line.trim().strip_prefix(&format!("{item} = ")).map(str::to_owned))
    })
}

/// Up, down after the detection time, up again, and AdminDown from the other end, which needs no detection time.
fn life_of_a_session(daemons: [Daemon; 2], addresses: [&str; 2], lines: [&str; 2]) {
    let _turn = machine::shared();
    let mut lab = pair(daemons, addresses, lines);
    let killed = lab.router(2).kill9();
    await_log(&mut lab, 1, "Local diagnostic - Control Detection Time Expired", 1);
    println!("down after {:?}", now() - killed);
    lab.router(2).start(daemons[1]);
    for (router, times) in [(1, 2), (2, 2)] {
        await_log(&mut lab, router, UP, times);
    }
    // A daemon of ours stops, and sends AdminDown to the other.
    let stopped = if daemons[0] == Ours { 1 } else { 2 };
    let other = 3 - stopped;
    let before = count(lab.router(other), "Detection Time Expired");
    assert_eq!(lab.router(stopped).stop().1.code(), Some(0));
    await_log(&mut lab, other, "Remote diagnostic - Administratively Down", 1);
    assert_eq!(count(lab.router(other), "Detection Time Expired"), before);
}

const V4: [&str; 2] = ["10.9.0.1", "10.9.0.2"];
const V6: [&str; 2] = ["fd09::1", "fd09::2"];

#[test]
fn ours_with_c() {
    life_of_a_session([Ours, C], V4, ["", ""]);
}

#[test]
fn c_with_ours() {
    life_of_a_session([C, Ours], V4, ["", "passive"]);
}

#[test]
fn ours_with_c_over_ipv6() {
    life_of_a_session([Ours, C], V6, ["source_ip fd09::1", "source_ip fd09::2"]);
}

#[test]
fn c_with_ours_over_ipv6() {
    life_of_a_session([C, Ours], V6, ["source_ip fd09::1", ""]);
}

#[test]
fn ours_with_ours() {
    life_of_a_session([Ours, Ours], V4, ["source_ip 10.9.0.1", "passive"]);
}

/// The master enters FAULT when its session with a third router goes down, and resigns.
#[test]
fn a_virtual_router_moves_within_the_detection_time_and_an_advert() {
    let _turn = machine::shared();
    let mut lab = Lab::new(3);
    let advert = Duration::from_millis(100);
    lab.router(3).configure(&(session("10.9.0.1", "") + &instance(53, 100, -10)));
    lab.router(3).start(C);
    lab.router(1).configure(&(session("10.9.0.3", "") + &instance(51, 200, 0)));
    lab.router(1).start(Ours);
    await_log(&mut lab, 1, UP, 1);
    lab.router(2).configure(&instance(51, 100, 0).replace("track_bfd {\n    peer weight 0\n  }", ""));
    let started = now();
    lab.router(2).start(Ours);
    lab.wire.await_advert(1, 51, started, LIMIT);
    holds_for(Duration::from_secs(1), "router 1 is master", || lab.wire.first_advert(2, 51, started).is_none());
    let killed = lab.router(3).kill9();
    let taken = lab.wire.await_advert(2, 51, killed, LIMIT) - killed;
    println!("taken over after {taken:?}");
    assert!(taken < DETECTION + advert + LATE, "{taken:?}");
    // The master returns with the session.
    lab.router(3).start(C);
    await_log(&mut lab, 1, UP, 2);
    lab.wire.await_advert(1, 51, now(), LIMIT);
}

#[test]
fn a_reload_keeps_a_session_changes_its_timers_and_starts_others() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let (first, second) = (session(V4[1], ""), session(V4[0], ""));
    let plain = instance(51, 100, 0).replace("track_bfd {\n    peer weight 0\n  }", "");
    // Without a session there is no BFD process.
    lab.router(1).configure(&plain);
    lab.router(1).start(Ours);
    lab.router(2).configure(&second);
    lab.router(2).start(Ours);
    wait_until(LIMIT, "router 1 is master", || lab.router(1).holds("10.9.0.51".parse().expect("an address")));
    assert!(!lab.router(1).file("bfd.pid").exists());
    lab.router(1).configure(&(first.clone() + &plain));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    for router in [1, 2] {
        await_log(&mut lab, router, UP, 1);
    }
    // An instance that starts to track a session gets its current state.
    lab.router(1).configure(&(first.clone() + &instance(51, 100, 0)));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    await_log(&mut lab, 1, "Reload complete", 2);
    holds_for(Duration::from_millis(500), "router 1 is master", || {
        lab.router(1).holds("10.9.0.51".parse().expect("an address"))
    });
    let slower = first.replace(&format!("min_rx {INTERVAL}"), "min_rx 200");
    lab.router(1).configure(&(slower + &instance(51, 100, 0)));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the detection time has changed", || {
        dumped(lab.router(1), "local detection time") == "600000 us"
    });
    for router in [1, 2] {
        assert_eq!(count(lab.router(router), DOWN), 0, "router {router}");
    }
    lab.router(1).configure(&plain);
    lab.router(1).daemon().signal(Signal::SIGHUP);
    await_log(&mut lab, 2, "Remote diagnostic - Administratively Down", 1);
}

/// A real server goes up and down with the session of its BFD_CHECK; with `alpha` it starts down.
#[test]
fn a_real_server_follows_its_session() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let notes = lab.router(1).file("notes");
    let note = lab.router(1).script("note.sh", &format!("echo \"$@\" >> {}\n", notes.display())).display().to_string();
    let server = |port: u16, lines: &str| {
        format!(
            "  real_server 127.0.0.1 {port} {{\n    weight 1\n    notify_up \"{note} {port} up\"\n    \
             notify_down \"{note} {port} down\"\n    BFD_CHECK {{\n      name peer\n      {lines}\n    }}\n  }}\n"
        )
    };
    let conf = format!(
        "global_defs {{\n  script_user root\n}}\n{}virtual_server 10.1.0.1 80 {{\n  protocol TCP\n  lb_kind NAT\n{}{}}}\n",
        session(V4[1], LONG),
        server(1111, ""),
        server(2222, "alpha")
    );
    let await_notes = |wanted: &[&str]| {
        let read = || {
            let text = fs::read_to_string(&notes).unwrap_or_default();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        wait_until(LIMIT, &format!("scripts report {wanted:?}"), || read() == wanted);
        let _ = fs::remove_file(&notes);
    };
    lab.router(1).configure(&conf);
    lab.router(1).start_checkers(Ours);
    await_notes(&["1111 down"]);
    lab.router(2).configure(&session(V4[0], LONG));
    lab.router(2).start(Ours);
    await_notes(&["1111 up", "2222 up"]);
    // A new BFD process or checker process causes no change.
    let pids = [lab.router(1).bfd_pid(), lab.router(1).checker_pid()];
    // The checker process delays its checkpoint.
    std::thread::sleep(Duration::from_secs(1));
    pids.into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
    wait_until(LIMIT, "other processes have started", || {
        lab.router(1).bfd_pid() != pids[0] && lab.router(1).checker_pid() != pids[1]
    });
    holds_for(Duration::from_secs(1), "no script runs", || !notes.exists());
    lab.router(2).kill9();
    await_notes(&["1111 down", "2222 down"]);
    assert!(lab.router(1).log().contains("BFD_CHECK of [127.0.0.1]:tcp:1111 failed"), "{}", lab.router(1).log());
}
