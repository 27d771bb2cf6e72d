//! `startup_script`, which runs before the children, and `shutdown_script`, which runs after them.

use nix::sys::signal::killpg;
use nix::unistd::Pid;

use super::scripts::{Occasion, RunningScript};
use super::{Key, Parent};
use crate::process::context::because;
use crate::reactor::{Signal, clock};

impl Parent {
    /// Runs the `startup_script`, if there is one, and then starts the children.
    pub(super) fn begin(&mut self) {
        if !self.run_script(Occasion::Startup) {
            self.start_children();
        }
    }

    fn start_children(&mut self) {
        for role in self.plan.roles.clone() {
            self.start_child(role);
        }
        self.report_ready();
    }

    /// Whether the daemon may exit: all children have exited, and the `shutdown_script` has run.
    pub(super) fn may_exit(&mut self) -> bool {
        if !self.children.is_empty() || !self.standbys.is_empty() || self.script.is_some() {
            return false;
        }
        let is_first = !std::mem::replace(&mut self.shutdown_script_run, true);
        !(is_first && self.run_script(Occasion::Shutdown))
    }

    /// Starts a script; returns whether it runs.
    fn run_script(&mut self, occasion: Occasion) -> bool {
        let scripts = &self.plan.scripts;
        let script = if occasion == Occasion::Startup { &scripts.startup } else { &scripts.shutdown };
        let Some((program, limit)) = script.clone() else { return false };
        let keyword = occasion.keyword();
        // No loop is delayed: there are no children.
        match program.start() {
            Ok(child) => {
                self.log.info(format_args!("Running the {keyword}, pid={}", child.id()));
                self.script = Some(RunningScript { occasion, child, limit });
                self.timers.set(Key::Script, clock::now() + limit);
                true
            }
            Err(error) => {
                self.log.error(format_args!("Cannot run the {keyword}: {}", because(&error)));
                false
            }
        }
    }

    /// Handles the end of a script.
    pub(super) fn reap_script(&mut self) {
        let Some(running) = &mut self.script else { return };
        let Ok(Some(status)) = running.child.try_wait() else { return };
        let occasion = running.occasion;
        self.script = None;
        self.timers.clear(Key::Script);
        if !status.success() {
            self.log.error(format_args!("The {} failed ({status})", occasion.keyword()));
        }
        if occasion == Occasion::Startup && !self.stopping {
            self.start_children();
        }
    }

    /// Kills a script that has run too long; its end is handled as any other.
    pub(super) fn script_is_late(&mut self) {
        let Some(RunningScript { occasion, limit, .. }) = &self.script else { return };
        let (keyword, seconds) = (occasion.keyword(), limit.as_secs());
        self.log.error(format_args!("The {keyword} has not ended within {seconds} s: it is killed"));
        self.kill_script();
    }

    /// Kills the running script with all its processes.
    pub(super) fn kill_script(&mut self) {
        if let Some(running) = &self.script {
            // It may have ended already.
            let _ = killpg(Pid::from_raw(running.child.id().cast_signed()), Signal::SIGKILL);
        }
    }

    /// Kills the `startup_script` at a stop.
    pub(super) fn stop_script(&mut self) {
        if self.script.as_ref().is_some_and(|running| running.occasion == Occasion::Startup) {
            self.kill_script();
        }
    }
}
