//! Notify scripts, started by a thread of their own.
//!
//! A transition of hundreds of instances does not start hundreds of processes at once: some run, the others wait in
//! order. Scripts get their own process group and nothing of our standard streams.

use std::collections::VecDeque;
use std::io;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::log::Log;
use crate::config::model::{Script, ScriptUser, Scripts};
use crate::reactor::start_program;
use crate::vrrp::{Cause, Change, State, Tables};

/// Orders that may wait.
const QUEUE: usize = 16384;
/// Scripts that run at the same time.
const AT_ONCE: usize = 32;
/// How often running scripts are looked after.
const REAP: Duration = Duration::from_millis(20);

/// One script to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    argv: Vec<String>,
    user: Option<ScriptUser>,
}

impl Job {
    /// A script as its own user, else as the default one.
    pub fn new(script: &Script, default_user: Option<&ScriptUser>) -> Job {
        Job { argv: script.argv.clone(), user: script.user.as_ref().or(default_user).cloned() }
    }
}

/// The scripts a change calls for, in the order to start them: the one for the state, then the generic one.
pub fn jobs(change: &Change, tables: &Tables) -> Vec<Job> {
    let default_user = tables.system.global.as_ref().and_then(|global| global.script_user.as_ref());
    let job = |script: &Script| Job::new(script, default_user);
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
        Change::LosingAdvert { id, .. } => {
            let script = tables.instances.get(id).and_then(|row| row.config.scripts.master_rx_lower_pri.as_ref());
            script.map(job).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Handle to the thread.
#[derive(Debug)]
pub struct Runner {
    queue: SyncSender<Job>,
    thread: JoinHandle<()>,
    log: Log,
}

impl Runner {
    /// Starts the thread.
    pub fn start(log: Log) -> io::Result<Runner> {
        let (queue, jobs) = sync_channel(QUEUE);
        let own = log.clone();
        let thread = std::thread::Builder::new().name("scripts".into()).spawn(move || run(&jobs, &own))?;
        Ok(Runner { queue, thread, log })
    }

    /// Queues a script. Never blocks.
    pub fn submit(&self, job: Job) {
        if let Err(TrySendError::Full(job)) = self.queue.try_send(job) {
            let program = job.argv.first().map_or("?", String::as_str);
            self.log.error(format_args!("Too many scripts are waiting; {program} was not started"));
        }
    }

    /// Starts what is queued and gives the scripts until `limit` to end.
    pub fn finish(self, limit: Duration) {
        drop(self.queue);
        let until = Instant::now() + limit;
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Until the queue's other end is gone and the last script has ended.
fn run(jobs: &Receiver<Job>, log: &Log) {
    let mut running: Vec<(String, Child)> = Vec::new();
    let mut waiting = VecDeque::new();
    let mut open = true;
    while open || !running.is_empty() || !waiting.is_empty() {
        let patience = if running.is_empty() && waiting.is_empty() { Duration::from_secs(3600) } else { REAP };
        if open {
            match jobs.recv_timeout(patience) {
                Ok(job) => waiting.push_back(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
            waiting.extend(jobs.try_iter());
        } else {
            std::thread::sleep(REAP);
        }
        running.retain_mut(|(name, child)| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) if status.success() => false,
            Ok(Some(status)) => {
                log.warning(format_args!("Script {name} ended with {status}"));
                false
            }
            Err(_) => false,
        });
        while running.len() < AT_ONCE
            && let Some(job) = waiting.pop_front()
        {
            let name = job.argv.first().cloned().unwrap_or_default();
            match start_program(&job.argv, job.user.as_ref()) {
                Ok(child) => running.push((name, child)),
                Err(error) => log.error(format_args!("Cannot start script {name}: {error}")),
            }
        }
    }
}
