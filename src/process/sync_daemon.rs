//! `lvs_sync_daemon`: the kernel's connection synchronisation, in the role that a VRRP instance has, or in both.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use crate::config::lvs;
use crate::kernel::ipvs::{Answer, Change, Request, SyncRole, Writer, sync};
use crate::notify::log::Log;

/// Requests that may be under way; a flapping instance makes few.
const CAPACITY: usize = 1024;

/// The synchronisation threads of this host.
pub(super) struct SyncDaemon {
    writer: Writer,
    config: lvs::SyncDaemon,
    /// It was last told to run.
    runs: bool,
    answers: Vec<Answer>,
}

impl SyncDaemon {
    pub(super) fn start(config: lvs::SyncDaemon) -> io::Result<SyncDaemon> {
        Ok(SyncDaemon { writer: Writer::start(CAPACITY)?, config, runs: false, answers: Vec::new() })
    }

    /// Whether it follows an instance of this name.
    pub(super) fn follows(&self, instance: &str) -> bool {
        self.config.instance.as_deref() == Some(instance)
    }

    /// Leaves one role and takes the other.
    pub(super) fn become_role(&mut self, role: SyncRole, log: &Log) {
        self.runs = true;
        let other = match role {
            SyncRole::Master => SyncRole::Backup,
            SyncRole::Backup => SyncRole::Master,
        };
        self.submit(vec![Change::StopSync(other), Change::StartSync(sync(&self.config, role))], log);
    }

    /// Without an instance both roles run.
    pub(super) fn run_both(&mut self, log: &Log) {
        self.runs = true;
        let roles = [SyncRole::Master, SyncRole::Backup];
        self.submit(roles.map(|role| Change::StartSync(sync(&self.config, role))).into(), log);
    }

    /// Without an instance, with other settings: threads that run keep theirs.
    pub(super) fn run_both_with(&mut self, config: lvs::SyncDaemon, log: &Log) {
        if !self.runs || self.config != config {
            self.stop(log);
            self.config = config;
            self.run_both(log);
        }
    }

    /// Ends whatever runs.
    pub(super) fn stop(&mut self, log: &Log) {
        self.runs = false;
        self.submit([SyncRole::Master, SyncRole::Backup].map(Change::StopSync).into(), log);
    }

    /// Whether all that was asked for is done.
    pub(super) fn is_idle(&self) -> bool {
        self.writer.in_flight() == 0
    }

    fn submit(&mut self, changes: Vec<Change>, log: &Log) {
        let requests = changes.into_iter().map(|change| Request::Change(0, change)).collect();
        if self.writer.submit(requests).is_err() {
            log.error("IPVS synchronisation: the kernel is too far behind");
        }
    }

    /// Takes the writer's answers.
    pub(super) fn turn(&mut self, log: &Log) {
        self.writer.results(&mut self.answers);
        for answer in self.answers.drain(..) {
            if let Answer::Changed { outcome: Err(error), .. } = answer {
                log.error(format_args!("IPVS synchronisation: {error}"));
            }
        }
    }
}

impl AsRawFd for SyncDaemon {
    fn as_raw_fd(&self) -> RawFd {
        self.writer.as_raw_fd()
    }
}
