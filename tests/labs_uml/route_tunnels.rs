//! Tunnels and VRFs of routes, in user-mode Linux, which has them all.

#![allow(clippy::unwrap_used, reason = "a test")]

use crate::routes_support::{LIMIT, Lab, hop, index, ip, to, via};
use keepalived::config::model::{Encap, NextHop, Route, Tunnel};
use keepalived::kernel::{EntryRequest, KernelEvent, Monitor, RouteRequest, WatchedTables};
use keepalived::state::{Done, Op};
use keepalived::vrrp::RouteDevices;
use lab::uml::inside;
use lab::wait_until;

#[test]
fn every_tunnel() {
    inside(|| {
        let mut lab = Lab::new();
        let v4 = || via("10.20.0.0/24", "10.1.0.254");
        let with = |encap| Route { encap: Some(encap), ..v4() };
        let tunnel = || Tunnel {
            id: Some(7),
            destination: Some(ip("2001:db8::1")),
            source: Some(ip("2001:db8::2")),
            tos: Some(8),
            ttl: Some(9),
            flags: None,
        };
        lab.check(
            "-4",
            &[
                (
                    with(Encap::Mpls(vec![100])),
                    "unicast 10.20.0.0/24 encap mpls 100 via 10.1.0.254 dev eth0 table main scope global",
                ),
                (
                    with(Encap::Mpls(vec![100, 200])),
                    "unicast 10.20.0.0/24 encap mpls 100/200 via 10.1.0.254 dev eth0 table main scope global",
                ),
                (
                    with(Encap::Ip6(tunnel())),
                    "unicast 10.20.0.0/24 encap ip6 id 7 src 2001:db8::2 dst 2001:db8::1 hoplimit 9 tc 8 via \
                     10.1.0.254 dev eth0 table main scope global",
                ),
                (
                    Route {
                        hops: vec![
                            NextHop { encap: Some(Encap::Mpls(vec![77])), ..hop("10.1.0.253", None, None) },
                            hop("10.1.0.254", None, None),
                        ],
                        ..to("10.20.0.0/24")
                    },
                    "unicast 10.20.0.0/24 table main scope global nexthop encap mpls 77 via 10.1.0.253 dev eth0 weight 1 \
                     nexthop via 10.1.0.254 dev eth0 weight 1",
                ),
            ],
        );
        let v6 = |network, encap| Route { encap: Some(encap), ..via(network, "fd00:1::fe") };
        lab.check(
            "-6",
            &[(
                v6("2001:db8:40::/64", Encap::Mpls(vec![77])),
                "unicast 2001:db8:40::/64 encap mpls 77 via fd00:1::fe dev eth0 table main scope global metric 1024 \
                     pref medium",
            )],
        );
        // This kernel does not have it.
        let ila = v6("2001:db8:42:1:5555:0:1:0/112", Encap::Ila(0x4040_0000_0001_0000));
        assert_eq!(
            lab.refusal(ila),
            "Operation not supported on transport endpoint (lwt encapsulation type not supported, encap)"
        );
    });
}

#[test]
fn a_route_of_a_vrf_is_in_its_table() {
    inside(|| {
        let lab = Lab::new();
        lab.netns.ip("link add red type vrf table 10");
        lab.netns.ip("link set red up");
        lab.netns.ip("link set eth1 master red");
        let watch = WatchedTables { routes: true, ..WatchedTables::default() };
        let mut monitor = lab.netns.enter(|| Monitor::watching(LIMIT, watch).unwrap());
        let mut events = Vec::new();
        monitor.receive(16, &mut events).unwrap();
        let Some(KernelEvent::Snapshot(snapshot)) = events.first() else { panic!("{events:?}") };
        let vrf_table = snapshot.links.iter().find(|link| link.name == "red").unwrap().vrf_table;
        assert_eq!(vrf_table, Some(10));
        let route = Route { vrf: Some("red".into()), ..via("10.20.0.0/24", "10.2.0.254") };
        let missing = lab.perform([lab.route(Op::Add, &route)]).remove(0);
        assert_eq!(missing.outcome.unwrap_err().to_string(), "No such device (vrf red)");
        let devices = RouteDevices { vrf_table, ..RouteDevices::default() };
        let request =
            |op| EntryRequest::Route(RouteRequest { token: 0, op, route: route.clone(), devices: devices.clone() });
        assert_eq!(lab.perform([request(Op::Add)])[0].outcome, Ok(Done::Changed));
        let expected = "unicast 10.20.0.0/24 via 10.2.0.254 dev eth1 table red scope global";
        let shown = lab.shown("-4").remove(0);
        assert!(shown == expected || shown == expected.replace("red", "10"), "{shown}");
        let eth1 = index(&lab.netns, "eth1");
        wait_until(LIMIT, "the route", || {
            monitor.receive(16, &mut events).unwrap();
            events.iter().any(|event| match event {
                KernelEvent::Route { route: found, .. } => found.is(&route, &devices) && found.hops[0].ifindex == eth1,
                _ => false,
            })
        });
        assert_eq!(lab.perform([request(Op::Remove)])[0].outcome, Ok(Done::Changed));
        assert!(lab.shown("-4").is_empty());
    });
}
