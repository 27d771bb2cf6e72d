//! The clock and the wait of a loop; tests replace both.

use std::io;
use std::time::Duration;

use crate::reactor::{Events, Reactor, Ready, clock};

/// Precision of a process's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) enum Pace {
    /// Precise timers of the kernel, late by some 50 us. Each call of `now` reads the clock.
    Punctual,
    /// Timers late by up to `step`, and a millisecond or two. Throughout a turn the time is that of its start, so that events that
    /// arrived by then are handled before timers.
    Coarse {
        /// Most timers of a turn; others wait for the next turn.
        timers: usize,
        /// Timers are due at multiples of this time after their deadline, so that one wait serves several; not 0.
        step: Duration,
    },
}

impl Pace {
    /// Most timers of a turn.
    pub(super) fn timers(self) -> usize {
        match self {
            Pace::Punctual => usize::MAX,
            Pace::Coarse { timers, .. } => timers,
        }
    }

    /// Most sources that one wait reports; others are reported by the next.
    fn events(self) -> usize {
        match self {
            Pace::Punctual => 64,
            Pace::Coarse { .. } => 256,
        }
    }

    /// When a wait for `deadline` ends.
    pub(super) fn align(self, deadline: Duration) -> Duration {
        let Pace::Coarse { step, .. } = self else { return deadline };
        let (at, step) = (deadline.as_nanos(), step.as_nanos().max(1));
        let late = at.next_multiple_of(step).saturating_sub(at);
        deadline.saturating_add(Duration::from_nanos(u64::try_from(late).unwrap_or(0)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_wait_ends_at_the_next_step() {
        let ms = Duration::from_millis;
        let coarse = Pace::Coarse { timers: 1, step: ms(10) };
        for (deadline, end) in [(ms(0), ms(0)), (ms(1), ms(10)), (ms(10), ms(10)), (ms(10_001), ms(10_010))] {
            assert_eq!((coarse.align(deadline), Pace::Punctual.align(deadline)), (end, deadline));
        }
        assert_eq!(coarse.align(Duration::MAX), Duration::MAX);
    }
}
