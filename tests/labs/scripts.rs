//! Notify scripts, logged transitions and traps, compared with those of C keepalived in the same run.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use lab::Daemon::{C, Ours};
use lab::{Daemon, Lab, machine};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
/// A step is complete when nothing has changed for this time.
const SETTLED: Duration = Duration::from_millis(1200);

/// Two instances in a group and, with `with_others`, two outside of which one has notify_deleted, with every kind of notify script, as root and as another user.
fn conf(script: &str, with_others: bool) -> String {
    let instance = |vrid: u8, more: &str| {
        format!(
            "vrrp_instance VI_{vrid} {{\n  interface eth0\n  version 3\n  virtual_router_id {vrid}\n  \
             priority {vrid}\n  advert_int 0.1\n  virtual_ipaddress {{\n    10.9.0.{vrid}\n  }}\n  \
             notify_master \"{script} master of {vrid}\"\n  notify_backup \"{script} back 'up of' {vrid}\"\n  \
             notify_fault \"{script} 'fault of' {vrid}\" nobody\n  notify_stop {script} nobody nogroup\n  notify {script}\n{more}}}\n"
        )
    };
    let others = instance(53, &format!("  notify_deleted \"{script} deleted\"\n")) + &instance(54, "");
    format!(
        "global_defs {{\n  router_id lab\n  script_user root\n  enable_traps\n}}\nvrrp_sync_group G {{\n  group {{\n    VI_51\n    \
         VI_52\n  }}\n  notify_master \"{script} group is master\"\n  notify_backup {script}\n  notify_fault \
         \"{script} group at fault\" nobody nogroup\n  notify_stop \"{script} group stops\"\n  notify \"{script} more\"\n\
         }}\n{}{}{}",
        instance(51, ""),
        instance(52, ""),
        if with_others { others } else { String::new() }
    )
}

/// The scripts and log lines of a step.
struct Step {
    /// Arguments, user and group of each script that ran, sorted, since scripts run at the same time.
    scripts: Vec<String>,
    /// Transitions of instances in the log, without the reasons, in order for each instance.
    log: Vec<String>,
}

/// Waits until `done`, and until nothing changes for a while.
fn settle(lab: &mut Lab, seen: &mut (usize, usize), what: &str, done: impl Fn(&[String]) -> bool) -> Step {
    let read = |lab: &mut Lab| {
        let notes = fs::read_to_string(lab.router(1).file("notes")).unwrap_or_default();
        let log = lab.router(1).log();
        let of_states = |line: &str| line.split_once(": ").and_then(|(_, text)| transition(text));
        let log: Vec<String> = log.lines().filter_map(of_states).collect();
        (notes.lines().map(str::to_owned).collect::<Vec<_>>(), log)
    };
    let end = Instant::now() + LIMIT;
    let mut last = (read(lab), Instant::now());
    loop {
        let now = read(lab);
        if now != last.0 {
            last = (now, Instant::now());
        }
        let (scripts, log) = (last.0.0[seen.0..].to_vec(), last.0.1[seen.1..].to_vec());
        if done(&scripts) && last.1.elapsed() >= SETTLED {
            *seen = (last.0.0.len(), last.0.1.len());
            let (mut scripts, mut log) = (scripts, log);
            scripts.sort();
            log.sort_by_key(|line| line.split(' ').next().map(str::to_owned));
            return Step { scripts, log };
        }
        assert!(Instant::now() < end, "{what}: {scripts:#?} {log:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `(NAME) Entering X STATE`.
fn transition(text: &str) -> Option<String> {
    let end = text.find(" STATE").filter(|_| text.starts_with('(') && text.contains(") Entering "))?;
    Some(text[..end].to_owned())
}

/// Its steps, and the traps of each instance up to the stop: instance and state.
fn life(daemon: Daemon) -> (Vec<Step>, Vec<(String, String)>) {
    let mut lab = Lab::new(1);
    let notes = lab.router(1).file("notes");
    fs::write(&notes, "").unwrap();
    let lines = format!("echo \"$# $* $(id -u) $(id -g)\" >> {}\n", notes.display());
    let script = lab.router(1).script("notify.sh", &lines).display().to_string();
    // It must be executable by another user too.
    let temporary = std::env::temp_dir();
    for path in notes.ancestors().take_while(|path| **path != temporary) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    lab.router(1).configure(&conf(&script, true));
    lab.router(1).start_snmp();
    let mut seen = (0, 0);
    let count = |lines: &[String], word: &str| lines.iter().filter(|line| line.contains(word)).count();
    let mut steps = Vec::new();
    lab.router(1).start(daemon);
    steps.push(settle(&mut lab, &mut seen, "start", |lines| count(lines, "MASTER") == 5));
    lab.cable(1, false);
    steps.push(settle(&mut lab, &mut seen, "fault", |lines| count(lines, "FAULT") == 5));
    lab.cable(1, true);
    steps.push(settle(&mut lab, &mut seen, "recovery", |lines| count(lines, "MASTER") == 5));
    lab.router(1).configure(&conf(&script, false));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    steps.push(settle(&mut lab, &mut seen, "removal", |lines| {
        (count(lines, "DELETED"), count(lines, "FAULT")) == (1, 1)
    }));
    let mut traps = lab.router(1).snmp().instance_traps();
    traps.sort_by(|a, b| a.0.cmp(&b.0));
    lab.router(1).daemon().signal(Signal::SIGTERM);
    steps.push(settle(&mut lab, &mut seen, "stop", |lines| count(lines, "STOP") == 3));
    (steps, traps)
}

#[test]
fn scripts_and_transitions_are_those_of_c_keepalived() {
    let _turn = machine::shared();
    let ((theirs, their_traps), (ours, our_traps)) = (life(C), life(Ours));
    for (step, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours.scripts, theirs.scripts, "step {step}");
        assert_eq!(ours.log, theirs.log, "step {step}");
    }
    assert_eq!(our_traps, their_traps);
    let last = |name: &str| our_traps.iter().rfind(|(instance, _)| instance == name).map(|(_, state)| state.as_str());
    assert_eq!((last("VI_53"), last("VI_54")), (Some("6"), Some("3")), "removed: {our_traps:?}");
    let sum = |step: usize, word: &str| ours[step].scripts.iter().filter(|line| line.contains(word)).count();
    assert_eq!((sum(0, "master of"), sum(1, "fault of"), sum(3, "deleted"), sum(4, "group stops")), (4, 4, 1, 1));
    // Without notify_deleted a removal is reported as FAULT, but only to the script that gets the state.
    assert_eq!((sum(3, "INSTANCE VI_54 FAULT"), sum(3, "fault of 54")), (1, 0), "{:#?}", ours[3].scripts);
    assert!(ours[1].scripts.contains(&"2 fault of 51 65534 65534".to_owned()), "as nobody: {:#?}", ours[1].scripts);
}
