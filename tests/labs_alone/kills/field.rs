//! The routers: one for each state of the daemon, and one other that takes part in all instances.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::process::{Child, Stdio};

use lab::Daemon::Ours;
use lab::{Lab, Router, Stamp, now, wait_for, wait_until};

use super::process::Process;
use super::{INTERVAL, LIMIT};

/// A state of the daemon, which it keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
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

pub(super) const STATES: [State; 6] =
    [State::Starting, State::Backup, State::Master, State::Fault, State::Notifying, State::Unheard];
/// Number of the other router.
pub(super) const OTHER: usize = STATES.len() + 1;

/// The address of the instance of a router.
pub(super) fn vip(router: usize) -> IpAddr {
    [10, 9, 0, 50 + u8::try_from(router).unwrap()].into()
}

pub(super) fn instance(router: usize, priority: u8, lines: &str) -> String {
    let (vrid, interval) = (50 + router, INTERVAL.as_secs_f64());
    format!(
        "vrrp_instance VI_{vrid} {{\n  interface eth0\n  version 3\n  virtual_router_id {vrid}\n  priority {priority}\n  \
         advert_int {interval}\n{lines}  virtual_ipaddress {{\n    {}/24\n  }}\n}}\n",
        vip(router)
    )
}

pub(super) struct Field {
    pub(super) lab: Lab,
    /// The files of each router before the start.
    pub(super) files: Vec<BTreeSet<String>>,
}

impl Field {
    /// All routers in their states.
    pub(super) fn new() -> Field {
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
    pub(super) fn start(&mut self) {
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
    pub(super) fn settle(&mut self) {
        for (number, state) in routers() {
            let owner = owner(number, state);
            wait_until(LIMIT, &format!("{state:?}: the address is on one router"), || {
                self.lab.holders(vip(number)) == [owner]
            });
        }
    }

    /// Each instance has had one master since `since`, the right one, which goes on.
    pub(super) fn check(&mut self, since: Stamp, what: &str) {
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
    pub(super) fn pids(&mut self, process: Process) -> Vec<i32> {
        let pid = |(number, state)| {
            let router = self.lab.router(number);
            wait_for(LIMIT, &format!("{state:?}: {process:?} runs"), || process.pid(router))
        };
        routers().map(pid).collect()
    }

    /// Waits until a process of each router is another one.
    pub(super) fn await_replacement(&mut self, process: Process, old: &[i32]) {
        for ((number, state), old) in routers().zip(old) {
            let router = self.lab.router(number);
            wait_until(LIMIT, &format!("{state:?}: {process:?} is replaced"), || {
                process.pid(router).is_some_and(|pid| pid != *old)
            });
        }
    }

    /// Begins a command in each router.
    pub(super) fn ask(&mut self, option: &str) -> Vec<Child> {
        let begin = |(number, _)| {
            let mut command = self.lab.router(number).whole(Ours);
            command.arg(option).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        routers().map(begin).collect()
    }

    /// Number of times that a text is in each log.
    pub(super) fn count(&mut self, text: &str) -> Vec<usize> {
        routers().map(|(number, _)| self.lab.router(number).log().matches(text).count()).collect()
    }

    /// Waits until a text is in each log once more than before.
    pub(super) fn await_text(&mut self, text: &str, before: &[usize]) {
        wait_until(LIMIT, text, || self.count(text).iter().zip(before).all(|(now, before)| now > before));
    }
}

/// The numbers of the routers and their states.
pub(super) fn routers() -> impl Iterator<Item = (usize, State)> {
    (1..).zip(STATES)
}

/// The router that is the master of a router's instance.
pub(super) fn owner(number: usize, state: State) -> usize {
    if matches!(state, State::Master | State::Notifying | State::Unheard) { number } else { OTHER }
}

pub(super) fn files(router: &Router) -> BTreeSet<String> {
    fs::read_dir(router.dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
