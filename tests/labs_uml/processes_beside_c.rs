//! `track_process` compared with C keepalived, which counts processes in the initial namespaces only, so the test runs
//! in its own kernel. That kernel has no process events: C keepalived counts at its start and at a reload, so each step
//! reloads.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use lab::Daemon::{self, C, Ours};
use lab::process::Proc;
use lab::uml::inside;
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);

/// Name of the instance, tracked program, and settings of the tracker.
fn instances(name: &str, path: &str) -> [(&'static str, String, &'static str); 8] {
    [
        ("comm", name.to_owned(), ""),
        ("quorum", name.to_owned(), "quorum 2\n  quorum_max 3\n  weight 10"),
        ("none", name.to_owned(), "quorum_max 0\n  weight 20 reverse"),
        ("exact", format!("{path} 300"), "param_match\n  weight 2"),
        ("other", format!("{path} 301"), "param_match initial\n  weight 3"),
        ("full", path.to_owned(), "full_command\n  weight -5"),
        ("longer", format!("{path} 30"), "param_match initial\n  weight 6"),
        ("first", format!("{path} 30"), "param_match partial\n  weight 7"),
    ]
}

fn conf(name: &str, path: &str) -> String {
    let mut text = "global_defs {\n  router_id lab\n}\n".to_owned();
    for (vrid, (instance, process, more)) in (51..).zip(instances(name, path)) {
        text += &format!(
            "vrrp_track_process t_{instance} {{\n  process {process}\n  {more}\n}}\nvrrp_instance {instance} {{\n  \
             interface eth0\n  version 3\n  virtual_router_id {vrid}\n  priority 100\n  advert_int 0.5\n  \
             virtual_ipaddress {{\n    10.9.0.{vrid}\n  }}\n  track_process {{\n    t_{instance}\n  }}\n}}\n"
        );
    }
    text
}

/// Logged priority of each instance; `None` in FAULT. C keepalived resets its priorities at a reload.
fn seen(log: &str, daemon: Daemon) -> BTreeMap<String, Option<u32>> {
    let start = || instances("", "").map(|(name, ..)| (name.to_owned(), Some(100)));
    let mut seen = BTreeMap::from(start());
    for line in log.lines() {
        if daemon == C && line.ends_with("Reloading") {
            seen = BTreeMap::from(start());
        }
        let Some((name, what)) = line.split_once(": (").and_then(|(_, rest)| rest.split_once(") ")) else { continue };
        let Some(state) = seen.get_mut(name) else { continue };
        if what.to_lowercase().starts_with("entering fault state") {
            *state = None;
        } else if let Some(change) = what.strip_prefix("Changing effective priority from ") {
            *state = change.split(' ').nth(2).map(|priority| priority.parse().unwrap());
        }
    }
    seen
}

fn ip(line: &str) {
    let status = Command::new("ip").args(line.split(' ')).status().unwrap();
    assert!(status.success(), "ip {line}");
}

/// Starts another process of a name; it ends with the test's kernel.
fn start_process(path: &Path, seconds: &str) -> Child {
    Command::new(path).arg(seconds).spawn().unwrap()
}

/// Runs the steps with a daemon in the initial namespaces.
fn run_steps(daemon: Daemon) {
    ip("link add eth0 type veth peer name other");
    ip("link set other up");
    ip("link set eth0 up");
    ip("address add 10.9.0.1/24 dev eth0");
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let name = format!("proc{}", daemon.name());
    let path = file(&name);
    fs::copy("/bin/sleep", &path).unwrap();
    fs::write(file("keepalived.conf"), conf(&name, path.to_str().unwrap())).unwrap();
    let mut running = vec![start_process(&path, "300")];
    let mut command = daemon.program();
    command.args(["-n", "-l", "-G", "-D", "-P", "-f"]).arg(file("keepalived.conf"));
    command.arg("-p").arg(file("keepalived.pid")).arg("-r").arg(file("vrrp.pid")).arg("-b").arg(file("bfd.pid"));
    let mut process = Proc::spawn(command, &file("log"));

    let expect = |process: &Proc, step: &str, [comm, quorum, none, exact, other, full, longer]: [u32; 7]| {
        // 0 is a fault.
        let number = |priority: u32| Some(priority).filter(|priority| *priority > 0);
        let names = instances("", "").map(|(name, ..)| name.to_owned());
        let numbers = [comm, quorum, none, exact, other, full, longer, 100].map(number);
        let wanted: BTreeMap<String, Option<u32>> = names.into_iter().zip(numbers).collect();
        let end = Instant::now() + LIMIT;
        let mut again = Instant::now() + LIMIT / 3;
        while seen(&process.log(), daemon) != wanted {
            let found = seen(&process.log(), daemon);
            assert!(Instant::now() < end, "{daemon:?}, {step}: {found:?}, not {wanted:?}\n{}", process.log());
            if daemon == C && Instant::now() > again {
                // A signal during a reload is lost.
                process.signal(Signal::SIGHUP);
                again += LIMIT / 3;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    expect(&process, "one process", [100, 100, 100, 102, 100, 100, 106]);
    for seconds in ["301", "302"] {
        running.push(start_process(&path, seconds));
    }
    process.signal(Signal::SIGHUP);
    expect(&process, "three processes", [100, 110, 100, 102, 103, 100, 106]);
    running.push(start_process(&path, "303"));
    process.signal(Signal::SIGHUP);
    expect(&process, "more than quorum_max", [100, 100, 100, 102, 103, 100, 106]);
    for mut child in running {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    process.signal(Signal::SIGHUP);
    expect(&process, "no process", [0, 100, 80, 100, 100, 95, 100]);
    process.signal(Signal::SIGTERM);
    process.wait(LIMIT);
    ip("link del eth0");
}

#[test]
fn processes_are_counted_as_by_c_keepalived() {
    inside(|| {
        run_steps(C);
        run_steps(Ours);
    });
}
