//! Links and addresses of this host, as the kernel tells of them: a source that several processes have.

use std::io;
use std::time::Duration;

use crate::kernel::{KernelEvent, Monitor, Watcher};
use crate::process::doing::Doing;
use crate::reactor::{Interest, Reactor, Token};

/// What fails when the kernel does not tell.
const WATCH: &str = "watch interfaces and addresses";
/// How long the first look may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The source.
pub(in crate::process) struct Watch {
    watcher: Watcher,
    more: bool,
}

impl Watch {
    /// Begins to watch.
    pub(in crate::process) fn start(reactor: &Reactor, token: Token) -> io::Result<Watch> {
        let watcher = Monitor::open(LIMIT).and_then(Watcher::start).doing(WATCH)?;
        reactor.register(&watcher, token, Interest::READABLE)?;
        Ok(Watch { watcher, more: true })
    }

    /// Waits for the first look around.
    pub(in crate::process) fn first(&self) -> io::Result<Vec<KernelEvent>> {
        self.watcher.first(LIMIT).doing(WATCH)
    }

    /// Its token was ready.
    pub(in crate::process) fn wake(&mut self) {
        self.more = true;
    }

    /// A few events; `None` when nothing has come. While there are some, another turn is due at once: see
    /// [`Watch::has_more`].
    pub(in crate::process) fn receive(&mut self) -> io::Result<Option<Vec<KernelEvent>>> {
        if !self.more {
            return Ok(None);
        }
        let mut events = Vec::new();
        self.more = self.watcher.receive(&mut events).doing(WATCH)?;
        Ok(Some(events))
    }

    /// Whether there may be more events.
    pub(in crate::process) fn has_more(&self) -> bool {
        self.more
    }
}
