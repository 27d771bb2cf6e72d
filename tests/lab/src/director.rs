//! A director that only runs checks: virtual servers with their real servers in its own namespace, observed through SNMP.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::Daemon;
use crate::process::footprint;
use crate::router::Router;
use crate::snmp::{ROOT, Snmp};
use crate::topology::Lab;
use crate::{Netns, wait_until};

/// Time limit for a change to be visible, on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// The director. Real servers are on 127.0.0.1; the address of service N (from 1) is 10.1.0.N.
#[derive(Debug)]
pub struct Director {
    lab: Lab,
    services: Vec<String>,
    text: String,
}

/// Settings of every service: short intervals and one retry.
const QUICK: &str = "delay_loop 0.2\n  connect_timeout 1\n  retry 1\n  delay_before_retry 0.1\n  warmup 0\n  \
                     protocol TCP\n  lb_kind NAT";

impl Default for Director {
    fn default() -> Self {
        Self::new()
    }
}

impl Director {
    /// A director without services and without a running daemon; traps are enabled, and scripts run as root.
    pub fn new() -> Self {
        let text = "global_defs {\n  router_id director\n  enable_traps\n  script_user root\n}\n".to_owned();
        Self { lab: Lab::new(1), services: Vec::new(), text }
    }

    /// Adds a service whose only real server is 127.0.0.1:`port`, with the block `checker`.
    pub fn check(&mut self, name: &str, port: u16, checker: &str) {
        self.service(name, &format!("real_server 127.0.0.1 {port} {{\n    weight 1\n    {checker}\n  }}"));
    }

    /// Adds a service with these lines, and the next address and the default timing.
    pub fn service(&mut self, name: &str, lines: &str) {
        let address = format!("10.1.0.{} 80", self.services.len() + 1);
        self.service_at(name, &address, lines);
    }

    /// As [`Director::service`], with another address: `IP PORT`, `fwmark N` or `group NAME`.
    pub fn service_at(&mut self, name: &str, address: &str, lines: &str) {
        self.services.push(name.to_owned());
        self.text += &format!("virtual_server {address} {{\n  {QUICK}\n  {lines}\n}}\n");
    }

    /// Adds a service by its whole block, braces included.
    pub fn block(&mut self, name: &str, block: &str) {
        self.services.push(name.to_owned());
        self.text += block;
    }

    /// Adds blocks other than services.
    pub fn configure(&mut self, text: &str) {
        self.text += text;
    }

    /// Starts master agent, trap sink and daemon; returns when all services are served.
    pub fn start(&mut self) {
        self.start_as(Daemon::Ours);
    }

    /// As [`Director::start`], with another daemon.
    pub fn start_as(&mut self, daemon: Daemon) {
        let router = self.lab.router(1);
        router.configure(&self.text);
        router.start_snmp();
        router.start_checkers(daemon);
        let services = self.services.len();
        wait_until(LIMIT, "the services are served", || {
            self.snmp().walk(&format!("{ROOT}.3.3.1.23")).len() == services
        });
    }

    /// Replaces `text` in the configuration by `other` and reloads the daemon.
    pub fn reload(&mut self, text: &str, other: &str) {
        assert!(self.text.contains(text), "{text} is not in {}", self.text);
        self.text = self.text.replace(text, other);
        let router = self.lab.router(1);
        router.configure(&self.text);
        router.daemon().signal(Signal::SIGHUP);
    }

    /// Kills the checker process with -9; returns when it has been replaced.
    pub fn replace_process(&mut self) {
        let router = self.lab.router(1);
        let before = router.checker_pid();
        kill(Pid::from_raw(before), Signal::SIGKILL).expect("a running process");
        wait_until(LIMIT, "the checker process is replaced", || router.checker_pid() != before);
    }

    /// Stops the daemon with SIGTERM.
    pub fn stop(&mut self) {
        assert_eq!(self.lab.router(1).stop().1.code(), Some(0));
    }

    /// The director's router.
    pub fn router(&mut self) -> &mut Router {
        self.lab.router(1)
    }

    /// The namespace of daemon and real servers.
    pub fn netns(&mut self) -> &Netns {
        self.lab.router(1).netns()
    }

    /// The namespace of a host across the wire, 10.9.0.100 and fd09::100.
    pub fn client(&self) -> &Netns {
        &self.lab.client
    }

    /// Unplugs the director's cable, or plugs it in again.
    pub fn cable(&self, plugged: bool) {
        self.lab.cable(1, plugged);
    }

    /// The path of a file of this lab.
    pub fn file(&mut self, name: &str) -> PathBuf {
        self.lab.router(1).file(name)
    }

    /// Writes a shell script among the files.
    pub fn script(&mut self, name: &str, lines: &str) -> PathBuf {
        self.lab.router(1).script(name, lines)
    }

    /// The master agent and the trap sink.
    pub fn snmp(&mut self) -> &mut Snmp {
        self.lab.router(1).snmp()
    }

    /// The daemon's log.
    pub fn log(&mut self) -> String {
        self.lab.router(1).log()
    }

    /// Resident memory of the checker process in KiB.
    pub fn memory(&mut self) -> u64 {
        footprint(self.lab.router(1).checker_pid()).0
    }

    /// A column of realServerTable, by service and position of the real server.
    pub fn real_servers(&mut self, column: u32) -> BTreeMap<(String, u32), String> {
        let root = format!("{ROOT}.3.4.1.{column}.");
        let rows = self.snmp().walk(root.trim_end_matches('.'));
        let rows = rows.into_iter().filter_map(|(name, value)| {
            let (service, server) = name.strip_prefix(&root)?.split_once('.')?;
            let service: usize = service.parse().ok()?;
            Some(((self.services.get(service - 1)?.clone(), server.parse().ok()?), value))
        });
        rows.collect()
    }

    /// The value of a column of virtualServerTable for a service.
    pub fn virtual_server(&mut self, column: u32, service: &str) -> Option<String> {
        let number = self.number(service);
        self.snmp().get(&format!("{ROOT}.3.3.1.{column}.{number}"))
    }

    /// The index of a service in virtualServerTable.
    pub fn number(&self, service: &str) -> usize {
        1 + self.services.iter().position(|name| name == service).expect("a service of this director")
    }

    /// Waits until the first real servers of these services are all up or down as given.
    pub fn await_states(&mut self, wanted: &[(&str, bool)]) {
        let rows = |up| wanted.iter().filter(|(_, wish)| *wish == up).map(|(name, _)| *name).collect::<Vec<_>>();
        let what = format!("{:?} are up and {:?} are down", rows(true), rows(false));
        let mut wrong = Vec::new();
        let reached = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(LIMIT, &what, || {
                let states = self.real_servers(6);
                let is = |name: &str| states.get(&(name.to_owned(), 1)).map(|state| state == "1");
                let differ = wanted.iter().filter(|(name, up)| is(name) != Some(*up));
                wrong = differ.map(|(name, _)| (*name).to_owned()).collect();
                wrong.is_empty()
            });
        }));
        if let Err(panic) = reached {
            eprintln!("--- in the wrong state: {wrong:?}; {what} ---\n{}", self.log());
            std::panic::resume_unwind(panic);
        }
    }

    /// Sets an INTEGER object with snmpset; returns whether it succeeded, and the tool's output.
    pub fn set(&mut self, oid: &str, value: i64) -> (bool, String) {
        self.snmp().set(oid, value)
    }
}
