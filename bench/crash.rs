//! Repeated kill -9 of the VRRP process: its effect on the adverts, the other router and the addresses.

use std::time::Duration;

use lab::conf::many;
use lab::process::Proc;
use lab::{Daemon, Lab, Stamp, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::report::{ms, spread};
use crate::{DAEMONS, LOW, await_all, repetitions};

const INTERVAL: Duration = Duration::from_millis(100);
/// Most kills of each daemon; C keepalived waits 1, 2, 4 ... s before each restart.
const MOST: [usize; 2] = [10, 5];
/// Time limit for the daemon to recover.
const LIMIT: Duration = Duration::from_secs(120);

/// The table of crashes.
pub fn crash() {
    println!("\n## kill -9 of the VRRP process, again as soon as it is back, advert_int 0.1 s\n");
    table("kill", |lab, _| {
        let pid = lab.router(1).vrrp_pid();
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("a running VRRP process");
    });
}

/// The table of upgrades: ours by `--upgrade`, C keepalived by a restart.
pub fn upgrade() {
    println!("\n## Another program: --upgrade of ours, restart of C keepalived, advert_int 0.1 s\n");
    table("upgrade", |lab, daemon| match daemon {
        Daemon::Ours => {
            let output = lab.router(1).command(daemon).arg("--upgrade").output().expect("our program");
            assert!(output.status.success(), "{output:?}");
        }
        Daemon::C | Daemon::C23 => {
            lab.router(1).stop();
            lab.router(1).start(daemon);
        }
    });
}

/// A table for 1 and 255 instances, of something that is done to the master again and again.
fn table(what: &str, disturb: fn(&mut Lab, Daemon)) {
    println!("silence = from the {what} to the first advert of the same router, for the last of the instances\n");
    println!(
        "| instances | daemon | silence ms median (min-max) | longest gap in any instance, either router, ms | \
         instances taken by router 2 | addresses deleted | {what}s |"
    );
    println!("|---|---|---|---|---|---|---|");
    for instances in [1, 255] {
        for (daemon, most) in DAEMONS.iter().zip(MOST) {
            let mut victim = Victim::start(*daemon, instances);
            for _ in 0..repetitions().min(most) {
                victim.disturb(|lab| disturb(lab, *daemon));
            }
            println!("{}", victim.row(*daemon));
        }
    }
}

/// A master (router 1), whose VRRP process is killed, and a backup with the same daemon.
struct Victim {
    lab: Lab,
    instances: u8,
    /// `ip monitor address` of router 1.
    monitor: Proc,
    crashes: Vec<Crash>,
}

/// Result of one kill.
struct Crash {
    silence: Duration,
    gap: Duration,
    /// Number of instances that router 2 advertised.
    taken: usize,
}

impl Victim {
    fn start(daemon: Daemon, instances: u8) -> Self {
        let mut lab = Lab::new(2);
        lab.router(1).configure(&many(instances, 1, 200, INTERVAL));
        lab.router(2).configure(&many(instances, 1, LOW, INTERVAL));
        lab.router(1).start(daemon);
        await_all(&lab, 1, instances, Duration::ZERO);
        let all = usize::from(instances);
        wait_until(LIMIT, "router 1 has all addresses", || lab.router(1).count_addresses("10.1") == all);
        lab.router(2).start(daemon);
        wait_until(LIMIT, "router 2 is backup for all instances", || {
            lab.router(2).log().matches("Entering BACKUP STATE").count() >= all
        });
        let mut watch = lab.router(1).netns().command("ip");
        watch.args(["-o", "monitor", "address"]);
        let monitor = Proc::spawn(watch, &lab.dir().join("addresses"));
        let settled = now();
        await_all(&lab, 1, instances, settled);
        Self { lab, instances, monitor, crashes: Vec::new() }
    }

    /// The row of the table.
    fn row(&self, daemon: Daemon) -> String {
        let crashes = &self.crashes;
        format!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            self.instances,
            daemon.name(),
            spread(crashes.iter().map(|one| ms(one.silence)), 1),
            spread(crashes.iter().map(|one| ms(one.gap)), 1),
            crashes.iter().map(|one| one.taken).sum::<usize>(),
            self.deleted(),
            crashes.len()
        )
    }

    /// Does something to router 1 and waits until it is master of all again.
    fn disturb(&mut self, what: impl FnOnce(&mut Lab)) {
        let instances = usize::from(self.instances);
        let at = now();
        what(&mut self.lab);
        let wire = &self.lab.wire;
        wait_until(LIMIT, "router 1 is master for all instances again", || {
            let end = now();
            wire.schedule(1, at, end).len() == instances
                && wire.schedule(2, end.saturating_sub(4 * INTERVAL), end).is_empty()
        });
        let end = now();
        let own = wire.schedule(1, at, end);
        let silence = own.values().filter_map(|adverts| adverts.first()).map(|first| *first - at).max();
        let crash = Crash {
            silence: silence.unwrap_or_default(),
            gap: self.longest_gap(at, end),
            taken: wire.schedule(2, at, end).len(),
        };
        self.crashes.push(crash);
        // Keep only the last advert of each instance before the next kill.
        let settled = now();
        self.lab.wire.clear();
        await_all(&self.lab, 1, self.instances, settled);
    }

    /// The longest gap between two adverts of an instance by either router, from the last advert before the kill on.
    fn longest_gap(&self, killed: Stamp, end: Stamp) -> Duration {
        let mut all = self.lab.wire.schedule(1, Duration::ZERO, end);
        for (vrid, adverts) in self.lab.wire.schedule(2, killed, end) {
            all.entry(vrid).or_default().extend(adverts);
        }
        let gaps = all.values_mut().filter_map(|adverts| {
            adverts.sort();
            adverts.windows(2).filter(|pair| pair[1] > killed).map(|pair| pair[1] - pair[0]).max()
        });
        gaps.max().unwrap_or_default()
    }

    /// Number of virtual addresses deleted from router 1 so far.
    fn deleted(&self) -> usize {
        self.monitor.log().lines().filter(|line| line.starts_with("Deleted") && line.contains(" 10.101.")).count()
    }
}
