//! Tests of unicast instances without an interface, with and without `vrf`, on simulated LANs.

use super::lan::{Lan, OTHER, config, instance, ms};
use crate::config::model::{Config, Instance, OldChecksum, Unicast, UnicastPeer};
use crate::vrrp::{Event, Fault, Interface, Received, State};

/// The virtual router 51 of router `own`, with router `peer`.
fn unbound(own: u8, peer: u8, priority: u8) -> Instance {
    let peers = vec![UnicastPeer { ip: [10, 0, 0, peer].into(), min_ttl: 0, max_ttl: 255 }];
    let unicast = Unicast { peers, check_source: true, ttl: 255, old_checksum: OldChecksum::WhenHeard };
    let (source, unicast) = (Some([10, 0, 0, own].into()), Some(unicast));
    Instance { interface: String::new(), source, unicast, priority, ..instance("A", 51) }
}

fn alone(row: Instance) -> Config {
    config(vec![row], Vec::new())
}

fn fault(lan: &Lan) -> Option<Fault> {
    lan.routers[0].vrrp.tables().instances.values().next().unwrap().fault.clone()
}

#[test]
fn the_better_router_is_master() {
    let mut lan = Lan::new(vec![alone(unbound(1, 2, 200)), alone(unbound(2, 1, 100))]);
    lan.run(ms(3000));
    assert_eq!(lan.masters("A"), [0]);
    assert_eq!(lan.routers[0].vrrp.tables().instances.values().next().unwrap().wire(), Some(0));
    lan.kill(0);
    lan.run(ms(1000));
    assert_eq!(lan.masters("A"), [1]);
}

#[test]
fn it_follows_its_source_address() {
    let mut lan = Lan::new(vec![alone(unbound(1, 2, 200))]);
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("A"), State::Master);
    lan.host_removes(0, "10.0.0.1", 24);
    lan.run(ms(400));
    assert_eq!(lan.routers[0].state("A"), State::Master, "network managers remove addresses for a moment");
    lan.run(ms(200));
    assert_eq!(fault(&lan), Some(Fault::SourceMissing([10, 0, 0, 1].into())));
    lan.host_adds(0, "10.0.0.1", 24);
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("A"), State::Master);
}

/// Its socket receives all unicast adverts of the host, and the sockets of other instances receive its own.
#[test]
fn adverts_for_others_are_not_counted() {
    let mut other = instance("B", 52);
    other.addresses.clear();
    let mut lan = Lan::new(vec![config(vec![unbound(1, 2, 100), other], Vec::new())]);
    lan.run(ms(1000));
    // An advert of version 3, VRID 51, priority 255, one second, no addresses and a wrong checksum.
    let payload = [0x31, 51, 255, 0, 0, 100, 0, 0];
    let mut receive = |ifindex: u32, destination: [u8; 4]| {
        let (source, destination) = ([10, 0, 0, 2].into(), destination.into());
        let packet = Received { ifindex, source, destination, ttl: 255, authenticated: None, payload: &payload };
        lan.event(0, Event::Packet(packet));
        let tables = lan.routers[0].vrrp.tables();
        let errors =
            tables.instances.values().map(|row| row.counters.checksum_errors + row.counters.length_errors).sum::<u64>();
        (tables.router_counters.unknown_vrids(), errors)
    };
    assert_eq!(receive(0, [10, 0, 0, 9]), (0, 0), "another address of the host");
    assert_eq!(receive(2, [10, 0, 0, 1]), (0, 0), "by the socket of B");
    assert_eq!(receive(2, [10, 0, 0, 9]), (1, 0), "for nobody");
    assert_eq!(receive(0, [10, 0, 0, 1]), (1, 1), "its own, which is not valid");
}

#[test]
fn a_vrf_must_exist() {
    let vrf = |up| Interface { index: OTHER, name: "blue".into(), up, vrf_table: Some(10), ..Interface::default() };
    let row = Instance { vrf: Some("blue".into()), ..unbound(1, 2, 200) };
    let mut lan = Lan::new(vec![alone(row)]);
    lan.run(ms(1000));
    assert_eq!(fault(&lan), Some(Fault::InterfaceMissing("blue".into())));
    lan.event(0, Event::Link(vrf(true)));
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("A"), State::Master);
    assert_eq!(lan.routers[0].vrrp.tables().instances.values().next().unwrap().wire(), Some(OTHER));
    lan.event(0, Event::Link(vrf(false)));
    assert_eq!(fault(&lan), Some(Fault::InterfaceDown("blue".into())));
    lan.event(0, Event::LinkGone(OTHER));
    assert_eq!(fault(&lan), Some(Fault::InterfaceMissing("blue".into())));
}
