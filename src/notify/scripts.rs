//! Notify scripts, started by a thread of their own.
//!
//! A transition of hundreds of instances does not start hundreds of processes at once: some run, the others wait in
//! order. Scripts that take long do not count, so those that hang keep nobody waiting.

use std::collections::VecDeque;
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
use crate::vrrp::{Cause, Change, State, Tables};

/// Orders that may wait.
const QUEUE: usize = 16384;
/// Scripts that run at the same time, not counting those that have run for [`LONG`].
const AT_ONCE: usize = 32;
/// A script that runs longer does not keep others waiting.
const LONG: Duration = Duration::from_secs(5);
/// All scripts that run: beyond that, others do wait.
const MOST: usize = 1024;
/// Scripts that run at the same time once the daemon stops: then all of them have to run within their time.
const AT_ONCE_AT_THE_END: usize = 256;
/// How often running scripts are looked after.
const REAP: Duration = Duration::from_millis(20);

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
        // Its scripts ran when the predecessor became master.
        Change::Instance { cause: Cause::Resumed, .. } => Vec::new(),
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
}

impl Runner {
    /// Starts the thread.
    pub fn start(log: Log) -> io::Result<Runner> {
        let (queue, jobs) = bounded(QUEUE);
        let counts = Arc::new(Counts::default());
        let (log_too, counts_too) = (log.clone(), Arc::clone(&counts));
        let work = move || run(&jobs, &counts_too, &log_too);
        let thread = std::thread::Builder::new().name("scripts".into()).spawn(work)?;
        Ok(Runner { queue, thread, counts, log })
    }

    /// Queues a script. Never blocks.
    pub fn submit(&self, job: Program) {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(job) = self.queue.offer(job) {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            let program = job.argv.first().map_or("?", String::as_str);
            self.log.error(format_args!("Too many scripts are waiting; {program} was not started"));
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
fn run(jobs: &Receiver<Program>, counts: &Counts, log: &Log) {
    let mut running: Vec<Running> = Vec::new();
    let mut waiting = VecDeque::new();
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
        let at_once = if open { AT_ONCE } else { AT_ONCE_AT_THE_END };
        let mut recent = running.iter().filter(|script| now.duration_since(script.started) < LONG).count();
        while recent < at_once
            && running.len() < MOST
            && let Some(job) = waiting.pop_front()
        {
            let name = job.argv.first().cloned().unwrap_or_default();
            match job.start() {
                Ok(child) => {
                    running.push(Running { name, child, started: Instant::now() });
                    recent += 1;
                }
                Err(error) => log.error(format_args!("Cannot start script {name}: {error}")),
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
}
