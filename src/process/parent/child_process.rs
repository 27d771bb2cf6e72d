//! A child process, known by its pid: also one that the former program of this process has started, before an upgrade.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

use nix::sys::signal::{Signal, kill};
use rustix::process::{WaitOptions, waitpid};

/// A child process that has not been reaped.
#[derive(Debug)]
pub(in crate::process) struct ChildProcess(u32);

impl ChildProcess {
    /// A process with this pid, which must be a child of this process.
    pub(in crate::process) fn of_pid(pid: u32) -> ChildProcess {
        ChildProcess(pid)
    }

    /// Its pid.
    pub(in crate::process) fn id(&self) -> u32 {
        self.0
    }

    /// Kills it.
    pub(in crate::process) fn kill(&self) -> io::Result<()> {
        Ok(kill(nix::unistd::Pid::from_raw(self.0.cast_signed()), Signal::SIGKILL)?)
    }

    /// Reaps it if it has exited. To be called no more once it has returned a status: the kernel may use the pid again.
    pub(in crate::process) fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        let pid = rustix::process::Pid::from_raw(self.0.cast_signed());
        let found = waitpid(pid, WaitOptions::NOHANG)?;
        Ok(found.map(|(_, status)| ExitStatus::from_raw(status.as_raw())))
    }
}

impl From<Child> for ChildProcess {
    /// Dropping a [`Child`] neither kills nor reaps the process.
    fn from(child: Child) -> ChildProcess {
        ChildProcess(child.id())
    }
}
