//! The process that runs check scripts. It has the process settings that programs should inherit.
//!
//! It has no control over the daemon. It receives orders through its standard input, which is a socket, and sends outcomes
//! through the same socket. At the end of input it kills the running programs and exits.
//!
//! A thread waits for the programs with waitid(2), so that no descriptor per program is needed.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use super::Key;
use super::orders::{self, ChildEvent, Order, Outcome, Reply};
use super::socket::is_local_shortage;
use super::started::Started;
use crate::reactor::{Timers, clock, launcher};
use crate::text::reason;

/// First argument of the process. The second has the process settings for programs, the third the limit of running ones.
pub const ROLE: &str = "--run-programs";
/// Time from SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// Most programs running at the same time, to bound memory; further ones are refused.
pub(super) const MAX_RUNNING: usize = 1024;
/// Longest wait of the loop.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Main function of the process: runs programs until the end of its standard input. Returns the exit status.
pub fn run(arguments: &[OsString]) -> u8 {
    let parse = |text: &OsStr| text.to_str().and_then(|text| text.parse().ok());
    let [how, number] = arguments else { return 1 };
    let Some(max_running) = parse(number) else { return 1 };
    // If it is stopped by a signal at that moment, it goes on, and finds the end of its input.
    if launcher::become_clean(how).is_err() || set_parent_process_death_signal(Some(Signal::CONT)).is_err() {
        return 1;
    }
    match Keeper::start(max_running) {
        Ok((keeper, events)) => {
            keeper.run(&events);
            0
        }
        Err(_) => 1,
    }
}

enum KeeperEvent {
    Ordered(Order),
    /// A child has terminated and is not reaped yet.
    Ended(u32),
    /// End of the orders.
    End,
}

struct Keeper {
    stream: UnixStream,
    running: HashMap<u32, Running>,
    by_key: HashMap<Key, u32>,
    timers: Timers<u32>,
    /// One message for each child that the waiting thread has to wait for.
    started: Sender<()>,
    /// Whether the terminated child was a program and is reaped.
    reaped: Sender<bool>,
    max_running: usize,
}

struct Running {
    key: Key,
    child: Child,
    group: Option<Pid>,
    /// SIGTERM was sent.
    term_sent: bool,
}

impl Running {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // If it has terminated in the meantime, it is not reaped yet, so the process ID is not reused.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Keeper {
    fn start(max_running: usize) -> io::Result<(Keeper, Receiver<KeeperEvent>)> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut orders = stream.try_clone()?;
        let (events, incoming) = channel();
        let (started, to_wait_for) = channel();
        let (reaped, answers) = channel();
        let ended = events.clone();
        std::thread::Builder::new().name("orders".into()).spawn(move || {
            while let Ok(order) = orders::read(&mut orders) {
                if events.send(KeeperEvent::Ordered(order)).is_err() {
                    return;
                }
            }
            let _ = events.send(KeeperEvent::End);
        })?;
        std::thread::Builder::new().name("ends".into()).spawn(move || await_ends(&to_wait_for, &ended, &answers))?;
        let keeper = Keeper {
            stream,
            running: HashMap::new(),
            by_key: HashMap::new(),
            timers: Timers::new(),
            started,
            reaped,
            max_running,
        };
        Ok((keeper, incoming))
    }

    fn run(mut self, events: &Receiver<KeeperEvent>) {
        loop {
            let wait = self.timers.next_deadline().map_or(MAX_WAIT, |at| at.saturating_sub(clock::now()));
            match events.recv_timeout(wait) {
                Ok(KeeperEvent::Ordered(Order::Run { key, program, limit })) => {
                    if self.running.len() >= self.max_running {
                        let text = format!("{} programs are running already", self.max_running);
                        self.report(key, Outcome::NoResources(text));
                    } else if let Err(error) = self.launch(key, &program, limit) {
                        self.report(key, not_started(&error));
                    }
                }
                Ok(KeeperEvent::Ordered(Order::Cancel(key))) => self.cancel(key),
                Ok(KeeperEvent::Ordered(Order::Hello)) => self.reply(&Reply::Hello),
                Ok(KeeperEvent::Ended(pid)) => {
                    let ours = self.reap(pid);
                    let _ = self.reaped.send(ours);
                }
                Ok(KeeperEvent::End) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Some(pid) = self.timers.pop_due(clock::now()) {
                self.terminate(pid);
            }
        }
        for running in self.running.values_mut() {
            running.signal(Signal::KILL);
            let _ = running.child.wait();
        }
    }

    fn launch(&mut self, key: Key, program: &crate::reactor::Program, limit: Duration) -> io::Result<()> {
        let at = clock::now();
        let child = program.start_as_this_process()?;
        let pid = child.id();
        let group = i32::try_from(pid).ok().and_then(Pid::from_raw);
        self.by_key.insert(key, pid);
        self.timers.set(pid, at.saturating_add(limit));
        self.running.insert(pid, Running { key, child, group, term_sent: false });
        // Before the waiting thread may have it reaped.
        if let Some(started) = Started::of(pid) {
            self.reply(&Reply::Started(key, started));
        }
        let _ = self.started.send(());
        Ok(())
    }

    fn cancel(&mut self, key: Key) {
        let Some(pid) = self.by_key.get(&key).copied() else { return };
        if self.running.get(&pid).is_some_and(|running| !running.term_sent) {
            self.terminate(pid);
        }
    }

    /// Reaps a child and reports its outcome; returns whether it was a program.
    fn reap(&mut self, pid: u32) -> bool {
        let Some(mut running) = self.running.remove(&pid) else { return false };
        let status = running.child.wait().ok();
        self.timers.clear(pid);
        self.by_key.remove(&running.key);
        self.report(running.key, if running.term_sent { Outcome::TimedOut } else { outcome(status) });
        true
    }

    fn terminate(&mut self, pid: u32) {
        let Some(running) = self.running.get_mut(&pid) else { return };
        if running.term_sent {
            running.signal(Signal::KILL);
        } else {
            running.term_sent = true;
            running.signal(Signal::TERM);
            self.timers.set(pid, clock::now().saturating_add(GRACE));
        }
    }

    fn report(&mut self, key: Key, outcome: Outcome) {
        self.reply(&Reply::Ended(ChildEvent { key, outcome }));
    }

    fn reply(&mut self, reply: &Reply) {
        // If the daemon is gone, the orders end too.
        let _ = orders::write(&mut self.stream, reply);
    }
}

/// The thread that waits for children: reports one termination for each start, and waits until that child is reaped.
fn await_ends(started: &Receiver<()>, events: &Sender<KeeperEvent>, reaped: &Receiver<bool>) {
    while started.recv().is_ok() {
        loop {
            let pid = match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(status) => status.pid().and_then(|pid| u32::try_from(pid.as_raw()).ok()),
                Err(Errno::EINTR) => continue,
                Err(_) => break,
            };
            let Some(pid) = pid else { continue };
            if events.send(KeeperEvent::Ended(pid)).is_err() {
                return;
            }
            match reaped.recv() {
                Ok(true) => break,
                // A child that could not be executed; the starting function reaps it.
                Ok(false) => std::thread::yield_now(),
                Err(_) => return,
            }
        }
    }
}

fn not_started(error: &io::Error) -> Outcome {
    let reason = reason(error);
    // EAGAIN from fork: the limit of processes is reached.
    let no_process = error.raw_os_error() == Some(Errno::EAGAIN as i32);
    if no_process || is_local_shortage(error) { Outcome::NoResources(reason) } else { Outcome::NotStarted(reason) }
}

fn outcome(status: Option<ExitStatus>) -> Outcome {
    match status {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Outcome::Exited(code),
            (None, Some(signal)) => Outcome::Killed(signal),
            (None, None) => Outcome::NotStarted(status.to_string()),
        },
        None => Outcome::NotStarted("its exit status is not known".to_owned()),
    }
}
