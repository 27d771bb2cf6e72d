//! The expected state and the expected events (traps, scripts, mails) of one director of a [`crate::case::Case`].

use std::collections::{BTreeMap, BTreeSet};

use crate::views::View;

/// State of a sync group and of all of its instances, by the numbers of the MIB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Before the start, and after a kill.
    Init = 0,
    /// Backup: it receives adverts.
    Backup = 1,
    /// Master: it has the addresses.
    Master = 2,
    /// An interface is down.
    Fault = 3,
    /// The daemon was stopped.
    Stopped = 5,
}

use State::{Backup, Fault, Init, Master, Stopped};

impl State {
    /// The states that are reported on the way to another one.
    fn states_on_the_way_to(self, to: State) -> Vec<State> {
        match (self, to) {
            _ if self == to => Vec::new(),
            (Init | Fault, Master) => vec![Backup, Master],
            _ => vec![to],
        }
    }

    /// The argument of notify scripts.
    fn script_argument(self) -> &'static str {
        match self {
            Init => "INIT",
            Backup => "BACKUP",
            Master => "MASTER",
            Fault => "FAULT",
            Stopped => "STOP",
        }
    }

    /// The end of mail subjects.
    fn subject(self) -> String {
        if self == Stopped { "Stopping".to_owned() } else { format!("Entering {} state", self.script_argument()) }
    }
}

/// A sync group and its instances.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// Name, virtual address and interface of each instance.
    pub instances: Vec<(&'static str, &'static str, &'static str)>,
}

impl Group {
    fn has(&self, address: &str) -> bool {
        self.instances.iter().any(|(_, vip, _)| *vip == address)
    }
}

/// A TCP virtual server of quorum 1. The arguments of its quorum scripts are SERVICE, its name, and UP or DOWN.
#[derive(Debug, Clone)]
pub struct Service {
    /// Name in the script arguments.
    pub name: &'static str,
    /// Address and port.
    pub at: &'static str,
    /// Address and port of the real servers, and their weights.
    pub servers: Vec<(&'static str, u32)>,
    /// Address and port of the sorry server.
    pub sorry: Option<&'static str>,
    /// `inhibit_on_failure`: a failed server stays with weight 0.
    pub inhibits: bool,
}

impl Service {
    /// The servers in use and their weights when the servers in `down` are down.
    fn used(&self, down: &BTreeSet<&str>) -> Vec<(&'static str, u32)> {
        let up: Vec<_> = self.servers.iter().filter(|(server, _)| !down.contains(server)).copied().collect();
        match self.sorry {
            Some(sorry) if up.is_empty() => vec![(sorry, 1)],
            _ => up,
        }
    }

    fn address(&self) -> &str {
        self.at.split_once(':').map_or(self.at, |(address, _)| address)
    }
}

/// The configuration of a case study.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// `router_id` of each director.
    pub directors: Vec<&'static str>,
    /// Sync groups; each instance has one address.
    pub groups: Vec<Group>,
    /// Virtual servers. A service whose address is in no group is always on the first director.
    pub services: Vec<Service>,
}

impl Plan {
    /// Name, virtual address and interface of all instances.
    pub fn instances(&self) -> impl Iterator<Item = &(&'static str, &'static str, &'static str)> {
        self.groups.iter().flat_map(|group| &group.instances)
    }
}

/// The expected state and events of one director.
#[derive(Debug, Default)]
pub struct Standing {
    router_id: &'static str,
    /// Whether the daemon is running.
    pub running: bool,
    /// Whether the kernel has the addresses and services that the daemon has set.
    programmed: bool,
    groups: BTreeMap<&'static str, State>,
    /// Real servers that the director's checkers have found down.
    down: BTreeSet<&'static str>,
    /// Events so far: the traps of each row in order, script calls and mails.
    traps: BTreeMap<String, Vec<u8>>,
    scripts: Vec<String>,
    mails: Vec<String>,
    /// While mails cannot reach the relay: number of mails delivered before.
    held: Option<usize>,
}

impl Standing {
    /// The state of a director before the first start.
    pub fn new(router_id: &'static str) -> Self {
        Self { router_id, ..Self::default() }
    }

    /// Records the start of the daemon.
    pub fn start(&mut self, plan: &Plan) {
        (self.running, self.programmed) = (true, true);
        self.groups = plan.groups.iter().map(|group| (group.name, Init)).collect();
        self.down.clear();
        // Servers count as up until the first check, so the quorum is reported as met.
        for service in &plan.services {
            self.record_quorum(service, true);
        }
    }

    /// Records a regular stop of the daemon.
    pub fn stop(&mut self, plan: &Plan) {
        for group in &plan.groups {
            self.record_state(group, Stopped);
        }
        // The end of the services is reported by traps only.
        for service in &plan.services {
            for (server, _) in service.servers.iter().filter(|(server, _)| !self.down.contains(server)) {
                self.traps.entry(format!("{} {server}", service.at)).or_default().push(2);
            }
            self.traps.entry(service.at.to_owned()).or_default().push(3);
        }
        (self.running, self.programmed) = (false, false);
    }

    /// Records that mails cannot reach the relay from now on, or can again.
    pub fn hold_mails(&mut self, hold: bool) {
        self.held = hold.then_some(self.mails.len());
    }

    /// The mails that the relay should have.
    pub fn mails(&self) -> &[String] {
        &self.mails[..self.held.unwrap_or(self.mails.len())]
    }

    /// The expected traps and script calls so far.
    pub fn expected_events(&self) -> View {
        let traps = self.traps.iter().map(|(name, states)| format!("traps {name} {states:?}"));
        traps.chain(self.scripts.iter().map(|script| format!("script {script}"))).collect()
    }

    /// Whether the director should have a virtual address.
    pub fn has_address(&self, plan: &Plan, address: &str) -> bool {
        let group = plan.groups.iter().find(|group| group.has(address));
        self.programmed && group.is_none_or(|group| self.groups.get(group.name) == Some(&Master))
    }

    /// Records a new state of a group and the events of the change.
    pub fn record_state(&mut self, group: &Group, to: State) {
        let from = self.groups.insert(group.name, to).unwrap_or(Init);
        let names = group.instances.iter().map(|(name, ..)| ("Instance", *name));
        for (kind, name) in names.chain([("Group", group.name)]) {
            for state in from.states_on_the_way_to(to) {
                self.traps.entry(name.to_owned()).or_default().push(state as u8);
                self.scripts.push(format!("{} {name} {}", kind.to_uppercase(), state.script_argument()));
                self.mails.push(format!("[{}] VRRP {kind} {name} - {}", self.router_id, state.subject()));
            }
        }
    }

    fn record_quorum(&mut self, service: &Service, met: bool) {
        let (word, status) = if met { ("UP", 1) } else { ("DOWN", 2) };
        self.traps.entry(service.at.to_owned()).or_default().push(status);
        self.mails.push(format!("[{}] Virtualserver {} - {word}", self.router_id, mail_endpoint(service.at)));
        self.scripts.push(format!("SERVICE {} {word}", service.name));
    }

    /// Records that these real servers, and no others, are down, and the events of the change.
    pub fn record_real_servers(&mut self, services: &[Service], down: &BTreeSet<&'static str>) {
        let changed: Vec<&str> = self.down.symmetric_difference(down).copied().collect();
        for service in services {
            for (server, _) in service.servers.iter().filter(|(server, _)| changed.contains(server)) {
                let (word, status) = if down.contains(server) { ("DOWN", 2) } else { ("UP", 1) };
                self.traps.entry(format!("{} {server}", service.at)).or_default().push(status);
                let (server, virtual_server) = (mail_endpoint(server), mail_endpoint(service.at));
                self.mails.push(format!(
                    "[{}] Realserver {server} of virtual server {virtual_server} - {word}",
                    self.router_id
                ));
            }
            let met = |down: &BTreeSet<&str>| service.servers.iter().any(|(server, _)| !down.contains(server));
            if met(down) != met(&self.down) {
                self.record_quorum(service, met(down));
            }
        }
        self.down.clone_from(down);
    }

    /// The expected state of the kernel and the MIB.
    pub fn expected_state(&self, plan: &Plan) -> View {
        let mut view = View::new();
        for group in &plan.groups {
            let state = self.groups.get(group.name).copied().unwrap_or(Init);
            let set = if state == Master { 1 } else { 2 };
            for (name, vip, interface) in &group.instances {
                if state == Master {
                    view.push(format!("address {vip} {interface}"));
                }
                if self.running {
                    view.push(format!("instance {name} {} addresses {set}", state as u8));
                    view.push(format!("row {vip} {interface} {set}"));
                }
            }
            if self.running {
                view.push(format!("group {} {}", group.name, state as u8));
            }
        }
        for service in plan.services.iter().filter(|_| self.programmed) {
            self.view_service(service, &mut view);
        }
        view
    }

    fn view_service(&self, service: &Service, view: &mut View) {
        let at = service.at;
        view.push(format!("ipvs {at}"));
        view.extend(service.used(&self.down).iter().map(|(server, weight)| format!("ipvs {at} {server} {weight}")));
        let up = service.servers.iter().filter(|(server, _)| !self.down.contains(server)).count();
        for (server, weight) in &service.servers {
            let down = self.down.contains(server);
            if down && service.inhibits {
                view.push(format!("ipvs {at} {server} 0"));
            }
            if self.running {
                // The configured weight, also while the server is down.
                view.push(format!("row {at} {server} status {} weight {weight}", if down { 2 } else { 1 }));
            }
        }
        if self.running {
            view.extend(service.sorry.map(|sorry| format!("row {at} sorry {sorry}")));
            view.push(format!("row {at} up {up} quorum {}", if up > 0 { 1 } else { 2 }));
        }
    }

    /// The servers that may answer a client of a service, if this director has it.
    pub fn expected_servers(&self, plan: &Plan, service: &Service) -> Vec<&'static str> {
        if !self.has_address(plan, service.address()) {
            return Vec::new();
        }
        service.used(&self.down).into_iter().map(|(server, _)| server).collect()
    }
}

/// An endpoint as in mails: `[ADDRESS]:tcp:PORT`.
fn mail_endpoint(at: &str) -> String {
    let (address, port) = at.split_once(':').expect("ADDRESS:PORT");
    format!("[{address}]:tcp:{port}")
}
