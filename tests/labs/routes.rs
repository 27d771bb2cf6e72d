//! Routes and policy rules of a running daemon: the kernel has the same as with C keepalived, and what others change is put
//! right.

use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::VRID;
use lab::machine::{self, Witness, longest_gap};
use lab::storm::{delete_routes, make_routes};
use lab::{Daemon, Lab, holds_for, now, wait_until};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(30);

/// Lines of virtual_routes that C keepalived 2.2.7 takes too.
const ROUTES: &str = "
    10.20.0.0/24 via 10.9.0.254
    10.20.1.0/24 dev eth1
    10.20.2.0/24 via 10.9.0.254 dev eth0
    src 10.9.0.60 to 10.20.4.0/24 via 10.9.0.254 dev eth0
    10.20.5.1 via 10.9.0.254
    default via 10.9.0.254 table 100
    0.0.0.0/0 via 10.9.0.254 table 101 metric 5
    throw 10.20.10.0/24
    unreachable 10.20.11.0/24
    prohibit 10.20.12.0/24
    blackhole 10.20.13.0/24
    10.20.14.0/24 via 10.9.0.254 tos 0x10
    10.20.16.0/24 via 10.9.0.254 table 1000
    10.20.19.0/24 dev eth1 scope link
    10.20.21.0/24 dev eth1 scope 200
    10.20.22.0/24 via 10.9.0.254 metric 10
    10.20.26.0/24 via 192.0.2.1 dev eth1 onlink
    10.20.27.0/24 encap ip id 100 dst 10.9.0.77 src 10.9.0.1 tos 4 ttl 33 via 10.9.0.254
    10.20.28.0/24 via 10.9.0.254 mtu 1400
    10.20.29.0/24 via 10.9.0.254 mtu lock 1401
    10.20.30.0/24 via 10.9.0.254 hoplimit 44
    10.20.37.0/24 via 10.9.0.254 reordering 5 window 7000 cwnd 20 ssthresh 30
    10.20.45.0/24 via 10.9.0.254 realms 6/7
    10.20.48.0/24 via 10.9.0.254 initcwnd 12 initrwnd 13 features ecn quickack 1 congctl cubic
    10.20.59.0/24 nexthop via 10.9.0.253 dev eth0 weight 1 nexthop via 10.9.0.254 dev eth0 weight 256
    10.20.60.0/24 table 104 nexthop via 192.0.2.1 dev eth1 onlink weight 3 nexthop via 192.0.2.2 dev eth1 onlink";
/// Lines of virtual_rules likewise.
const RULES: &str = "
    from 10.30.0.0/24 table 300 preference 1000
    to 10.30.1.0/24 lookup 300 preference 1001
    not from 10.30.4.0/24 table 300 preference 1004
    from 10.30.5.0/24 table 300 tos 0x10 preference 1005
    fwmark 5 table 300 preference 1007
    fwmark 0x10/0xff table 300 preference 1008
    from 10.30.7.0/24 table 300 realms 3/4 preference 1009
    from 10.30.9.0/24 table 300 suppress_prefixlength 16 preference 1011
    iif eth1 table 300 preference 1016
    oif eth1 table 300 preference 1017
    uidrange 1000-2000 table 300 preference 1019
    l3mdev preference 1020
    from 10.30.17.0/24 table 300 ipproto udp sport 10-20 dport 30-40 preference 1024
    from 10.30.18.0/24 goto 1026 preference 1025
    from 10.30.19.0/24 nop preference 1026
    from 10.30.20.0/24 blackhole preference 1027
    from 10.30.21.0/24 prohibit preference 1028";
/// Lines of virtual_routes of an IPv6 instance.
const ROUTES6: &str = "
    2001:db8:20::/64 via fd09::fe
    2001:db8:21::/64 dev eth1
    default via fd09::fe table 200
    2001:db8:24::/64 via fe80::fe dev eth0
    2001:db8:25::/64 from 2001:db8:99::/64 via fd09::fe
    2001:db8:27::/64 via fd09::fe metric 77
    2001:db8:29::/64 via fd09::fe pref low
    2001:db8:2c::/64 via fd09::fe mtu 1400 hoplimit 9
    blackhole 2001:db8:30::/64
    2001:db8:34::/64 nexthop via fd09::fd nexthop via fd09::fe weight 5";
/// Lines of virtual_rules likewise.
const RULES6: &str = "
    from 2001:db8:50::/64 table 301 preference 2000
    to 2001:db8:51::/64 table 301 preference 2002
    from 2001:db8:56::/64 prohibit preference 2008";

fn instance(vips: &str, routes: &str, rules: &str) -> String {
    format!(
        "vrrp_instance VI_51 {{\n  interface eth0\n  version 3\n  virtual_router_id {VRID}\n  priority 200\n  \
         advert_int 0.1\n  virtual_ipaddress {{\n    {vips}\n  }}\n  virtual_routes {{{routes}\n  }}\n  \
         virtual_rules {{{rules}\n  }}\n}}\n"
    )
}

/// A router with a second interface, eth1.
fn router() -> Lab {
    let mut lab = Lab::new(1);
    let netns = lab.router(1).netns();
    netns.ip("link add eth1 type veth peer name far");
    netns.ip("link set far up");
    netns.ip("link set eth1 up");
    netns.ip("address add 10.8.0.1/24 dev eth1");
    lab
}

/// The routes and rules of keepalived in the router's kernel, sorted.
fn held(lab: &mut Lab) -> Vec<String> {
    let netns = lab.router(1).netns();
    let mut lines = Vec::new();
    for command in ["-d -o route show table all", "-d -o -6 route show table all", "-d rule show", "-d -6 rule show"] {
        let shown = netns.ip(command);
        lines.extend(
            shown
                .lines()
                .filter(|line| line.contains("proto keepalived"))
                .map(|line| line.replace('\\', " ").split_whitespace().collect::<Vec<_>>().join(" ")),
        );
    }
    lines.sort();
    lines.dedup();
    lines
}

/// The routes and rules of a master, and what is left after its stop.
fn life(daemon: Daemon, conf: &str, count: usize) -> (Vec<String>, Vec<String>) {
    let mut lab = router();
    lab.router(1).configure(conf);
    lab.router(1).start(daemon);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "all routes and rules are set", || held(&mut lab).len() >= count);
    let set = held(&mut lab);
    lab.router(1).stop();
    (set, held(&mut lab))
}

fn compare(conf: &str, count: usize) {
    let _turn = machine::shared();
    let (ours, left) = life(Ours, conf, count);
    let (expected, _) = life(C, conf, count);
    assert_eq!(ours, expected, "\nours:\n{}\nC:\n{}", ours.join("\n"), expected.join("\n"));
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn ip4_routes_and_rules_are_those_of_c_keepalived() {
    let count = ROUTES.trim().lines().count() + RULES.trim().lines().count();
    compare(&instance("10.9.0.60/24", ROUTES, RULES), count);
}

#[test]
fn ip6_routes_and_rules_are_those_of_c_keepalived() {
    let count = ROUTES6.trim().lines().count() + RULES6.trim().lines().count();
    compare(&instance("fe80::9:60\n    fd09::60/64", ROUTES6, RULES6), count);
}

/// A master with two routes, of which one has no_track and leads through eth1, and a rule.
fn master() -> Lab {
    let mut lab = router();
    let routes = "\n    10.20.0.0/24 via 10.9.0.254\n    10.20.1.0/24 via 10.8.0.254 no_track";
    lab.router(1).configure(&instance("10.9.0.60/24", routes, "\n    from 10.30.0.0/24 table 300 preference 1000"));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "all are set", || held(&mut lab).len() == 3);
    lab
}

#[test]
fn routes_and_rules_that_are_removed_come_back_without_a_transition() {
    let _turn = machine::shared();
    let mut lab = master();
    let all = held(&mut lab);
    lab.router(1).netns().ip("route del 10.20.0.0/24");
    lab.router(1).netns().ip("rule del preference 1000");
    wait_until(LIMIT, "they are set again", || held(&mut lab) == all);
    // The kernel removes the route through eth1 without a notification; with no_track the instance does not mind.
    lab.router(1).netns().ip("link set eth1 down");
    wait_until(LIMIT, "the route is gone", || held(&mut lab).len() == 2);
    lab.router(1).netns().ip("link set eth1 up");
    wait_until(LIMIT, "it is set again", || held(&mut lab) == all);
    let log = lab.router(1).log();
    assert_eq!(log.matches("Entering BACKUP STATE").count(), 1, "only at the start:\n{log}");
    assert!(log.contains("route 10.20.0.0/24 via 10.9.0.254 was removed by someone else"), "{log}");
    assert!(log.contains("rule of preference 1000 from 10.30.0.0/24 was removed by someone else"), "{log}");
}

#[test]
fn a_refused_route_names_the_refused_word() {
    let _turn = machine::shared();
    let mut lab = router();
    let routes = "\n    10.20.0.0/24 via 192.0.2.99\n    10.20.1.0/24 via 10.9.0.254";
    lab.router(1).configure(&instance("10.9.0.60/24", routes, ""));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the other route is set", || held(&mut lab).len() == 1);
    let refusal = "(VI_51) Cannot set route 10.20.0.0/24 via 192.0.2.99: ";
    wait_until(LIMIT, "the refusal", || lab.router(1).log().contains(refusal));
    let log = lab.router(1).log();
    let line = log.lines().find(|line| line.contains(refusal)).unwrap_or_default();
    assert!(line.contains("via)"), "{line}");
    // A network to the gateway appears.
    lab.router(1).netns().ip("address add 192.0.2.1/24 dev eth1");
    wait_until(LIMIT, "the route is set", || held(&mut lab).len() == 2);
    assert_eq!(lab.router(1).log().matches(refusal).count(), 1, "reported once");
}

#[test]
fn a_reload_and_a_killed_daemon_leave_only_what_is_configured() {
    let _turn = machine::shared();
    let mut lab = master();
    let other = "\n    10.20.0.0/24 via 10.9.0.254\n    10.20.7.0/24 via 10.9.0.254";
    lab.router(1).configure(&instance("10.9.0.60/24", other, ""));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    let has = |lines: &[String], text: &str| lines.iter().any(|line| line.contains(text));
    wait_until(LIMIT, "the differences", || {
        let lines = held(&mut lab);
        lines.len() == 2 && has(&lines, "10.20.7.0/24")
    });
    // The record of held routes is written within 100 ms.
    holds_for(Duration::from_millis(300), "nothing else changes", || held(&mut lab).len() == 2);
    lab.router(1).kill9();
    assert_eq!(held(&mut lab).len(), 2, "nobody has removed them");
    lab.router(1).configure(&instance("10.9.0.60/24", "\n    10.20.0.0/24 via 10.9.0.254", ""));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the route that is not configured is removed", || {
        let lines = held(&mut lab);
        lines.len() == 1 && has(&lines, "10.20.0.0/24")
    });
    holds_for(Duration::from_millis(300), "the other stays", || held(&mut lab).len() == 1);
    lab.router(1).stop();
    assert_eq!(held(&mut lab), Vec::<String>::new());
}

/// The instance is in FAULT while the interface to a gateway is down, although the route has no `dev`.
#[test]
fn the_interface_to_a_gateway_is_tracked() {
    let _turn = machine::shared();
    for (addresses, route) in [
        ("10.9.0.60/24", "10.20.0.0/24 via 10.8.0.254"),
        ("fe80::9:60\n    fd09::60/64", "2001:db8::/32 via fd08::254"),
    ] {
        let mut lab = router();
        lab.router(1).netns().ip("address add fd08::1/64 dev eth1 nodad");
        lab.router(1).configure(&instance(addresses, &format!("\n    {route}"), ""));
        lab.router(1).start(Ours);
        wait_until(LIMIT, "the route is set", || held(&mut lab).len() == 1);
        lab.router(1).netns().ip("link set eth1 down");
        wait_until(LIMIT, "the fault", || lab.router(1).log().contains("Entering FAULT STATE"));
        holds_for(Duration::from_millis(500), "nothing is set", || held(&mut lab).is_empty());
        lab.router(1).netns().ip("link set eth1 up");
        let masters = |lab: &mut Lab| lab.router(1).log().matches("Entering MASTER STATE").count();
        wait_until(LIMIT, "the instance is master again", || masters(&mut lab) == 2);
        let log = lab.router(1).log();
        assert!(log.contains("eth1"), "{log}");
    }
}

/// A router learns and loses 10,000 routes, as by BGP, while it is master.
#[test]
fn a_storm_of_foreign_routes_delays_no_advert() {
    let _turn = machine::shared();
    let mut lab = master();
    let (witness, from) = (Witness::start(), now());
    make_routes(lab.router(1).netns(), 10_000);
    delete_routes(lab.router(1).netns(), 10_000);
    let to = lab.wire.await_advert(1, VRID, now(), LIMIT);
    let stalls = witness.stop();
    let schedule = lab.wire.schedule(1, from, to);
    // `make bench` measures delays.
    let limit = Duration::from_millis(300);
    let longest = longest_gap(&schedule[&VRID], from, to, limit, &stalls);
    assert!(longest < limit, "{longest:?} between adverts: a backup would have taken over");
    assert_eq!(held(&mut lab).len(), 3);
    let log = lab.router(1).log();
    assert_eq!(log.matches("Entering MASTER STATE").count(), 1, "{log}");
}

/// A firewall pair: the default route goes where the address goes.
#[test]
fn a_failover_takes_the_default_route_along() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let routes = "\n    default via 10.9.0.254";
    for (number, priority) in [(1, "200"), (2, "100")] {
        let conf = instance("10.9.0.60/24", routes, "").replace("priority 200", &format!("priority {priority}"));
        lab.router(number).configure(&conf);
        lab.router(number).start(Ours);
    }
    let default =
        |lab: &mut Lab, number| lab.router(number).netns().ip("route show default").contains("via 10.9.0.254");
    wait_until(LIMIT, "the master has the route", || default(&mut lab, 1));
    holds_for(Duration::from_millis(500), "the backup does not", || !default(&mut lab, 2));
    lab.router(1).stop();
    assert!(!default(&mut lab, 1));
    wait_until(LIMIT, "the new master has it", || default(&mut lab, 2));
}

/// Routes of the host to the destinations of virtual routes, also that to its own network, stay beside these.
#[test]
fn routes_of_the_host_stay() {
    let _turn = machine::shared();
    let ip4 = "\n    default via 10.9.0.254\n    10.9.0.0/24 dev eth0 src 10.9.0.60\n    10.20.0.0/24 via 10.9.0.254\
               \n    10.21.0.0/24 via 10.9.0.253";
    let ip6 = "\n    2001:db8:20::/64 via fd09::fe\n    2001:db8:21::/64 dev eth1";
    for (vip, routes, count) in [("10.9.0.60/24", ip4, 4), ("fe80::9:60", ip6, 2)] {
        let seen = [Ours, C].map(|daemon| {
            let mut lab = router();
            let netns = lab.router(1).netns();
            for route in ["default", "10.20.0.0/24", "10.21.0.0/24"] {
                netns.ip(&format!("route add {route} via 10.9.0.253"));
            }
            netns.ip("-6 route add 2001:db8:20::/64 via fd09::fd");
            netns.ip("-6 route add 2001:db8:21::/64 via fd09::fd");
            let all = |lab: &mut Lab| {
                let netns = lab.router(1).netns();
                let shown = netns.ip("route show") + &netns.ip("-6 route show");
                let mut lines: Vec<String> = shown
                    .lines()
                    .filter(|line| !line.contains("fe80::/64"))
                    .map(|line| line.trim().to_owned())
                    .collect();
                lines.sort();
                lines
            };
            let before = all(&mut lab);
            lab.router(1).configure(&instance(vip, routes, ""));
            lab.router(1).start(daemon);
            // A second next hop of an IPv6 route shares its lines: each route adds at least one.
            wait_until(LIMIT, "the routes are set", || all(&mut lab).len() >= before.len() + count);
            let during = all(&mut lab);
            lab.router(1).stop();
            assert_eq!(all(&mut lab), before, "what the host had is there again ({daemon:?})");
            during
        });
        let [ours, c] = seen;
        assert_eq!(ours, c, "the routes of a master");
    }
}

/// Static routes and rules need no instance.
#[test]
fn static_routes_and_rules_live_as_long_as_the_daemon() {
    let _turn = machine::shared();
    let mut lab = router();
    lab.router(1).configure(
        "static_routes {\n  10.40.0.0/24 via 10.9.0.254\n  blackhole 10.40.3.0/24\n}\n\
         static_rules {\n  from 10.41.0.0/24 table 310 preference 500\n}\n",
    );
    lab.router(1).start(Ours);
    wait_until(LIMIT, "all are set", || held(&mut lab).len() == 3);
    lab.router(1).stop();
    assert_eq!(held(&mut lab), Vec::<String>::new());
}
