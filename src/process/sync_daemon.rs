//! `lvs_sync_daemon`: the kernel's threads for connection synchronisation, in the role of a VRRP instance, or in both
//! roles.
//!
//! The running threads are read from the kernel before they are changed. So threads left by a killed predecessor are
//! kept if they match the configuration, and stopped otherwise.

use std::io;

use super::ipvs_host::IpvsHost;
use crate::check::ipvs::{Change, SyncRole, SyncThread, sync, sync_difference};
use crate::config::lvs;
use crate::kernel::ipvs::{Answer, Request, Writer};
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};

/// Requests in the queue to the kernel; even a flapping instance causes few.
const CAPACITY: usize = 1024;

/// The synchronisation threads of this host.
pub(super) struct SyncDaemon {
    token: Token,
    host: IpvsHost,
    /// Started with the first configured daemon.
    writer: Option<Writer>,
    wanted: Vec<SyncThread>,
    /// The threads that run once all submitted requests are done; `None` while unknown.
    running: Option<Vec<SyncThread>>,
    /// The running threads have been requested from the kernel.
    requested: bool,
    /// The last failure. Only a different one is logged.
    failure: Option<String>,
    answers: Vec<Answer>,
}

impl SyncDaemon {
    /// No threads are wanted yet. Answers of the kernel arrive under `token`.
    pub(super) fn new(token: Token, host: IpvsHost) -> SyncDaemon {
        let (wanted, answers) = (Vec::new(), Vec::new());
        SyncDaemon { token, host, writer: None, wanted, running: None, requested: false, failure: None, answers }
    }

    /// Sets the wanted threads: one for each role, with the settings of `daemon`.
    pub(super) fn want(
        &mut self,
        daemon: Option<&lvs::SyncDaemon>,
        roles: &[SyncRole],
        reactor: &Reactor,
        log: &Log,
    ) -> io::Result<()> {
        let wanted: Vec<SyncThread> =
            daemon.into_iter().flat_map(|daemon| roles.iter().map(|role| sync(daemon, *role))).collect();
        if wanted == self.wanted {
            return Ok(());
        }
        if self.writer.is_none() {
            let writer = self.host.writer(CAPACITY)?;
            reactor.register(&writer, self.token, Interest::READABLE)?;
            self.writer = Some(writer);
        }
        self.wanted = wanted;
        self.reconcile(log);
        Ok(())
    }

    /// Whether all requests are done.
    pub(super) fn is_idle(&self) -> bool {
        self.writer.as_ref().is_none_or(|writer| writer.in_flight() == 0)
    }

    fn reconcile(&mut self, log: &Log) {
        let requests: Vec<Request> = match &self.running {
            // The answer calls this function again.
            None if self.requested => return,
            None => {
                self.requested = true;
                vec![Request::Dump(0)]
            }
            Some(running) => {
                let changes = sync_difference(running, &self.wanted);
                self.running = Some(self.wanted.clone());
                changes.into_iter().map(|change: Change| Request::Change(0, change)).collect()
            }
        };
        if self.writer.as_mut().is_some_and(|writer| writer.submit(requests).is_err()) {
            (self.running, self.requested) = (None, false);
            log.error("IPVS synchronisation: too many requests are waiting for the kernel");
        }
    }

    /// Handles the writer's answers.
    pub(super) fn turn(&mut self, log: &Log) {
        let Some(writer) = &mut self.writer else { return };
        let mut answers = std::mem::take(&mut self.answers);
        writer.results(&mut answers);
        for answer in answers.drain(..) {
            let outcome = match answer {
                Answer::Changed { outcome, .. } => outcome.map(drop),
                Answer::Dumped { table, .. } => {
                    self.requested = false;
                    table.map(|table| {
                        self.running = Some(table.sync);
                        self.reconcile(log);
                    })
                }
            };
            let Err(error) = outcome else {
                self.failure = None;
                continue;
            };
            // Before the next change the running threads are read again.
            self.running = None;
            let failure = error.to_string();
            if self.failure.as_ref() != Some(&failure) {
                log.error(format_args!("IPVS synchronisation: {failure}"));
                self.failure = Some(failure);
            }
        }
        self.answers = answers;
    }
}
