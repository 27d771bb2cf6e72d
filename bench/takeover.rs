//! Takeover after `kill -9` of the master, with one instance and with 255.

use std::time::Duration;

use lab::conf::many;
use lab::{Daemon, Frame, Lab, Stamp, now, wait_until};

use crate::report::{ms, spread};
use crate::{DAEMONS, LIMIT, LOW, await_all, repetitions};

/// The table for one instance.
pub fn takeover() {
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

/// The table for 255 instances with 20 addresses each.
pub fn crowd() {
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

/// A master (router 1, priority 200) and a backup with the same daemon.
struct Pair {
    lab: Lab,
    daemon: Daemon,
    instances: u8,
    addresses: usize,
}

/// Times of a backup's takeover, of the slowest instance.
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

    /// Starts router 1 and waits until it is master for all instances and router 2 has removed all addresses.
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
            let frames = self.lab.wire.frames();
            let last = frames.iter().rev().find(|frame| matches!(frame.frame, Frame::GratuitousArp(_)));
            let last = last.map_or(quiet, |frame| frame.at).max(quiet);
            now() - last > Duration::from_millis(if self.addresses > 1 { 6000 } else { 300 })
        });
        self.lab.wire.clear();
        let settled = now();
        await_all(&self.lab, 1, self.instances, settled);
    }

    /// Kills the master and waits until the backup has taken over all instances; then starts the master again.
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
            let frames = self.lab.wire.frames();
            let mut own = frames.iter().filter(|frame| frame.from == 2 && frame.at >= since);
            own.find(|frame| matches!(frame.frame, Frame::GratuitousArp(_))).map(|frame| frame.at)
        })
    }
}

/// Master_Down_Interval of the backup (RFC 9568 section 6.1).
fn master_down(interval: Duration) -> Duration {
    interval * 3 + interval * (256 - u32::from(LOW)) / 256
}
