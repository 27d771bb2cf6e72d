//! Processes of a lab: started in their own process group, logged to a file, killed when dropped.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::wait_for;

/// A running process and its group. [`Proc::log`] has its standard output and error.
#[derive(Debug)]
pub struct Proc {
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Proc {
    /// Starts `command` as the leader of a new process group, appending its output to `log`.
    pub fn spawn(mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log file");
        let errors = file.try_clone().expect("a second descriptor");
        command.process_group(0).stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned(), ended: None }
    }

    /// The process ID, which is also that of the group.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a pid fits an i32"))
    }

    /// The output so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal to the process, not to its group.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a running process");
    }

    /// Whether the process is still running.
    pub fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    /// Kills the whole group, as `kill -9 -PGID`.
    pub fn kill_group(&mut self) {
        if self.ended.is_none() {
            let _ = killpg(self.pid(), Signal::SIGKILL);
            self.ended = self.child.wait().ok();
        }
    }

    /// Waits until the process exits by itself.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait_for(limit, "the process has exited", || self.status())
    }

    fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("our own child");
        }
        self.ended
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// Makes the test the reaper of its daemons' orphans, so that they do not stay as zombies: C keepalived
/// takes a zombie with the process ID of its pid file for a running daemon.
pub fn adopt_orphans() {
    prctl::set_child_subreaper(true).expect("a kernel with subreapers");
}

/// Whether a process has exited; reaps it if it is an orphan of ours.
pub fn is_gone(pid: i32) -> bool {
    match waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => false,
        Ok(_) => true,
        Err(_) => !Path::new("/proc").join(pid.to_string()).exists(),
    }
}

/// Runs a command and returns its standard output; panics unless the command succeeds.
pub fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Resident memory of a process in KiB, and its number of open descriptors.
pub fn footprint(pid: i32) -> (u64, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse().ok())
        .expect("VmRSS");
    (memory, fs::read_dir(format!("/proc/{pid}/fd")).expect("a running process").count())
}

/// Processor time of all threads of a process so far.
pub fn cpu_time(pid: i32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a running process").flatten();
    let nanoseconds = threads.map(|thread| {
        let spent = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        spent.split_whitespace().next().and_then(|spent| spent.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(nanoseconds.sum())
}
