//! `use_ipvlan` in user-mode Linux, whose kernel has ipvlans: ours and C keepalived in both roles, changes by other programs and
//! by reloads, crashes; and no ipvlan is left.
#![allow(clippy::expect_used, reason = "a test")]

use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::uml::inside;
use lab::{Daemon, Lab, Stamp, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(20);
const VRID: u8 = 51;

/// An instance with the virtual address of its family.
fn conf(priority: u8, vip: &str, lines: &str) -> String {
    format!(
        "global_defs {{\n  dynamic_interfaces\n}}\nvrrp_instance VI {{\n  interface eth0\n  version 3\n  \
         virtual_router_id {VRID}\n  priority {priority}\n  advert_int 0.5\n  {lines}\n  virtual_ipaddress {{\n    \
         {vip}\n  }}\n}}\n"
    )
}

fn v4(priority: u8, own: u8) -> String {
    conf(priority, "10.9.0.51/24", &format!("use_ipvlan 10.9.0.{own}/24"))
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The ipvlans of a router as `ip` shows them.
fn ipvlans(lab: &mut Lab, router: usize) -> Vec<String> {
    let shown = lab.router(router).netns().ip("-d -o link show type ipvlan");
    shown.lines().map(str::to_owned).collect()
}

fn on(lab: &mut Lab, router: usize, device: &str) -> Vec<String> {
    let shown = lab.router(router).netns().ip(&format!("-o address show dev {device}"));
    shown.lines().filter_map(|line| line.split_whitespace().nth(3)).map(str::to_owned).collect()
}

fn index(lab: &mut Lab) -> Option<String> {
    ipvlans(lab, 1).first().and_then(|line| line.split(':').next()).map(str::to_owned)
}

/// Waits for an advert of a router, and checks that it comes from its ipvlan.
fn advertises(lab: &Lab, router: usize, source: &str, since: Stamp) {
    lab.wire.await_advert(router, VRID, since, LIMIT);
    let adverts = lab.wire.adverts(router, VRID, since);
    assert!(adverts.iter().all(|(_, advert)| advert.source == address(source)), "{adverts:?}");
}

fn is_master(lab: &Lab, router: usize, source: &str, since: Stamp) {
    let vip = address("10.9.0.51");
    advertises(lab, router, source, since);
    wait_until(LIMIT, &format!("{vip} is on router {router} alone"), || lab.holders(vip) == [router]);
    wait_until(LIMIT, &format!("router {router} announces {vip}"), || lab.wire.announced(router, vip, since));
}

/// The lower router starts, then the other, which stops and is killed. One of them is C keepalived.
fn life_of_a_pair(seats: [Daemon; 2]) {
    let mut lab = Lab::new(2);
    lab.router(1).configure(&v4(200, 201));
    lab.router(2).configure(&v4(100, 202));
    lab.router(2).start(seats[1]);
    is_master(&lab, 2, "10.9.0.202", Duration::ZERO);
    let at = now();
    lab.router(1).start(seats[0]);
    is_master(&lab, 1, "10.9.0.201", at);
    for (router, own) in [(1, "10.9.0.201/24"), (2, "10.9.0.202/24")] {
        let shown = ipvlans(&mut lab, router).join("\n");
        assert!(shown.contains("vrrp.51@eth0") && shown.contains("mode l2 bridge") && shown.contains("UP"), "{shown}");
        assert_eq!(on(&mut lab, router, "vrrp.51"), [own]);
        let setting = lab.router(router).netns().sysctl_value("net/ipv6/conf/vrrp.51/disable_ipv6");
        assert_eq!(setting.as_deref(), Some("1"));
    }
    assert!(on(&mut lab, 1, "eth0").contains(&"10.9.0.51/24".to_owned()));
    let (at, status) = lab.router(1).stop();
    assert!(status.success());
    is_master(&lab, 2, "10.9.0.202", at);
    assert!(ipvlans(&mut lab, 1).is_empty());
    let at = now();
    lab.router(1).start(seats[0]);
    is_master(&lab, 1, "10.9.0.201", at);
    let killed = lab.router(1).kill9();
    advertises(&lab, 2, "10.9.0.202", killed);
    assert!(lab.router(2).stop().1.success());
    assert!(ipvlans(&mut lab, 2).is_empty());
}

#[test]
fn ours_above_c() {
    inside(|| life_of_a_pair([Ours, C]));
}

#[test]
fn c_above_ours() {
    inside(|| life_of_a_pair([C, Ours]));
}

fn master(conf: &str) -> Lab {
    let mut lab = Lab::new(1);
    lab.router(1).configure(conf);
    lab.router(1).start(Ours);
    is_master(&lab, 1, "10.9.0.201", Duration::ZERO);
    lab
}

fn transitions(lab: &mut Lab) -> usize {
    lab.router(1).log().matches("Entering ").count()
}

/// Name, mode and interface group of the line; IPv6 with the link-local address of the ipvlan.
#[test]
fn names_modes_and_families() {
    inside(|| {
        let mut lab = Lab::new(1);
        for (lines, name, mode, group) in [
            ("use_ipvlan name front 10.9.0.201/24 private group 7", "front@eth0", "mode l2 private", "group 7"),
            ("use_ipvlan vepa 10.9.0.201", "vrrp.51@eth0", "mode l2 vepa", "group 3"),
        ] {
            lab.router(1).netns().ip("link set eth0 group 3");
            lab.router(1).configure(&conf(200, "10.9.0.51/24", lines));
            let at = now();
            lab.router(1).start(Ours);
            is_master(&lab, 1, "10.9.0.201", at);
            let shown = ipvlans(&mut lab, 1).join("\n");
            assert!(!lab.router(1).log().contains("FAULT"), "it waits for the address");
            assert!(shown.contains(name) && shown.contains(mode) && shown.contains(group), "{shown}");
            assert!(lab.router(1).stop().1.success());
            assert!(ipvlans(&mut lab, 1).is_empty());
        }
        lab.router(1).configure(&conf(200, "fe80::51\n    fd09::51/64", "use_ipvlan"));
        let at = now();
        lab.router(1).start(Ours);
        lab.wire.await_advert(1, VRID, at, LIMIT);
        let own = on(&mut lab, 1, "vrrp.51");
        let own = own.iter().find_map(|address| address.strip_suffix("/64")).expect("a link-local address");
        advertises(&lab, 1, own, at);
        assert!(!lab.router(1).log().contains("FAULT"), "it waits for the address of the kernel");
        wait_until(LIMIT, "the addresses are on eth0", || on(&mut lab, 1, "eth0").contains(&"fd09::51/64".to_owned()));
    });
}

/// Without an address an instance for IPv4 is in fault, as with C keepalived.
#[test]
fn without_an_address() {
    inside(|| {
        let mut lab = Lab::new(1);
        lab.router(1).configure(&conf(200, "10.9.0.51/24", "use_ipvlan"));
        lab.router(1).start(Ours);
        let fault = "Entering FAULT STATE (interface vrrp.51 has no address to send adverts from)";
        wait_until(LIMIT, "it is in fault", || lab.router(1).log().contains(fault));
        assert!(lab.wire.adverts(1, VRID, Duration::ZERO).is_empty());
        assert!(lab.router(1).stop().1.success());
        assert!(ipvlans(&mut lab, 1).is_empty());
    });
}

/// Other programs remove the ipvlan, its address, and the interface below it; it is made again.
#[test]
fn other_programs_remove_it() {
    inside(|| {
        let mut lab = master(&v4(200, 201));
        let (before, made) = (transitions(&mut lab), index(&mut lab));
        lab.router(1).netns().ip("link delete vrrp.51");
        wait_until(LIMIT, "a new ipvlan has the address", || {
            let other = index(&mut lab);
            other.is_some() && other != made && on(&mut lab, 1, "vrrp.51") == ["10.9.0.201/24"]
        });
        advertises(&lab, 1, "10.9.0.201", now());
        assert!(lab.router(1).log().contains("(VI) ipvlan vrrp.51 was removed or set down by someone else"));
        lab.router(1).netns().ip("address delete 10.9.0.201/24 dev vrrp.51");
        wait_until(LIMIT, "it has its address again", || on(&mut lab, 1, "vrrp.51") == ["10.9.0.201/24"]);
        advertises(&lab, 1, "10.9.0.201", now());
        assert_eq!(transitions(&mut lab), before, "{}", lab.router(1).log());
        let gone = now();
        lab.router(1).netns().ip("link delete eth0");
        lab.replug(1);
        is_master(&lab, 1, "10.9.0.201", gone);
        assert!(lab.router(1).stop().1.success());
        assert!(ipvlans(&mut lab, 1).is_empty());
    });
}

/// The replacement of a killed VRRP process uses the same ipvlan. The start after kill -9 of all takes it over, or removes it
/// when it is no longer configured.
#[test]
fn crashes_and_reloads() {
    inside(|| {
        let mut lab = master(&v4(200, 201));
        let made = index(&mut lab);
        let old = lab.router(1).vrrp_pid();
        let at = now();
        assert_eq!(kill(Pid::from_raw(old), Signal::SIGKILL), Ok(()));
        wait_until(LIMIT, "a replacement advertises", || {
            lab.router(1).vrrp_pid() != old && lab.wire.adverts(1, VRID, at).len() > 2
        });
        assert_eq!(index(&mut lab), made);
        lab.router(1).kill9();
        let at = now();
        lab.router(1).start(Ours);
        is_master(&lab, 1, "10.9.0.201", at);
        wait_until(LIMIT, "some adverts", || lab.wire.adverts(1, VRID, at).len() > 3);
        assert_eq!(index(&mut lab), made);
        lab.router(1).kill9();
        let at = now();
        lab.router(1).configure(&conf(200, "10.9.0.51/24", ""));
        lab.router(1).start(Ours);
        is_master(&lab, 1, "10.9.0.1", at);
        wait_until(LIMIT, "the ipvlan is gone", || ipvlans(&mut lab, 1).is_empty());
        for (text, source) in [(v4(200, 203), "10.9.0.203"), (conf(200, "10.9.0.51/24", ""), "10.9.0.1")] {
            lab.router(1).configure(&text);
            lab.router(1).daemon().signal(Signal::SIGHUP);
            wait_until(LIMIT, "adverts from the new source", || {
                let adverts = lab.wire.adverts(1, VRID, Duration::ZERO);
                adverts.last().is_some_and(|(_, advert)| advert.source == address(source) && advert.priority == 200)
            });
        }
        wait_until(LIMIT, "the ipvlan is gone", || ipvlans(&mut lab, 1).is_empty());
    });
}
