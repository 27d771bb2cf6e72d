//! The clock and the wait of a loop; tests replace both.

use std::io;
use std::time::Duration;

use crate::reactor::{Events, Reactor, Ready, clock};

/// Precision of a process's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) enum Pace {
    /// Precise timers of the kernel, late by some 50 us. Each call of `now` reads the clock.
    Punctual,
    /// Timers late by a millisecond or two. Throughout a turn the time is that of its start, so that events that
    /// arrived by then are handled before timers.
    Coarse {
        /// Most timers of a turn; others wait for the next turn.
        timers: usize,
    },
}

impl Pace {
    /// Most timers of a turn.
    pub(super) fn timers(self) -> usize {
        match self {
            Pace::Punctual => usize::MAX,
            Pace::Coarse { timers } => timers,
        }
    }

    /// Most sources that one wait reports; others are reported by the next.
    fn events(self) -> usize {
        match self {
            Pace::Punctual => 64,
            Pace::Coarse { .. } => 256,
        }
    }

    /// A reactor with this precision.
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

    /// Waits until a source of the reactor is ready or `deadline` has come; with zero it does not sleep.
    fn wait(&mut self, reactor: &mut Reactor, deadline: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()>;
}

/// The system's clock.
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
