//! Command line options of a daemon with instances.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::{Lab, Protocol, daemon, machine, process, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;

/// The lines are those of C keepalived.
#[test]
fn each_added_or_removed_address_is_logged() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PROTOCOL.conf(100, ""));
    let mut command = lab.router(1).command(Ours);
    command.arg("-a");
    lab.router(1).start_with(command);
    let vip = PROTOCOL.vips(VRID)[0];
    let logged = |lab: &mut Lab, text: &str| {
        wait_until(LIMIT, text, || lab.router(1).log().lines().any(|line| line.ends_with(text)));
    };
    logged(&mut lab, "Netlink reflector reports IP 10.9.0.1 added to eth0");
    logged(&mut lab, &format!("Netlink reflector reports IP {vip} added to eth0"));
    lab.router(1).netns().ip("address add 10.77.0.1/24 dev eth0");
    lab.router(1).netns().ip("address add 10.77.0.1/32 dev lo");
    lab.router(1).netns().ip("address del 10.77.0.1/24 dev eth0");
    logged(&mut lab, "Netlink reflector reports IP 10.77.0.1 added to lo");
    logged(&mut lab, "Netlink reflector reports IP 10.77.0.1 removed from eth0");
    assert_eq!(lab.router(1).log().matches("IP 10.9.0.1 added to eth0").count(), 1);
}

/// Without `-u`, the keyword gives the mask of scripts and of files.
#[test]
fn the_umask_of_the_configuration_is_that_of_scripts_and_files() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    router.script("notify.sh", "umask > ${0%/*}/notes\n");
    let notify = format!("notify_master {}", router.file("notify.sh").display());
    let conf = PROTOCOL.conf(100, &notify);
    let with = |mask: &str| conf.replacen('{', &format!("{{\n  script_user root\n  umask {mask}\n"), 1);
    router.configure(&with("IWGRP | IRWXO"));
    let mut command = router.command(Ours);
    command.arg(format!("--log-file={}", router.file("k.log").display()));
    router.start_with(command);
    wait_until(LIMIT, "the script has run", || {
        fs::read_to_string(router.file("notes")).is_ok_and(|text| text.trim() == "0027")
    });
    let mode = |name: &str| fs::metadata(router.file(name)).unwrap().permissions().mode() & 0o777;
    wait_until(LIMIT, "the log file", || router.file("k.log").exists());
    assert_eq!(mode("k.log"), 0o640);
    router.configure(&with("0022"));
    router.daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload is complete", || router.log().contains("Reload complete"));
    assert!(router.log().contains("umask stays as it was at the start; restart keepalived to change it"));
    assert!(router.stop().1.success());
}

/// In the background all processes have the working directory `/`; relative paths still name the same files.
#[test]
fn processes_in_the_background_find_relative_paths() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    router.script("notify.sh", "umask > ${0%/*}/notes\n");
    let conf = PROTOCOL.conf(100, "notify_master ./notify.sh\n  track_file {\n    F\n  }");
    let file = "track_file F {\n  file number\n}\n";
    router.configure(&format!("{file}{}", conf.replacen('{', "{\n  script_user root\n  umask 0077\n", 1)));
    fs::write(router.file("number"), "5\n").unwrap();
    let mut command = router.netns().command(daemon::ours());
    command.args(["-f", "keepalived.conf", "-p", "keepalived.pid", "-r", "vrrp.pid", "-c", "c.pid", "-b", "b.pid"]);
    command.args(["-D", "-G", "-P", "-gk.log", "-u", "0027"]).current_dir(router.dir()).env("TMPDIR", router.dir());
    let mut started = process::Proc::spawn(command, &router.file("daemon.log"));
    assert_eq!(started.wait(LIMIT).code(), Some(0), "{}", started.log());
    let text = |name: &str| fs::read_to_string(router.file(name)).unwrap_or_default();
    let parent: i32 = wait_for(LIMIT, "the pid file", || text("keepalived.pid").trim().parse().ok());
    let vrrp = router.vrrp_pid();
    let stop = || kill(Pid::from_raw(parent), Signal::SIGTERM);
    let checks = std::panic::catch_unwind(|| {
        wait_until(LIMIT, "the script has run", || text("notes").trim() == "0027");
        for pid in [parent, vrrp] {
            assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
        }
        wait_until(LIMIT, "a log file of each process", || {
            text("k.log").contains("Startup complete") && text("k_vrrp.log").contains("Entering MASTER STATE")
        });
        assert_eq!(fs::metadata(router.file("k_vrrp.log")).unwrap().permissions().mode() & 0o777, 0o640);
        // The tracked file is the one in the original directory: its number takes effect.
        fs::write(router.file("number"), "-254\n").unwrap();
        wait_until(LIMIT, "the number is read", || text("k_vrrp.log").contains("-254"));
        kill(Pid::from_raw(parent), Signal::SIGHUP).unwrap();
        wait_until(LIMIT, "the reload", || text("k.log").contains("Reload complete"));
    });
    stop().unwrap();
    wait_until(LIMIT, "its end", || !router.file("keepalived.pid").exists());
    if let Err(panic) = checks {
        eprintln!("{}{}", text("k.log"), text("k_vrrp.log"));
        std::panic::resume_unwind(panic);
    }
}

/// The records of a log in JSON; each line is one.
fn records(log: &str) -> Vec<Value> {
    // The last line may not be complete yet.
    let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Each record has its time, level, process and message, and the object where it is known; also of what is refused.
#[test]
fn the_log_in_json_has_one_object_for_each_record() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let script = "vrrp_script sc {\n  script \"/usr/bin/false\"\n  interval 1\n  weight 1\n}\n";
    let conf =
        PROTOCOL.conf(100, "track_script {\n    sc\n  }").replacen('{', "{\n  script_user root\n  log_format json", 1);
    lab.router(1).configure(&(script.to_owned() + &conf));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    // A message of several lines.
    lab.router(1).configure(&(script.to_owned() + &conf.replacen("router_id", "router_idd", 1)));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    let is = |record: &Value, key: &str, value: &str| record[key].as_str() == Some(value);
    let all = wait_for(LIMIT, "the reload is refused", || {
        let all = records(&lab.router(1).log());
        let message = |record: &Value| record["message"].as_str().unwrap().starts_with("Not reloaded: ");
        all.iter().any(message).then_some(all)
    });
    for record in &all {
        let time = chrono::DateTime::parse_from_rfc3339(record["time"].as_str().unwrap()).unwrap();
        assert!(
            (chrono::Local::now() - time.to_utc().with_timezone(&chrono::Local)).num_seconds().abs() < 600,
            "{record}"
        );
        assert!(record["time"].as_str().unwrap().contains('.'), "milliseconds: {record}");
        assert!(
            ["error", "warning", "notice", "info", "debug"].iter().any(|level| is(record, "level", level)),
            "{record}"
        );
        assert!(is(record, "process", "Keepalived") || is(record, "process", "Keepalived_vrrp"), "{record}");
        assert!(record["pid"].is_u64() && !record["message"].as_str().unwrap().is_empty(), "{record}");
    }
    let about = |kind: &str, name: &str| {
        all.iter()
            .filter(|record| record["object"] == serde_json::json!({"kind": kind, "name": name}))
            .collect::<Vec<_>>()
    };
    let vrid = format!("VI_{VRID}");
    let master =
        about("instance", &vrid).into_iter().find(|r| r["message"].as_str().unwrap().contains("Entering MASTER"));
    assert!(is(master.unwrap(), "level", "notice") && is(master.unwrap(), "process", "Keepalived_vrrp"), "{master:?}");
    assert!(about("script", "sc").iter().any(|record| record["message"].as_str().unwrap().contains("failed")));
    let fault = all.iter().find(|record| record["message"].as_str().unwrap().contains("unknown keyword 'router_idd'"));
    assert!(fault.unwrap()["message"].as_str().unwrap().contains('\n'), "one record for several lines: {fault:?}");
    assert!(is(fault.unwrap(), "level", "error"), "{fault:?}");
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    let last = records(&lab.router(1).log()).pop().unwrap();
    assert!(last["message"].as_str().unwrap().starts_with("Stopped "), "{last}");

    // A start that is refused, too. The option wins over the keyword.
    lab.router(1).configure("global_defs {\n  log_format text\n");
    let mut command = lab.router(1).command(Ours);
    let output = command.arg("--log-format=json").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let refused = records(&String::from_utf8(output.stderr).unwrap());
    assert!(
        refused.iter().any(|record| record["message"].as_str().unwrap().starts_with("Not started: ")),
        "{refused:?}"
    );

    let conf = conf.replacen("log_format json", "log_format text", 1);
    lab.router(1).configure(&(script.to_owned() + &conf));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "a line with the time, the level and the process", || {
        let log = lab.router(1).log();
        let mut lines = log.lines().filter_map(|line| line.split_once(' '));
        lines.any(|(stamp, rest)| {
            let is_stamp = stamp.contains('.') && chrono::DateTime::parse_from_rfc3339(stamp).is_ok();
            is_stamp && rest.starts_with("notice Keepalived_vrrp[") && rest.contains("]: (VI_51) Entering MASTER STATE")
        })
    });
}
