//! Tests of the interfaces and source addresses that an instance requires, and of the number of addresses in an advert.

use std::net::IpAddr;

use super::lan::{IFINDEX, Lan, address, config, group, instance, kernel_address, ms};
use crate::config::model::{Address, Config, Family, Instance, NextHop, Route, Track, TrackerKind};
use crate::vrrp::{
    Cause, Change, Event, Fault, Interface, InterfaceAddress, KernelAddress, LinkState, Occasion, State,
};

const OTHER: u32 = 3;

/// eth1, which only has addresses of the instance.
fn other(up: bool) -> Interface {
    Interface { index: OTHER, name: "eth1".into(), up, mtu: 1500, mac: Some([2; 6]), ..Interface::default() }
}

fn on_other(ip: &str) -> Address {
    Address { device: "eth1".into(), ..address(ip) }
}

fn one(row: Instance) -> Config {
    config(vec![row], Vec::new())
}

/// Starts a router, with the interface eth1 in this state if `up` is given.
fn start(file: Config, up: Option<bool>) -> Lan {
    let mut lan = Lan::new(Vec::new());
    let at = lan.add(file.clone());
    let router = &mut lan.routers[at];
    router.timers.clear();
    router.changes.clear();
    router.vrrp = crate::vrrp::Vrrp::new(crate::vrrp::Tables::new(file, "test".into()));
    let links = std::iter::once(router.link(true)).chain(up.map(other)).collect();
    lan.event(at, Event::Interfaces(links));
    lan.event(at, Event::Start);
    lan
}

fn causes(lan: &Lan) -> Vec<Cause> {
    let of = |change: &Change| match change {
        Change::Instance { to: State::Fault, cause, .. } => Some(cause.clone()),
        _ => None,
    };
    lan.routers[0].changes.iter().filter_map(|(_, change)| of(change)).collect()
}

fn missing() -> Cause {
    Cause::Fault(Fault::InterfaceMissing("eth1".into()))
}

fn down() -> Cause {
    Cause::Fault(Fault::InterfaceDown("eth1".into()))
}

#[test]
fn the_interface_of_an_address_must_be_up() {
    for excluded in [false, true] {
        let mut row = instance("VI", 51);
        if excluded { &mut row.excluded } else { &mut row.addresses }.push(on_other("10.0.2.51"));
        let mut lan = start(one(row.clone()), Some(false));
        lan.run(ms(1000));
        assert_eq!((lan.routers[0].state("VI"), causes(&lan)), (State::Fault, vec![down()]));
        lan.event(0, Event::Link(other(true)));
        lan.run(ms(1000));
        assert_eq!(lan.masters("VI"), [0]);
        lan.event(0, Event::Link(other(false)));
        assert_eq!((lan.routers[0].state("VI"), causes(&lan).len()), (State::Fault, 2));
        lan.event(0, Event::Link(other(true)));
        lan.run(ms(1000));
        // The interface is deleted and created again, with another index.
        lan.event(0, Event::LinkGone(OTHER));
        assert_eq!(causes(&lan)[2], missing());
        lan.event(0, Event::Link(Interface { index: 9, ..other(true) }));
        lan.run(ms(1000));
        assert_eq!(lan.masters("VI"), [0]);
        let rows = lan.routers[0].vrrp.tables.addresses.values();
        assert!(rows.filter(|row| row.config.device == "eth1").all(|row| row.ifindex == Some(9)));

        let absent = start(one(row.clone()), None);
        assert_eq!(causes(&absent), [missing()]);
        for address in row.addresses.iter_mut().chain(&mut row.excluded) {
            address.no_track = true;
        }
        let mut untracked = start(one(row), Some(false));
        untracked.run(ms(1000));
        assert_eq!(untracked.masters("VI"), [0]);
    }
}

/// A route without `dev`.
fn through(gateway: &str) -> Route {
    let default = if gateway.contains(':') { "::" } else { "0.0.0.0" };
    Route { via: gateway.parse().ok(), ..Route::plain((default.parse().unwrap(), 0)) }
}

/// An address of eth1.
fn of_other(ip: &str, prefix: u8) -> KernelAddress {
    KernelAddress { ifindex: OTHER, ip: ip.parse().unwrap(), prefix, usable: true, marked: false }
}

#[test]
fn the_interface_to_the_gateway_of_a_route_without_dev_must_be_up() {
    for (gateway, own, prefix) in [("10.0.2.254", "10.0.2.1", 24), ("fd02::254", "fd02::1", 64)] {
        for hop in [false, true] {
            let mut row = instance("VI", 51);
            let mut route = through(gateway);
            if hop {
                let via = route.via.take();
                route.hops = vec![NextHop { via, ..NextHop::default() }];
            }
            row.routes = vec![route];
            let mut lan = start(one(row.clone()), Some(true));
            lan.event(0, Event::AddressAdded(of_other(own, prefix)));
            lan.run(ms(1000));
            assert_eq!(lan.masters("VI"), [0]);
            lan.event(0, Event::Link(other(false)));
            assert_eq!((lan.routers[0].state("VI"), causes(&lan)), (State::Fault, vec![down()]));
            // The kernel removes the IPv6 addresses of an interface that is set down.
            lan.event(0, Event::AddressGone(of_other(own, prefix)));
            lan.run(ms(1000));
            assert_eq!(lan.routers[0].state("VI"), State::Fault, "{gateway}");
            lan.event(0, Event::Link(other(true)));
            lan.event(0, Event::AddressAdded(of_other(own, prefix)));
            lan.run(ms(1000));
            assert_eq!(lan.masters("VI"), [0]);
            lan.event(0, Event::LinkGone(OTHER));
            assert_eq!(causes(&lan)[1], missing());
            // An interface with another index and name leads to the gateway now.
            lan.event(0, Event::Link(Interface { index: 9, name: "eth2".into(), ..other(true) }));
            lan.event(0, Event::AddressAdded(KernelAddress { ifindex: 9, ..of_other(own, prefix) }));
            lan.run(ms(1000));
            assert_eq!(lan.masters("VI"), [0]);

            row.routes[0].no_track = true;
            lan.event(0, Event::Configure(Box::new(one(row))));
            lan.event(0, Event::LinkGone(9));
            lan.run(ms(1000));
            assert_eq!((lan.masters("VI"), causes(&lan).len()), (vec![0], 2));
        }
    }
}

#[test]
fn of_several_interfaces_to_a_gateway_those_with_the_longest_prefix_count() {
    let mut row = instance("VI", 51);
    row.routes = vec![through("10.0.2.254")];
    let mut lan = start(one(row), Some(true));
    let wide = Interface { index: 4, name: "eth2".into(), ..other(true) };
    lan.event(0, Event::Link(wide.clone()));
    lan.event(0, Event::AddressAdded(KernelAddress { ifindex: 4, ..of_other("10.0.3.1", 16) }));
    lan.event(0, Event::AddressAdded(of_other("10.0.2.1", 24)));
    lan.run(ms(1000));
    lan.event(0, Event::Link(Interface { up: false, ..wide.clone() }));
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    lan.event(0, Event::Link(other(false)));
    assert_eq!(causes(&lan), [down()]);
    // The wider network leads there when the address of the other is removed.
    lan.event(0, Event::Link(wide));
    lan.event(0, Event::AddressGone(of_other("10.0.2.1", 24)));
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
}

#[test]
fn the_interface_of_an_address_added_by_a_reload_must_be_up_for_the_whole_group() {
    let mut second = instance("B", 52);
    let file = |second: &Instance| config(vec![instance("A", 51), second.clone()], vec![group("G", &["A", "B"])]);
    let mut lan = start(file(&second), Some(false));
    lan.run(ms(1000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
    second.addresses.push(on_other("10.0.2.52"));
    lan.event(0, Event::Configure(Box::new(file(&second))));
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("A"), lan.routers[0].state("B")), (State::Fault, State::Fault));
    assert_eq!(causes(&lan), [down(), Cause::Fault(Fault::SyncGroup("B".into()))]);
    second.addresses.pop();
    lan.event(0, Event::Configure(Box::new(file(&second))));
    lan.run(ms(1000));
    assert_eq!((lan.masters("A"), lan.masters("B")), (vec![0], vec![0]));
}

#[test]
fn a_priority_change_reports_its_interface() {
    let mut row = instance("VI", 51);
    row.trackers = vec![Track { kind: TrackerKind::Interface, name: "eth1".into(), weight: -30, reverse: false }];
    let mut lan = start(one(row.clone()), Some(true));
    lan.event(0, Event::Link(other(false)));
    lan.event(0, Event::LinkGone(OTHER));
    lan.event(0, Event::SetBasePriority(crate::vrrp::InstanceId(1), 90));
    row.priority = 80;
    lan.event(0, Event::Configure(Box::new(one(row))));
    let priorities: Vec<_> = (lan.routers[0].changes.iter())
        .filter_map(|(_, change)| match change {
            Change::Priority { from, to, occasion, .. } => Some((*from, *to, occasion.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(
        priorities,
        [
            (100, 70, Occasion::Link("eth1".into(), LinkState::Down)),
            (70, 60, Occasion::Set(100, 90)),
            (60, 50, Occasion::Reload)
        ]
    );
    let links: Vec<_> = (lan.routers[0].changes.iter())
        .filter_map(|(_, change)| match change {
            Change::Link { name, to } => Some((name.as_str(), *to)),
            _ => None,
        })
        .collect();
    assert_eq!(links, [("eth1", LinkState::Down), ("eth1", LinkState::Gone)]);
}

#[test]
fn links_that_no_instance_uses_cause_no_change() {
    let mut lan = start(one(instance("VI", 51)), None);
    lan.run(ms(1000));
    lan.routers[0].changes.clear();
    for index in 100..200 {
        lan.event(0, Event::Link(Interface { index, name: format!("veth{index}"), ..Interface::default() }));
        let ip = IpAddr::from([172, 16, 0, u8::try_from(index).unwrap()]);
        lan.event(0, Event::AddressAdded(KernelAddress { ifindex: index, ..kernel_address(ip, 24) }));
        lan.event(0, Event::LinkGone(index));
    }
    assert_eq!(lan.routers[0].changes, []);
    assert_eq!(lan.masters("VI"), [0]);
}

#[test]
fn a_configured_source_must_be_on_the_host() {
    let ip: IpAddr = "192.0.2.1".parse().unwrap();
    let row = Instance { source: Some(ip), ..instance("VI", 51) };
    let mut lan = start(one(row), None);
    lan.run(ms(1000));
    assert_eq!(causes(&lan), [Cause::Fault(Fault::SourceMissing(ip))]);
    // The address may be on any interface.
    let lo = Interface { index: 1, name: "lo".into(), up: true, ..Interface::default() };
    lan.event(0, Event::Link(lo));
    let on_lo = KernelAddress { ifindex: 1, ..kernel_address(ip, 32) };
    lan.event(0, Event::AddressAdded(on_lo));
    assert_eq!(lan.routers[0].state("VI"), State::Backup);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    lan.event(0, Event::AddressGone(on_lo));
    lan.run(ms(500));
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    lan.event(0, Event::AddressAdded(on_lo));
    lan.run(ms(1000));
    lan.event(0, Event::AddressGone(on_lo));
    lan.run(ms(20));
    lan.event(0, Event::AddressAdded(on_lo));
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    lan.event(0, Event::LinkGone(1));
    lan.run(ms(500));
    assert_eq!((lan.routers[0].state("VI"), causes(&lan).len()), (State::Fault, 3));
}

#[test]
fn a_tentative_address_is_no_source_address() {
    let ip: IpAddr = "fd00::1".parse().unwrap();
    let mut row =
        Instance { source: Some(ip), family: Family::V6, group: "ff02::12".parse().unwrap(), ..instance("VI", 51) };
    row.addresses = vec![Address::plain("fd00::51".parse().unwrap(), 64, "eth0")];
    let mut lan = start(one(row), None);
    let address = KernelAddress { usable: false, ..kernel_address(ip, 64) };
    lan.event(0, Event::AddressAdded(address));
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    lan.event(0, Event::AddressAdded(KernelAddress { usable: true, ..address }));
    assert_eq!(lan.routers[0].state("VI"), State::Backup);
}

#[test]
fn addresses_that_do_not_fit_into_an_advert_are_treated_as_excluded() {
    let ip = |n: u16| Address::plain(IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 1, n]), 64, "eth0");
    let mut row = Instance { family: Family::V6, group: "ff02::12".parse().unwrap(), ..instance("VI", 51) };
    row.addresses = (1..=201).map(ip).collect();
    let mut lan = Lan::new(vec![one(row.clone()), one(Instance { priority: 200, ..row })]);
    for at in 0..2 {
        lan.routers[at].ip = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, at as u16 + 1]);
        lan.routers[at].host = [(lan.routers[at].ip, 64)].into();
        lan.routers[at].mtu = 1500;
        let link = lan.routers[at].link(true);
        lan.event(at, Event::Interfaces(vec![link]));
    }
    lan.run(ms(2000));
    assert_eq!(lan.masters("VI"), [1]);
    // 1500 octets minus the IPv6 and VRRP headers, divided by 16.
    let fits = |lan: &Lan| usize::from(lan.routers[1].sent.last().unwrap().1[3]);
    assert_eq!(fits(&lan), 90);
    assert_eq!(lan.routers[1].sent.last().unwrap().1.len(), 8 + 90 * 16);
    assert_eq!(lan.routers[1].kernel.len(), 201, "all addresses are set");
    let advertised = lan.routers[1].vrrp.tables.addresses.values().filter(|row| row.advertised).count();
    assert_eq!(advertised, 90);
    let cuts = |lan: &Lan, at: usize| -> Vec<(usize, usize, u32)> {
        let of = |change: &Change| match change {
            Change::AddressesCut { fit, of, mtu, .. } => Some((*fit, *of, *mtu)),
            _ => None,
        };
        lan.routers[at].changes.iter().filter_map(|(_, change)| of(change)).collect()
    };
    assert_eq!(cuts(&lan, 1), [(90, 201, 1500)]);
    let complained = lan.routers[0].changes.iter().any(|(_, change)| matches!(change, Change::Complaint { .. }));
    assert!(!complained, "both routers have the same limit");
    // A larger MTU later.
    lan.routers[1].mtu = 9000;
    let link = lan.routers[1].link(true);
    lan.event(1, Event::Link(link));
    lan.run(ms(200));
    assert_eq!(fits(&lan), 201);
    lan.routers[1].mtu = 1280;
    let link = lan.routers[1].link(true);
    lan.event(1, Event::Link(link));
    lan.run(ms(200));
    assert_eq!((fits(&lan), cuts(&lan, 1).last()), (77, Some(&(77, 201, 1280))));
}

#[test]
fn the_limit_for_ipv4_adverts_includes_all_headers() {
    let mut row = instance("VI", 51);
    row.addresses = (0..200).map(|n| address(&format!("10.0.1.{n}"))).collect();
    let fit = |change: &dyn Fn(&mut Instance)| {
        let mut row = row.clone();
        change(&mut row);
        let mut lan = Lan::new(vec![one(row)]);
        lan.routers[0].mtu = 576;
        let link = lan.routers[0].link(true);
        assert_eq!(link.index, IFINDEX);
        assert!(link.addresses.iter().all(|known: &InterfaceAddress| !known.marked));
        lan.event(0, Event::Link(link));
        lan.routers[0].vrrp.tables.instances.values().next().unwrap().advertised
    };
    assert_eq!(fit(&|_| {}), (576 - 20 - 8) / 4);
    assert_eq!(fit(&|row| row.version = crate::config::model::Version::V2), (576 - 20 - 8 - 8) / 4);
    let ah = |row: &mut Instance| {
        row.version = crate::config::model::Version::V2;
        row.authentication = Some(crate::config::model::Authentication::Ah([1; 8]));
    };
    assert_eq!(fit(&ah), (576 - 20 - 24 - 8 - 8) / 4);
}
