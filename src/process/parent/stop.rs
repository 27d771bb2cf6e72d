//! The end of the daemon: the children stop, and what one of them could not remove is removed for it.

use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::running::Task;
use super::{Key, Parent};
use crate::notify::log::Level;
use crate::process::exit;
use crate::process::harness::CLEAN_UP_LIMIT;
use crate::process::role::Role;
use crate::process::systemd::Stage;
use crate::reactor::{Signal, clock};

/// Time for a process that cleans up for another, besides what it gives the kernel; it is killed afterwards.
const MARGIN: Duration = Duration::from_secs(5);
/// A process that was killed is waited for no longer than this.
const UNKILLABLE: Duration = Duration::from_secs(5);
/// Things left behind that are named in the log.
const NAMED: usize = 20;

impl Parent {
    /// Tells all children to stop, and to be killed if they do not; ends with this status when they are gone. Where
    /// there is no child to remove what it has set, another process does it.
    pub(super) fn stop(&mut self, status: u8) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.status = Some(status);
        self.systemd.tell(Stage::Stopping);
        self.log.write(Level::Notice, "Stopping");
        for role in self.plan.roles.clone() {
            self.timers.clear(Key::Restart(role));
            let Some(child) = self.child(role) else {
                self.clean_up(role);
                continue;
            };
            let pid = Pid::from_raw(child.process.id().cast_signed());
            // One that was stopped by SIGSTOP would not see the other signal.
            if let Err(error) = kill(pid, Signal::SIGTERM).and_then(|()| kill(pid, Signal::SIGCONT)) {
                self.log.warning(format_args!("Cannot signal the {} process: {error}", role.name()));
            }
            self.timers.set(Key::Kill(role), clock::now() + self.plan.child_wait);
        }
    }

    /// The time of a child is over.
    pub(super) fn kill_at_stop(&mut self, role: Role) {
        self.kill_child(role);
        self.timers.set(Key::GiveUp(role), clock::now() + UNKILLABLE);
    }

    /// A process that hangs in the kernel does not end when it is killed; the daemon does.
    pub(super) fn give_up(&mut self, role: Role) {
        let Some(child) = self.child(role) else { return };
        let pid = child.process.id();
        self.log.error(format_args!(
            "The {} process {pid} hangs in the kernel and cannot be killed; not waiting for it",
            role.name()
        ));
        self.children.retain(|child| child.role != role);
        self.not_clean(role);
    }

    /// A child has ended while the daemon stops.
    pub(super) fn ended_at_stop(&mut self, role: Role, task: Task, status: ExitStatus) {
        let name = role.name();
        match task {
            _ if status.success() => {}
            Task::Work => {
                self.log.error(format_args!("The {name} process did not stop cleanly ({status})"));
                self.clean_up(role);
            }
            Task::CleanUp => {
                self.log.error(format_args!("The process that cleans up for {name} failed ({status})"));
                self.not_clean(role);
            }
        }
    }

    /// Remembers how the last process of a role has ended: one that was killed could not say what it had set.
    pub(super) fn note_end(&mut self, role: Role, status: ExitStatus) {
        self.killed.retain(|of| *of != role);
        if status.code().is_none() {
            self.killed.push(role);
        }
    }

    /// Has another process remove what the last one of a role has left, if that can have left anything.
    fn clean_up(&mut self, role: Role) {
        let name = role.name();
        let has_worked = self.told.get(&role).is_some_and(|told| told.checkpoint.is_some());
        let may_have_set = self.killed.contains(&role) || has_worked;
        if !may_have_set && self.left(role).is_empty() {
            return;
        }
        match self.spawn(role, Task::CleanUp) {
            Ok(child) => {
                let pid = child.process.id();
                self.log.write(Level::Notice, format_args!("Removing what the {name} process has left, pid={pid}"));
                self.children.push(child);
                self.timers.set(Key::Kill(role), clock::now() + CLEAN_UP_LIMIT + MARGIN);
            }
            Err(error) => {
                self.log.error(format_args!("Cannot start a process that cleans up for {name}: {error}"));
                self.not_clean(role);
            }
        }
    }

    /// Names what is left; the daemon does not end with status 0.
    fn not_clean(&mut self, role: Role) {
        if self.status == Some(exit::OK) {
            self.status = Some(exit::FATAL);
        }
        let left = self.left(role);
        let (name, count) = (role.name(), left.len());
        let listed = match left.get(..NAMED.min(count)) {
            None | Some([]) => "unknown".to_owned(),
            Some(listed) => listed.join(", "),
        };
        let more = if count > NAMED { format!(", and {} more", count - NAMED) } else { String::new() };
        self.log.error(format_args!(
            "What the {name} process has set may be left in the kernel: {listed}{more}; remove it by hand, or start \
             keepalived again"
        ));
    }

    /// What the last process of a role has left in the kernel, in words.
    fn left(&self, role: Role) -> Vec<String> {
        (role.kind().left)(&role.pid_file(&self.plan.options, &self.plan.names), &self.log)
    }
}
