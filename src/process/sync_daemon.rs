//! `lvs_sync_daemon`: the kernel's connection synchronisation, in the role that a VRRP instance has, or in both.
//!
//! What runs is read first and then made to be what is wanted, so threads that a killed predecessor left are taken
//! over, or ended when they are not as they should be.

use std::io;

use crate::config::lvs;
use crate::kernel::ipvs::{Answer, Change, Request, SyncRole, SyncThread, Writer, sync, sync_difference};
use crate::notify::log::Log;
use crate::reactor::{Interest, Reactor, Token};

/// Requests that may be under way; a flapping instance makes few.
const CAPACITY: usize = 1024;

/// The synchronisation threads of this host.
pub(super) struct SyncDaemon {
    token: Token,
    /// Opened when something is wanted for the first time.
    writer: Option<Writer>,
    wanted: Vec<SyncThread>,
    /// What runs once all that is submitted is done; `None` while that is not known.
    running: Option<Vec<SyncThread>>,
    /// What runs has been asked for.
    asked: bool,
    answers: Vec<Answer>,
}

impl SyncDaemon {
    /// Nothing is wanted yet. Its answers will come under `token`.
    pub(super) fn new(token: Token) -> SyncDaemon {
        let (wanted, answers) = (Vec::new(), Vec::new());
        SyncDaemon { token, writer: None, wanted, running: None, asked: false, answers }
    }

    /// Has these roles run with these settings, and nothing else.
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
            let writer = Writer::start(CAPACITY)?;
            reactor.register(&writer, self.token, Interest::READABLE)?;
            self.writer = Some(writer);
        }
        self.wanted = wanted;
        self.reconcile(log);
        Ok(())
    }

    /// Whether all that was asked for is done.
    pub(super) fn is_idle(&self) -> bool {
        self.writer.as_ref().is_none_or(|writer| writer.in_flight() == 0)
    }

    fn reconcile(&mut self, log: &Log) {
        let requests: Vec<Request> = match &self.running {
            // The answer brings us here again.
            None if self.asked => return,
            None => {
                self.asked = true;
                vec![Request::Dump(0)]
            }
            Some(running) => {
                let changes = sync_difference(running, &self.wanted);
                self.running = Some(self.wanted.clone());
                changes.into_iter().map(|change: Change| Request::Change(0, change)).collect()
            }
        };
        if self.writer.as_mut().is_some_and(|writer| writer.submit(requests).is_err()) {
            (self.running, self.asked) = (None, false);
            log.error("IPVS synchronisation: the kernel is too far behind");
        }
    }

    /// Takes the writer's answers.
    pub(super) fn turn(&mut self, log: &Log) {
        let Some(writer) = &mut self.writer else { return };
        let mut answers = std::mem::take(&mut self.answers);
        writer.results(&mut answers);
        for answer in answers.drain(..) {
            let outcome = match answer {
                Answer::Changed { outcome, .. } => outcome.map(drop),
                Answer::Dumped { table, .. } => {
                    self.asked = false;
                    table.map(|table| {
                        self.running = Some(table.sync);
                        self.reconcile(log);
                    })
                }
            };
            if let Err(error) = outcome {
                // Read again before the next change.
                self.running = None;
                log.error(format_args!("IPVS synchronisation: {error}"));
            }
        }
        self.answers = answers;
    }
}
