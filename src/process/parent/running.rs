//! A running child.

use std::collections::VecDeque;
use std::time::Duration;

use rustix::thread::CapabilitySet;

use super::child_process::ChildProcess;
use crate::process::ipc::Channel;
use crate::process::role::Role;
use crate::reactor::Token;
use crate::system::{Lateness, News};

/// The task of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// The work of its role.
    Work,
    /// To remove the entries that a predecessor has left in the kernel, and to exit.
    CleanUp,
    /// To prepare for the work, and to begin it when told.
    Standby,
    /// To begin the work, while the process that it replaces keeps still.
    Begin,
}

/// A running child.
pub(super) struct Running {
    pub(super) role: Role,
    pub(super) task: Task,
    pub(super) process: ChildProcess,
    pub(super) channel: Channel,
    pub(super) token: Token,
    pub(super) since: Duration,
    /// How late its event loop was, as last reported.
    pub(super) late: Lateness,
    /// The capabilities that it has kept.
    pub(super) kept: CapabilitySet,
    /// Whether it is to be replaced: it has given up capabilities that the configuration needs, or is of another program.
    pub(super) outgrown: bool,
    /// Number of the last hello, if it is not answered yet.
    pub(super) unanswered: Option<u32>,
    pub(super) hellos: u32,
    /// Whether it knows [`HandOver`](crate::process::ipc::Message::HandOver); that of an earlier release does not.
    pub(super) hands_over: bool,
    /// Whether it knows [`Resume`](crate::process::ipc::Message::Resume); that of an earlier release does not.
    pub(super) resumes: bool,
    /// Number of its replacements that have not begun.
    pub(super) failed: u32,
    /// News that were sent to it, and that it has not confirmed.
    pub(super) told: VecDeque<Vec<News>>,
    /// Number of configurations that were sent to it and that it has not reported to run with.
    pub(super) unconfirmed: u32,
}

impl Running {
    /// Whether it runs with the last configuration that it was sent, and with the capabilities for it.
    pub(super) fn is_ready(&self) -> bool {
        self.unconfirmed == 0 && !self.outgrown
    }
}
