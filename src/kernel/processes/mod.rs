//! How many processes of each `vrrp_track_process` run.
//!
//! The kernel's process connector tells of each process that begins, changes its name or ends, but only in the initial
//! namespaces and to root. Elsewhere `/proc` is read once a second.

mod census;
mod connector;
mod poller;
mod proc;

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::config::model::TrackProcess;
use crate::reactor::{Events, Interest, Reactor, Token, Waker, background, clock};
use census::Census;
pub use connector::ReceiveBuffer;
use connector::{Connector, Heard};
use poller::Poller;

/// How often `/proc` is read where the kernel tells nothing, and at most after lost messages.
const LOOK: Duration = Duration::from_secs(1);
/// Messages of the kernel between two reports.
const BATCH: usize = 256;
const STOP: Token = Token(0);
const KERNEL: Token = Token(1);

/// What the thread tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// So many processes of a `vrrp_track_process` run: once at the start, and whenever it changes.
    Count {
        /// Name of the block.
        name: String,
        /// Processes that match.
        count: u32,
    },
    /// How processes are counted from now on.
    Way(ProcessWay),
}

/// How processes are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessWay {
    /// By the events of the process connector: at once.
    Connector,
    /// By reading `/proc` once a second, as the connector cannot be used for this reason.
    Polling(String),
}

/// Handle to the thread that counts; dropping it ends the thread.
///
/// Register it as readable; when it is ready, take the [`events`](Processes::events).
#[derive(Debug)]
pub struct Processes {
    told: Receiver<ProcessEvent>,
    ready: Waker,
    stop: Arc<AtomicBool>,
    wake: Waker,
}

impl Processes {
    /// Starts to count, by the connector if it works.
    ///
    /// # Errors
    /// When the system has no descriptors or threads left.
    pub fn start(kinds: &[TrackProcess], buffer: ReceiveBuffer) -> io::Result<Processes> {
        Processes::spawn(kinds, move || Connector::open(buffer))
    }

    /// Starts to count by reading `/proc` alone.
    ///
    /// # Errors
    /// As [`Processes::start`].
    pub fn start_polling(kinds: &[TrackProcess]) -> io::Result<Processes> {
        Processes::spawn(kinds, || Err(io::Error::other("not asked for")))
    }

    fn spawn(
        kinds: &[TrackProcess],
        connect: impl FnOnce() -> io::Result<Connector> + Send + 'static,
    ) -> io::Result<Processes> {
        let (sender, told) = channel();
        let (ready, wake) = (Waker::new()?, Waker::new()?);
        let stop = Arc::new(AtomicBool::new(false));
        let reactor = Reactor::coarse()?;
        reactor.register(&wake, STOP, Interest::READABLE)?;
        let census = Census::new(kinds);
        let counter = Counter { census, reactor, stop: stop.clone(), sender, ready: ready.clone() };
        background::spawn("processes", move || counter.run(connect))?;
        Ok(Processes { told, ready, stop, wake })
    }

    /// Adds what was told since the last call.
    pub fn events(&self, out: &mut Vec<ProcessEvent>) {
        self.ready.clear();
        out.extend(self.told.try_iter());
    }
}

impl AsRawFd for Processes {
    fn as_raw_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake.wake();
    }
}

/// The thread.
struct Counter {
    census: Census,
    reactor: Reactor,
    stop: Arc<AtomicBool>,
    sender: Sender<ProcessEvent>,
    ready: Waker,
}

impl Counter {
    fn run(mut self, connect: impl FnOnce() -> io::Result<Connector>) {
        let why = match connect().and_then(|connector| self.listen(connector)) {
            Ok(()) => return,
            Err(why) => why,
        };
        self.tell(ProcessEvent::Way(ProcessWay::Polling(why.to_string())));
        self.poll();
    }

    /// Follows the events of the connector until the end.
    ///
    /// # Errors
    /// When the kernel does not let this process listen, or its socket fails.
    fn listen(&mut self, mut connector: Connector) -> io::Result<()> {
        self.reactor.register(&connector, KERNEL, Interest::READABLE)?;
        self.tell(ProcessEvent::Way(ProcessWay::Connector));
        let mut events = Events::with_capacity(4);
        // What happens meanwhile waits in the socket.
        let mut scan_due = Some(Duration::ZERO);
        let mut scanned = Duration::ZERO;
        while !self.is_over() {
            if scan_due.is_some_and(|due| due <= clock::now()) {
                self.census.replace(proc::all(&self.census));
                (scanned, scan_due) = (clock::now(), None);
            }
            let more = self.hear(&mut connector)?;
            if more == Heard::Lost {
                scan_due = scan_due.or(Some(scanned.saturating_add(LOOK)));
            }
            self.report();
            if more == Heard::Nothing {
                self.reactor.wait(scan_due, &mut events)?;
            }
        }
        Ok(())
    }

    /// A few messages of the kernel.
    fn hear(&mut self, connector: &mut Connector) -> io::Result<Heard> {
        for _ in 0..BATCH {
            let heard = connector.receive()?;
            match heard {
                Heard::Forked { parent, child } => self.census.forked(parent, child),
                Heard::Renamed(pid) => {
                    let found = proc::kinds_of(&self.census, pid);
                    self.census.set(pid, found);
                }
                Heard::Ended(pid) => self.census.set(pid, Vec::new()),
                Heard::Acknowledged(_) | Heard::Other => {}
                Heard::Nothing | Heard::Lost => return Ok(heard),
            }
        }
        Ok(Heard::Other)
    }

    /// Reads `/proc` until the end.
    fn poll(&mut self) {
        let mut events = Events::with_capacity(4);
        let mut poller = Poller::default();
        while !self.is_over() {
            poller.look(&mut self.census, &proc::pids(), proc::kinds_of);
            self.report();
            if self.reactor.wait(Some(clock::now().saturating_add(LOOK)), &mut events).is_err() {
                return;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn report(&mut self) {
        for (name, count) in self.census.changes() {
            self.tell(ProcessEvent::Count { name, count });
        }
    }

    fn tell(&self, event: ProcessEvent) {
        if self.sender.send(event).is_ok() {
            self.ready.wake();
        }
    }
}
