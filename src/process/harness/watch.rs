//! A source of events about links, addresses, routes and rules of this host, from rtnetlink.

use std::io;
use std::time::Duration;

use super::address_log::AddressLog;
use crate::kernel::{self, KernelEvent, Monitor, Watcher};
use crate::notify::log::Log;
use crate::process::context::Context;
use crate::reactor::{Interest, Reactor, Token};

/// The operation in error messages.
const WATCH: &str = "watch interfaces and addresses";
/// Time limit for the first dump.
const LIMIT: Duration = Duration::from_secs(5);

/// Events about links, addresses, routes and rules.
pub(in crate::process) struct Watch {
    watcher: Watcher,
    more: bool,
    /// With `-a`.
    address_log: Option<AddressLog>,
    /// The watched tables.
    tables: kernel::WatchedTables,
}

impl Watch {
    /// Opens the source for these tables of the kernel. With a `log` (`-a`), address changes are logged.
    pub(in crate::process) fn start(
        reactor: &Reactor,
        token: Token,
        log: Option<Log>,
        tables: kernel::WatchedTables,
    ) -> io::Result<Watch> {
        let watcher = Watcher::start(Monitor::watching(LIMIT, tables.clone()).context(WATCH)?).context(WATCH)?;
        reactor.register(&watcher, token, Interest::READABLE)?;
        Ok(Watch { watcher, more: true, address_log: log.map(AddressLog::new), tables })
    }

    /// Watches other tables from now on. If they differ from the present ones, a complete list of all follows.
    pub(in crate::process) fn follow(&mut self, tables: kernel::WatchedTables) {
        if self.tables != tables {
            self.watcher.follow(tables.clone());
            self.tables = tables;
        }
    }

    /// Waits for the first dump.
    pub(in crate::process) fn first(&mut self) -> io::Result<Vec<KernelEvent>> {
        let events = self.watcher.first(LIMIT).context(WATCH)?;
        self.log_addresses(&events);
        Ok(events)
    }

    fn log_addresses(&mut self, events: &[KernelEvent]) {
        if let Some(address_log) = &mut self.address_log {
            events.iter().for_each(|event| address_log.record(event));
        }
    }

    /// Marks the source ready: the reactor has reported its token.
    pub(in crate::process) fn wake(&mut self) {
        self.more = true;
    }

    /// Reads a bounded number of events; `None` if the source is not ready. See [`Watch::has_more`] for the need of
    /// another turn.
    pub(in crate::process) fn receive(&mut self) -> io::Result<Option<Vec<KernelEvent>>> {
        if !self.more {
            return Ok(None);
        }
        let mut events = Vec::new();
        self.more = self.watcher.receive(&mut events).context(WATCH)?;
        self.log_addresses(&events);
        Ok(Some(events))
    }

    /// Whether there may be more events.
    pub(in crate::process) fn has_more(&self) -> bool {
        self.more
    }
}
