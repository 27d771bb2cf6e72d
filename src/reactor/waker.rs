//! Wakes an event loop from another thread.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Wakes an event loop; usable from any thread. Clones wake the same loop.
#[derive(Clone, Debug)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    /// A waker, to be registered for reading.
    pub fn new() -> io::Result<Waker> {
        let fd = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Waker(Arc::new(fd)))
    }

    /// Wakes the loop; never blocks. Several calls before the loop runs cause one wake-up.
    pub fn wake(&self) {
        // The only possible failure is a full counter: the loop has been woken already.
        let _ = self.0.write(1);
    }

    /// Clears the wake-ups so far. Call it *before* taking the other thread's events, so that later events wake the loop
    /// again.
    pub fn clear(&self) {
        let _ = self.0.read();
    }

    /// As [`Waker::clear`], for other loops than the reactor's.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there was no wake-up.
    pub fn take(&self) -> io::Result<()> {
        self.0.read()?;
        Ok(())
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use mio::{Interest, Token};

    use super::Waker;
    use crate::reactor::{Events, Reactor};

    #[test]
    fn a_thread_wakes_the_loop_each_time() {
        let waker = Waker::new().unwrap();
        let mut reactor = Reactor::new().unwrap();
        let mut events = Events::with_capacity(4);
        reactor.register(&waker, Token(5), Interest::READABLE).unwrap();
        for _ in 0..10 {
            let other = waker.clone();
            let thread = thread::spawn(move || other.wake());
            reactor.wait(None, &mut events).unwrap();
            assert_eq!(events.iter().next().unwrap().token, Token(5));
            waker.clear();
            thread.join().unwrap();
        }
    }
}
