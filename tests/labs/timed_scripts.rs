//! `startup_script` and `shutdown_script`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::{Lab, Protocol, machine, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);
const PROTOCOL: Protocol = Protocol::V3;

fn conf(global: &str) -> String {
    PROTOCOL.conf(100, "").replacen('{', &format!("{{\n script_user root\n {global}\n"), 1)
}

#[test]
fn the_startup_script_precedes_the_processes_and_the_shutdown_script_follows_them() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let (notes, go) = (lab.router(1).file("notes"), lab.router(1).file("go"));
    let vrrp_pid = lab.router(1).file("vrrp.pid");
    let start = format!(
        "test -e {} || echo \"$1 before\" > {}\nwhile ! test -e {}; do sleep 0.05; done\n",
        vrrp_pid.display(),
        notes.display(),
        go.display()
    );
    let start = lab.router(1).script("start.sh", &start);
    let vip = PROTOCOL.all_vips()[0];
    let stop = format!("ip -o address show | grep -q '{vip}/' || echo 'no address' >> {}\n", notes.display());
    let stop = lab.router(1).script("stop.sh", &stop);
    lab.router(1).configure(&conf(&format!(
        "startup_script \"{} now\"\n shutdown_script {}",
        start.display(),
        stop.display()
    )));
    lab.router(1).start(Ours);
    let read = || fs::read_to_string(&notes).unwrap_or_default();
    wait_until(LIMIT, "the script runs", || read() == "now before\n");
    assert!(!lab.router(1).log().contains("Starting VRRP"), "{}", lab.router(1).log());
    fs::write(&go, "").unwrap();
    wait_until(LIMIT, "the router is master", || lab.router(1).holds(vip));
    assert!(lab.router(1).stop().1.success());
    assert_eq!(read(), "now before\nno address\n");
}

#[test]
fn scripts_that_hang_or_fail_are_reported_and_stop_nothing() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let hangs = lab.router(1).script("hangs.sh", "sleep 60\n");
    let fails = lab.router(1).script("fails.sh", "exit 3\n");
    lab.router(1).configure(&conf(&format!(
        "startup_script {}\n startup_script_timeout 1\n shutdown_script {}",
        hangs.display(),
        fails.display()
    )));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the router is master", || lab.router(1).holds(PROTOCOL.all_vips()[0]));
    let log = lab.router(1).log();
    assert!(log.contains("The startup_script has not ended within 1 s: it is killed"), "{log}");
    assert!(log.contains("The startup_script failed (signal: 9 (SIGKILL))"), "{log}");
    assert!(lab.router(1).stop().1.success());
    let log = lab.router(1).log();
    assert!(log.contains("The shutdown_script failed (exit status: 3)"), "{log}");
}

#[test]
fn a_stop_does_not_wait_for_the_startup_script() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let hangs = lab.router(1).script("hangs.sh", "sleep 60\n");
    lab.router(1).configure(&conf(&format!("startup_script {}\n startup_script_timeout 60", hangs.display())));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the script runs", || lab.router(1).log().contains("Running the startup_script, pid="));
    let begin = Instant::now();
    lab.router(1).daemon().signal(Signal::SIGTERM);
    assert!(lab.router(1).stop().1.success());
    assert!(begin.elapsed() < LIMIT);
    assert!(!lab.router(1).log().contains("Starting VRRP"), "{}", lab.router(1).log());
}
