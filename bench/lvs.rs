//! `make bench`: IPVS and health checks, ours and C keepalived side by side, inside user-mode Linux.
//!
//! Prints Markdown. Both daemons run in turns. BENCH_N sets the repetitions (5), BENCH_SERVICES the virtual servers
//! (200) with 10 real servers each. Times are those of a machine inside a machine: compare them with each other only.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a bench")]

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use lab::Daemon::{C, Ours};
use lab::netns::{Netns, next_lab};
use lab::process::{Proc, cpu_time};
use lab::uml::{is_inside, run};
use lab::{Daemon, wait_for, wait_until};
use nix::sys::signal::Signal;
use tempfile::TempDir;

const DAEMONS: [Daemon; 2] = [Ours, C];
const LIMIT: Duration = Duration::from_secs(120);
/// Real servers of each virtual server.
const SERVERS: usize = 10;
/// Period of the checks.
const PERIOD: Duration = Duration::from_secs(2);
/// For how long the cost of checks is measured.
const WATCHED: Duration = Duration::from_secs(10);

fn main() {
    if is_inside() {
        return compare();
    }
    let settings: String = ["BENCH_N", "BENCH_SERVICES"]
        .into_iter()
        .filter_map(|name| Some(format!("{name}={} ", std::env::var(name).ok()?.parse::<usize>().ok()?)))
        .collect();
    let program = std::env::current_exe().expect("the path of this program");
    let report = run(&format!("LAB_UML=1 {settings} exec '{}'", program.display()), Duration::from_secs(1800));
    print!("{}", report.output);
    assert_eq!(report.status, Some(0), "{}", report.console);
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// What one run took.
struct Run {
    /// From the start to the last real server in the kernel's table.
    complete: Duration,
    /// Processor time of the checker process until then.
    cpu: Duration,
    /// Processor time of one check.
    check: Duration,
    /// From a start that finds all but one real server as it should be to that one being set.
    restart: Duration,
}

fn compare() {
    let services = number("BENCH_SERVICES", 200);
    println!("\n## IPVS: {services} virtual servers with {SERVERS} real servers each, TCP_CHECK every {PERIOD:?}\n");
    println!(
        "| daemon | start to complete table ms | CPU of it ms | CPU per check us | restart with one change ms | n |"
    );
    println!("|---|---|---|---|---|---|");
    let mut results: [Vec<Run>; 2] = Default::default();
    for _ in 0..number("BENCH_N", 5) {
        for (daemon, results) in DAEMONS.into_iter().zip(&mut results) {
            results.push(one(daemon, services));
        }
    }
    for (daemon, results) in DAEMONS.iter().zip(&results) {
        let column = |of: fn(&Run) -> Duration, unit: f64| spread(results.iter().map(of), unit);
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            daemon.name(),
            column(|run| run.complete, 1e3),
            column(|run| run.cpu, 1e3),
            column(|run| run.check, 1e6),
            column(|run| run.restart, 1e3),
            results.len()
        );
    }
}

/// Median, least and most.
fn spread(times: impl Iterator<Item = Duration>, unit: f64) -> String {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    let shown = |at: usize| times.get(at).map_or(0.0, |time| time.as_secs_f64() * unit);
    format!("{:.1} ({:.1}-{:.1})", shown(times.len() / 2), shown(0), shown(times.len().saturating_sub(1)))
}

fn conf(services: usize, weight: u32) -> String {
    let mut conf = String::new();
    for service in 0..services {
        let (high, low) = (service / 250, service % 250 + 1);
        writeln!(
            conf,
            "virtual_server 10.8.{high}.{low} 80 {{\n delay_loop {}\n lb_algo wrr\n lb_kind NAT\n protocol TCP",
            PERIOD.as_secs()
        )
        .unwrap();
        for server in 1..=SERVERS {
            let weight = if (service, server) == (services / 2, 1) { weight } else { 1 };
            let address = format!("10.7.{}.{low}", high * 16 + server);
            writeln!(
                conf,
                " real_server {address} 80 {{\n weight {weight}\n TCP_CHECK {{\n connect_timeout 1\n }}\n }}"
            )
            .unwrap();
        }
        conf += "}\n";
    }
    conf
}

fn one(daemon: Daemon, services: usize) -> Run {
    let netns = Netns::new(next_lab(), "director");
    netns.ip("route add local 10.7.0.0/16 dev lo");
    let listener = netns.enter(|| TcpListener::bind("0.0.0.0:80").expect("a free port"));
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let dir = TempDir::with_prefix("bench").expect("a temporary directory");
    let file = |name: &str| dir.path().join(name);
    let start = |weight| {
        fs::write(file("keepalived.conf"), conf(services, weight)).expect("our own directory");
        let mut command = daemon.command(&netns);
        command.args(["-n", "-l", "-G", "-C", "-I", "-f"]).arg(file("keepalived.conf"));
        command.arg("-p").arg(file("keepalived.pid")).arg("-c").arg(file("checkers.pid"));
        (Instant::now(), Proc::spawn(command, &file("log")))
    };
    let stop = |mut process: Proc| {
        process.signal(Signal::SIGTERM);
        process.wait(LIMIT);
    };

    let (started, process) = start(1);
    wait_until(LIMIT, "the table is complete", || weights(&netns).len() == services * SERVERS);
    let complete = started.elapsed();
    let pid = wait_for(LIMIT, "a pid file", || fs::read_to_string(file("checkers.pid")).ok()?.trim().parse().ok());
    let cpu = cpu_time(pid);
    // All checks have begun after the bootstrap delay of 1 s and a period.
    std::thread::sleep(Duration::from_secs(1) + PERIOD);
    let before = (Instant::now(), cpu_time(pid));
    std::thread::sleep(WATCHED);
    let checks = before.0.elapsed().as_secs_f64() / PERIOD.as_secs_f64() * (services * SERVERS) as f64;
    let check = (cpu_time(pid) - before.1).div_f64(checks);
    assert_eq!(weights(&netns).len(), services * SERVERS, "all are up");
    stop(process);

    let (started, process) = start(9);
    wait_until(LIMIT, "the change is made", || weights(&netns).contains(&9));
    let restart = started.elapsed();
    stop(process);
    Run { complete, cpu, check, restart }
}

/// The weights of all real servers in the kernel's table.
fn weights(netns: &Netns) -> Vec<u32> {
    // /proc/net is the namespace of the first thread.
    let table = netns.enter(|| fs::read_to_string("/proc/thread-self/net/ip_vs")).unwrap_or_default();
    let servers = table.lines().filter_map(|line| line.trim_start().strip_prefix("-> "));
    servers.filter_map(|line| line.split_whitespace().nth(2)?.parse().ok()).collect()
}
