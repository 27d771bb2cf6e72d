//! Jitter of a master's adverts, and its cost.

use std::time::Duration;

use lab::conf::many;
use lab::process::{cpu_time, footprint};
use lab::{Lab, now};

use crate::report::{ms, quantile};
use crate::{DAEMONS, LOW, await_all};

/// The table for 1, 50 and 255 instances.
pub fn jitter() {
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
