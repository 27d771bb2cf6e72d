//! Notify scripts, started by a separate thread.
//!
//! When hundreds of instances change state, a limited number of scripts run at the same time, and the others wait in order.
//! Scripts that run for long do not count, so that scripts that hang do not delay others. Scripts that adverts of other
//! routers cause have a separate thread with its own limits, so that they never delay the scripts of transitions.

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
use crate::reactor::background::await_end;
use crate::text::{counted, reason, was};
use crate::vrrp::{Cause, Change, State, Tables};

/// A script that runs longer does not count for the limit of [`Origin::at_once`].
const LONG: Duration = Duration::from_secs(5);
/// A script that runs longer is logged.
const VERY_LONG: Duration = Duration::from_secs(60);
/// Most names in a log line about scripts that do not end.
const NAMES: usize = 3;
/// Most scripts at the same time while the daemon stops, so that all can run within the time limit.
const AT_ONCE_AT_THE_END: usize = 256;
/// Interval at which running scripts are polled.
const REAP: Duration = Duration::from_millis(20);

/// Cause of the scripts of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Transitions of instances, groups, real servers and quorums.
    Transitions,
    /// Adverts of other routers, genuine or not.
    Adverts,
}

impl Origin {
    /// Cause of a change.
    pub fn of(change: &Change) -> Origin {
        if matches!(change, Change::LowerAdvert { .. }) { Origin::Adverts } else { Origin::Transitions }
    }

    /// Most scripts at the same time, without those that have run for [`LONG`].
    fn at_once(self) -> usize {
        match self {
            Origin::Transitions => 32,
            Origin::Adverts => 4,
        }
    }

    /// Most scripts at the same time, including those that have run for [`LONG`].
    fn most(self) -> usize {
        match self {
            Origin::Transitions => 1024,
            Origin::Adverts => 64,
        }
    }

    /// Most waiting scripts.
    fn queue(self) -> usize {
        match self {
            Origin::Transitions => 16384,
            Origin::Adverts => 256,
        }
    }
}

/// The scripts to run for a change, in order: the script of the state, then `notify`.
pub fn jobs(change: &Change, tables: &Tables) -> Vec<Program> {
    let job = |script: &Script| Program::new(script, tables.system.global.as_ref());
    let both = |scripts: &Scripts, kind: &str, name: &str, to: State, priority: u8, cause: Option<&Cause>| {
        let specific = match to {
            State::Master => scripts.master.as_ref(),
            State::Backup => scripts.backup.as_ref(),
            // For a removed instance without notify_deleted only `notify` runs, as with C keepalived.
            State::Fault if cause == Some(&Cause::Deleted) => None,
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
        Change::Instance { id, to, cause, .. } => tables.instances.get(id).map_or_else(Vec::new, |row| {
            both(&row.config.scripts, "INSTANCE", &row.config.name, *to, row.priority, Some(cause))
        }),
        Change::Group { id, to, .. } => tables
            .groups
            .get(id)
            .map_or_else(Vec::new, |row| both(&row.config.scripts, "GROUP", &row.config.name, *to, 0, None)),
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
    /// Only in the VRRP process.
    adverts: Option<Runner>,
}

impl Runners {
    /// Starts the runners for these origins, and always that for transitions.
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

    /// Waits up to `limit` for the scripts of transitions; does not wait for others.
    pub fn finish(self, limit: Duration) {
        self.transitions.finish(limit);
    }
}

/// Handle of the thread.
#[derive(Debug)]
pub struct Runner {
    queue: Sender<Program>,
    thread: JoinHandle<()>,
    counts: Arc<Counts>,
    log: Log,
}

/// Numbers of scripts.
#[derive(Debug, Default)]
struct Counts {
    /// In the queue.
    waiting: AtomicUsize,
    /// Running.
    running: AtomicUsize,
    /// Dropped because the queue was full.
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
            // Log the first, then at growing intervals.
            if lost.is_power_of_two() || lost == 0 {
                let more = if lost == 0 { String::new() } else { format!(" ({lost} others before it)") };
                self.log.error(format_args!("Too many scripts are waiting; {program} was not started{more}"));
            }
        }
    }

    /// Starts the queued scripts, and waits up to `limit` for all scripts. The log reports the number of scripts that have not
    /// ended; they continue to run.
    pub fn finish(self, limit: Duration) {
        drop(self.queue);
        await_end(&self.thread, limit);
        let waiting = self.counts.waiting.load(Ordering::Relaxed);
        let running = self.counts.running.load(Ordering::Relaxed);
        if waiting > 0 || running > 0 {
            let have = if running == 1 { "has" } else { "have" };
            self.log.error(format_args!(
                "At the stop {} {} not started and {running} {have} not ended in time (child_wait_time sets the limit)",
                counted(waiting, "script"),
                was(waiting)
            ));
        }
    }
}

/// Runs until the sender is dropped and the last script has ended.
fn run(origin: Origin, jobs: &Receiver<Program>, counts: &Counts, log: &Log) {
    let mut running: Vec<Running> = Vec::new();
    let mut crowded = false;
    let mut waiting = VecDeque::new();
    // The last start error of each script, to log the same error once.
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
        for text in running.iter_mut().filter_map(|script| script.overdue(now)) {
            log.warning(text);
        }
        // Log at half of the limit, and again after the number was lower.
        let was_crowded = std::mem::replace(&mut crowded, running.len() >= origin.most() / 2);
        if crowded && !was_crowded {
            log.error(format_args!(
                "{} scripts are running, and from {} on others have to wait: {} do not end",
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
                    running.push(Running { name, child, started: Instant::now(), reported: false });
                    recent += 1;
                }
                Err(error) => {
                    let reason = reason(&error);
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
    /// Whether it was logged that it runs for [`VERY_LONG`].
    reported: bool,
}

impl Running {
    /// The line about a script that runs for [`VERY_LONG`], once.
    fn overdue(&mut self, now: Instant) -> Option<String> {
        if now.duration_since(self.started) < VERY_LONG || std::mem::replace(&mut self.reported, true) {
            return None;
        }
        let (name, pid) = (&self.name, self.child.id());
        Some(format!("Script {name} (pid {pid}) has been running for {} s", VERY_LONG.as_secs()))
    }
}

/// The scripts with the most running processes, with their numbers.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_runs_for_a_minute_is_logged_once() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        child.wait().unwrap();
        let (pid, started) = (child.id(), Instant::now());
        let mut script = Running { name: "/etc/notify.sh".into(), child, started, reported: false };
        let mut after = |seconds| script.overdue(started + Duration::from_secs(seconds));
        assert_eq!(after(59), None);
        assert_eq!(after(60), Some(format!("Script /etc/notify.sh (pid {pid}) has been running for 60 s")));
        assert_eq!(after(120), None);
    }
}
