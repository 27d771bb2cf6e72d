//! Faults while the daemon is reloaded, upgraded or stopped, and the death of its parent.

use std::fs;
use std::process::Child;
use std::time::Duration;

use lab::{daemon, now, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::field::{Field, OTHER, State, files, routers, vip};
use super::process::{CHILDREN, Process, is_dead, pid_in, send, standbys};
use super::{LIMIT, STOPPED};

/// Begin of an upgrade, in the log.
const TRIAL: &str = "Upgrade: trying out";
/// Time after which a replacement that has failed is tried again, and some more.
const RETRY: Duration = Duration::from_millis(1500);

impl Field {
    /// A process hangs, so that a reload cannot be complete, and is killed.
    pub(super) fn killed_in_reload(&mut self, process: Process) {
        let (since, pids, before) = (now(), self.pids(process), self.count("Reloading"));
        // Not for longer than an interval.
        pids.iter().for_each(|pid| send(*pid, Signal::SIGSTOP));
        let clients = self.ask("--reload");
        if process == Process::Parent {
            std::thread::sleep(STOPPED);
            pids.iter().for_each(|pid| send(*pid, Signal::SIGCONT));
        } else {
            self.await_text("Reloading", &before);
            pids.iter().for_each(|pid| send(*pid, Signal::SIGKILL));
            self.await_replacement(process, &pids);
        }
        finish(clients, &format!("a reload while {process:?} hangs"));
        self.check(since, &format!("{process:?} was killed in a reload"));
    }

    /// A process that stands by in an upgrade hangs: another takes its place.
    pub(super) fn hung_in_upgrade(&mut self, offset: usize) {
        let of = |number: usize| CHILDREN[(number + offset) % CHILDREN.len()];
        let complete = self.count("Upgrade complete");
        let stood = |(number, _)| standbys(&self.lab.router(number).log(), of(number)).len();
        let stood: Vec<usize> = routers().map(stood).collect();
        let clients = self.ask(&format!("--upgrade={}", daemon::ours().display()));
        for (number, state) in routers() {
            let (process, router) = (of(number), self.lab.router(number));
            let pid = wait_for(LIMIT, &format!("{state:?}: a standby of {process:?}"), || {
                standbys(&router.log(), process).get(stood[number - 1]).copied()
            });
            let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
        }
        finish(clients, "an upgrade with a standby that hangs");
        self.await_text("Upgrade complete", &complete);
        // In place of one that was stopped after it had said that it is prepared the old process has continued.
        self.settle();
        self.check(now(), "hung in an upgrade");
    }

    /// Processes are killed during an upgrade, in each router others, which `offset` selects: one of those that run while the
    /// program is tried out; and then another, as soon as a process stands by for it, with that process.
    pub(super) fn killed_in_upgrade(&mut self, offset: usize) {
        let of = |number: usize| CHILDREN[(number + offset) % CHILDREN.len()];
        let (since, begun, complete) = (now(), self.count(TRIAL), self.count("Upgrade complete"));
        let victim = |(number, _): (usize, State)| {
            let (router, begun) = (self.lab.router(number), begun[number - 1]);
            let stood = standbys(&router.log(), of(number + 1)).len();
            let files = [of(number), of(number + 1)].map(|process| router.file(process.pid_file()));
            (router.file("daemon.log"), router.daemon().pid().as_raw(), files, begun, of(number + 1), stood)
        };
        let victims: Vec<_> = routers().map(victim).collect();
        let clients = self.ask(&format!("--upgrade={}", daemon::ours().display()));
        std::thread::scope(|scope| {
            for (log, parent, [first, second], begun, process, stood) in victims {
                scope.spawn(move || {
                    let log = || fs::read_to_string(&log).unwrap();
                    wait_until(LIMIT, TRIAL, || log().matches(TRIAL).count() > begun);
                    send(pid_in(&first), Signal::SIGKILL);
                    let standby = wait_for(LIMIT, "a standby", || standbys(&log(), process).get(stood).copied());
                    // The parent learns of both at once.
                    send(parent, Signal::SIGSTOP);
                    let pids = [standby, pid_in(&second)];
                    // They may have been replaced already.
                    for pid in pids {
                        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                    }
                    wait_until(LIMIT, "both have exited", || pids.iter().all(|pid| is_dead(*pid)));
                    send(parent, Signal::SIGCONT);
                });
            }
        });
        finish(clients, "an upgrade");
        self.await_text("Upgrade complete", &complete);
        let pids = CHILDREN.map(|process| self.pids(process));
        std::thread::sleep(RETRY);
        assert_eq!(CHILDREN.map(|process| self.pids(process)), pids, "processes were replaced again");
        self.check(since, "killed in an upgrade");
    }

    /// The parents are killed: all processes exit, and the other router has all addresses.
    pub(super) fn parents_killed(&mut self) {
        let pids = self.pids(Process::Parent);
        pids.iter().for_each(|pid| send(*pid, Signal::SIGKILL));
        self.all_have_exited("the parent was killed");
    }

    pub(super) fn all_have_exited(&mut self, what: &str) {
        for (number, state) in routers() {
            let router = self.lab.router(number);
            wait_until(LIMIT, &format!("{what}, {state:?}: all processes have exited"), || {
                router.daemon_pids().is_empty()
            });
            wait_until(LIMIT, &format!("{what}, {state:?}: the other router has the address"), || {
                self.lab.holders(vip(number)) == [OTHER]
            });
        }
    }

    /// A stop with a fault in each router: another one by `offset`.
    pub(super) fn stopped_with_faults(&mut self, offset: usize) {
        const FAULTS: [(Signal, Process); 7] = [
            (Signal::SIGKILL, Process::Vrrp),
            (Signal::SIGSTOP, Process::Vrrp),
            (Signal::SIGKILL, Process::Checker),
            (Signal::SIGSTOP, Process::Bfd),
            (Signal::SIGKILL, Process::CheckRunner),
            (Signal::SIGSTOP, Process::CheckRunner),
            (Signal::SIGKILL, Process::Parent),
        ];
        let fault = |number: usize| FAULTS[(number + offset) % FAULTS.len()];
        for (number, _) in routers() {
            let ((signal, process), router) = (fault(number), self.lab.router(number));
            let pid = Pid::from_raw(wait_for(LIMIT, "the process runs", || process.pid(router)));
            // Nobody continues a runner that is stopped when all others have exited.
            let at_first = process == Process::CheckRunner;
            if at_first {
                assert_eq!(kill(pid, signal), Ok(()));
            }
            router.daemon().signal(Signal::SIGTERM);
            if !at_first {
                // It may have exited already.
                let _ = kill(pid, signal);
            }
        }
        for (number, state) in routers() {
            let (fault, router) = (fault(number), self.lab.router(number));
            let status = router.daemon().wait(LIMIT);
            if fault.1 == Process::Parent {
                continue;
            }
            assert_eq!(status.code(), Some(0), "{fault:?}, {state:?}: {}", router.log());
            let mut left = files(router);
            left.remove("daemon.log");
            assert_eq!(left, self.files[number - 1], "{fault:?}, {state:?}");
        }
        self.all_have_exited("a stop");
    }
}

/// The clients succeed.
fn finish(clients: Vec<Child>, what: &str) {
    for client in clients {
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{what}: {output:?}");
    }
}
