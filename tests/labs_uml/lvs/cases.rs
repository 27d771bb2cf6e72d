//! The case studies with virtual servers: conf/keepalived.conf.lvs-nat (health checks only) and .lvs-failover (two
//! directors that share the load). Each part fails in turn. (The case study without virtual servers is in
//! `labs::samples`.)

use lab::case::Side::Outside;
use lab::case::State::{Backup, Fault, Master};
use lab::case::{Group, Plan, Service};
use lab::uml::inside;
use lab::{Case, Site};

use super::samples::sample;

/// A sample with short checks that fail at the first attempt.
fn conf(name: &str) -> String {
    let quick = |line: &str| match line.split_whitespace().next() {
        Some("retry") => String::new(),
        // Scripts of a stop may take long in a kernel that emulates.
        Some("global_defs") => format!("{line}\nchild_wait_time 15\n"),
        Some("connect_timeout") => "connect_timeout 1\nretry 0\n".to_owned(),
        _ => format!("{line}\n"),
    };
    sample(name).lines().map(quick).collect()
}

/// A site with running real servers and sorry server.
fn site(directors: usize, gateways: &[(u8, &str)], plan: &Plan) -> Site {
    let mut site = Site::new(directors);
    for (host, gateway) in gateways {
        site.add_host(*host, gateway);
    }
    for service in &plan.services {
        for server in service.servers.iter().map(|(server, _)| *server).chain(service.sorry) {
            site.serve(server, true);
        }
    }
    site
}

const WEB: [&str; 2] = ["198.51.100.11:8080", "198.51.100.12:8080"];
const MAIL: [&str; 2] = ["198.51.100.21:25", "198.51.100.22:25"];
const DATABASE: [&str; 2] = ["198.51.100.31:5432", "198.51.100.32:5432"];
const SORRY: Option<&str> = Some("198.51.100.99:8080");

fn service(name: &'static str, at: &'static str, servers: [&'static str; 2]) -> Service {
    Service { name, at, servers: servers.map(|server| (server, 1)).to_vec(), sorry: None, inhibits: false }
}

#[test]
fn health_checks_of_three_services() {
    inside(|| {
        let web =
            Service { servers: vec![(WEB[0], 2), (WEB[1], 1)], sorry: SORRY, ..service("web", "192.0.2.10:80", WEB) };
        let database = Service { inhibits: true, ..service("database", "192.0.2.11:5432", DATABASE) };
        let services = vec![web, service("mail", "192.0.2.10:25", MAIL), database];
        let plan = Plan { directors: vec!["director"], groups: Vec::new(), services };
        let gateways = [11, 12, 21, 22, 31, 32, 99].map(|host| (host, "198.51.100.1"));
        let mut site = site(1, &gateways, &plan);
        for vip in ["192.0.2.10", "192.0.2.11"] {
            site.director(1).netns().ip(&format!("address add {vip}/24 dev eth0"));
        }
        let conf = conf("keepalived.conf.lvs-nat");
        let mut case = Case::new(site, plan);

        case.start(1, &conf);
        case.expect_changes("all servers are up", &[]);
        case.serve(WEB[0], false);
        case.serve(MAIL[1], false);
        case.serve(DATABASE[0], false);
        case.expect_changes("a server of each service is down", &[]);
        case.relay(false);
        case.serve(WEB[1], false);
        case.serve(DATABASE[1], false);
        case.expect_changes("web uses its sorry server, and the database and the mail relay are down", &[]);
        case.relay(true);
        case.expect_changes("all mails have arrived", &[]);
        case.serve(WEB[1], true);
        case.serve(DATABASE[1], true);
        case.expect_changes("the second web server and database are back", &[]);
        case.serve(WEB[0], true);
        case.serve(MAIL[1], true);
        case.serve(DATABASE[0], true);
        case.expect_changes("all servers are back", &[]);
        case.site.cable("198.51.100.11", false);
        case.is_up(WEB[0], false);
        case.expect_changes("the cable of a web server is unplugged", &[]);
        case.site.cable("198.51.100.11", true);
        case.is_up(WEB[0], true);
        case.expect_changes("it is plugged in again", &[]);

        case.kill(1);
        case.expect_changes("the director was killed, and its services still work", &[]);
        case.start(1, &conf);
        case.expect_changes("the director is back", &[]);
        case.stop(1);
        case.expect_changes("all directors were stopped", &[]);
    });
}

#[test]
fn failover_and_health_checks_on_two_directors() {
    inside(|| {
        let instances =
            |names: [&'static str; 2], outside, inner| vec![(names[0], outside, "eth0"), (names[1], inner, "eth1")];
        let plan = Plan {
            directors: vec!["router1", "router2"],
            groups: vec![
                Group {
                    name: "web",
                    instances: instances(["web_outside", "web_inside"], "192.0.2.10", "198.51.100.10"),
                },
                Group {
                    name: "mail",
                    instances: instances(["mail_outside", "mail_inside"], "192.0.2.20", "198.51.100.20"),
                },
            ],
            services: vec![
                Service { sorry: SORRY, ..service("web", "192.0.2.10:80", WEB) },
                service("mail", "192.0.2.20:25", MAIL),
            ],
        };
        let (web, mail) = ("198.51.100.10", "198.51.100.20");
        let site = site(2, &[(11, web), (12, web), (99, web), (21, mail), (22, mail)], &plan);
        let conf = conf("keepalived.conf.lvs-failover");
        let mut case = Case::new(site, plan);

        case.start(1, &conf);
        case.expect_changes("director 1 runs alone", &[(1, "web", Master), (1, "mail", Master)]);
        case.start(2, &conf);
        case.expect_changes(
            "the directors share the load",
            &[(2, "web", Backup), (2, "mail", Master), (1, "mail", Backup)],
        );
        case.serve(WEB[0], false);
        case.expect_changes("both have noticed that a server is down", &[]);
        case.cable(1, Outside, false);
        case.expect_changes(
            "director 1 has lost its outside link",
            &[(1, "web", Fault), (1, "mail", Fault), (2, "web", Master)],
        );
        case.serve(WEB[1], false);
        case.expect_changes("web uses its sorry server", &[]);
        case.cable(1, Outside, true);
        case.expect_changes("the link is back", &[(1, "web", Master), (1, "mail", Backup), (2, "web", Backup)]);
        case.serve(WEB[0], true);
        case.serve(WEB[1], true);
        case.expect_changes("the web servers are back", &[]);
        case.kill(1);
        case.serve(MAIL[0], false);
        case.expect_changes("director 1 was killed, and a mail server is down", &[(2, "web", Master)]);
        case.start(1, &conf);
        case.expect_changes("director 1 is back", &[(1, "web", Master), (1, "mail", Backup), (2, "web", Backup)]);
        case.stop(1);
        case.expect_changes("director 1 was stopped", &[(2, "web", Master)]);
        case.stop(2);
        case.expect_changes("all directors were stopped", &[]);
    });
}
