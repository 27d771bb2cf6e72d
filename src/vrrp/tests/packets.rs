//! Tests of each check on reception (RFC 9568 section 7.1; UNH-IOL tests 4.1 to 4.8): the packet is refused and counted,
//! without any other effect.

use std::net::IpAddr;

use proptest::prelude::*;

use super::lan::{IFINDEX, Lan, config, instance, ms};
use crate::config::model::{Authentication, Config, Version};
use crate::vrrp::{Counters, Event, Received, State};
use crate::wire::vrrp::{AUTH_NONE, AUTH_PASS, Advertisement, Checksum, VersionFields};

const PASSWORD: [u8; 8] = *b"secret\0\0";

fn v2(password: Option<[u8; 8]>) -> Config {
    let mut row = instance("VI", 51);
    row.version = Version::V2;
    row.advert_interval = ms(1000);
    row.authentication = password.map(Authentication::Pass);
    config(vec![row], Vec::new())
}

fn v3() -> Config {
    config(vec![instance("VI", 51)], Vec::new())
}

const V2_NONE: VersionFields = VersionFields::V2 { interval_seconds: 1, auth_type: AUTH_NONE, auth_data: [0; 8] };
const V2_PASS: VersionFields = VersionFields::V2 { interval_seconds: 1, auth_type: AUTH_PASS, auth_data: PASSWORD };
const V3: VersionFields = VersionFields::V3 { interval_centiseconds: 10, checksum: Checksum::PseudoHeader };

fn source() -> IpAddr {
    "10.0.0.77".parse().unwrap()
}

fn destination() -> IpAddr {
    "224.0.0.18".parse().unwrap()
}

fn advert(version: VersionFields, priority: u8) -> Vec<u8> {
    let addresses = ["10.0.1.51".parse().unwrap()];
    Advertisement { vrid: 51, priority, version, addresses: &addresses }.to_bytes(source(), destination())
}

/// Counters and state of a master after it receives the packet.
fn heard(config: Config, payload: &[u8], ttl: u8) -> (Counters, State) {
    let mut lan = Lan::new(vec![config]);
    lan.run(ms(6000));
    let authenticated = None;
    let packet =
        Received { ifindex: IFINDEX, source: source(), destination: destination(), ttl, authenticated, payload };
    lan.event(0, Event::Packet(packet));
    let row = lan.routers[0].vrrp.tables.instances.values().next().unwrap();
    let mut counters = row.counters;
    (counters.adverts_sent, counters.become_master, counters.release_master) = (0, 0, 0);
    (counters, row.state)
}

fn refused(config: Config, payload: &[u8], ttl: u8, count: impl FnOnce(&mut Counters)) {
    let mut expected = Counters::default();
    count(&mut expected);
    assert_eq!(heard(config, payload, ttl), (expected, State::Master));
}

#[test]
fn a_master_yields_to_a_valid_advert_of_higher_priority() {
    for (config, version) in [(v3(), V3), (v2(None), V2_NONE), (v2(Some(PASSWORD)), V2_PASS)] {
        let (counters, state) = heard(config, &advert(version, 200), 255);
        assert_eq!((counters, state), (Counters { adverts_received: 1, ..Counters::default() }, State::Backup));
    }
}

#[test]
fn a_wrong_ttl_is_refused() {
    refused(v3(), &advert(V3, 200), 254, |counters| counters.ttl_errors = 1);
}

#[test]
fn a_wrong_version_is_refused() {
    refused(v2(None), &advert(V3, 200), 255, |counters| counters.version_errors = 1);
    refused(v3(), &advert(V2_NONE, 200), 255, |counters| counters.version_errors = 1);
}

#[test]
fn a_wrong_length_is_refused() {
    let bytes = advert(V3, 200);
    refused(v3(), &bytes[..bytes.len() - 1], 255, |counters| counters.length_errors = 1);
    let mut bytes = advert(V2_NONE, 200);
    bytes.push(0);
    refused(v2(None), &bytes, 255, |counters| counters.length_errors = 1);
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut bytes = advert(V3, 199);
    bytes[2] = 200;
    refused(v3(), &bytes, 255, |counters| counters.checksum_errors = 1);
}

#[test]
fn a_wrong_type_is_refused() {
    let mut bytes = advert(V3, 200);
    bytes[0] = 0x32;
    refused(v3(), &bytes, 255, |counters| counters.type_errors = 1);
}

#[test]
fn wrong_authentication_is_refused() {
    let unknown = VersionFields::V2 { interval_seconds: 1, auth_type: 9, auth_data: [0; 8] };
    refused(v2(None), &advert(unknown, 200), 255, |counters| counters.auth_type_invalid = 1);
    refused(v2(None), &advert(V2_PASS, 200), 255, |counters| counters.auth_type_mismatch = 1);
    refused(v2(Some(PASSWORD)), &advert(V2_NONE, 200), 255, |counters| counters.auth_type_mismatch = 1);
    refused(v2(Some(*b"another\0")), &advert(V2_PASS, 200), 255, |counters| counters.auth_failures = 1);
}

#[test]
fn a_different_interval_is_only_refused_by_version_2() {
    let slow = VersionFields::V2 { interval_seconds: 2, auth_type: AUTH_NONE, auth_data: [0; 8] };
    refused(v2(None), &advert(slow, 200), 255, |counters| {
        (counters.interval_errors, counters.other_intervals) = (1, 1);
    });
    let slow = VersionFields::V3 { interval_centiseconds: 20, checksum: Checksum::PseudoHeader };
    let (counters, state) = heard(v3(), &advert(slow, 200), 255);
    assert_eq!((counters.adverts_received, counters.interval_errors, state), (1, 1, State::Backup));
}

#[test]
fn an_interval_of_zero_is_refused() {
    let zero = VersionFields::V3 { interval_centiseconds: 0, checksum: Checksum::PseudoHeader };
    refused(v3(), &advert(zero, 200), 255, |counters| {
        (counters.interval_errors, counters.other_intervals) = (1, 1);
    });
}

#[test]
fn both_checksum_forms_of_version_3_are_accepted() {
    for ours in [false, true] {
        for checksum in [Checksum::Message, Checksum::PseudoHeader] {
            let mut config = v3();
            config.instances[0].v3_checksum_as_v2 = ours;
            let version = VersionFields::V3 { interval_centiseconds: 10, checksum };
            assert_eq!(heard(config, &advert(version, 200), 255).1, State::Backup);
        }
    }
}

#[test]
fn an_advert_with_other_addresses_is_counted_and_used() {
    let addresses = ["10.0.1.99".parse().unwrap()];
    let bytes =
        Advertisement { vrid: 51, priority: 200, version: V3, addresses: &addresses }.to_bytes(source(), destination());
    let (counters, state) = heard(v3(), &bytes, 255);
    assert_eq!((counters.adverts_received, counters.address_list_errors, state), (1, 1, State::Backup));
}

#[test]
fn an_advert_with_another_vrid_is_ignored() {
    let addresses = ["10.0.1.51".parse().unwrap()];
    let bytes =
        Advertisement { vrid: 52, priority: 200, version: V3, addresses: &addresses }.to_bytes(source(), destination());
    refused(v3(), &bytes, 255, |_| {});
}

#[test]
fn a_complaint_is_reported_once_per_master() {
    let mut lan = Lan::new(vec![v3()]);
    lan.run(ms(1000));
    lan.routers[0].changes.clear();
    let bytes = advert(V3, 200);
    for _ in 0..50 {
        let (source, destination, authenticated) = (source(), destination(), None);
        let packet = Received { ifindex: IFINDEX, source, destination, ttl: 1, authenticated, payload: &bytes };
        lan.event(0, Event::Packet(packet));
    }
    assert_eq!(lan.routers[0].changes.len(), 1);
}

proptest! {
    #[test]
    fn any_payload_is_handled_without_panic(payload in proptest::collection::vec(any::<u8>(), 0..64), ttl: u8, v2_row: bool) {
        let _ = heard(if v2_row { v2(Some(PASSWORD)) } else { v3() }, &payload, ttl);
    }

    #[test]
    fn a_corrupted_advert_is_refused(at in 0usize..20, bits: u8, priority: u8) {
        let mut bytes = advert(V2_PASS, priority);
        bytes[at] ^= bits;
        let (_, state) = heard(v2(Some(PASSWORD)), &bytes, 255);
        // A change of one octet always breaks the checksum.
        prop_assert!(bits == 0 || state == State::Master);
    }
}
