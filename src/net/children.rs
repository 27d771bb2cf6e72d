//! Check scripts: run, watched and ended by a process of their own, the [`runner`](super::runner).
//!
//! This process has blocked signals, limits and perhaps a real-time policy that no program should inherit, and no program
//! may hold up its loop. The runner is a clean process from its first moment, so that it starts programs as cheaply as the
//! system can. It comes with the first order, and again after it was lost.

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
use super::runner::{self, MOST};
use crate::reactor::{Program, Waker, clock, launcher};

/// How long dropping the handle waits for the runner to kill its programs.
const FAREWELL: Duration = Duration::from_millis(200);

/// Handle to the runner. Dropping it kills what still runs.
///
/// Register it as readable; when it is ready, take the [`events`](Children::events).
#[derive(Debug)]
pub struct Children {
    orders: Option<Sender<Order>>,
    ended: Receiver<ChildEvent>,
    ready: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Children {
    /// Starts the thread that talks to the runner.
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
        let ready = Waker::new()?;
        let client = Client { told: Told { ended: outgoing, ready: ready.clone() }, most, runner: None };
        let thread = std::thread::Builder::new().name("programs".into()).spawn(move || client.run(&incoming))?;
        Ok(Children { orders: Some(orders), ended, ready, thread: Some(thread) })
    }

    /// Runs a program. After `limit` its process group gets TERM, and KILL two seconds later. One event tells the end,
    /// unless it is cancelled. Never blocks. Beyond 1024 that run it does not start, which is [`Outcome::Lacking`].
    pub fn run(&self, key: Key, program: Program, limit: Duration) {
        self.order(Order::Run { key, program, limit });
    }

    /// Ends a program, with TERM, then KILL, and without an event.
    pub fn cancel(&self, key: Key) {
        self.order(Order::Cancel(key));
    }

    /// Adds the ends since the last call.
    pub fn events(&self, out: &mut Vec<ChildEvent>) {
        self.ready.clear();
        out.extend(self.ended.try_iter());
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The thread goes only when this handle does.
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
        // The runner may hang in a file system, so it is not waited for without end.
        let until = clock::now().saturating_add(FAREWELL);
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) && clock::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Where ends are told.
#[derive(Clone)]
struct Told {
    ended: Sender<ChildEvent>,
    ready: Waker,
}

impl Told {
    fn tell(&self, key: Key, outcome: Outcome) {
        if self.ended.send(ChildEvent { key, outcome }).is_ok() {
            self.ready.wake();
        }
    }
}

/// The programs whose end is to be told. `None`: the runner has ended, and none is.
type Expected = Arc<Mutex<Option<HashSet<Key>>>>;

fn lock(expected: &Expected) -> MutexGuard<'_, Option<HashSet<Key>>> {
    expected.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that hands orders on.
struct Client {
    told: Told,
    most: usize,
    runner: Option<Runner>,
}

impl Client {
    fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            match order {
                Order::Run { key, .. } => {
                    if let Err(error) = self.hand_on(key, &order) {
                        self.told.tell(key, Outcome::Lacking(format!("the process that runs programs: {error}")));
                    }
                }
                Order::Cancel(key) => self.cancel(key, &order),
            }
        }
        self.lose();
    }

    fn hand_on(&mut self, key: Key, order: &Order) -> io::Result<()> {
        if self.runner.as_ref().is_some_and(|runner| lock(&runner.expected).is_none()) {
            self.lose();
        }
        let runner = match &mut self.runner {
            Some(runner) => runner,
            none => none.insert(Runner::start(self.most, &self.told)?),
        };
        match &mut *lock(&runner.expected) {
            Some(expected) => expected.insert(key),
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        let sent = orders::write(&mut runner.stream, order);
        // Whoever takes the key out tells of it.
        match sent {
            Err(error) if lock(&runner.expected).as_mut().is_some_and(|expected| expected.remove(&key)) => Err(error),
            _ => Ok(()),
        }
    }

    fn cancel(&mut self, key: Key, order: &Order) {
        let Some(runner) = &mut self.runner else { return };
        let waits = lock(&runner.expected).as_mut().is_some_and(|expected| expected.remove(&key));
        if waits {
            // A runner that has ended has killed it.
            let _ = orders::write(&mut runner.stream, order);
        }
    }

    /// The end of the stream has the runner kill what runs, and end.
    fn lose(&mut self) {
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
    fn start(most: usize, told: &Told) -> io::Result<Runner> {
        let (stream, theirs) = UnixStream::pair()?;
        let reader = stream.try_clone()?;
        let expected: Expected = Arc::new(Mutex::new(Some(HashSet::new())));
        let (told, shared) = (told.clone(), Arc::clone(&expected));
        std::thread::Builder::new().name("ends".into()).spawn(move || tell_ends(reader, &told, &shared))?;
        let process = launcher::start_role(runner::ROLE, &most.to_string(), theirs.into())?;
        Ok(Runner { process, stream, expected })
    }
}

/// The thread that hands ends on, until the runner has ended.
fn tell_ends(mut stream: UnixStream, told: &Told, expected: &Expected) {
    while let Ok(ChildEvent { key, outcome }) = orders::read(&mut stream) {
        if lock(expected).as_mut().is_some_and(|expected| expected.remove(&key)) {
            told.tell(key, outcome);
        }
    }
    for key in lock(expected).take().into_iter().flatten() {
        told.tell(key, Outcome::Lacking("the process that runs programs has ended".to_owned()));
    }
}
