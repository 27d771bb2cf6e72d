//! Many tracking scripts do not delay adverts; and the process that runs them.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::time::Duration;

use lab::conf::VRID;
use lab::{Daemon, Lab, machine, now, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(100);
const SCRIPTS: usize = 500;

/// An instance with this many scripts, each run once a second.
fn conf(priority: u8, scripts: usize, script: &str) -> String {
    let mut text = format!("global_defs {{\n  router_id load{priority}\n  script_user root\n}}\n");
    let mut list = String::new();
    for number in 1..=scripts {
        text += &format!("vrrp_script s{number} {{\n  script {script}\n  interval 1\n}}\n");
        list += &format!("    s{number}\n");
    }
    let list = if scripts == 0 { list } else { format!("  track_script {{\n{list}  }}\n") };
    text + &format!(
        "vrrp_instance VI_{VRID} {{\n  interface eth0\n  version 3\n  virtual_router_id {VRID}\n  priority {priority}\n  \
         advert_int 0.1\n  virtual_ipaddress {{\n    10.0.0.100\n  }}\n{list}}}\n"
    )
}

/// The process that runs the programs of the VRRP process.
fn runner(vrrp: i32) -> Option<i32> {
    let of_threads = fs::read_dir(format!("/proc/{vrrp}/task")).ok()?.flatten();
    let all = of_threads.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<i32> = all.flat_map(|list| numbers(&list)).collect();
    pids.into_iter().find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|octet| *octet == 0).any(|word| word == b"--run-programs")
    })
}

fn numbers(list: &str) -> Vec<i32> {
    list.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn five_hundred_scripts_a_second_delay_no_advert() {
    let _turn = machine::alone();
    let mut lab = Lab::new(2);
    lab.router(1).configure(&conf(200, SCRIPTS, "/bin/true"));
    lab.router(2).configure(&conf(100, 0, ""));
    lab.router(1).start(Daemon::Ours);
    lab.router(2).start(Daemon::Ours);
    // Until all scripts have succeeded once, the first router is not ready for MASTER.
    let from = lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    std::thread::sleep(Duration::from_secs(10));
    let to = now();
    let schedule = lab.wire.schedule(1, from, to);
    let adverts = &schedule[&VRID];
    let longest = adverts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < INTERVAL * 3, "a gap of {longest:?}");
    assert!(lab.wire.schedule(2, from + INTERVAL, to).is_empty(), "the other router has taken over");
    let log = lab.router(1).log();
    let after = log.split_once("Entering MASTER STATE").map_or("", |(_, after)| after);
    assert!(!after.contains("Entering"), "{log}");
    assert!(!log.contains("are postponed"), "{log}");
}

#[test]
fn scripts_continue_after_the_runner_is_killed() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let count = lab.router(1).file("count").display().to_string();
    let script = lab.router(1).script("check", &format!("echo x >> {count}\n")).display().to_string();
    lab.router(1).configure(&conf(100, 1, &script));
    lab.router(1).start(Daemon::Ours);
    let runs = || fs::read_to_string(&count).unwrap_or_default().lines().count();
    wait_until(LIMIT, "it runs", || runs() > 0);
    let vrrp = lab.router(1).vrrp_pid();
    let first = wait_for(LIMIT, "a runner", || runner(vrrp));
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    let before = runs();
    wait_until(LIMIT, "it runs again", || runs() > before + 1);
    assert!(runner(vrrp).is_some_and(|now| now != first));
    let log = lab.router(1).log();
    assert!(!log.contains("FAULT"), "a killed runner does not fail scripts: {log}");

    // The runner exits with the process for which it runs programs.
    let second = runner(vrrp).unwrap();
    lab.router(1).stop();
    let gone = || !fs::exists(format!("/proc/{second}")).unwrap_or(true);
    wait_until(LIMIT, "the runner has exited", gone);
}
