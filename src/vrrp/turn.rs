//! The handling of an event, as far as it is not in rows: its time, and what comes of it.

use std::time::Duration;

use super::cause::Occasion;
use super::event::{Action, Change, Output, TimerKey};

/// What the machines read and write besides rows.
#[derive(Debug)]
pub(super) struct Turn {
    /// Time of the last event.
    pub(super) now: Duration,
    /// Where the whole process stands.
    pub(super) phase: Phase,
    /// The daemon has started: scripts run.
    pub(super) started: bool,
    /// What the present event is, for changes that it causes.
    pub(super) occasion: Occasion,
    /// Actions and changes since they were last drained.
    pub(super) output: Output,
}

/// Where the whole process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The interfaces are not yet known, or `vrrp_startup_delay` runs.
    Waiting,
    /// Instances take part.
    Running,
    /// Priority 0 has been sent; addresses go.
    Stopping,
}

impl Turn {
    /// Before the first event.
    pub(super) fn new() -> Turn {
        Turn {
            now: Duration::ZERO,
            phase: Phase::Waiting,
            started: false,
            occasion: Occasion::default(),
            output: Output::default(),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    pub(super) fn act(&mut self, action: Action) {
        self.output.actions.push(action);
    }

    pub(super) fn set_timer(&mut self, key: TimerKey, at: Option<Duration>) {
        self.act(Action::Timer(key, at));
    }

    pub(super) fn change(&mut self, change: Change) {
        self.output.changes.push(change);
    }
}
