//! Sessions while processes hang, are late, or are killed.

use std::time::Duration;

use lab::Daemon::Ours;
use lab::snmp::INSTANCE_STATE;
use lab::{Lab, holds_for, machine, now, wait_until};
use nix::sys::signal::Signal;

use super::{
    DETECTION, DOWN, INTERVAL, LIMIT, LONG, MASTER, UP, V4, await_log, count, dumped, instance, pair, session, signal,
};

/// The BFD process sends and receives although snmpd, the reader of the log and the VRRP process hang.
#[test]
fn a_session_stays_up_while_snmpd_the_log_and_vrrp_hang() {
    let _turn = machine::shared();
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
    let _turn = machine::shared();
    // The other end has a longer detection time.
    let mut lab = pair([Ours, Ours], V4, [LONG, ""]);
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
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for router in [1, 2] {
        let text = session(V4[2 - router], LONG) + &instance(50 + router as u8, 100, 0);
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
        assert_eq!(dumped(lab.router(1), "local state"), "Up");
    }
    // For longer than the detection time.
    holds_for(Duration::from_millis(4500), "the session is up", || count(lab.router(2), DOWN) == 0);
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
    let mut lab = pair([Ours, Ours], V4, [LONG, LONG]);
    let bfd = lab.router(1).bfd_pid();
    signal(bfd, Signal::SIGSTOP);
    signal(bfd, Signal::SIGKILL);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    await_log(&mut lab, 2, "Remote diagnostic - Administratively Down", 1);
    assert_eq!(count(lab.router(2), "Detection Time Expired"), 0);
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
