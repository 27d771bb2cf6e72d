//! What one director of a [`crate::case::Case`] is expected to show and to have told.

use std::collections::{BTreeMap, BTreeSet};

use crate::views::View;

/// State of a sync group and of all of its instances, by the numbers of the MIB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Before the start, and after a death.
    Init = 0,
    /// It listens.
    Backup = 1,
    /// It has the addresses.
    Master = 2,
    /// An interface of it is not well.
    Fault = 3,
    /// The daemon was stopped.
    Stopped = 5,
}

use State::{Backup, Fault, Init, Master, Stopped};

impl State {
    /// The states that are told of on the way to another one.
    fn way_to(self, to: State) -> Vec<State> {
        match (self, to) {
            _ if self == to => Vec::new(),
            (Init | Fault, Master) => vec![Backup, Master],
            _ => vec![to],
        }
    }

    /// As scripts are told.
    fn word(self) -> &'static str {
        match self {
            Init => "INIT",
            Backup => "BACKUP",
            Master => "MASTER",
            Fault => "FAULT",
            Stopped => "STOP",
        }
    }

    /// As mails end.
    fn subject(self) -> String {
        if self == Stopped { "Stopping".to_owned() } else { format!("Entering {} state", self.word()) }
    }
}

/// A sync group with the names of its instances, their addresses and interfaces.
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

/// A virtual server of quorum 1, by TCP. Its quorum scripts get the words SERVICE, its name, UP or DOWN.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name in the scripts.
    pub name: &'static str,
    /// Address and port.
    pub at: &'static str,
    /// Address and port of the real servers, and their weights.
    pub servers: Vec<(&'static str, u32)>,
    /// Address and port of the sorry server.
    pub sorry: Option<&'static str>,
    /// Whether a failed server stays with weight 0.
    pub inhibits: bool,
}

impl Service {
    /// The servers in use and their weights while others are down.
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

/// What a case study is about.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// `router_id` of each director.
    pub directors: Vec<&'static str>,
    /// Sync groups, of which each instance has one address.
    pub groups: Vec<Group>,
    /// Virtual servers; without a group that has its address it is always at the first director.
    pub services: Vec<Service>,
}

impl Plan {
    /// Name, virtual address and interface of all instances.
    pub fn instances(&self) -> impl Iterator<Item = &(&'static str, &'static str, &'static str)> {
        self.groups.iter().flat_map(|group| &group.instances)
    }
}

/// What is expected of one director.
#[derive(Debug, Default)]
pub struct Standing {
    router_id: &'static str,
    /// Whether its daemon runs.
    pub runs: bool,
    /// Whether what a daemon has set is in the kernel.
    set: bool,
    groups: BTreeMap<&'static str, State>,
    /// Real servers that it has found down.
    down: BTreeSet<&'static str>,
    /// All it has told of so far: traps of each row in order, script calls and mails.
    traps: BTreeMap<String, Vec<u8>>,
    scripts: Vec<String>,
    mails: Vec<String>,
    /// How many of the mails have reached the relay, while the others cannot.
    held: Option<usize>,
}

impl Standing {
    /// That of a director where no daemon has run yet.
    pub fn new(router_id: &'static str) -> Self {
        Self { router_id, ..Self::default() }
    }

    /// A daemon was started.
    pub fn start(&mut self, plan: &Plan) {
        (self.runs, self.set) = (true, true);
        self.groups = plan.groups.iter().map(|group| (group.name, Init)).collect();
        self.down.clear();
        // Servers count as up until the first check, and that is told of the quorum.
        for service in &plan.services {
            self.tells_quorum(service, true);
        }
    }

    /// It was stopped in the usual way.
    pub fn stop(&mut self, plan: &Plan) {
        for group in &plan.groups {
            self.becomes(group, Stopped);
        }
        // Receivers of traps hear that nothing is served any more; nobody else is bothered.
        for service in &plan.services {
            for (server, _) in service.servers.iter().filter(|(server, _)| !self.down.contains(server)) {
                self.traps.entry(format!("{} {server}", service.at)).or_default().push(2);
            }
            self.traps.entry(service.at.to_owned()).or_default().push(3);
        }
        (self.runs, self.set) = (false, false);
    }

    /// Has mails wait from now on, or no longer.
    pub fn hold(&mut self, holds: bool) {
        self.held = holds.then_some(self.mails.len());
    }

    /// The mails that are with the relay.
    pub fn mails(&self) -> &[String] {
        &self.mails[..self.held.unwrap_or(self.mails.len())]
    }

    /// The traps and script calls so far.
    pub fn told(&self) -> View {
        let traps = self.traps.iter().map(|(name, states)| format!("traps {name} {states:?}"));
        traps.chain(self.scripts.iter().map(|script| format!("script {script}"))).collect()
    }

    /// Whether it is the one with an address.
    pub fn holds(&self, plan: &Plan, address: &str) -> bool {
        let group = plan.groups.iter().find(|group| group.has(address));
        self.set && group.is_none_or(|group| self.groups.get(group.name) == Some(&Master))
    }

    /// Notes what a group will tell on its way to a state.
    pub fn becomes(&mut self, group: &Group, to: State) {
        let from = self.groups.insert(group.name, to).unwrap_or(Init);
        let names = group.instances.iter().map(|(name, ..)| ("Instance", *name));
        for (kind, name) in names.chain([("Group", group.name)]) {
            for state in from.way_to(to) {
                self.traps.entry(name.to_owned()).or_default().push(state as u8);
                self.scripts.push(format!("{} {name} {}", kind.to_uppercase(), state.word()));
                self.mails.push(format!("[{}] VRRP {kind} {name} - {}", self.router_id, state.subject()));
            }
        }
    }

    fn tells_quorum(&mut self, service: &Service, met: bool) {
        let (word, status) = if met { ("UP", 1) } else { ("DOWN", 2) };
        self.traps.entry(service.at.to_owned()).or_default().push(status);
        self.mails.push(format!("[{}] Virtualserver {} - {word}", self.router_id, in_mail(service.at)));
        self.scripts.push(format!("SERVICE {} {word}", service.name));
    }

    /// Notes what will be told of real servers when these, and no others, are down.
    pub fn finds(&mut self, services: &[Service], down: &BTreeSet<&'static str>) {
        let changed: Vec<&str> = self.down.symmetric_difference(down).copied().collect();
        for service in services {
            for (server, _) in service.servers.iter().filter(|(server, _)| changed.contains(server)) {
                let (word, status) = if down.contains(server) { ("DOWN", 2) } else { ("UP", 1) };
                self.traps.entry(format!("{} {server}", service.at)).or_default().push(status);
                let (server, virtual_server) = (in_mail(server), in_mail(service.at));
                self.mails.push(format!(
                    "[{}] Realserver {server} of virtual server {virtual_server} - {word}",
                    self.router_id
                ));
            }
            let met = |down: &BTreeSet<&str>| service.servers.iter().any(|(server, _)| !down.contains(server));
            if met(down) != met(&self.down) {
                self.tells_quorum(service, met(down));
            }
        }
        self.down.clone_from(down);
    }

    /// What kernel and MIB are to show.
    pub fn shown(&self, plan: &Plan) -> View {
        let mut view = View::new();
        for group in &plan.groups {
            let state = self.groups.get(group.name).copied().unwrap_or(Init);
            let set = if state == Master { 1 } else { 2 };
            for (name, vip, interface) in &group.instances {
                if state == Master {
                    view.push(format!("address {vip} {interface}"));
                }
                if self.runs {
                    view.push(format!("instance {name} {} addresses {set}", state as u8));
                    view.push(format!("row {vip} {interface} {set}"));
                }
            }
            if self.runs {
                view.push(format!("group {} {}", group.name, state as u8));
            }
        }
        for service in plan.services.iter().filter(|_| self.set) {
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
            if self.runs {
                // The weight it is to have when it is up.
                view.push(format!("row {at} {server} status {} weight {weight}", if down { 2 } else { 1 }));
            }
        }
        if self.runs {
            view.extend(service.sorry.map(|sorry| format!("row {at} sorry {sorry}")));
            view.push(format!("row {at} up {up} quorum {}", if up > 0 { 1 } else { 2 }));
        }
    }

    /// Who may answer a client of a service, if this director has it.
    pub fn answers(&self, plan: &Plan, service: &Service) -> Vec<&'static str> {
        if !self.holds(plan, service.address()) {
            return Vec::new();
        }
        service.used(&self.down).into_iter().map(|(server, _)| server).collect()
    }
}

/// `[ADDRESS]:tcp:PORT`
fn in_mail(at: &str) -> String {
    let (address, port) = at.split_once(':').expect("ADDRESS:PORT");
    format!("[{address}]:tcp:{port}")
}
