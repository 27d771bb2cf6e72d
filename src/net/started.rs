//! A program that the runner has started, so that it can be killed when the runner is gone.
//!
//! It is no child of this process, so its number may belong to another process by then. The time of its start tells them apart.

use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A program, the leader of a process group of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Started {
    pid: i32,
    /// When it was started, in clock ticks since the boot.
    at: u64,
}

impl Started {
    /// The program with this number; `None` if there is none. To be called by its parent before it reaps it.
    pub(super) fn of(pid: u32) -> Option<Started> {
        let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0)?;
        Some(Started { pid, at: start_of(pid)? })
    }

    /// Kills the process group of the program if the program still runs.
    pub(super) fn kill(self) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        // The descriptor stays with the process that has the number now.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        if start_of(self.pid) != Some(self.at) {
            return;
        }
        // It may end now, but the kernel assigns numbers in turn, so no other process gets its number in this moment.
        let _ = kill_process_group(pid, Signal::KILL);
        // It may have left its group.
        let _ = pidfd_send_signal(&process, Signal::KILL);
    }
}

/// Field 22 of proc_pid_stat(5). The name in field 2 may contain spaces and parentheses.
fn start_of(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command};

    use super::*;

    fn sleeping() -> Child {
        Command::new("/bin/sleep").arg("1000").process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_program_is_killed_and_another_process_with_its_number_is_not() {
        let mut child = sleeping();
        let started = Started::of(child.id()).unwrap();
        Started { at: started.at + 1, ..started }.kill();
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert_eq!(child.try_wait().unwrap(), None);
        started.kill();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        // Its number is free.
        started.kill();
        assert_eq!(Started::of(child.id()), None);
    }

    /// Not of all processes, and not of none.
    #[test]
    fn no_other_number_is_a_process() {
        assert_eq!([0, u32::MAX, 1 << 31].map(Started::of), [None; 3]);
    }
}
