//! A case study: a site whose directors are seen in every way there is, all of which must agree at every step.
//!
//! A test says what becomes of groups and real servers; what each view is to show follows from that, the history of
//! traps, mails and scripts too. So nothing may be missing, and nothing may be there that no step has called for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::site::Site;
use crate::standing::Standing;
pub use crate::standing::{Group, Plan, Service, State};
use crate::views::{self, View};

/// Time for all views to agree, on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);
/// After it they are looked at again.
const PAUSE: Duration = Duration::from_millis(20);

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
        let wanted = [self.should_tell(), self.should_show(), self.should_answer()];
        let start = Instant::now();
        loop {
            let late = start.elapsed() > LIMIT;
            let mut differences = String::new();
            // The later ones cost more, and clients wait for those who do not answer.
            for (seen, wanted) in [Self::told, Self::shown, Self::answered].iter().zip(&wanted) {
                differences += &difference(seen(self), wanted);
                if !differences.is_empty() && !late {
                    break;
                }
            }
            if differences.is_empty() {
                return println!("{what}: after {:?}", start.elapsed());
            }
            assert!(!late, "{what}: + is there, - should be\n{differences}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Lines of each director, marked with its number.
    fn of_each(&mut self, mut lines: impl FnMut(&mut Self, usize) -> View) -> View {
        let directors = 1..=self.standings.len();
        directors
            .flat_map(|number| lines(self, number).into_iter().map(move |line| format!("{number} {line}")))
            .collect()
    }

    /// Traps, script calls and mails that are to be there.
    fn should_tell(&mut self) -> View {
        let mut view = self.of_each(|case, director| case.standings[director - 1].told());
        view.extend(self.standings.iter().flat_map(Standing::mails).cloned());
        view
    }

    /// Those that are there.
    fn told(&mut self) -> View {
        let mut view = self.of_each(|case, director| {
            let router = case.site.director(director);
            [views::traps(router), views::scripts(router)].concat()
        });
        view.extend(self.site.relay().subjects());
        view
    }

    /// What kernels and MIB are to show.
    fn should_show(&mut self) -> View {
        self.of_each(|case, director| case.standings[director - 1].shown(&case.plan))
    }

    /// What they show.
    fn shown(&mut self) -> View {
        self.of_each(|case, director| {
            let router = case.site.director(director);
            let vips: Vec<&str> = case.plan.instances().map(|(_, vip, _)| *vip).collect();
            let mut view = [views::addresses(router, &vips), views::vrrp_rows(router)].concat();
            if !case.plan.services.is_empty() {
                view.extend([views::ipvs(router), views::check_rows(router)].concat());
            }
            view
        })
    }

    /// Who is to answer clients.
    fn should_answer(&self) -> View {
        let directors = self.plan.instances().filter_map(|(_, vip, _)| {
            let holder = self.standings.iter().position(|standing| standing.runs && standing.holds(&self.plan, vip));
            Some(format!("{vip} is reached at {}", holder? + 1))
        });
        let services = self.plan.services.iter().filter(|service| !self.servers(service).is_empty());
        directors.chain(services.map(|service| format!("{} answers as it should", service.name))).collect()
    }

    /// Who answers them.
    fn answered(&mut self) -> View {
        let directors = self.plan.instances().filter_map(|(_, vip, _)| views::reached(&self.site, vip));
        let services = self.plan.services.iter().filter_map(|service| {
            let server = views::served(&self.site, service.at)?;
            let right = self.servers(service).contains(&server.as_str());
            Some(format!("{} answers {}", service.name, if right { "as it should" } else { &server }))
        });
        directors.chain(services).collect()
    }

    /// Who may answer a client of a service: the servers that its director uses. Without sync groups what a killed
    /// daemon has left works on.
    fn servers(&self, service: &Service) -> Vec<&'static str> {
        let lives = |standing: &&Standing| standing.runs || self.plan.groups.is_empty();
        self.standings.iter().filter(lives).flat_map(|standing| standing.answers(&self.plan, service)).collect()
    }
}

/// The lines that are seen and should not be, and those that should be and are not.
fn difference(mut seen: View, wanted: &View) -> String {
    let mut text = String::new();
    for line in wanted {
        match seen.iter().position(|has| has == line) {
            Some(found) => drop(seen.swap_remove(found)),
            None => text += &format!("- {line}\n"),
        }
    }
    seen.iter().fold(text, |text, line| text + &format!("+ {line}\n"))
}
