//! Planned replacement of a child: by one with capabilities that the old one has given up, or of a new program.
//!
//! The new process starts beside the old one and reads the configuration: a standby. Once it is prepared, the old one hands over
//! and is killed, and the standby continues from its last checkpoint at once. A standby that fails is tried again, and the old
//! process works on meanwhile.

use std::time::Duration;

use super::running::{Running, Task};
use super::{Key, Parent};
use crate::process::ipc::Message;
use crate::process::privileges::Needed;
use crate::process::role::Role;
use crate::reactor::clock;

/// Time from the end of a reload to the replacement of a child, for the log lines and scripts of the reload.
const SETTLE: Duration = Duration::from_millis(200);
/// Pause after a standby has failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Time for a standby to prepare; then it is killed.
const LIMIT: Duration = Duration::from_secs(30);
/// Time for a child to hand over.
const RETIRE: Duration = Duration::from_secs(1);

impl Parent {
    /// Marks the children that a new configuration needs more capabilities in. They are replaced when they run with it, so that
    /// they have taken leave of what it no longer has.
    pub(super) fn outgrow(&mut self, needed: Needed) {
        for child in self.children.iter_mut().filter(|child| child.task == Task::Work) {
            let missing = needed.by(child.role) - child.kept;
            if missing.is_empty() {
                continue;
            }
            child.outgrown = true;
            let names: Vec<String> = missing.iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
            self.log.info(format_args!(
                "Replacing the {} process after the reload: the configuration needs {}, which it has given up",
                child.role.name(),
                names.join(" and ")
            ));
        }
        self.plan.needed = needed;
    }

    /// Has a child replaced soon if it is outgrown and runs with the last configuration.
    pub(super) fn replace_if_outgrown(&mut self, role: Role) {
        if self.child(role).is_some_and(|child| child.outgrown && child.unconfirmed == 0) && !self.has_standby(role) {
            self.timers.set(Key::Replace(role), clock::now() + SETTLE);
        }
    }

    pub(super) fn has_standby(&self, role: Role) -> bool {
        self.standbys.iter().any(|standby| standby.role == role)
    }

    /// Starts the standby for a child, unless that was replaced in the meantime because it has exited.
    pub(super) fn start_standby(&mut self, role: Role) {
        if self.stopping || self.has_standby(role) || !self.child(role).is_some_and(|child| child.outgrown) {
            return;
        }
        match self.spawn(role, Task::Standby) {
            Ok(standby) => {
                self.log.info(format_args!(
                    "Starting a standby of the {} process, pid={}",
                    role.name(),
                    standby.process.id()
                ));
                self.standbys.push(standby);
                self.timers.set(Key::Standby(role), clock::now() + LIMIT);
            }
            Err(error) => {
                self.log.error(format_args!("Cannot start a replacement of the {} process: {error}", role.name()));
                self.timers.set(Key::Replace(role), clock::now() + PAUSE);
            }
        }
    }

    /// Has a child hand over to its standby, which is prepared. Its answer ends it. A child of an earlier release, which cannot
    /// hand over, or one that hangs, is killed: its standby continues as after a crash.
    pub(super) fn retire_child(&mut self, role: Role) {
        let Some(child) = self.child(role).filter(|child| child.task == Task::Work && child.hands_over) else {
            return self.kill_child(role);
        };
        // An error means that it has exited.
        let _ = child.channel.send(&Message::HandOver);
        self.timers.set(Key::Retire(role), clock::now() + RETIRE);
    }

    /// Kills a child that has not handed over in time.
    pub(super) fn not_retired(&mut self, role: Role) {
        if self.has_standby(role) {
            self.log.warning(format_args!(
                "The {} process does not hand over; its replacement continues as after a crash",
                role.name()
            ));
            self.kill_child(role);
        }
    }

    /// Kills a standby that has not prepared in time.
    pub(super) fn standby_is_late(&mut self, role: Role) {
        if let Some(standby) = self.standbys.iter().find(|standby| standby.role == role) {
            self.log.error(format_args!("The replacement of the {} process hangs at its start", role.name()));
            // It may have exited already.
            let _ = standby.process.kill();
        }
    }

    /// Has the standby of a role take over, if there is one, once the old process has exited. Returns whether it does.
    pub(super) fn promote_standby(&mut self, role: Role) -> bool {
        let Some(at) = self.standbys.iter().position(|standby| standby.role == role) else { return false };
        let mut standby = self.standbys.remove(at);
        self.timers.clear(Key::Standby(role));
        let saved = self.saved_messages(role);
        let link = |parent: &mut Parent, standby: &mut Running| parent.link(role, &mut standby.channel);
        let sent = saved.iter().try_for_each(|message| standby.channel.send(message));
        let sent = sent.and_then(|()| link(self, &mut standby)).and_then(|()| standby.channel.send(&Message::Go));
        if let Err(error) = sent {
            // Its exit is handled as that of any child.
            self.log.error(format_args!("Cannot hand over to the new {} process: {error}", role.name()));
        }
        standby.task = Task::Work;
        standby.since = clock::now();
        self.log.info(format_args!("The new {} process continues, pid={}", role.name(), standby.process.id()));
        self.children.push(standby);
        self.start_hellos(role);
        self.tell(&[]);
        true
    }

    /// Handles the exit of a standby.
    pub(super) fn standby_exited(&mut self, standby: &Running, status: std::process::ExitStatus) {
        let role = standby.role;
        self.timers.clear(Key::Standby(role));
        if self.stopping {
            return;
        }
        let name = role.name();
        self.log.error(format_args!("The replacement of the {name} process exited ({status}); trying again"));
        self.timers.set(Key::Replace(role), clock::now() + PAUSE);
    }

    /// Kills the standbys at a stop: they hold nothing in the kernel.
    pub(super) fn stop_standbys(&mut self) {
        for standby in &self.standbys {
            self.timers.clear(Key::Standby(standby.role));
            // It may have exited already.
            let _ = standby.process.kill();
        }
    }
}
