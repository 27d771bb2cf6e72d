//! `keepalived --status`: what it shows is what the kernel, the log and SNMP show.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keepalived::status::{Effect, Instance, Status, metrics, text};
use lab::Daemon::Ours;
use lab::{Lab, Protocol, daemon, machine, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;
/// haObjects and haNotifications of KEEPALIVED-HA-MIB.
const HA: &str = ".1.3.6.1.4.1.8072.9999.9999.112.1";
const HA_TRAPS: &str = ".1.3.6.1.4.1.8072.9999.9999.112.0";

/// A router with every kind of row. The script succeeds while the file `well` exists.
fn conf(directory: &Path, priority: u8) -> String {
    let (well, number) = (directory.join("well"), directory.join("number"));
    let instance = PROTOCOL.conf(priority, "track_script {\n well\n}\ntrack_file {\n number\n}");
    format!(
        "vrrp_script well {{
  script \"/usr/bin/test -e {}\"
  interval 1
  weight 20
}}
track_file number {{
  file {}
  init_file 3
}}
{instance}
vrrp_sync_group G {{
  sync_group_tracking_weight
  group {{
    VI_51
  }}
}}
bfd_instance link {{
  neighbor_ip 10.9.0.250
}}
virtual_server 10.9.0.51 80 {{
  protocol TCP
  lb_algo rr
  lb_kind NAT
  delay_loop 1
  real_server 10.9.0.250 80 {{
    weight 7
    TCP_CHECK {{
      connect_timeout 1
      retry 0
    }}
  }}
}}
",
        well.display(),
        number.display()
    )
}

/// Starts the daemon of a router with all processes.
fn start(lab: &mut Lab, router: usize) {
    let command = lab.router(router).whole(Ours);
    lab.router(router).start_with(command);
    wait_until(LIMIT, "the start is complete", || lab.router(router).log().contains("Startup complete"));
}

fn command(lab: &mut Lab, router: usize, arguments: &[&str]) -> Command {
    let mut command = lab.router(router).whole(Ours);
    command.args(arguments);
    command
}

/// The output of a successful `keepalived --status`.
fn output(lab: &mut Lab, router: usize, arguments: &[&str]) -> String {
    let output = command(lab, router, arguments).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn status(lab: &mut Lab, router: usize) -> Status {
    serde_json::from_str(&output(lab, router, &["--status=json"])).unwrap()
}

fn instance(lab: &mut Lab, router: usize) -> Instance {
    let mut instances = status(lab, router).vrrp.unwrap().instances;
    assert_eq!(instances.len(), 1);
    instances.remove(0)
}

#[test]
fn the_status_shows_each_step_of_a_failover_as_the_kernel_and_the_log_do() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for router in [1, 2] {
        let directory = lab.router(router).dir().to_owned();
        fs::write(directory.join("well"), "").unwrap();
        let text = conf(&directory, if router == 1 { 110 } else { 100 });
        lab.router(router).configure(&text);
        start(&mut lab, router);
    }
    let vip = PROTOCOL.all_vips()[0];
    wait_until(LIMIT, "the first router is master with its weights", || {
        let row = instance(&mut lab, 1);
        row.state == "MASTER" && row.priority == 133 && lab.router(1).holds(vip)
    });
    let row = instance(&mut lab, 1);
    assert_eq!((row.base_priority, row.vrid, row.interface.as_str()), (110, 51, "eth0"));
    let shares: Vec<_> = row.shares.iter().map(|share| (share.name.as_str(), share.effect)).collect();
    assert_eq!(shares, [("well", Effect::Weight(20)), ("number", Effect::Weight(3))]);
    assert!(row.addresses.iter().all(|address| address.set), "{row:?}");
    assert_eq!(row.group.as_deref(), Some("G"));
    wait_until(LIMIT, "the other shows its master", || {
        let row = instance(&mut lab, 2);
        row.state == "BACKUP" && row.master.is_some_and(|master| master.priority == 133)
    });
    assert!(instance(&mut lab, 2).addresses.iter().all(|address| !address.set));

    // A failed script: its weight is missing, and the other router takes over.
    fs::remove_file(lab.router(1).file("well")).unwrap();
    wait_until(LIMIT, "the other router is master", || instance(&mut lab, 2).state == "MASTER");
    wait_until(LIMIT, "the first router is backup", || instance(&mut lab, 1).state == "BACKUP");
    let found = status(&mut lab, 1).vrrp.unwrap();
    assert_eq!(found.instances[0].priority, 113);
    assert_eq!(found.groups[0].state, "BACKUP");
    let cause = found.instances[0].cause.clone().unwrap();
    assert!(lab.router(1).log().contains(&format!("Entering BACKUP STATE ({cause})")), "{cause}");
    let last = &found.transitions[0];
    assert_eq!((last.instance.as_str(), last.from.as_str(), last.to.as_str()), ("VI_51", "MASTER", "BACKUP"));
    assert_eq!((&last.cause, last.at), (&cause, found.instances[0].since));
    let script = found.trackers.iter().find(|tracker| tracker.name == "well").unwrap();
    assert_eq!((script.kind.as_str(), script.state.as_str()), ("script", "down"));
    assert_eq!(script.detail.as_deref(), Some("failed (exited with status 1)"));

    // An interface that is down: a fault, with its cause.
    lab.router(1).netns().ip("link set eth0 down");
    wait_until(LIMIT, "the first router is in fault", || instance(&mut lab, 1).state == "FAULT");
    assert_eq!(instance(&mut lab, 1).fault.as_deref(), Some("interface eth0 is down"));
}

#[test]
fn the_status_shows_servers_sessions_processes_and_reloads() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let directory = lab.router(1).dir().to_owned();
    lab.router(1).start_snmp();
    let traps = |text: String| text.replacen("global_defs {", "global_defs {\n  enable_traps", 1);
    lab.router(1).configure(&traps(conf(&directory, 100)));
    start(&mut lab, 1);
    wait_until(LIMIT, "the real server is down", || {
        let checker = status(&mut lab, 1).checker;
        checker.is_some_and(|checker| checker.virtual_servers[0].real_servers[0].checks[0].up == Some(false))
    });
    let found = status(&mut lab, 1);
    let server = &found.checker.as_ref().unwrap().virtual_servers[0];
    assert_eq!((server.name.as_str(), server.up, server.total), ("[10.9.0.51]:tcp:80", 0, 1));
    assert!(!server.quorum_met);
    let real = &server.real_servers[0];
    assert_eq!((real.address.as_str(), real.up, real.base_weight), ("10.9.0.250:80", false, 7));
    assert_eq!(found.bfd.as_ref().unwrap().sessions[0].state, "Down");
    let parent = lab.router(1).daemon().pid().as_raw();
    let [vrrp, checker, bfd] = [lab.router(1).vrrp_pid(), lab.router(1).checker_pid(), lab.router(1).bfd_pid()];
    let shown: Vec<_> = found.processes.iter().map(|row| (row.name.as_str(), row.pid.unwrap().cast_signed())).collect();
    assert_eq!(shown, [("parent", parent), ("checker", checker), ("VRRP", vrrp), ("BFD", bfd)]);
    assert!(found.processes.iter().all(|row| row.answers && row.restarts == 0));
    assert_eq!(found.configuration.file, lab.router(1).file("keepalived.conf").display().to_string());
    assert!(found.configuration.last_reload.is_none());
    assert!(found.time >= found.configuration.since && found.configuration.since >= found.processes[0].since.unwrap());

    // The other formats have the same.
    let shown = output(&mut lab, 1, &["--status"]);
    assert!(shown.contains("\n  10.9.0.250:80  down   7 of 7"), "{shown}");
    let shown = output(&mut lab, 1, &["--status=metrics"]);
    let line = "\nkeepalived_real_server_up{virtual_server=\"[10.9.0.51]:tcp:80\",real_server=\"10.9.0.250:80\"} 0\n";
    assert!(shown.contains(line) && shown.ends_with("# EOF\n"), "{shown}");

    // A killed process is counted.
    kill(Pid::from_raw(vrrp), Signal::SIGKILL).unwrap();
    let found = wait_for(LIMIT, "the process is replaced", || {
        let found = status(&mut lab, 1);
        let row = found.processes.iter().find(|row| row.name == "VRRP").unwrap();
        (row.restarts == 1 && row.answers).then_some(found)
    });
    assert_eq!(found.processes[2].pid.unwrap().cast_signed(), lab.router(1).vrrp_pid());
    agrees_with_snmp(&mut lab);
    let told = |lab: &mut Lab, number: u32, text: &str| {
        let trap = format!("{HA_TRAPS}.{number}");
        lab.router(1).snmp().traps().iter().filter(|told| told.contains(&trap) && told.contains(text)).count()
    };
    wait_until(LIMIT, "the notification of the restart", || told(&mut lab, 1, "VRRP") > 0);

    // A process that hangs is named, and the others answer.
    kill(Pid::from_raw(checker), Signal::SIGSTOP).unwrap();
    let found = status(&mut lab, 1);
    assert!(found.checker.is_none() && found.vrrp.is_some() && found.bfd.is_some());
    let silent: Vec<_> = found.processes.iter().filter(|row| !row.answers).map(|row| row.name.as_str()).collect();
    assert_eq!(silent, ["checker"]);
    assert!(text::text(&found).contains("does not answer"));
    assert!(metrics::text(&found).contains("\nkeepalived_up 0\n"));
    kill(Pid::from_raw(checker), Signal::SIGCONT).unwrap();

    // Reloads.
    lab.router(1).configure("vrrp_instance {\n");
    lab.router(1).daemon().signal(Signal::SIGHUP);
    let reload = wait_for(LIMIT, "the refused reload", || status(&mut lab, 1).configuration.last_reload);
    let refused = "the configuration has errors; the running configuration stays in force";
    assert_eq!(reload.refused.unwrap(), refused);
    wait_until(LIMIT, "the notification of the refusal", || told(&mut lab, 2, refused) > 0);
    assert_eq!((told(&mut lab, 1, ""), told(&mut lab, 2, "")), (1, 1), "one process tells each");
    agrees_with_snmp(&mut lab);
    // News for a process that dies before it has read them are told by its replacement.
    let refusals = |lab: &mut Lab| lab.router(1).log().matches("the running configuration stays in force").count();
    let (vrrp, before) = (lab.router(1).vrrp_pid(), refusals(&mut lab));
    kill(Pid::from_raw(vrrp), Signal::SIGSTOP).unwrap();
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "another refusal", || refusals(&mut lab) > before);
    kill(Pid::from_raw(vrrp), Signal::SIGKILL).unwrap();
    wait_until(LIMIT, "its notification", || told(&mut lab, 2, refused) > 1);
    wait_until(LIMIT, "that of the restart", || told(&mut lab, 1, "VRRP") > 1);
    assert_eq!((told(&mut lab, 1, ""), told(&mut lab, 2, "")), (2, 2), "one process tells each once");
    lab.router(1).configure(&traps(conf(&directory, 120)));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload", || {
        let configuration = status(&mut lab, 1).configuration;
        configuration.last_reload.is_some_and(|reload| reload.refused.is_none())
    });
    wait_until(LIMIT, "the new priority", || instance(&mut lab, 1).base_priority == 120);
    // Not logged: monitoring asks every few seconds.
    assert!(!lab.router(1).log().contains("Control socket: status"), "{}", lab.router(1).log());
    assert!(lab.router(1).stop().1.success());
}

/// What KEEPALIVED-HA-MIB shows of the daemon is what the status shows.
fn agrees_with_snmp(lab: &mut Lab) {
    let mut differences = Vec::new();
    // What happens between the two is a difference for a moment, so each object is compared until it has been the same once.
    let mut agreed = BTreeSet::new();
    let mut agrees = |lab: &mut Lab| {
        let found = status(lab, 1);
        let snmp = lab.router(1).snmp();
        let get = |object: &str| snmp.get(&format!("{HA}.{object}"));
        differences.clear();
        let mut compare = |object: &str, shown: Option<String>| {
            if agreed.contains(object) {
                return;
            }
            let served = get(object);
            if served == shown {
                agreed.insert(object.to_owned());
            } else {
                differences.push(format!("{object}: {served:?} by SNMP, {shown:?} by the status"));
            }
        };
        let micros = |seconds: f64| format!("{:.0}", seconds * 1_000_000.0);
        for (number, name) in [(1, "parent"), (2, "VRRP"), (3, "checker"), (4, "BFD")] {
            let row = found.processes.iter().find(|row| row.name == name).unwrap();
            compare(&format!("10.1.1.2.{number}"), Some(name.to_owned()));
            compare(&format!("10.1.1.4.{number}"), Some(row.restarts.to_string()));
            // The parent's own is that of this moment in the status.
            if number > 1 {
                compare(&format!("10.1.1.6.{number}"), row.late_max.map(micros));
                compare(&format!("10.1.1.7.{number}"), row.late_p99.map(micros));
            }
        }
        let refused = found.configuration.last_reload.as_ref().map(|reload| reload.refused.clone());
        compare("10.3.0", refused.as_ref().map(|refused| if refused.is_some() { "2" } else { "1" }.to_owned()));
        compare("10.4.0", refused.flatten());
        let checker = found.checker.unwrap();
        let last = checker.virtual_servers[0].real_servers[0].last_check.clone().unwrap();
        compare("3.1.1.5.1.1", Some(last.result));
        compare("3.1.1.6.1.1", last.duration.map(micros));
        compare("11.2.0", Some(checker.checks.late.to_string()));
        compare("11.3.0", Some(checker.checks.postponed.to_string()));
        for (name, branch) in [("VRRP", 4), ("checker", 5)] {
            let of = found.processes.iter().find(|row| row.name == name).unwrap().snmp.unwrap();
            compare(&format!("{branch}.1.0"), Some(of.sessions_lost.to_string()));
            compare(&format!("{branch}.2.0"), Some(of.notifications.to_string()));
            compare(&format!("{branch}.3.0"), Some(of.sent.to_string()));
            compare(&format!("{branch}.5.0"), Some(of.dropped.to_string()));
        }
        differences.is_empty()
    };
    let deadline = std::time::Instant::now() + LIMIT;
    while !agrees(lab) {
        assert!(std::time::Instant::now() < deadline, "{}", differences.join("\n"));
    }
}

/// What each real server weighs, from the status: effective and configured or set weight.
fn weights(lab: &mut Lab) -> (u32, u32) {
    let checker = status(lab, 1).checker.unwrap();
    let real = &checker.virtual_servers[0].real_servers[0];
    (real.weight, real.base_weight)
}

#[test]
fn an_operator_drains_a_real_server_and_takes_it_back() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let directory = lab.router(1).dir().to_owned();
    let check = "    TCP_CHECK {\n      connect_timeout 1\n      retry 0\n    }\n";
    let text = conf(&directory, 100);
    assert!(text.contains(check));
    lab.router(1).configure(&text.replace(check, ""));
    start(&mut lab, 1);
    assert_eq!(weights(&mut lab), (7, 7));
    let service = "[10.9.0.250]:tcp:80 in [10.9.0.51]:tcp:80";
    assert_eq!(output(&mut lab, 1, &["--drain", "10.9.0.250:80"]), format!("{service}: weight 0 of 7\n"));
    // Not "soon": the command ends when the process has the weight.
    assert_eq!(weights(&mut lab), (0, 0));
    assert_eq!(output(&mut lab, 1, &["--weight=10.9.0.250:80=3"]), format!("{service}: weight 3 of 7\n"));
    assert_eq!(weights(&mut lab), (3, 3));
    assert_eq!(output(&mut lab, 1, &["--weight", "10.9.0.250:80"]), format!("{service}: weight 7 of 7\n"));
    assert_eq!(weights(&mut lab), (7, 7));
    let log = lab.router(1).log();
    assert!(log.contains("Control socket: weight 0 for 10.9.0.250:80, requested by uid 0, pid "), "{log}");
    let set = "An operator has set the weight of [10.9.0.250]:tcp:80 in VS [10.9.0.51]:tcp:80 from 7 to 0";
    assert!(log.contains(set), "{log}");
    // Failures say why.
    let output = command(&mut lab, 1, &["--drain", "10.9.0.1:80"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, "keepalived: The weight is not set: no virtual server has the real server 10.9.0.1:80\n");
    // A checker process that hangs does not hang the command.
    let checker = Pid::from_raw(lab.router(1).checker_pid());
    kill(checker, Signal::SIGSTOP).unwrap();
    let output = command(&mut lab, 1, &["--drain", "10.9.0.250:80"]).output().unwrap();
    kill(checker, Signal::SIGCONT).unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("the checker process has not answered within 5 s") || text.contains("does not run"),
        "{text}"
    );
    assert!(lab.router(1).stop().1.success());
}

/// The master is taken out for maintenance, and takes over again.
#[test]
fn an_operator_has_an_instance_yield_and_resume() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for router in [1, 2] {
        let priority = if router == 1 { 110 } else { 100 };
        lab.router(router).configure(&PROTOCOL.conf(priority, ""));
        start(&mut lab, router);
    }
    let vip = PROTOCOL.all_vips()[0];
    wait_until(LIMIT, "the first router is master", || lab.router(1).holds(vip) && !lab.router(2).holds(vip));
    let done = output(&mut lab, 1, &["--yield", "VI_51"]);
    assert_eq!(done, "VI_51 yields until resumed, state BACKUP\n");
    wait_until(LIMIT, "the second router is master", || lab.router(2).holds(vip) && !lab.router(1).holds(vip));
    wait_until(LIMIT, "the first router shows the other", || instance(&mut lab, 1).master.is_some());
    let row = instance(&mut lab, 1);
    assert_eq!((row.state.as_str(), row.fault, row.cause.as_deref()), ("BACKUP", None, Some("yielding on request")));
    assert_eq!(row.yielded.unwrap().until, None);
    let shown = output(&mut lab, 1, &["--status"]);
    assert!(shown.contains("BACKUP, yielded") && shown.contains("until it is resumed"), "{shown}");
    let shown = output(&mut lab, 1, &["--status=metrics"]);
    assert!(shown.contains("\nkeepalived_vrrp_yielded{iname=\"VI_51\",intf=\"eth0\",vrid=\"51\"} 1\n"), "{shown}");
    assert_eq!(output(&mut lab, 1, &["--resume=VI_51"]), "VI_51 takes part again, state BACKUP\n");
    wait_until(LIMIT, "the first router is master again", || lab.router(1).holds(vip) && !lab.router(2).holds(vip));
    // For a limited time.
    assert_eq!(output(&mut lab, 1, &["--yield", "VI_51", "2"]), "VI_51 yields for 2 s, state BACKUP\n");
    wait_until(LIMIT, "the second router is master", || lab.router(2).holds(vip));
    wait_until(LIMIT, "the first router is master in the end", || lab.router(1).holds(vip));
    assert_eq!(instance(&mut lab, 1).yielded, None);
    let log = lab.router(1).log();
    for line in [
        "Control socket: yielding of VI_51, requested by uid 0, pid ",
        "(VI_51) Yields: stays out of elections until it is resumed",
        "(VI_51) Entering BACKUP STATE (yielding on request)",
        "(VI_51) Yields: stays out of elections for 2 s",
        "(VI_51) Takes part again after it has yielded",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    for (arguments, expected) in [
        (&["--yield=VI_9"][..], "Not yielded: no vrrp_instance or vrrp_sync_group has the name 'VI_9'"),
        (&["--resume=VI_51"], "Not resumed: VI_51 has not yielded"),
        (&["--yield=VI_51=0"], "a whole number of seconds from 1"),
    ] {
        let output = command(&mut lab, 1, arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && text.contains(expected), "{text}");
    }
    assert!(lab.router(1).stop().1.success());
}

#[test]
fn many_that_ask_at_once_get_an_answer_each() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PROTOCOL.conf(100, ""));
    start(&mut lab, 1);
    let commands: Vec<Command> = (0..20).map(|_| self::command(&mut lab, 1, &["--status=json"])).collect();
    let running: Vec<_> =
        commands.into_iter().map(|mut command| command.stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let status: Status = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(status.vrrp.unwrap().instances.len(), 1);
    }
}

#[test]
fn without_a_daemon_the_command_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keepalived.conf");
    fs::write(&file, "").unwrap();
    let mut command = Command::new(daemon::ours());
    command.arg("-f").arg(&file).arg("-p").arg(directory.path().join("keepalived.pid"));
    let output = command.args(["--status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("keepalived: No status: no keepalived answers at "), "{text}");
    for (arguments, expected) in [
        (&["--status=xml"][..], "possible values: text, json, metrics"),
        (&["--watch"], "--status"),
        (&["--status", "--watch=0"], "a number of seconds from 0.1 to 86400"),
    ] {
        let output = Command::new(daemon::ours()).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(expected), "{text}");
    }
}
