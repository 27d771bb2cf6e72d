//! Two routers, ours and C keepalived in both roles, over every variant of the protocol.
//!
//! Router 1 has the higher priority. With LAB_OURS=c both routers run C keepalived.
#![allow(clippy::expect_used, reason = "a test")]

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::frame::Checksum;
use lab::process::output_of;
use lab::{Daemon, Lab, Protocol, Stamp, holds_for, machine, now, wait_until};

/// Priority of router 1.
const HIGH: u8 = 200;
/// Priority of router 2.
const LOW: u8 = 100;
/// Allowed delay of a takeover on a busy machine; `make bench` measures it precisely.
const LATE: Duration = Duration::from_millis(200);
/// Allowed error of clocks and time stamps towards an early takeover.
const EARLY: Duration = Duration::from_millis(2);

/// One module of tests for each variant and pair of daemons, with priorities HIGH and LOW.
macro_rules! seatings {
    ($($name:ident: $protocol:ident, $high:expr, $low:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn election_takeover_return_and_stop() {
                super::election_takeover_return_and_stop(Protocol::$protocol, [$high, $low]);
            }

            #[test]
            fn nopreempt() {
                super::nopreempt(Protocol::$protocol, [$high, $low]);
            }
        }
    )*};
}

seatings! {
    v2_ours_above_c: V2, Ours, C;
    v2_c_above_ours: V2, C, Ours;
    v2_password_ours_above_c: V2Pass, Ours, C;
    v2_password_c_above_ours: V2Pass, C, Ours;
    v2_ah_ours_above_c: V2Ah, Ours, C;
    v2_ah_c_above_ours: V2Ah, C, Ours;
    v3_ours_above_c: V3, Ours, C;
    v3_c_above_ours: V3, C, Ours;
    v3_ip6_ours_above_c: V3Ip6, Ours, C;
    v3_ip6_c_above_ours: V3Ip6, C, Ours;
    v2_ah_unicast_ours_above_c: V2AhUnicast, Ours, C;
    v2_ah_unicast_c_above_ours: V2AhUnicast, C, Ours;
    v3_unicast_ours_above_c: V3Unicast, Ours, C;
    v3_unicast_c_above_ours: V3Unicast, C, Ours;
    v3_ip6_unicast_ours_above_c: V3Ip6Unicast, Ours, C;
    v3_ip6_unicast_c_above_ours: V3Ip6Unicast, C, Ours;
    sync_group_ours_above_c: SyncGroup, Ours, C;
    sync_group_c_above_ours: SyncGroup, C, Ours;
}

/// C keepalived 2.2.7 does not support the checksum of RFC 9568, so both routers are ours here.
mod v3_rfc9568_checksum {
    use super::*;

    #[test]
    fn election_takeover_return_and_stop() {
        super::election_takeover_return_and_stop(Protocol::V3Rfc9568, [Ours, Ours]);
    }

    /// Each side sends its own form and accepts the other.
    #[test]
    fn both_forms_are_accepted() {
        let _turn = machine::shared();
        let mut pair = Pair::new([Protocol::V3Rfc9568, Protocol::V3], [Ours, Ours], "");
        pair.start(2);
        pair.await_master(2, Duration::ZERO);
        let since = pair.start(1);
        pair.await_master(1, since);
        pair.settled_on(1);
        pair.stop_high();
    }
}

/// The router with the lower priority starts; then the other starts, is killed, returns and stops.
fn election_takeover_return_and_stop(protocol: Protocol, daemons: [Daemon; 2]) {
    let _turn = machine::shared();
    let mut pair = Pair::new([protocol; 2], daemons, "");

    pair.start(2);
    pair.await_master(2, Duration::ZERO);
    let since = pair.start(1);
    pair.await_master(1, since);
    pair.settled_on(1);

    let killed = pair.lab.router(1).kill9();
    let taken = pair.await_master(2, killed);
    let last_words = pair.last_adverts(1);
    for (last, first) in last_words.iter().zip(&taken) {
        // Members of a group follow the first of them, whose last advert may be a little older.
        let early = if protocol == Protocol::SyncGroup { protocol.interval() } else { EARLY };
        assert_due(*first - *last, protocol.master_down(LOW), early);
    }

    let since = pair.start(1);
    pair.await_master(1, since);
    pair.settled_on(1);

    pair.stop_high();
}

/// tshark decodes all frames of a router: none is malformed, and all checksums are good.
#[test]
fn tshark_finds_no_error() {
    let _turn = machine::shared();
    std::thread::scope(|scope| {
        for protocol in
            [Protocol::V2, Protocol::V2Pass, Protocol::V2Ah, Protocol::V3, Protocol::V3Rfc9568, Protocol::V3Ip6]
        {
            scope.spawn(move || judged_by_tshark(protocol));
        }
    });
}

fn judged_by_tshark(protocol: Protocol) {
    let mut lab = Lab::new(1);
    lab.router(1).configure(&protocol.conf(LOW, ""));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, lab::conf::VRID, Duration::ZERO, Duration::from_secs(10));
    for vip in protocol.all_vips() {
        wait_until(LATE * 10, "the addresses are announced", || lab.wire.announced(1, vip, Duration::ZERO));
    }
    lab.router(1).stop();
    let file = lab.dir().join("said.pcap");
    lab.wire.save(&file).expect("our own directory");
    let captured = lab.wire.frames().len();

    let old_form = format!("vrrp.v3_checksum_as_in_v2:{}", protocol == Protocol::V3Rfc9568);
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-o", "ip.check_checksum:true", "-o", &old_form, "-T", "fields", "-E", "separator=|"]);
    let complaints = ["_ws.malformed", "_ws.expert.severity", "_ws.expert.message"];
    let kinds = ["vrrp.version", "vrrp.auth_type", "ah.spi", "arp.isgratuitous", "icmpv6.type"];
    let checksums = ["ip.checksum.status", "vrrp.checksum.status", "icmpv6.checksum.status"];
    for field in [&complaints[..], &kinds, &checksums, &["vrrp.prio"]].concat() {
        tshark.args(["-e", field]);
    }
    let output = output_of(tshark.arg("-r").arg(&file));

    // The status of a checksum is good (1), or empty if the frame has none of that kind.
    let (advert, announcement) = match protocol {
        Protocol::V2 => ("2|0||||1|1|", "|||1||||"),
        Protocol::V2Pass => ("2|1||||1|1|", "|||1||||"),
        Protocol::V2Ah => ("2|2|0x0a090001|||1|1|", "|||1||||"),
        Protocol::V3Ip6 => ("3||||||1|", "||||136|||1"),
        _ => ("3|||||1|1|", "|||1||||"),
    };
    let right = [format!("|||{advert}|{LOW}"), format!("|||{advert}|0"), format!("|||{announcement}|")];
    for line in output.lines() {
        assert!(right.iter().any(|right| right == line), "{protocol:?}: {line} is none of {right:?}");
    }
    for right in &right {
        assert!(output.lines().any(|line| line == right), "{protocol:?}: no {right} in\n{output}");
    }
    assert_eq!(output.lines().count(), captured);
}

/// With nopreempt the router with the higher priority takes over only after the other was killed.
fn nopreempt(protocol: Protocol, daemons: [Daemon; 2]) {
    let _turn = machine::shared();
    let mut pair = Pair::new([protocol; 2], daemons, "nopreempt");

    pair.start(2);
    pair.await_master(2, Duration::ZERO);
    let since = pair.start(1);
    // Long enough to start and for its timer to run out twice.
    let patience = 2 * protocol.master_down(HIGH) + Duration::from_secs(1);
    holds_for(patience, "router 1 keeps silent", || {
        pair.protocol.vrids().iter().all(|&vrid| pair.lab.wire.adverts(1, vrid, since).is_empty())
    });
    pair.settled_on(2);

    let killed = pair.lab.router(2).kill9();
    pair.await_master(1, killed);
}

/// Two routers of one protocol variant.
struct Pair {
    lab: Lab,
    /// The common configuration.
    protocol: Protocol,
    /// The variant each of them sends.
    sends: [Protocol; 2],
    daemons: [Daemon; 2],
}

impl Pair {
    fn new(sends: [Protocol; 2], daemons: [Daemon; 2], extra: &str) -> Self {
        let mut lab = Lab::new(2);
        for (number, (variant, priority)) in (1..).zip(sends.into_iter().zip([HIGH, LOW])) {
            let extra = variant.peers(number) + extra;
            lab.router(number).configure(&variant.conf(priority, &extra));
        }
        Self { lab, protocol: sends[0], sends, daemons }
    }

    /// Starts the daemon of a router; returns when.
    fn start(&mut self, router: usize) -> Stamp {
        let at = now();
        self.lab.router(router).start(self.daemons[router - 1]);
        at
    }

    /// Waits until `router` sends correct adverts for every virtual router and announces its addresses; returns the
    /// times of the first adverts.
    fn await_master(&self, router: usize, since: Stamp) -> Vec<Stamp> {
        let limit = self.protocol.master_down(LOW) + Duration::from_secs(5);
        let vrids = self.protocol.vrids().iter();
        let first: Vec<Stamp> = vrids.map(|&vrid| self.lab.wire.await_advert(router, vrid, since, limit)).collect();
        for &vrid in self.protocol.vrids() {
            self.advert_is_right(router, vrid, since);
        }
        for vip in self.protocol.all_vips() {
            wait_until(limit, &format!("router {router} announces {vip}"), || {
                self.lab.wire.announced(router, vip, since)
            });
        }
        first
    }

    fn advert_is_right(&self, router: usize, vrid: u8, since: Stamp) {
        let adverts = self.lab.wire.adverts(router, vrid, since);
        let (_, advert) = adverts.first().unwrap_or_else(|| panic!("no advert of {router}"));
        assert_eq!(advert.version, self.protocol.version());
        // C keepalived uses the kernel's default hop limit for unicast over IPv6.
        let kernels = self.protocol == Protocol::V3Ip6Unicast && self.daemons[router - 1] == C;
        assert_eq!(advert.ttl, if kernels { 64 } else { 255 });
        assert_eq!(advert.destination, self.protocol.destination(3 - router));
        assert_eq!(advert.priority, if router == 1 { HIGH } else { LOW });
        assert_eq!(advert.interval, self.protocol.interval());
        assert_eq!(advert.addresses, self.protocol.vips(vrid));
        let (checksum, auth) = match self.sends[router - 1] {
            Protocol::V2 | Protocol::V2Ah | Protocol::V2AhUnicast => (Checksum::Plain, Some([0; 8])),
            Protocol::V2Pass => (Checksum::Plain, Some(*lab::conf::PASSWORD)),
            Protocol::V3Rfc9568 => (Checksum::Plain, None),
            _ => (Checksum::PseudoHeader, None),
        };
        assert_eq!((advert.checksum, advert.auth), (checksum, auth));
        // Sequence numbers increase over all adverts.
        let earlier = self.lab.wire.adverts(3 - router, vrid, Duration::ZERO);
        let earlier = earlier.iter().filter(|(at, _)| *at < adverts[0].0).map(|(_, advert)| advert);
        let numbers: Vec<_> = earlier.chain(adverts.iter().map(|(_, advert)| advert)).map(|a| a.sequence).collect();
        if self.protocol.is_ah() {
            assert!(numbers.iter().all(Option::is_some), "{numbers:?}");
            assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        } else {
            assert!(numbers.iter().all(Option::is_none), "{numbers:?}");
        }
    }

    /// The last adverts of a router, one for each virtual router.
    fn last_adverts(&self, router: usize) -> Vec<Stamp> {
        let vrids = self.protocol.vrids().iter();
        vrids.filter_map(|&vrid| self.lab.wire.last_advert(router, vrid)).collect()
    }

    /// Waits until the virtual addresses are on this router only, and checks that only this router advertises.
    fn settled_on(&self, router: usize) {
        let limit = Duration::from_secs(3);
        for vip in self.protocol.all_vips() {
            wait_until(limit, &format!("{vip} is on router {router} alone"), || self.lab.holders(vip) == [router]);
        }
        let settled = now();
        for &vrid in self.protocol.vrids() {
            self.lab.wire.await_advert(router, vrid, settled, limit);
            let other = self.lab.wire.adverts(3 - router, vrid, settled);
            assert!(other.is_empty(), "both routers advertise VRID {vrid}");
        }
    }

    /// SIGTERM to router 1: it resigns and removes its addresses, and router 2 takes over within its skew time.
    fn stop_high(&mut self) {
        let (at, status) = self.lab.router(1).stop();
        assert_eq!(status.code(), Some(0), "a stopped daemon exits with 0");
        let taken = self.await_master(2, at);
        for (&vrid, first) in self.protocol.vrids().iter().zip(taken) {
            let adverts = self.lab.wire.adverts(1, vrid, at);
            let resigned = adverts.iter().find(|(_, advert)| advert.priority == 0);
            let Some((resigned, _)) = resigned else { panic!("no advert of priority 0 for VRID {vrid}") };
            let early = if self.protocol == Protocol::SyncGroup { LATE } else { EARLY };
            assert_due(first.saturating_sub(*resigned), self.protocol.skew(LOW), early);
        }
        self.settled_on(2);
        let left: Vec<IpAddr> = self.protocol.all_vips();
        assert!(left.iter().all(|vip| !self.lab.router(1).holds(*vip)));
        let leftover = ["keepalived.pid", "vrrp.pid"].map(|pid| self.lab.router(1).file(pid));
        assert!(leftover.iter().all(|file| !file.exists()), "pid files are removed");
    }
}

/// Asserts that something took `due` time, a little early or late.
fn assert_due(took: Duration, due: Duration, early: Duration) {
    assert!(took + early >= due, "{took:?} is too early, due is {due:?}");
    assert!(took <= due + LATE, "{took:?} is too late, due is {due:?}");
}
