//! Check scripts: started, watched and ended by a thread of their own, so that neither a slow disk nor a thousand
//! scripts hold up the event loop.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::Key;
use super::socket::{is_own_lack, reason};
use crate::reactor::{Events, Interest, Program, Reactor, Timers, Token, Waker, clock};
use crate::track::ScriptEnd;

/// From TERM to KILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long dropping the handle waits for the thread to kill its scripts.
const FAREWELL: Duration = Duration::from_millis(200);
/// Programs that run at the same time, for each is a process with its memory. Further ones have to wait.
const MOST: usize = 1024;
/// Token of the waker within the thread; scripts count up from the next.
const ORDERS: usize = 0;

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal, with this number.
    Killed(i32),
    /// It ran longer than it may and was ended.
    TimedOut,
    /// It did not start, for this reason.
    NotStarted(String),
    /// This process had not what that takes, as descriptors, processes or memory, or too many run already.
    Lacking(String),
}

impl Outcome {
    /// How the script ended.
    ///
    /// # Errors
    /// With what this process lacked for the run, which says nothing about what the script checks.
    pub fn end(self) -> Result<ScriptEnd, String> {
        match self {
            Outcome::Exited(status) => Ok(ScriptEnd::Exited(status)),
            Outcome::Killed(signal) => Ok(ScriptEnd::Signalled(signal)),
            Outcome::TimedOut => Ok(ScriptEnd::TimedOut),
            Outcome::NotStarted(reason) => Ok(ScriptEnd::NotStarted(reason)),
            Outcome::Lacking(reason) => Err(reason),
        }
    }
}

/// A script has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildEvent {
    /// Whose.
    pub key: Key,
    /// How.
    pub outcome: Outcome,
}

/// Handle to the thread. Dropping it kills what still runs.
///
/// Register it as readable; when it is ready, take the [`events`](Children::events).
#[derive(Debug)]
pub struct Children {
    orders: Option<Sender<Order>>,
    wake: Waker,
    ended: Receiver<ChildEvent>,
    ready: Waker,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Run { key: Key, program: Program, limit: Duration },
    Cancel(Key),
}

impl Children {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn start() -> io::Result<Children> {
        Children::at_most(MOST)
    }

    /// The same with another number of programs at the same time.
    ///
    /// # Errors
    /// As above.
    pub fn at_most(most: usize) -> io::Result<Children> {
        let (orders, incoming) = channel();
        let (outgoing, ended) = channel();
        let (wake, ready) = (Waker::new()?, Waker::new()?);
        let reactor = Reactor::new()?;
        reactor.register(&wake, Token(ORDERS), Interest::READABLE)?;
        let keeper = Keeper {
            reactor,
            wake: wake.clone(),
            orders: incoming,
            ended: outgoing,
            ready: ready.clone(),
            running: HashMap::new(),
            by_key: HashMap::new(),
            timers: Timers::new(),
            next: ORDERS,
            most,
        };
        let thread = std::thread::Builder::new().name("checks".into()).spawn(move || keeper.run())?;
        Ok(Children { orders: Some(orders), wake, ended, ready, thread: Some(thread) })
    }

    /// Runs a script. After `limit` its process group gets TERM, and KILL two
    /// seconds later. One event tells the end, unless it is cancelled. Never blocks. Beyond 1024 that run it does not
    /// start, which is [`Outcome::Lacking`].
    pub fn run(&self, key: Key, program: Program, limit: Duration) {
        self.order(Order::Run { key, program, limit });
    }

    /// Ends a script, with TERM, then KILL, and without an event.
    pub fn cancel(&self, key: Key) {
        self.order(Order::Cancel(key));
    }

    /// Adds the ends since the last call.
    pub fn events(&self, out: &mut Vec<ChildEvent>) {
        self.ready.clear();
        out.extend(self.ended.try_iter());
    }

    fn order(&self, order: Order) {
        // The thread goes only when this handle does.
        if let Some(orders) = &self.orders
            && orders.send(order).is_ok()
        {
            self.wake.wake();
        }
    }
}

impl AsRawFd for Children {
    fn as_raw_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.orders = None;
        self.wake.wake();
        // It may hang in a file system, so it is not waited for without end.
        let until = clock::now().saturating_add(FAREWELL);
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) && clock::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The thread.
struct Keeper {
    reactor: Reactor,
    wake: Waker,
    orders: Receiver<Order>,
    ended: Sender<ChildEvent>,
    ready: Waker,
    running: HashMap<usize, Running>,
    by_key: HashMap<Key, usize>,
    timers: Timers<usize>,
    next: usize,
    /// How many may run.
    most: usize,
}

struct Running {
    key: Key,
    child: Child,
    pidfd: OwnedFd,
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
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        while self.take_orders() {
            if self.reactor.wait(self.timers.next_deadline(), &mut events).is_err() {
                break;
            }
            let ready: Vec<usize> = events.iter().map(|ready| ready.token.0).collect();
            for token in ready {
                self.reap(token);
            }
            while let Some(token) = self.timers.pop_due(clock::now()) {
                self.overdue(token);
            }
        }
        for running in self.running.values_mut() {
            running.signal(Signal::KILL);
            let _ = running.child.wait();
        }
    }

    /// False when there will be no more.
    fn take_orders(&mut self) -> bool {
        self.wake.clear();
        loop {
            match self.orders.try_recv() {
                Ok(Order::Run { key, .. }) if self.running.len() >= self.most => {
                    let text = format!("{} check scripts are running, and no more may", self.most);
                    self.tell(key, Outcome::Lacking(text));
                }
                Ok(Order::Run { key, program, limit }) => {
                    if let Err(e) = self.launch(key, &program, limit) {
                        self.tell(key, not_started(&e));
                    }
                }
                Ok(Order::Cancel(key)) => {
                    if let Some(token) = self.by_key.get(&key).copied()
                        && let Some(running) = self.running.get_mut(&token)
                    {
                        running.cancelled = true;
                        if !running.told {
                            self.overdue(token);
                        }
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn launch(&mut self, key: Key, program: &Program, limit: Duration) -> io::Result<()> {
        let started = clock::now();
        let mut child = program.start()?;
        self.next = self.next.wrapping_add(1).max(ORDERS + 1);
        let token = self.next;
        match self.watch(&child, token) {
            Ok((pidfd, group)) => {
                self.by_key.insert(key, token);
                self.timers.set(token, started.saturating_add(limit));
                self.running.insert(token, Running { key, child, pidfd, group, told: false, cancelled: false });
                Ok(())
            }
            Err(e) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(e)
            }
        }
    }

    fn watch(&self, child: &Child, token: usize) -> io::Result<(OwnedFd, Option<Pid>)> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        self.reactor.register(&pidfd, Token(token), Interest::READABLE)?;
        Ok((pidfd, Some(pid)))
    }

    fn reap(&mut self, token: usize) {
        let Some(running) = self.running.get_mut(&token) else { return };
        let status = match running.child.try_wait() {
            Ok(Some(status)) => Some(status),
            Ok(None) => return,
            Err(_) => None,
        };
        let Some(running) = self.running.remove(&token) else { return };
        self.timers.clear(token);
        self.by_key.remove(&running.key);
        let _ = self.reactor.deregister(&running.pidfd);
        if !running.cancelled {
            self.tell(running.key, if running.told { Outcome::TimedOut } else { outcome(status) });
        }
    }

    fn overdue(&mut self, token: usize) {
        let Some(running) = self.running.get_mut(&token) else { return };
        if running.told {
            running.signal(Signal::KILL);
        } else {
            running.told = true;
            running.signal(Signal::TERM);
            self.timers.set(token, clock::now().saturating_add(GRACE));
        }
    }

    fn tell(&self, key: Key, outcome: Outcome) {
        if self.ended.send(ChildEvent { key, outcome }).is_ok() {
            self.ready.wake();
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
