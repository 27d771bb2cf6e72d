//! Counts the processes of each `vrrp_track_process`.
//!
//! The kernel's process connector reports each process that forks, changes its name or exits, but only in the initial
//! namespaces and to root. Elsewhere `/proc` is read once a second.

mod census;
mod connector;
mod poller;
mod proc;

use std::io;
use std::time::Duration;

use crate::config::model::{ReceiveBuffer, TrackProcess};
use crate::reactor::{Events, Feed, Feeder, Interest, Reactor, Token, background, clock, feed};
use census::Census;
use connector::{Connector, ConnectorEvent};
use poller::Poller;

/// Interval of reading `/proc` without the connector, and least interval between scans after lost messages.
const LOOK: Duration = Duration::from_secs(1);
/// Most messages of the kernel handled between two reports.
const BATCH: usize = 256;
const STOP: Token = Token(0);
const KERNEL: Token = Token(1);

/// An event of the counting thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// The number of processes of a `vrrp_track_process`: at the start and at each change.
    Count {
        /// Name of the block.
        name: String,
        /// Number of matching processes.
        count: u32,
    },
    /// The counting method from now on.
    Way(ProcessWay),
}

/// The method of counting processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessWay {
    /// By events of the process connector, without delay.
    Connector,
    /// By reading `/proc` once a second; the reason why the connector cannot be used.
    Polling(String),
}

/// Starts a thread that counts processes, by the connector if possible.
///
/// # Errors
/// When the system has no descriptors or threads left.
pub fn count_processes(kinds: &[TrackProcess], buffer: ReceiveBuffer) -> io::Result<Feed<ProcessEvent>> {
    spawn(kinds, move || Connector::open(buffer))
}

/// Starts a thread that counts processes by reading `/proc` only.
///
/// # Errors
/// As [`count_processes`].
pub fn poll_processes(kinds: &[TrackProcess]) -> io::Result<Feed<ProcessEvent>> {
    spawn(kinds, || Err(io::Error::other("not requested")))
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

/// State of the thread.
struct Counter {
    census: Census,
    reactor: Reactor,
    feeder: Feeder<ProcessEvent>,
}

impl Counter {
    fn run(mut self, connect: impl FnOnce() -> io::Result<Connector>) {
        let reason = match connect().and_then(|connector| self.listen(connector)) {
            Ok(()) => return,
            Err(reason) => reason,
        };
        self.feeder.send(ProcessEvent::Way(ProcessWay::Polling(reason.to_string())));
        self.poll();
    }

    /// Handles the events of the connector until the [`Feed`] is dropped.
    ///
    /// # Errors
    /// When the socket fails.
    fn listen(&mut self, mut connector: Connector) -> io::Result<()> {
        self.reactor.register(&connector, KERNEL, Interest::READABLE)?;
        self.feeder.send(ProcessEvent::Way(ProcessWay::Connector));
        let mut events = Events::with_capacity(4);
        // Events during a scan wait in the socket.
        let mut scan_due = Some(Duration::ZERO);
        let mut scanned = Duration::ZERO;
        while !self.feeder.is_over() {
            if scan_due.is_some_and(|due| due <= clock::now()) {
                self.census.replace(proc::all(&self.census));
                (scanned, scan_due) = (clock::now(), None);
            }
            let last = self.handle_events(&mut connector)?;
            if last == ConnectorEvent::Lost {
                scan_due = scan_due.or(Some(scanned.saturating_add(LOOK)));
            }
            self.report();
            if last == ConnectorEvent::Empty {
                self.reactor.wait(scan_due, &mut events)?;
            }
        }
        Ok(())
    }

    /// Handles up to [`BATCH`] messages; returns `Empty` or `Lost` if that was the last one.
    fn handle_events(&mut self, connector: &mut Connector) -> io::Result<ConnectorEvent> {
        for _ in 0..BATCH {
            let event = connector.receive()?;
            match event {
                ConnectorEvent::Forked { parent, child } => self.census.forked(parent, child),
                ConnectorEvent::Renamed(pid) => {
                    let found = proc::kinds_of(&self.census, pid);
                    self.census.set(pid, found);
                }
                ConnectorEvent::Ended(pid) => self.census.set(pid, Vec::new()),
                ConnectorEvent::Acknowledged(_) | ConnectorEvent::Other => {}
                ConnectorEvent::Empty | ConnectorEvent::Lost => return Ok(event),
            }
        }
        Ok(ConnectorEvent::Other)
    }

    /// Reads `/proc` once a second until the [`Feed`] is dropped.
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
