//! SNMP walks of KEEPALIVED-MIB.

use std::time::{Duration, Instant};

use lab::conf::many;
use lab::process::{cpu_time, output_of};
use lab::snmp::ROOT;
use lab::{Lab, now, wait_until};

use crate::report::{ms, quantile, spread};
use crate::{DAEMONS, LIMIT, LOW, await_all};

/// The table: walks of the whole MIB with 255 instances. The processor time includes adverts, one a second for each instance, and
/// on idle CPUs the wake-ups of the other one.
pub fn walk() {
    println!("\n## SNMP walk of KEEPALIVED-MIB, 255 instances with 4 addresses each, advert_int 1\n");
    println!("On idle CPUs each request wakes another one; `taskset -c 1` shows the daemons alone.\n");
    println!("| tool | daemon | varbinds | seconds median (min-max) | daemon us/varbind | snmpd CPU s | n |");
    println!("|---|---|---|---|---|---|---|");
    let mut labs = DAEMONS.map(|daemon| {
        let mut lab = Lab::new(1);
        lab.router(1).configure(&many(255, 4, LOW, Duration::from_secs(1)));
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

/// The table: adverts while managers walk the whole MIB one time after the other. All instances advertise in one burst, so one late
/// wake-up of the machine is many late adverts: the times with and without managers alternate, and are long.
pub fn managers() {
    const MANAGERS: usize = 20;
    const TIMES: usize = 3;
    let interval = Duration::from_millis(100);
    println!(
        "\n## Adverts while {MANAGERS} managers walk KEEPALIVED-MIB, 255 instances, advert_int 0.1 s, \
         {TIMES} times 40 s, alternating\n"
    );
    println!("error = |interval - 0.1 s|\n");
    println!("| daemon | managers | error p50 ms | p99 ms | p99.9 ms (of each time) | max ms | n |");
    println!("|---|---|---|---|---|---|---|");
    for daemon in DAEMONS {
        let mut lab = Lab::new(1);
        lab.router(1).configure(&many(255, 1, LOW, interval));
        lab.router(1).start_snmp();
        lab.router(1).start(daemon);
        await_all(&lab, 1, 255, Duration::ZERO);
        wait_until(LIMIT, "objects are readable", || !lab.router(1).snmp().walk(ROOT).is_empty());
        let mut results = [0, MANAGERS].map(|managers| (managers, Vec::new(), Vec::new()));
        for _ in 0..TIMES {
            for (managers, all, each) in &mut results {
                let walks: Vec<_> = (0..*managers).map(|_| lab.router(1).snmp().walk_forever()).collect();
                let from = now();
                std::thread::sleep(Duration::from_secs(40));
                let to = now();
                drop(walks);
                let schedule = lab.wire.schedule(1, from, to);
                let pairs = schedule.values().flat_map(|adverts| adverts.windows(2));
                let mut errors: Vec<f64> = pairs.map(|pair| (ms(pair[1] - pair[0]) - ms(interval)).abs()).collect();
                errors.sort_by(f64::total_cmp);
                each.push(format!("{:.2}", quantile(&errors, 0.999)));
                all.append(&mut errors);
            }
        }
        for (managers, mut all, each) in results {
            all.sort_by(f64::total_cmp);
            let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|share| quantile(&all, share));
            println!(
                "| {} | {managers} | {p50:.3} | {p99:.2} | {p999:.2} ({}) | {max:.1} | {} |",
                daemon.name(),
                each.join(", "),
                all.len()
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
        let output = output_of(&mut lab.router(1).snmp().tool(tool, ROOT));
        let took = start.elapsed();
        let after = pids.map(cpu_time);
        Self { varbinds: output.lines().count(), took, daemon: after[0] - before[0], snmpd: after[1] - before[1] }
    }
}
