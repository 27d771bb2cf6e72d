//! Parent and VRRP process: clean stop, a dead or hanging child, scripts, exit statuses.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::VRID;
use lab::process::cpu_time;
use lab::{Daemon, Lab, Protocol, machine, now, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;
/// haInstanceTable.
const HA_INSTANCES: &str = ".1.3.6.1.4.1.8072.9999.9999.112.1.2.1.1";

/// A lone router of ours that has become master, with notify scripts that log to router1/notes.
fn lone_master() -> Lab {
    let mut lab = Lab::new(1);
    let notes = lab.router(1).file("notes");
    let script = lab.router(1).script("notify.sh", &format!("echo \"$@\" >> {}\n", notes.display()));
    let script = script.display();
    let extra = format!(
        "notify_master \"{script} became master\"\n  notify_stop \"{script} stopped\"\n  \
         notify \"{script}\""
    );
    let conf = PROTOCOL.conf(100, &extra);
    lab.router(1).configure(&conf.replacen('{', "{\n  script_user root\n", 1));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "the addresses are set", || holds_all(&mut lab));
    lab
}

fn holds_all(lab: &mut Lab) -> bool {
    PROTOCOL.all_vips().iter().all(|vip| lab.router(1).holds(*vip))
}

fn notes(lab: &mut Lab) -> String {
    fs::read_to_string(lab.router(1).file("notes")).unwrap_or_default()
}

#[test]
fn sigterm_stops_cleanly() {
    let _turn = machine::shared();
    let mut lab = lone_master();
    wait_until(LIMIT, "the scripts for MASTER have run", || {
        let notes = notes(&mut lab);
        notes.contains("became master") && notes.contains("INSTANCE VI_51 MASTER 100")
    });

    let (at, status) = lab.router(1).stop();
    assert_eq!(status.code(), Some(0));
    wait_until(LIMIT, "priority 0 was advertised", || {
        lab.wire.adverts(1, VRID, at).iter().any(|(_, advert)| advert.priority == 0)
    });
    let after: Vec<u8> = lab.wire.adverts(1, VRID, at).iter().map(|(_, advert)| advert.priority).collect();
    assert_eq!(after.last(), Some(&0), "nothing is sent after priority 0: {after:?}");
    assert!(lab.holders(PROTOCOL.vips(VRID)[0]).is_empty());
    wait_until(LIMIT, "the scripts for the stop have run", || {
        let notes = notes(&mut lab);
        notes.contains("stopped") && notes.contains("INSTANCE VI_51 STOP 100")
    });
    for file in ["keepalived.pid", "vrrp.pid"] {
        assert!(!lab.router(1).file(file).exists(), "{file} is removed");
    }
    assert!(lab.router(1).daemon_pids().is_empty());
}

#[test]
fn sigint_stops_as_sigterm_does() {
    let _turn = machine::shared();
    let mut lab = lone_master();
    lab.router(1).daemon().signal(Signal::SIGINT);
    assert_eq!(lab.router(1).daemon().wait(LIMIT).code(), Some(0));
    assert!(lab.holders(PROTOCOL.vips(VRID)[0]).is_empty());
}

#[test]
fn a_killed_vrrp_process_is_replaced() {
    let _turn = machine::shared();
    let mut lab = lone_master();
    let before = lab.router(1).vrrp_pid();
    let killed = now();
    kill(Pid::from_raw(before), Signal::SIGKILL).expect("a running VRRP process");
    lab.wire.await_advert(1, VRID, killed + Duration::from_millis(50), LIMIT);
    wait_until(LIMIT, "another process writes the pid file", || lab.router(1).vrrp_pid() != before);
    wait_until(LIMIT, "the addresses are set", || holds_all(&mut lab));
    assert!(lab.router(1).daemon().is_running());
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
}

/// SNMP serves the past of the daemon; only the counters of packets start again, with a new discontinuity time.
#[test]
fn the_replacement_of_a_killed_vrrp_process_shows_its_past() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PROTOCOL.conf(200, ""));
    lab.router(1).start_snmp();
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "it is served as master", || past_served(&mut lab).0.iter().any(|(_, value)| value == "2"));
    let (past, before) = (past_served(&mut lab), discontinuity(&mut lab));
    for _ in 0..2 {
        let old = lab.router(1).vrrp_pid();
        let at = now();
        assert_eq!(kill(Pid::from_raw(old), Signal::SIGKILL), Ok(()));
        wait_until(LIMIT, "a replacement advertises", || {
            lab.router(1).vrrp_pid() != old && lab.wire.adverts(1, VRID, at).len() > 1
        });
    }
    wait_until(LIMIT, "the discontinuity time is that of the replacement", || discontinuity(&mut lab) > before + 20);
    let (rows, times) = past_served(&mut lab);
    assert_eq!(rows, past.0);
    assert!(times.iter().zip(past.1).all(|(now, before)| (now - before).abs() <= 1), "{times:?} {:?}", past.1);
}

/// The daemon may open too few files for another VRRP process, which says what it was doing.
#[test]
fn a_process_that_cannot_start_says_what_it_was_doing() {
    let _turn = machine::shared();
    let mut lab = lone_master();
    let parent = lab.router(1).daemon().pid();
    let allow = |files: usize| {
        let (pid, limit) = (parent.to_string(), format!("--nofile={files}:{files}"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    };
    const LINE: &str = "The VRRP process cannot continue: ";
    // Fewer and fewer files: the process lacks one before the parent does, which needs fewer. Limits cannot be raised again.
    let mut files = fs::read_dir(format!("/proc/{}/fd", lab.router(1).vrrp_pid())).unwrap().count();
    let said = loop {
        files -= 1;
        allow(files);
        let resumed = |log: &str| log.matches("(resuming the state of the previous process)").count();
        let before = resumed(&lab.router(1).log());
        kill(Pid::from_raw(lab.router(1).vrrp_pid()), Signal::SIGKILL).expect("a running VRRP process");
        let said = wait_for(LIMIT, "a process resumes or says the reason", || {
            let log = lab.router(1).log();
            let said = log.split_once(LINE).and_then(|(_, rest)| rest.split_once('\n'));
            said.map(|(said, _)| Some(said.to_owned())).or((resumed(&log) > before).then_some(None))
        });
        if let Some(said) = said {
            break said;
        }
    };
    assert!(said.starts_with("Cannot open ") && said.contains(": Too many open files; raise LimitNOFILE"), "{said}");
}

#[test]
fn a_stopped_vrrp_process_is_replaced() {
    let _turn = machine::shared();
    let mut lab = lone_master();
    let before = lab.router(1).vrrp_pid();
    kill(Pid::from_raw(before), Signal::SIGSTOP).expect("a running VRRP process");
    let deaf = now() + Duration::from_millis(50);
    lab.wire.await_advert(1, VRID, deaf, Duration::from_secs(20));
    assert_ne!(lab.router(1).vrrp_pid(), before);
}

/// Makes a process loop for ever: overwrites the code at its program counter with a `jmp` to itself.
fn spin(pid: i32) {
    let fields = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
    let at = fields.split_whitespace().last().and_then(|word| word.strip_prefix("0x")).unwrap();
    let at = u64::from_str_radix(at, 16).unwrap();
    let memory = fs::OpenOptions::new().write(true).open(format!("/proc/{pid}/mem")).unwrap();
    memory.write_all_at(&[0xeb, 0xfe], at).unwrap();
}

/// A looping process uses a whole CPU and answers no hello.
#[test]
fn a_looping_vrrp_process_is_replaced() {
    let _turn = machine::shared();
    let mut lab = lone_master();
    let old = lab.router(1).vrrp_pid();
    spin(old);
    let before = cpu_time(old);
    wait_until(LIMIT, "it loops", || cpu_time(old) > before + Duration::from_secs(1));
    let at = now();
    wait_until(2 * LIMIT, "it is replaced", || lab.router(1).vrrp_pid() != old);
    lab.wire.await_advert(1, VRID, at, LIMIT);
    assert!(lab.router(1).log().contains("has not answered for 5 s; replacing it"), "{}", lab.router(1).log());
    assert!(holds_all(&mut lab));
}

/// Only the parent is killed: its child must not run without a watchdog, or stay where it was stopped.
#[test]
fn children_exit_when_their_parent_is_killed() {
    let _turn = machine::shared();
    for stopped in [false, true] {
        let mut lab = lone_master();
        if stopped {
            kill(Pid::from_raw(lab.router(1).vrrp_pid()), Signal::SIGSTOP).expect("a running VRRP process");
        }
        lab.router(1).daemon().signal(Signal::SIGKILL);
        wait_until(LIMIT, "no process of the daemon is left", || lab.router(1).daemon_pids().is_empty());
        assert!(!PROTOCOL.all_vips().iter().any(|vip| lab.router(1).holds(*vip)), "stopped: {stopped}");
    }
}

/// Command lines that exit at once, with their status.
#[test]
fn exit_statuses() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    let status = |conf: &str, extra: &[&str]| {
        router.configure(conf);
        let mut process = lab::process::Proc::spawn(
            {
                let mut command = router.command(Ours);
                command.args(extra);
                command
            },
            &router.file("daemon.log"),
        );
        process.wait(LIMIT).code()
    };
    let good = PROTOCOL.conf(100, "");
    assert_eq!(status(&good, &["-t"]), Some(0), "-t of a good file");
    assert_eq!(status(&good, &["--no-such-option"]), Some(1), "an unknown option");
    assert_eq!(status(&good, &["-f"]), Some(1), "a missing argument");
    assert_eq!(status(&good, &["-v"]), Some(0), "-v");
    assert_eq!(status(&good, &["-h"]), Some(0), "-h");
    assert_eq!(status(&good, &["-f", "/no/such/file"]), Some(6), "no configuration file");
    assert_eq!(status(good.trim_end().trim_end_matches('}'), &[]), Some(2), "a missing brace");
    // A fault: the daemon would start and wait for the interface.
    let elsewhere = good.replace("eth0", "eth7");
    assert_eq!(status(&elsewhere, &["-t"]), Some(5), "an interface that does not exist");
    assert_eq!(status(&elsewhere, &["--strict-config"]), Some(2), "and faults are errors");
    // The namespace does not exist yet: the file is tested without its interfaces.
    let later = format!("net_namespace no-such-namespace\n{elsewhere}");
    assert_eq!(status(&later, &["-t"]), Some(0), "a namespace that does not exist yet");
    assert_eq!(status(&later, &[]), Some(1), "no start without it");
    assert_eq!(status(&format!("{later}\nnonsense\n"), &["-t"]), Some(5), "other faults are reported");
}

#[test]
fn the_replacement_of_a_killed_vrrp_process_stays_master() {
    killed_stays_master(PROTOCOL, Ours);
}

/// C keepalived accepts each sequence number once, so the replacement must continue with greater ones.
#[test]
fn the_replacement_of_a_killed_vrrp_process_continues_its_sequence_numbers() {
    killed_stays_master(Protocol::V2Ah, C);
}

/// Ten times in a row: the address is never removed, and the other router stays backup.
fn killed_stays_master(protocol: Protocol, other: Daemon) {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    lab.router(1).configure(&protocol.conf(200, ""));
    lab.router(2).configure(&protocol.conf(100, ""));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "router 1 is master", || lab.router(1).holds(protocol.vips(VRID)[0]));
    lab.router(2).start(other);
    wait_until(LIMIT, "router 2 is backup", || lab.router(2).log().contains("Entering BACKUP STATE"));
    for round in 0..10 {
        let old = lab.router(1).vrrp_pid();
        let at = now();
        assert_eq!(kill(Pid::from_raw(old), Signal::SIGKILL), Ok(()));
        wait_until(LIMIT, "a replacement advertises", || {
            lab.router(1).vrrp_pid() != old && lab.wire.adverts(1, VRID, at).len() > 1
        });
        assert!(lab.router(1).holds(protocol.vips(VRID)[0]), "round {round}");
    }
    assert!(lab.wire.adverts(2, VRID, Duration::ZERO).is_empty(), "{}", lab.router(2).log());
}

/// vrrpv3StatisticsRowDiscontinuityTime.
fn discontinuity(lab: &mut Lab) -> u32 {
    let snmp = lab.router(1).snmp();
    let ticks =
        |value: String| value.split([':', '.']).map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<_>>>();
    let value = lab::wait_for(LIMIT, "SNMP serves the statistics", || {
        snmp.walk(".1.3.6.1.2.1.207.1.2.5.1.12").into_iter().next().and_then(|(_, value)| ticks(value))
    });
    value.iter().zip([8_640_000, 360_000, 6000, 100, 1]).map(|(part, unit)| part * unit).sum()
}

/// haInstanceTable without times, and haInstanceLastChange and haInstanceCountersSince in tenths of a second of the hour.
fn past_served(lab: &mut Lab) -> (Vec<(String, String)>, [i64; 2]) {
    let snmp = lab.router(1).snmp();
    let mut rows = Vec::new();
    wait_until(LIMIT, "SNMP serves haInstanceTable", || {
        rows = snmp.walk(HA_INSTANCES);
        rows.iter().any(|(name, _)| name.contains(&format!("{HA_INSTANCES}.10.")))
    });
    let times = [5, 4].map(|column| {
        let of = |(name, _): &(String, String)| name.contains(&format!("{HA_INSTANCES}.{column}."));
        let (_, value) = rows.remove(rows.iter().position(of).unwrap());
        let octets = value.split_whitespace().map(|octet| i64::from_str_radix(octet, 16).unwrap());
        let octets: Vec<i64> = octets.collect();
        octets[5] * 600 + octets[6] * 10 + octets[7]
    });
    (rows, times)
}

/// After a kill of all processes the next start takes over or removes their addresses.
#[test]
fn nothing_stale_is_left_after_everything_was_killed() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    lab.router(1).configure(&PROTOCOL.conf(200, "nopreempt"));
    lab.router(2).configure(&PROTOCOL.conf(100, "nopreempt"));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "router 1 has the addresses", || holds_all(&mut lab));
    lab.router(2).start(Ours);
    wait_until(LIMIT, "router 2 is backup", || lab.router(2).log().contains("Entering BACKUP STATE"));
    let at = lab.router(1).kill9();
    lab.wire.await_advert(2, VRID, at, LIMIT);
    assert!(holds_all(&mut lab), "no process has removed them");
    lab.router(1).start(Ours);
    wait_until(LIMIT, "router 1 is backup", || lab.router(1).log().contains("Entering BACKUP STATE"));
    for vip in PROTOCOL.all_vips() {
        wait_until(LIMIT, &format!("{vip} is on router 2 alone"), || lab.holders(vip) == [2]);
    }
    assert!(lab.wire.adverts(1, VRID, at).is_empty());
}

/// An address in the form of `vrrp.held`.
fn in_file(address: &IpAddr) -> String {
    format!(r#""ip":"{address}""#)
}

/// With another file at the next start: addresses that it does not contain are known from the record of held state.
#[test]
fn nothing_stale_is_left_when_the_file_has_changed() {
    let _turn = machine::shared();
    let mut lab = lone_master();
    lab.router(1).netns().ip("address add 10.99.9.9/32 dev eth0");
    let held = lab.router(1).file("vrrp.held");
    let listed =
        || PROTOCOL.all_vips().iter().all(|vip| fs::read_to_string(&held).unwrap_or_default().contains(&in_file(vip)));
    wait_until(LIMIT, "the addresses are recorded", listed);
    lab.router(1).kill9();
    assert!(holds_all(&mut lab), "no process has removed them");
    let [kept, gone] = PROTOCOL.vips(VRID)[..] else { panic!("two addresses") };
    lab.router(1).configure(&PROTOCOL.conf(100, "").replace(&format!("    {gone}\n"), ""));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "only the configured address is set", || lab.router(1).holds(kept) && !lab.router(1).holds(gone));
    wait_until(LIMIT, "the remaining address is recorded", || {
        fs::read_to_string(&held).is_ok_and(|text| text.contains(&in_file(&kept)) && !text.contains(&in_file(&gone)))
    });
    lab.router(1).kill9();
    lab.router(1).configure("global_defs {\n    router_id none\n}\n");
    lab.router(1).start(Ours);
    wait_until(LIMIT, "nothing is set when the file has no instance at all", || !lab.router(1).holds(kept));
    assert!(lab.router(1).holds("10.99.9.9".parse().unwrap()), "an address of the host stays");
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    assert!(!held.exists(), "the record is removed by a clean stop");
}

/// An upgrade after a kill -9: the log has the consequence, and the file is written again.
#[test]
fn a_held_file_of_another_release_is_refused_with_the_reason() {
    let _turn = machine::shared();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot id");
    let text = format!("{boot}address\teth0\t10.99.9.9\t32\n");
    let json = r#"{"content":"addresses and VMACs held","version":9,"boot":"x","record":[]}"#;
    for (content, reason) in [(text.as_str(), "that cannot be read"), (json, "of version 9, not 1")] {
        let mut lab = Lab::new(1);
        lab.router(1).configure(&PROTOCOL.conf(100, ""));
        let held = lab.router(1).file("vrrp.held");
        fs::write(&held, content).expect("a file of ours");
        lab.router(1).start(Ours);
        let refusal = format!("vrrp.held: it has addresses and VMACs held {reason}");
        wait_until(LIMIT, "the reason is logged", || lab.router(1).log().contains(&refusal));
        let vip = in_file(&PROTOCOL.vips(VRID)[0]);
        wait_until(LIMIT, "the file is written again", || fs::read_to_string(&held).unwrap_or_default().contains(&vip));
    }
}

/// A VMAC that the next file does not contain is removed with its addresses.
#[test]
fn no_stale_vmac_is_left_when_the_file_has_changed() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PROTOCOL.conf(100, "use_vmac"));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "the addresses are set", || holds_all(&mut lab));
    let held = lab.router(1).file("vrrp.held");
    let listed = || fs::read_to_string(&held).unwrap_or_default().contains(r#""name":"vrrp.51""#);
    wait_until(LIMIT, "the VMAC is recorded", listed);
    lab.router(1).kill9();
    lab.router(1).configure(&PROTOCOL.conf(100, "").replace("virtual_router_id 51", "virtual_router_id 52"));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the VMAC is gone", || !lab.router(1).netns().ip("link show").contains("vrrp.51"));
    wait_until(LIMIT, "the addresses are set", || holds_all(&mut lab));
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    assert!(!held.exists(), "the record is removed by a clean stop");
}
