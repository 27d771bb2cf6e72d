//! Takeover after the master's BFD session goes down.

use std::time::Duration;

use lab::Daemon::C;
use lab::{Daemon, Lab, now, wait_until};

use crate::report::{ms, spread};
use crate::{DAEMONS, LIMIT, LOW, repetitions};

/// Advertisement interval.
const ADVERT: Duration = Duration::from_millis(100);
/// Interval of control packets in milliseconds, and the detection multiplier.
const INTERVAL: u64 = 50;
const MULTIPLIER: u64 = 3;

/// The table: the master tracks a session with a third router, which is killed.
pub fn bfd() {
    let bound = Duration::from_millis(INTERVAL * MULTIPLIER) + ADVERT;
    println!(
        "\n## Takeover of one instance by track_bfd, {MULTIPLIER} x {INTERVAL} ms, after kill -9 of the other end\n"
    );
    println!("ratio = (backup's first advert - kill) / (detection time + advert_int), {:.0} ms\n", ms(bound));
    println!("| daemon | ratio median (min-max) | ms median (min-max) | n |");
    println!("|---|---|---|---|");
    let mut seats = DAEMONS.map(start);
    let mut results: [Vec<Duration>; 2] = Default::default();
    for _ in 0..repetitions() {
        for (lab, results) in seats.iter_mut().zip(&mut results) {
            results.push(takeover(lab));
        }
    }
    for (daemon, results) in DAEMONS.iter().zip(&results) {
        let ratio = results.iter().map(|taken| taken.as_secs_f64() / bound.as_secs_f64());
        println!(
            "| {} | {} | {} | {} |",
            daemon.name(),
            spread(ratio, 3),
            spread(results.iter().map(|taken| ms(*taken)), 1),
            results.len()
        );
    }
}

/// Starts a master with a session, a backup, and the other end of the session.
fn start(daemon: Daemon) -> Lab {
    let mut lab = Lab::new(3);
    let session = |to: usize| {
        format!(
            "bfd_instance peer {{\n  neighbor_ip 10.9.0.{to}\n  min_rx {INTERVAL}\n  min_tx {INTERVAL}\n  \
             multiplier {MULTIPLIER}\n}}\n"
        )
    };
    let instance = |vrid: u8, priority: u8, track: &str| {
        format!(
            "vrrp_instance VI {{\n  interface eth0\n  version 3\n  advert_int {}\n  virtual_router_id {vrid}\n  \
             priority {priority}\n  {track}\n  virtual_ipaddress {{\n    10.9.0.{vrid}/24\n  }}\n}}\n",
            ADVERT.as_secs_f64()
        )
    };
    let track = "track_bfd {\n    peer\n  }";
    lab.router(1).configure(&(session(3) + &instance(51, 200, track)));
    lab.router(2).configure(&instance(51, LOW, ""));
    lab.router(3).configure(&(session(1) + &instance(53, LOW, "track_bfd {\n    peer weight -10\n  }")));
    for router in [2, 1] {
        lab.router(router).start(daemon);
    }
    start_peer(&mut lab);
    lab
}

/// Starts the other end and waits until router 1 is master.
fn start_peer(lab: &mut Lab) {
    let since = now();
    lab.router(3).start(C);
    lab.wire.await_advert(1, 51, since, LIMIT);
    let settled = now() + Duration::from_secs(1);
    wait_until(LIMIT, "the session is up with its intervals, and router 1 is master", || {
        now() > settled && lab.wire.last_advert(1, 51) > lab.wire.last_advert(2, 51)
    });
    lab.wire.clear();
}

fn takeover(lab: &mut Lab) -> Duration {
    let killed = lab.router(3).kill9();
    let taken = lab.wire.await_advert(2, 51, killed, LIMIT) - killed;
    start_peer(lab);
    taken
}
