//! Each process is killed and stopped in each state of the daemon: the other router notices only a VRRP process that is stopped
//! for longer than its Master_Down_Interval, and nothing is left behind.
//!
//! One router for each state, with an instance of its own, and one other router that takes part in all instances. LAB_SOAK=1
//! (`make soak`) also has each process replaced by the watchdog, and tries all faults of upgrades and stops in all states.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use lab::Daemon::Ours;
use lab::process::is_gone;
use lab::{Lab, Router, Stamp, daemon, machine, now, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(400);
/// How long a process is stopped that may be stopped.
const STOPPED: Duration = Duration::from_millis(500);
/// Begin of an upgrade, in the log.
const TRIAL: &str = "Upgrade: trying out";
/// From the continuation of a master to the last advert of the router that has taken over.
const AGREEMENT: Duration = Duration::from_millis(1500);

/// A state of the daemon, which it keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Before the end of `vrrp_startup_delay`.
    Starting,
    Backup,
    Master,
    Fault,
    /// Master, with notify scripts that hang.
    Notifying,
    /// Master, with an snmpd that hangs.
    Unheard,
}

const STATES: [State; 6] =
    [State::Starting, State::Backup, State::Master, State::Fault, State::Notifying, State::Unheard];
/// Number of the other router.
const OTHER: usize = STATES.len() + 1;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Process {
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
const CHILDREN: [Process; 3] = [Process::Vrrp, Process::Checker, Process::Bfd];
/// Those whose absence for a moment nobody notices; some at a time.
const QUIET: [&[Process]; 3] =
    [&[Process::Parent], &[Process::Checker, Process::Bfd], &[Process::VrrpRunner, Process::CheckRunner]];

impl Process {
    /// Its pid in a router; `None` if it does not run at the moment.
    fn pid(self, router: &mut Router) -> Option<i32> {
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
    fn pid_file(self) -> &'static str {
        match self {
            Process::Vrrp => "vrrp.pid",
            Process::Checker => "checkers.pid",
            _ => "bfd.pid",
        }
    }

    /// In log lines.
    fn name(self) -> &'static str {
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

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// The address of the instance of a router.
fn vip(router: usize) -> IpAddr {
    [10, 9, 0, 50 + u8::try_from(router).unwrap()].into()
}

fn instance(router: usize, priority: u8, lines: &str) -> String {
    let (vrid, interval) = (50 + router, INTERVAL.as_secs_f64());
    format!(
        "vrrp_instance VI_{vrid} {{\n  interface eth0\n  version 3\n  virtual_router_id {vrid}\n  priority {priority}\n  \
         advert_int {interval}\n{lines}  virtual_ipaddress {{\n    {}/24\n  }}\n}}\n",
        vip(router)
    )
}

struct Field {
    lab: Lab,
    /// The files of each router before the start.
    files: Vec<BTreeSet<String>>,
}

impl Field {
    /// Time after which a replacement that has failed is tried again, and some more.
    const RETRY: Duration = Duration::from_millis(1500);

    /// All routers in their states.
    fn new() -> Field {
        let mut field = Field { lab: Lab::new(OTHER), files: Vec::new() };
        let mut others = String::from("global_defs {\n  router_id other\n}\n");
        for (number, state) in routers() {
            let router = field.lab.router(number);
            let hangs = router.script("hangs", "exec sleep 1000\n").display().to_string();
            let (mut global, mut lines, mut priority) = ("", "  track_script {\n    fine\n  }\n".to_owned(), 200);
            match state {
                State::Starting => global = "  vrrp_startup_delay 1000\n",
                State::Backup => priority = 50,
                State::Master => {}
                State::Fault => {
                    router.netns().ip("link add absent type veth peer name nothing");
                    lines += "  track_interface {\n    absent\n  }\n";
                }
                State::Notifying => lines += &format!("  notify {hangs}\n"),
                State::Unheard => {
                    global = "  enable_traps\n";
                    router.start_snmp();
                }
            }
            let text = format!(
                "child_wait_time 2\nglobal_defs {{\n  router_id r{number}\n  script_user root\n  vrrp_notify_fifo {}\n{global}}}\n\
                 vrrp_script fine {{\n  script /bin/true\n  interval 1\n  weight 1\n}}\n\
                 bfd_instance peer {{\n  neighbor_ip 10.9.0.250\n}}\n\
                 virtual_server 10.9.0.151 80 {{\n  delay_loop 1\n  protocol TCP\n  lb_algo rr\n  lb_kind NAT\n  real_server 10.9.0.250 80 {{\n    \
                 MISC_CHECK {{\n      misc_path {hangs}\n      misc_timeout 5\n    }}\n  }}\n}}\n",
                router.file("fifo").display()
            );
            router.configure(&(text + &instance(number, priority, &lines)));
            field.files.push(files(router));
            others += &instance(number, 100, "");
        }
        field.lab.router(OTHER).configure(&others);
        field.lab.router(OTHER).start(Ours);
        wait_until(LIMIT, "the other router is master of all", || {
            field.lab.router(OTHER).count_addresses("10.9.0.5") == STATES.len()
        });
        field.start();
        field
    }

    /// Starts the daemons, and waits for their states.
    fn start(&mut self) {
        for (number, state) in routers() {
            let router = self.lab.router(number);
            if state == State::Unheard {
                router.snmp().resume_master();
            }
            let command = router.whole(Ours);
            router.start_with(command);
        }
        for (number, state) in routers() {
            let router = self.lab.router(number);
            let shown = match state {
                State::Starting => "Startup complete",
                State::Backup => "Entering BACKUP STATE",
                State::Fault => "Entering FAULT STATE",
                State::Master | State::Notifying | State::Unheard => "Entering MASTER STATE",
            };
            wait_until(LIMIT, &format!("{state:?}"), || router.log().contains(shown));
            if state == State::Unheard {
                wait_until(LIMIT, "snmpd has subagents", || router.log().contains("AgentX session"));
                router.snmp().hang_master();
            }
        }
        self.settle();
    }

    /// Waits until each address is where it belongs and nowhere else.
    fn settle(&mut self) {
        for (number, state) in routers() {
            let owner = owner(number, state);
            wait_until(LIMIT, &format!("{state:?}: the address is on one router"), || {
                self.lab.holders(vip(number)) == [owner]
            });
        }
    }

    /// Each instance has had one master since `since`, the right one, which goes on.
    fn check(&mut self, since: Stamp, what: &str) {
        let done = now();
        for (number, state) in routers() {
            let (owner, vrid) = (owner(number, state), 50 + u8::try_from(number).unwrap());
            self.lab.wire.await_advert(owner, vrid, done, LIMIT);
            let quiet = if owner == OTHER { number } else { OTHER };
            let adverts = self.lab.wire.adverts(quiet, vrid, since);
            assert!(adverts.is_empty(), "{what}, {state:?}: {adverts:?}");
            assert_eq!(self.lab.holders(vip(number)), [owner], "{what}, {state:?}");
        }
    }

    /// The pid of a process of each router.
    fn pids(&mut self, process: Process) -> Vec<i32> {
        let pid = |(number, state)| {
            let router = self.lab.router(number);
            wait_for(LIMIT, &format!("{state:?}: {process:?} runs"), || process.pid(router))
        };
        routers().map(pid).collect()
    }

    /// Waits until a process of each router is another one.
    fn await_replacement(&mut self, process: Process, old: &[i32]) {
        for ((number, state), old) in routers().zip(old) {
            let router = self.lab.router(number);
            wait_until(LIMIT, &format!("{state:?}: {process:?} is replaced"), || {
                process.pid(router).is_some_and(|pid| pid != *old)
            });
        }
    }

    /// Begins a command in each router.
    fn ask(&mut self, option: &str) -> Vec<Child> {
        let begin = |(number, _)| {
            let mut command = self.lab.router(number).whole(Ours);
            command.arg(option).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        routers().map(begin).collect()
    }

    /// Number of times that a text is in each log.
    fn count(&mut self, text: &str) -> Vec<usize> {
        routers().map(|(number, _)| self.lab.router(number).log().matches(text).count()).collect()
    }

    /// Waits until a text is in each log once more than before.
    fn await_text(&mut self, text: &str, before: &[usize]) {
        wait_until(LIMIT, text, || self.count(text).iter().zip(before).all(|(now, before)| now > before));
    }

    /// Processes are killed in each state.
    fn killed(&mut self, processes: &[Process]) {
        let since = now();
        let pids: Vec<Vec<i32>> = processes.iter().map(|process| self.pids(*process)).collect();
        pids.iter().flatten().for_each(|pid| send(*pid, Signal::SIGKILL));
        processes.iter().zip(&pids).for_each(|(process, pids)| self.await_replacement(*process, pids));
        self.check(since, &format!("killed: {processes:?}"));
    }

    /// Processes other than that of VRRP are stopped for a moment.
    fn stopped(&mut self, processes: &[Process]) {
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
    fn vrrp_stopped(&mut self) {
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
    fn hung(&mut self) {
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

    /// A process that stands by in an upgrade hangs: another takes its place.
    fn hung_in_upgrade(&mut self, offset: usize) {
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

    /// A process hangs, so that a reload cannot be complete, and is killed.
    fn killed_in_reload(&mut self, process: Process) {
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

    /// Processes are killed during an upgrade, in each router others, which `offset` selects: one of those that run while the
    /// program is tried out; and then another, as soon as a process stands by for it, with that process.
    fn killed_in_upgrade(&mut self, offset: usize) {
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
        std::thread::sleep(Self::RETRY);
        assert_eq!(CHILDREN.map(|process| self.pids(process)), pids, "processes were replaced again");
        self.check(since, "killed in an upgrade");
    }

    /// The parents are killed: all processes exit, and the other router has all addresses.
    fn parents_killed(&mut self) {
        let pids = self.pids(Process::Parent);
        pids.iter().for_each(|pid| send(*pid, Signal::SIGKILL));
        self.all_have_exited("the parent was killed");
    }

    fn all_have_exited(&mut self, what: &str) {
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
    fn stopped_with_faults(&mut self, offset: usize) {
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

/// The numbers of the routers and their states.
fn routers() -> impl Iterator<Item = (usize, State)> {
    (1..).zip(STATES)
}

/// The router that is the master of a router's instance.
fn owner(number: usize, state: State) -> usize {
    if matches!(state, State::Master | State::Notifying | State::Unheard) { number } else { OTHER }
}

fn files(router: &Router) -> BTreeSet<String> {
    fs::read_dir(router.dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The pids in a log of the standbys so far.
fn standbys(log: &str, process: Process) -> Vec<i32> {
    let line = format!("Starting a standby of the {} process, pid=", process.name());
    log.split(&line).skip(1).filter_map(|text| text.lines().next()?.parse().ok()).collect()
}

/// Whether a process has exited; its parent may not know it yet.
fn is_dead(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|fields| fields.is_empty() || fields.starts_with('Z'))
}

fn pid_in(file: &Path) -> i32 {
    wait_for(LIMIT, "a pid file", || fs::read_to_string(file).ok()?.trim().parse().ok())
}

/// The clients succeed.
fn finish(clients: Vec<Child>, what: &str) {
    for client in clients {
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{what}: {output:?}");
    }
}

#[test]
fn each_process_is_killed_and_stopped_in_each_state() {
    let _turn = machine::alone();
    let begun = Instant::now();
    let at = |what: &str| println!("{:6.1} s: {what}", begun.elapsed().as_secs_f64());
    let mut field = Field::new();
    at("ready");
    for processes in
        [&[Process::Vrrp][..], &[Process::Checker, Process::Bfd], &[Process::VrrpRunner, Process::CheckRunner]]
    {
        field.killed(processes);
    }
    at("killed");
    for processes in QUIET {
        field.stopped(processes);
    }
    at("stopped");
    field.vrrp_stopped();
    at("VRRP stopped");
    if machine::soak() {
        field.hung();
        at("hung");
    }
    for process in [&CHILDREN[..], &[Process::Parent]].concat() {
        field.killed_in_reload(process);
    }
    at("reloads");
    for offset in 0..if machine::soak() { CHILDREN.len() } else { 1 } {
        field.killed_in_upgrade(offset);
        if machine::soak() {
            field.hung_in_upgrade(offset);
            at("hung in an upgrade");
        }
    }
    at("upgrades");
    for offset in 0..if machine::soak() { 7 } else { 1 } {
        field.parents_killed();
        at("parents killed");
        field.start();
        at("started again");
        field.stopped_with_faults(offset);
        at("stops");
        if machine::soak() {
            field.start();
        }
    }
}
