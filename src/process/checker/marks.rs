//! The tables of `nftables_ipvs`: submits the changes of the machine [`Marks`](Machine), and reports answers and changes by
//! other programs to it.

use crate::check::Check;
use crate::check::ipvs::{Marks as Machine, mark_tables};
use crate::config::model::Family;
use crate::kernel::nft::{MarkWriter, OwnPorts, TableTouched, WatchedTable, WatchedTables, watch_tables};
use crate::notify::log::Log;
use crate::process::ipvs_host::IpvsHost;
use crate::reactor::{Feed, Interest, Reactor, Token};

/// Requests in the queue to the kernel; the machine submits a few.
const CAPACITY: usize = 1024;

/// The tables that set the marks of virtual server groups.
pub(super) struct Marks {
    /// Tokens of the answers, and of changes by other programs.
    tokens: [Token; 2],
    machine: Machine,
    /// Started when there is a first request.
    threads: Option<Threads>,
    watched: WatchedTables,
    held_changed: bool,
}

struct Threads {
    writer: MarkWriter,
    watch: Option<Feed<TableTouched>>,
}

impl Marks {
    /// Starts with the tables that a predecessor has left.
    pub(super) fn new(left: impl IntoIterator<Item = (Family, String)>, tokens: [Token; 2]) -> Marks {
        let machine = Machine::new(left);
        Marks { tokens, machine, threads: None, watched: WatchedTables::default(), held_changed: false }
    }

    /// Wants the tables of the configuration.
    pub(super) fn follow(&mut self, check: &Check) {
        self.machine.want(mark_tables(check.tables()));
    }

    /// Wants no tables any more.
    pub(super) fn clear(&mut self) {
        self.machine.retry();
        self.machine.want(Vec::new());
    }

    /// Permits repetitions of what the kernel has refused.
    pub(super) fn retry(&mut self) {
        self.machine.retry();
    }

    /// The tables that exist or are about to.
    pub(super) fn held(&self) -> impl Iterator<Item = (Family, String)> {
        self.machine.held()
    }

    /// Whether [`Marks::held`] may have changed since the last call.
    pub(super) fn take_held_changed(&mut self) -> bool {
        std::mem::take(&mut self.held_changed)
    }

    /// Whether all requests are done.
    pub(super) fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }

    /// Whether all tables are gone, as far as the kernel permits.
    pub(super) fn is_gone(&self) -> bool {
        self.machine.is_gone()
    }

    /// Submits what is needed.
    pub(super) fn reconcile(&mut self, host: &IpvsHost, reactor: &Reactor, log: &Log) {
        let changes = self.machine.requests();
        if changes.is_empty() {
            return;
        }
        self.held_changed = true;
        let wanted = self.machine.wanted();
        let watched = wanted.map(|table| WatchedTable { family: table.family, name: table.settings.table.clone() });
        self.watched.set(watched.collect());
        if self.threads.is_none() {
            self.threads = start(self.watched.clone(), self.tokens, host, reactor, log);
        }
        let count = changes.len();
        let queued = self.threads.as_ref().is_some_and(|threads| threads.writer.submit(changes).is_ok());
        if !queued {
            for _ in 0..count {
                let _ = self.machine.answered(Err("no thread could be started, or its queue is full".to_owned()));
            }
        }
    }

    /// Handles answers.
    pub(super) fn turn(&mut self, log: &Log) {
        let mut answers = Vec::new();
        if let Some(threads) = &mut self.threads {
            threads.writer.results(&mut answers);
        }
        self.held_changed |= !answers.is_empty();
        for answer in answers {
            if let Some(error) = self.machine.answered(answer) {
                log.error(format_args!(
                    "Cannot set the marks of virtual server groups by nftables: {error}; trying again"
                ));
            }
        }
    }

    /// Handles changes by other programs.
    pub(super) fn watch_turn(&mut self, log: &Log) {
        let mut touched = Vec::new();
        if let Some(watch) = self.threads.as_ref().and_then(|threads| threads.watch.as_ref()) {
            watch.events(&mut touched);
        }
        for TableTouched { family, program } in touched {
            if self.machine.touched(family) && !program.is_empty() {
                log.warning(format_args!("The table of nftables_ipvs was changed by {program}; building it again"));
            }
        }
    }
}

fn start(
    watched: WatchedTables,
    [answers, changes]: [Token; 2],
    host: &IpvsHost,
    reactor: &Reactor,
    log: &Log,
) -> Option<Threads> {
    let own = OwnPorts::default();
    let ports = own.clone();
    let writer = host.start(move || MarkWriter::start_marks(CAPACITY, ports)).and_then(|writer| {
        reactor.register(&writer, answers, Interest::READABLE)?;
        Ok(writer)
    });
    let watch = host.start(move || watch_tables(watched, own)).and_then(|watch| {
        reactor.register(&watch, changes, Interest::READABLE)?;
        Ok(watch)
    });
    if let Err(error) = &watch {
        log.warning(format_args!("Cannot watch nftables: {error}; changes of our tables by others are not noticed"));
    }
    Some(Threads { writer: writer.ok()?, watch: watch.ok() })
}
