//! BFD sessions with C keepalived and with FRR's bfdd, and their trackers.
#![allow(clippy::expect_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::process::Proc;
use lab::snmp::INSTANCE_STATE;
use lab::{Daemon, Lab, Router, holds_for, machine, now, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Group, Pid, User, chown};

/// Time limit for a session to come up on a busy machine; RFC 5880 allows some seconds.
const LIMIT: Duration = Duration::from_secs(20);
/// Allowed delay of events on a busy machine; `make bench` measures it precisely.
const LATE: Duration = Duration::from_millis(200);
/// Intervals of the sessions, in milliseconds.
const INTERVAL: u64 = 50;
const DETECTION: Duration = Duration::from_millis(3 * INTERVAL);
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

/// FRR's bfdd on a router, with a directory that belongs to its user.
struct Frr {
    process: Proc,
    directory: tempfile::TempDir,
}

impl Frr {
    fn start(router: &Router, peer: &str) -> Frr {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        let (user, group) = (User::from_name("frr"), Group::from_name("frr"));
        let (user, group) = (user.expect("users"), group.expect("groups"));
        chown(path, user.map(|user| user.uid), group.map(|group| group.gid)).expect("our own directory");
        let text = format!(
            "bfd\n peer {peer}\n  detect-multiplier 3\n  receive-interval {INTERVAL}\n  \
             transmit-interval {INTERVAL}\n !\n!\n"
        );
        let config = path.join("bfdd.conf");
        fs::write(&config, text).expect("our own directory");
        fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).expect("our own file");
        let file = |name: &str| path.join(name).display().to_string();
        let process = router.run(
            "/usr/lib/frr/bfdd",
            &[
                "-f",
                &file("bfdd.conf"),
                "-i",
                &file("pid"),
                "-z",
                &file("zebra"),
                "--vty_socket",
                &file(""),
                "--bfdctl",
                &file("control"),
                "-A",
                "127.0.0.1",
                "-P",
                "0",
                "--log",
                "stdout",
            ],
        );
        Frr { process, directory }
    }

    /// Waits until it shows a value of its session.
    fn await_value(&self, text: &str) {
        wait_until(LIMIT, &format!("bfdd shows {text}"), || {
            let mut command = Command::new("vtysh");
            command.arg("--vty_socket").arg(self.directory.path()).args(["-c", "show bfd peers json"]);
            let output = command.output().expect("vtysh, of Debian's package frr");
            String::from_utf8_lossy(&output.stdout).replace(' ', "").contains(text)
        });
    }
}

/// Up, down after the detection time, up again, and down by our AdminDown.
fn life_with_frr(lab: &mut Lab, ours: usize, theirs: usize, conf: &str, peer: &str) {
    lab.router(ours).configure(conf);
    lab.router(ours).start(Ours);
    let mut frr = Frr::start(lab.router(theirs), peer);
    frr.await_value("\"status\":\"up\"");
    await_log(lab, ours, UP, 1);
    wait_until(LIMIT, "the slower intervals are over", || {
        dumped(lab.router(ours), "local detection time") == format!("{} us", 3000 * INTERVAL)
    });
    frr.process.kill_group();
    await_log(lab, ours, "Local diagnostic - Control Detection Time Expired", 1);
    let frr = Frr::start(lab.router(theirs), peer);
    await_log(lab, ours, UP, 2);
    frr.await_value("\"status\":\"up\"");
    assert_eq!(lab.router(ours).stop().1.code(), Some(0));
    frr.await_value("\"remote-diagnostic\":\"administrativelydown\"");
    frr.await_value("\"status\":\"down\"");
}

#[test]
fn ours_with_frr() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    life_with_frr(&mut lab, 1, 2, &session("10.9.0.2", ""), "10.9.0.1");
}

/// FRR requires hop limit 255 as RFC 5881 does; it is not the default of keepalived.
#[test]
fn ours_with_frr_over_ipv6() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    life_with_frr(&mut lab, 1, 2, &session("fd09::2", "hoplimit 255"), "fd09::1 local-address fd09::2");
}

/// A multihop session of routers 1 and 3 through router 2.
#[test]
fn ours_with_frr_over_a_router() {
    let _turn = machine::shared();
    let mut lab = Lab::new(3);
    for setting in ["ip_forward", "conf/all/send_redirects", "conf/eth0/send_redirects"] {
        lab.router(2).netns().sysctl(&format!("net/ipv4/{setting}"), if setting == "ip_forward" { "1" } else { "0" });
    }
    for (router, own, other) in [(1, 1, 3), (3, 3, 1)] {
        lab.router(router).netns().ip(&format!("address add 192.0.2.{own}/32 dev lo"));
        let route = format!("route add 192.0.2.{other} via 10.9.0.2 src 192.0.2.{own}");
        lab.router(router).netns().ip(&route);
        lab.router(2).netns().ip(&format!("route add 192.0.2.{own} via 10.9.0.{own}"));
    }
    let conf = session("192.0.2.3", "source_ip 192.0.2.1\n  multihop\n  max_hops 1");
    life_with_frr(&mut lab, 1, 3, &conf, "192.0.2.1 multihop local-address 192.0.2.3");
}

/// The master enters FAULT when its session with a third router goes down, and resigns.
#[test]
fn a_virtual_router_moves_within_the_detection_time_and_an_advert() {
    let _turn = machine::alone();
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

/// The BFD process sends and receives although snmpd, the reader of the log and the VRRP process hang.
#[test]
fn a_session_stays_up_while_snmpd_the_log_and_vrrp_hang() {
    let _turn = machine::alone();
    let mut lab = Lab::new(2);
    for router in [1, 2] {
        let text = session(V4[2 - router], "") + &instance(50 + router as u8, 100, -10);
        lab.router(router).configure(&text);
    }
    lab.router(2).start(Ours);
    lab.router(1).start_snmp();
    let command = lab.router(1).command(Ours);
    let (command, _pipe) = lab.router(1).with_unread_log(&command);
    lab.router(1).start_with(command);
    await_log(&mut lab, 2, UP, 1);
    lab.router(1).snmp().hang_master();
    let vrrp = lab.router(1).vrrp_pid();
    signal(vrrp, Signal::SIGSTOP);
    // Shorter than the time after which the parent replaces a process.
    holds_for(Duration::from_secs(3), "the session is up", || count(lab.router(2), DOWN) == 0);
    assert_eq!(dumped(lab.router(1), "local state"), "Up");
    let killed = lab.router(2).kill9();
    wait_until(LIMIT, "the session is down", || dumped(lab.router(1), "local state") == "Down");
    println!("down within {:?}", now() - killed);
    signal(vrrp, Signal::SIGCONT);
    wait_until(LIMIT, "VRRP follows the session", || !lab.router(1).holds("10.9.0.61".parse().expect("an address")));
}

/// The BFD process is delayed for longer than the detection time; it must read waiting packets first.
#[test]
fn a_delayed_process_takes_no_session_down() {
    let _turn = machine::alone();
    // The other end has a longer detection time.
    let mut lab = pair([Ours, Ours], V4, ["multiplier 20", ""]);
    wait_until(LIMIT, "the detection time is short", || {
        dumped(lab.router(1), "local detection time") == format!("{} us", 3000 * INTERVAL)
    });
    let bfd = lab.router(1).bfd_pid();
    for _ in 0..5 {
        signal(bfd, Signal::SIGSTOP);
        std::thread::sleep(DETECTION * 3);
        signal(bfd, Signal::SIGCONT);
        std::thread::sleep(DETECTION);
    }
    for router in [1, 2] {
        assert_eq!(count(lab.router(router), DOWN), 0, "router {router}");
    }
}

#[test]
fn a_killed_bfd_process_is_replaced_without_a_change_of_state() {
    let _turn = machine::alone();
    // The detection time of both ends is a second, within which a replacement must run.
    let mut lab = Lab::new(2);
    for router in [1, 2] {
        let text = session(V4[2 - router], "multiplier 20") + &instance(50 + router as u8, 100, 0);
        lab.router(router).configure(&text);
    }
    lab.router(1).start_snmp();
    for router in [1, 2] {
        lab.router(router).start(Ours);
    }
    for router in [1, 2] {
        await_log(&mut lab, router, UP, 1);
    }
    let state = format!("{INSTANCE_STATE}.1");
    wait_until(LIMIT, "router 1 is master", || lab.router(1).snmp().get(&state).as_deref() == Some(MASTER));
    let discriminator = dumped(lab.router(1), "local discriminator");
    let transitions = count(lab.router(1), "(VI) Entering");
    for round in 1..=3 {
        let bfd = lab.router(1).bfd_pid();
        signal(bfd, Signal::SIGKILL);
        wait_until(LIMIT, "another process has started", || lab.router(1).bfd_pid() != bfd);
        await_log(&mut lab, 1, "Starting BFD child process", 1 + round);
        holds_for(Duration::from_millis(1500), "the session is up", || count(lab.router(2), DOWN) == 0);
        assert_eq!(dumped(lab.router(1), "local state"), "Up");
    }
    assert_eq!(dumped(lab.router(1), "local discriminator"), discriminator);
    assert_eq!(count(lab.router(1), DOWN), 0);
    assert_eq!(count(lab.router(1), "(VI) Entering"), transitions);
    // A replaced VRRP process is sent the states of the sessions again.
    let vrrp = lab.router(1).vrrp_pid();
    signal(vrrp, Signal::SIGKILL);
    wait_until(LIMIT, "another process has started", || lab.router(1).vrrp_pid() != vrrp);
    wait_until(LIMIT, "router 1 is master", || lab.router(1).snmp().get(&state).as_deref() == Some(MASTER));
    lab.router(2).kill9();
    await_log(&mut lab, 1, "(VI) Entering FAULT STATE", 1);
}

/// Another process sends AdminDown in place of the killed one.
#[test]
fn the_other_end_is_sent_admin_down_at_a_stop_after_the_bfd_process_was_killed() {
    let _turn = machine::shared();
    let mut lab = pair([Ours, Ours], V4, ["multiplier 20", "multiplier 20"]);
    let bfd = lab.router(1).bfd_pid();
    signal(bfd, Signal::SIGSTOP);
    signal(bfd, Signal::SIGKILL);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    await_log(&mut lab, 2, "Remote diagnostic - Administratively Down", 1);
    assert_eq!(count(lab.router(2), "Detection Time Expired"), 0);
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

#[test]
fn without_the_bfd_process_tracked_sessions_are_down() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&(session(V4[1], "") + &instance(51, 100, 0)));
    let mut command = lab.router(1).command(Ours);
    command.arg("-B");
    lab.router(1).start_with(command);
    await_log(&mut lab, 1, "(VI) Entering FAULT STATE", 1);
    assert!(lab.router(1).log().contains("-B, --no_bfd: BFD sessions stay down"));
    assert!(!lab.router(1).file("bfd.pid").exists());
}

/// Another program uses the port: that is logged with a remedy, and the sessions start when it is free.
#[test]
fn a_port_in_use_is_tried_again() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let taken = lab.router(1).netns().enter(|| std::net::UdpSocket::bind("0.0.0.0:3784").expect("a free port"));
    for router in [1, 2] {
        lab.router(router).configure(&session(V4[2 - router], ""));
        lab.router(router).start(Ours);
    }
    await_log(&mut lab, 1, "Cannot listen on UDP port 3784 of IPv4: ", 1);
    drop(taken);
    await_log(&mut lab, 1, UP, 1);
    assert_eq!(count(lab.router(1), "Cannot listen"), 1);
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
        session(V4[1], ""),
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
    lab.router(2).configure(&session(V4[0], ""));
    lab.router(2).start(Ours);
    await_notes(&["1111 up", "2222 up"]);
    // A new BFD process or checker process causes no change.
    let pids = [lab.router(1).bfd_pid(), lab.router(1).checker_pid()];
    lab.router(2).configure(&session(V4[0], "multiplier 40"));
    lab.router(2).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the detection time is long", || {
        dumped(lab.router(1), "local detection time") == format!("{} us", 40_000 * INTERVAL)
    });
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
