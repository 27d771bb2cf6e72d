//! A case study: a site whose directors are seen in every way there is, all of which must agree at every step.
//!
//! A test says what becomes of the groups; what each view is to show follows from that, the history of traps, mails and
//! scripts too. So nothing may be missing, and nothing may be there that no step has called for.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::site::Site;
use crate::views::{self, View};

/// Time for all views to agree, on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

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

/// What is expected of one director.
#[derive(Debug, Default)]
struct Standing {
    /// Whether its daemon runs.
    runs: bool,
    /// State of each group.
    groups: BTreeMap<&'static str, State>,
    /// All it has told of so far: traps in order, script calls and mails.
    traps: BTreeMap<String, Vec<State>>,
    scripts: Vec<String>,
    mails: Vec<String>,
    /// How many of the mails have reached the relay, while the others can not.
    held: Option<usize>,
}

impl Standing {
    /// Has mails wait from now on, or no longer.
    fn hold(&mut self, holds: bool) {
        self.held = holds.then_some(self.mails.len());
    }
}

/// A side of a director.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// eth0, where the client is.
    Outside,
    /// eth1, where hosts and relay are.
    Inside,
}

impl Side {
    fn network(self) -> &'static str {
        if self == Side::Outside { "192.0.2." } else { "198.51.100." }
    }
}

/// A running case study.
#[derive(Debug)]
pub struct Case {
    /// Where it is.
    pub site: Site,
    groups: Vec<Group>,
    standings: Vec<Standing>,
}

impl Case {
    /// A case in which no daemon runs yet.
    pub fn new(site: Site, groups: Vec<Group>, directors: usize) -> Self {
        let standings = (0..directors).map(|_| Standing::default()).collect();
        Self { site, groups, standings }
    }

    /// Starts the daemon of a director with `conf` and as its name `-i routerN`.
    pub fn start(&mut self, director: usize, conf: &str) {
        let router = self.site.director(director);
        let script = router.script("told", &format!("echo \"$*\" >> {}\n", router.file("scripts").display()));
        // The files of a test are below a directory of everybody's.
        let conf = conf.replace("enable_script_security", "");
        router.configure(&conf.replace("/usr/bin/logger -t failover", &script.display().to_string()));
        let mut command = router.whole(Daemon::Ours);
        command.args(["-i", &format!("router{director}")]);
        router.start_with(command);
        let standing = &mut self.standings[director - 1];
        standing.runs = true;
        standing.groups = self.groups.iter().map(|group| (group.name, Init)).collect();
    }

    /// Kills a director's daemon, which can do and say nothing about it.
    pub fn kill(&mut self, director: usize) {
        self.site.director(director).kill9();
        self.standings[director - 1].runs = false;
    }

    /// Stops a director's daemon in the usual way.
    pub fn stop(&mut self, director: usize) {
        assert_eq!(self.site.director(director).stop().1.code(), Some(0));
        for group in self.groups.clone() {
            self.becomes(director, &group, Stopped);
        }
        self.standings[director - 1].runs = false;
    }

    /// Takes the cable of a director out on one side, or puts it back. Mail goes by the inside.
    pub fn cable(&mut self, director: usize, side: Side, plugged: bool) {
        self.site.cable(&format!("{}{director}", side.network()), plugged);
        if side == Side::Inside {
            self.standings[director - 1].hold(!plugged);
        }
    }

    /// Kills the mail relay, or has it come back.
    pub fn relay(&mut self, runs: bool) {
        self.site.run_relay(runs);
        self.standings.iter_mut().for_each(|standing| standing.hold(!runs));
    }

    /// Asserts that every view soon shows that groups of directors have gone to other states, and nothing else.
    pub fn see(&mut self, what: &str, changes: &[(usize, &str, State)]) {
        for (director, name, to) in changes {
            let group = self.groups.iter().find(|group| group.name == *name).expect("a group of this case").clone();
            self.becomes(*director, &group, *to);
        }
        let expected = self.expected();
        let start = Instant::now();
        loop {
            let seen = self.seen();
            if seen == expected {
                return println!("{what}: after {:?}", start.elapsed());
            }
            assert!(start.elapsed() < LIMIT, "{what}: + is there, - should be\n{}", Difference(&seen, &expected));
        }
    }

    /// Notes what a group of a director will tell on its way to a state.
    fn becomes(&mut self, director: usize, group: &Group, to: State) {
        let standing = &mut self.standings[director - 1];
        let from = standing.groups.insert(group.name, to).unwrap_or(Init);
        let names = group.instances.iter().map(|(name, ..)| ("Instance", *name));
        for (kind, name) in names.chain([("Group", group.name)]) {
            for state in from.way_to(to) {
                standing.traps.entry(name.to_owned()).or_default().push(state);
                standing.scripts.push(format!("{} {name} {}", kind.to_uppercase(), state.word()));
                standing.mails.push(format!("[router{director}] VRRP {kind} {name} - {}", state.subject()));
            }
        }
    }

    /// Everything that is to be seen.
    fn expected(&self) -> View {
        let mut view = View::new();
        for (standing, director) in self.standings.iter().zip(1..) {
            for group in &self.groups {
                let state = standing.groups.get(group.name).copied().unwrap_or(Init);
                let master = state == Master;
                for (name, vip, interface) in &group.instances {
                    if master {
                        view.push(format!("{director} address {vip} {interface}"));
                    }
                    if standing.runs {
                        let set = if master { 1 } else { 2 };
                        view.push(format!("{director} instance {name} {} addresses {set}", state as u8));
                        view.push(format!("{director} row {vip} {interface} {set}"));
                    }
                }
                if standing.runs {
                    view.push(format!("{director} group {} {}", group.name, state as u8));
                }
            }
            for (name, states) in &standing.traps {
                let states: Vec<u8> = states.iter().map(|state| *state as u8).collect();
                view.push(format!("{director} traps {name} {states:?}"));
            }
            view.extend(standing.scripts.iter().map(|script| format!("{director} script {script}")));
        }
        for (_, vip, _) in self.groups.iter().flat_map(|group| &group.instances) {
            let holder = self.standings.iter().position(|standing| standing.runs && self.holds(standing, vip));
            view.extend(holder.map(|director| format!("{vip} is reached at {}", director + 1)));
        }
        let mails = self.standings.iter().flat_map(|standing| {
            let arrived = standing.held.unwrap_or(standing.mails.len());
            &standing.mails[..arrived]
        });
        view.extend(mails.cloned());
        view.sort();
        view
    }

    fn holds(&self, standing: &Standing, vip: &str) -> bool {
        let group = self.groups.iter().find(|group| group.instances.iter().any(|(_, other, _)| *other == vip));
        group.is_some_and(|group| standing.groups.get(group.name) == Some(&Master))
    }

    /// Everything that is seen.
    fn seen(&mut self) -> View {
        let mut view = self.site.relay().subjects();
        let vips: Vec<&str> = self.groups.iter().flat_map(|group| &group.instances).map(|(_, vip, _)| *vip).collect();
        for director in 1..=self.standings.len() {
            let router = self.site.director(director);
            let lines =
                [views::addresses(router, &vips), views::rows(router), views::traps(router), views::scripts(router)];
            view.extend(lines.concat().into_iter().map(|line| format!("{director} {line}")));
        }
        view.extend(vips.iter().filter_map(|vip| views::reached(&self.site, vip)));
        view.sort();
        view
    }
}

/// The lines that two views do not have in common.
struct Difference<'a>(&'a View, &'a View);

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (one, other, sign) in [(self.0, self.1, '+'), (self.1, self.0, '-')] {
            let mut rest = other.clone();
            for line in one {
                match rest.iter().position(|has| has == line) {
                    Some(found) => drop(rest.swap_remove(found)),
                    None => writeln!(f, "{sign} {line}")?,
                }
            }
        }
        Ok(())
    }
}
