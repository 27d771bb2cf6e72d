//! Many reloads with random edits, every fifth with an error: parts that are not edited are not disturbed.

use std::collections::BTreeMap;
use std::fs;

use lab::Daemon::Ours;
use lab::ipvs::ipvsadm;
use lab::netns::Netns;
use lab::uml::inside;
use lab::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{LIMIT, Running};
use super::traffic::{Farm, SERVERS, VIP, alive};

/// Number of reloads.
const RELOADS: usize = 100;
/// Instances that are never edited.
const UNTOUCHED: [u8; 2] = [1, 2];
/// The server that is edited.
const EDITED: usize = SERVERS;

/// The edited part of the configuration.
#[derive(Clone, Default)]
struct Edits {
    /// Priority and number of addresses of other instances, by VRID.
    instances: BTreeMap<u8, (u8, u8)>,
    /// Weight of the edited server; `None` if the file does not contain it.
    weight: Option<u8>,
    /// Number of real servers of other services, by port.
    services: BTreeMap<u16, u8>,
}

/// Xorshift: the same seed, the same edits.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u8) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u8::try_from(self.0 % u64::from(end)).unwrap()
    }
}

impl Edits {
    /// Adds, changes or removes one item.
    fn edit(&mut self, random: &mut Random) {
        let vrid = 10 + random.below(6);
        let port = 8000 + u16::from(random.below(4));
        match random.below(6) {
            0 | 1 => drop(self.instances.insert(vrid, (50 + random.below(100), 1 + random.below(4)))),
            2 => drop(self.instances.remove(&vrid)),
            3 => drop(self.services.insert(port, 1 + random.below(5))),
            4 => drop(self.services.remove(&port)),
            _ => self.weight = Some(1 + random.below(9)).filter(|weight| *weight < 8),
        }
    }

    fn text(&self) -> String {
        let mut text = "global_defs {\n script_user root\n vrrp_version 3\n}\n".to_owned();
        let untouched = UNTOUCHED.iter().map(|vrid| (vrid, &(200, 2)));
        for (vrid, (priority, addresses)) in untouched.chain(&self.instances) {
            let addresses: String = (1..=*addresses).map(|n| format!("  10.7.{vrid}.{n}\n")).collect();
            text += &format!(
                "vrrp_instance VI_{vrid} {{\n interface out0\n virtual_router_id {vrid}\n priority {priority}\n \
                 advert_int 0.1\n virtual_ipaddress {{\n{addresses} }}\n}}\n"
            );
        }
        let check = "TCP_CHECK {\n  connect_timeout 1\n  warmup 0\n  }";
        text += &format!("virtual_server {VIP} 80 {{\n delay_loop 1\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n");
        for server in 1..=SERVERS {
            let weight = if server == EDITED { self.weight } else { Some(1) };
            if let Some(weight) = weight {
                text += &format!(" real_server 10.6.0.1{server} 8080 {{\n  weight {weight}\n  {check}\n }}\n");
            }
        }
        text += "}\n";
        for (port, servers) in &self.services {
            let servers: String = (1..=*servers).map(|n| format!(" real_server 10.6.1.{n} 80 {{\n }}\n")).collect();
            text += &format!("virtual_server {VIP} {port} {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n{servers}}}\n");
        }
        text
    }
}

/// All entries of the daemon in the kernel, sorted.
fn tables(netns: &Netns) -> String {
    let saved = ipvsadm(netns, "-S -n");
    let addresses = netns.ip("-o address show dev out0");
    let addresses = addresses.lines().filter_map(|line| line.split_whitespace().nth(3));
    let mut lines: Vec<&str> = saved.lines().map(str::trim).chain(addresses).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn a_hundred_reloads_disturb_only_edited_parts() {
    inside(|| {
        let farm = Farm::new(false);
        let mut random = Random(0x5eed_1234_abcd_0001);
        let mut edits = Edits { weight: Some(1), ..Edits::default() };
        let mut running = Running::start(Ours, &farm.director, &edits.text(), &[]);
        wait_until(LIMIT, "all servers are in use", || (1..=SERVERS).all(|server| farm.is_in(server)));
        let master = |log: &str, vrid: u8| log.contains(&format!("(VI_{vrid}) Entering MASTER STATE"));
        wait_until(LIMIT, "it is master", || UNTOUCHED.iter().all(|vrid| master(&running.log(), *vrid)));

        // It would take over if adverts stopped for a second.
        let rival = Edits::default().text().replace("priority 200", "priority 100\n down_timer_adverts 10");
        let rival = rival.split("virtual_server").next().unwrap();
        let rival = Running::start(Ours, &farm.client, rival, &["-P"]);
        wait_until(LIMIT, "the rival is backup", || rival.log().matches("Entering BACKUP STATE").count() == 2);

        let connections = (0..12).map(|_| farm.connect());
        let (mut streams, _): (Vec<_>, Vec<_>) = connections.partition(|(_, server)| *server != EDITED);
        assert!(streams.len() >= 6, "{}", streams.len());
        let parent = Pid::from_raw(running.pid("keepalived.pid"));
        let children = |running: &Running| ["vrrp.pid", "checkers.pid"].map(|file| running.pid(file));
        let first = children(&running);
        let mut good = 0;
        for number in 1..=RELOADS {
            let broken = number % 5 == 0;
            if broken {
                let mut other = edits.clone();
                other.edit(&mut random);
                let text = other.text().replacen("virtual_router_id", "virtual_ruoter_id", 1);
                fs::write(running.file("keepalived.conf"), text).unwrap();
            } else {
                good += 1;
                edits.edit(&mut random);
                fs::write(running.file("keepalived.conf"), edits.text()).unwrap();
            }
            kill(parent, Signal::SIGHUP).unwrap();
            let logged = |text: &str| running.log().matches(text).count();
            wait_until(LIMIT, &format!("reload {number} is done"), || {
                logged("the running configuration stays in force") == number / 5
                    && logged("The new configuration is in force") == 2 * good
            });
            alive(&mut streams, &format!("at reload {number}"));
        }
        let log = running.log();
        for vrid in UNTOUCHED {
            let transitions = log.matches(&format!("(VI_{vrid}) Entering")).count();
            assert_eq!(transitions, 2, "BACKUP and MASTER at the start: {log}");
        }
        assert_eq!(children(&running), first, "no process was replaced");
        assert!(!rival.log().contains("Entering MASTER STATE"), "adverts came late: {}", rival.log());

        // Includes instances that become master now.
        let instances = edits.instances.values().map(|(_, addresses)| usize::from(*addresses)).sum::<usize>();
        let addresses = |netns: &Netns| tables(netns).lines().filter(|line| line.starts_with("10.7.")).count();
        wait_until(LIMIT, "all instances are master", || addresses(&farm.director) == instances + 4);
        let by_reloads = tables(&farm.director);
        fs::write(running.file("keepalived.conf"), edits.text()).unwrap();
        assert!(running.is_running());
        running.stop();
        rival.stop();
        drop(streams);
        assert_eq!(addresses(&farm.director), 0, "nothing is left");
        let fresh = Running::start(Ours, &farm.director, &edits.text(), &[]);
        let reached = std::panic::catch_unwind(|| {
            wait_until(LIMIT, "a fresh start gives the same tables", || tables(&farm.director) == by_reloads);
        });
        assert!(reached.is_ok(), "by reloads:\n{by_reloads}\nby a start:\n{}", tables(&farm.director));
        fresh.stop();
    });
}
