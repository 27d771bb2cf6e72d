//! Runs check scripts in a separate process, the [`runner`](super::runner).
//!
//! This process has blocked signals, changed limits and perhaps a real-time policy, which programs should not inherit, and
//! starting a program must not block its loop. The runner resets all of these once, so that starting programs is cheap. It
//! is started with the first program, and again if it has exited. One that does not answer, because it is stopped or hangs in a
//! file system, is killed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Key;
use super::orders::{self, ChildEvent, Order, Outcome, Reply};
use super::runner::{self, MAX_RUNNING};
use super::started::Started;
use crate::reactor::background::await_end;
use crate::reactor::{Program, Waker, launcher};

/// How long dropping [`Children`] waits for the runner to kill its programs.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(200);

/// Interval at which a runner with programs is to answer.
const HELLO: Duration = Duration::from_secs(5);
/// Longest wait without programs.
const IDLE: Duration = Duration::from_secs(3600);

/// Handle of the runner. Dropping it kills the running programs.
///
/// Register it for reading; when it is readable, take the [`events`](Children::events).
#[derive(Debug)]
pub struct Children {
    orders: Option<Sender<Order>>,
    ended: Receiver<ChildEvent>,
    ready: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Children {
    /// Starts the thread that communicates with the runner.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn start() -> io::Result<Children> {
        Children::at_most(MAX_RUNNING)
    }

    /// As [`start`](Children::start), with a limit of `most` programs running at the same time.
    ///
    /// # Errors
    /// As [`start`](Children::start).
    pub fn at_most(max_running: usize) -> io::Result<Children> {
        let (orders, incoming) = channel();
        let (outgoing, ended) = channel();
        let ready = Waker::new()?;
        let client = Client {
            reporter: Reporter { ended: outgoing, ready: ready.clone() },
            max_running,
            runner: None,
            hello_at: None,
        };
        let thread = std::thread::Builder::new().name("programs".into()).spawn(move || client.run(&incoming))?;
        Ok(Children { orders: Some(orders), ended, ready, thread: Some(thread) })
    }

    /// Runs a program. After `limit` its process group is sent SIGTERM, and SIGKILL two seconds later. One event has the
    /// outcome, unless the program is cancelled. Never blocks. When 1024 programs are running already, the outcome is
    /// [`Outcome::NoResources`].
    pub fn run(&self, key: Key, program: Program, limit: Duration) {
        self.order(Order::Run { key, program, limit });
    }

    /// Terminates a program with SIGTERM, then SIGKILL, without an event.
    pub fn cancel(&self, key: Key) {
        self.order(Order::Cancel(key));
    }

    /// Appends the outcomes since the last call to `out`.
    pub fn events(&self, out: &mut Vec<ChildEvent>) {
        self.ready.clear();
        out.extend(self.ended.try_iter());
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // Cannot fail: the thread runs until this handle is dropped.
            let _ = orders.send(order);
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
        // The runner may hang in a file system, so the wait is limited.
        if let Some(thread) = &self.thread {
            await_end(thread, SHUTDOWN_LIMIT);
        }
    }
}

/// Sends outcomes to the event loop.
#[derive(Clone)]
struct Reporter {
    ended: Sender<ChildEvent>,
    ready: Waker,
}

impl Reporter {
    fn report(&self, key: Key, outcome: Outcome) {
        if self.ended.send(ChildEvent { key, outcome }).is_ok() {
            self.ready.wake();
        }
    }
}

/// The programs of a runner.
#[derive(Debug)]
struct Programs {
    /// Those whose outcome is still to be reported. `None`: the runner has exited.
    expected: Option<HashSet<Key>>,
    /// Those that run.
    started: HashMap<Key, Started>,
}

type Shared = Arc<Mutex<Programs>>;

fn lock(programs: &Shared) -> MutexGuard<'_, Programs> {
    programs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that forwards orders to the runner.
struct Client {
    reporter: Reporter,
    max_running: usize,
    runner: Option<Runner>,
    /// When the runner is asked for its next answer; `None` while nothing is expected of it.
    hello_at: Option<Instant>,
}

impl Client {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let wait = self.hello_at.map_or(IDLE, |at| at.saturating_duration_since(Instant::now()));
            match orders.recv_timeout(wait) {
                Ok(Order::Cancel(key)) => self.cancel(key, &Order::Cancel(key)),
                Ok(Order::Hello) | Err(RecvTimeoutError::Timeout) => {}
                Ok(order @ Order::Run { key, .. }) => {
                    if let Err(error) = self.forward(key, &order) {
                        self.reporter
                            .report(key, Outcome::NoResources(format!("the process that runs check scripts: {error}")));
                    }
                    self.hello_at.get_or_insert_with(|| Instant::now() + HELLO);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.hello_at.is_some_and(|at| at <= Instant::now()) {
                self.watch();
            }
        }
        self.stop_runner();
    }

    /// Kills a runner that has not answered; otherwise asks for the next answer.
    fn watch(&mut self) {
        self.hello_at = None;
        let Some(runner) = &mut self.runner else { return };
        let is_busy = lock(&runner.programs).expected.as_ref().is_some_and(|expected| !expected.is_empty());
        if runner.answers.load(Ordering::Relaxed) != runner.hellos {
            return self.give_up_runner();
        }
        if is_busy {
            runner.hellos = runner.hellos.wrapping_add(1);
            self.hello_at = Some(Instant::now() + HELLO);
            if orders::write(&mut runner.stream, &Order::Hello).is_err_and(|error| hangs(&error)) {
                self.give_up_runner();
            }
        }
    }

    /// Kills the runner. The thread that reads its answers kills its programs, which have no outcome.
    fn give_up_runner(&mut self) {
        let Some(mut runner) = self.runner.take() else { return };
        // Before the kill, at which the thread that reads its answers would report another reason.
        let keys = lock(&runner.programs).expected.take();
        let _ = runner.process.kill();
        for key in keys.into_iter().flatten() {
            let why = format!("the process that runs check scripts has not answered for {} s", HELLO.as_secs());
            self.reporter.report(key, Outcome::NoResources(why));
        }
        let _ = runner.process.wait();
    }

    fn forward(&mut self, key: Key, order: &Order) -> io::Result<()> {
        if self.runner.as_ref().is_some_and(|runner| lock(&runner.programs).expected.is_none()) {
            self.stop_runner();
        }
        let runner = match &mut self.runner {
            Some(runner) => runner,
            none => none.insert(Runner::start(self.max_running, &self.reporter)?),
        };
        match &mut lock(&runner.programs).expected {
            Some(expected) => expected.insert(key),
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        let sent = orders::write(&mut runner.stream, order);
        // The thread that removes the key reports the outcome.
        match sent {
            Err(error) if hangs(&error) => {
                self.give_up_runner();
                Ok(())
            }
            Err(error) if lock(&runner.programs).expected.as_mut().is_some_and(|expected| expected.remove(&key)) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    fn cancel(&mut self, key: Key, order: &Order) {
        let Some(runner) = &mut self.runner else { return };
        let waits = lock(&runner.programs).expected.as_mut().is_some_and(|expected| expected.remove(&key));
        if waits {
            // If the runner has exited, it has killed the program.
            let sent = orders::write(&mut runner.stream, order);
            if sent.is_err_and(|error| hangs(&error)) {
                self.give_up_runner();
            }
        }
    }

    /// Closes the stream, whereupon the runner kills its programs and exits, even if it was stopped by a signal.
    fn stop_runner(&mut self) {
        if let Some(mut runner) = self.runner.take() {
            let _ = runner.stream.shutdown(Shutdown::Both);
            // One that is stopped by a signal would not find the end of the stream.
            let _ = kill_process(Pid::from_child(&runner.process), Signal::CONT);
            let _ = runner.process.wait();
        }
    }
}

/// Whether an order could not be written in time.
fn hangs(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

struct Runner {
    process: Child,
    stream: UnixStream,
    programs: Shared,
    /// Number of hellos, and of answers to them.
    hellos: u32,
    answers: Arc<AtomicU32>,
}

impl Runner {
    fn start(max_running: usize, reporter: &Reporter) -> io::Result<Runner> {
        let (stream, theirs) = UnixStream::pair()?;
        let reader = stream.try_clone()?;
        let programs = Programs { expected: Some(HashSet::new()), started: HashMap::new() };
        let programs = Arc::new(Mutex::new(programs));
        let answers = Arc::new(AtomicU32::new(0));
        let (reporter, shared, counter) = (reporter.clone(), Arc::clone(&programs), Arc::clone(&answers));
        let work = move || report_ends(reader, &reporter, &shared, &counter);
        std::thread::Builder::new().name("ends".into()).spawn(work)?;
        stream.set_write_timeout(Some(HELLO))?;
        let process = launcher::start_role(runner::ROLE, &max_running.to_string(), theirs.into())?;
        Ok(Runner { process, stream, programs, hellos: 0, answers })
    }
}

/// The thread that passes outcomes on until the runner exits, and then kills the programs that it has left.
fn report_ends(mut stream: UnixStream, reporter: &Reporter, programs: &Shared, answers: &AtomicU32) {
    loop {
        match orders::read(&mut stream) {
            Ok(Reply::Hello) => {
                answers.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Reply::Started(key, started)) => drop(lock(programs).started.insert(key, started)),
            Ok(Reply::Ended(ChildEvent { key, outcome })) => {
                let mut programs = lock(programs);
                programs.started.remove(&key);
                if programs.expected.as_mut().is_some_and(|expected| expected.remove(&key)) {
                    reporter.report(key, outcome);
                }
            }
            Err(_) => break,
        }
    }
    let (keys, left) = {
        let mut programs = lock(programs);
        (programs.expected.take(), std::mem::take(&mut programs.started))
    };
    left.into_values().for_each(Started::kill);
    for key in keys.into_iter().flatten() {
        reporter.report(key, Outcome::NoResources("the process that runs check scripts has exited".to_owned()));
    }
}
