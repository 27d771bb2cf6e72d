//! Tests of VMACs for addresses (`use_vmac_addr`, `use_vmac` of an address) and of ipvlans on a simulated LAN.

use std::net::IpAddr;

use super::lan::{Lan, OTHER, config, instance, ms};
use crate::config::model::{
    Address, AddressLink, Config, Family, Instance, IpvlanMode, OwnLink, OwnLinkKind, virtual_mac,
};
use crate::vrrp::{Event, Fault, Held, Interface, OwnLinkId, State, Tables, Vrrp};

/// An instance with an address on eth0, and these addresses on VMACs over eth1.
fn with_others(name: &str, vrid: u8, others: &[&str]) -> Instance {
    let mut row = instance(name, vrid);
    for ip in others {
        let address = Address { own_vmac: true, ..Address::plain(ip.parse().unwrap(), 32, "eth1") };
        let family = Family::of(address.ip);
        if !row.address_links.iter().any(|link| link.carries(&address)) {
            let kind = OwnLinkKind::Vmac { mac: virtual_mac(vrid, family), xmit_base: false };
            let link = OwnLink { name: None, prefix: "va".into(), group: None, kind };
            row.address_links.push(AddressLink { base: "eth1".into(), family, tracked: true, link });
        }
        row.excluded.push(address);
    }
    row
}

fn alone(row: Instance) -> Config {
    config(vec![row], Vec::new())
}

fn eth1(up: bool) -> Interface {
    let mac = Some([2, 0, 0, 0, 0, 9]);
    Interface { index: OTHER, name: "eth1".into(), up, mac, group: 7, ..Interface::default() }
}

/// A router with two interfaces.
fn router(row: Instance) -> Lan {
    let mut lan = Lan::new(vec![alone(row)]);
    lan.routers[0].second = Some(eth1(true));
    lan.event(0, Event::Link(eth1(true)));
    lan.run(ms(2000));
    lan.routers[0].changes.clear();
    lan
}

fn names(lan: &Lan) -> Vec<&str> {
    lan.routers[0].vmacs.values().map(|link| link.name.as_str()).collect()
}

/// Names of the interfaces that the instance's addresses are set on, by address.
fn carriers(lan: &Lan) -> Vec<(String, String)> {
    let tables = lan.routers[0].vrrp.tables();
    let set = tables.addresses.iter().filter(|(_, row)| row.state.installed);
    set.map(|(id, row)| (row.config.ip.to_string(), tables.device(*id).to_owned())).collect()
}

fn reload(lan: &mut Lan, row: Instance) {
    lan.event(0, Event::Configure(Box::new(alone(row))));
    lan.run(ms(1000));
}

#[test]
fn addresses_of_an_interface_and_family_share_a_vmac() {
    let lan = router(with_others("A", 51, &["10.2.0.1", "fd00::1", "10.2.0.2"]));
    let vmac = |name: &str, mac| (name.to_owned(), Some(mac), OTHER, 7);
    let found = lan.routers[0].vmacs.values().map(|link| {
        let OwnLinkKind::Vmac { mac, .. } = link.kind else { panic!("{link:?}") };
        (link.name.clone(), Some(mac), link.base, link.group)
    });
    let found: Vec<_> = found.collect();
    assert_eq!(found, [vmac("va.51", [0, 0, 0x5e, 0, 1, 51]), vmac("va6.51", [0, 0, 0x5e, 0, 2, 51])]);
    let on = |ip: &str, name: &str| (ip.to_owned(), name.to_owned());
    let expected = [on("10.0.1.51", "eth0"), on("10.2.0.1", "va.51"), on("fd00::1", "va6.51"), on("10.2.0.2", "va.51")];
    assert_eq!(carriers(&lan), expected);
    assert_eq!(lan.routers[0].state("A"), State::Master);
}

#[test]
fn a_vmac_goes_with_its_last_address_and_others_stay_over_a_reload() {
    let mut lan = router(with_others("A", 51, &["10.2.0.1", "10.2.0.2", "fd00::1"]));
    assert_eq!(lan.routers[0].vmacs.keys().copied().collect::<Vec<_>>(), [10, 11]);
    reload(&mut lan, with_others("A", 51, &["fd00::1", "10.2.0.2"]));
    assert_eq!(lan.routers[0].vmacs.keys().copied().collect::<Vec<_>>(), [10, 11], "the order is of no matter");
    reload(&mut lan, with_others("A", 51, &["fd00::1"]));
    assert_eq!((names(&lan), carriers(&lan).len()), (vec!["va6.51"], 2));
    reload(&mut lan, with_others("A", 51, &["fd00::1", "10.2.0.3"]));
    assert_eq!(lan.routers[0].vmacs.keys().copied().collect::<Vec<_>>(), [11, 12]);
    assert_eq!(carriers(&lan).last().map(|(_, name)| name.clone()), Some("va.51".into()));
    assert!(!lan.routers[0].changes.iter().any(|(_, change)| is_transition(change)));
    lan.event(0, Event::Stop { keep_addresses: false });
    lan.run(ms(100));
    assert!(lan.routers[0].vmacs.is_empty() && lan.routers[0].kernel.is_empty() && lan.routers[0].vrrp.is_stopped());
}

fn is_transition(change: &crate::vrrp::Change) -> bool {
    matches!(change, crate::vrrp::Change::Instance { .. })
}

#[test]
fn a_missing_vmac_for_addresses_is_a_fault_unless_they_are_not_tracked() {
    for tracked in [true, false] {
        let mut row = with_others("A", 51, &["10.2.0.1"]);
        row.address_links[0].tracked = tracked;
        row.excluded[0].no_track = !tracked;
        let mut lan = router(row);
        assert_eq!(lan.routers[0].state("A"), State::Master);
        lan.routers[0].refuses_links = true;
        lan.remove_vmac(0, 10);
        lan.run(ms(100));
        let fault = |lan: &Lan| lan.routers[0].vrrp.tables().instances.values().next().unwrap().fault.clone();
        let missing = tracked.then(|| Fault::LinkMissing { kind: "VMAC".into(), name: "va.51".into() });
        assert_eq!(fault(&lan), missing);
        lan.routers[0].refuses_links = false;
        lan.run(ms(4000));
        assert_eq!((fault(&lan), names(&lan), carriers(&lan).len()), (None, vec!["va.51"], 2));
    }
}

#[test]
fn the_lower_interface_comes_later() {
    let mut lan = Lan::new(vec![alone(with_others("A", 51, &["10.2.0.1"]))]);
    lan.run(ms(1000));
    assert_eq!((lan.routers[0].state("A"), names(&lan).len()), (State::Fault, 0));
    lan.event(0, Event::Link(eth1(true)));
    lan.run(ms(2000));
    assert_eq!((lan.routers[0].state("A"), names(&lan)), (State::Master, vec!["va.51"]));
    // It goes with its VMAC and is created again, all in one burst.
    lan.remove_vmac(0, 10);
    lan.event(0, Event::LinkGone(OTHER));
    lan.event(0, Event::Link(eth1(true)));
    lan.run(ms(2000));
    assert_eq!((lan.routers[0].state("A"), names(&lan), carriers(&lan).len()), (State::Master, vec!["va.51"], 2));
}

#[test]
fn the_links_of_a_killed_process_are_adopted_or_removed() {
    let mut lan = router(with_others("A", 51, &["10.2.0.1", "fd00::1"]));
    let held = lan.routers[0].vrrp.held();
    assert_eq!(held.list().iter().filter(|entry| entry.starts_with("VMAC")).count(), 2);
    lan.kill(0);
    lan.routers[0].vrrp = Vrrp::new(Tables::new(alone(with_others("A", 51, &["fd00::1"])), "test".into()));
    lan.routers[0].vrrp.inherit(held);
    lan.routers[0].alive = true;
    lan.routers[0].timers.clear();
    lan.start(0);
    lan.run(ms(2000));
    assert_eq!(lan.routers[0].vmacs.keys().copied().collect::<Vec<_>>(), [11], "one adopted, one removed");
    assert_eq!(carriers(&lan).len(), 2);
}

#[test]
fn a_link_local_address_that_a_vmac_has_from_its_lower_interface() {
    let mut lan = router(with_others("A", 51, &["fd00::1"]));
    let address = |lan: &Lan| {
        let tables = lan.routers[0].vrrp.tables();
        tables.own_link(OwnLinkId(crate::vrrp::InstanceId(1), 1)).unwrap().1.address
    };
    assert_eq!(address(&lan), None);
    let ip: IpAddr = "fe80::9".parse().unwrap();
    let known = crate::vrrp::KernelAddress { ifindex: OTHER, ip, prefix: 64, usable: true, marked: false };
    lan.event(0, Event::AddressAdded(known));
    lan.run(ms(100));
    assert_eq!(address(&lan), Some((ip, 64)));
}

mod ipvlan {
    use super::*;

    fn with_ipvlan(address: Option<&str>) -> Instance {
        let address = address.map(|ip| (ip.parse().unwrap(), 24));
        let kind = OwnLinkKind::Ipvlan { address, mode: IpvlanMode::Private };
        let link = OwnLink { name: None, prefix: "vrrp".into(), group: Some(9), kind };
        Instance { link: Some(link), ..instance("A", 51) }
    }

    #[test]
    fn adverts_leave_from_it_and_addresses_are_on_the_lower_interface() {
        let mut lan = router(with_ipvlan(Some("10.0.0.50")));
        let row = lan.routers[0].vrrp.tables().instances.values().next().unwrap();
        assert_eq!((row.state, row.wire(), row.source), (State::Master, Some(10), "10.0.0.50".parse().ok()));
        assert_eq!(row.interface_name(), "vrrp.51");
        assert_eq!(carriers(&lan), [("10.0.1.51".to_owned(), "eth0".to_owned())]);
        assert_eq!(lan.routers[0].vmacs[&10].group, 9);
        assert!(lan.routers[0].firewall.is_empty(), "no rules for VMACs");
        lan.remove_vmac(0, 10);
        lan.run(ms(1000));
        assert_eq!((lan.routers[0].state("A"), names(&lan)), (State::Master, vec!["vrrp.51"]));
        lan.event(0, Event::Stop { keep_addresses: false });
        lan.run(ms(100));
        assert!(lan.routers[0].vmacs.is_empty() && lan.routers[0].vrrp.is_stopped());
    }

    #[test]
    fn without_an_address_there_is_no_source() {
        let lan = router(with_ipvlan(None));
        let row = lan.routers[0].vrrp.tables().instances.values().next().unwrap();
        assert_eq!((row.state, &row.fault), (State::Fault, &Some(Fault::NoSource("vrrp.51".into()))));
    }

    #[test]
    fn that_of_an_earlier_run_is_adopted_or_removed() {
        for adopted in [true, false] {
            let mut lan = router(with_ipvlan(Some("10.0.0.50")));
            let held: Held = lan.routers[0].vrrp.held();
            assert_eq!(held.list().first().map(String::as_str), Some("ipvlan vrrp.51"));
            lan.kill(0);
            let row = if adopted { with_ipvlan(Some("10.0.0.50")) } else { instance("A", 51) };
            lan.routers[0].vrrp = Vrrp::new(Tables::new(alone(row), "test".into()));
            lan.routers[0].vrrp.inherit(held);
            lan.routers[0].alive = true;
            lan.routers[0].timers.clear();
            lan.start(0);
            lan.run(ms(2000));
            let left: &[u32] = if adopted { &[10] } else { &[] };
            assert_eq!(lan.routers[0].vmacs.keys().copied().collect::<Vec<_>>(), left);
            assert_eq!(lan.routers[0].state("A"), State::Master);
        }
    }

    #[test]
    fn a_new_address_replaces_it() {
        let mut lan = router(with_ipvlan(Some("10.0.0.50")));
        reload(&mut lan, with_ipvlan(Some("10.0.0.60")));
        let row = lan.routers[0].vrrp.tables().instances.values().next().unwrap();
        assert_eq!((row.state, row.source), (State::Master, "10.0.0.60".parse().ok()));
        assert_eq!(names(&lan), ["vrrp.51"]);
        reload(&mut lan, instance("A", 51));
        assert!(names(&lan).is_empty());
        assert_eq!(lan.routers[0].state("A"), State::Master);
    }
}
