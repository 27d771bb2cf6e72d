//! `make bench`: takeover time, advert jitter and the cost of SNMP, ours and C keepalived side by side.
//!
//! Prints Markdown. Both daemons run in turns (A B A B), each with its own kind in both seats. BENCH_N
//! sets the repetitions of a takeover (20), BENCH_ONLY=takeover|crowd|jitter|walk picks one table.

use std::time::{Duration, Instant};

use lab::Daemon::{C, Ours};
use lab::conf::many;
use lab::process::{cpu_time, footprint};
use lab::snmp::ROOT;
use lab::{Daemon, Frame, Lab, Stamp, machine, now, wait_until};

const DAEMONS: [Daemon; 2] = [Ours, C];
const LIMIT: Duration = Duration::from_secs(60);
/// Priority of router 2, the backup.
const LOW: u8 = 100;

fn main() {
    let _turn = machine::alone();
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let tables: [(&str, fn()); 4] = [("takeover", takeover), ("crowd", crowd), ("jitter", jitter), ("walk", walk)];
    for (name, table) in tables {
        if only.is_empty() || only == name {
            table();
        }
    }
}

/// Repetitions of a takeover.
fn repetitions() -> usize {
    std::env::var("BENCH_N").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn takeover() {
    println!("\n## Takeover of one instance after kill -9\n");
    println!("ratio = (backup's first advert - master's last advert) / Master_Down_Interval\n");
    println!(
        "| advert_int s | bound ms | daemon | ratio median (min-max) | excess ms median (min-max) | GARP after the advert ms | n |"
    );
    println!("|---|---|---|---|---|---|---|");
    for interval in [1000, 100, 10].map(Duration::from_millis) {
        let mut pairs = DAEMONS.map(|daemon| Pair::start(daemon, 1, 1, interval));
        let mut results: [Vec<Takeover>; 2] = Default::default();
        for _ in 0..repetitions() {
            for (pair, results) in pairs.iter_mut().zip(&mut results) {
                results.push(pair.takeover());
            }
        }
        for (daemon, results) in DAEMONS.iter().zip(&results) {
            let bound = master_down(interval);
            println!(
                "| {} | {:.2} | {} | {} | {} | {} | {} |",
                interval.as_secs_f64(),
                ms(bound),
                daemon.name(),
                spread(results.iter().map(|one| one.last.as_secs_f64() / bound.as_secs_f64()), 4),
                spread(results.iter().map(|one| ms(one.last) - ms(bound)), 2),
                spread(results.iter().map(|one| ms(one.announced)), 2),
                results.len()
            );
        }
    }
}

fn crowd() {
    println!("\n## Takeover of 255 instances with 20 addresses each after kill -9\n");
    println!(
        "| advert_int s | bound ms | daemon | last instance: ratio median (min-max) | excess ms | last address set, ms after the kill | n |"
    );
    println!("|---|---|---|---|---|---|---|");
    let interval = Duration::from_millis(100);
    let bound = master_down(interval);
    let mut pairs = DAEMONS.map(|daemon| Pair::start(daemon, 255, 20, interval));
    let mut results: [Vec<Takeover>; 2] = Default::default();
    for _ in 0..repetitions().div_ceil(4) {
        for (pair, results) in pairs.iter_mut().zip(&mut results) {
            results.push(pair.takeover());
        }
    }
    for (daemon, results) in DAEMONS.iter().zip(&results) {
        println!(
            "| {} | {:.1} | {} | {} | {} | {} | {} |",
            interval.as_secs_f64(),
            ms(bound),
            daemon.name(),
            spread(results.iter().map(|one| one.last.as_secs_f64() / bound.as_secs_f64()), 3),
            spread(results.iter().map(|one| ms(one.last) - ms(bound)), 1),
            spread(results.iter().map(|one| ms(one.addresses)), 0),
            results.len()
        );
    }
}

fn jitter() {
    println!("\n## Advert jitter of a master over 20 s, advert_int 0.1 s: error = |interval - 0.1 s|\n");
    println!("| instances | daemon | error p50 ms | p99 ms | max ms | CPU % of a core | RSS KiB (VRRP process) |");
    println!("|---|---|---|---|---|---|---|");
    let interval = Duration::from_millis(100);
    for instances in [1, 50, 255] {
        for _ in 0..2 {
            for daemon in DAEMONS {
                let mut lab = Lab::new(1);
                lab.router(1).configure(&many(instances, 1, LOW, interval));
                lab.router(1).start(daemon);
                await_all(&lab, 1, instances, Duration::ZERO);
                let pid = lab.router(1).vrrp_pid();
                let (from, cpu) = (now(), cpu_time(pid));
                std::thread::sleep(Duration::from_secs(20));
                let (to, cpu) = (now(), cpu_time(pid) - cpu);
                let schedule = lab.wire.schedule(1, from, to);
                let pairs = schedule.values().flat_map(|adverts| adverts.windows(2));
                let mut errors: Vec<f64> = pairs.map(|pair| (ms(pair[1] - pair[0]) - ms(interval)).abs()).collect();
                errors.sort_by(f64::total_cmp);
                println!(
                    "| {instances} | {} | {:.3} | {:.2} | {:.1} | {:.2} | {} |",
                    daemon.name(),
                    quantile(&errors, 0.5),
                    quantile(&errors, 0.99),
                    quantile(&errors, 1.0),
                    100.0 * cpu.as_secs_f64() / (to - from).as_secs_f64(),
                    footprint(pid).0
                );
            }
        }
    }
}

fn walk() {
    println!("\n## SNMP walk of KEEPALIVED-MIB, 255 instances with 4 addresses each\n");
    println!("| tool | daemon | varbinds | seconds median (min-max) | daemon us/varbind | snmpd CPU s | n |");
    println!("|---|---|---|---|---|---|---|");
    let mut labs = DAEMONS.map(|daemon| {
        let mut lab = Lab::new(1);
        lab.router(1).configure(&many(255, 4, LOW, Duration::from_millis(100)));
        lab.router(1).start_snmp();
        lab.router(1).start(daemon);
        await_all(&lab, 1, 255, Duration::ZERO);
        wait_until(LIMIT, "all addresses are set", || lab.router(1).count_addresses("10.1") == 4 * 255);
        wait_until(LIMIT, "objects are readable", || !lab.router(1).snmp().walk(ROOT).is_empty());
        lab
    });
    for tool in ["snmpbulkwalk", "snmpwalk"] {
        let mut results: [Vec<Walk>; 2] = Default::default();
        for _ in 0..5 {
            for (lab, results) in labs.iter_mut().zip(&mut results) {
                results.push(Walk::run(lab, tool));
            }
        }
        for (daemon, results) in DAEMONS.iter().zip(&results) {
            println!(
                "| {tool} | {} | {} | {} | {} | {} | {} |",
                daemon.name(),
                results[0].varbinds,
                spread(results.iter().map(|walk| walk.took.as_secs_f64()), 2),
                spread(results.iter().map(|walk| walk.daemon.as_secs_f64() * 1e6 / walk.varbinds as f64), 1),
                spread(results.iter().map(|walk| walk.snmpd.as_secs_f64()), 2),
                results.len()
            );
        }
    }
}

/// One walk of the whole MIB.
struct Walk {
    varbinds: usize,
    took: Duration,
    daemon: Duration,
    snmpd: Duration,
}

impl Walk {
    fn run(lab: &mut Lab, tool: &str) -> Self {
        let pids = [lab.router(1).vrrp_pid(), lab.router(1).snmp().snmpd.pid().as_raw()];
        let before = pids.map(cpu_time);
        let start = Instant::now();
        let output = lab::process::output_of(&mut lab.router(1).snmp().tool(tool, ROOT));
        let took = start.elapsed();
        let after = pids.map(cpu_time);
        Self { varbinds: output.lines().count(), took, daemon: after[0] - before[0], snmpd: after[1] - before[1] }
    }
}

/// A master (router 1, priority 200) and a backup of the same make.
struct Pair {
    lab: Lab,
    daemon: Daemon,
    instances: u8,
    addresses: usize,
}

/// What a backup needed after the master's death, the worst of all instances.
struct Takeover {
    /// From the master's last advert to the backup's first.
    last: Duration,
    /// From the backup's first advert to its first gratuitous ARP, of one instance.
    announced: Duration,
    /// From the kill until all addresses are on the backup.
    addresses: Duration,
}

impl Pair {
    fn start(daemon: Daemon, instances: u8, addresses: usize, interval: Duration) -> Self {
        let mut lab = Lab::new(2);
        lab.router(1).configure(&many(instances, addresses, 200, interval));
        lab.router(2).configure(&many(instances, addresses, LOW, interval));
        lab.router(2).start(daemon);
        await_all(&lab, 2, instances, Duration::ZERO);
        let mut pair = Self { lab, daemon, instances, addresses };
        pair.start_master();
        pair
    }

    /// Starts router 1 and waits until it is master of all and router 2 has let go of all.
    fn start_master(&mut self) {
        let since = now();
        self.lab.router(1).start(self.daemon);
        await_all(&self.lab, 1, self.instances, since);
        let all = self.addresses * usize::from(self.instances);
        wait_until(LIMIT, "router 1 has all addresses", || self.lab.router(1).count_addresses("10.1") == all);
        wait_until(LIMIT, "router 2 has no address left", || self.lab.router(2).count_addresses("10.1") == 0);
        // The second burst of announcements comes 5 s after the first.
        let quiet = now();
        wait_until(LIMIT, "router 1 is quiet", || {
            let heard = self.lab.wire.heard();
            let last = heard.iter().rev().find(|heard| matches!(heard.frame, Frame::GratuitousArp(_)));
            let last = last.map_or(quiet, |heard| heard.at).max(quiet);
            now() - last > Duration::from_millis(if self.addresses > 1 { 6000 } else { 300 })
        });
        self.lab.wire.clear();
        let settled = now();
        await_all(&self.lab, 1, self.instances, settled);
    }

    /// Kills the master and waits until the backup has taken everything; then starts the master again.
    fn takeover(&mut self) -> Takeover {
        let killed = self.lab.router(1).kill9();
        let all = self.addresses * usize::from(self.instances);
        wait_until(LIMIT, "router 2 has all addresses", || self.lab.router(2).count_addresses("10.1") == all);
        let addresses = now() - killed;
        await_all(&self.lab, 2, self.instances, killed);
        let first = self.lab.wire.schedule(2, killed, now());
        let before = self.lab.wire.schedule(1, Duration::ZERO, now());
        let took = first
            .iter()
            .filter_map(|(vrid, adverts)| Some(adverts.first()?.saturating_sub(*before.get(vrid)?.last()?)));
        let last = took.max().unwrap_or_default();
        let advert = first.values().filter_map(|adverts| adverts.first()).min().copied().unwrap_or_default();
        let announced = self.first_announcement(advert).saturating_sub(advert);
        self.start_master();
        Takeover { last, announced, addresses }
    }

    fn first_announcement(&self, since: Stamp) -> Stamp {
        lab::wait_for(LIMIT, "router 2 announces an address", || {
            let heard = self.lab.wire.heard();
            let mut own = heard.iter().filter(|heard| heard.from == 2 && heard.at >= since);
            own.find(|heard| matches!(heard.frame, Frame::GratuitousArp(_))).map(|heard| heard.at)
        })
    }
}

/// Waits until `router` has advertised all of its instances since `since`.
fn await_all(lab: &Lab, router: usize, instances: u8, since: Stamp) {
    wait_until(LIMIT, &format!("router {router} is master of all"), || {
        lab.wire.schedule(router, since, now()).len() == usize::from(instances)
    });
}

/// Master_Down_Interval of the backup (RFC 9568 section 6.1).
fn master_down(interval: Duration) -> Duration {
    interval * 3 + interval * (256 - u32::from(LOW)) / 256
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// `median (min-max)`.
fn spread(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let [median, min, max] = [0.5, 0.0, 1.0].map(|share| quantile(&values, share));
    format!("{median:.digits$} ({min:.digits$}-{max:.digits$})")
}

/// The value below which `share` of the sorted values lie.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
