//! Submits the changes of the [`Director`] to the kernel, and reports the answers to it.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use super::statistics;
use crate::check::Check;
use crate::check::ipvs::{Change, Director, ServiceKey};
use crate::kernel::ipvs::{Answer, Request, Writer};
use crate::notify::log::{Level, Log};
use crate::process::ipvs_host::IpvsHost;
use crate::state::Done;
use crate::text::counted;

/// Requests in the queue to the kernel; more than the director submits, except at the stop.
const CAPACITY: usize = 1 << 20;

/// The IPVS table.
pub(super) struct Ipvs {
    writer: Writer,
    /// The rows, also for the views.
    pub(super) director: Director,
    answers: Vec<Answer>,
    /// Number of changes that the kernel has made.
    changed: usize,
}

impl Ipvs {
    /// Starts the writer.
    pub(super) fn start(director: Director, host: &IpvsHost) -> io::Result<Ipvs> {
        Ok(Ipvs { writer: host.writer(CAPACITY)?, director, answers: Vec::new(), changed: 0 })
    }

    /// Sets `lvs_timeouts`.
    pub(super) fn set_timeouts(&mut self, timeouts: [u32; 3]) {
        let changes = self.director.set_timeouts(timeouts);
        self.submit(changes);
    }

    /// Reads the kernel's table, for statistics and to revert changes by other programs.
    pub(super) fn refresh(&mut self) {
        let changes = self.director.before_read();
        self.submit(changes);
        // If the queue is full, the next refresh follows anyway.
        let _ = self.writer.submit(vec![Request::Dump(0)]);
    }

    /// The services that this process and its predecessors have added.
    pub(super) fn held(&self) -> BTreeSet<ServiceKey> {
        self.director.held().collect()
    }

    /// Writes the differences of marked services. Returns whether [`Ipvs::held`] may have changed.
    pub(super) fn reconcile(&mut self, check: &Check) -> bool {
        let changes = self.director.reconcile(check.tables());
        self.submit(changes);
        self.director.take_held_changed()
    }

    /// Removes all services of the configuration and of a predecessor, or `everything`, and restores the time-outs.
    pub(super) fn clear(&mut self, check: &Check, everything: bool) {
        let changes = self.director.clear(check.tables(), everything);
        self.submit(changes);
    }

    /// Whether all requests are done.
    pub(super) fn is_idle(&self) -> bool {
        self.writer.in_flight() == 0
    }

    fn submit(&mut self, changes: Vec<Change>) {
        let count = changes.len();
        let requests = changes.into_iter().map(|change| Request::Change(0, change)).collect();
        if count > 0 && self.writer.submit(requests).is_err() {
            self.director.not_submitted(count);
        }
    }

    /// Handles the writer's answers; statistics go to the rows of virtual and real servers.
    pub(super) fn turn(&mut self, check: &mut Check, now: Duration, log: &Log) {
        let mut answers = std::mem::take(&mut self.answers);
        self.writer.results(&mut answers);
        let before = self.changed;
        for answer in answers.drain(..) {
            match answer {
                Answer::Changed { outcome, .. } => {
                    self.changed += usize::from(outcome == Ok(Done::Changed));
                    self.director.answered(outcome.map_err(Into::into));
                }
                Answer::Dumped { table, .. } => {
                    let table = table.inspect(|table| statistics::adopt(table, check, now)).map_err(Into::into);
                    let changes = self.director.read(table, check.tables());
                    self.submit(changes);
                }
            }
        }
        self.answers = answers;
        for text in self.director.take_messages() {
            log.error(format_args!("IPVS: {text}; trying again"));
        }
        if self.changed > before {
            let (all, made) = (self.changed, counted(self.changed - before, "change"));
            log.write(Level::Detail, format_args!("IPVS: {made} made, {all} since the start"));
        }
    }
}

impl AsRawFd for Ipvs {
    fn as_raw_fd(&self) -> RawFd {
        self.writer.as_raw_fd()
    }
}
