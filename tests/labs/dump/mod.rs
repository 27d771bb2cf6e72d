//! Dump files on SIGUSR1, SIGUSR2, SIGRTMAX - 1 and SIGRTMIN + 2.
#![allow(clippy::unwrap_used, reason = "a test")]

mod data;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use lab::conf::VRID;
use lab::{Daemon, Lab, Protocol, machine, wait_for, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
const PROTOCOL: Protocol = Protocol::V2;

/// A lone router that has become master.
fn lone_master(daemon: Daemon) -> Lab {
    let mut lab = Lab::new(1);
    let extra = "authentication {\n    auth_type PASS\n    auth_pass hush4711\n  }";
    lab.router(1).configure(&PROTOCOL.conf(100, extra));
    lab.router(1).start(daemon);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    lab
}

/// The dump file, once it contains this text.
fn dumped(lab: &mut Lab, name: &str, text: &str) -> String {
    let file = lab.router(1).file(name);
    let read = || fs::read_to_string(&file).unwrap_or_default();
    wait_until(LIMIT, &format!("{name} is written"), || read().contains(text));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{name}");
    read()
}

fn without_numbers(text: &str) -> String {
    let lines = text.lines().map(|line| match line.rsplit_once(": ") {
        Some((label, number)) if number.parse::<u64>().is_ok() => format!("{label}: N\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// The counter of a line that occurs once.
fn counter(text: &str, label: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    line.unwrap_or_else(|| panic!("{label} in {text}")).trim().parse().unwrap()
}

#[test]
fn statistics_have_the_form_of_c_keepalived() {
    let _turn = machine::shared();
    let [ours, c] = [Daemon::Ours, Daemon::C].map(|daemon| {
        let mut lab = lone_master(daemon);
        lab.router(1).daemon().signal(Signal::SIGUSR2);
        dumped(&mut lab, "keepalived.stats", "Priority Zero")
    });
    // C keepalived has this part since 2.4.0.
    let (before, rest) = ours.split_once("  Authentication Extension Errors:\n").unwrap();
    let (extension, rest) = rest.split_once("  Priority Zero:\n").unwrap();
    let labels = ["Missing", "Malformed", "Unknown Key", "Invalid HMAC", "Stale", "Replay"];
    assert_eq!(extension, labels.map(|label| format!("    {label}: 0\n")).concat());
    assert_eq!(without_numbers(&format!("{before}  Priority Zero:\n{rest}")), without_numbers(&c));
    for text in [&ours, &c] {
        assert_eq!(counter(text, "  Became master:"), 1, "{text}");
        assert!(counter(text, "    Sent:") >= 1, "{text}");
    }
}

/// Sends a real-time signal.
fn signal_by_number(lab: &mut Lab, number: i32) {
    let parent = lab.router(1).daemon().pid();
    let sent = Command::new("kill").args([format!("-{number}"), parent.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Lines of an instance with each member that C keepalived 2.2.7 has.
const EVERY_MEMBER: &str = "garp_master_delay 2
  garp_master_refresh 60
  garp_lower_prio_delay 4
  higher_prio_send_advert
  notify \"/usr/bin/true x 'y z'\"
  notify_backup /usr/bin/true
  notify_master /usr/bin/true
  notify_deleted
  smtp_alert
  nopreempt
  track_interface {
    eth0 weight 6
  }
  track_script {
    sc
  }
  virtual_ipaddress_excluded {
    10.97.0.1/24 brd + scope link
    10.97.0.2 label eth0:x no_track
    fd97::3/64 home -nodad
    fd97::4
  }
  virtual_routes {
    10.98.0.0/24 via 10.9.0.77 dev eth0 metric 3 mtu 1400
    10.98.1.0/24 via 10.9.0.77 dev eth0 table 77
  }
  virtual_rules {
    from 10.98.2.0/24 table 61 preference 610
    to 10.98.3.0/24 prohibit preference 611 no_track
    from 10.98.4.0/24 to 10.98.5.0/24 iif lo fwmark 3/0xff table 61 preference 612 tos 8
  }
  authentication {
    auth_type PASS
    auth_pass hush4711
  }";

/// The text with the values that differ between two runs, and without the members from `start` to `end`.
fn comparable(text: &str, left_out: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (start, end) in left_out {
        while let Some((before, rest)) = text.split_once(start) {
            let (_, after) = rest.split_once(end).unwrap();
            text = format!("{before}{end}{after}");
        }
    }
    for member in ["last_transition", "advert_sent", "auth_data"] {
        let start = format!("\"{member}\":");
        let parts: Vec<&str> = text.split(&start).collect();
        let masked = parts.iter().enumerate().map(|(at, part)| match part.find([',', '}']) {
            Some(end) if at > 0 => format!("{start}_{}", &part[end..]),
            _ => (*part).to_owned(),
        });
        text = masked.collect();
    }
    text
}

/// The dump of each daemon as a master with these lines, once it has this text.
fn both(extra: &str, text: &str) -> [String; 2] {
    let script = "vrrp_script sc {\n  script \"/usr/bin/true 'a b'\"\n  interval 1\n  weight -20\n}\n";
    [Daemon::Ours, Daemon::C].map(|daemon| {
        let mut lab = Lab::new(1);
        let conf = PROTOCOL.conf(100, extra).replacen('{', "{\n  script_user root\n", 1);
        lab.router(1).configure(&format!("{script}{conf}"));
        lab.router(1).start(daemon);
        lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
        let file = lab.router(1).file("keepalived.json");
        wait_for(LIMIT, &format!("{text} is shown"), || {
            signal_by_number(&mut lab, 36);
            let found = dumped(&mut lab, "keepalived.json", "pri_zero_sent");
            fs::remove_file(&file).unwrap();
            found.contains(text).then_some(found)
        })
    })
}

/// Members that C keepalived 2.2.7 does not have.
const OF_OURS: [(&str, &str); 2] =
    [(r#","trackers":"#, r#"},"stats""#), (r#","auth_ext_missing""#, r#","pri_zero_rcvd""#)];

#[test]
fn json_has_the_text_of_c_keepalived() {
    let _turn = machine::shared();
    let [ours, c] = both(EVERY_MEMBER, "fd97::4 dev eth0 scope global deprecated set");
    assert_eq!(comparable(&ours, &OF_OURS), comparable(&c, &[]));
    assert!(ours.contains(r#"{"kind":"script","name":"sc","state":"up","weight":-20,"#), "{ours}");
    assert!(ours.contains(r#""auth_data":"********""#) && !ours.contains("hush"), "{ours}");
}

#[test]
fn json_of_a_vmac_has_the_text_of_c_keepalived() {
    let _turn = machine::shared();
    let last = "10.99.0.51 dev vrrp.51@eth0 scope global set nftable_set";
    let [ours, c] = both("use_vmac\n  no_accept", last);
    assert_eq!(comparable(&ours, &OF_OURS), comparable(&c, &[]));
}

#[test]
fn version_2_of_json_and_its_file_come_with_a_reload() {
    let _turn = machine::shared();
    let mut lab = lone_master(Daemon::Ours);
    signal_by_number(&mut lab, 36);
    let first = dumped(&mut lab, "keepalived.json", "pri_zero_sent");
    assert!(first.starts_with(r#"[{"data":{"iname":"VI_51","#) && first.ends_with("}}]\n"), "{first}");
    let file = lab.router(1).file("second.json");
    let keywords = format!("global_defs {{\n  json_version 2\n  json_dump_file {}\n}}\n", file.display());
    lab.router(1).configure(&(keywords + &PROTOCOL.conf(100, "")));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload is complete", || lab.router(1).log().contains("Reload complete"));
    signal_by_number(&mut lab, 36);
    let second = dumped(&mut lab, "second.json", "pri_zero_sent");
    assert!(second.starts_with(r#"{"vrrp":[{"data":{"iname":"VI_51","#), "{second}");
    let end = r#"}}],"track_process":[],"track_script":[],"track_file":[],"track_bfd":[]}"#;
    assert!(second.trim_end().ends_with(end), "{second}");
}

#[test]
fn statistics_are_cleared() {
    let _turn = machine::shared();
    let mut lab = lone_master(Daemon::Ours);
    signal_by_number(&mut lab, 63);
    let text = dumped(&mut lab, "keepalived.stats", "Priority Zero");
    assert_eq!(counter(&text, "  Became master:"), 1, "{text}");
    signal_by_number(&mut lab, 63);
    dumped(&mut lab, "keepalived.stats", "  Became master: 0\n");
}

#[test]
fn data_shows_the_rows_and_no_secret() {
    let _turn = machine::shared();
    let mut lab = lone_master(Daemon::Ours);
    // A link in its place is replaced, and its target is not changed.
    let victim = lab.router(1).file("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, lab.router(1).file("keepalived.data")).unwrap();
    lab.router(1).daemon().signal(Signal::SIGUSR1);
    let parent = dumped(&mut lab, "keepalived_parent.data", "Child process VRRP: pid ");
    let data = dumped(&mut lab, "keepalived.data", "------< Interfaces >------");
    assert!(data.contains("   State = MASTER\n"), "{data}");
    assert!(data.contains("   Authentication type = SIMPLE_PASSWORD\n   Password = ********\n"), "{data}");
    assert!(parent.contains("vrrp_instance"), "{parent}");
    for text in [&parent, &data] {
        assert!(!text.contains("hush"), "{text}");
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

/// The directory of the files belongs to another user.
#[test]
fn dumps_have_the_configured_names_also_after_a_reload() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let directory = lab.router(1).file("dumps");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&directory, Some(65534), Some(65534)).unwrap();
    let place = directory.display();
    let router = PROTOCOL.conf(100, "");
    let conf = |keywords: String| format!("instance one\nglobal_defs {{\n{keywords}\n}}\n{router}");
    lab.router(1).configure(&conf(format!("data_use_instance\nstats_dump_file {place}/counters")));
    lab.router(1).start(Daemon::Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    lab.router(1).daemon().signal(Signal::SIGUSR1);
    dumped(&mut lab, "keepalived.one.data", "State = MASTER");
    dumped(&mut lab, "keepalived_parent.one.data", "vrrp_instance");
    lab.router(1).daemon().signal(Signal::SIGUSR2);
    dumped(&mut lab, "dumps/counters", "Priority Zero");

    lab.router(1).configure(&conf(format!("state_dump_file {place}/\nstats_dump_file {place}/second")));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload is complete", || lab.router(1).log().contains("Reload complete"));
    lab.router(1).daemon().signal(Signal::SIGUSR1);
    dumped(&mut lab, "dumps/keepalived.data", "State = MASTER");
    dumped(&mut lab, "dumps/keepalived_parent.data", "vrrp_instance");
    lab.router(1).daemon().signal(Signal::SIGUSR2);
    dumped(&mut lab, "dumps/second", "Priority Zero");
    assert!(!lab.router(1).file("keepalived.stats").exists());
    assert!(!lab.router(1).file("keepalived.data").exists());
}
