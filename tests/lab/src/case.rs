//! A case study: a site whose directors are seen in every way there is, all of which must agree at every step.
//!
//! A test says what becomes of groups and real servers; what each view is to show follows from that, the history of
//! traps, mails and scripts too. So nothing may be missing, and nothing may be there that no step has called for.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::site::Site;
use crate::standing::Standing;
pub use crate::standing::{Group, Plan, Service, State};
use crate::views::{self, View};

/// Time for all views to agree, on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

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
    plan: Plan,
    standings: Vec<Standing>,
    /// Real servers that are down.
    down: BTreeSet<&'static str>,
}

impl Case {
    /// A case in which no daemon runs yet.
    pub fn new(site: Site, plan: Plan) -> Self {
        let standings = plan.directors.iter().map(|router_id| Standing::new(router_id)).collect();
        Self { site, plan, standings, down: BTreeSet::new() }
    }

    /// Starts the daemon of a director with `conf` and the option `-i routerN`.
    pub fn start(&mut self, director: usize, conf: &str) {
        let router = self.site.director(director);
        let script = router.script("told", &format!("echo \"$*\" >> {}\n", router.file("scripts").display()));
        // The files of a test are below a directory of everybody's.
        let conf = conf.replace("enable_script_security", "");
        router.configure(&conf.replace("/usr/bin/logger -t failover", &script.display().to_string()));
        let mut command = router.whole(Daemon::Ours);
        command.args(["-i", &format!("router{director}")]);
        router.start_with(command);
        self.standings[director - 1].start(&self.plan);
    }

    /// Kills a director's daemon, which can do and say nothing about it.
    pub fn kill(&mut self, director: usize) {
        self.site.director(director).kill9();
        self.standings[director - 1].runs = false;
    }

    /// Stops a director's daemon in the usual way.
    pub fn stop(&mut self, director: usize) {
        assert_eq!(self.site.director(director).stop().1.code(), Some(0));
        self.standings[director - 1].stop(&self.plan);
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

    /// Ends a real server's program, or starts it.
    pub fn serve(&mut self, server: &'static str, serves: bool) {
        self.site.serve(server, serves);
        self.is_up(server, serves);
    }

    /// What else has become of a real server.
    pub fn is_up(&mut self, server: &'static str, up: bool) {
        if up {
            self.down.remove(server);
        } else {
            self.down.insert(server);
        }
    }

    /// Asserts that every view soon shows that groups of directors have gone to other states, and nothing else.
    pub fn see(&mut self, what: &str, changes: &[(usize, &str, State)]) {
        for (director, name, to) in changes {
            let group = self.plan.groups.iter().find(|group| group.name == *name).expect("a group of this case");
            self.standings[director - 1].becomes(group, *to);
        }
        for standing in self.standings.iter_mut().filter(|standing| standing.runs) {
            standing.finds(&self.plan.services, &self.down);
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

    /// Everything that is to be seen.
    fn expected(&self) -> View {
        let mut view = View::new();
        for (standing, director) in self.standings.iter().zip(1..) {
            view.extend(standing.view(&self.plan).into_iter().map(|line| format!("{director} {line}")));
            view.extend(standing.mails().iter().cloned());
        }
        for (_, vip, _) in self.plan.groups.iter().flat_map(|group| &group.instances) {
            let holder = self.standings.iter().position(|standing| standing.runs && standing.holds(&self.plan, vip));
            view.extend(holder.map(|director| format!("{vip} is reached at {}", director + 1)));
        }
        view.extend(self.plan.services.iter().filter_map(|service| {
            let answers = self.answers(service);
            (!answers.is_empty()).then(|| format!("{} answers as it should", service.name))
        }));
        view.sort();
        view
    }

    /// Who may answer a client of a service: the servers that its director uses. Without sync groups what a killed
    /// daemon has left works on.
    fn answers(&self, service: &Service) -> Vec<&'static str> {
        let lives = |standing: &&Standing| standing.runs || self.plan.groups.is_empty();
        self.standings.iter().filter(lives).flat_map(|standing| standing.answers(&self.plan, service)).collect()
    }

    /// Everything that is seen.
    fn seen(&mut self) -> View {
        let mut view = self.site.relay().subjects();
        let plan = self.plan.clone();
        let vips: Vec<&str> = plan.groups.iter().flat_map(|group| &group.instances).map(|(_, vip, _)| *vip).collect();
        for director in 1..=self.standings.len() {
            let router = self.site.director(director);
            let mut lines = views::addresses(router, &vips);
            lines.extend([views::vrrp_rows(router), views::traps(router), views::scripts(router)].concat());
            if !plan.services.is_empty() {
                lines.extend([views::ipvs(router), views::check_rows(router)].concat());
            }
            view.extend(lines.into_iter().map(|line| format!("{director} {line}")));
        }
        view.extend(vips.iter().filter_map(|vip| views::reached(&self.site, vip)));
        view.extend(plan.services.iter().filter_map(|service| {
            let heard = views::served(&self.site, service.at)?;
            let right = self.answers(service).contains(&heard.as_str());
            Some(if right {
                format!("{} answers as it should", service.name)
            } else {
                format!("{} answers {heard}", service.name)
            })
        }));
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
