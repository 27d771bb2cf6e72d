//! The cost of 500 track scripts per second, and the jitter of a master's adverts meanwhile.

use std::fs;
use std::time::Duration;

use lab::{Lab, now};

use crate::report::{ms, quantile};
use crate::{DAEMONS, LOW, await_all};

const SCRIPTS: usize = 500;
const INTERVAL: Duration = Duration::from_millis(100);
/// Clock ticks per second in `/proc/PID/stat`.
const TICKS: f64 = 100.0;

/// The table, with both daemons alternately.
pub fn scripts() {
    println!("\n## 500 vrrp_script per second (/bin/true) beside 1 instance at 0.1 s, over 20 s\n");
    println!("| daemon | error p50 ms | p99 ms | max ms | longest gap / interval | CPU ms per run, scripts included |");
    println!("|---|---|---|---|---|---|");
    for _ in 0..2 {
        for daemon in DAEMONS {
            let mut lab = Lab::new(1);
            lab.router(1).configure(&conf());
            lab.router(1).start(daemon);
            await_all(&lab, 1, 1, Duration::ZERO);
            // Wait until the burst of the start is over.
            std::thread::sleep(Duration::from_secs(2));
            let pid = lab.router(1).vrrp_pid();
            let (from, spent) = (now(), total_ticks(pid));
            std::thread::sleep(Duration::from_secs(20));
            let (to, spent) = (now(), total_ticks(pid) - spent);
            let schedule = lab.wire.schedule(1, from, to);
            let gaps: Vec<f64> =
                schedule.values().flat_map(|adverts| adverts.windows(2)).map(|pair| ms(pair[1] - pair[0])).collect();
            let mut errors: Vec<f64> = gaps.iter().map(|gap| (gap - ms(INTERVAL)).abs()).collect();
            errors.sort_by(f64::total_cmp);
            let longest = gaps.iter().copied().fold(0.0, f64::max) / ms(INTERVAL);
            let runs = SCRIPTS as f64 * (to - from).as_secs_f64();
            println!(
                "| {} | {:.3} | {:.2} | {:.1} | {longest:.2} | {:.2} |",
                daemon.name(),
                quantile(&errors, 0.5),
                quantile(&errors, 0.99),
                quantile(&errors, 1.0),
                spent / TICKS * 1e3 / runs
            );
        }
    }
}

fn conf() -> String {
    let mut text = "global_defs {\n  router_id scripts\n  script_user root\n}\n".to_owned();
    let mut list = String::new();
    for number in 1..=SCRIPTS {
        text += &format!("vrrp_script s{number} {{\n  script /bin/true\n  interval 1\n}}\n");
        list += &format!("    s{number}\n");
    }
    text + &format!(
        "vrrp_instance VI_1 {{\n  interface eth0\n  version 3\n  virtual_router_id 1\n  priority {LOW}\n  \
         advert_int 0.1\n  virtual_ipaddress {{\n    10.0.0.100\n  }}\n  track_script {{\n{list}  }}\n}}\n"
    )
}

/// Processor time in ticks of a process, its running children (also those of its threads), and all children reaped.
fn total_ticks(pid: i32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    // utime, stime, cutime and cstime.
    let own: f64 = fields.split(' ').skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<i32> = children
        .flat_map(|list| list.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<_>>())
        .collect();
    own + children.into_iter().map(total_ticks).sum::<f64>()
}
