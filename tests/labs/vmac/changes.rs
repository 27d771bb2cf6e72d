//! Changes to a VMAC and to its base interface by other programs, and crashes.

use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::VRID;
use lab::{Lab, machine, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{
    BASE, LIMIT, PLAIN, PLAIN_IP6, SLOW, has_address, index, is_master, links, settled_pair, transitions, vip,
};

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
    let mut lab = settled_pair(SLOW);
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
        let mut lab = settled_pair(SLOW);
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
