//! Notify scripts: bursts, and scripts that hang.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use keepalived::notify::log::{self, Facility, Options};
use keepalived::notify::scripts::Runner;
use keepalived::reactor::Program;
use lab::{holds_for, wait_until};

const LIMIT: Duration = Duration::from_secs(20);

fn sh(script: &str) -> Program {
    Program { argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(), user: None, guarded: false }
}

/// A runner whose messages nobody reads.
fn runner() -> (Runner, log::Writer) {
    let options =
        Options { ident: "test".into(), syslog: false, facility: Facility::LOG_DAEMON, console: false, detail: false };
    let writer = log::start(options).unwrap();
    keepalived::reactor::launcher::set_launcher(env!("CARGO_BIN_EXE_keepalived").into());
    (Runner::start(writer.log()).unwrap(), writer)
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn of_a_burst_some_run_and_the_others_wait_in_order() {
    let (runner, _log) = runner();
    let directory = tempfile::tempdir().unwrap();
    let [started, go] = ["started", "go"].map(|name| directory.path().join(name));
    fs::create_dir(&started).unwrap();
    // Each is there until it may go.
    for n in 0..300 {
        let (mark, go) = (started.join(n.to_string()), go.display());
        runner.submit(sh(&format!("echo > {}; while ! test -e {go}; do sleep 0.05; done", mark.display())));
    }
    wait_until(LIMIT, "the first are started", || count(&started) == 32);
    holds_for(Duration::from_secs(1), "no more of them run", || count(&started) == 32);
    assert!((0..32).all(|n| started.join(n.to_string()).exists()), "the first 32");
    fs::write(&go, "").unwrap();
    wait_until(LIMIT, "all have run", || count(&started) == 300);
}

#[test]
fn scripts_that_hang_keep_nobody_waiting_for_long() {
    let (runner, _log) = runner();
    let directory = tempfile::tempdir().unwrap();
    let (mark, end) = (directory.path().join("mark"), directory.path().join("end"));
    for _ in 0..40 {
        runner.submit(sh(&format!("while ! test -e {}; do sleep 0.2; done", end.display())));
    }
    runner.submit(sh(&format!("echo > {}", mark.display())));
    wait_until(LIMIT, "the script behind them has run", || mark.exists());
    fs::write(&end, "").unwrap();
    runner.finish(LIMIT);
}

/// More than any pipe holds, to both outputs.
#[test]
fn a_script_that_floods_its_output_is_not_held_up() {
    let (runner, _log) = runner();
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("mark");
    runner.submit(sh(&format!("head -c 5000000 /dev/zero | tee /dev/stderr; echo > {}", mark.display())));
    wait_until(LIMIT, "it has come to its end", || mark.exists());
}
