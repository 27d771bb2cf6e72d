//! Planned replacement of a child: by one with capabilities that the old one has given up, or of a new program.
//!
//! The new process starts beside the old one and reads the configuration: a standby. Once it is prepared, the old one hands over
//! and keeps still, and the standby continues from its last checkpoint at once. When it reports that it runs, the old one is
//! killed. If it does not in time, it is killed itself, and the old one continues. A standby that fails is tried again, and the
//! old process works meanwhile.

use std::time::Duration;

use super::running::{Running, Task};
use super::{Key, Parent};
use crate::process::ipc::Message;
use crate::process::privileges::Needed;
use crate::process::role::Role;
use crate::reactor::clock;

/// Time from the end of a reload to the replacement of a child, for the log lines and scripts of the reload.
const SETTLE: Duration = Duration::from_millis(200);
/// Pause after a standby has failed. It doubles with each that has not begun, up to [`DOUBLINGS`] times.
const PAUSE: Duration = Duration::from_secs(1);
const DOUBLINGS: u32 = 6;
/// How many times the time for a replacement to begin is doubled: a replacement may be slow, but if it always hangs, each attempt
/// should stay unnoticed.
const LONGER: u32 = 3;
/// A process that keeps still waits that much longer than the parent, which may be late.
const MARGIN: Duration = Duration::from_millis(250);
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

    /// Has a child hand over to its standby, which is prepared. A child of an earlier release, which cannot hand over, or one that
    /// hangs, is killed: its standby continues as after a crash.
    pub(super) fn retire_child(&mut self, role: Role) {
        let Some(child) = self.child(role).filter(|child| child.task == Task::Work && child.hands_over) else {
            return self.kill_child(role);
        };
        let limit = child.resumes.then(|| time_to_begin(role, child.failed) + MARGIN);
        let limit = limit.map(|limit| u32::try_from(limit.as_millis()).unwrap_or(u32::MAX));
        // An error means that it has exited.
        let _ = child.channel.send(&Message::HandOver(limit));
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

    /// Has the standby begin: the old process has handed over and keeps still. One of an earlier release, which could not resume,
    /// is killed first.
    pub(super) fn begin_replacement(&mut self, role: Role) {
        // Without its replacement the old process would be missed.
        let Some(at) = self.standbys.iter().position(|one| one.role == role && one.task == Task::Standby) else {
            return;
        };
        let Some(child) = self.child(role) else { return };
        if !child.resumes {
            return self.kill_child(role);
        }
        let limit = time_to_begin(role, child.failed);
        self.timers.clear(Key::Retire(role));
        let mut standby = self.standbys.remove(at);
        self.let_begin(&mut standby);
        self.standbys.push(standby);
        self.timers.set(Key::Begin(role), clock::now() + limit);
    }

    /// Sends a standby all that it needs to begin.
    fn let_begin(&mut self, standby: &mut Running) {
        let role = standby.role;
        self.timers.clear(Key::Standby(role));
        standby.task = Task::Begin;
        let sent = self.saved_messages(role).iter().try_for_each(|message| standby.channel.send(message));
        // The listeners of a BFD process keep the link to the old one until that is killed.
        let links = role != Role::Bfd;
        let sent = sent.and_then(|()| if links { self.link(role, &mut standby.channel) } else { Ok(()) });
        if let Err(error) = sent.and_then(|()| standby.channel.send(&Message::Go)) {
            // Its exit is handled as that of any child.
            self.log.error(format_args!("Cannot hand over to the new {} process: {error}", role.name()));
        }
    }

    /// Whether the choice between the old process and its replacement is still to be made; the caller makes it. Both may report
    /// that they run if this process is late, and one of them must stay.
    fn takes_choice(&mut self, role: Role) -> bool {
        let is_open = self.timers.deadline(Key::Begin(role)).is_some();
        self.timers.clear(Key::Begin(role));
        is_open
    }

    /// Kills a process whose replacement runs.
    pub(super) fn replacement_has_begun(&mut self, role: Role) {
        if self.takes_choice(role) {
            self.kill_child(role);
        }
    }

    /// Kills a replacement that has not begun in time.
    pub(super) fn replacement_is_late(&mut self, role: Role) {
        let failed = self.child(role).map_or(0, |child| child.failed);
        let Some(standby) = self.standbys.iter().find(|standby| standby.role == role) else { return };
        self.log.error(format_args!(
            "The new {} process has not begun within {} ms",
            role.name(),
            time_to_begin(role, failed).as_millis()
        ));
        // It may have exited already.
        let _ = standby.process.kill();
    }

    /// A child that kept still continues, as this process was late: its replacement must not work beside it. If the hand-over was
    /// `unheard` by then, the replacement has not begun, and the child hands over again.
    pub(super) fn has_resumed(&mut self, role: Role, unheard: bool) {
        let begins = |standby: &&Running| standby.role == role && standby.task == Task::Begin;
        if unheard && self.has_standby(role) {
            self.retire_child(role);
        } else if self.takes_choice(role)
            && let Some(standby) = self.standbys.iter().find(begins)
        {
            // It may have exited already.
            let _ = standby.process.kill();
        }
    }

    /// Has the old process continue, as its replacement has exited.
    fn resume_child(&mut self, role: Role) {
        let Some(at) = self.children.iter().position(|child| child.role == role) else { return };
        let mut child = self.children.remove(at);
        child.failed = child.failed.saturating_add(1);
        // Errors mean that it has exited.
        let _ = child.channel.send(&Message::Resume);
        if !self.stopping {
            self.log.warning(format_args!("The present {} process continues", role.name()));
            let _ = self.link(role, &mut child.channel);
        }
        self.children.insert(at, child);
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
        self.timers.clear(Key::Begin(role));
        if standby.task == Task::Standby {
            self.let_begin(&mut standby);
        }
        // The other processes may have been replaced since it began. An error means that it has exited.
        let _ = self.link(role, &mut standby.channel);
        standby.task = Task::Work;
        standby.since = clock::now();
        self.log.info(format_args!("The new {} process continues, pid={}", role.name(), standby.process.id()));
        self.children.push(standby);
        self.start_hellos(role);
        self.tell(&[]);
        self.report_ready();
        true
    }

    /// Handles the exit of a standby.
    pub(super) fn standby_exited(&mut self, standby: &Running, status: std::process::ExitStatus) {
        let role = standby.role;
        self.timers.clear(Key::Standby(role));
        self.timers.clear(Key::Begin(role));
        if standby.task == Task::Begin {
            self.resume_child(role);
        }
        if self.stopping {
            return;
        }
        let pause = pause(self.child(role).map_or(0, |child| child.failed));
        self.log.error(format_args!(
            "The replacement of the {} process exited ({status}); trying again in {} s",
            role.name(),
            pause.as_secs()
        ));
        self.timers.set(Key::Replace(role), clock::now() + pause);
    }

    /// Kills the standbys at a stop. They hold nothing in the kernel, except one that has just begun: the old process, which
    /// continues, has the same entries and removes them.
    pub(super) fn stop_standbys(&mut self) {
        for standby in &self.standbys {
            self.timers.clear(Key::Standby(standby.role));
            // It may have exited already.
            let _ = standby.process.kill();
        }
    }
}

/// Time for a replacement to begin after this number of others that have not.
fn time_to_begin(role: Role, failed: u32) -> Duration {
    role.kind().begins_within * 2_u32.pow(failed.min(LONGER))
}

/// Pause before another replacement after this number that have not begun.
fn pause(failed: u32) -> Duration {
    PAUSE * 2_u32.pow(failed.saturating_sub(1).min(DOUBLINGS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_gets_more_time_and_then_no_more() {
        let times: Vec<u128> = (0..6).map(|failed| time_to_begin(Role::Vrrp, failed).as_millis()).collect();
        assert_eq!(times, [250, 500, 1000, 2000, 2000, 2000]);
        let pauses: Vec<u64> = (0..10).map(|failed| pause(failed).as_secs()).collect();
        assert_eq!(pauses, [1, 1, 2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!((time_to_begin(Role::Bfd, u32::MAX).as_secs(), pause(u32::MAX).as_secs()), (2, 64));
    }
}
