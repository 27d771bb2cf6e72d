//! Runs check scripts in a separate process, the [`runner`](super::runner).
//!
//! This process has blocked signals, changed limits and perhaps a real-time policy, which programs should not inherit, and
//! starting a program must not block its loop. The runner resets all of these once, so that starting programs is cheap. It
//! is started with the first program, and again if it has exited.

use std::collections::HashSet;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Key;
use super::orders::{self, ChildEvent, Order, Outcome};
use super::runner::{self, MAX_RUNNING};
use crate::reactor::background::await_end;
use crate::reactor::{Program, Waker, launcher};

/// How long dropping [`Children`] waits for the runner to kill its programs.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(200);

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
        let client = Client { reporter: Reporter { ended: outgoing, ready: ready.clone() }, max_running, runner: None };
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

/// The programs whose outcome is still to be reported. `None`: the runner has exited.
type Expected = Arc<Mutex<Option<HashSet<Key>>>>;

fn lock(expected: &Expected) -> MutexGuard<'_, Option<HashSet<Key>>> {
    expected.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that forwards orders to the runner.
struct Client {
    reporter: Reporter,
    max_running: usize,
    runner: Option<Runner>,
}

impl Client {
    fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Run { key, .. } => {
                    if let Err(error) = self.forward(key, &order) {
                        self.reporter
                            .report(key, Outcome::NoResources(format!("the process that runs check scripts: {error}")));
                    }
                }
                Order::Cancel(key) => self.cancel(key, &order),
            }
        }
        self.stop_runner();
    }

    fn forward(&mut self, key: Key, order: &Order) -> io::Result<()> {
        if self.runner.as_ref().is_some_and(|runner| lock(&runner.expected).is_none()) {
            self.stop_runner();
        }
        let runner = match &mut self.runner {
            Some(runner) => runner,
            none => none.insert(Runner::start(self.max_running, &self.reporter)?),
        };
        match &mut *lock(&runner.expected) {
            Some(expected) => expected.insert(key),
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        let sent = orders::write(&mut runner.stream, order);
        // The thread that removes the key reports the outcome.
        match sent {
            Err(error) if lock(&runner.expected).as_mut().is_some_and(|expected| expected.remove(&key)) => Err(error),
            _ => Ok(()),
        }
    }

    fn cancel(&mut self, key: Key, order: &Order) {
        let Some(runner) = &mut self.runner else { return };
        let waits = lock(&runner.expected).as_mut().is_some_and(|expected| expected.remove(&key));
        if waits {
            // If the runner has exited, it has killed the program.
            let _ = orders::write(&mut runner.stream, order);
        }
    }

    /// Closes the stream, whereupon the runner kills its programs and exits.
    fn stop_runner(&mut self) {
        if let Some(mut runner) = self.runner.take() {
            let _ = runner.stream.shutdown(Shutdown::Both);
            let _ = runner.process.wait();
        }
    }
}

struct Runner {
    process: Child,
    stream: UnixStream,
    expected: Expected,
}

impl Runner {
    fn start(max_running: usize, reporter: &Reporter) -> io::Result<Runner> {
        let (stream, theirs) = UnixStream::pair()?;
        let reader = stream.try_clone()?;
        let expected: Expected = Arc::new(Mutex::new(Some(HashSet::new())));
        let (reporter, shared) = (reporter.clone(), Arc::clone(&expected));
        std::thread::Builder::new().name("ends".into()).spawn(move || report_ends(reader, &reporter, &shared))?;
        let process = launcher::start_role(runner::ROLE, &max_running.to_string(), theirs.into())?;
        Ok(Runner { process, stream, expected })
    }
}

/// The thread that passes outcomes on until the runner exits.
fn report_ends(mut stream: UnixStream, reporter: &Reporter, expected: &Expected) {
    while let Ok(ChildEvent { key, outcome }) = orders::read(&mut stream) {
        if lock(expected).as_mut().is_some_and(|expected| expected.remove(&key)) {
            reporter.report(key, outcome);
        }
    }
    for key in lock(expected).take().into_iter().flatten() {
        reporter.report(key, Outcome::NoResources("the process that runs check scripts has exited".to_owned()));
    }
}
