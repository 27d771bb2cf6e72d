//! The system calls of the checks, counted by strace.
#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use lab::director::Director;
use lab::process::Proc;
use lab::real::{HTTP, nginx};
use lab::{machine, wait_until};
use nix::sys::signal::Signal;

/// Time limit for strace, on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
/// Checks to be counted.
const CHECKS: usize = 100;

/// Counts the system calls of the checker process until it has done 100 checks with `checker`, of ten servers.
fn calls(checker: &str) -> BTreeMap<String, usize> {
    let mut director = Director::new();
    let _nginx = nginx(director.router());
    let names: Vec<String> = (0..10).map(|number| format!("server {number}")).collect();
    for name in &names {
        director.check(name, HTTP, checker);
    }
    director.start();
    director.await_states(&names.iter().map(|name| (name.as_str(), true)).collect::<Vec<_>>());
    let router = director.router();
    let (trace, pid) = (router.file("trace"), router.checker_pid().to_string());
    let mut command = Command::new("strace");
    command.args(["-e", "trace=%network,epoll_ctl,epoll_wait,close", "-p", &pid, "-o"]).arg(&trace);
    let mut strace = Proc::spawn(command, &router.file("strace.log"));
    let read = || fs::read_to_string(&trace).unwrap_or_default();
    wait_until(LIMIT, "enough checks are traced", || read().matches("socket(AF_INET, SOCK_STREAM").count() > CHECKS);
    strace.signal(Signal::SIGINT);
    strace.wait(LIMIT);
    let mut calls = BTreeMap::new();
    for line in read().lines() {
        let name = line.split('(').next().unwrap_or_default();
        *calls.entry(name.to_owned()).or_default() += 1;
    }
    calls
}

/// At most this many calls of a kind per check.
fn assert_at_most(calls: &BTreeMap<String, usize>, limits: &[(&str, f64)]) {
    let count = |name: &str| calls.get(name).copied().unwrap_or(0) as f64;
    let checks = count("socket");
    for (name, limit) in limits {
        assert!(count(name) <= limit * checks, "{name}: more than {limit} for each check: {calls:?}");
    }
}

/// Other sources of the process, SNMP and IPVS, add some calls.
const OTHERS: f64 = 0.5;

#[test]
fn a_tcp_check_makes_no_needless_system_call() {
    let _turn = machine::shared();
    let calls = calls("TCP_CHECK {\n connect_timeout 5\n }");
    assert_at_most(
        &calls,
        &[
            ("setsockopt", 1.1),
            ("connect", 1.1),
            ("epoll_ctl", 1.1),
            ("getsockname", 0.0),
            ("recvfrom", OTHERS),
            ("close", 1.1),
            ("epoll_wait", 2.0),
        ],
    );
}

#[test]
fn an_http_check_reads_its_answer_once() {
    let _turn = machine::shared();
    let calls = calls("HTTP_GET {\n connect_timeout 5\n url {\n path /page\n }\n }");
    assert_at_most(
        &calls,
        &[("epoll_ctl", 1.1), ("getsockname", 0.0), ("recvfrom", 1.0 + OTHERS), ("epoll_wait", 3.0)],
    );
}
