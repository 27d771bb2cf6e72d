//! The nftables tables: packets to the addresses of masters with `no_accept`, reports of group memberships of VMACs, and
//! tables that other programs change.

use std::time::Duration;

use lab::Daemon::Ours;
use lab::conf::VRID;
use lab::{Lab, Protocol, Stamp, holds_for, machine, now, process, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(20);

/// One instance of each family.
fn both(globals: &str, extra: &str, priority: u8) -> String {
    let instance = |name: &str, vrid: u8, addresses: &str| {
        format!(
            "vrrp_instance {name} {{\n  interface eth0\n  version 3\n  virtual_router_id {vrid}\n  priority {priority}\n  \
             advert_int 0.1\n  {extra}\n  virtual_ipaddress {{\n    {addresses}\n  }}\n}}\n"
        )
    };
    let (four, six) = (instance("V4", 51, "10.9.0.51/24"), instance("V6", 52, "fe80::9:51\n    fd09::9:51/64"));
    format!("global_defs {{\n  router_id lab\n  {globals}\n}}\n{four}{six}")
}

/// The ruleset of a router as nft shows it.
fn ruleset(lab: &mut Lab) -> String {
    process::output_of(lab.router(1).netns().command("nft").args(["list", "ruleset"]))
}

fn nft(lab: &mut Lab, command: &str) {
    process::output_of(lab.router(1).netns().command("nft").args(command.split(' ')));
}

/// The ruleset of a master, or of a backup: without the addresses.
fn expected(vips: bool) -> String {
    let whole = r#"table ip keepalived {
	map vmac_map {
		type iface_index : iface_index
		elements = { "vrrp.51" : "eth0" }
	}

	set vips {
		type ipv4_addr
		elements = { 10.9.0.51 }
	}

	chain out {
		type filter hook output priority filter - 1; policy accept;
		ip protocol igmp meta oifkind "macvlan" dup to ip daddr device oif map @vmac_map drop
		ip saddr @vips drop
	}

	chain in {
		type filter hook input priority filter - 1; policy accept;
		ip daddr @vips drop
	}
}
table ip6 keepalived {
	set parent_link_local {
		type ipv6_addr . ifname
		elements = { fe80::1 . "vrrp.52" }
	}

	map vmac_map {
		type iface_index : iface_index
		elements = { "vrrp.52" : "eth0" }
	}

	set vmac_set {
		type iface_index
		elements = { "vrrp.52" }
	}

	set mld-report {
		type icmpv6_type
		flags constant
		elements = { mld-listener-report,
			     mld2-listener-report }
	}

	set vips {
		type ipv6_addr
		elements = { fd09::9:51 }
	}

	set neighbor-discovery {
		type icmpv6_type
		flags constant
		elements = { nd-neighbor-solicit,
			     nd-neighbor-advert }
	}

	set vips_link_local {
		type ipv6_addr . iface_index
		elements = { fe80::9:51 . "vrrp.52" }
	}

	chain out {
		type filter hook output priority filter - 1; policy accept;
		icmpv6 type nd-neighbor-advert meta oifkind "macvlan" ip6 saddr . oifname @parent_link_local drop
		icmpv6 type @mld-report meta oifkind "macvlan" dup to ip6 daddr device oif map @vmac_map drop
		icmpv6 type nd-router-solicit meta oifkind "macvlan" oif @vmac_set drop
		icmpv6 type @neighbor-discovery accept
		ip6 saddr fe80::/10 goto out_link_local
		ip6 saddr @vips drop
	}

	chain in {
		type filter hook input priority filter - 1; policy accept;
		icmpv6 type @neighbor-discovery accept
		ip6 daddr fe80::/10 goto in_link_local
		ip6 daddr @vips drop
	}

	chain in_link_local {
		ip6 daddr . iif @vips_link_local drop
	}

	chain out_link_local {
		ip6 saddr . oif @vips_link_local drop
	}
}
"#;
    if vips {
        return whole.to_owned();
    }
    let of_master =
        |line: &&str| line.starts_with("\t\telements") && line.contains("9:51") || line.contains("10.9.0.51");
    whole.split_inclusive('\n').filter(|line| !of_master(line)).collect()
}

fn shows(lab: &mut Lab, what: &str, expected: &str) {
    wait_until(LIMIT, what, || ruleset(lab) == expected);
}

/// As backup, as master, after reloads, after `kill -9` and another start, and after the stop. Names, order and values are
/// those of C keepalived 2.4.3.
#[test]
fn the_ruleset_in_each_state() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let conf = |globals: &str, priority| both(globals, "use_vmac\n  no_accept", priority);
    lab.router(2).configure(&conf("nftables", 200));
    lab.router(1).configure(&conf("nftables", 100));
    lab.router(2).start(Ours);
    lab.wire.await_advert(2, VRID, Duration::ZERO, LIMIT);
    lab.router(1).start(Ours);
    shows(&mut lab, "the ruleset of a backup", &expected(false));
    let (stopped, _) = lab.router(2).stop();
    lab.wire.await_advert(1, VRID, stopped, LIMIT);
    shows(&mut lab, "the ruleset of a master", &expected(true));

    let reload = |lab: &mut Lab, globals: &str| {
        lab.router(1).configure(&conf(globals, 100));
        lab.router(1).daemon().signal(Signal::SIGHUP);
    };
    reload(&mut lab, "nftables mine\n  nftables_priority 7");
    let other = expected(true).replace("keepalived", "mine").replace("filter - 1", "filter + 7");
    shows(&mut lab, "the other name and priority, and no table of the former name", &other);
    reload(&mut lab, "nftables\n  nftables_ifindex");
    let by_index = expected(true).replace("ipv6_addr . ifname", "ipv6_addr . iface_index");
    let by_index = by_index.replace(". oifname @parent", ". oif @parent");
    shows(&mut lab, "sets with indices", &by_index);
    reload(&mut lab, "nftables_counters");
    wait_until(LIMIT, "counters", || ruleset(&mut lab).matches("counter packets").count() == 14);
    reload(&mut lab, "");
    shows(&mut lab, "the ruleset without a keyword", &expected(true));

    lab.router(1).kill9();
    lab.router(1).configure(&both("", "", 100));
    let at = now();
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, at, LIMIT);
    shows(&mut lab, "the tables of the killed daemon are removed", "");
    lab.router(1).configure(&conf("", 100));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    shows(&mut lab, "the tables after a reload", &expected(true));
    assert!(lab.router(1).stop().1.success());
    assert_eq!(ruleset(&mut lab), "");
}

/// Whether a router answers the client's ping to an address.
fn answers(lab: &Lab, address: &str) -> bool {
    lab.client.command("ping").args(["-c1", "-W1", address]).output().is_ok_and(|output| output.status.success())
}

const ADDRESSES: [&str; 3] = ["10.9.0.51", "fd09::9:51", "fe80::9:51%eth0"];

/// RFC 9568 section 6.4.3: a master that does not own the addresses drops packets to them, except neighbor discovery. An
/// owner, and a master without `no_accept`, takes them.
#[test]
fn packets_to_addresses_are_dropped_unless_they_are_owned() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&both("", "", 100));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    for address in ADDRESSES {
        wait_until(LIMIT, &format!("{address} answers"), || answers(&lab, address));
    }
    assert_eq!(ruleset(&mut lab), "", "nothing to drop");
    lab.router(1).configure(&both("", "no_accept", 100));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    for address in ADDRESSES {
        wait_until(LIMIT, &format!("{address} does not answer"), || !answers(&lab, address));
    }
    lab.client.ip("neigh flush all");
    for address in ADDRESSES {
        assert!(!answers(&lab, address), "{address}");
        let address = address.split('%').next().expect("an address");
        let shown = lab.client.ip(&format!("neigh show {address}"));
        assert!(shown.contains("lladdr 02:00:00:00:00:01"), "neighbor discovery of {address}: {shown}");
    }
    assert!(answers(&lab, "10.9.0.1") && answers(&lab, "fe80::1%eth0"), "the router's own addresses");
    lab.router(1).stop();
    lab.router(1).configure(&both("", "no_accept", 255));
    lab.router(1).start(Ours);
    for address in ADDRESSES {
        wait_until(LIMIT, &format!("{address} of an owner answers"), || answers(&lab, address));
    }
    assert_eq!(ruleset(&mut lab), "");
}

/// No packet of a fresh master is answered from an address before the rule for it exists.
#[test]
fn the_rule_precedes_the_address() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let watch = |lab: &mut Lab| -> bool {
        // All addresses are set, and all are dropped.
        lab.router(1).holds("10.9.0.51".parse().expect("an address")) && !ruleset(lab).contains("10.9.0.51")
    };
    lab.router(1).configure(&both("", "no_accept", 100));
    lab.router(1).start(Ours);
    let mut early = false;
    wait_until(LIMIT, "master", || {
        early |= watch(&mut lab);
        ruleset(&mut lab).contains("10.9.0.51")
    });
    assert!(!early);
}

/// A switch learns the virtual MAC address from the master only: neither a backup nor a master reports group memberships from
/// its VMAC. The base interface reports them instead.
#[test]
fn no_report_has_the_virtual_mac_address() {
    let _turn = machine::shared();
    for protocol in [Protocol::V3, Protocol::V3Ip6] {
        let mut lab = Lab::new(2);
        for (number, priority) in [(1, 200), (2, 100)] {
            lab.router(number).configure(&protocol.conf(priority, "use_vmac"));
            lab.router(number).start(Ours);
        }
        lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
        wait_until(LIMIT, "reports of both base interfaces", || {
            let reports = lab.wire.reports();
            [1, 2].iter().all(|router| reports.iter().any(|(_, from, mac)| from == router && mac[0] == 2))
        });
        // The kernel repeats reports within a second, and answers a query.
        holds_for(Duration::from_secs(3), "no report of a VMAC", || of_vmacs(&lab, Duration::ZERO).is_empty());
        let killed = lab.router(1).kill9();
        lab.wire.await_advert(2, VRID, killed, LIMIT);
        assert!(lab.router(2).stop().1.success());
        holds_for(Duration::from_secs(1), "none at the stop either", || of_vmacs(&lab, Duration::ZERO).is_empty());
    }
}

/// No report leaves between the creation of VMACs and the answers about them, however long the queues are.
#[test]
fn vmacs_are_in_the_tables_before_their_first_packet() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let instance = |vrid: u8| {
        format!(
            "vrrp_instance I{vrid} {{\n  interface eth0\n  virtual_router_id {vrid}\n  priority 100\n  version 3\n  \
             use_vmac\n  virtual_ipaddress {{\n    fe80::9:{vrid}\n  }}\n}}\n"
        )
    };
    lab.router(1).configure(&(1..=60).map(instance).collect::<String>());
    lab.router(1).start(Ours);
    wait_until(LIMIT, "all VMACs", || ruleset(&mut lab).matches("fe80::1 .").count() == 60);
    lab.wire.await_advert(1, 60, Duration::ZERO, LIMIT);
    holds_for(Duration::from_secs(1), "no report of a VMAC", || of_vmacs(&lab, Duration::ZERO).is_empty());
    assert!(lab.router(1).stop().1.success());
    assert_eq!(ruleset(&mut lab), "");
}

/// The reports with a virtual MAC address.
fn of_vmacs(lab: &Lab, since: Stamp) -> Vec<(usize, [u8; 6])> {
    let reports = lab.wire.reports().into_iter().filter(|(at, _, mac)| *at >= since && mac[..3] == [0, 0, 0x5e]);
    reports.map(|(_, from, mac)| (from, mac)).collect()
}

/// Tables that another program removes or changes are built again; those of others are left alone.
#[test]
fn tables_changed_by_others_are_built_again() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&both("", "use_vmac\n  no_accept", 100));
    lab.router(1).start(Ours);
    shows(&mut lab, "the ruleset of a master", &expected(true));
    nft(&mut lab, "add table ip other");
    let theirs = "table ip other {\n}\n";
    let with_theirs = format!("{}{theirs}", expected(true));
    assert_eq!(ruleset(&mut lab), with_theirs);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    // Pauses grow with each change.
    for command in [
        "delete table ip keepalived",
        "delete element ip6 keepalived vips { fd09::9:51 }",
        "add rule ip keepalived in counter",
    ] {
        nft(&mut lab, command);
        wait_until(LIMIT, &format!("the tables after {command}"), || {
            sorted(&ruleset(&mut lab)) == sorted(&with_theirs)
        });
    }
    nft(&mut lab, "flush ruleset");
    wait_until(LIMIT, "the tables after flush ruleset", || sorted(&ruleset(&mut lab)) == sorted(&expected(true)));
    let log = lab.router(1).log();
    let reported = log.matches("nftables table ip keepalived was changed by nft; building it again").count();
    assert_eq!(reported, 3, "{log}");
    assert_eq!(log.matches("Entering ").count(), 4, "no transition: {log}");
    assert!(lab.router(1).stop().1.success());
    assert_eq!(ruleset(&mut lab), "");
}

/// A replacement of a killed VRRP process, which continues as master, never lets packets to the addresses pass; and a cleanup
/// process removes the tables of a process that hangs at the stop.
#[test]
fn the_tables_outlast_a_killed_process_and_no_hanging_one() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&both("", "use_vmac\n  no_accept", 100));
    lab.router(1).start(Ours);
    shows(&mut lab, "the ruleset of a master", &expected(true));
    let vips = |text: &str| text.contains("{ 10.9.0.51 }") && text.contains("{ fd09::9:51 }");
    let old = lab.router(1).vrrp_pid();
    let at = now();
    kill(Pid::from_raw(old), Signal::SIGKILL).expect("a running VRRP process");
    wait_until(LIMIT, "a replacement advertises", || {
        assert!(vips(&ruleset(&mut lab)));
        lab.router(1).vrrp_pid() != old && lab.wire.adverts(1, VRID, at).len() > 10
    });
    shows(&mut lab, "the ruleset of the replacement", &expected(true));
    assert_eq!(lab.router(1).log().matches("building it again").count(), 0);

    kill(Pid::from_raw(lab.router(1).vrrp_pid()), Signal::SIGSTOP).expect("a running VRRP process");
    assert!(lab.router(1).stop().1.success(), "{}", lab.router(1).log());
    assert_eq!(ruleset(&mut lab), "");
}

/// `disable_local_igmp` silences reports by a setting of the kernel, which is restored.
#[test]
fn disable_local_igmp_needs_no_rule() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let setting = |lab: &mut Lab| lab.router(1).netns().sysctl_value("net/ipv4/igmp_link_local_mcast_reports");
    assert_eq!(setting(&mut lab).as_deref(), Some("1"));
    let conf = Protocol::V3.conf(100, "use_vmac").replacen('{', "{\n  disable_local_igmp", 1);
    lab.router(1).configure(&conf);
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    assert_eq!((setting(&mut lab).as_deref(), ruleset(&mut lab).as_str()), (Some("0"), ""));
    assert!(lab.router(1).stop().1.success());
    assert_eq!(setting(&mut lab).as_deref(), Some("1"));
}
