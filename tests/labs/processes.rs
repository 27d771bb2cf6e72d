//! `track_process` in a daemon: quorum, delays, kinds of matches, a reload.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::process::Proc;
use lab::{Lab, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);

/// One tracker and one instance that lists it.
fn tracked(name: &str, vrid: u8, tracker: &str) -> String {
    format!(
        "vrrp_track_process {name} {{\n{tracker}}}\nvrrp_instance I_{name} {{\n  interface eth0\n  version 3\n  \
         virtual_router_id {vrid}\n  priority 100\n  advert_int 0.1\n  virtual_ipaddress {{\n    10.9.0.{vrid}\n  }}\n  \
         track_process {{\n    {name}\n  }}\n}}\n"
    )
}

/// The logged changes of priority, as `NAME FROM TO`, and transitions to FAULT, as `NAME fault`.
fn changes(lab: &mut Lab) -> Vec<String> {
    let log = lab.router(1).log();
    let line = |line: &str| {
        let (name, what) = line.split_once("(I_")?.1.split_once(") ")?;
        if what.starts_with("Entering FAULT STATE") {
            return Some(format!("{name} fault"));
        }
        let change = what.strip_prefix("Changing effective priority from ")?;
        let mut words = change.split(' ');
        Some(format!("{name} {} {}", words.next()?, words.nth(1)?))
    };
    log.lines().filter_map(line).collect()
}

#[test]
fn processes_change_priorities_and_cause_faults() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let name = format!("lp{}", std::process::id());
    let path = lab.router(1).file(&name);
    fs::copy("/bin/sleep", &path).unwrap();
    let program = path.to_str().unwrap().to_owned();
    let conf = |quorum: u32| {
        [
            "global_defs {\n  router_id lab\n  process_monitor_rcv_bufs 500000\n  process_monitor_rcv_bufs_force\n}\n"
                .to_owned(),
            tracked("needed", 51, &format!("  process {name}\n")),
            tracked("quorum", 52, &format!("  process {name}\n  quorum {quorum}\n  quorum_max 2\n  weight 10\n")),
            tracked("none", 53, &format!("  process {name}\n  quorum_max 0\n  weight -20\n")),
            tracked("initial", 54, &format!("  process {program} 300\n  param_match initial\n  weight 30\n")),
            tracked("full", 55, &format!("  process {program}\n  full_command\n  terminate_delay 3\n  weight 40\n")),
        ]
        .concat()
    };
    lab.router(1).configure(&conf(2));
    lab.router(1).start(Ours);
    let begin = |seconds: &str| {
        let mut command = Command::new(&program);
        command.args([seconds, "0"]);
        Proc::spawn(command, &path.with_extension("log"))
    };
    let mut expected = Vec::new();
    let mut expect = |lab: &mut Lab, more: &[&str]| {
        expected.extend(more.iter().map(|line| (*line).to_owned()));
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        let wanted = sorted(expected.clone());
        wait_until(LIMIT, &format!("{more:?}"), || sorted(changes(lab)) == wanted);
    };
    expect(&mut lab, &["needed fault"]);
    assert!(lab.router(1).log().contains("tracked processes are counted once a second"), "{}", lab.router(1).log());

    let mut first = begin("300");
    expect(&mut lab, &["none 100 80", "initial 100 130", "full 100 140"]);
    wait_until(LIMIT, "it is master again", || lab.router(1).holds([10, 9, 0, 51].into()));
    let mut second = begin("301");
    expect(&mut lab, &["quorum 100 110"]);
    let mut third = begin("301");
    expect(&mut lab, &["quorum 110 100"]);
    first.signal(Signal::SIGKILL);
    first.wait(LIMIT);
    expect(&mut lab, &["quorum 100 110", "initial 130 100"]);

    lab.router(1).configure(&conf(1));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload", || lab.router(1).log().contains("Reload complete"));
    second.signal(Signal::SIGKILL);
    second.wait(LIMIT);
    // After the reload one process is enough.
    let ended = Instant::now();
    third.signal(Signal::SIGKILL);
    third.wait(LIMIT);
    expect(&mut lab, &["needed fault", "quorum 110 100", "none 80 100", "full 140 100"]);
    assert!(ended.elapsed() >= Duration::from_secs(3), "terminate_delay");
}
