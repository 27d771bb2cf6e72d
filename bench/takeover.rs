//! Takeover after `kill -9` of the master, with one instance and with 255.

use std::fs;
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
        let mut pairs = DAEMONS.map(|daemon| Pair::start(daemon, Size::addresses(1, 1), interval));
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
    let mut pairs = DAEMONS.map(|daemon| Pair::start(daemon, Size::addresses(255, 20), interval));
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

/// The table for 255 instances with 20 addresses and 8 routes each.
pub fn routes() {
    let size = Size { routes: 8, ..Size::addresses(255, 20) };
    println!("\n## Takeover of 255 instances with 20 addresses and {} routes each after kill -9\n", size.routes);
    println!("ratio = time from the kill until all are set on the backup / Master_Down_Interval\n");
    println!(
        "| advert_int s | bound ms | daemon | last address: ratio median (min-max) | last route: ratio | ms | n |"
    );
    println!("|---|---|---|---|---|---|---|");
    let interval = Duration::from_millis(100);
    let bound = master_down(interval);
    let mut pairs = DAEMONS.map(|daemon| Pair::start(daemon, size, interval));
    let mut results: [Vec<Takeover>; 2] = Default::default();
    for _ in 0..repetitions().div_ceil(4) {
        for (pair, results) in pairs.iter_mut().zip(&mut results) {
            results.push(pair.takeover());
        }
    }
    for (daemon, results) in DAEMONS.iter().zip(&results) {
        let ratio = |of: fn(&Takeover) -> Duration| {
            spread(results.iter().map(|one| of(one).as_secs_f64() / bound.as_secs_f64()), 3)
        };
        println!(
            "| {} | {:.1} | {} | {} | {} | {} | {} |",
            interval.as_secs_f64(),
            ms(bound),
            daemon.name(),
            ratio(|one| one.addresses),
            ratio(|one| one.routes),
            spread(results.iter().map(|one| ms(one.routes)), 0),
            results.len()
        );
    }
}

/// The size of a configuration.
#[derive(Clone, Copy)]
struct Size {
    instances: u8,
    /// Addresses of each instance.
    addresses: usize,
    /// Routes of each instance, up to 255.
    routes: usize,
}

impl Size {
    fn addresses(instances: u8, addresses: usize) -> Size {
        Size { instances, addresses, routes: 0 }
    }

    /// The configuration of a router. Routes lead to 10.200.VRID.N.
    fn conf(self, priority: u8, interval: Duration) -> String {
        let mut text = many(self.instances, self.addresses, priority, interval);
        for vrid in (1..=self.instances).filter(|_| self.routes > 0) {
            let routes: String = (1..=self.routes).map(|n| format!("    10.200.{vrid}.{n}/32 dev eth0\n")).collect();
            let line = format!("  virtual_router_id {vrid}\n");
            text = text.replace(&line, &format!("{line}  virtual_routes {{\n{routes}  }}\n"));
        }
        text
    }

    fn all_addresses(self) -> usize {
        self.addresses * usize::from(self.instances)
    }

    fn all_routes(self) -> usize {
        self.routes * usize::from(self.instances)
    }
}

/// A master (router 1, priority 200) and a backup with the same daemon.
struct Pair {
    lab: Lab,
    daemon: Daemon,
    size: Size,
}

/// Times of a backup's takeover, of the slowest instance.
struct Takeover {
    /// From the master's last advert to the backup's first.
    last: Duration,
    /// From the backup's first advert to its first gratuitous ARP, of one instance.
    announced: Duration,
    /// From the kill until all addresses are on the backup.
    addresses: Duration,
    /// From the kill until all routes are there too.
    routes: Duration,
}

impl Pair {
    fn start(daemon: Daemon, size: Size, interval: Duration) -> Self {
        let mut lab = Lab::new(2);
        lab.router(1).configure(&size.conf(200, interval));
        lab.router(2).configure(&size.conf(LOW, interval));
        lab.router(2).start(daemon);
        await_all(&lab, 2, size.instances, Duration::ZERO);
        let mut pair = Self { lab, daemon, size };
        pair.start_master();
        pair
    }

    /// Starts router 1 and waits until it is master for all instances and router 2 has removed all addresses.
    fn start_master(&mut self) {
        let since = now();
        self.lab.router(1).start(self.daemon);
        await_all(&self.lab, 1, self.size.instances, since);
        let (all, routes) = (self.size.all_addresses(), self.size.all_routes());
        wait_until(LIMIT, "router 1 has all addresses", || self.lab.router(1).count_addresses("10.1") == all);
        wait_until(LIMIT, "router 1 has all routes", || count_routes(&mut self.lab, 1) == routes);
        wait_until(LIMIT, "router 2 has no address left", || self.lab.router(2).count_addresses("10.1") == 0);
        wait_until(LIMIT, "router 2 has no route left", || count_routes(&mut self.lab, 2) == 0);
        // The second burst of announcements comes 5 s after the first.
        let quiet = now();
        wait_until(LIMIT, "router 1 is quiet", || {
            let frames = self.lab.wire.frames();
            let last = frames.iter().rev().find(|frame| matches!(frame.frame, Frame::GratuitousArp(_)));
            let last = last.map_or(quiet, |frame| frame.at).max(quiet);
            now() - last > Duration::from_millis(if self.size.addresses > 1 { 6000 } else { 300 })
        });
        self.lab.wire.clear();
        let settled = now();
        await_all(&self.lab, 1, self.size.instances, settled);
    }

    /// Kills the master and waits until the backup has taken over all instances; then starts the master again.
    fn takeover(&mut self) -> Takeover {
        let killed = self.lab.router(1).kill9();
        let (all, routes) = (self.size.all_addresses(), self.size.all_routes());
        wait_until(LIMIT, "router 2 has all addresses", || self.lab.router(2).count_addresses("10.1") == all);
        let addresses = now() - killed;
        wait_until(LIMIT, "router 2 has all routes", || count_routes(&mut self.lab, 2) == routes);
        let routes = now() - killed;
        await_all(&self.lab, 2, self.size.instances, killed);
        let first = self.lab.wire.schedule(2, killed, now());
        let before = self.lab.wire.schedule(1, Duration::ZERO, now());
        let took = first
            .iter()
            .filter_map(|(vrid, adverts)| Some(adverts.first()?.saturating_sub(*before.get(vrid)?.last()?)));
        let last = took.max().unwrap_or_default();
        let advert = first.values().filter_map(|adverts| adverts.first()).min().copied().unwrap_or_default();
        let announced = self.first_announcement(advert).saturating_sub(advert);
        self.start_master();
        Takeover { last, announced, addresses, routes }
    }

    fn first_announcement(&self, since: Stamp) -> Stamp {
        lab::wait_for(LIMIT, "router 2 announces an address", || {
            let frames = self.lab.wire.frames();
            let mut own = frames.iter().filter(|frame| frame.from == 2 && frame.at >= since);
            own.find(|frame| matches!(frame.frame, Frame::GratuitousArp(_))).map(|frame| frame.at)
        })
    }
}

/// The number of routes to 10.200.0.0/16 of a router.
fn count_routes(lab: &mut Lab, router: usize) -> usize {
    let table = lab.router(router).netns().enter(|| fs::read_to_string("/proc/thread-self/net/route"));
    // The destination is a number in host byte order.
    let prefix = if cfg!(target_endian = "little") {
        |word: &str| word.ends_with("C80A")
    } else {
        |word: &str| word.starts_with("0AC8")
    };
    let table = table.unwrap_or_default();
    table.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(prefix)).count()
}

/// Master_Down_Interval of the backup (RFC 9568 section 6.1).
fn master_down(interval: Duration) -> Duration {
    interval * 3 + interval * (256 - u32::from(LOW)) / 256
}
