//! How many processes of each `vrrp_track_process` run.
//!
//! The kernel's process connector tells of each process that begins, changes its name or ends, but only in the initial
//! namespaces and to root. Elsewhere `/proc` is read once a second.

mod census;
mod connector;
mod poller;
mod proc;

use std::io;
use std::time::Duration;

use crate::config::model::TrackProcess;
use crate::reactor::{Events, Feed, Feeder, Interest, Reactor, Token, background, clock, feed};
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

/// Starts to count, by the connector if it works.
///
/// # Errors
/// When the system has no descriptors or threads left.
pub fn count_processes(kinds: &[TrackProcess], buffer: ReceiveBuffer) -> io::Result<Feed<ProcessEvent>> {
    spawn(kinds, move || Connector::open(buffer))
}

/// Starts to count by reading `/proc` alone.
///
/// # Errors
/// As [`count_processes`].
pub fn poll_processes(kinds: &[TrackProcess]) -> io::Result<Feed<ProcessEvent>> {
    spawn(kinds, || Err(io::Error::other("not asked for")))
}

fn spawn(
    kinds: &[TrackProcess],
    connect: impl FnOnce() -> io::Result<Connector> + Send + 'static,
) -> io::Result<Feed<ProcessEvent>> {
    let (feed, feeder) = feed()?;
    let reactor = Reactor::coarse()?;
    reactor.register(feeder.waker(), STOP, Interest::READABLE)?;
    let counter = Counter { census: Census::new(kinds), reactor, feeder };
    background::spawn("processes", move || counter.run(connect))?;
    Ok(feed)
}

/// The thread.
struct Counter {
    census: Census,
    reactor: Reactor,
    feeder: Feeder<ProcessEvent>,
}

impl Counter {
    fn run(mut self, connect: impl FnOnce() -> io::Result<Connector>) {
        let why = match connect().and_then(|connector| self.listen(connector)) {
            Ok(()) => return,
            Err(why) => why,
        };
        self.feeder.send(ProcessEvent::Way(ProcessWay::Polling(why.to_string())));
        self.poll();
    }

    /// Follows the events of the connector until the end.
    ///
    /// # Errors
    /// When the kernel does not let this process listen, or its socket fails.
    fn listen(&mut self, mut connector: Connector) -> io::Result<()> {
        self.reactor.register(&connector, KERNEL, Interest::READABLE)?;
        self.feeder.send(ProcessEvent::Way(ProcessWay::Connector));
        let mut events = Events::with_capacity(4);
        // What happens meanwhile waits in the socket.
        let mut scan_due = Some(Duration::ZERO);
        let mut scanned = Duration::ZERO;
        while !self.feeder.is_over() {
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
        while !self.feeder.is_over() {
            poller.look(&mut self.census, &proc::pids(), proc::kinds_of);
            self.report();
            if self.reactor.wait(Some(clock::now().saturating_add(LOOK)), &mut events).is_err() {
                return;
            }
        }
    }

    fn report(&mut self) {
        for (name, count) in self.census.changes() {
            self.feeder.send(ProcessEvent::Count { name, count });
        }
    }
}
