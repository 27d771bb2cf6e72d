//! Faults of a daemon that only runs.

use std::time::Duration;

use lab::process::is_gone;
use lab::{now, wait_until};
use nix::sys::signal::Signal;

use super::field::{Field, OTHER, owner, routers, vip};
use super::process::{CHILDREN, Process, send};
use super::{LIMIT, STOPPED};

/// From the continuation of a master to the last advert of the router that has taken over.
const AGREEMENT: Duration = Duration::from_millis(1500);

impl Field {
    /// Processes are killed in each state.
    pub(super) fn killed(&mut self, processes: &[Process]) {
        let since = now();
        let pids: Vec<Vec<i32>> = processes.iter().map(|process| self.pids(*process)).collect();
        pids.iter().flatten().for_each(|pid| send(*pid, Signal::SIGKILL));
        processes.iter().zip(&pids).for_each(|(process, pids)| self.await_replacement(*process, pids));
        self.check(since, &format!("killed: {processes:?}"));
    }

    /// Processes other than that of VRRP are stopped for a moment.
    pub(super) fn stopped(&mut self, processes: &[Process]) {
        let (since, what) = (now(), format!("{processes:?}"));
        let pids: Vec<Vec<i32>> = processes.iter().map(|process| self.pids(*process)).collect();
        pids.iter().flatten().for_each(|pid| send(*pid, Signal::SIGSTOP));
        std::thread::sleep(STOPPED);
        self.check(since, &format!("stopped: {what}"));
        pids.iter().flatten().for_each(|pid| send(*pid, Signal::SIGCONT));
        self.check(since, &format!("continued: {what}"));
        let after: Vec<Vec<i32>> = processes.iter().map(|process| self.pids(*process)).collect();
        assert_eq!(after, pids, "{what}");
    }

    /// The other router takes over from a VRRP process that is stopped, and gives back when that continues.
    pub(super) fn vrrp_stopped(&mut self) {
        let since = now();
        let pids = self.pids(Process::Vrrp);
        pids.iter().for_each(|pid| send(*pid, Signal::SIGSTOP));
        for (number, _) in routers() {
            self.lab.wire.await_advert(OTHER, 50 + u8::try_from(number).unwrap(), since, LIMIT);
        }
        let continued = now();
        pids.iter().for_each(|pid| send(*pid, Signal::SIGCONT));
        self.settle();
        let settled = now();
        println!("addresses are on one router after {:?}", settled - continued);
        self.check(settled, "the VRRP process continues");
        for (number, state) in routers().filter(|(number, state)| owner(*number, *state) != OTHER) {
            let last = self.lab.wire.last_advert(OTHER, 50 + u8::try_from(number).unwrap()).unwrap();
            println!("{state:?}: last advert of the other router after {:?}", last.saturating_sub(continued));
            assert!(last < continued + AGREEMENT, "{state:?}: {:?}", last - continued);
            wait_until(LIMIT, "the address is announced again", || {
                self.lab.wire.announced(number, vip(number), continued)
            });
        }
        assert_eq!(self.pids(Process::Vrrp), pids);
    }

    /// Processes that hang are replaced; the other router is master meanwhile.
    pub(super) fn hung(&mut self) {
        let hang = [&CHILDREN[..], &[Process::VrrpRunner, Process::CheckRunner]].concat();
        let pids: Vec<Vec<i32>> = hang.iter().map(|process| self.pids(*process)).collect();
        pids.iter().flatten().for_each(|pid| send(*pid, Signal::SIGSTOP));
        hang.iter().zip(&pids).for_each(|(process, pids)| self.await_replacement(*process, pids));
        self.settle();
        self.check(now(), "hanging processes were replaced");
        for pid in pids.into_iter().flatten() {
            wait_until(LIMIT, &format!("{pid} is gone"), || is_gone(pid));
        }
    }
}
