//! Notify scripts: bursts, and scripts that hang.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use keepalived::notify::log;
use keepalived::notify::scripts::{Origin, Runner, Runners};
use keepalived::reactor::Program;
use lab::{holds_for, wait_until};

const LIMIT: Duration = Duration::from_secs(20);

fn sh(script: &str) -> Program {
    Program {
        argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        user: None,
        guarded: false,
        groups: false,
        resolved: false,
    }
}

/// A runner, and its log.
fn runner(origin: Origin) -> (Runner, log::Kept) {
    let (log, lines) = log::keep();
    keepalived::reactor::launcher::set_launcher(env!("CARGO_BIN_EXE_keepalived").into());
    (Runner::start(origin, log).unwrap(), lines)
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// A command that waits for a file, for half a minute at most: a test that fails must not leave a loop behind.
fn await_file(path: &Path) -> String {
    format!("for n in $(seq 300); do test -e {} && exit; sleep 0.1; done", path.display())
}

#[test]
fn a_burst_of_scripts_runs_in_order_with_a_limit() {
    let (runner, _log) = runner(Origin::Transitions);
    let directory = tempfile::tempdir().unwrap();
    let [started, go] = ["started", "go"].map(|name| directory.path().join(name));
    fs::create_dir(&started).unwrap();
    // Each script runs until the file `go` exists.
    for n in 0..300 {
        let mark = started.join(n.to_string());
        runner.submit(sh(&format!("echo > {}; {}", mark.display(), await_file(&go))));
    }
    wait_until(LIMIT, "the first are started", || count(&started) == 32);
    holds_for(Duration::from_secs(1), "no more of them run", || count(&started) == 32);
    assert!((0..32).all(|n| started.join(n.to_string()).exists()), "the first 32");
    fs::write(&go, "").unwrap();
    wait_until(LIMIT, "all have run", || count(&started) == 300);
}

#[test]
fn scripts_that_hang_delay_others_for_a_limited_time() {
    let (runner, _log) = runner(Origin::Transitions);
    let directory = tempfile::tempdir().unwrap();
    let (mark, end) = (directory.path().join("mark"), directory.path().join("end"));
    for _ in 0..40 {
        runner.submit(sh(&await_file(&end)));
    }
    runner.submit(sh(&format!("echo > {}", mark.display())));
    wait_until(LIMIT, "the script behind them has run", || mark.exists());
    fs::write(&end, "").unwrap();
    runner.finish(LIMIT);
}

/// Writes more than the buffer of a pipe to both outputs.
#[test]
fn a_script_with_much_output_is_not_blocked() {
    let (runner, _log) = runner(Origin::Transitions);
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("mark");
    runner.submit(sh(&format!("head -c 5000000 /dev/zero | tee /dev/stderr; echo > {}", mark.display())));
    wait_until(LIMIT, "it has ended", || mark.exists());
}

/// A stranger's adverts cause scripts that never end. The scripts of transitions have their own queue, and all run at once.
#[test]
fn scripts_of_adverts_do_not_delay_those_of_transitions() {
    let (log, _lines) = log::keep();
    keepalived::reactor::launcher::set_launcher(env!("CARGO_BIN_EXE_keepalived").into());
    let runners = Runners::start(&[Origin::Transitions, Origin::Adverts], &log).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let [forged, states] = ["forged", "states"].map(|name| directory.path().join(name));
    fs::create_dir(&forged).unwrap();
    fs::create_dir(&states).unwrap();
    for n in 0..400 {
        let mark = forged.join(n.to_string());
        // Until the directory is removed, at the end of the test.
        let hang = format!("echo > {}; while test -d {}; do sleep 0.2; done", mark.display(), forged.display());
        runners.submit(Origin::Adverts, sh(&hang));
    }
    wait_until(LIMIT, "the first of them hang", || count(&forged) == 4);
    let submitted = Instant::now();
    for n in 0..10 {
        runners.submit(Origin::Transitions, sh(&format!("echo > {}", states.join(n.to_string()).display())));
    }
    wait_until(Duration::from_secs(4), "the scripts of ten transitions have run", || count(&states) == 10);
    assert!(count(&forged) <= 8, "{} of the others after {:?}", count(&forged), submitted.elapsed());
    // The end waits for the scripts of transitions only.
    let stopped = Instant::now();
    runners.finish(LIMIT);
    assert!(stopped.elapsed() < LIMIT / 2, "{:?}", stopped.elapsed());
}

/// Of scripts caused by adverts, 64 may run, of which 4 start at the same time. At half of the limit, scripts that do not end
/// are logged.
#[test]
fn scripts_that_do_not_end_are_logged_before_the_limit_is_reached() {
    let (runner, log) = runner(Origin::Adverts);
    let directory = tempfile::tempdir().unwrap();
    let started = directory.path().join("started");
    fs::create_dir(&started).unwrap();
    for n in 0..400 {
        let mark = started.join(n.to_string());
        // Until the directory is removed, at the end of the test.
        let hang = format!("echo > {}; while test -d {}; do sleep 0.5; done", mark.display(), started.display());
        runner.submit(sh(&hang));
    }
    let lost =
        |lines: &[(log::Level, String)]| lines.iter().any(|(_, line)| line.contains("Too many scripts are waiting"));
    let mut lines = Vec::new();
    wait_until(LIMIT * 3, "the full queue is logged", || {
        lines.extend(log.take());
        lost(&lines)
    });
    assert!(lines.len() < 20, "144 dropped scripts are logged in few lines: {}", lines.len());
    wait_until(LIMIT * 4, "the near limit is logged", || {
        lines.extend(log.take());
        lines
            .iter()
            .any(|(_, line)| line.contains("32 scripts are running, and from 64 on others have to wait: /bin/sh (32)"))
    });
    assert!(count(&started) < 64);
}
