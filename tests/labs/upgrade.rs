//! `keepalived --upgrade`: another program takes over the running daemon without a transition.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use keepalived::status::{RealServer, Status};
use lab::Daemon::Ours;
use lab::conf::{VRID, many};
use lab::{Lab, Protocol, daemon, machine, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;
/// Interval of adverts; that of the short form leaves time for a debug build on a busy machine.
fn interval() -> Duration {
    Duration::from_millis(if machine::soak() { 100 } else { 500 })
}

/// A copy of our program that says it has another version.
fn another_version(directory: &Path, version: &str) -> PathBuf {
    let (known, path) = (concat!("keepalived-rs v", env!("CARGO_PKG_VERSION")), directory.join(version));
    let wanted = format!("keepalived-rs v{version}");
    assert_eq!(wanted.len(), known.len(), "the text is replaced in place");
    let mut octets = fs::read(daemon::ours()).unwrap();
    let mut replaced = 0;
    while let Some(at) = memchr::memmem::find(&octets, known.as_bytes()) {
        octets[at..at + known.len()].copy_from_slice(wanted.as_bytes());
        replaced += 1;
    }
    assert!(replaced > 0);
    write_program(&path, &octets);
    path
}

fn write_program(path: &Path, octets: &[u8]) {
    fs::write(path, octets).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn start(lab: &mut Lab, router: usize) {
    let command = lab.router(router).whole(Ours);
    lab.router(router).start_with(command);
    wait_until(LIMIT, "the start is complete", || lab.router(router).log().contains("Startup complete"));
}

fn command(lab: &mut Lab, arguments: &[&str]) -> Command {
    let mut command = lab.router(1).whole(Ours);
    command.args(arguments);
    command
}

fn upgrade(lab: &mut Lab, program: &Path) -> Output {
    command(lab, &[&format!("--upgrade={}", program.display())]).output().unwrap()
}

fn status(lab: &mut Lab) -> Status {
    let output = command(lab, &["--status=json"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// haInstanceTable, and the first of its columns with times: haInstanceCountersSince and haInstanceLastChange.
const HA_INSTANCES: &str = ".1.3.6.1.4.1.8072.9999.9999.112.1.2.1.1";
const TIMES: [&str; 2] = [".112.1.2.1.1.4.", ".112.1.2.1.1.5."];

/// Times in two answers differ a little, as each is computed from the system clock at that time.
fn alike(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.1
}

/// Checks that a status tells the same past as an earlier one, and that counters have not gone back.
fn continues(now: &Status, before: &Status) {
    let (now, before) = (now.vrrp.as_ref().unwrap(), before.vrrp.as_ref().unwrap());
    for (now, before) in now.instances.iter().zip(&before.instances) {
        assert!(alike(now.since, before.since), "{now:?} {before:?}");
        assert_eq!((&now.name, &now.state, &now.cause), (&before.name, &before.state, &before.cause));
        let (now, before) = (&now.counters, &before.counters);
        assert_eq!((now.became_master, now.released_master), (before.became_master, before.released_master));
        assert!(now.adverts_sent >= before.adverts_sent && before.adverts_sent > 0, "{now:?} {before:?}");
    }
    assert_eq!((now.instances.len(), now.transitions.len()), (before.instances.len(), before.transitions.len()));
    for (now, before) in now.transitions.iter().zip(&before.transitions) {
        assert!(alike(now.at, before.at), "{now:?} {before:?}");
        let text =
            |one: &keepalived::status::Transition| format!("{} {} {} {}", one.instance, one.from, one.to, one.cause);
        assert_eq!(text(now), text(before));
    }
}

/// The first real server.
fn server(status: &Status) -> &RealServer {
    &status.checker.as_ref().unwrap().virtual_servers[0].real_servers[0]
}

/// haInstanceTable, with times in tenths of a second of the hour.
fn ha_instances(lab: &mut Lab) -> Vec<(String, String)> {
    let tenths = |value: &str| {
        let octets: Vec<u32> = value.split_whitespace().map(|octet| u32::from_str_radix(octet, 16).unwrap()).collect();
        octets[5] * 600 + octets[6] * 10 + octets[7]
    };
    // On a busy machine an answer may take a while.
    let output = lab.router(1).snmp().tool_waiting("10", "snmpbulkwalk", HA_INSTANCES).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let objects = text.lines().filter_map(|line| line.split_once(" = ")).filter(|(_, value)| !value.starts_with("No "));
    objects
        .map(|(name, value)| {
            let value = value.trim_matches('"');
            let is_time = TIMES.iter().any(|time| name.contains(time));
            (name.to_owned(), if is_time { tenths(value).to_string() } else { value.to_owned() })
        })
        .collect()
}

/// The processes stay or are replaced as they should, and the other router hears adverts all the time.
#[test]
fn another_version_takes_over_without_a_transition() {
    // The long form: as many instances and upgrades as the soak has time for.
    let (instances, upgrades): (u8, u32) = if machine::soak() { (255, 10) } else { (50, 3) };
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let fifo = lab.router(1).file("fifo");
    let reader = lab.router(1).script("reader.sh", "exec cat \"$1\" > /dev/null\n");
    let extra = format!(
        "global_defs {{\n  notify_fifo {}\n  notify_fifo_script {}\n  script_user root\n}}\n\
         virtual_server 10.9.0.51 80 {{\n  protocol TCP\n  delay_loop 1\n  real_server 10.9.0.250 80 {{\n    TCP_CHECK {{\n      connect_timeout 1\n      retry 0\n    }}\n  }}\n}}\n",
        fifo.display(),
        reader.display()
    );
    lab.router(1).configure(&(extra + &many(instances, 2, 200, interval())));
    lab.router(1).start_snmp();
    lab.router(2).configure(&many(instances, 2, 100, interval()));
    start(&mut lab, 1);
    let all = usize::from(instances) * 2;
    wait_until(LIMIT, "router 1 has all addresses", || lab.router(1).count_addresses("10.1") == all);
    start(&mut lab, 2);
    wait_until(LIMIT, "router 2 is backup", || {
        lab.router(2).log().matches("Entering BACKUP STATE").count() == usize::from(instances)
    });
    let parent = lab.router(1).daemon().pid();
    wait_until(LIMIT, "the server is down", || !server(&status(&mut lab)).up);
    let rows = usize::from(instances) * 8;
    wait_until(LIMIT, "SNMP serves all rows", || ha_instances(&mut lab).len() == rows);
    let (mut before, served) = (status(&mut lab), ha_instances(&mut lab));
    let readers = lab.router(1).log().matches("Started the script that reads the FIFO").count();
    assert_eq!(readers, 1);
    let directory = lab.router(1).dir().to_owned();
    for version in (0..upgrades).map(|number| format!("0.7.{number}")) {
        let (vrrp, checker) = (lab.router(1).vrrp_pid(), lab.router(1).checker_pid());
        let program = another_version(&directory, &version);
        let output = upgrade(&mut lab, &program);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.ends_with(&format!("keepalived-rs v{version} runs\n")), "{output:?}");
        assert_eq!(lab.router(1).daemon().pid(), parent);
        assert!(lab.router(1).daemon().is_running());
        let pids = (lab.router(1).vrrp_pid(), lab.router(1).checker_pid());
        assert!(pids.0 != vrrp && pids.1 != checker, "{pids:?}");
        for pid in [parent.as_raw(), pids.0, pids.1] {
            assert_eq!(fs::read_link(format!("/proc/{pid}/exe")).unwrap(), program);
        }
        // The old file may go at once.
        fs::remove_file(&program).unwrap();
        let found = status(&mut lab);
        assert!(found.version.ends_with(&version), "{}", found.version);
        assert!(found.processes.iter().all(|process| process.answers && process.restarts == 0), "{found:?}");
        assert_eq!(found.configuration.last_upgrade.as_ref().unwrap().refused, None);
        continues(&found, &before);
        assert!(alike(server(&found).since, server(&before).since) && !server(&found).up, "{found:?} {before:?}");
        assert!(server(&found).last_check.is_some(), "{found:?}");
        before = found;
    }
    assert_eq!(lab.router(2).log().matches("Entering MASTER STATE").count(), 0, "{}", lab.router(2).log());
    // All adverts are counted, by whichever process they were sent.
    let seen = lab.wire.adverts(1, 1, Duration::ZERO).len() as u64;
    let counted = status(&mut lab).vrrp.unwrap().instances[0].counters.adverts_sent;
    assert!(counted >= seen && seen > 0, "{counted} counted, {seen} seen");
    wait_until(LIMIT, "SNMP serves the same rows", || ha_instances(&mut lab).len() == rows);
    for (now, before) in ha_instances(&mut lab).iter().zip(&served) {
        if TIMES.iter().any(|time| now.0.contains(time)) {
            let [now, before] = [now, before].map(|(_, tenths)| tenths.parse::<i64>().unwrap());
            assert!((now - before).abs() <= 1, "{now} {before}");
        } else {
            assert_eq!(now, before);
        }
    }
    // Instances go on as they were, and the other router has not noticed.
    let found = status(&mut lab);
    let rows = found.vrrp.unwrap().instances;
    assert!(rows.len() == usize::from(instances) && rows.iter().all(|row| row.state == "MASTER"), "{rows:?}");
    assert_eq!(lab.router(1).count_addresses("10.1"), all);
    assert_eq!(lab.router(2).count_addresses("10.1"), 0);
    // The FIFO has had one reader all the time, and belongs to the daemon still.
    let log = lab.router(1).log();
    assert_eq!(log.matches("Started the script that reads the FIFO").count(), 1, "{log}");
    assert!(!log.contains("The script that reads the FIFO"), "{log}");
    assert!(fifo.exists());
    assert!(log.contains("Control socket: upgrade to ") && log.contains("Upgrade complete"), "{log}");
    // A reload and a stop work as before.
    lab.router(1).configure(&many(instances, 2, 201, interval()));
    let output = command(&mut lab, &["--reload"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(lab.router(1).stop().1.success());
    assert!(!fifo.exists() && !lab.router(1).file("keepalived.pid").exists());
    assert_eq!(lab.router(1).count_addresses("10.1"), 0);
    assert!(lab.router(1).daemon_pids().is_empty());
}

/// A master with the name of the log and the pids.
fn lone_master() -> Lab {
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PROTOCOL.conf(100, ""));
    start(&mut lab, 1);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    lab
}

/// Each refusal leaves the daemon as it is, and says why.
#[test]
fn what_does_not_work_is_refused_and_the_daemon_goes_on() {
    let _turn = machine::shared();
    let mut lab = lone_master();
    let (parent, vrrp) = (lab.router(1).daemon().pid(), lab.router(1).vrrp_pid());
    let directory = lab.router(1).dir().to_owned();
    let script = |name: &str, text: &str| {
        let path = directory.join(name);
        write_program(&path, format!("#!/bin/sh\n{text}\n").as_bytes());
        path
    };
    let broken = directory.join("broken");
    write_program(&broken, &fs::read(daemon::ours()).unwrap()[..4096]);
    let mumbles = script("mumbles", "echo cannot find libexample.so.9 >&2; exit 127");
    let good = daemon::ours();
    let conf = PROTOCOL.conf(100, "");
    let cases: [(&Path, &str, &str); 6] = [
        (Path::new("/nonexistent/keepalived"), &conf, "cannot run /nonexistent/keepalived: No such file or directory"),
        (Path::new("/bin/false"), &conf, "its trial failed (exit status: 1)"),
        (&broken, &conf, ""),
        (&mumbles, &conf, "its trial failed: cannot find libexample.so.9"),
        (&good, "vrrp_instance {\n", "its trial failed: the configuration has errors: "),
        (&good, &format!("instance other\n{conf}"), "its trial failed: instance cannot be changed by an upgrade"),
    ];
    for (program, text, expected) in cases {
        lab.router(1).configure(text);
        let mut command = command(&mut lab, &[&format!("--upgrade={}", program.display())]);
        // The control socket is that of the configuration of the start.
        let old = directory.join("old.conf");
        fs::write(&old, &conf).unwrap();
        command.arg("-f").arg(&old);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("keepalived: Not upgraded: {expected}")), "{expected}: {said}");
        assert_eq!((lab.router(1).daemon().pid(), lab.router(1).vrrp_pid()), (parent, vrrp));
    }
    lab.router(1).configure(&conf);

    // A trial that is killed.
    let sleeps = script("sleeps", "exec sleep 1000");
    let client = command(&mut lab, &[&format!("--upgrade={}", sleeps.display())])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let trial = lab::wait_for(LIMIT, "the trial runs", || {
        let log = lab.router(1).log();
        let line = log.split_once(&format!("Upgrade: trying out {}, pid=", sleeps.display()))?.1;
        line.split_whitespace().next()?.parse().ok()
    });
    // Meanwhile others are told.
    let output = upgrade(&mut lab, &good);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("an upgrade is under way"), "{said}");
    kill(Pid::from_raw(trial), Signal::SIGKILL).unwrap();
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("its trial failed (signal: 9 (SIGKILL))"), "{said}");

    // A program whose trial succeeds, and which then finds that it cannot continue: the former program gets all back.
    let file = lab.router(1).file("keepalived.conf");
    let text = format!(
        "case \"$*\" in *--upgrade-trial*) echo 'vrrp_instance {{' > {}; exit 0;; esac; exec {} \"$@\"",
        file.display(),
        good.display()
    );
    let returns = script("returns", &text);
    let since = now();
    let output = upgrade(&mut lab, &returns);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Not upgraded: the configuration has errors"), "{said} {}", lab.router(1).log());
    assert_eq!((lab.router(1).daemon().pid(), lab.router(1).vrrp_pid()), (parent, vrrp));
    lab.wire.await_advert(1, VRID, since + Duration::from_millis(500), LIMIT);
    lab.router(1).configure(&conf);
    let output = command(&mut lab, &["--reload"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");

    // After all that the next one succeeds, and tells what it leaves behind.
    let text = format!(
        "case \"$*\" in *--upgrade-trial*) echo It forgets the weather; exit 0;; esac; exec {} \"$@\"",
        good.display()
    );
    let forgets = script("forgets", &text);
    let output = upgrade(&mut lab, &forgets);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("It forgets the weather"), "{output:?}");
    assert!(lab.router(1).log().contains(&format!("Upgrade to {}: It forgets the weather", forgets.display())));
    assert_eq!(lab.router(1).daemon().pid(), parent);
    let log = lab.router(1).log();
    assert_eq!(log.matches("Entering MASTER STATE").count(), log.matches("(resuming").count() + 1, "{log}");
    assert!(lab.router(1).stop().1.success());
}

/// State and processor time (ticks) of a process.
fn activity(pid: i32) -> Option<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    Some((fields.first()?.chars().next()?, fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?))
}

/// Waits until a process waits for something, with nothing left to do.
fn await_idle(pid: i32) {
    let mut last = None;
    let mut since = now();
    wait_until(LIMIT, "the process is idle", || {
        let found = activity(pid);
        if found != last || !matches!(found, Some(('S', _))) {
            (last, since) = (found, now());
        }
        now().saturating_sub(since) > Duration::from_millis(300)
    });
}

/// Begins an upgrade and stops the replacement of the VRRP process as soon as it has prepared, before it can begin: the parent, which
/// is to let it begin, is stopped meanwhile. `None` if the parent was faster.
fn stopped_replacement(lab: &mut Lab) -> Option<(std::process::Child, i32)> {
    let (parent, log) = (lab.router(1).daemon().pid(), lab.router(1).file("daemon.log"));
    let present = lab.router(1).vrrp_pid();
    let replacements = || {
        let log = fs::read_to_string(&log).unwrap();
        let pids = log.split("Starting a standby of the VRRP process, pid=").skip(1);
        pids.map(|rest| rest.lines().next().unwrap().parse::<i32>().unwrap()).collect::<Vec<_>>()
    };
    let before = replacements().len();
    let mut client = command(lab, &[&format!("--upgrade={}", daemon::ours().display())]);
    let mut client = client.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let begun = now();
    let pid = loop {
        if let Some(pid) = replacements().get(before) {
            kill(parent, Signal::SIGSTOP).unwrap();
            break *pid;
        }
        assert!(now() < begun + LIMIT, "no replacement is started");
    };
    await_idle(pid);
    let in_time = lab.router(1).vrrp_pid() == present;
    if in_time {
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    }
    kill(parent, Signal::SIGCONT).unwrap();
    if in_time {
        return Some((client, pid));
    }
    assert!(client.wait().unwrap().success());
    None
}

/// A replacement that hangs at the moment at which it is to take over: the present process, which has handed over already, continues
/// in time, and the next replacement succeeds.
#[test]
fn the_present_process_continues_if_its_replacement_does_not_begin() {
    let _turn = machine::alone();
    let mut lab = Lab::new(2);
    let interval = Duration::from_millis(400);
    lab.router(1).configure(&many(1, 1, 200, interval));
    lab.router(2).configure(&many(1, 1, 100, interval));
    start(&mut lab, 1);
    wait_until(LIMIT, "router 1 is master", || lab.router(1).log().contains("Entering MASTER STATE"));
    start(&mut lab, 2);
    wait_until(LIMIT, "router 2 is backup", || lab.router(2).log().contains("Entering BACKUP STATE"));
    lab.wire.await_advert(1, 1, Duration::ZERO, LIMIT);
    let before = status(&mut lab);
    let mut found = None;
    for _ in 0..20 {
        found = stopped_replacement(&mut lab);
        if found.is_some() {
            break;
        }
    }
    let (client, hangs) = found.expect("the replacement is stopped in time");
    let present = lab.router(1).vrrp_pid();
    wait_until(LIMIT, "the parent gives it up", || lab.router(1).log().contains("The present VRRP process continues"));
    let continued = now();
    assert_eq!(lab.router(1).vrrp_pid(), present);
    lab.wire.await_advert(1, 1, continued, LIMIT);
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    wait_until(LIMIT, "the next replacement has begun", || {
        let pid = lab.router(1).vrrp_pid();
        pid != present && pid != hangs
    });
    let log = lab.router(1).log();
    for line in
        ["The new VRRP process has not begun within 250 ms", "has not begun in time; continuing", "Upgrade complete"]
    {
        assert!(log.contains(line), "{line}: {log}");
    }
    let replaced = now();
    lab.wire.await_advert(1, 1, replaced, LIMIT);
    wait_until(LIMIT, "only one process is left", || [present, hangs].iter().all(|pid| activity(*pid).is_none()));
    // The other router has noticed nothing, and the past goes on.
    assert_eq!(lab.wire.adverts(2, 1, Duration::ZERO), []);
    assert!(!lab.router(2).log().contains("Entering MASTER STATE"), "{}", lab.router(2).log());
    let after = status(&mut lab);
    continues(&after, &before);
    assert_eq!(lab.router(1).log().matches("Entering MASTER STATE").count(), after_resumes(&lab.router(1).log()));
    assert!(lab.router(1).stop().1.success());
    assert!(!lab.router(1).file("vrrp.pid").exists());
}

/// Number of lines of a master in a log: the first, and those of processes that resume.
fn after_resumes(log: &str) -> usize {
    1 + log.matches("(resuming").count()
}
