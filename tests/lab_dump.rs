//! Dump files on SIGUSR1, SIGUSR2 and SIGRTMAX - 1.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use lab::conf::VRID;
use lab::{Daemon, Lab, Protocol, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(10);
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

#[test]
fn statistics_are_cleared() {
    let _turn = machine::shared();
    let mut lab = lone_master(Daemon::Ours);
    let parent = lab.router(1).daemon().pid();
    let clear = || assert!(Command::new("kill").args(["-63", &parent.to_string()]).status().unwrap().success());
    clear();
    let text = dumped(&mut lab, "keepalived.stats", "Priority Zero");
    assert_eq!(counter(&text, "  Became master:"), 1, "{text}");
    clear();
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
    let data = dumped(&mut lab, "keepalived.data", "\nInterfaces\n");
    assert!(data.contains("State: MASTER"), "{data}");
    assert!(data.contains("Authentication: PASS"), "{data}");
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
    dumped(&mut lab, "keepalived.one.data", "State: MASTER");
    dumped(&mut lab, "keepalived_parent.one.data", "vrrp_instance");
    lab.router(1).daemon().signal(Signal::SIGUSR2);
    dumped(&mut lab, "dumps/counters", "Priority Zero");

    lab.router(1).configure(&conf(format!("state_dump_file {place}/\nstats_dump_file {place}/second")));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload is complete", || lab.router(1).log().contains("Reload complete"));
    lab.router(1).daemon().signal(Signal::SIGUSR1);
    dumped(&mut lab, "dumps/keepalived.data", "State: MASTER");
    dumped(&mut lab, "dumps/keepalived_parent.data", "vrrp_instance");
    lab.router(1).daemon().signal(Signal::SIGUSR2);
    dumped(&mut lab, "dumps/second", "Priority Zero");
    assert!(!lab.router(1).file("keepalived.stats").exists());
    assert!(!lab.router(1).file("keepalived.data").exists());
}
