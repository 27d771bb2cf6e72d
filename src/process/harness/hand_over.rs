//! The hand-over to a replacement: two processes are there for a moment, of which one works.

use std::time::Duration;

use super::orders::Over;
use super::shell::Process;
use super::turn::Harness;
use crate::process::pidfile::PidFile;

/// How long a process that has handed over keeps still, if the parent names no time.
const HAND_OVER_LIMIT: Duration = Duration::from_millis(250);

impl<P: Process> Harness<P> {
    /// Hands over to a replacement that is prepared: sends the last checkpoint, after which nothing is counted or shown any more,
    /// and keeps still while the replacement begins, until the parent kills this process. If the replacement does not begin in time,
    /// this process continues, and the checkpoint is one for a crash.
    pub(super) fn hand_over(&mut self, limit: Option<Duration>) {
        if self.shell.is_stopping() || self.clean_up {
            return;
        }
        self.process.settle(&mut self.shell);
        self.update_views();
        let checkpoint = self.process.last_checkpoint();
        self.save_held();
        self.drop_agents();
        self.process.keep_still();
        self.pid_file.iter().for_each(PidFile::release);
        self.orders.save_checkpoint(&checkpoint, &self.shell.log);
        self.orders.report_handed_over();
        let over = self.orders.keep_still(limit.unwrap_or(HAND_OVER_LIMIT));
        if over == Over::Expired && limit.is_some() {
            self.orders.report_resumed();
        }
        self.resume();
    }

    /// Continues instead of a replacement that has ended.
    fn resume(&mut self) {
        self.kept_still = true;
        self.shell.log.warning("The replacement of this process has not begun in time; continuing");
        if let Some(Err(error)) = self.pid_file.as_mut().map(|file| file.regain(std::process::id())) {
            self.shell.log.warning(format_args!("Continuing without a pid file: {error}"));
        }
        self.process.resume(&mut self.shell);
        if let Some(kept) = &mut self.held {
            kept.save_again(&self.process.held());
        }
        self.follow_agents();
        self.orders.save_indices(&self.process.indices(), &self.shell.log);
        self.checkpoint = None;
        self.save_checkpoint();
        self.shell.again();
    }

    /// Drops the subagents at once: the AgentX master refuses objects that another session serves.
    fn drop_agents(&mut self) {
        self.leaving.clear();
        if self.agent.take().is_some() {
            self.agents.iter_mut().for_each(|agents| agents.dropped());
        }
    }
}
