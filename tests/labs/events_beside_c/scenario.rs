//! Scenarios: configurations of some routers and a sequence of events, run with one daemon and observed after each event.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lab::{Daemon, Forged, Lab, now};
use nix::sys::signal::Signal;

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The keepalived.conf of each router, with DIR for the directory of the router.
    pub confs: Vec<String>,
    /// The events; the first ones start the daemons.
    pub phases: Vec<Phase>,
}

/// Events, and the time until all that follows from them has happened.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Events, one at once after another.
    pub events: Vec<Event>,
    /// Time after the last one.
    pub wait: Duration,
}

/// An event. Routers are numbered from 1.
#[derive(Debug, Clone)]
pub enum Event {
    /// The daemon starts.
    Start(usize),
    /// The daemon is stopped with SIGTERM.
    Stop(usize),
    /// The daemon is killed with all its processes.
    Kill(usize),
    /// The daemon reads another configuration.
    Reload(usize, String),
    /// `ip` is called in the namespace of the router.
    Ip(usize, String),
    /// The cable of a router is unplugged or plugged in.
    Cable(usize, bool),
    /// The port of a router leaves or joins the bridge.
    Join(usize, bool),
    /// A file in the directory of a router is written.
    Write(usize, &'static str, String),
    /// The client sends an advert a number of times, with a pause after each.
    Forge(Forged, usize, Duration),
    /// Nothing happens for some time.
    Pause(Duration),
}

impl Phase {
    /// A phase of one event.
    pub fn new(wait: f64, event: Event) -> Self {
        Self::of(wait, vec![event])
    }

    /// A phase of several events.
    pub fn of(wait: f64, events: Vec<Event>) -> Self {
        Self { events, wait: Duration::from_secs_f64(wait) }
    }
}

/// What was seen in one phase: by router and subject, in order.
pub type Seen = BTreeMap<(usize, String), Vec<String>>;

/// Runs a scenario with the same daemon on all routers.
pub fn run(scenario: &Scenario, daemon: Daemon) -> Vec<Seen> {
    let mut lab = Lab::new(scenario.confs.len());
    for (number, conf) in (1..).zip(&scenario.confs) {
        let router = lab.router(number);
        router.netns().ip("link add tk0 type veth peer name tk0p");
        for link in ["tk0", "tk0p"] {
            router.netns().ip(&format!("link set {link} addrgenmode none up"));
        }
        for conf in ["all", "default"] {
            router.netns().sysctl(&format!("net/ipv6/conf/{conf}/keep_addr_on_down"), "1");
        }
        router.script("check.sh", "read -r value < \"$1\"\nexit $value\n");
        configure(&mut lab, number, conf);
    }
    let stop = AtomicBool::new(false);
    let paths = (1..=scenario.confs.len()).map(|number| lab.router(number).file("fifo")).collect();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_fifos(paths, &stop));
        let mut ends = Vec::new();
        let mut seen = Vec::new();
        for phase in &scenario.phases {
            let since = now();
            for event in &phase.events {
                cause(&mut lab, event, daemon);
            }
            std::thread::sleep(phase.wait);
            ends.push(Instant::now());
            seen.push(look(&mut lab, scenario.confs.len(), since));
        }
        stop.store(true, Ordering::Relaxed);
        for (at, number, line) in reader.join().unwrap() {
            let phase = ends.iter().take_while(|end| **end < at).count().min(seen.len() - 1);
            let Some((subject, state)) = words(&line) else { continue };
            seen[phase].entry((number, subject)).or_default().push(state);
        }
        seen
    })
}

fn configure(lab: &mut Lab, number: usize, conf: &str) {
    let directory = lab.router(number).dir().display().to_string();
    let global = "global_defs {\n  script_user root\n  vrrp_notify_fifo DIR/fifo\n";
    let text = conf.replacen("global_defs {\n", global, 1).replace("DIR", &directory);
    lab.router(number).configure(&text);
}

fn cause(lab: &mut Lab, event: &Event, daemon: Daemon) {
    match event {
        Event::Start(router) => lab.router(*router).start(daemon),
        Event::Stop(router) => drop(lab.router(*router).stop()),
        Event::Kill(router) => drop(lab.router(*router).kill9()),
        Event::Reload(router, conf) => {
            configure(lab, *router, conf);
            lab.router(*router).daemon().signal(Signal::SIGHUP);
        }
        Event::Ip(router, line) => drop(lab.router(*router).netns().ip(line)),
        Event::Cable(router, plugged) => lab.cable(*router, *plugged),
        Event::Join(router, joined) => lab.join(*router, *joined),
        Event::Write(router, name, text) => fs::write(lab.router(*router).file(name), text).unwrap(),
        Event::Forge(advert, times, pause) => {
            for _ in 0..*times {
                advert.send(&lab.client);
                std::thread::sleep(*pause);
            }
        }
        Event::Pause(time) => std::thread::sleep(*time),
    }
}

/// Subject and state of a line of a FIFO. How often adverts of lower priority are reported differs.
fn words(line: &str) -> Option<(String, String)> {
    let (subject, state) = line.rsplit_once("\" ")?;
    (!state.starts_with("MASTER_RX_LOWER_PRI")).then(|| (format!("{subject}\""), state.to_owned()))
}

/// Addresses, routes, rules and the last advert of each virtual router.
fn look(lab: &mut Lab, routers: usize, since: Duration) -> Seen {
    let mut seen = Seen::new();
    for number in 1..=routers {
        let netns = lab.router(number).netns();
        let mut put = |subject: &str, text: String| {
            let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
            lines.sort();
            seen.insert((number, subject.to_owned()), lines);
        };
        let addresses = netns.ip("-o address show");
        // Without the number of the interface and the lifetimes.
        let address = |line: &str| {
            let line = line.split('\\').next().unwrap_or_default();
            line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ") + "\n"
        };
        put("addresses", addresses.lines().map(address).collect());
        put("rules", netns.ip("rule show") + &netns.ip("-6 rule show"));
        let routes = netns.ip("route show table all") + &netns.ip("-6 route show table all");
        let ours = |line: &&str| !line.contains("proto kernel");
        put("routes", routes.lines().filter(ours).map(|line| format!("{line}\n")).collect());
        for vrid in 51..=54 {
            let last = lab.wire.adverts(number, vrid, since).pop();
            let text = last.map(|(_, advert)| {
                format!(
                    "{} from {} priority {} every {:?}: {:?}",
                    advert.version, advert.source, advert.priority, advert.interval, advert.addresses
                )
            });
            seen.insert((number, format!("last advert of {vrid}")), text.into_iter().collect());
        }
    }
    seen
}

/// Reads the FIFOs, which C keepalived makes again at a reload, until `stop`.
fn read_fifos(paths: Vec<PathBuf>, stop: &AtomicBool) -> Vec<(Instant, usize, String)> {
    let mut lines = Vec::new();
    let mut open: HashMap<usize, (u64, File)> = HashMap::new();
    while !stop.load(Ordering::Relaxed) {
        for (number, path) in (1..).zip(&paths) {
            let inode = fs::metadata(path).ok().map(|data| data.ino());
            if let Some((_, file)) = open.get_mut(&number) {
                read_lines(file, number, &mut lines);
            }
            if open.get(&number).map(|(inode, _)| *inode) != inode {
                open.remove(&number);
            }
            if let Some(inode) = inode
                && !open.contains_key(&number)
                && let Ok(file) =
                    OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
            {
                open.insert(number, (inode, file));
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    lines
}

/// Lines are written whole, and are short.
fn read_lines(file: &mut File, number: usize, lines: &mut Vec<(Instant, usize, String)>) {
    let mut octets = [0; 65536];
    while let Ok(length) = file.read(&mut octets) {
        if length == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&octets[..length]);
        lines.extend(text.lines().map(|line| (Instant::now(), number, line.to_owned())));
    }
}

/// Runs a scenario beside C keepalived; returns the differences. Those that a second run does not show are due to
/// the moment of some event, and left out.
pub fn differences(scenario: &Scenario) -> Vec<String> {
    let once = || {
        let scenario = Arc::new(scenario.clone());
        let of = |daemon| {
            let scenario = scenario.clone();
            std::thread::spawn(move || run(&scenario, daemon))
        };
        let both = [of(Daemon::Ours), of(Daemon::C)];
        let [ours, c] = both.map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        compare(&ours, &c)
    };
    let first = once();
    if first.is_empty() {
        return first;
    }
    let second = once();
    first.into_iter().filter(|difference| second.contains(difference)).collect()
}

fn compare(ours: &[Seen], c: &[Seen]) -> Vec<String> {
    let mut differences = Vec::new();
    for (phase, (ours, c)) in ours.iter().zip(c).enumerate() {
        let subjects: std::collections::BTreeSet<_> = ours.keys().chain(c.keys()).collect();
        for subject in subjects {
            let of = |seen: &Seen| seen.get(subject).cloned().unwrap_or_default();
            let (ours, c) = (of(ours), of(c));
            if ours != c {
                let (router, what) = subject;
                differences.push(format!("phase {phase}, router {router}, {what}: {ours:?}, with C {c:?}"));
            }
        }
    }
    differences
}
