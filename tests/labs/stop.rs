//! A stop removes all entries from the kernel, even if child processes have died or hang, or logs the entries that are
//! left.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::{Lab, Protocol, machine, now, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;

/// A lone router that has become master.
fn lone_master(extra: &str, arguments: &[&str]) -> Lab {
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PROTOCOL.conf(100, extra));
    let mut command = lab.router(1).command(Ours);
    command.args(arguments);
    lab.router(1).start_with(command);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "the addresses are set", || PROTOCOL.all_vips().iter().all(|vip| lab.router(1).holds(*vip)));
    lab
}

fn assert_nothing_is_left(lab: &mut Lab) {
    let addresses = lab.router(1).netns().ip("address show");
    let left = |text: &str| addresses.contains(text);
    assert!(!PROTOCOL.all_vips().iter().any(|vip| lab.router(1).holds(*vip)), "{addresses}");
    assert!(!left("vrrp.51"), "{addresses}");
    assert!(!lab.router(1).file("vrrp.held").exists());
    assert!(lab.router(1).daemon_pids().is_empty());
}

fn vrrp(lab: &mut Lab, signal: Signal) {
    kill(Pid::from_raw(lab.router(1).vrrp_pid()), signal).unwrap();
}

/// Makes the parent handle the death of the VRRP process and the stop at the same moment.
fn stop_with_dead_child(lab: &mut Lab, between: impl FnOnce(&mut Lab)) -> Option<i32> {
    lab.router(1).daemon().signal(Signal::SIGSTOP);
    vrrp(lab, Signal::SIGKILL);
    between(lab);
    lab.router(1).daemon().signal(Signal::SIGTERM);
    lab.router(1).daemon().signal(Signal::SIGCONT);
    lab.router(1).daemon().wait(LIMIT).code()
}

/// Scripts for the stop run; no advert is sent, since another router may be master by now.
#[test]
fn a_vrrp_process_that_is_dead_at_the_stop() {
    let _turn = machine::shared();
    let results = tempfile::tempdir().unwrap();
    let notes = results.path().join("notes");
    let script = results.path().join("notify.sh");
    fs::write(&script, format!("#!/bin/sh\necho $* >> {}\n", notes.display())).unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.display();
    let mut lab = lone_master(&format!("notify {script} root\n  notify_stop \"{script} stopped\" root"), &[]);
    let mut killed = now();
    assert_eq!(stop_with_dead_child(&mut lab, |_| killed = now()), Some(0));
    assert_nothing_is_left(&mut lab);
    let notes = fs::read_to_string(&notes).unwrap();
    let count = |line: &str| notes.lines().filter(|note| *note == line).count();
    assert_eq!((count("INSTANCE VI_51 STOP 100"), count("stopped")), (1, 1), "{notes}");
    assert!(lab.wire.adverts(1, VRID, killed + Duration::from_millis(50)).is_empty());
}

#[test]
fn a_vrrp_process_with_a_vmac_that_is_dead_at_the_stop() {
    let _turn = machine::shared();
    let mut lab = lone_master("use_vmac", &[]);
    let before = lab.router(1).netns().sysctl_value("net/ipv4/conf/eth0/arp_ignore");
    assert_ne!(before.as_deref(), Some("0"), "a VMAC changes it");
    assert_eq!(stop_with_dead_child(&mut lab, |_| {}), Some(0));
    assert_nothing_is_left(&mut lab);
    assert_eq!(lab.router(1).netns().sysctl_value("net/ipv4/conf/eth0/arp_ignore").as_deref(), Some("0"));
}

#[test]
fn a_vrrp_process_that_was_killed_in_its_stop() {
    let _turn = machine::shared();
    let mut lab = lone_master("", &[]);
    lab.router(1).daemon().signal(Signal::SIGTERM);
    vrrp(&mut lab, Signal::SIGKILL);
    assert_eq!(lab.router(1).daemon().wait(LIMIT).code(), Some(0));
    assert_nothing_is_left(&mut lab);
}

#[test]
fn a_vrrp_process_that_was_stopped_by_a_signal() {
    let _turn = machine::shared();
    let mut lab = lone_master("", &[]);
    vrrp(&mut lab, Signal::SIGSTOP);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    assert_nothing_is_left(&mut lab);
}

/// Its code is overwritten by a `jmp` to itself, so that only SIGKILL stops it.
#[test]
fn a_vrrp_process_that_hangs() {
    let _turn = machine::shared();
    let mut lab = lone_master("", &[]);
    let pid = lab.router(1).vrrp_pid();
    // Its next instruction, once it waits in a system call.
    let fields = wait_for(LIMIT, "it waits", || {
        let fields = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
        fields.contains("0x").then_some(fields)
    });
    let at = fields.split_whitespace().last().and_then(|word| word.strip_prefix("0x")).unwrap();
    let at = u64::from_str_radix(at, 16).unwrap();
    let memory = fs::OpenOptions::new().write(true).open(format!("/proc/{pid}/mem")).unwrap();
    memory.write_all_at(&[0xeb, 0xfe], at).unwrap();
    lab.router(1).daemon().signal(Signal::SIGTERM);
    assert_eq!(lab.router(1).daemon().wait(2 * LIMIT).code(), Some(0));
    assert_nothing_is_left(&mut lab);
}

/// A stop during the pause before the restart of a failing process.
#[test]
fn a_vrrp_process_that_waits_for_its_next_start() {
    let _turn = machine::shared();
    let mut lab = lone_master("", &[]);
    let parent = lab.router(1).daemon().pid();
    let mut alone_since = None;
    wait_until(3 * LIMIT, "the parent is alone for a while", || {
        let children: Vec<i32> =
            lab.router(1).daemon_pids().into_iter().filter(|pid| *pid != parent.as_raw()).collect();
        if !children.is_empty() {
            alone_since = None;
        }
        for child in children {
            // It may have exited already.
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        // Pauses double from 10 ms: this one is 2.56 s long, and leaves time to stop.
        alone_since.get_or_insert_with(Instant::now).elapsed() >= Duration::from_millis(1400)
    });
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    let log = lab.router(1).log();
    assert!(log.contains("Starting cleanup for the VRRP process") && !log.contains("did not stop cleanly"), "{log}");
    assert_nothing_is_left(&mut lab);
}

#[test]
fn dont_respawn_exits_with_nothing_left() {
    let _turn = machine::shared();
    let mut lab = lone_master("use_vmac", &["-R"]);
    vrrp(&mut lab, Signal::SIGKILL);
    assert_eq!(lab.router(1).daemon().wait(LIMIT).code(), Some(1));
    assert_nothing_is_left(&mut lab);
}

/// More VMACs than a process can remove before the parent kills it: a cleanup process removes the rest.
#[test]
fn the_maximum_of_vmacs() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let conf =
        lab::conf::many(255, 1, 100, Duration::from_secs(1)).replace("interface eth0", "interface eth0\n use_vmac");
    lab.router(1).configure(&format!("child_wait_time 0\n{conf}"));
    lab.router(1).start(Ours);
    let links = |lab: &mut Lab| lab.router(1).netns().ip("-o link show").lines().count();
    wait_until(6 * LIMIT, "all VMACs are made", || links(&mut lab) == 257);
    lab.router(1).daemon().signal(Signal::SIGTERM);
    assert_eq!(lab.router(1).daemon().wait(3 * LIMIT).code(), Some(0));
    assert_eq!(links(&mut lab), 2);
    assert!(lab.router(1).log().contains("Starting cleanup for the VRRP process"), "a cleanup process was needed");
}

/// Another program locks the pid file, so no process can clean up.
#[test]
fn leftovers_are_logged() {
    let _turn = machine::shared();
    let mut lab = lone_master("", &[]);
    let held = lab.router(1).file("vrrp.held");
    let vip = PROTOCOL.vips(VRID)[0];
    wait_until(LIMIT, "the address is recorded", || {
        fs::read_to_string(&held).unwrap_or_default().contains(&format!(r#""ip":"{vip}""#))
    });
    let mut lock = None;
    let status = stop_with_dead_child(&mut lab, |lab| {
        let file = File::open(lab.router(1).file("vrrp.pid")).unwrap();
        wait_until(LIMIT, "the lock of the dead process is released", || file.try_lock().is_ok());
        lock = Some(file);
    });
    assert_eq!(status, Some(1));
    let log = lab.router(1).log();
    assert!(log.contains("may be left in the kernel: ") && log.contains(&format!("address {vip}/32 on eth0")), "{log}");
    assert!(lab.router(1).holds(vip));
    drop(lock);
}

/// SIGHUP arrives before the configuration is read.
#[test]
fn a_reload_in_the_first_milliseconds_does_not_kill_the_daemon() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PROTOCOL.conf(100, ""));
    lab.router(1).start(Ours);
    let pid = lab.router(1).daemon().pid();
    // `ip` executes the daemon, which first of all blocks the signal.
    wait_until(LIMIT, "the daemon has blocked the signal", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap_or_default();
        u64::from_str_radix(mask.trim(), 16).unwrap_or(0) & 1 == 1
    });
    lab.router(1).daemon().signal(Signal::SIGHUP);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "the reload was carried out", || lab.router(1).log().contains("Reloading"));
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
}

/// 60 instances with scripts that take some seconds each: more than the daemon runs at the same time.
fn many_slow_scripts(seconds: u32, wait: u32) -> Lab {
    let mut lab = Lab::new(1);
    let notes = lab.router(1).file("notes");
    let script = lab.router(1).script("stop.sh", &format!("sleep {seconds}\necho $1 >> {}\n", notes.display()));
    let instance = |vrid: u8| {
        format!(
            "vrrp_instance VI_{vrid} {{\n interface eth0\n version 3\n virtual_router_id {vrid}\n advert_int 0.1\n \
             virtual_ipaddress {{\n 10.9.1.{vrid}\n }}\n notify_stop \"{} {vrid}\"\n}}\n",
            script.display()
        )
    };
    let conf: String = (1..=60).map(instance).collect();
    lab.router(1).configure(&format!("global_defs {{\n script_user root\n}}\nchild_wait_time {wait}\n{conf}"));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "all are masters", || lab.router(1).log().matches("Entering MASTER STATE").count() == 60);
    lab
}

#[test]
fn scripts_at_the_stop_may_use_child_wait_time() {
    let _turn = machine::shared();
    let mut lab = many_slow_scripts(1, 15);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    let notes = fs::read_to_string(lab.router(1).file("notes")).unwrap_or_default();
    assert_eq!(notes.lines().count(), 60, "{}", lab.router(1).log());
}

/// `omega`: 60 services with two scripts each, which take a second.
#[test]
fn scripts_of_omega_at_the_stop_may_use_child_wait_time() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let notes = lab.router(1).file("notes");
    let script = lab.router(1).script("stop.sh", &format!("sleep 1\necho $* >> {}\n", notes.display()));
    let script = script.display();
    let service = |n: u8| {
        format!(
            "virtual_server 10.1.0.{n} 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n omega\n quorum_down \"{script} \
             quorum {n}\"\n real_server 127.0.0.1 80 {{\n notify_down \"{script} server {n}\"\n }}\n}}\n"
        )
    };
    let conf: String = (1..=60).map(service).collect();
    lab.router(1).configure(&format!("global_defs {{\n script_user root\n}}\nchild_wait_time 15\n{conf}"));
    lab.router(1).start_checkers(Ours);
    wait_until(LIMIT, "all have their quorum", || lab.router(1).log().matches("Gained quorum").count() == 60);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    let notes = fs::read_to_string(&notes).unwrap_or_default();
    let count = |kind: &str| notes.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!((count("quorum"), count("server")), (60, 60), "{}", lab.router(1).log());
}

#[test]
fn scripts_that_outlast_the_stop_are_counted() {
    let _turn = machine::shared();
    let mut lab = many_slow_scripts(30, 4);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    let log = lab.router(1).log();
    assert!(log.contains("At the stop 0 scripts were not started and 60 have not ended in time"), "{log}");
}

/// In a container the daemon is process 1, which inherits orphans of scripts.
#[test]
fn orphans_are_reaped_by_process_1() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let done = lab.router(1).file("done");
    let lines = format!("(for n in 1 2 3 4 5; do sleep 0.1 & done; sleep 0.2; echo > {}) &\n", done.display());
    let script = lab.router(1).script("orphans.sh", &lines);
    let conf = PROTOCOL.conf(100, &format!("notify_master {}", script.display()));
    lab.router(1).configure(&conf.replacen('{', "{\n  script_user root\n", 1));
    let daemon = lab.router(1).command(Ours);
    let mut arguments = daemon.get_args();
    let mut command = Command::new(daemon.get_program());
    command.args(arguments.by_ref().take(3)).args(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(arguments);
    for (name, value) in daemon.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    lab.router(1).start_with(command);
    wait_until(LIMIT, "the script has left its orphans", || done.exists());
    // Process 1 of the namespace, by its number outside.
    let parent = lab.router(1).daemon_pids().into_iter().min().unwrap();
    let children = |state: &str| {
        let shown = Command::new("ps").args(["--ppid", &parent.to_string(), "-o", "stat=,comm="]).output().unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        shown.lines().filter(|line| line.starts_with(state)).count()
    };
    wait_until(LIMIT, "its only child is the VRRP process", || (children("Z"), children("")) == (0, 1));
}
