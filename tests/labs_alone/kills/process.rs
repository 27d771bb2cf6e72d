//! The processes of a daemon, and signals to them.

use std::fs;
use std::path::Path;

use lab::{Router, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::LIMIT;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Process {
    Parent,
    Vrrp,
    Checker,
    Bfd,
    /// Runs the scripts of the VRRP process.
    VrrpRunner,
    /// Runs the scripts of the checker process.
    CheckRunner,
}

/// Those that the parent starts.
pub(super) const CHILDREN: [Process; 3] = [Process::Vrrp, Process::Checker, Process::Bfd];
/// Those whose absence for a moment nobody notices; some at a time.
pub(super) const QUIET: [&[Process]; 3] =
    [&[Process::Parent], &[Process::Checker, Process::Bfd], &[Process::VrrpRunner, Process::CheckRunner]];

impl Process {
    /// Its pid in a router; `None` if it does not run at the moment.
    pub(super) fn pid(self, router: &mut Router) -> Option<i32> {
        let pid = match self {
            Process::Parent => router.daemon().pid().as_raw(),
            Process::Vrrp => router.vrrp_pid(),
            Process::Checker => router.checker_pid(),
            Process::Bfd => router.bfd_pid(),
            Process::VrrpRunner => runner_of(router.vrrp_pid(), router)?,
            Process::CheckRunner => runner_of(router.checker_pid(), router)?,
        };
        Some(pid)
    }

    /// The file with its pid.
    pub(super) fn pid_file(self) -> &'static str {
        match self {
            Process::Vrrp => "vrrp.pid",
            Process::Checker => "checkers.pid",
            _ => "bfd.pid",
        }
    }

    /// In log lines.
    pub(super) fn name(self) -> &'static str {
        match self {
            Process::Vrrp => "VRRP",
            Process::Checker => "checker",
            _ => "BFD",
        }
    }
}

fn runner_of(parent: i32, router: &Router) -> Option<i32> {
    let read = |pid: i32, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    router.daemon_pids().into_iter().find(|pid| {
        let status = read(*pid, "stat");
        let of = status.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(1));
        of == Some(&parent.to_string()) && read(*pid, "cmdline").contains("--run-programs")
    })
}

pub(super) fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// The pids in a log of the standbys so far.
pub(super) fn standbys(log: &str, process: Process) -> Vec<i32> {
    let line = format!("Starting a standby of the {} process, pid=", process.name());
    log.split(&line).skip(1).filter_map(|text| text.lines().next()?.parse().ok()).collect()
}

/// Whether a process has exited; its parent may not know it yet.
pub(super) fn is_dead(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|fields| fields.is_empty() || fields.starts_with('Z'))
}

pub(super) fn pid_in(file: &Path) -> i32 {
    wait_for(LIMIT, "a pid file", || fs::read_to_string(file).ok()?.trim().parse().ok())
}
