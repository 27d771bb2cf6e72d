//! VRRP-MIB and VRRPV3-MIB with snmpd and snmptrapd: the notifications of a life, and reloads that enable and disable the
//! modules.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use lab::snmp::VERSION;
use lab::{Daemon, Forged, Lab, Snmp, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);
const V2: &str = ".1.3.6.1.2.1.68";
const V3: &str = ".1.3.6.1.2.1.207";
/// vrrpOperState and vrrpv3OperationsStatus.
const STATES: [&str; 2] = [".1.3.6.1.2.1.68.1.3.1.3", ".1.3.6.1.2.1.207.1.1.1.1.6"];
/// The modules in sysORTable.
const ALL: [&str; 4] = ["Keepalived", "KEEPALIVED-VRRP", "VRRP", "VRRPV3"];
const SYS_UP_TIME: &str = ".1.3.6.1.2.1.1.3.0";

/// Instances of both versions and families.
fn conf(priority: u8, global: &str) -> String {
    format!(
        "global_defs {{
           router_id lab{priority}
           enable_traps
           {global}
         }}
         vrrp_instance pass {{
           interface eth0
           version 2
           virtual_router_id 31
           priority {priority}
           advert_int 1
           authentication {{
             auth_type PASS
             auth_pass secret
           }}
           virtual_ipaddress {{
             10.9.0.131
             10.9.0.130/24
           }}
         }}
         vrrp_instance three {{
           interface eth0
           version 3
           virtual_router_id 34
           priority {priority}
           advert_int 0.2
           virtual_ipaddress {{
             10.9.0.134
           }}
         }}
         vrrp_instance six {{
           interface eth0
           version 3
           virtual_router_id 34
           priority {priority}
           advert_int 0.2
           virtual_ipaddress {{
             fe80::9:34
           }}
         }}
        "
    )
}

/// Waits until all rows of both modules have a state.
fn await_states(lab: &mut Lab, number: usize, state: &str) {
    let snmp = lab.router(number).snmp();
    wait_until(LIMIT, &format!("router {number}: all rows are in state {state}"), || {
        STATES.iter().zip([1, 3]).all(|(column, rows)| {
            let walk = snmp.walk(column);
            walk.len() == rows && walk.iter().all(|(_, value)| value == state)
        })
    });
}

/// The notifications of router 2 while router 1 dies, comes back, and stops; and those about bad packets.
#[test]
fn notifications_of_a_life() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for (number, priority) in [(1, 200), (2, 100)] {
        lab.router(number).configure(&conf(priority, ""));
        lab.router(number).start_snmp();
    }
    lab.router(1).start(Daemon::Ours);
    await_states(&mut lab, 1, "3");
    lab.router(2).start(Daemon::Ours);
    await_states(&mut lab, 2, "2");
    let index = lab.router(2).ifindex();
    // vrrpv3NewMaster of the three rows with this reason, so many times, and vrrpTrapNewMaster as often.
    let new_masters = |lab: &mut Lab, number: usize, reason: u32| {
        let traps = lab.router(number).snmp().traps();
        let keys = [format!("{index}.31.1"), format!("{index}.34.1"), format!("{index}.34.2")];
        keys.map(|key| {
            let wanted = format!("{V3}.1.2.5.1.2.{key} = {reason}");
            let of = |trap: &&String| trap.contains(&format!("{V3}.0.1")) && trap.contains(&wanted);
            traps.iter().filter(of).filter(|trap| trap.contains(&format!("{V3}.1.1.1.1.3.{key} = "))).count()
        })
    };
    let v2_masters = |lab: &mut Lab, number: usize| {
        let object = format!("{V2}.1.3.1.7.{index}.31 = 10.9.0.{number}");
        let traps = lab.router(number).snmp().traps();
        traps.iter().filter(|trap| trap.contains(&format!("{V2}.0.1")) && trap.contains(&object)).count()
    };
    // On a loaded machine a router may become master more often than it is made to.
    let more = |now: [usize; 3], before: [usize; 3]| now.iter().zip(before).all(|(now, before)| *now > before);
    let (before, v2_before) = (new_masters(&mut lab, 2, 3), v2_masters(&mut lab, 2));
    lab.router(1).kill9();
    wait_until(LIMIT, "silence makes router 2 master", || more(new_masters(&mut lab, 2, 3), before));
    assert!(v2_masters(&mut lab, 2) > v2_before);

    // Times of views are in the master's sysUpTime, and the same in each answer.
    let up = format!("{V2}.1.3.1.13.{index}.31");
    let since = [format!("{V3}.1.2.4.0"), format!("{V3}.1.2.5.1.12.{index}.31.1")];
    let snmp = lab.router(2).snmp();
    let (left_init, counted) = (ticks(snmp, &up), [0, 1].map(|at| ticks(snmp, &since[at])));
    assert!(counted[0] > 0 && counted[0] == counted[1], "the start of the process: {counted:?}");
    assert!(left_init.abs_diff(counted[0]) < 300, "it has left init at its start: {left_init}, {counted:?}");
    let elapsed = ticks(snmp, &format!("{V3}.1.1.1.1.12.{index}.31.1"));
    assert!((ticks(snmp, SYS_UP_TIME) - left_init).abs_diff(elapsed) < 500, "{elapsed} since {left_init}");

    lab.router(1).start(Daemon::Ours);
    wait_until(LIMIT, "router 1 preempts", || more(new_masters(&mut lab, 1, 2), [0; 3]));
    await_states(&mut lab, 2, "2");
    let snmp = lab.router(2).snmp();
    assert_eq!(snmp.get(&format!("{V2}.1.3.1.7.{index}.31")).as_deref(), Some("10.9.0.1"));
    let before = new_masters(&mut lab, 2, 1);
    lab.router(1).stop();
    wait_until(LIMIT, "priority 0 makes router 2 master", || more(new_masters(&mut lab, 2, 1), before));
    let transitions = v2_masters(&mut lab, 2).to_string();
    let snmp = lab.router(2).snmp();
    let counter = snmp.get(&format!("{V2}.2.4.1.1.{index}.31"));
    assert_eq!(counter.as_ref(), Some(&transitions), "vrrpStatsBecomeMaster and the notifications");

    let vips = ["10.9.0.131", "10.9.0.130"].map(|ip| ip.parse().unwrap());
    let mut password = Forged::right(2, 31, 50, 1, &vips);
    password.auth = (1, *b"wrong\0\0\0");
    let unknown = Forged { auth: (7, [0; 8]), ..Forged::right(2, 31, 50, 1, &vips) };
    let ttl = Forged { ttl: 254, ..Forged::right(2, 31, 50, 1, &vips) };
    let checksum = Forged { checksum_error: 1, auth: (1, *b"secret\0\0"), ..Forged::right(2, 31, 50, 1, &vips) };
    for forged in [password, unknown, ttl, checksum] {
        forged.send_many(&lab.client, 3);
    }
    let source = |error: u32| format!("{V2}.1.6.{index}.31 = {error}");
    let reason = |error: u32| format!("{V3}.1.2.5.1.6.{index}.31.1 = {error}");
    wait_until(LIMIT, "each kind of error is reported", || {
        let traps = lab.router(2).snmp().traps();
        let has = |identity: String, object: String| {
            traps.iter().any(|trap| trap.contains(&identity) && trap.contains(&object))
        };
        has(format!("{V2}.0.2"), source(3))
            && has(format!("{V2}.0.2"), source(1))
            && has(format!("{V3}.0.2"), reason(1))
            && has(format!("{V3}.0.2"), reason(3))
    });
    let snmp = lab.router(2).snmp();
    for (counter, count) in [("2.1.0", 3), (&format!("2.4.1.5.{index}.31"), 3), (&format!("2.4.1.4.{index}.31"), 3)] {
        wait_until(LIMIT, counter, || snmp.get(&format!("{V2}.{counter}")) == Some(count.to_string()));
    }
    // The statistics of the dump are cleared; the counters are not.
    let pid = lab.router(2).daemon().pid().to_string();
    let clear = || assert!(Command::new("kill").args(["-63", &pid]).status().unwrap().success());
    clear();
    let dump = lab.router(2).file("keepalived.stats");
    wait_until(LIMIT, "the dump with the statistics", || {
        std::fs::read_to_string(&dump).is_ok_and(|text| text.contains(&format!("Became master: {transitions}\n")))
    });
    let snmp = lab.router(2).snmp();
    assert_eq!(snmp.get(&format!("{V3}.1.2.5.1.1.{index}.31.1")), Some(transitions));
    assert_eq!([0, 1].map(|at| ticks(snmp, &since[at])), counted, "no discontinuity");
    clear();
    wait_until(LIMIT, "the cleared statistics", || {
        std::fs::read_to_string(&dump).is_ok_and(|text| text.contains("Became master: 0"))
    });
}

/// A time in hundredths of a second, from the form days:hours:minutes:seconds.
fn ticks(snmp: &Snmp, oid: &str) -> u64 {
    let text = snmp.get(oid).unwrap_or_else(|| panic!("{oid} is not served"));
    let (whole, hundredths) = text.split_once('.').unwrap_or((&text, "0"));
    let units = [1, 60, 3600, 86_400];
    let seconds: u64 = whole.split(':').rev().zip(units).map(|(part, unit)| part.parse::<u64>().unwrap() * unit).sum();
    seconds * 100 + hundredths.parse::<u64>().unwrap()
}

/// A reload changes what the session registers, and the rows of sysORTable.
#[test]
fn reloads_enable_and_disable_the_modules() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let socket = format!("unix:{}", lab.router(1).file("agentx").display());
    let with = |keywords: &str| conf(200, &format!("snmp_socket {socket}\n {keywords}"));
    lab.router(1).configure(&with("enable_snmp_vrrp"));
    let command = lab.router(1).command(Daemon::Ours);
    lab.router(1).start_with(command);
    lab.router(1).start_snmp();
    let modules = |lab: &mut Lab| -> (bool, bool, bool, BTreeSet<String>) {
        let snmp = lab.router(1).snmp();
        let rows = snmp.walk(".1.3.6.1.2.1.1.9.1.3").into_iter().map(|(_, text)| text);
        let names = rows.filter_map(|text| text.strip_prefix("The MIB module for ").map(str::to_owned));
        // snmpd has rows of its own.
        let ours = names.filter(|name| ALL.contains(&name.as_str())).collect();
        (snmp.get(VERSION).is_some(), !snmp.walk(STATES[0]).is_empty(), !snmp.walk(STATES[1]).is_empty(), ours)
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let vrrp = ["Keepalived", "KEEPALIVED-VRRP"];
    wait_until(LIMIT, "KEEPALIVED-MIB", || modules(&mut lab) == (true, false, false, names(&vrrp)));
    for (keywords, expected) in [
        ("enable_snmp_vrrp\n enable_snmp_rfcv2", (true, true, false, names(&ALL[..3]))),
        ("enable_snmp_rfcv3", (false, false, true, names(&ALL[3..]))),
        ("enable_snmp_rfc\n enable_snmp_vrrp", (true, true, true, names(&ALL))),
        ("enable_snmp_vrrp", (true, false, false, names(&vrrp))),
    ] {
        lab.router(1).configure(&with(keywords));
        lab.router(1).daemon().signal(Signal::SIGHUP);
        wait_until(LIMIT, keywords, || modules(&mut lab) == expected);
    }
    assert_eq!(lab.router(1).log().matches("AgentX session with").count(), 1, "{}", lab.router(1).log());
}
