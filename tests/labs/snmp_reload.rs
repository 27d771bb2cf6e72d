//! Reloads enable and disable SNMP and move it to another master agent: rows and traps follow, and VRRP is not
//! affected.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::snmp::{INSTANCE_STATE, ROOT, VERSION};
use lab::{Lab, Protocol, machine, now, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
const PROTOCOL: Protocol = Protocol::V3;

/// The configuration of a router with this priority and further keywords in `global_defs`.
fn conf(priority: u8, global: &str) -> String {
    PROTOCOL.conf(priority, "").replacen('{', &format!("{{\n  enable_traps\n  {global}\n"), 1)
}

/// Reloads a router of the lab with this configuration.
fn reload(lab: &mut Lab, conf: &str) {
    let router = lab.router(1);
    let reloads = |log: &str| log.matches("Reload complete").count();
    let before = reloads(&router.log());
    router.configure(conf);
    router.daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload", || reloads(&router.log()) > before);
}

#[test]
fn snmp_follows_the_configuration() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let path = |lab: &mut Lab, number: usize| format!("unix:{}", lab.router(number).file("agentx").display());
    let sockets = [1, 2].map(|number| path(&mut lab, number));
    // Each router has a master agent; that of router 2 is the other target. The command line names neither.
    lab.router(1).configure(&conf(100, ""));
    let command = lab.router(1).command(Ours);
    lab.router(1).start_with(command);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    for number in [1, 2] {
        lab.router(number).start_snmp();
    }
    let began = now();
    let served = |lab: &mut Lab, number: usize| lab.router(number).snmp().get(VERSION).is_some();
    assert!(!served(&mut lab, 1), "without the keyword SNMP is disabled");

    // On.
    let on = |socket: &str, priority: u8| conf(priority, &format!("enable_snmp_vrrp\n  snmp_socket {socket}"));
    reload(&mut lab, &on(&sockets[0], 100));
    wait_until(LIMIT, "rows appear", || {
        lab.router(1).snmp().walk(INSTANCE_STATE).iter().map(|(_, state)| state.as_str()).eq(["2"])
    });
    // A reload without a change of SNMP settings keeps the session.
    reload(&mut lab, &on(&sockets[0], 110));
    let priority = format!("{ROOT}.2.3.1.7");
    wait_until(LIMIT, "the new priority is served", || {
        lab.router(1).snmp().walk(&priority).iter().map(|(_, value)| value.as_str()).eq(["110"])
    });
    let sessions = |lab: &mut Lab| lab.router(1).log().matches("AgentX session with").count();
    assert_eq!(sessions(&mut lab), 1, "{}", lab.router(1).log());

    // Elsewhere.
    reload(&mut lab, &on(&sockets[1], 110));
    wait_until(LIMIT, "rows appear there", || lab.router(2).snmp().walk(INSTANCE_STATE).len() == 1);
    wait_until(LIMIT, "rows disappear here", || !served(&mut lab, 1));
    // Traps follow too: the link is lost and restored.
    lab.router(1).netns().ip("link set eth0 down");
    let has_trap = |lab: &mut Lab, number: usize, state: &str| {
        let traps = lab.router(number).snmp().instance_traps();
        traps.iter().any(|(name, sent)| name == "VI_51" && sent == state)
    };
    wait_until(LIMIT, "a trap goes there", || has_trap(&mut lab, 2, "3"));
    assert!(!has_trap(&mut lab, 1, "3"), "and none here");
    lab.router(1).netns().ip("link set eth0 up");
    wait_until(LIMIT, "master again", || has_trap(&mut lab, 2, "2"));
    let since = now();

    // Off, and on again where it was.
    reload(&mut lab, &conf(110, ""));
    wait_until(LIMIT, "rows disappear", || !served(&mut lab, 2));
    reload(&mut lab, &on(&sockets[0], 110));
    wait_until(LIMIT, "rows are back", || served(&mut lab, 1));

    // Only the link has affected VRRP: MASTER at the start, FAULT, MASTER again.
    let log = lab.router(1).log();
    assert_eq!(log.matches("Entering MASTER STATE").count(), 2, "{log}");
    assert_eq!(log.matches("Entering FAULT STATE").count(), 1, "{log}");
    let longest = |lab: &Lab, from, to| {
        let times: Vec<_> = lab.wire.adverts(1, VRID, from).iter().map(|(at, _)| *at).filter(|at| *at < to).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    };
    let end = now();
    assert!(longest(&lab, since, end) < Duration::from_millis(1000), "adverts continued");
    assert!(end > began);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
}
