//! Tests of `unicast_peer`: destinations of adverts, and accepted senders.

use std::net::IpAddr;

use super::lan::{IFINDEX, Lan, config, instance, ms};
use crate::config::model::{Config, Instance, OldChecksum, Unicast, UnicastPeer};
use crate::vrrp::{Cause, Change, Complaint, Event, Fault, Received, State};
use crate::wire::vrrp::{Advertisement, Checksum, VersionFields};

const OLD_GROUP: &str = "224.0.0.18";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn peers(peers: &[&str]) -> Option<Unicast> {
    let peers = peers.iter().map(|peer| UnicastPeer { ip: ip(peer), min_ttl: 0, max_ttl: 255 }).collect();
    Some(Unicast { peers, check_source: false, ttl: 255, old_checksum: OldChecksum::WhenHeard })
}

fn router(priority: u8, to: &[&str]) -> Config {
    config(vec![Instance { priority, unicast: peers(to), ..instance("VI", 51) }], Vec::new())
}

/// An advert with priority 200, whose checksum covers the destination `counted`.
fn advert(source: &str, counted: &str) -> Vec<u8> {
    let version = VersionFields::V3 { interval_centiseconds: 10, checksum: Checksum::PseudoHeader };
    let addresses = [ip("10.0.1.51")];
    Advertisement { vrid: 51, priority: 200, version, addresses: &addresses }.to_bytes(ip(source), ip(counted))
}

/// Whether router 0 yields to an advert.
fn yields(lan: &mut Lan, source: &str, destination: &str, ttl: u8) -> bool {
    hears(lan, source, destination, ttl, &advert(source, destination));
    lan.masters("VI") != [0]
}

fn hears(lan: &mut Lan, source: &str, destination: &str, ttl: u8, payload: &[u8]) {
    let (source, destination, authenticated) = (ip(source), ip(destination), None);
    let packet = Received { ifindex: IFINDEX, source, destination, ttl, authenticated, payload };
    lan.event(0, Event::Packet(packet));
}

fn complaints(lan: &Lan) -> Vec<Complaint> {
    let of = |(_, change): &(_, Change)| match change {
        Change::Complaint { complaint, .. } => Some(*complaint),
        _ => None,
    };
    lan.routers[0].changes.iter().filter_map(of).collect()
}

/// A single router that has become master.
fn lone_master(unicast: Option<Unicast>) -> Lan {
    let mut lan = Lan::new(vec![config(vec![Instance { unicast, ..instance("VI", 51) }], Vec::new())]);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [0]);
    lan
}

#[test]
fn peers_elect_one_master_and_send_to_no_other_router() {
    let all = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    let others = |own: usize| all.iter().copied().filter(|ip| *ip != all[own]).collect::<Vec<_>>();
    let mut configs: Vec<Config> =
        [(200, 0), (150, 1), (100, 2)].map(|(priority, own)| router(priority, &others(own))).into();
    // The same VRID with multicast.
    configs.push(config(vec![instance("VI", 51)], Vec::new()));
    let mut lan = Lan::new(configs);
    lan.run(ms(2000));
    assert_eq!(lan.masters("VI"), [0, 3]);
    lan.kill(0);
    lan.run(ms(1000));
    assert_eq!(lan.masters("VI"), [1, 3]);
    let rows = lan.routers[3].vrrp.tables.instances.values();
    assert_eq!(rows.map(|row| row.counters.adverts_received).sum::<u64>(), 0);
}

#[test]
fn each_peer_gets_a_message_with_its_own_checksum() {
    let mut lan = lone_master(peers(&["10.0.0.8", "10.0.0.9"]));
    let sent = lan.routers[0].sent.len();
    lan.run(ms(100));
    let messages: Vec<_> = lan.routers[0].sent[sent..].iter().map(|(_, message)| message.clone()).collect();
    let of = |destination: &str| {
        let version = VersionFields::V3 { interval_centiseconds: 10, checksum: Checksum::PseudoHeader };
        let addresses = [ip("10.0.1.51")];
        let advert = Advertisement { vrid: 51, priority: 100, version, addresses: &addresses };
        advert.to_bytes(ip("10.0.0.1"), ip(destination))
    };
    assert_eq!(messages, [of("10.0.0.8"), of("10.0.0.9")]);
}

#[test]
fn unknown_senders_are_accepted_unless_check_unicast_src_is_set() {
    assert!(yields(&mut lone_master(peers(&["10.0.0.9"])), "10.0.0.77", "10.0.0.1", 3));
    let checking = peers(&["10.0.0.9"]).map(|unicast| Unicast { check_source: true, ..unicast });
    let mut lan = lone_master(checking);
    assert!(!yields(&mut lan, "10.0.0.77", "10.0.0.1", 255));
    assert_eq!(complaints(&lan), [Complaint::NoPeer]);
    assert!(yields(&mut lan, "10.0.0.9", "10.0.0.1", 255));
}

#[test]
fn the_ttl_must_be_within_the_limits_of_the_peer() {
    let limited = |min_ttl, max_ttl| {
        let peers = vec![UnicastPeer { ip: ip("10.0.0.9"), min_ttl, max_ttl }];
        Some(Unicast { peers, check_source: true, ttl: 255, old_checksum: OldChecksum::Never })
    };
    for (ttl, taken) in [(252, false), (253, true), (254, true), (255, false)] {
        let mut lan = lone_master(limited(253, 254));
        assert_eq!(yields(&mut lan, "10.0.0.9", "10.0.0.1", ttl), taken, "{ttl}");
        assert_eq!(complaints(&lan).contains(&Complaint::Ttl), !taken);
    }
}

#[test]
fn multicast_to_a_unicast_instance_is_refused_and_vice_versa() {
    let mut lan = lone_master(peers(&["10.0.0.9"]));
    assert!(!yields(&mut lan, "10.0.0.9", OLD_GROUP, 255));
    assert_eq!(complaints(&lan), [Complaint::Cast]);
    let mut lan = lone_master(None);
    assert!(!yields(&mut lan, "10.0.0.9", "10.0.0.1", 255));
    assert_eq!(complaints(&lan), [Complaint::Cast]);
}

/// They have the same peer, too.
#[test]
fn instances_with_different_addresses_can_share_a_vrid() {
    let other = Instance { unicast: peers(&["10.0.0.8"]), ..instance("A", 51) };
    let named = Instance { name: "B".to_owned(), source: Some(ip("10.0.0.1")), ..other.clone() };
    let mut lan = Lan::new(vec![config(vec![other, named], Vec::new())]);
    lan.run(ms(1000));
    hears(&mut lan, "10.0.0.8", "10.0.0.1", 255, &advert("10.0.0.8", "10.0.0.1"));
    assert_eq!((lan.masters("A").len(), lan.masters("B").len()), (1, 0), "the advert is for B");
}

#[test]
fn instances_with_different_peers_can_share_a_vrid() {
    let named = |name: &str, unicast| Instance { unicast, ..instance(name, 51) };
    let instances = vec![named("A", peers(&["10.0.0.8"])), named("B", peers(&["10.0.0.9"])), named("M", None)];
    for (source, destination, yielding) in
        [("10.0.0.8", "10.0.0.1", "A"), ("10.0.0.9", "10.0.0.1", "B"), ("10.0.0.9", OLD_GROUP, "M")]
    {
        let mut lan = Lan::new(vec![config(instances.clone(), Vec::new())]);
        lan.run(ms(1000));
        hears(&mut lan, source, destination, 255, &advert(source, destination));
        for name in ["A", "B", "M"] {
            assert_eq!(lan.masters(name).is_empty(), name == yielding, "{source} to {destination}: {name}");
        }
    }
}

#[test]
fn the_old_checksum_is_accepted_and_answered_unless_never() {
    let with = |old_checksum| peers(&["10.0.0.9"]).map(|unicast| Unicast { old_checksum, ..unicast });
    let old = advert("10.0.0.9", OLD_GROUP);
    for (form, taken, sends_old) in
        [(OldChecksum::WhenHeard, true, true), (OldChecksum::Always, true, true), (OldChecksum::Never, false, false)]
    {
        let mut lan = lone_master(with(form));
        hears(&mut lan, "10.0.0.9", "10.0.0.1", 255, &old);
        assert_eq!(lan.masters("VI").is_empty(), taken, "{form:?}");
        lan.run(ms(1000));
        assert_eq!(lan.masters("VI"), [0], "the other router is silent");
        let version = VersionFields::V3 { interval_centiseconds: 10, checksum: Checksum::PseudoHeader };
        let addresses = [ip("10.0.1.51")];
        let counted = ip(if sends_old { OLD_GROUP } else { "10.0.0.9" });
        let message = Advertisement { vrid: 51, priority: 100, version, addresses: &addresses };
        let expected = message.to_bytes(ip("10.0.0.1"), counted);
        assert_eq!(lan.routers[0].sent.last().map(|(_, sent)| sent), Some(&expected), "{form:?}");
    }
}

#[test]
fn no_peer_is_a_fault() {
    let mut lan = Lan::new(vec![router(100, &[])]);
    lan.run(ms(1000));
    assert_eq!(lan.routers[0].state("VI"), State::Fault);
    let cause = lan.routers[0].changes.iter().find_map(|(_, change)| match change {
        Change::Instance { cause, .. } => Some(cause.clone()),
        _ => None,
    });
    assert!(matches!(cause, Some(Cause::Fault(Fault::NoPeer))));
}
