//! Waits for sockets and for the next deadline.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::clock;

/// Latest deadline for the timer (136 years), so that it fits the kernel's time type.
const FAR: Duration = Duration::from_secs(1 << 32);
/// Longest wait without a timer, so that the milliseconds fit the kernel's integer; the caller then waits again.
const LONGEST: Duration = Duration::from_secs(3600);
/// Token of the reactor's own timer; not available to users.
const TIMER: Token = Token(usize::MAX);

/// An epoll instance with a timerfd.
///
/// mio's time-out is rounded up to whole milliseconds and is half a millisecond late on average; the timer
/// (`CLOCK_MONOTONIC`, absolute) is about 50 us late. It is set again only when the earliest deadline changes. A
/// [`coarse`](Reactor::coarse) reactor has no timer: it saves a system call where deadlines change with each event and
/// a millisecond does not matter.
///
/// **The kernel reuses descriptor numbers**, so events are identified by their [`Token`], never by the descriptor: give
/// each registration a new token (from a counter, for example), and an event left over from a closed socket cannot be
/// mistaken for one of its successor. Call [`deregister`](Reactor::deregister) before closing a descriptor. Without
/// that the kernel drops the registration with the last copy of the descriptor, and a new socket with the same number
/// registers as usual.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    /// `None` in a coarse reactor, which uses mio's time-out.
    timer: Option<TimerFd>,
    armed: Option<Duration>,
}

impl Reactor {
    /// A reactor with a timer.
    pub fn new() -> io::Result<Reactor> {
        let poll = Poll::new()?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let fd = std::os::fd::AsFd::as_fd(&timer).as_raw_fd();
        poll.registry().register(&mut SourceFd(&fd), TIMER, Interest::READABLE)?;
        Ok(Reactor { poll, timer: Some(timer), armed: None })
    }

    /// A reactor without a timer: waits may end one or two milliseconds after the deadline.
    pub fn coarse() -> io::Result<Reactor> {
        Ok(Reactor { poll: Poll::new()?, timer: None, armed: None })
    }

    /// Watches a descriptor; its events carry `token`.
    ///
    /// Edge-triggered: each change is reported once. If the descriptor is ready already, the next wait reports it.
    /// `token` may have any value but `usize::MAX`.
    pub fn register(&self, source: &impl AsRawFd, token: Token, interest: Interest) -> io::Result<()> {
        refuse_own_token(token)?;
        let fd = source.as_raw_fd();
        self.poll.registry().register(&mut SourceFd(&fd), token, interest)
    }

    /// Changes the token or the interest of a watched descriptor; the next wait reports its readiness again.
    pub fn reregister(&self, source: &impl AsRawFd, token: Token, interest: Interest) -> io::Result<()> {
        refuse_own_token(token)?;
        let fd = source.as_raw_fd();
        self.poll.registry().reregister(&mut SourceFd(&fd), token, interest)
    }

    /// Stops watching a descriptor. Call it before closing the descriptor.
    pub fn deregister(&self, source: &impl AsRawFd) -> io::Result<()> {
        let fd = source.as_raw_fd();
        self.poll.registry().deregister(&mut SourceFd(&fd))
    }

    /// Waits until a watched descriptor is ready or until `deadline` (`None`: no deadline).
    ///
    /// With a deadline of zero or in the past it polls the descriptors without sleeping. `events` then has the ready
    /// descriptors, if any: the deadline itself is not an event, and a signal handler may end the wait early.
    pub fn wait(&mut self, deadline: Option<Duration>, events: &mut Events) -> io::Result<()> {
        let left = deadline.map(|at| if at.is_zero() { at } else { at.saturating_sub(clock::now()) });
        let due = left.is_some_and(|left| left.is_zero());
        if !due {
            self.arm(deadline)?;
        }
        // With a timer armed, the wait needs no time-out.
        let limit = left.filter(|_| due || self.timer.is_none()).map(|left| left.min(LONGEST));
        match self.poll.poll(&mut events.0, limit) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => events.0.clear(),
            Err(e) => return Err(e),
        }
        if events.0.iter().any(|event| event.token() == TIMER) {
            self.armed = None;
        }
        Ok(())
    }

    /// Sets the timer, unless it is already set to this deadline.
    fn arm(&mut self, deadline: Option<Duration>) -> io::Result<()> {
        let Some(timer) = self.timer.as_ref().filter(|_| self.armed != deadline) else { return Ok(()) };
        match deadline {
            Some(at) => {
                let at = Expiration::OneShot(TimeSpec::from_duration(at.min(FAR)));
                timer.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
            None => timer.unset()?,
        }
        self.armed = deadline;
        Ok(())
    }
}

fn refuse_own_token(token: Token) -> io::Result<()> {
    if token == TIMER {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(())
}

/// Buffer for the events of one wait.
#[derive(Debug)]
pub struct Events(mio::Events);

impl Events {
    /// A buffer for `capacity` events; further events are reported by the next wait.
    pub fn with_capacity(capacity: usize) -> Events {
        Events(mio::Events::with_capacity(capacity))
    }

    /// The ready descriptors, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = Ready> + '_ {
        self.0.iter().filter(|event| event.token() != TIMER).map(|event| Ready {
            token: event.token(),
            readable: event.is_readable(),
            writable: event.is_writable(),
            error: event.is_error(),
            read_closed: event.is_read_closed(),
        })
    }

    /// Whether no descriptor is ready.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// One ready descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The token it was registered with.
    pub token: Token,
    /// A read returns data, end of file or an error.
    pub readable: bool,
    /// It can be written, or a connection attempt is complete.
    pub writable: bool,
    /// It has a pending error.
    pub error: bool,
    /// The peer has closed its sending side.
    pub read_closed: bool,
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use mio::{Interest, Token};

    use super::{Events, Reactor, clock};

    fn tokens(events: &Events) -> Vec<usize> {
        events.iter().map(|ready| ready.token.0).collect()
    }

    fn pair() -> (UnixStream, UnixStream) {
        let (a, b) = UnixStream::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        (a, b)
    }

    #[test]
    fn a_wait_ends_at_the_deadline_and_not_before() {
        for mut reactor in [Reactor::new().unwrap(), Reactor::coarse().unwrap()] {
            let mut events = Events::with_capacity(8);
            for _ in 0..3 {
                let at = clock::now() + Duration::from_millis(20);
                while clock::now() < at {
                    reactor.wait(Some(at), &mut events).unwrap();
                    assert!(events.is_empty());
                    assert!(clock::now() >= at, "woken early");
                }
            }
        }
    }

    #[test]
    fn an_earlier_deadline_replaces_a_later_one() {
        for reactor in [Reactor::new().unwrap(), Reactor::coarse().unwrap()] {
            check_earlier_deadline(reactor);
        }
    }

    fn check_earlier_deadline(mut reactor: Reactor) {
        let mut events = Events::with_capacity(8);
        let (a, mut b) = pair();
        reactor.register(&a, Token(1), Interest::READABLE).unwrap();
        b.write_all(b"x").unwrap();
        let start = clock::now();
        reactor.wait(Some(Duration::MAX), &mut events).unwrap();
        assert_eq!(tokens(&events), [1]);
        let near = clock::now() + Duration::from_millis(10);
        reactor.wait(Some(near), &mut events).unwrap();
        assert!(clock::now() >= near && clock::now() < start + Duration::from_secs(60));
    }

    #[test]
    fn a_past_or_zero_deadline_does_not_sleep_and_still_polls_sockets() {
        let mut reactor = Reactor::new().unwrap();
        let mut events = Events::with_capacity(8);
        reactor.wait(Some(Duration::ZERO), &mut events).unwrap();
        reactor.wait(Some(clock::now()), &mut events).unwrap();
        assert!(events.is_empty());
        let (a, mut b) = pair();
        reactor.register(&a, Token(1), Interest::READABLE).unwrap();
        b.write_all(b"x").unwrap();
        reactor.wait(Some(Duration::ZERO), &mut events).unwrap();
        assert_eq!(tokens(&events), [1]);
    }

    #[test]
    fn a_reused_descriptor_number_does_not_mix_up_events() {
        let mut reactor = Reactor::new().unwrap();
        let mut events = Events::with_capacity(8);
        for round in 0..1000 {
            let (a, mut b) = pair();
            let (c, mut d) = pair();
            // A copy keeps the first socket registered, as an inherited descriptor would.
            let copy = a.try_clone().unwrap();
            reactor.register(&a, Token(2 * round), Interest::READABLE).unwrap();
            if round % 2 == 0 {
                reactor.deregister(&a).unwrap();
            }
            // Closes the first socket and gives the second its number.
            let mut slot = OwnedFd::from(a);
            rustix::io::dup2(&c, &mut slot).unwrap();
            reactor.register(&slot, Token(2 * round + 1), Interest::READABLE).unwrap();
            d.write_all(b"new").unwrap();
            reactor.wait(None, &mut events).unwrap();
            assert_eq!(tokens(&events), [2 * round + 1]);
            if round % 2 == 1 {
                // The first socket, not deregistered, still has events, under its own token.
                b.write_all(b"old").unwrap();
                reactor.wait(None, &mut events).unwrap();
                assert_eq!(tokens(&events), [2 * round]);
            }
            drop(copy);
        }
    }

    #[test]
    fn a_deregistered_socket_has_no_events() {
        let mut reactor = Reactor::new().unwrap();
        let mut events = Events::with_capacity(8);
        let (a, mut b) = pair();
        reactor.register(&a, Token(1), Interest::READABLE).unwrap();
        reactor.deregister(&a).unwrap();
        b.write_all(b"x").unwrap();
        reactor.wait(Some(clock::now() + Duration::from_millis(5)), &mut events).unwrap();
        assert!(events.is_empty());
    }

    #[test]
    fn the_token_of_the_timer_is_refused() {
        let reactor = Reactor::new().unwrap();
        let (a, _b) = pair();
        assert!(reactor.register(&a, Token(usize::MAX), Interest::READABLE).is_err());
    }
}
