//! The checkers and IPVS inside user-mode Linux: start, checks, restart, SNMP, and kill -9 of the checker process.
//!
//! That kernel is slow at system calls and has one processor, so only the ratios are meaningful. BENCH_ROWS (10000) is the
//! number of real servers of the largest tables, BENCH_DELAY (2) the `delay_loop` in seconds, BENCH_LVS=start|walk|kill
//! selects one table.

use std::time::{Duration, Instant};

use lab::process::{cpu_time, footprint};
use lab::snmp::ROOT;
use lab::{Daemon, uml};

use crate::farm::{Entries, Farm, Killed, STEP};
use crate::host_cpu::{HostCpu, mark, seconds as seconds_since_1970};
use crate::report::spread;
use crate::{DAEMONS, repetitions};

/// Time limit for the whole benchmark.
const ALL: Duration = Duration::from_secs(3600);
/// Real servers per virtual server, except for the shape with one virtual server.
const SERVERS: usize = 10;
/// Columns of realServerTable that are walked: address, status, connections.
const COLUMNS: [u32; 3] = [4, 6, 14];

/// Boots the kernel and runs this program in it.
pub fn lvs() {
    let cpu = HostCpu::start();
    let report = uml::run_this_program(ALL);
    println!("{}", cpu.fill(&report.output));
    if report.status != Some(0) {
        println!("user-mode Linux exited with status {:?}\n{}", report.status, report.console);
    }
}

/// Prints the tables, inside user-mode Linux.
pub fn inside() {
    let only = std::env::var("BENCH_LVS").unwrap_or_default();
    let tables: [(&str, fn()); 3] = [("start", start), ("walk", walk), ("kill", killed)];
    for (name, table) in tables {
        if only.is_empty() || only == name {
            table();
        }
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Numbers of virtual servers with ten real servers each, up to BENCH_ROWS real servers.
fn sizes() -> Vec<usize> {
    let most = setting("BENCH_ROWS", 10_000);
    [10, 100, 500, 1000].into_iter().filter(|services| services * SERVERS <= most).collect()
}

fn start() {
    let delay = setting("BENCH_DELAY", 2) as u64;
    println!("\n## Checkers: virtual servers with {SERVERS} real servers each, TCP_CHECK, delay_loop {delay}\n");
    println!(
        "kernel's CPU = processor time on the host of the whole kernel inside, real servers included, per check\n\nstart, reload, restart: from exec or SIGHUP until IPVS is as configured; the reload changes one weight, the next changes it back, and the restart after a stop with -I too\n"
    );
    println!(
        "| virtual servers | daemon | start s | its CPU s | RSS KiB | checks/s | kernel's CPU us/check | reload s | next reload s | stop s | \
         restart s | its CPU s | fewest entries during the restart |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for services in sizes().into_iter().filter(|services| *services >= 100) {
        for _ in 0..repetitions().min(2) {
            for daemon in DAEMONS {
                println!("| {services} | {} | {} |", daemon.name(), start_one(daemon, services, delay));
            }
        }
    }
}

fn start_one(daemon: Daemon, services: usize, delay: u64) -> String {
    let mut farm = Farm::new(services, SERVERS, delay);
    let all = services * SERVERS;
    let mut cells = Vec::new();
    farm.start(daemon, &["-I"], None);
    let complete = farm.await_complete();
    cells.push(seconds(complete));
    if complete.is_none() {
        return cells.join(" | ");
    }
    let pid = farm.pid();
    cells.push(format!("{:.2}", cpu_time(pid).as_secs_f64()));
    cells.push(footprint(pid).0.to_string());
    // Wait until all have been checked once.
    std::thread::sleep(Duration::from_secs(delay));
    let (from, since, checks) = (Instant::now(), seconds_since_1970(), farm.checks());
    std::thread::sleep(Duration::from_secs(2 * delay));
    let (took, checks) = (from.elapsed(), farm.checks() - checks);
    cells.push(format!("{:.0}", checks as f64 / took.as_secs_f64()));
    cells.push(mark(since, seconds_since_1970(), checks as u64));
    // The first reload also pages the code in.
    for changed in [1, 0, 1] {
        farm.reload((changed == 1).then_some(all / 2 + 3));
        cells.push(seconds(farm.await_entries(|found| found == Entries { all, changed })));
    }
    cells.pop();
    cells.push(seconds(farm.stop()));
    let mut fewest = farm.entries().all;
    farm.start(daemon, &["-I"], None);
    cells.push(seconds(farm.await_entries(|found| {
        fewest = fewest.min(found.all);
        found == Entries { all, changed: 0 }
    })));
    cells.push(format!("{:.2}", cpu_time(farm.pid()).as_secs_f64()));
    cells.push(fewest.to_string());
    cells.join(" | ")
}

fn walk() {
    println!("\n## SNMP: bulk walk of realServerTable, columns {COLUMNS:?}, and of the whole check branch\n");
    println!(
        "| virtual x real servers | daemon | start to served s | walk | varbinds | s | daemon us/varbind | snmpd us/varbind |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut shapes: Vec<(usize, usize)> = sizes().into_iter().map(|services| (services, SERVERS)).collect();
    if setting("BENCH_ROWS", 10_000) >= 5000 {
        shapes.push((1, 5000));
    }
    for (services, servers) in shapes {
        for daemon in DAEMONS {
            walk_one(daemon, services, servers);
        }
    }
}

fn walk_one(daemon: Daemon, services: usize, servers: usize) {
    // A long delay_loop: checks are not measured here.
    let mut farm = Farm::new(services, servers, 3600);
    farm.start_snmp();
    farm.start(daemon, &[], None);
    let served = farm.await_object(&format!("{ROOT}.3.4.1.6.{services}.{servers}"));
    let name = format!("| {services} x {servers} | {} | {}", daemon.name(), seconds(served));
    if served.is_none() {
        return println!("{name} |");
    }
    let columns: Vec<String> = COLUMNS.map(|column| format!("{ROOT}.3.4.1.{column}")).into();
    println!("{name} | columns | {} |", farm.walk(&columns));
    if services * servers <= 100 {
        println!("{name} | all | {} |", farm.walk(&[format!("{ROOT}.3")]));
    }
}

fn killed() {
    const SERVICES: usize = 30;
    const KILLS: usize = 5;
    println!(
        "\n## kill -9 of the checker process, {KILLS} times: {SERVICES} virtual servers with {SERVERS} real servers each\n"
    );
    println!(
        "missing = entries not in IPVS at some time after the kill; new = entries removed and added again, by their position in the listing\n"
    );
    println!("| daemon | replaced after ms median (min-max) | entries missing, each kill | entries new, each kill |");
    println!("|---|---|---|---|");
    for daemon in DAEMONS {
        let mut farm = Farm::new(SERVICES, SERVERS, 5);
        farm.start(daemon, &[], None);
        if farm.await_entries(|found| found.all == SERVICES * SERVERS).is_none() {
            println!("| {} | did not come up |", daemon.name());
            continue;
        }
        let results: Vec<Killed> = (0..KILLS).map(|_| farm.kill()).collect();
        let counts =
            |of: fn(&Killed) -> usize| results.iter().map(|one| of(one).to_string()).collect::<Vec<_>>().join(", ");
        println!(
            "| {} | {} | {} | {} |",
            daemon.name(),
            spread(results.iter().map(|one| one.replaced.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)), 0),
            counts(|one| one.missing),
            counts(|one| one.moved)
        );
    }
}

/// A time in seconds, or "not within".
fn seconds(time: Option<Duration>) -> String {
    time.map_or(format!("not within {} s", STEP.as_secs()), |time| format!("{:.2}", time.as_secs_f64()))
}
