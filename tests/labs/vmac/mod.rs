//! `use_vmac`: routers on macvlans with the virtual MAC address, ours and C keepalived in both roles; changes to a VMAC
//! by other programs; and no VMAC is left at the stop.

mod changes;
mod reloads;

use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::{self, C, Ours};
use lab::conf::{SECOND_VRID, VRID};
use lab::snmp::ROOT;
use lab::{Frame, Lab, Protocol, Stamp, holds_for, machine, now, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
/// MAC address of virtual router 51 over IPv4 and over IPv6.
const VIRTUAL: [[u8; 6]; 2] = [[0, 0, 0x5e, 0, 1, VRID], [0, 0, 0x5e, 0, 2, VRID]];

/// The configuration of the routers of a lab.
#[derive(Clone, Copy)]
struct Way {
    protocol: Protocol,
    /// Lines of the instance.
    extra: &'static str,
    /// Adverts have the address of the base interface.
    by_base: bool,
}

const PLAIN: Way = Way { protocol: Protocol::V3, extra: "use_vmac", by_base: false };
/// As [`PLAIN`], with time for what happens on a busy machine.
const SLOW: Way = Way { protocol: Protocol::V3, extra: "use_vmac\n  advert_int 0.4", by_base: false };
const BASE: Way = Way { protocol: Protocol::V3, extra: "use_vmac\n  vmac_xmit_base", by_base: true };
const PLAIN_AH: Way = Way { protocol: Protocol::V2Ah, extra: "use_vmac", by_base: false };
const PLAIN_IP6: Way = Way { protocol: Protocol::V3Ip6, extra: "use_vmac", by_base: false };
const UNICAST: Way = Way { protocol: Protocol::V3Unicast, extra: "use_vmac\n  vmac_xmit_base", by_base: true };
const BASE_IP6: Way = Way { protocol: Protocol::V3Ip6, extra: "use_vmac\n  vmac_xmit_base", by_base: true };

impl Way {
    fn conf(&self, priority: u8) -> String {
        self.protocol.conf(priority, self.extra)
    }

    fn virtual_mac(&self) -> [u8; 6] {
        VIRTUAL[usize::from(self.protocol == Protocol::V3Ip6)]
    }
}

/// One test for each configuration and pair of daemons, with priorities 200 and 100.
macro_rules! seatings {
    ($($name:ident: $way:ident, $high:expr, $low:expr;)*) => {$(
        #[test]
        fn $name() {
            life_of_a_pair($way, [$high, $low]);
        }
    )*};
}

seatings! {
    plain_ours_above_c: PLAIN, Ours, C;
    plain_c_above_ours: PLAIN, C, Ours;
    base_ours_above_c: BASE, Ours, C;
    base_c_above_ours: BASE, C, Ours;
    unicast_ours_above_c: UNICAST, Ours, C;
    unicast_c_above_ours: UNICAST, C, Ours;
    ah_ours_above_c: PLAIN_AH, Ours, C;
    ah_c_above_ours: PLAIN_AH, C, Ours;
    ip6_plain_ours_above_c: PLAIN_IP6, Ours, C;
    ip6_plain_c_above_ours: PLAIN_IP6, C, Ours;
    ip6_base_ours_above_c: BASE_IP6, Ours, C;
    ip6_base_c_above_ours: BASE_IP6, C, Ours;
}

/// The router with the lower priority starts; then the other starts, is killed, returns and stops. One of them is C
/// keepalived.
fn life_of_a_pair(way: Way, seats: [Daemon; 2]) {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for (number, priority) in [(1, 200), (2, 100)] {
        let extra = format!("{}{}", way.protocol.peers(number), way.extra);
        lab.router(number).configure(&way.protocol.conf(priority, &extra));
    }
    lab.router(2).start(seats[1]);
    is_master(&lab, way, 2, Duration::ZERO);
    let since = now();
    lab.router(1).start(seats[0]);
    is_master(&lab, way, 1, since);

    let killed = lab.router(1).kill9();
    // The killed router still has its addresses, so only adverts show the master.
    advertises(&lab, way, 2, killed);
    let since = now();
    lab.router(1).start(seats[0]);
    is_master(&lab, way, 1, since);

    let (stopped, status) = lab.router(1).stop();
    assert_eq!(status.code(), Some(0));
    is_master(&lab, way, 2, stopped);
    let zero = lab.wire.adverts(1, VRID, stopped).iter().any(|(_, advert)| advert.priority == 0);
    assert!(zero, "priority 0 was advertised");
    assert_eq!(links(&mut lab, 1), ["eth0", "lo"], "no VMAC is left");
    assert!(lab.router(2).stop().1.success());
    // The parent of C keepalived does not always wait for the removal.
    wait_until(LIMIT, "no VMAC is left", || links(&mut lab, 2) == ["eth0", "lo"]);
}

/// Waits until a router is the only master, and checks its addresses and frames.
fn is_master(lab: &Lab, way: Way, router: usize, since: Stamp) {
    advertises(lab, way, router, since);
    for vip in way.protocol.all_vips() {
        wait_until(LIMIT, &format!("{vip} is on router {router} alone"), || lab.holders(vip) == [router]);
        wait_until(LIMIT, &format!("router {router} announces {vip}"), || lab.wire.announced(router, vip, since));
    }
    let settled = now();
    lab.wire.await_advert(router, VRID, settled, LIMIT);
    assert!(lab.wire.adverts(3 - router, VRID, settled).is_empty(), "both routers advertise");
    for captured in lab.wire.frames().iter().filter(|captured| captured.from == router && captured.at >= since) {
        if !matches!(captured.frame, Frame::Vrrp(_)) {
            assert_eq!(captured.mac, way.virtual_mac(), "{:?}", captured.frame);
        }
    }
}

/// Waits for adverts of a router, and checks their source MAC addresses.
fn advertises(lab: &Lab, way: Way, router: usize, since: Stamp) {
    lab.wire.await_advert(router, VRID, since, LIMIT);
    let own = [2, 0, 0, 0, 0, [1, 2][router - 1]];
    let expected = if way.by_base { own } else { way.virtual_mac() };
    let macs: Vec<[u8; 6]> = (lab.wire.frames().iter())
        .filter(|captured| captured.from == router && captured.at >= since && matches!(captured.frame, Frame::Vrrp(_)))
        .map(|captured| captured.mac)
        .collect();
    assert!(macs.iter().all(|mac| *mac == expected), "{macs:x?}");
    let destination = way.protocol.destination(3 - router);
    let adverts = lab.wire.adverts(router, VRID, since);
    assert!(adverts.iter().all(|(_, advert)| advert.destination == destination), "not to {destination}");
}

/// Names of a router's links, sorted.
fn links(lab: &mut Lab, router: usize) -> Vec<String> {
    let shown = lab.router(router).netns().ip("-o link show");
    let names = shown.lines().filter_map(|line| line.split([':', '@']).nth(1)).map(|name| name.trim().to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Index of a link.
fn index(lab: &mut Lab, router: usize, name: &str) -> Option<u32> {
    let shown = lab.router(router).netns().ip("-o link show");
    let line = shown.lines().find(|line| line.split([':', '@']).nth(1).is_some_and(|found| found.trim() == name))?;
    line.split(':').next()?.parse().ok()
}

fn has_address(lab: &mut Lab, router: usize, link: &str, address: &str) -> bool {
    let shown = lab.router(router).netns().ip("-o address show");
    shown.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(link) && words.nth(1).and_then(|word| word.split('/').next()) == Some(address)
    })
}

/// A router of ours that is master alone.
fn lone_master(conf: &str) -> Lab {
    let mut lab = Lab::new(1);
    lab.router(1).configure(conf);
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "the address is set", || lab.router(1).holds(vip()));
    lab
}

fn vip() -> IpAddr {
    Protocol::V3.vips(VRID)[0]
}

fn transitions(lab: &mut Lab, router: usize) -> usize {
    lab.router(router).log().matches("Entering ").count()
}

/// Two routers: ours is master, C keepalived is backup.
fn settled_pair(way: Way) -> Lab {
    let mut lab = Lab::new(2);
    lab.router(1).configure(&way.conf(200));
    lab.router(2).configure(&way.conf(100));
    lab.router(1).start(Ours);
    is_master(&lab, way, 1, Duration::ZERO);
    lab.router(2).start(C);
    wait_until(LIMIT, "router 2 is backup", || lab.router(2).log().contains("Entering BACKUP STATE"));
    lab
}

/// Only one router has a VMAC.
#[test]
fn a_vmac_and_none() {
    let _turn = machine::shared();
    for seats in [[Ours, C], [C, Ours]] {
        let mut lab = Lab::new(2);
        lab.router(1).configure(&PLAIN.conf(200));
        lab.router(2).configure(&Protocol::V3.conf(100, ""));
        lab.router(1).start(seats[0]);
        lab.router(2).start(seats[1]);
        is_master(&lab, PLAIN, 1, Duration::ZERO);
        let (at, _) = lab.router(1).stop();
        lab.wire.await_advert(2, VRID, at, LIMIT);
        wait_until(LIMIT, "router 2 has the address", || lab.holders(vip()) == [2]);
        let at = now();
        lab.router(1).start(seats[0]);
        is_master(&lab, PLAIN, 1, at);
    }
}

/// Hosts resolve the virtual address to the virtual MAC address only.
#[test]
fn hosts_are_answered_by_the_vmac_alone() {
    let _turn = machine::shared();
    let lab = settled_pair(PLAIN);
    lab.client.ip("neigh flush all");
    let ping = || lab.client.command("ping").args(["-c1", "-W1", &vip().to_string()]).output().expect("ping");
    wait_until(LIMIT, "the virtual address answers", || ping().status.success());
    let shown = lab.client.ip(&format!("neigh show {}", vip()));
    assert!(shown.contains("00:00:5e:00:01:33"), "{shown}");
}

/// The VMAC in KEEPALIVED-MIB.
#[test]
fn the_mib_shows_the_vmac() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PLAIN.conf(100));
    lab.router(1).start_snmp();
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the address is set", || lab.router(1).holds(vip()));
    let made = index(&mut lab, 1, "vrrp.51").map(|index| index.to_string());
    let mut get = |object: &str| lab.router(1).snmp().get(&format!("{ROOT}.{object}"));
    wait_until(LIMIT, "vrrpInstancePrimaryInterface", || get("2.3.1.10.1").as_deref() == Some("vrrp.51"));
    assert_eq!(get("2.6.1.7.1.1"), made, "vrrpAddressIfIndex");
    assert_eq!(get("2.6.1.8.1.1").as_deref(), Some("vrrp.51"), "vrrpAddressIfName");
    assert_eq!(get("2.6.1.10.1.1").as_deref(), Some("1"), "vrrpAddressStatus");
}

/// A backup sends nothing, and a master does not receive its own adverts.
#[test]
fn a_master_does_not_receive_its_own_adverts() {
    let _turn = machine::shared();
    for way in [PLAIN, BASE, PLAIN_IP6, BASE_IP6] {
        let mut lab = settled_pair(way);
        let since = now();
        holds_for(Duration::from_millis(500), "router 2 keeps silent", || lab.wire.adverts(2, VRID, since).is_empty());
        let log = lab.router(1).log();
        assert!(!log.contains("Received advert") && !log.contains("our own address"), "{log}");
    }
}

/// Each VMAC receives the adverts of all virtual routers; those of other VRIDs are not logged as unknown.
#[test]
fn adverts_of_other_instances_are_not_unknown() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for (number, priority) in [(1, 100), (2, 200)] {
        let conf = Protocol::SyncGroup.conf(priority, "use_vmac");
        lab.router(number).configure(&conf.replacen('{', "{\n  log_unknown_vrids", 1));
    }
    lab.router(2).start(C);
    lab.wire.await_advert(2, SECOND_VRID, Duration::ZERO, LIMIT);
    lab.router(1).start(Ours);
    wait_until(LIMIT, "router 1 is backup", || transitions(&mut lab, 1) >= 2);
    let since = now();
    wait_until(LIMIT, "some adverts are sent", || lab.wire.adverts(2, SECOND_VRID, since).len() > 5);
    let log = lab.router(1).log();
    assert!(!log.contains("Unknown VRID"), "{log}");
    assert!(lab.wire.adverts(1, SECOND_VRID, Duration::ZERO).is_empty(), "{log}");
}
