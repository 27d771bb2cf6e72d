//! Name servers that do not answer delay neither adverts nor the watchdog of the children.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::names::{Etc, NAME_SERVER};
use lab::process::Proc;
use lab::snmp::VERSION;
use lab::{Lab, Protocol, machine, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn an_agentx_master_by_name_whose_name_servers_are_dead() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let (_etc, silence) = Etc::with_dead_name_server(lab.router(1).netns(), 3);
    lab.router(1).start_snmp_on("tcp:127.0.0.1:7050", "tcp:master.lab:7050");
    lab.router(1).configure(&Protocol::V3.conf(100, ""));
    lab.router(1).start(Ours);
    let began = now();
    lab.wire.await_advert(1, VRID, began, Duration::from_secs(5));
    let pid = lab.router(1).vrrp_pid();
    // Longer than the interval of the parent's hellos.
    wait_until(LIMIT, "100 more adverts", || lab.wire.adverts(1, VRID, began).len() > 110);
    assert_eq!(lab.router(1).vrrp_pid(), pid, "{}", lab.router(1).log());

    // The name is looked up again once a name server answers.
    drop(silence);
    let mut dnsmasq = lab.router(1).netns().command("dnsmasq");
    dnsmasq.args(["--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--except-interface=lo"]);
    dnsmasq
        .arg(format!("--listen-address={NAME_SERVER}"))
        .args(["--address=/master.lab/127.0.0.1", "--conf-file=/dev/null"]);
    let _dnsmasq = Proc::spawn(dnsmasq, &lab.router(1).file("dnsmasq.log"));
    wait_until(LIMIT, "the version is served", || lab.router(1).snmp().get(VERSION).is_some());
}

/// The look-up of a user takes long: a child that dies during the reload is replaced.
#[test]
fn a_reload_that_looks_a_user_up_at_dead_name_servers() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let (_etc, _silence) = Etc::with_dead_name_server(lab.router(1).netns(), 1);
    let hesiod = lab.router(1).file("hesiod.conf");
    fs::write(&hesiod, "lhs=.ns\nrhs=.lab\n").unwrap();
    let conf =
        |extra: &str| Protocol::V3.conf(100, extra).replacen('{', "{\n  script_user root\n  smtp_server mail.lab\n", 1);
    lab.router(1).configure(&conf(""));
    let mut command = lab.router(1).command(Ours);
    command.env("HESIOD_CONFIG", &hesiod);
    lab.router(1).start_with(command);
    lab.wire.await_advert(1, VRID, Duration::ZERO, Duration::from_secs(5));

    lab.router(1).configure(&conf("notify_master /bin/true ghost\n  notify_stop /bin/true"));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    let old = lab.router(1).vrrp_pid();
    kill(Pid::from_raw(old), Signal::SIGKILL).unwrap();
    let killed = now();
    wait_until(LIMIT, "it is replaced", || lab.router(1).vrrp_pid() != old);
    lab.wire.await_advert(1, VRID, killed + Duration::from_millis(50), LIMIT);
    assert!(!lab.router(1).log().contains("eload"), "the reload is not complete yet: {}", lab.router(1).log());
    wait_until(LIMIT, "the user is unknown in the end", || lab.router(1).log().contains("user 'ghost'"));
    wait_until(LIMIT, "the reload is complete or refused", || lab.router(1).log().contains("eload"));
    // The stop does not wait for name servers.
    lab.router(1).daemon().signal(Signal::SIGHUP);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
}
