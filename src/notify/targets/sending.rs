//! The thread that sends notifications.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use snmp::target::{Engine, Event, Link, Target as Machine};

use super::order::{Order, Shared, destination, settings};
use crate::config::model::TrapHost;
use crate::notify::log::Log;
use crate::reactor::clock;
use crate::system::Target;
use crate::text::{counted, reason, was};

/// Most orders that are taken before the targets get a turn.
const BUDGET: usize = 256;

/// Shortest time between two log lines about refused informs of a target, and between two about dropped notifications.
const PAUSE: Duration = Duration::from_secs(60);

/// State of the thread.
pub(super) struct Sending {
    log: Log,
    shared: Arc<Shared>,
    targets: Vec<Served>,
    closing: Option<Duration>,
}

/// A target that is served.
struct Served {
    host: TrapHost,
    link: Link,
    refused: Tally,
    dropped: Tally,
}

/// A number for the log, which is written from time to time.
#[derive(Debug, Default)]
struct Tally {
    count: usize,
    logged: Option<Duration>,
}

impl Tally {
    /// The number to log now, if there is one.
    fn due(&mut self, now: Duration) -> Option<usize> {
        let due = self.count > 0 && self.logged.is_none_or(|at| now.saturating_sub(at) >= PAUSE);
        due.then(|| {
            self.logged = Some(now);
            std::mem::take(&mut self.count)
        })
    }
}

impl Sending {
    pub(super) fn new(log: Log, shared: Arc<Shared>) -> Sending {
        Sending { log, shared, targets: Vec::new(), closing: None }
    }

    /// Runs until it is told to close, or the sender of orders is dropped.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let Some(more) = self.take(orders) else { return };
            let now = clock::now();
            let mut again = more;
            for served in &mut self.targets {
                again |= served.link.turn(now);
                served.log_events(now, &self.log);
            }
            if self.closing.is_some_and(|until| until <= now || self.targets.iter().all(Served::is_done)) {
                return;
            }
            self.wait(again);
        }
    }

    /// Takes a bounded number of orders; returns whether there may be more, and `None` at the end.
    fn take(&mut self, orders: &Receiver<Order>) -> Option<bool> {
        // Before the orders are taken: a later one wakes the next wait.
        self.shared.waker.clear();
        for _ in 0..BUDGET {
            match orders.try_recv() {
                Ok(Order::Send(notice)) => {
                    self.shared.pending.fetch_sub(1, Ordering::Relaxed);
                    for served in &mut self.targets {
                        served.link.target.push(notice.clone());
                    }
                }
                Ok(Order::Targets(targets, engine)) => self.configure(targets, &engine),
                Ok(Order::Close(until)) => self.closing = Some(until),
                Err(TryRecvError::Empty) => return Some(false),
                Err(TryRecvError::Disconnected) => return None,
            }
        }
        Some(true)
    }

    fn configure(&mut self, targets: Vec<Target>, engine: &Engine) {
        let mut before = std::mem::take(&mut self.targets);
        for target in targets {
            let host = target.config.host.clone();
            let settings = settings(&target.config, engine);
            let known = before.iter().position(|served| served.host == host);
            let served = match known.map(|at| before.swap_remove(at)) {
                Some(mut served) => {
                    served.link.configure(settings);
                    served
                }
                None => {
                    let seed = RandomState::new().hash_one(host.to_string());
                    let machine = Machine::new(settings, target.counters, seed);
                    let link = Link::new(destination(&host), machine);
                    Served { host, link, refused: Tally::default(), dropped: Tally::default() }
                }
            };
            self.targets.push(served);
        }
        for gone in before {
            let waiting = gone.link.target.waiting();
            if waiting > 0 {
                self.log.warning(format_args!(
                    "{} {} dropped: snmp_trap_target {} is no longer configured",
                    counted(waiting, "SNMP notification"),
                    was(waiting),
                    gone.host
                ));
            }
        }
    }

    /// Waits until a descriptor is ready or a deadline has come; with `again` it does not sleep.
    fn wait(&self, again: bool) {
        let deadlines = self.targets.iter().filter_map(|served| served.link.deadline()).chain(self.closing);
        let next = if again { Some(Duration::ZERO) } else { deadlines.min().map(|at| at.saturating_sub(clock::now())) };
        // To the next millisecond at least, so that a deadline is over after the wait.
        let timeout = next.and_then(|wait| Timespec::try_from(wait).ok());
        let waker = &self.shared.waker;
        let mut polled = vec![PollFd::new(waker, PollFlags::IN)];
        let interests = self.targets.iter().flat_map(|served| served.link.interests());
        polled.extend(interests.map(|interest| {
            let flags = if interest.write { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            PollFd::from_borrowed_fd(interest.fd, flags)
        }));
        // An interrupted wait is a short one.
        let _ = poll(&mut polled, timeout.as_ref());
    }
}

impl Served {
    /// Whether there is nothing to wait for before the end.
    fn is_done(&self) -> bool {
        self.link.target.waiting() == 0 || self.link.target.is_silent()
    }

    fn log_events(&mut self, now: Duration, log: &Log) {
        while let Some(event) = self.link.target.poll_event() {
            self.log_event(&event, log);
        }
        let host = &self.host;
        if let Some(count) = self.refused.due(now) {
            log.error(format_args!(
                "snmp_trap_target {host} has refused {}: its configuration must allow them",
                counted(count, "inform")
            ));
        }
        if let Some(count) = self.dropped.due(now) {
            log.error(format_args!(
                "{} for snmp_trap_target {host} {} dropped: too many wait",
                counted(count, "SNMP notification"),
                was(count)
            ));
        }
    }

    fn log_event(&mut self, event: &Event, log: &Log) {
        let host = &self.host;
        match event {
            Event::NoAddress => log.warning(format_args!(
                "The name of snmp_trap_target {host} has no address; looking it up again (correct it, or write an address)"
            )),
            Event::CannotSend(kind) => {
                let why = reason(&(*kind).into());
                log.warning(format_args!("Cannot send notifications to snmp_trap_target {host}: {why}; trying again"));
            }
            Event::Silent => log.warning(format_args!(
                "snmp_trap_target {host} does not acknowledge informs; they wait, and are sent again"
            )),
            Event::Answers(waiting) => log.info(format_args!(
                "snmp_trap_target {host} acknowledges informs again; {} waiting",
                counted(*waiting, "notification")
            )),
            Event::Refused(_) => self.refused.count += 1,
            Event::Reported(clause) => {
                log.error(format_args!("snmp_trap_target {host} does not take informs: {clause}; trying again"));
            }
            Event::Dropped(count) => self.dropped.count += usize::try_from(*count).unwrap_or(0),
        }
    }
}
