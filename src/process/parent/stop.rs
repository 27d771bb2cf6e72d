//! Stop of the daemon: the children stop, and a cleanup process removes the entries that one of them could not remove.

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

/// Time for a cleanup process in addition to its limit for the kernel; afterwards it is killed.
const MARGIN: Duration = Duration::from_secs(5);
/// Longest wait for the exit of a killed process.
const UNKILLABLE: Duration = Duration::from_secs(5);
/// Number of leftovers that are listed in the log.
const NAMED: usize = 20;

impl Parent {
    /// Stops all children, with SIGKILL after `child_wait_time`; the parent exits with `status` once all have exited.
    /// If a child does not run, a cleanup process removes its entries from the kernel.
    pub(super) fn stop(&mut self, status: u8) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.status = Some(status);
        self.systemd.notify(Stage::Stopping);
        self.log.write(Level::Notice, "Stopping");
        self.answer_at_stop();
        self.stop_script();
        self.stop_standbys();
        self.stop_upgrade();
        for role in self.plan.roles.clone() {
            self.timers.clear(Key::Restart(role));
            // A child that was to be replaced stops as the others do.
            self.timers.clear(Key::Replace(role));
            let Some(child) = self.child(role) else {
                self.clean_up(role);
                continue;
            };
            let pid = Pid::from_raw(child.process.id().cast_signed());
            // A child stopped by SIGSTOP handles SIGTERM only after SIGCONT.
            if let Err(error) = kill(pid, Signal::SIGTERM).and_then(|()| kill(pid, Signal::SIGCONT)) {
                self.log.warning(format_args!("Cannot signal the {} process: {error}", role.name()));
            }
            self.timers.set(Key::Kill(role), clock::now() + self.plan.child_wait);
        }
    }

    /// Kills a child that has not exited in time.
    pub(super) fn kill_at_stop(&mut self, role: Role) {
        self.kill_child(role);
        self.timers.set(Key::GiveUp(role), clock::now() + UNKILLABLE);
    }

    /// Stops waiting for a killed child that hangs in the kernel.
    pub(super) fn give_up(&mut self, role: Role) {
        let Some(child) = self.child(role) else { return };
        let pid = child.process.id();
        self.log.error(format_args!(
            "The {} process {pid} hangs in the kernel and cannot be killed; not waiting for it",
            role.name()
        ));
        self.children.retain(|child| child.role != role);
        self.report_leftovers(role);
    }

    /// Handles the exit of a child during the stop.
    pub(super) fn exited_at_stop(&mut self, role: Role, task: Task, status: ExitStatus) {
        let name = role.name();
        match task {
            _ if status.success() => {}
            Task::Work | Task::Standby | Task::Begin => {
                self.log.error(format_args!("The {name} process did not stop cleanly ({status})"));
                self.clean_up(role);
            }
            Task::CleanUp => {
                self.log.error(format_args!("The cleanup process for {name} failed ({status})"));
                self.report_leftovers(role);
            }
        }
    }

    /// Records whether the last process of a role was killed: its record of held state may be incomplete.
    pub(super) fn record_exit(&mut self, role: Role, status: ExitStatus) {
        self.killed.retain(|of| *of != role);
        if status.code().is_none() {
            self.killed.push(role);
        }
    }

    /// Starts a cleanup process that removes the leftovers of a role's last process, if there may be any.
    fn clean_up(&mut self, role: Role) {
        let name = role.name();
        let has_run = self.saved.get(&role).is_some_and(|saved| saved.checkpoint.is_some());
        let may_have_set = self.killed.contains(&role) || has_run;
        if !may_have_set && self.leftovers(role).is_empty() {
            return;
        }
        match self.spawn(role, Task::CleanUp) {
            Ok(child) => {
                let pid = child.process.id();
                self.log.write(Level::Notice, format_args!("Starting cleanup for the {name} process, pid={pid}"));
                self.children.push(child);
                self.timers.set(Key::Kill(role), clock::now() + CLEAN_UP_LIMIT + MARGIN);
            }
            Err(error) => {
                self.log.error(format_args!("Cannot start the cleanup process for {name}: {error}"));
                self.report_leftovers(role);
            }
        }
    }

    /// Logs the leftovers of a role; the daemon exits with status 1 instead of 0.
    fn report_leftovers(&mut self, role: Role) {
        if self.status == Some(exit::OK) {
            self.status = Some(exit::FATAL);
        }
        let left = self.leftovers(role);
        let (name, count) = (role.name(), left.len());
        let listed = match left.get(..NAMED.min(count)) {
            None | Some([]) => "unknown".to_owned(),
            Some(listed) => listed.join(", "),
        };
        let more = if count > NAMED { format!(", and {} more", count - NAMED) } else { String::new() };
        self.log.error(format_args!(
            "Entries of the {name} process may be left in the kernel: {listed}{more}; remove them by hand, or start \
             keepalived again"
        ));
    }

    /// The entries that the last process of a role has left in the kernel, as text.
    fn leftovers(&self, role: Role) -> Vec<String> {
        (role.kind().leftovers)(&role.pid_file(&self.plan.options, &self.plan.names), &self.log)
    }
}
