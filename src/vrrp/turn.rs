//! The state of the machine besides rows: time and occasion of the present event, phase, and output.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cause::Occasion;
use super::clock::Clock;
use super::event::{Action, Change, Output, TimerKey};
use super::ids::{InstanceId, Owner};

/// State of the machine besides rows.
#[derive(Debug)]
pub(super) struct Turn {
    /// Time of the last event.
    pub(super) now: Duration,
    /// The system clock.
    pub(super) clock: Clock,
    /// Phase of the process.
    pub(super) phase: Phase,
    /// [`Event::Start`](super::Event::Start) was handled: scripts run, even during `vrrp_startup_delay`.
    pub(super) started: bool,
    /// This process replaces another in which instances took part: it does not wait for `vrrp_startup_delay`.
    pub(super) resumed: bool,
    /// The present event, as the occasion of changes.
    pub(super) occasion: Occasion,
    /// Actions and changes that were not taken yet.
    pub(super) output: Output,
    /// Instances whose needs of the firewall may have changed.
    pub(super) firewall: BTreeSet<InstanceId>,
    /// `-V`: the addresses stay set after the stop.
    pub(super) keep: bool,
    /// The layouts of the firewall tables may have changed.
    pub(super) layouts: bool,
}

/// Phase of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The interfaces are not known yet, or `vrrp_startup_delay` is running.
    Waiting,
    /// Instances take part.
    Running,
    /// Priority 0 was sent, and addresses are being removed.
    Stopping,
}

impl Turn {
    /// The state before the first event.
    pub(super) fn new() -> Turn {
        Turn {
            now: Duration::ZERO,
            clock: Clock::default(),
            phase: Phase::Waiting,
            started: false,
            resumed: false,
            occasion: Occasion::default(),
            output: Output::default(),
            firewall: BTreeSet::new(),
            keep: false,
            layouts: false,
        }
    }

    /// Time of the last event by the system clock, since 1970.
    pub(super) fn utc(&self) -> Duration {
        self.clock.utc(self.now)
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

    /// The needs of the firewall of an owner's objects may have changed.
    pub(super) fn touch_firewall(&mut self, owner: Owner) {
        self.firewall.extend(owner.instance());
    }

    pub(super) fn change(&mut self, change: Change) {
        self.output.changes.push(change);
    }
}
