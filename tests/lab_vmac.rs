//! `use_vmac`: routers on macvlans with the virtual MAC address, ours and C keepalived in both roles; changes to a VMAC
//! by other programs; and no VMAC is left at the stop.

use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::{SECOND_VRID, VRID};
use lab::snmp::ROOT;
use lab::{Daemon, Frame, Lab, Protocol, Stamp, holds_for, machine, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(10);
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
    assert_eq!(links(&mut lab, 2), ["eth0", "lo"], "no VMAC is left");
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

/// The settings of the VMAC, of the base interface and of all interfaces; all are restored.
#[test]
fn settings_are_changed_and_restored() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).netns().sysctl("net/ipv4/conf/all/rp_filter", "1");
    lab.router(1).netns().sysctl("net/ipv4/conf/lo/rp_filter", "2");
    let watched = [
        "all/rp_filter",
        "default/rp_filter",
        "eth0/rp_filter",
        "lo/rp_filter",
        "eth0/arp_ignore",
        "eth0/arp_filter",
        "eth0/arp_announce",
    ];
    let read = |lab: &mut Lab, path: &str| lab.router(1).netns().sysctl_value(&format!("net/{path}"));
    let all = |lab: &mut Lab| -> Vec<Option<String>> {
        watched.iter().map(|setting| read(lab, &format!("ipv4/conf/{setting}"))).collect()
    };
    let before = all(&mut lab);
    lab.router(1).configure(&PLAIN.conf(100));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);

    let values = all(&mut lab);
    assert_eq!(values, ["0", "1", "1", "2", "1", "1", "2"].map(|value| Some(value.to_owned())));
    let on_vmac = [
        ("ipv4/conf/vrrp.51/arp_ignore", "1"),
        ("ipv4/conf/vrrp.51/accept_local", "1"),
        ("ipv4/conf/vrrp.51/rp_filter", "0"),
        ("ipv4/conf/vrrp.51/promote_secondaries", "1"),
        ("ipv6/conf/vrrp.51/disable_ipv6", "1"),
        ("ipv6/conf/vrrp.51/addr_gen_mode", "1"),
    ];
    for (path, value) in on_vmac {
        assert_eq!(read(&mut lab, path).as_deref(), Some(value), "{path}");
    }
    let shown = lab.router(1).netns().ip("-d link show vrrp.51");
    assert!(shown.contains("macvlan mode private") && shown.contains("vrrp.51@eth0"), "{shown}");

    assert!(lab.router(1).stop().1.success());
    assert_eq!(all(&mut lab), before);
}

/// IPv6: the VMAC has the link-local address from which the router sends, and none that the kernel generates.
#[test]
fn the_link_local_address_is_copied_and_kept() {
    let _turn = machine::shared();
    let mut lab = settled_pair(PLAIN_IP6);
    let shown = lab.router(1).netns().ip("-6 -o address show dev vrrp.51");
    let mut addresses: Vec<&str> = shown.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["fd09::9:51/128", "fe80::1/64", "fe80::9:51/128"]);
    let before = transitions(&mut lab, 1);
    lab.router(1).netns().ip("address delete fe80::1/64 dev vrrp.51");
    wait_until(LIMIT, "it is set again", || has_address(&mut lab, 1, "vrrp.51", "fe80::1"));
    lab.router(1).netns().ip("address add fe80::77/64 dev eth0 nodad");
    lab.router(1).netns().ip("address delete fe80::1/64 dev eth0");
    wait_until(LIMIT, "it has the new one", || has_address(&mut lab, 1, "vrrp.51", "fe80::77"));
    wait_until(LIMIT, "and not the old one", || !has_address(&mut lab, 1, "vrrp.51", "fe80::1"));
    assert_eq!(transitions(&mut lab, 1), before);
}

/// After kill -9 of all processes the next start, now with a lower priority, takes over the VMAC and removes addresses
/// that should not be set.
#[test]
fn the_next_start_after_kill_9_cleans_up() {
    let _turn = machine::shared();
    let mut lab = settled_pair(PLAIN);
    let made = index(&mut lab, 1, "vrrp.51");
    let killed = lab.router(1).kill9();
    assert!(lab.router(1).holds(vip()), "no process has removed it");
    lab.wire.await_advert(2, VRID, killed, LIMIT);
    lab.router(1).configure(&PLAIN.conf(50));
    lab.router(1).start(Ours);
    is_master(&lab, PLAIN, 2, killed);
    assert_eq!(index(&mut lab, 1, "vrrp.51"), made, "it is the same VMAC");
    assert!(lab.router(1).stop().1.success());
    assert_eq!(links(&mut lab, 1), ["eth0", "lo"]);
}

/// The replacement of a killed VRRP process uses the same VMAC, and the other router stays backup.
#[test]
fn a_replacement_of_the_vrrp_process_uses_the_same_vmac() {
    let _turn = machine::shared();
    let mut lab = settled_pair(PLAIN);
    let made = index(&mut lab, 1, "vrrp.51");
    let arp_ignore = |lab: &mut Lab| lab.router(1).netns().sysctl_value("net/ipv4/conf/eth0/arp_ignore");
    assert_eq!(arp_ignore(&mut lab).as_deref(), Some("1"));
    for _ in 0..3 {
        let old = lab.router(1).vrrp_pid();
        let at = now();
        assert_eq!(kill(Pid::from_raw(old), Signal::SIGKILL), Ok(()));
        wait_until(LIMIT, "a replacement advertises", || {
            lab.router(1).vrrp_pid() != old && lab.wire.adverts(1, VRID, at).len() > 4
        });
        assert!(lab.router(1).holds(vip()));
        assert_eq!(index(&mut lab, 1, "vrrp.51"), made);
    }
    assert!(lab.wire.adverts(2, VRID, Duration::ZERO).is_empty(), "{}", lab.router(2).log());
    assert!(lab.router(1).stop().1.success());
    assert_eq!(links(&mut lab, 1), ["eth0", "lo"]);
    assert_eq!(arp_ignore(&mut lab).as_deref(), Some("0"), "as it was before the first process");
}

/// Another program removes the VMAC, or sets it down: it is restored before the other router takes over.
#[test]
fn a_removed_vmac_is_restored() {
    let _turn = machine::shared();
    for deed in ["link delete vrrp.51", "link set vrrp.51 down"] {
        let mut lab = settled_pair(PLAIN);
        let before = transitions(&mut lab, 1);
        let at = now();
        lab.router(1).netns().ip(deed);
        wait_until(LIMIT, "the address is set again", || lab.router(1).holds(vip()));
        wait_until(LIMIT, "it is announced again", || lab.wire.announced(1, vip(), at));
        lab.wire.await_advert(1, VRID, now(), LIMIT);
        assert_eq!(transitions(&mut lab, 1), before, "{deed}");
        assert!(lab.wire.adverts(2, VRID, Duration::ZERO).is_empty(), "{deed}: {}", lab.router(2).log());
    }
}

/// The instance follows the state of the base interface.
#[test]
fn carrier_lost_and_back() {
    let _turn = machine::shared();
    for way in [PLAIN, BASE, PLAIN_IP6] {
        let mut lab = settled_pair(way);
        let lost = now();
        lab.cable(1, false);
        lab.wire.await_advert(2, VRID, lost, LIMIT);
        wait_until(LIMIT, "router 1 has given up", || lab.holders(way.protocol.vips(VRID)[0]) == [2]);
        assert!(lab.router(1).log().contains("Entering FAULT STATE (interface eth0 is down)"));
        let found = now();
        lab.cable(1, true);
        is_master(&lab, way, 1, found);
    }
}

/// The VMAC is removed with the base interface, and created on the new one.
#[test]
fn the_base_interface_is_removed_and_created_again() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let conf = PLAIN.conf(200).replacen('{', "{\n  dynamic_interfaces", 1);
    lab.router(1).configure(&conf);
    lab.router(2).configure(&PLAIN.conf(100));
    lab.router(1).start(Ours);
    is_master(&lab, PLAIN, 1, Duration::ZERO);
    lab.router(2).start(C);
    let lost = now();
    lab.router(1).netns().ip("link delete eth0");
    lab.wire.await_advert(2, VRID, lost, LIMIT);
    assert_eq!(links(&mut lab, 1), ["lo"]);
    let found = now();
    lab.replug(1);
    is_master(&lab, PLAIN, 1, found);
}

/// Names as of C keepalived: both families of one VRID, names in use, a configured name, a prefix.
#[test]
fn names_and_clashes() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    // Links of other programs, by their kinds.
    lab.router(1).netns().ip("link add vrrp.51 type bridge");
    lab.router(1).netns().ip("link add mine type bridge");
    lab.router(1).netns().ip("link add link eth0 name left address 00:00:5e:00:01:7f type macvlan mode bridge");
    let instance = |name: &str, line: &str, vrid: u8, vip: &str| {
        format!(
            "vrrp_instance {name} {{\n  interface eth0\n  version 3\n  {line}\n  virtual_router_id {vrid}\n  \
             advert_int 0.1\n  virtual_ipaddress {{\n    {vip}\n  }}\n}}\n"
        )
    };
    let text = [
        instance("VI_51", "use_vmac", VRID, "10.9.0.51"),
        instance("IP6", "use_vmac", VRID, "fe80::9:51"),
        instance("NAMED", "use_vmac gate 02:00:5e:00:07", 52, "10.9.0.52"),
        instance("TAKEN", "use_vmac mine", 53, "10.9.0.53"),
        instance("LEFT", "use_vmac left", 54, "10.9.0.54\n    10.98.0.54 dev left"),
    ];
    lab.router(1).configure(&text.concat());
    lab.router(1).start(Ours);
    let expected = [
        ("vrrp1.51", "00:00:5e:00:01:33", "10.9.0.51"),
        ("vrrp6.51", "00:00:5e:00:02:33", "fe80::9:51"),
        ("gate", "02:00:5e:00:07:34", "10.9.0.52"),
        ("vrrp.53", "00:00:5e:00:01:35", "10.9.0.53"),
        ("left", "00:00:5e:00:01:36", "10.98.0.54"),
    ];
    for (link, mac, vip) in expected {
        wait_until(LIMIT, &format!("{vip} is on {link}"), || has_address(&mut lab, 1, link, vip));
        let shown = lab.router(1).netns().ip(&format!("-d link show {link}"));
        assert!(shown.contains(mac) && shown.contains("macvlan mode private"), "{shown}");
    }
    assert!(lab.router(1).stop().1.success());
    assert_eq!(links(&mut lab, 1), ["eth0", "lo", "mine", "vrrp.51"], "links of other programs stay");
}

/// A reload does not affect unchanged instances; others get or lose their VMACs.
#[test]
fn reload() {
    let _turn = machine::shared();
    let both = Protocol::SyncGroup.conf(100, "use_vmac");
    let both = both.split_once("vrrp_instance").map(|(_, rest)| format!("vrrp_instance{rest}")).expect("instances");
    let mut lab = lone_master(&both);
    wait_until(LIMIT, "both are masters", || lab.wire.first_advert(1, SECOND_VRID, Duration::ZERO).is_some());
    let first = index(&mut lab, 1, "vrrp.51");
    assert!(first.is_some() && index(&mut lab, 1, "vrrp.52").is_some());

    let reload = |lab: &mut Lab, conf: &str, done: &dyn Fn(&mut Lab) -> bool| {
        let at = now();
        lab.router(1).configure(conf);
        lab.router(1).daemon().signal(Signal::SIGHUP);
        wait_until(LIMIT, "the new configuration is in force", || done(lab));
        at
    };
    let alone = PLAIN.conf(100);
    let at = reload(&mut lab, &alone, &|lab| index(lab, 1, "vrrp.52").is_none());
    assert!(lab.wire.adverts(1, SECOND_VRID, at).iter().any(|(_, advert)| advert.priority == 0));
    assert_eq!(index(&mut lab, 1, "vrrp.51"), first);
    assert!(lab.wire.adverts(1, VRID, Duration::ZERO).iter().all(|(_, advert)| advert.priority == 100));

    let at = reload(&mut lab, &Protocol::V3.conf(100, ""), &|lab| has_address(lab, 1, "eth0", "10.9.0.51"));
    assert_eq!(links(&mut lab, 1), ["eth0", "lo"]);
    assert_eq!(lab.router(1).netns().sysctl_value("net/ipv4/conf/eth0/arp_ignore").as_deref(), Some("0"));
    let zero = lab.wire.adverts(1, VRID, at).iter().any(|(_, advert)| advert.priority == 0);
    assert!(zero, "the instance has resigned at its old address");

    reload(&mut lab, &alone, &|lab| has_address(lab, 1, "vrrp.51", "10.9.0.51"));
    assert!(!has_address(&mut lab, 1, "eth0", "10.9.0.51"));
    assert!(!lab.router(1).log().contains("(VI_51) Entering FAULT"));
}

/// An IPv6 address is added to an IPv4 instance, whose VMAC had no IPv6.
#[test]
fn a_reload_adds_an_ip6_address() {
    let _turn = machine::shared();
    let mut lab = lone_master(&PLAIN.conf(100));
    let extra = "use_vmac\n  virtual_ipaddress_excluded {\n    2001:db8::51\n  }";
    lab.router(1).configure(&Protocol::V3.conf(100, extra));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "it is on the VMAC", || has_address(&mut lab, 1, "vrrp.51", "2001:db8::51"));
    assert!(lab.router(1).holds(vip()));
    assert_eq!(transitions(&mut lab, 1), 2);
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

/// 255 VMACs are created, and removed within the time limit of a stop.
#[test]
fn the_maximum_of_vmacs() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let conf = lab::conf::many(255, 1, 100, Duration::from_secs(1));
    lab.router(1).configure(&conf.replace("interface eth0", "interface eth0\n  use_vmac"));
    lab.router(1).start(Ours);
    let limit = Duration::from_secs(30);
    wait_until(limit, "all are masters", || lab.router(1).log().matches("Entering MASTER STATE").count() == 255);
    assert_eq!(links(&mut lab, 1).len(), 257);
    assert!(lab.router(1).stop().1.success());
    assert_eq!(links(&mut lab, 1), ["eth0", "lo"]);
    let log = lab.router(1).log();
    assert!(!log.contains("FAULT") && !log.contains("Cannot"), "{log}");
}

/// The settings are restored although the base interface was removed first.
#[test]
fn settings_are_restored_without_the_base_interface() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).netns().sysctl("net/ipv4/conf/all/rp_filter", "1");
    lab.router(1).configure(&PLAIN.conf(100).replacen('{', "{\n  dynamic_interfaces", 1));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    lab.router(1).netns().ip("link delete eth0");
    wait_until(LIMIT, "it is in fault", || lab.router(1).log().contains("Entering FAULT STATE"));
    assert!(lab.router(1).stop().1.success());
    assert_eq!(lab.router(1).netns().sysctl_value("net/ipv4/conf/all/rp_filter").as_deref(), Some("1"));
}

/// `-V`: the address stays, and so does its VMAC.
#[test]
fn addresses_and_vmac_may_stay() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&PLAIN.conf(100));
    let mut command = lab.router(1).command(Ours);
    command.arg("-V");
    lab.router(1).start_with(command);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    wait_until(LIMIT, "the address is set", || lab.router(1).holds(vip()));
    assert!(lab.router(1).stop().1.success());
    assert!(has_address(&mut lab, 1, "vrrp.51", &vip().to_string()));
}
