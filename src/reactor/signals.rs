//! Signals read from a descriptor (signalfd).

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// A signal received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caught {
    /// A standard signal.
    Named(Signal),
    /// A real-time signal, by its number.
    RealTime(u32),
}

/// A set of signals, blocked and read from a descriptor.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// Blocks `signals` and all real-time signals in the calling thread and opens a descriptor for them.
    ///
    /// Call it before the first thread is started: threads inherit the blocked set, and the kernel delivers a signal to
    /// any thread that does not block it. Child processes inherit the set too, unless they are started by
    /// [`Program`](super::Program).
    pub fn new(signals: &[Signal]) -> io::Result<Signals> {
        let set = Signals::hold(signals)?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Signals { fd })
    }

    /// Blocks `signals` and all real-time signals in the calling thread: they stay pending until [`Signals::new`].
    pub fn hold(signals: &[Signal]) -> io::Result<SigSet> {
        // nix cannot add real-time signals to a set: start with the full set and remove the other standard signals.
        let mut set = SigSet::all();
        Signal::iterator().filter(|signal| !signals.contains(signal)).for_each(|signal| set.remove(signal));
        set.thread_block()?;
        Ok(set)
    }

    /// Installs an empty handler for each signal that this process was started with as ignored (`SIG_IGN`). Child
    /// processes then start with the default dispositions, and `SIGCHLD` is delivered.
    ///
    /// # Errors
    /// When `/proc/self/status` cannot be read, or a handler cannot be installed.
    pub fn heed_ignored() -> io::Result<()> {
        let status = fs::read_to_string("/proc/self/status")?;
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default().trim();
        let ignored = u64::from_str_radix(ignored, 16).unwrap_or(0);
        // The standard library ignores SIGPIPE for us but not for children; the others cannot be handled.
        let others =
            [Signal::SIGPIPE, Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGILL, Signal::SIGFPE, Signal::SIGSEGV];
        for signal in Signal::iterator().filter(|signal| !others.contains(signal)) {
            if ignored >> (signal as i32 - 1) & 1 == 1 {
                signal_hook::flag::register(signal as i32, Arc::default())?;
            }
        }
        Ok(())
    }

    /// The signals received since the last call. The kernel does not queue standard signals, so each appears at most
    /// once however often it was sent: on `SIGCHLD`, wait for every terminated child.
    pub fn read(&self) -> io::Result<Vec<Caught>> {
        let mut signals = Vec::new();
        loop {
            match self.fd.read_signal() {
                Ok(Some(info)) => {
                    let named = i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok());
                    signals.push(named.map_or(Caught::RealTime(info.ssi_signo), Caught::Named));
                }
                Ok(None) => return Ok(signals),
                Err(nix::Error::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use mio::{Interest, Token};
    use nix::sys::signal::{Signal, raise};

    use super::{Caught, Signals};
    use crate::reactor::{Events, Reactor};

    #[test]
    fn a_blocked_signal_is_read_from_the_descriptor() {
        // In a thread of its own, so that the signal mask of the test runner is unchanged.
        thread::spawn(|| {
            let signals = Signals::new(&[Signal::SIGUSR1, Signal::SIGUSR2]).unwrap();
            let mut reactor = Reactor::new().unwrap();
            let mut events = Events::with_capacity(4);
            reactor.register(&signals, Token(3), Interest::READABLE).unwrap();
            assert!(signals.read().unwrap().is_empty());
            for _ in 0..2 {
                raise(Signal::SIGUSR2).unwrap();
                raise(Signal::SIGUSR1).unwrap();
                reactor.wait(None, &mut events).unwrap();
                assert_eq!(events.iter().next().unwrap().token, Token(3));
                let mut got = signals.read().unwrap();
                got.sort();
                assert_eq!(got, [Caught::Named(Signal::SIGUSR1), Caught::Named(Signal::SIGUSR2)]);
            }
        })
        .join()
        .unwrap();
    }
}
