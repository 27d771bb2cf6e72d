//! A director with many real servers, for the tables inside user-mode Linux.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::Read;
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

/// Time limit of one step; a daemon that needs longer is reported as such.
pub const STEP: Duration = Duration::from_secs(30);
/// Port of all real servers.
const PORT: u16 = 7000;
/// How long the table is watched after a killed checker process is replaced.
const WATCH: Duration = Duration::from_secs(3);

/// A director and its real servers, all in one namespace: each server has an address of the loopback.
pub struct Farm {
    lab: Lab,
    listener: Listener,
    services: usize,
    servers: usize,
    delay: u64,
    /// Time of the last start or reload of the daemon.
    since: Instant,
    /// The kernel's listing; the buffer is reused to keep reading cheap.
    listing: Vec<u8>,
}

/// Numbers of entries in IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries {
    /// Real servers.
    pub all: usize,
    /// Real servers with weight 9.
    pub changed: usize,
}

/// Result of killing the checker process.
pub struct Killed {
    /// Time until a new process has written its pid file.
    pub replaced: Option<Duration>,
    /// Real servers that were not in IPVS at some time.
    pub missing: usize,
    /// Lines of the listing whose position has changed: the kernel lists by age.
    pub moved: usize,
}

/// A configuration with `services` virtual servers of `servers` real servers each; real server number `changed` has weight 9 instead
/// of 1, and `delay` is the `delay_loop` in seconds.
pub fn text(services: usize, servers: usize, delay: u64, changed: Option<usize>) -> String {
    let mut text = String::from("global_defs {\n router_id bench\n}\n");
    for service in 0..services {
        let (high, low) = (service / 200, service % 200 + 1);
        let _ = write!(
            text,
            "virtual_server 10.1.{high}.{low} 80 {{\n delay_loop {delay}\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n"
        );
        for number in service * servers..(service + 1) * servers {
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

impl Farm {
    /// `services` virtual servers with `servers` real servers each, checked every `delay` seconds.
    pub fn new(services: usize, servers: usize, delay: u64) -> Self {
        let mut lab = Lab::new(1);
        let listener = Listener::start(lab.router(1).netns());
        Self { lab, listener, services, servers, delay, since: Instant::now(), listing: Vec::new() }
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
        // Remove the pid file of a killed process.
        let _ = fs::remove_file(router.file("checkers.pid"));
        self.since = router.start_checkers_bare(daemon, extra);
    }

    fn conf(&self, changed: Option<usize>) -> String {
        text(self.services, self.servers, self.delay, changed)
    }

    /// Reloads the daemon with a configuration in which real server number `changed` has weight 9 instead of 1.
    pub fn reload(&mut self, changed: Option<usize>) {
        let conf = self.conf(changed);
        let router = self.lab.router(1);
        router.configure(&conf);
        self.since = Instant::now();
        router.daemon().signal(Signal::SIGHUP);
    }

    /// The process ID of the checker process.
    pub fn pid(&mut self) -> i32 {
        self.lab.router(1).checker_pid()
    }

    /// Number of checks so far.
    pub fn checks(&self) -> usize {
        self.listener.accepted.load(Ordering::Relaxed)
    }

    /// Reads the kernel's listing from /proc, which costs less than ipvsadm, as the daemon shares the processor.
    fn read_listing(&mut self) {
        let mut listing = std::mem::take(&mut self.listing);
        listing.clear();
        self.listing = self.lab.router(1).netns().enter(|| {
            if let Ok(mut file) = File::open("/proc/thread-self/net/ip_vs") {
                let _ = file.read_to_end(&mut listing);
            }
            listing
        });
    }

    /// Counts the real servers in IPVS.
    pub fn entries(&mut self) -> Entries {
        self.read_listing();
        let mut found = Entries { all: 0, changed: 0 };
        // The first such line is in the heading.
        for line in self.listing.split(|octet| *octet == b'\n').skip(3).filter(|line| line.starts_with(b"  -> ")) {
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).skip(2);
            found.all += 1;
            found.changed += usize::from(words.next() == Some(b"Masq") && words.next() == Some(b"9"));
        }
        found
    }

    /// The real servers in IPVS in the kernel's order: service, address, method, weight.
    pub fn table(&mut self) -> Vec<String> {
        self.read_listing();
        let listing = String::from_utf8_lossy(&self.listing);
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

    /// Time from the start of the daemon until the empty IPVS is complete.
    ///
    /// Reading the whole listing takes too much processor time to be done often, so it is read when the last service
    /// exists: each daemon adds the last service and its servers after all others.
    pub fn await_complete(&mut self) -> Option<Duration> {
        let (services, all) = (self.services, self.services * self.servers);
        let start = Instant::now();
        while scheduled() < services && start.elapsed() < STEP {
            std::thread::sleep(Duration::from_millis(2));
        }
        within(self.since, || self.entries().all == all)
    }

    /// Time from the start or reload of the daemon until `wanted` accepts the entries in IPVS.
    pub fn await_entries(&mut self, mut wanted: impl FnMut(Entries) -> bool) -> Option<Duration> {
        within(self.since, || wanted(self.entries()))
    }

    /// Time from the start of the daemon until an object is served.
    pub fn await_object(&mut self, oid: &str) -> Option<Duration> {
        within(self.since, || self.lab.router(1).snmp().get(oid).is_some())
    }

    /// Stops the daemon and returns the time that took. A daemon that does not exit is killed.
    pub fn stop(&mut self) -> Option<Duration> {
        let daemon = self.lab.router(1).daemon();
        let since = Instant::now();
        daemon.signal(Signal::SIGTERM);
        let took = within(since, || !daemon.is_running());
        daemon.kill_group();
        took
    }

    /// Walks subtrees. Returns the cells: varbinds, seconds, and microseconds of daemon and snmpd per varbind.
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
        // The kernel's listing is incomplete while another namespace also has services.
        self.lab.router(1).daemon().kill_group();
        ipvsadm(self.lab.router(1).netns(), "-C");
    }
}

/// Number of services with the farm's scheduler, by the reference count of its module; 0 before it is loaded.
fn scheduled() -> usize {
    let count = fs::read_to_string("/sys/module/ip_vs_wrr/refcnt").unwrap_or_default();
    count.trim().parse().unwrap_or(0)
}

/// Time from `since` to the start of the first poll in which a condition is true; `None` when it is not true within
/// [`STEP`].
fn within(since: Instant, mut condition: impl FnMut() -> bool) -> Option<Duration> {
    let start = Instant::now();
    while start.elapsed() < STEP {
        let poll = Instant::now();
        if condition() {
            return Some(poll.duration_since(since));
        }
        // There is one processor: polling must not take it from the daemon.
        std::thread::sleep((poll.elapsed() * 3).max(Duration::from_millis(10)));
    }
    None
}

/// Accepts connections to any address of a namespace, and counts them.
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
        // Ends the thread that accepts connections: a namespace exists as long as a socket in it.
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
    }
}
