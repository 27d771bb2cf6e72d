//! VMACs of a new configuration, and their names.

use std::time::Duration;

use lab::Daemon::Ours;
use lab::conf::{SECOND_VRID, VRID};
use lab::{Lab, Protocol, machine, now, wait_until};
use nix::sys::signal::Signal;

use super::{LIMIT, PLAIN, has_address, index, links, lone_master, transitions, vip};

/// Names as of C keepalived: both families of one VRID, names in use, a configured name, a prefix.
#[test]
fn names_and_clashes() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    // Links of other programs, by their kinds.
    lab.router(1).netns().ip("link add vrrp.51 type bridge");
    lab.router(1).netns().ip("link add mine type bridge");
    lab.router(1).netns().ip("link add link eth0 name left address 00:00:5e:00:01:7f type macvlan mode bridge");
    let instance = |name: &str, line: &str, vrid: u8, vip: &str| {
        format!(
            "vrrp_instance {name} {{\n  interface eth0\n  version 3\n  {line}\n  virtual_router_id {vrid}\n  \
             advert_int 0.1\n  virtual_ipaddress {{\n    {vip}\n  }}\n}}\n"
        )
    };
    let text = [
        instance("VI_51", "use_vmac", VRID, "10.9.0.51"),
        instance("IP6", "use_vmac", VRID, "fe80::9:51"),
        instance("NAMED", "use_vmac gate 02:00:5e:00:07", 52, "10.9.0.52"),
        instance("TAKEN", "use_vmac mine", 53, "10.9.0.53"),
        instance("LEFT", "use_vmac left", 54, "10.9.0.54\n    10.98.0.54 dev left"),
    ];
    lab.router(1).configure(&text.concat());
    lab.router(1).start(Ours);
    let expected = [
        ("vrrp1.51", "00:00:5e:00:01:33", "10.9.0.51"),
        ("vrrp6.51", "00:00:5e:00:02:33", "fe80::9:51"),
        ("gate", "02:00:5e:00:07:34", "10.9.0.52"),
        ("vrrp.53", "00:00:5e:00:01:35", "10.9.0.53"),
        ("left", "00:00:5e:00:01:36", "10.98.0.54"),
    ];
    for (link, mac, vip) in expected {
        wait_until(LIMIT, &format!("{vip} is on {link}"), || has_address(&mut lab, 1, link, vip));
        let shown = lab.router(1).netns().ip(&format!("-d link show {link}"));
        assert!(shown.contains(mac) && shown.contains("macvlan mode private"), "{shown}");
    }
    assert!(lab.router(1).stop().1.success());
    assert_eq!(links(&mut lab, 1), ["eth0", "lo", "mine", "vrrp.51"], "links of other programs stay");
}

/// A reload does not affect unchanged instances; others get or lose their VMACs.
#[test]
fn reload() {
    let _turn = machine::shared();
    let both = Protocol::SyncGroup.conf(100, "use_vmac");
    let both = both.split_once("vrrp_instance").map(|(_, rest)| format!("vrrp_instance{rest}")).expect("instances");
    let mut lab = lone_master(&both);
    wait_until(LIMIT, "both are masters", || lab.wire.first_advert(1, SECOND_VRID, Duration::ZERO).is_some());
    let first = index(&mut lab, 1, "vrrp.51");
    assert!(first.is_some() && index(&mut lab, 1, "vrrp.52").is_some());

    let reload = |lab: &mut Lab, conf: &str, done: &dyn Fn(&mut Lab) -> bool| {
        let at = now();
        lab.router(1).configure(conf);
        lab.router(1).daemon().signal(Signal::SIGHUP);
        wait_until(LIMIT, "the new configuration is in force", || done(lab));
        at
    };
    let alone = PLAIN.conf(100);
    let at = reload(&mut lab, &alone, &|lab| index(lab, 1, "vrrp.52").is_none());
    assert!(lab.wire.adverts(1, SECOND_VRID, at).iter().any(|(_, advert)| advert.priority == 0));
    assert_eq!(index(&mut lab, 1, "vrrp.51"), first);
    assert!(lab.wire.adverts(1, VRID, Duration::ZERO).iter().all(|(_, advert)| advert.priority == 100));

    let at = reload(&mut lab, &Protocol::V3.conf(100, ""), &|lab| has_address(lab, 1, "eth0", "10.9.0.51"));
    assert_eq!(links(&mut lab, 1), ["eth0", "lo"]);
    assert_eq!(lab.router(1).netns().sysctl_value("net/ipv4/conf/eth0/arp_ignore").as_deref(), Some("0"));
    let zero = lab.wire.adverts(1, VRID, at).iter().any(|(_, advert)| advert.priority == 0);
    assert!(zero, "the instance has resigned at its old address");

    reload(&mut lab, &alone, &|lab| has_address(lab, 1, "vrrp.51", "10.9.0.51"));
    assert!(!has_address(&mut lab, 1, "eth0", "10.9.0.51"));
    assert!(!lab.router(1).log().contains("(VI_51) Entering FAULT"));
}

/// An IPv6 address is added to an IPv4 instance, whose VMAC had no IPv6.
#[test]
fn a_reload_adds_an_ip6_address() {
    let _turn = machine::shared();
    let mut lab = lone_master(&PLAIN.conf(100));
    let extra = "use_vmac\n  virtual_ipaddress_excluded {\n    2001:db8::51\n  }";
    lab.router(1).configure(&Protocol::V3.conf(100, extra));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "it is on the VMAC", || has_address(&mut lab, 1, "vrrp.51", "2001:db8::51"));
    assert!(lab.router(1).holds(vip()));
    assert_eq!(transitions(&mut lab, 1), 2);
}

/// 255 VMACs are created, and removed within the time limit of a stop.
#[test]
fn the_maximum_of_vmacs() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let conf = lab::conf::many(255, 1, 100, Duration::from_secs(1));
    lab.router(1).configure(&conf.replace("interface eth0", "interface eth0\n  use_vmac"));
    lab.router(1).start(Ours);
    let limit = Duration::from_secs(30);
    wait_until(limit, "all are masters", || lab.router(1).log().matches("Entering MASTER STATE").count() == 255);
    assert_eq!(links(&mut lab, 1).len(), 257);
    assert!(lab.router(1).stop().1.success());
    assert_eq!(links(&mut lab, 1), ["eth0", "lo"]);
    let log = lab.router(1).log();
    assert!(!log.contains("FAULT") && !log.contains("Cannot"), "{log}");
}
