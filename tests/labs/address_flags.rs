//! Virtual addresses with all options of their lines: `ip -d address` shows the same as with C keepalived.

use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::VRID;
use lab::{Daemon, Lab, holds_for, machine, wait_until};

/// Lines of virtual_ipaddress for IPv4.
const IPV4: &str = "
    10.9.0.60/24
    10.9.0.61/24 brd 10.9.0.255
    10.7.0.62/24 brd + scope link
    10.9.0.63/24 brd - label eth0:vip
    10.9.0.64/32 dev eth0 scope host
    10.9.0.65
    10.9.0.66 peer 10.9.0.166 label eth0:peer
    10.8.0.67/16 dev eth1 noprefixroute
    10.8.0.68/16 dev eth1 preferred_lft forever
    10.6.0.69/16 dev eth1 scope site label eth1:6 home";
/// Lines of virtual_ipaddress_excluded in the same instance.
const IPV4_EXCLUDED: &str = "
    10.8.0.70/16 dev eth1
    fd08::70/64 dev eth1";
/// Lines of virtual_ipaddress for IPv6.
const IPV6: &str = "
    fe80::9:60
    fe80::9:61/64 dev eth1
    fd09::60
    fd09::61/64
    fd09::62/128 -nodad
    fd09::63/64 preferred_lft forever
    fd08::64/64 dev eth1 noprefixroute mngtmpaddr
    fd08::65/128 dev eth1 preferred_lft forever home
    fd08::66/64 dev eth1 scope site";
/// Lines of virtual_ipaddress_excluded in the same instance.
const IPV6_EXCLUDED: &str = "
    fd08::70/64 dev eth1 -nodad
    10.8.0.71/16 dev eth1";

#[test]
fn ipv4() {
    compare(IPV4, IPV4_EXCLUDED);
}

#[test]
fn ipv6() {
    compare(IPV6, IPV6_EXCLUDED);
}

fn compare(vips: &str, excluded: &str) {
    let _turn = machine::shared();
    let expected = addresses_set_by(C, vips, excluded);
    let ours = addresses_set_by(Ours, vips, excluded);
    let lines = |text: &[String]| text.join("\n");
    assert_eq!(ours, expected, "\nours:\n{}\nC:\n{}", lines(&ours), lines(&expected));
}

/// The lines of `ip -d address` for the addresses that a daemon adds when it becomes master, sorted.
fn addresses_set_by(daemon: Daemon, vips: &str, excluded: &str) -> Vec<String> {
    let mut lab = Lab::new(1);
    let router = lab.router(1);
    router.netns().ip("link add eth1 address 02:00:00:00:01:01 type veth peer name far");
    router.netns().ip("link set far up");
    router.netns().ip("link set eth1 up");
    // The kernel assigns them a little after the links come up.
    wait_until(Duration::from_secs(5), "the links have their own addresses", || {
        let shown = addresses(&mut lab);
        let has_one = |link: &str| shown.iter().any(|line| line.starts_with(&format!("{link} inet6 fe80:")));
        ["eth1", "far"].into_iter().all(has_one) && !shown.iter().any(|line| line.contains("tentative"))
    });
    let before = addresses(&mut lab);
    let conf = format!(
        "vrrp_instance VI_51 {{\n  interface eth0\n  version 3\n  virtual_router_id {VRID}\n  \
         priority 255\n  advert_int 0.1\n  virtual_ipaddress {{{vips}\n  }}\n  \
         virtual_ipaddress_excluded {{{excluded}\n  }}\n}}\n"
    );
    lab.router(1).configure(&conf);
    lab.router(1).start(daemon);
    lab.wire.await_advert(1, VRID, Duration::ZERO, Duration::from_secs(10));
    let wanted = vips.trim().lines().count() + excluded.trim().lines().count();
    wait_until(Duration::from_secs(5), "all addresses are set", || addresses(&mut lab).len() >= before.len() + wanted);
    // Duplicate address detection completes, where it is enabled.
    wait_until(Duration::from_secs(5), "no address is tentative", || {
        addresses(&mut lab).iter().all(|address| !address.contains("tentative"))
    });
    let set: Vec<String> = addresses(&mut lab).into_iter().filter(|address| !before.contains(address)).collect();
    holds_for(Duration::from_millis(200), "the addresses stay", || {
        addresses(&mut lab).len() == before.len() + set.len()
    });
    set
}

/// Each address of all interfaces with its flags and lifetimes, one line each.
fn addresses(lab: &mut Lab) -> Vec<String> {
    let mut shown: Vec<String> = lab
        .router(1)
        .netns()
        .ip("-d -o address show")
        .lines()
        .map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest).replace('\\', " "))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| line.contains("inet"))
        .collect();
    shown.sort();
    shown
}
