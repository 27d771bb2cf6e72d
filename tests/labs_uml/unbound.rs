//! Unicast instances without an interface beside C keepalived, and `vrf` with a VRF device of user-mode Linux.
#![allow(clippy::expect_used, reason = "a test")]

use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::uml::{inside, outside};
use lab::{Lab, holds_for, now, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(20);
const VRID: u8 = 51;

/// The virtual router of router `number`; `lines` name its interface or VRF.
fn conf(number: u8, priority: u8, lines: &str) -> String {
    let peer = 3 - number;
    format!(
        "global_defs {{\n  log_unknown_vrids\n}}\nvrrp_instance VI {{\n  {lines}\n  version 3\n  virtual_router_id {VRID}\n  \
         priority {priority}\n  advert_int 0.5\n  check_unicast_src\n  unicast_src_ip 10.9.0.{number}\n  \
         unicast_peer {{\n    10.9.0.{peer}\n  }}\n  virtual_ipaddress {{\n    10.9.0.51/24 dev eth0\n  }}\n}}\n"
    )
}

fn vip() -> IpAddr {
    "10.9.0.51".parse().expect("an address")
}

fn holders_are(lab: &Lab, routers: &[usize]) {
    wait_until(LIMIT, &format!("the address is on {routers:?}"), || lab.holders(vip()) == routers);
}

/// Each in turn is master: ours without an interface, with another instance on its only interface, and C keepalived.
#[test]
fn beside_c_keepalived() {
    outside(|| {
        let other = "vrrp_instance OTHER {\n  interface eth0\n  virtual_router_id 52\n  version 3\n  priority 90\n  virtual_ipaddress {\n    \
                     10.9.0.52/24\n  }\n}\n";
        for (ours, theirs) in [(200, 100), (100, 200)] {
            let mut lab = Lab::new(2);
            lab.router(1).configure(&format!("{}{other}", conf(1, ours, "")));
            lab.router(2).configure(&conf(2, theirs, "interface eth0"));
            lab.router(1).start(Ours);
            holders_are(&lab, &[1]);
            lab.router(2).start(C);
            let master = if ours > theirs { 1 } else { 2 };
            holders_are(&lab, &[master]);
            let at = now();
            lab.wire.await_advert(master, VRID, at, LIMIT);
            let adverts = lab.wire.adverts(master, VRID, at);
            let expected: [IpAddr; 2] = [[10, 9, 0, master as u8].into(), [10, 9, 0, 3 - master as u8].into()];
            assert!(adverts.iter().all(|(_, advert)| [advert.source, advert.destination] == expected), "{adverts:?}");
            holds_for(Duration::from_secs(1), "one of them advertises", || {
                lab.wire.adverts(3 - master, VRID, at).is_empty()
            });
            lab.router(master).stop();
            holders_are(&lab, &[3 - master]);
            let log = lab.router(1).log();
            assert!(!log.contains("Unknown VRID") && !log.contains("Received advert"), "{log}");
        }
    });
}

/// The instance is in fault while the host does not have its source address.
#[test]
fn the_source_address_is_needed() {
    outside(|| {
        let mut lab = Lab::new(1);
        lab.router(1).configure(&conf(1, 200, ""));
        lab.router(1).start(Ours);
        holders_are(&lab, &[1]);
        lab.router(1).netns().ip("address delete 10.9.0.1/24 dev eth0");
        wait_until(LIMIT, "it is in fault", || {
            lab.router(1).log().contains("Entering FAULT STATE (its source address 10.9.0.1 is not on this host")
        });
        lab.router(1).netns().ip("address add 10.9.0.1/24 dev eth0");
        holders_are(&lab, &[1]);
        // With an interface it is the same virtual router no more.
        lab.router(1).configure(&conf(1, 200, "interface eth0"));
        lab.router(1).daemon().signal(Signal::SIGHUP);
        wait_until(LIMIT, "it has started anew", || lab.router(1).log().matches("Entering BACKUP").count() >= 3);
        holders_are(&lab, &[1]);
    });
}

/// Adverts pass through the VRF of eth0; without the VRF the instance is in fault.
#[test]
fn a_vrf() {
    inside(|| {
        let mut lab = Lab::new(2);
        let enslave = |lab: &mut Lab| {
            lab.router(1).netns().ip("link add blue type vrf table 10");
            lab.router(1).netns().ip("link set blue up");
            lab.router(1).netns().ip("link set eth0 master blue");
        };
        let vrf = |priority| conf(1, priority, "vrf blue").replacen('{', "{\n  dynamic_interfaces", 1);
        lab.router(1).configure(&vrf(200));
        lab.router(2).configure(&conf(2, 100, "interface eth0"));
        lab.router(1).start(Ours);
        wait_until(LIMIT, "it is in fault", || {
            lab.router(1).log().contains("Entering FAULT STATE (interface blue does not exist)")
        });
        lab.router(2).start(C);
        holders_are(&lab, &[2]);
        enslave(&mut lab);
        holders_are(&lab, &[1]);
        let sockets = lab.router(1).netns().command("ss").args(["-Hwlnp"]).output().expect("ss");
        let sockets = String::from_utf8_lossy(&sockets.stdout).into_owned();
        assert!(sockets.contains("%blue:112"), "{sockets}");
        // As a backup it hears the adverts of router 2.
        lab.router(1).configure(&vrf(50));
        lab.router(1).daemon().signal(Signal::SIGHUP);
        holders_are(&lab, &[2]);
        let at = now();
        holds_for(Duration::from_secs(3), "router 1 stays backup", || lab.wire.adverts(1, VRID, at).is_empty());
        lab.router(1).configure(&vrf(200));
        lab.router(1).daemon().signal(Signal::SIGHUP);
        holders_are(&lab, &[1]);
        lab.router(1).netns().ip("link delete blue");
        holders_are(&lab, &[2]);
        enslave(&mut lab);
        holders_are(&lab, &[1]);
        assert!(lab.router(1).stop().1.success());
        holders_are(&lab, &[2]);
    });
}
