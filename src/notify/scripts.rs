//! Notify scripts, started by a thread of their own.
//!
//! A transition of hundreds of instances does not start hundreds of processes at once: some run, the others wait in
//! order. Scripts that take long do not count, so those that hang keep nobody waiting. Scripts that other routers cause by
//! what they send have a thread and limits of their own: however many they are, those of transitions do not wait for them.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::log::Log;
use super::queue::{Receiver, Sender, bounded};
use crate::config::model::{Script, Scripts};
use crate::reactor::Program;
use crate::vrrp::{Change, State, Tables};

/// A script that runs longer does not keep others waiting.
const LONG: Duration = Duration::from_secs(5);
/// A script that runs longer is named in the log.
const VERY_LONG: Duration = Duration::from_secs(60);
/// Names in a line about scripts that do not end.
const NAMES: usize = 3;
/// Scripts that run at the same time once the daemon stops: then all of them have to run within their time.
const AT_ONCE_AT_THE_END: usize = 256;
/// How often running scripts are looked after.
const REAP: Duration = Duration::from_millis(20);

/// What causes the scripts of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Transitions of instances, groups, real servers and quorums.
    Transitions,
    /// Adverts of other routers, genuine or not.
    Adverts,
}

impl Origin {
    /// What caused a change.
    pub fn of(change: &Change) -> Origin {
        if matches!(change, Change::LowerAdvert { .. }) { Origin::Adverts } else { Origin::Transitions }
    }

    /// Scripts that run at the same time, not counting those that have run for [`LONG`].
    fn at_once(self) -> usize {
        match self {
            Origin::Transitions => 32,
            Origin::Adverts => 4,
        }
    }

    /// All scripts that run: beyond that, others do wait.
    fn most(self) -> usize {
        match self {
            Origin::Transitions => 1024,
            Origin::Adverts => 64,
        }
    }

    /// Scripts that may wait.
    fn queue(self) -> usize {
        match self {
            Origin::Transitions => 16384,
            Origin::Adverts => 256,
        }
    }
}

/// The scripts a change calls for, in the order to start them: the one for the state, then the generic one.
pub fn jobs(change: &Change, tables: &Tables) -> Vec<Program> {
    let job = |script: &Script| Program::new(script, tables.system.global.as_ref());
    let both = |scripts: &Scripts, kind: &str, name: &str, to: State, priority: u8| {
        let specific = match to {
            State::Master => scripts.master.as_ref(),
            State::Backup => scripts.backup.as_ref(),
            State::Fault => scripts.fault.as_ref(),
            State::Stopped => scripts.stop.as_ref(),
            State::Deleted => scripts.deleted.as_ref(),
            State::Init => None,
        };
        let generic = scripts.any.as_ref().map(|script| {
            let mut job = job(script);
            job.argv.extend([kind.into(), name.into(), to.word().into(), priority.to_string()]);
            job
        });
        specific.map(job).into_iter().chain(generic).collect()
    };
    match change {
        Change::Instance { id, to, .. } => tables
            .instances
            .get(id)
            .map_or_else(Vec::new, |row| both(&row.config.scripts, "INSTANCE", &row.config.name, *to, row.priority)),
        Change::Group { id, to, .. } => tables
            .groups
            .get(id)
            .map_or_else(Vec::new, |row| both(&row.config.scripts, "GROUP", &row.config.name, *to, 0)),
        Change::LowerAdvert { id, master: true, .. } => {
            let script = tables.instances.get(id).and_then(|row| row.config.scripts.master_rx_lower_pri.as_ref());
            script.map(job).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The runners of a process.
#[derive(Debug)]
pub struct Runners {
    transitions: Runner,
    /// Only where routers are heard.
    adverts: Option<Runner>,
}

impl Runners {
    /// Starts the runners for these origins; that for transitions is there in any case.
    pub fn start(origins: &[Origin], log: &Log) -> io::Result<Runners> {
        let transitions = Runner::start(Origin::Transitions, log.clone())?;
        let of_others = origins.contains(&Origin::Adverts);
        let adverts = of_others.then(|| Runner::start(Origin::Adverts, log.clone())).transpose()?;
        Ok(Runners { transitions, adverts })
    }

    /// Queues a script. Never blocks.
    pub fn submit(&self, origin: Origin, job: Program) {
        let runner = match (origin, &self.adverts) {
            (Origin::Adverts, Some(adverts)) => adverts,
            _ => &self.transitions,
        };
        runner.submit(job);
    }

    /// Gives the scripts of transitions until `limit` to end; others are not waited for.
    pub fn finish(self, limit: Duration) {
        self.transitions.finish(limit);
    }
}

/// Handle to the thread.
#[derive(Debug)]
pub struct Runner {
    queue: Sender<Program>,
    thread: JoinHandle<()>,
    counts: Arc<Counts>,
    log: Log,
}

/// Scripts that have not ended.
#[derive(Debug, Default)]
struct Counts {
    /// Not started yet.
    waiting: AtomicUsize,
    /// Started.
    running: AtomicUsize,
    /// Not started for want of room.
    lost: AtomicUsize,
}

impl Runner {
    /// Starts the thread.
    pub fn start(origin: Origin, log: Log) -> io::Result<Runner> {
        let (queue, jobs) = bounded(origin.queue());
        let counts = Arc::new(Counts::default());
        let (log_too, counts_too) = (log.clone(), Arc::clone(&counts));
        let work = move || run(origin, &jobs, &counts_too, &log_too);
        let thread = std::thread::Builder::new().name("scripts".into()).spawn(work)?;
        Ok(Runner { queue, thread, counts, log })
    }

    /// Queues a script. Never blocks.
    pub fn submit(&self, job: Program) {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(job) = self.queue.offer(job) {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            let program = job.argv.first().map_or("?", String::as_str);
            let lost = self.counts.lost.fetch_add(1, Ordering::Relaxed);
            // The first of a series, then with growing distance.
            if lost.is_power_of_two() || lost == 0 {
                let more = if lost == 0 { String::new() } else { format!(" ({lost} others before it)") };
                self.log.error(format_args!("Too many scripts are waiting; {program} was not started{more}"));
            }
        }
    }

    /// Starts what is queued and gives the scripts until `limit` to end; those that have not are counted in the log.
    /// They are left to end by themselves.
    pub fn finish(self, limit: Duration) {
        drop(self.queue);
        let until = Instant::now() + limit;
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let waiting = self.counts.waiting.load(Ordering::Relaxed);
        let running = self.counts.running.load(Ordering::Relaxed);
        if waiting > 0 || running > 0 {
            self.log.error(format_args!(
                "At the stop {waiting} scripts were not started and {running} have not ended in time (child_wait_time \
                 sets how much there is)"
            ));
        }
    }
}

/// Until the queue's other end is gone and the last script has ended.
fn run(origin: Origin, jobs: &Receiver<Program>, counts: &Counts, log: &Log) {
    let mut running: Vec<Running> = Vec::new();
    let mut crowded = false;
    let mut waiting = VecDeque::new();
    // Why each script did not start the last time: a transition a second does not say it each time.
    let mut refused: HashMap<String, String> = HashMap::new();
    let mut open = true;
    while open || !running.is_empty() || !waiting.is_empty() {
        let patience = if running.is_empty() && waiting.is_empty() { Duration::from_secs(3600) } else { REAP };
        if open {
            match jobs.receive_within(patience) {
                Ok(job) => waiting.push_back(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
            waiting.extend(jobs.drain());
        } else {
            std::thread::sleep(REAP);
        }
        running.retain_mut(|script| match script.child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) if status.success() => false,
            Ok(Some(status)) => {
                log.warning(format_args!("Script {} ended with {status}", script.name));
                false
            }
            Err(_) => false,
        });
        counts.running.store(running.len(), Ordering::Relaxed);
        let now = Instant::now();
        for script in running.iter_mut().filter(|script| now.duration_since(script.started) >= VERY_LONG) {
            if !std::mem::replace(&mut script.told, true) {
                let (name, pid) = (&script.name, script.child.id());
                log.warning(format_args!("Script {name} (pid {pid}) has been running for {} s", VERY_LONG.as_secs()));
            }
        }
        // Before the limit is reached, and again when it was left behind in between.
        let was_crowded = std::mem::replace(&mut crowded, running.len() >= origin.most() / 2);
        if crowded && !was_crowded {
            log.error(format_args!(
                "{} scripts are running, and at {} others have to wait: {} do not end",
                running.len(),
                origin.most(),
                most_frequent(&running)
            ));
        }
        let at_once = if open { origin.at_once() } else { AT_ONCE_AT_THE_END };
        let mut recent = running.iter().filter(|script| now.duration_since(script.started) < LONG).count();
        while recent < at_once
            && running.len() < origin.most()
            && let Some(job) = waiting.pop_front()
        {
            let name = job.argv.first().cloned().unwrap_or_default();
            match job.start() {
                Ok(child) => {
                    refused.remove(&name);
                    running.push(Running { name, child, started: Instant::now(), told: false });
                    recent += 1;
                }
                Err(error) => {
                    let reason = error.to_string();
                    if refused.get(&name) != Some(&reason) {
                        log.error(format_args!("Cannot start script {name}: {reason}"));
                        refused.insert(name, reason);
                    }
                }
            }
            counts.running.store(running.len(), Ordering::Relaxed);
            counts.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

struct Running {
    name: String,
    child: Child,
    started: Instant,
    /// That it runs for very long was told.
    told: bool,
}

/// The names of the scripts that run most often, with their numbers.
fn most_frequent(running: &[Running]) -> String {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for script in running {
        *numbers.entry(&script.name).or_default() += 1;
    }
    let mut numbers: Vec<(&str, usize)> = numbers.into_iter().collect();
    numbers.sort_by_key(|(name, number)| (std::cmp::Reverse(*number), *name));
    let names: Vec<String> = numbers.iter().take(NAMES).map(|(name, number)| format!("{name} ({number})")).collect();
    names.join(", ")
}
