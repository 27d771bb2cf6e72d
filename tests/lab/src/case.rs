//! A case study: a site whose directors are compared in every view (kernel, MIB, traps, scripts, mails, clients) with the
//! expected state after every step.
//!
//! A test states the changes of groups and real servers; the expected content of each view, with the history of traps,
//! mails and scripts, follows from them. So a missing event fails the test, and so does an event that no step causes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::site::Site;
use crate::standing::Standing;
pub use crate::standing::{Group, Plan, Service, State};
use crate::views::{self, View};

/// Time limit for all views to agree, on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);
/// Pause between two comparisons.
const PAUSE: Duration = Duration::from_millis(20);

/// The network of a director's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// eth0, the network of the client.
    Outside,
    /// eth1, the network of the hosts and the mail relay.
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
    /// The site.
    pub site: Site,
    plan: Plan,
    standings: Vec<Standing>,
    /// Real servers that are down.
    down: BTreeSet<&'static str>,
}

impl Case {
    /// A case study without a running daemon.
    pub fn new(site: Site, plan: Plan) -> Self {
        let standings = plan.directors.iter().map(|router_id| Standing::new(router_id)).collect();
        Self { site, plan, standings, down: BTreeSet::new() }
    }

    /// Starts the daemon of a director with `conf` and the option `-i routerN`.
    pub fn start(&mut self, director: usize, conf: &str) {
        let router = self.site.director(director);
        let script = router.script("record", &format!("echo \"$*\" >> {}\n", router.file("scripts").display()));
        // The files of a test are below a directory that everyone may write to.
        let conf = conf.replace("enable_script_security", "");
        router.configure(&conf.replace("/usr/bin/logger -t failover", &script.display().to_string()));
        let mut command = router.whole(Daemon::Ours);
        command.args(["-i", &format!("router{director}")]);
        router.start_with(command);
        self.standings[director - 1].start(&self.plan);
    }

    /// Kills a director's daemon with -9.
    pub fn kill(&mut self, director: usize) {
        self.site.director(director).kill9();
        self.standings[director - 1].running = false;
    }

    /// Stops a director's daemon with SIGTERM.
    pub fn stop(&mut self, director: usize) {
        assert_eq!(self.site.director(director).stop().1.code(), Some(0));
        self.standings[director - 1].stop(&self.plan);
    }

    /// Unplugs the cable of a director on one side, or plugs it in again. Mail is sent through the inside.
    pub fn cable(&mut self, director: usize, side: Side, plugged: bool) {
        self.site.cable(&format!("{}{director}", side.network()), plugged);
        if side == Side::Inside {
            self.standings[director - 1].hold_mails(!plugged);
        }
    }

    /// Kills the mail relay, or starts it again.
    pub fn relay(&mut self, runs: bool) {
        self.site.run_relay(runs);
        self.standings.iter_mut().for_each(|standing| standing.hold_mails(!runs));
    }

    /// Stops a real server's program, or starts it.
    pub fn serve(&mut self, server: &'static str, serves: bool) {
        self.site.serve(server, serves);
        self.is_up(server, serves);
    }

    /// Records that a real server is up or down for another reason.
    pub fn is_up(&mut self, server: &'static str, up: bool) {
        if up {
            self.down.remove(server);
        } else {
            self.down.insert(server);
        }
    }

    /// Asserts that every view soon shows these new states of groups of directors, and no other change.
    pub fn expect_changes(&mut self, what: &str, changes: &[(usize, &str, State)]) {
        for (director, name, to) in changes {
            let group = self.plan.groups.iter().find(|group| group.name == *name).expect("a group of this case");
            self.standings[director - 1].record_state(group, *to);
        }
        for standing in self.standings.iter_mut().filter(|standing| standing.running) {
            standing.record_real_servers(&self.plan.services, &self.down);
        }
        let wanted = [self.expected_events(), self.expected_state(), self.expected_answers()];
        let start = Instant::now();
        loop {
            let late = start.elapsed() > LIMIT;
            let mut differences = String::new();
            // In order of cost: a client waits for servers that do not answer.
            for (found, wanted) in [Self::events, Self::state, Self::answers].iter().zip(&wanted) {
                differences += &difference(found(self), wanted);
                if !differences.is_empty() && !late {
                    break;
                }
            }
            if differences.is_empty() {
                return println!("{what}: after {:?}", start.elapsed());
            }
            assert!(!late, "{what}: + unexpected, - missing\n{differences}");
            std::thread::sleep(PAUSE);
        }
    }

    /// The lines of all directors, each with the director's number.
    fn of_each(&mut self, mut lines: impl FnMut(&mut Self, usize) -> View) -> View {
        let directors = 1..=self.standings.len();
        directors
            .flat_map(|number| lines(self, number).into_iter().map(move |line| format!("{number} {line}")))
            .collect()
    }

    /// The expected traps, script calls and mails.
    fn expected_events(&mut self) -> View {
        let mut view = self.of_each(|case, director| case.standings[director - 1].expected_events());
        view.extend(self.standings.iter().flat_map(Standing::mails).cloned());
        view
    }

    /// The traps, script calls and mails so far.
    fn events(&mut self) -> View {
        let mut view = self.of_each(|case, director| {
            let router = case.site.director(director);
            [views::traps(router), views::scripts(router)].concat()
        });
        view.extend(self.site.relay().subjects());
        view
    }

    /// The expected state of the kernels and the MIB.
    fn expected_state(&mut self) -> View {
        self.of_each(|case, director| case.standings[director - 1].expected_state(&case.plan))
    }

    /// The state of the kernels and the MIB.
    fn state(&mut self) -> View {
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

    /// The directors that should answer clients, and whether services should answer.
    fn expected_answers(&self) -> View {
        let directors = self.plan.instances().filter_map(|(_, vip, _)| {
            let holder =
                self.standings.iter().position(|standing| standing.running && standing.has_address(&self.plan, vip));
            Some(format!("{vip} is reached at {}", holder? + 1))
        });
        let services = self.plan.services.iter().filter(|service| !self.servers(service).is_empty());
        directors.chain(services.map(|service| format!("{} answers correctly", service.name))).collect()
    }

    /// The directors that answer clients, and the answers of services.
    fn answers(&mut self) -> View {
        let directors = self.plan.instances().filter_map(|(_, vip, _)| views::reached(&self.site, vip));
        let services = self.plan.services.iter().filter_map(|service| {
            let server = views::served(&self.site, service.at)?;
            let right = self.servers(service).contains(&server.as_str());
            Some(format!("{} answers {}", service.name, if right { "correctly" } else { &server }))
        });
        directors.chain(services).collect()
    }

    /// The servers that may answer a client of a service: those that its director uses. Without sync groups the IPVS
    /// table of a killed daemon keeps working.
    fn servers(&self, service: &Service) -> Vec<&'static str> {
        let lives = |standing: &&Standing| standing.running || self.plan.groups.is_empty();
        self.standings
            .iter()
            .filter(lives)
            .flat_map(|standing| standing.expected_servers(&self.plan, service))
            .collect()
    }
}

/// The unexpected lines (`+`) and the missing lines (`-`).
fn difference(mut found: View, wanted: &View) -> String {
    let mut text = String::new();
    for line in wanted {
        match found.iter().position(|has| has == line) {
            Some(at) => drop(found.swap_remove(at)),
            None => text += &format!("- {line}\n"),
        }
    }
    found.iter().fold(text, |text, line| text + &format!("+ {line}\n"))
}
