//! A director with many real servers, for the tables inside user-mode Linux.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lab::ipvs::ipvsadm;
use lab::process::{cpu_time, output_of};
use lab::{Daemon, Lab, Netns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::SockRef;

/// Time for one step; a daemon that needs longer is reported as such.
pub const STEP: Duration = Duration::from_secs(30);
/// Where all real servers listen.
const PORT: u16 = 7000;
/// How long the table is watched once a killed checker process is replaced.
const WATCH: Duration = Duration::from_secs(3);

/// A director and its real servers, all in one namespace: each server has an address of the loopback.
pub struct Farm {
    lab: Lab,
    listener: Listener,
    services: usize,
    servers: usize,
    delay: u64,
    /// When the daemon was started or told to reload.
    since: Instant,
}

/// What the end of a checker process did.
pub struct Killed {
    /// Until another process has written its pid file.
    pub replaced: Option<Duration>,
    /// Real servers that were not in IPVS at some time.
    pub missing: usize,
    /// Lines of the listing that are at another place in it: the kernel lists by age.
    pub moved: usize,
}

impl Farm {
    /// `services` virtual servers with `servers` real servers each, checked every `delay` seconds.
    pub fn new(services: usize, servers: usize, delay: u64) -> Self {
        let mut lab = Lab::new(1);
        let listener = Listener::start(lab.router(1).netns());
        Self { lab, listener, services, servers, delay, since: Instant::now() }
    }

    /// Starts snmpd, for daemons started afterwards.
    pub fn start_snmp(&mut self) {
        self.lab.router(1).start_snmp();
    }

    /// Starts a daemon; real server number `changed` has weight 9 instead of 1.
    pub fn start(&mut self, daemon: Daemon, extra: &[&str], changed: Option<usize>) {
        let conf = self.conf(changed);
        let router = self.lab.router(1);
        router.configure(&conf);
        // What a process that was killed has left is not the pid of this one.
        let _ = fs::remove_file(router.file("checkers.pid"));
        let mut command = router.checkers_command(daemon);
        command.args(extra);
        self.since = Instant::now();
        router.start_with(command);
    }

    fn conf(&self, changed: Option<usize>) -> String {
        let mut text = String::from("global_defs {\n router_id bench\n}\n");
        for service in 0..self.services {
            let (high, low) = (service / 200, service % 200 + 1);
            let delay = self.delay;
            let _ = write!(
                text,
                "virtual_server 10.1.{high}.{low} 80 {{\n delay_loop {delay}\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n"
            );
            for number in service * self.servers..(service + 1) * self.servers {
                let weight = if changed == Some(number) { 9 } else { 1 };
                let (net, high, low) = (1 + number / 40_000, number / 200 % 200, number % 200 + 1);
                let _ = write!(
                    text,
                    " real_server 127.{net}.{high}.{low} {PORT} {{\n weight {weight}\n TCP_CHECK {{\n \
                     connect_timeout 5\n }}\n }}\n"
                );
            }
            text += "}\n";
        }
        text
    }

    /// Has the daemon read a configuration in which real server number `changed` has weight 9 instead of 1.
    pub fn reload(&mut self, changed: Option<usize>) {
        let conf = self.conf(changed);
        let router = self.lab.router(1);
        router.configure(&conf);
        self.since = Instant::now();
        router.daemon().signal(Signal::SIGHUP);
    }

    /// The pid of the checker process.
    pub fn pid(&mut self) -> i32 {
        self.lab.router(1).checker_pid()
    }

    /// Checks done so far.
    pub fn checks(&self) -> usize {
        self.listener.accepted.load(Ordering::Relaxed)
    }

    /// The real servers in IPVS in the kernel's order: service, address, method, weight.
    pub fn table(&mut self) -> Vec<String> {
        // Cheaper than ipvsadm, and it takes its time from the daemon.
        let listing = self.lab.router(1).netns().enter(|| fs::read_to_string("/proc/thread-self/net/ip_vs"));
        let listing = listing.unwrap_or_default();
        let mut service = "";
        let mut table = Vec::new();
        for line in listing.lines().skip(3) {
            match line.strip_prefix("  -> ") {
                Some(server) => {
                    let words: Vec<&str> = server.split_whitespace().take(3).collect();
                    table.push(format!("{service} {}", words.join(" ")));
                }
                None => service = line.split_whitespace().nth(1).unwrap_or_default(),
            }
        }
        table
    }

    /// Time from the start or reload of the daemon until the table is as wanted.
    pub fn await_table(&mut self, mut wanted: impl FnMut(&[String]) -> bool) -> Option<Duration> {
        within(self.since, || wanted(&self.table()))
    }

    /// Time from the start of the daemon until an object is served.
    pub fn await_object(&mut self, oid: &str) -> Option<Duration> {
        within(self.since, || self.lab.router(1).snmp().get(oid).is_some())
    }

    /// Stops the daemon; the time that took. One that does not end is killed.
    pub fn stop(&mut self) -> Option<Duration> {
        let daemon = self.lab.router(1).daemon();
        let since = Instant::now();
        daemon.signal(Signal::SIGTERM);
        let took = within(since, || !daemon.is_running());
        daemon.kill_group();
        took
    }

    /// Walks subtrees: varbinds, seconds, and microseconds of daemon and snmpd for each varbind, as cells.
    pub fn walk(&mut self, roots: &[String]) -> String {
        let pids = [self.pid(), self.lab.router(1).snmp().snmpd.pid().as_raw()];
        let (before, start) = (pids.map(cpu_time), Instant::now());
        let mut varbinds = 0;
        for root in roots {
            let mut tool = self.lab.router(1).snmp().tool_waiting("60", "snmpbulkwalk", root);
            varbinds += output_of(&mut tool).lines().count();
        }
        let took = start.elapsed().as_secs_f64();
        let after = pids.map(cpu_time);
        let each = |process: usize| (after[process] - before[process]).as_secs_f64() * 1e6 / varbinds as f64;
        format!("{varbinds} | {took:.1} | {:.0} | {:.0}", each(0), each(1))
    }

    /// Kills the checker process and watches the table.
    pub fn kill(&mut self) -> Killed {
        let before = self.table();
        let all: BTreeSet<&String> = before.iter().collect();
        let pid = self.pid();
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("a running checker process");
        let since = Instant::now();
        let (mut replaced, mut missing): (Option<Duration>, _) = (None, BTreeSet::new());
        let mut last = Vec::new();
        while since.elapsed() < replaced.map_or(STEP, |at| at + WATCH) {
            last = self.table();
            let present: BTreeSet<&String> = last.iter().collect();
            missing.extend(all.difference(&present).map(|line| (*line).clone()));
            let now = fs::read_to_string(self.lab.router(1).file("checkers.pid")).unwrap_or_default();
            if replaced.is_none() && now.trim().parse().is_ok_and(|now: i32| now != pid) {
                replaced = Some(since.elapsed());
            }
        }
        let moved = before.iter().zip(&last).filter(|(before, after)| before != after).count();
        Killed { replaced, missing: missing.len(), moved }
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        // The kernel's listing is incomplete while another namespace has services, too.
        self.lab.router(1).daemon().kill_group();
        ipvsadm(self.lab.router(1).netns(), "-C");
    }
}

/// Time from `since` until a condition holds; `None` when that is not so in the time of a step.
fn within(since: Instant, mut condition: impl FnMut() -> bool) -> Option<Duration> {
    let start = Instant::now();
    while start.elapsed() < STEP {
        let look = Instant::now();
        if condition() {
            return Some(since.elapsed());
        }
        // There is one processor: looking must not take it from the daemon.
        std::thread::sleep((look.elapsed() * 5).max(Duration::from_millis(20)));
    }
    None
}

/// Takes connections to any address of a namespace, and counts them.
struct Listener {
    socket: TcpListener,
    accepted: Arc<AtomicUsize>,
}

impl Listener {
    fn start(netns: &Netns) -> Self {
        let socket = netns.enter(|| TcpListener::bind(("0.0.0.0", PORT)).expect("a free port"));
        let accepted = Arc::new(AtomicUsize::new(0));
        let (taker, count) = (socket.try_clone().expect("a descriptor"), accepted.clone());
        std::thread::spawn(move || {
            for stream in taker.incoming().map_while(Result::ok) {
                drop(stream);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { socket, accepted }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Ends the waiting for connections. A namespace lives as long as a socket in it.
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
    }
}
