//! The process that runs programs: as clean as they are to be, so that it hands itself down to them.
//!
//! It has no powers of its own over the daemon. Orders come in by its standard input, which is a socket; ends go out by the
//! same. When that ends, it kills what runs, and ends.
//!
//! Programs are waited for by a thread, as a process may have few descriptors: none is needed for each program.

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
use rustix::process::{Pid, Signal, kill_process_group};

use super::Key;
use super::orders::{self, ChildEvent, Order, Outcome};
use super::socket::{is_own_lack, reason};
use crate::reactor::{Timers, clock, launcher};

/// First argument of the process. How programs are to run, and how many at the same time, follow.
pub const ROLE: &str = "--run-programs";
/// From TERM to KILL.
const GRACE: Duration = Duration::from_secs(2);
/// Programs that run at the same time, for each is a process with its memory. Further ones have to wait.
pub(super) const MOST: usize = 1024;
/// The loop looks up after so long at least.
const IDLE: Duration = Duration::from_secs(3600);

/// The process: runs programs until its standard input ends. The result is its exit status.
pub fn run(arguments: &[OsString]) -> u8 {
    let most = |text: &OsStr| text.to_str().and_then(|text| text.parse().ok());
    let [how, number] = arguments else { return 1 };
    let Some(most) = most(number) else { return 1 };
    if launcher::become_clean(how).is_err() {
        return 1;
    }
    match Keeper::start(most) {
        Ok((keeper, happened)) => {
            keeper.run(&happened);
            0
        }
        Err(_) => 1,
    }
}

enum Happened {
    Ordered(Order),
    /// A child has ended; it is not reaped yet.
    Ended(u32),
    /// There will be no more orders.
    Over,
}

struct Keeper {
    stream: UnixStream,
    running: HashMap<u32, Running>,
    by_key: HashMap<Key, u32>,
    timers: Timers<u32>,
    /// One message for each child that the thread is to wait for.
    started: Sender<()>,
    /// Whether the ended child was one of ours, and is reaped.
    reaped: Sender<bool>,
    most: usize,
}

struct Running {
    key: Key,
    child: Child,
    group: Option<Pid>,
    /// TERM was sent.
    told: bool,
    cancelled: bool,
}

impl Running {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may have ended by itself meanwhile; it is not reaped yet, so the number is still its own.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Keeper {
    fn start(most: usize) -> io::Result<(Keeper, Receiver<Happened>)> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut orders = stream.try_clone()?;
        let (happened, happenings) = channel();
        let (started, to_wait_for) = channel();
        let (reaped, answers) = channel();
        let ended = happened.clone();
        std::thread::Builder::new().name("orders".into()).spawn(move || {
            while let Ok(order) = orders::read(&mut orders) {
                if happened.send(Happened::Ordered(order)).is_err() {
                    return;
                }
            }
            let _ = happened.send(Happened::Over);
        })?;
        std::thread::Builder::new().name("ends".into()).spawn(move || await_ends(&to_wait_for, &ended, &answers))?;
        let keeper = Keeper {
            stream,
            running: HashMap::new(),
            by_key: HashMap::new(),
            timers: Timers::new(),
            started,
            reaped,
            most,
        };
        Ok((keeper, happenings))
    }

    fn run(mut self, happened: &Receiver<Happened>) {
        loop {
            let wait = self.timers.next_deadline().map_or(IDLE, |at| at.saturating_sub(clock::now()));
            match happened.recv_timeout(wait) {
                Ok(Happened::Ordered(Order::Run { key, program, limit })) => {
                    if self.running.len() >= self.most {
                        let text = format!("{} programs are running, and no more may", self.most);
                        self.tell(key, Outcome::Lacking(text));
                    } else if let Err(error) = self.launch(key, &program, limit) {
                        self.tell(key, not_started(&error));
                    }
                }
                Ok(Happened::Ordered(Order::Cancel(key))) => self.cancel(key),
                Ok(Happened::Ended(pid)) => {
                    let ours = self.reap(pid);
                    let _ = self.reaped.send(ours);
                }
                Ok(Happened::Over) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Some(pid) = self.timers.pop_due(clock::now()) {
                self.overdue(pid);
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
        self.running.insert(pid, Running { key, child, group, told: false, cancelled: false });
        let _ = self.started.send(());
        Ok(())
    }

    fn cancel(&mut self, key: Key) {
        let Some(pid) = self.by_key.get(&key).copied() else { return };
        let Some(running) = self.running.get_mut(&pid) else { return };
        running.cancelled = true;
        if !running.told {
            self.overdue(pid);
        }
    }

    /// Whether it was a program of ours.
    fn reap(&mut self, pid: u32) -> bool {
        let Some(mut running) = self.running.remove(&pid) else { return false };
        let status = running.child.wait().ok();
        self.timers.clear(pid);
        self.by_key.remove(&running.key);
        if !running.cancelled {
            self.tell(running.key, if running.told { Outcome::TimedOut } else { outcome(status) });
        }
        true
    }

    fn overdue(&mut self, pid: u32) {
        let Some(running) = self.running.get_mut(&pid) else { return };
        if running.told {
            running.signal(Signal::KILL);
        } else {
            running.told = true;
            running.signal(Signal::TERM);
            self.timers.set(pid, clock::now().saturating_add(GRACE));
        }
    }

    fn tell(&mut self, key: Key, outcome: Outcome) {
        // If nobody is there any more, the orders are over too.
        let _ = orders::write(&mut self.stream, &ChildEvent { key, outcome });
    }
}

/// The thread that waits for children: one end for each that was started, each reaped before the next.
fn await_ends(started: &Receiver<()>, happened: &Sender<Happened>, reaped: &Receiver<bool>) {
    while started.recv().is_ok() {
        loop {
            let pid = match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(status) => status.pid().and_then(|pid| u32::try_from(pid.as_raw()).ok()),
                Err(Errno::EINTR) => continue,
                Err(_) => break,
            };
            let Some(pid) = pid else { continue };
            if happened.send(Happened::Ended(pid)).is_err() {
                return;
            }
            match reaped.recv() {
                Ok(true) => break,
                // One that could not be executed; whoever started it reaps it.
                Ok(false) => std::thread::yield_now(),
                Err(_) => return,
            }
        }
    }
}

fn not_started(error: &io::Error) -> Outcome {
    let reason = reason(error);
    // Of a fork, EAGAIN says that there are as many processes as there may be.
    let no_process = error.raw_os_error() == Some(Errno::EAGAIN as i32);
    if no_process || is_own_lack(error) { Outcome::Lacking(reason) } else { Outcome::NotStarted(reason) }
}

fn outcome(status: Option<ExitStatus>) -> Outcome {
    match status {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Outcome::Exited(code),
            (None, Some(signal)) => Outcome::Killed(signal),
            (None, None) => Outcome::NotStarted(status.to_string()),
        },
        None => Outcome::NotStarted("its exit status was lost".to_owned()),
    }
}
