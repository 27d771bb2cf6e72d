//! Invalid adverts are ignored: each has one fault, and no instance changes state.
//!
//! Cases are numbered as in UNH-IOL's VRRP tests 4.1 to 4.8, where those have one. Each variant ends with a valid
//! forged advert, which must be accepted.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lab::Daemon::Ours;
use lab::conf::{PASSWORD, VRID};
use lab::{Forged, ForgedHeader, Lab, Protocol, machine, now, wait_until};

const LIMIT: Duration = Duration::from_secs(20);

/// A fault of an advert: a description, and a function that introduces it.
type Fault = (&'static str, fn(&mut Forged));

/// Faults of any version.
const COMMON: [Fault; 7] = [
    ("4.1 time to live or hop limit 254", |forged| forged.ttl = 254),
    ("4.3 truncated within the addresses", |forged| forged.resize = -10),
    ("4.3 truncated after 4 octets", |forged| forged.resize = -1000),
    ("4.3 more addresses counted than sent", |forged| forged.miscount = 3),
    ("4.4 checksum", |forged| forged.checksum_error = 0x0101),
    ("4.5 another VRID", |forged| forged.vrid = VRID + 1),
    ("4.8 unknown type", |forged| forged.kind = 2),
];

const VERSION_2: [Fault; 4] = [
    ("4.2 version 3", |forged| forged.version = 3),
    ("4.2 version 15", |forged| forged.version = 15),
    ("4.6 authentication type 2", |forged| forged.auth.0 = 2),
    ("4.7 advert interval", |forged| forged.interval = 3),
];

const VERSION_3: [Fault; 3] = [
    ("4.2 version 2", |forged| forged.version = 2),
    ("4.2 version 0", |forged| forged.version = 0),
    ("interval 0", |forged| forged.interval = 0),
];

const PASSWORDS: [Fault; 2] = [
    ("4.6 wrong password", |forged| forged.auth.1[7] ^= 1),
    ("4.6 no authentication", |forged| forged.auth = (0, [0; 8])),
];

const HEADERS: [Fault; 7] = [
    ("4.6 wrong password", |forged| header(forged).key[7] ^= 1),
    ("4.6 no authentication header", |forged| forged.header = None),
    ("4.6 no authentication header, and type 0", |forged| (forged.header, forged.auth.0) = (None, 0)),
    ("4.6 a header before an advert of type 0", |forged| forged.auth.0 = 0),
    ("altered after it was authenticated", |forged| header(forged).altered = 1),
    ("authenticated by another sender", |forged| header(forged).spi = [10, 9, 0, 2].into()),
    ("replayed", |forged| header(forged).sequence = 1),
];

#[test]
fn version_2() {
    invalid_adverts_are_ignored(Protocol::V2, &[&COMMON[..], &VERSION_2].concat());
}

#[test]
fn version_2_with_a_password() {
    invalid_adverts_are_ignored(Protocol::V2Pass, &[&VERSION_2[2..3], &PASSWORDS].concat());
}

#[test]
fn version_2_behind_an_authentication_header() {
    invalid_adverts_are_ignored(Protocol::V2Ah, &[&COMMON[..], &VERSION_2[..2], &VERSION_2[3..], &HEADERS].concat());
}

#[test]
fn version_3() {
    invalid_adverts_are_ignored(Protocol::V3, &[&COMMON[..], &VERSION_3].concat());
}

#[test]
fn version_3_over_ipv6() {
    invalid_adverts_are_ignored(Protocol::V3Ip6, &[&COMMON[..], &VERSION_3].concat());
}

/// A master with priority 100 receives adverts of priority 254, each with one fault, then a valid one.
fn invalid_adverts_are_ignored(protocol: Protocol, faults: &[Fault]) {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&protocol.conf(100, ""));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);

    for (what, introduce) in faults {
        let mut forged = valid_advert(protocol);
        introduce(&mut forged);
        (0..3).for_each(|_| forged.send(&lab.client));
        // A master that accepted the advert would become backup and advertise again only after its Master_Down_Interval.
        lab.wire.await_advert(1, VRID, now() + Duration::from_millis(20), LIMIT);
        let log = lab.router(1).log();
        assert_eq!(log.matches("Entering BACKUP STATE").count(), 1, "{what}: {log}");
        assert!(lab.router(1).holds(protocol.vips(VRID)[0]), "{what}: the address was removed");
    }

    let mut forged = valid_advert(protocol);
    let mut last = Duration::ZERO;
    wait_until(LIMIT, "the valid advert is accepted, and the backup gives up its address", || {
        if now() - last > protocol.interval() / 2 {
            forged.header.iter_mut().for_each(|header| header.sequence += 1);
            forged.send(&lab.client);
            last = now();
        }
        lab.holders(protocol.vips(VRID)[0]).is_empty()
    });
}

fn valid_advert(protocol: Protocol) -> Forged {
    let interval = if protocol.version() == 2 { 1 } else { 10 };
    let mut forged = Forged::right(protocol.version(), VRID, 254, interval, &protocol.vips(VRID));
    if protocol == Protocol::V2Pass {
        forged.auth = (1, *PASSWORD);
    }
    if protocol == Protocol::V2Ah {
        forged.auth = (2, [0; 8]);
        header(&mut forged);
    }
    forged
}

/// The next sequence number, so that an advert is not ignored as a replay.
fn next_number() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(1000);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

fn header(forged: &mut Forged) -> &mut ForgedHeader {
    forged.header.get_or_insert_with(|| ForgedHeader::right(PASSWORD, next_number()))
}
