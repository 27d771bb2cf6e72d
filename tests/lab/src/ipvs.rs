//! IPVS tables as `ipvsadm` lists them, and the tables that daemons program for a configuration. For use inside
//! [`crate::uml`].

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::netns::{Netns, next_lab};
use crate::process::Proc;

/// Time limit for a daemon to program its table.
const LIMIT: Duration = Duration::from_secs(30);
/// A table that has not changed for this long is complete.
const SETTLED: Duration = Duration::from_millis(1500);

/// The output of `ipvsadm ARGS` (separated by spaces) in a namespace.
pub fn ipvsadm(netns: &Netns, args: &str) -> String {
    let output = netns.command("ipvsadm").args(args.split_whitespace()).output().expect("ipvsadm");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ipvsadm {args}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `ipvsadm -R` with these lines.
pub fn restore(netns: &Netns, lines: &str) {
    let mut command = netns.command("ipvsadm");
    command.arg("-R").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("ipvsadm");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("ipvsadm reads");
    let output = child.wait_with_output().expect("ipvsadm");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "ipvsadm -R: {errors}");
}

/// The table as text: the listings with weights and limits, and the commands of `ipvsadm -S`, sorted by service.
pub fn shown(netns: &Netns) -> String {
    let listed = sorted(&ipvsadm(netns, "-ln --exact"), |line| !line.starts_with("  -> "));
    let limits = sorted(&ipvsadm(netns, "-ln --thresholds --exact"), |line| !line.starts_with("  -> "));
    let saved = sorted(&ipvsadm(netns, "-S -n"), |line| line.starts_with("-A"));
    [listed, limits, saved].join("\n")
}

/// The table that a daemon programs for a configuration, once it is `expected` or, without that, does not change.
pub fn programmed(daemon: Daemon, conf: &str, expected: Option<&str>) -> String {
    let netns = Netns::new(next_lab(), "director");
    let dir = TempDir::with_prefix("ipvs").expect("a temporary directory");
    let file = |name: &str| dir.path().join(name);
    fs::write(file("keepalived.conf"), conf).expect("our own directory");
    let mut command = daemon.command(&netns);
    command.args(["-n", "-l", "-D", "-G", "-C", "-f"]).arg(file("keepalived.conf"));
    command.arg("-p").arg(file("keepalived.pid")).arg("-c").arg(file("checkers.pid"));
    let mut running = Proc::spawn(command, &file("log"));
    let deadline = Instant::now() + LIMIT;
    let mut last = (shown(&netns), Instant::now());
    loop {
        let now = shown(&netns);
        if now != last.0 {
            last = (now, Instant::now());
        }
        let complete = match expected {
            Some(expected) => last.0 == expected,
            None => last.0.contains("-A ") && last.1.elapsed() >= SETTLED,
        };
        assert!(running.is_running(), "{} has exited: {}", daemon.name(), running.log());
        if complete || Instant::now() >= deadline {
            return last.0;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Asserts that our daemon and C keepalived program the same table for a configuration.
pub fn compare_with_c(conf: &str) {
    let theirs = programmed(Daemon::C, conf, None);
    let ours = programmed(Daemon::Ours, conf, Some(&theirs));
    assert_same(&ours, &theirs);
}

/// Asserts that two tables of [`shown`] are the same; prints the lines that differ.
pub fn assert_same(ours: &str, theirs: &str) {
    let lines = |text: &str, other: &str, sign: &str| -> String {
        let others: BTreeSet<&str> = other.lines().collect();
        text.lines().filter(|line| !others.contains(line)).map(|line| format!("{sign} {line}\n")).collect()
    };
    let (wrong, missing) = (lines(ours, theirs, "+"), lines(theirs, ours, "-"));
    assert!(ours == theirs, "the tables differ: + only ours, - only theirs\n{wrong}{missing}");
}

/// Sorts the services of a listing, and the lines of each service: the kernel lists services by hash and destinations by
/// age.
fn sorted(listing: &str, begins_service: impl Fn(&str) -> bool) -> String {
    let mut services: Vec<Vec<&str>> = Vec::new();
    for line in listing.lines() {
        match services.last_mut() {
            Some(service) if !begins_service(line) => service.push(line),
            _ => services.push(vec![line]),
        }
    }
    for service in &mut services {
        if let Some((_, rest)) = service.split_first_mut() {
            rest.sort_unstable();
        }
    }
    services.sort();
    services.concat().join("\n")
}
