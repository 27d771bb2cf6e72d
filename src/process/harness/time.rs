//! The clock and the wait of a loop. Tests have others.

use std::io;
use std::time::Duration;

use crate::reactor::{Events, Reactor, Ready, clock};

/// How closely a process keeps to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) enum Pace {
    /// By the kernel's timers, late by some 50 us. The clock is read each time it is asked for.
    Punctual,
    /// A millisecond or two late. A turn has one time, that of its beginning: what has come by then is heard before a
    /// timer is due.
    Coarse {
        /// Timers of a turn; what is due beyond waits for the next.
        timers: usize,
    },
}

impl Pace {
    /// Timers of a turn.
    pub(super) fn timers(self) -> usize {
        match self {
            Pace::Punctual => usize::MAX,
            Pace::Coarse { timers } => timers,
        }
    }

    /// Sources that one wait can tell of; the others are told by the next.
    fn events(self) -> usize {
        match self {
            Pace::Punctual => 64,
            Pace::Coarse { .. } => 256,
        }
    }

    /// A reactor of this pace.
    pub(super) fn reactor(self) -> io::Result<Reactor> {
        match self {
            Pace::Punctual => Reactor::new(),
            Pace::Coarse { .. } => Reactor::coarse(),
        }
    }
}

/// A clock, and the wait for events.
pub(super) trait Time {
    /// The time now.
    fn now(&self) -> Duration;

    /// Waits until a source of the reactor is ready or `deadline` has come; zero looks at the sources without sleep.
    fn wait(&mut self, reactor: &mut Reactor, deadline: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()>;
}

/// The clock of this machine.
pub(super) struct SystemTime {
    events: Events,
}

impl SystemTime {
    pub(super) fn new(pace: Pace) -> SystemTime {
        SystemTime { events: Events::with_capacity(pace.events()) }
    }
}

impl Time for SystemTime {
    fn now(&self) -> Duration {
        clock::now()
    }

    fn wait(&mut self, reactor: &mut Reactor, deadline: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        reactor.wait(deadline, &mut self.events)?;
        ready.clear();
        ready.extend(self.events.iter());
        Ok(())
    }
}
