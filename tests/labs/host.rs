//! Effects of the host on the virtual router: its interfaces, addresses and MTU.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::conf::VRID;
use lab::{Daemon, Lab, Protocol, holds_for, machine, now, wait_until};
use nix::sys::signal::Signal;

const PROTOCOL: Protocol = Protocol::V3;
const LIMIT: Duration = Duration::from_secs(30);

/// An instance with VRID 51, advert_int 0.1, further lines and virtual addresses.
fn conf(priority: u8, lines: &str, addresses: &str) -> String {
    format!(
        "global_defs {{\n  router_id lab{priority}\n}}\nvrrp_instance VI_51 {{\n  interface eth0\n  version 3\n  \
         virtual_router_id 51\n  priority {priority}\n  advert_int 0.1\n  {lines}\n  virtual_ipaddress {{\n{addresses}\n  \
         }}\n}}\n"
    )
}

/// Adds eth1 to a router; its carrier follows `far` in the same namespace.
fn add_eth1(lab: &mut Lab, router: usize) {
    let netns = lab.router(router).netns();
    netns.ip("link add eth1 type veth peer name far");
    netns.ip("link set eth1 up");
    netns.ip("link set far up");
    let netns = netns.name().to_owned();
    wait_until(LIMIT, "eth1 is up", || shown(&netns, "link show eth1").contains("LOWER_UP"));
}

fn shown(netns: &str, words: &str) -> String {
    let output = std::process::Command::new("ip").args(["-n", netns]).args(words.split(' ')).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn holders_are(lab: &Lab, address: &str, routers: &[usize]) {
    let address: IpAddr = address.parse().unwrap();
    wait_until(LIMIT, &format!("{address} is on {routers:?}"), || lab.holders(address) == routers);
}

/// The virtual address is on eth1. When eth1 goes down the other router takes over, until eth1 is up again.
fn interface_of_an_address(daemon: Daemon) {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for (router, priority) in [(1, 200), (2, 100)] {
        add_eth1(&mut lab, router);
        lab.router(router).configure(&conf(priority, "", "    10.9.0.51/24\n    10.8.0.51/24 dev eth1"));
        lab.router(router).start(daemon);
    }
    holders_are(&lab, "10.8.0.51", &[1]);
    let at = now();
    lab.router(1).netns().ip("link set far down");
    holders_are(&lab, "10.9.0.51", &[2]);
    let taken = lab.wire.first_advert(2, VRID, at).unwrap() - at;
    assert!(taken < Duration::from_secs(2), "taken over after {taken:?}");
    lab.router(1).netns().ip("link set far up");
    holders_are(&lab, "10.8.0.51", &[1]);
}

#[test]
fn the_interface_of_an_address_is_tracked_by_ours() {
    interface_of_an_address(Ours);
}

#[test]
fn the_interface_of_an_address_is_tracked_by_c_keepalived() {
    interface_of_an_address(C);
}

#[test]
fn an_address_on_an_interface_that_is_down_keeps_a_router_from_being_master() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    add_eth1(&mut lab, 1);
    lab.router(1).netns().ip("link set far down");
    lab.router(1).configure(&conf(200, "", "    10.9.0.51/24\n    10.8.0.51/24 dev eth1"));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the fault and its cause are logged", || {
        lab.router(1).log().contains("(VI_51) Entering FAULT STATE (interface eth1 is down)")
    });
    holds_for(Duration::from_secs(1), "no adverts", || lab.wire.last_advert(1, VRID).is_none());
    lab.router(1).netns().ip("link set far up");
    holders_are(&lab, "10.8.0.51", &[1]);
    assert!(lab.router(1).log().contains("Netlink reports eth1 up"));
}

/// The owner's only address is the virtual one. It stays on the host through loss of the link and a stop.
#[test]
fn an_owner_keeps_its_own_address() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).configure(&conf(255, "state MASTER", "    10.9.0.1/24"));
    lab.router(1).start(Ours);
    lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    for plugged in [false, true] {
        lab.cable(1, plugged);
        let state =
            if plugged { "Entering BACKUP STATE (the cause of" } else { "Entering FAULT STATE (interface eth0" };
        wait_until(LIMIT, state, || lab.router(1).log().contains(state));
        assert!(lab.router(1).holds([10, 9, 0, 1].into()));
    }
    lab.wire.await_advert(1, VRID, now(), LIMIT);
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    assert!(lab.router(1).holds([10, 9, 0, 1].into()));
}

/// The address of an owner is added after the start of the daemon.
#[test]
fn an_owners_address_may_come_later() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).netns().ip("address flush dev eth0 scope global");
    lab.router(1).configure(&conf(255, "state MASTER", "    10.9.0.1/24"));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "there is no source address", || lab.router(1).log().contains("has no address to send"));
    lab.router(1).netns().ip("address add 10.9.0.1/24 dev eth0");
    lab.wire.await_advert(1, VRID, now(), LIMIT);
    assert!(lab.router(1).holds([10, 9, 0, 1].into()));
}

/// A network manager removes and adds the main address of the host, which becomes a secondary of the virtual one.
#[test]
fn a_failover_does_not_remove_the_main_address_of_the_host() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for (router, priority) in [(1, 200), (2, 100)] {
        let netns = lab.router(router).netns();
        for of in ["all", "eth0"] {
            netns.sysctl(&format!("net/ipv4/conf/{of}/promote_secondaries"), "0");
        }
        lab.router(router).configure(&conf(priority, "", "    10.9.0.51/24\n    10.9.0.52/24"));
        lab.router(router).start(Ours);
    }
    holders_are(&lab, "10.9.0.52", &[1]);
    let netns = lab.router(1).netns().name().to_owned();
    let since = now();
    shown(&netns, "address del 10.9.0.1/24 dev eth0");
    // Without promote_secondaries the kernel has removed the virtual addresses with it; the daemon adds them again
    // first.
    holders_are(&lab, "10.9.0.52", &[1]);
    shown(&netns, "address add 10.9.0.1/24 dev eth0");
    assert!(shown(&netns, "-4 address show dev eth0").contains("10.9.0.1/24 scope global secondary"));
    holds_for(Duration::from_millis(700), "no failover", || lab.wire.first_advert(2, VRID, since).is_none());
    assert_eq!(lab.router(1).stop().1.code(), Some(0));
    holders_are(&lab, "10.9.0.52", &[2]);
    assert!(lab.router(1).holds([10, 9, 0, 1].into()), "{}", shown(&netns, "-4 address show dev eth0"));
    let setting = lab.router(1).netns().sysctl_value("net/ipv4/conf/eth0/promote_secondaries");
    assert_eq!(setting.as_deref(), Some("0"), "restored");
}

/// `disable_local_igmp`, with a crash of the process between start and stop.
#[test]
fn the_setting_of_igmp_reports_is_restored_at_the_stop() {
    const SETTING: &str = "net/ipv4/igmp_link_local_mcast_reports";
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).netns().sysctl(SETTING, "1");
    let plain = conf(100, "", "    10.9.0.51");
    lab.router(1).configure(&plain.replacen("router_id", "disable_local_igmp\n  router_id", 1));
    lab.router(1).start(Ours);
    holders_are(&lab, "10.9.0.51", &[1]);
    let setting = |lab: &mut Lab| lab.router(1).netns().sysctl_value(SETTING);
    assert_eq!(setting(&mut lab).as_deref(), Some("0"));
    let before = lab.router(1).vrrp_pid();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(before), Signal::SIGKILL).unwrap();
    wait_until(LIMIT, "the process is replaced", || lab.router(1).vrrp_pid() != before);
    lab.router(1).configure(&plain);
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the reload is refused", || {
        lab.router(1).log().contains("Not reloaded: disable_local_igmp cannot be changed by a reload")
    });
    assert_eq!(setting(&mut lab).as_deref(), Some("0"));
    assert!(lab.router(1).stop().1.success());
    assert_eq!(setting(&mut lab).as_deref(), Some("1"), "restored");
}

/// A backup does not remove a virtual address that the host itself has added.
#[test]
fn an_address_of_the_host_stays() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    lab.router(2).netns().ip("address add 10.9.0.51/24 dev eth0");
    for (router, priority) in [(1, 200), (2, 100)] {
        lab.router(router).configure(&conf(priority, "", "    10.9.0.51/24"));
        lab.router(router).start(Ours);
    }
    wait_until(LIMIT, "the warning is logged", || {
        lab.router(2).log().contains("10.9.0.51/24 on eth0 was not set by keepalived and stays")
    });
    holders_are(&lab, "10.9.0.51", &[1, 2]);
    assert_eq!(lab.router(2).stop().1.code(), Some(0));
    assert!(lab.router(2).holds([10, 9, 0, 51].into()));
}

/// `unicast_src_ip` is not on the host yet, as at boot: the instance waits, and takes over once it is added.
#[test]
fn a_source_address_is_waited_for() {
    let _turn = machine::shared();
    for (lines, interface) in
        [("unicast_src_ip 10.7.0.1\n  unicast_peer {\n    10.9.0.2\n  }", "eth0"), ("mcast_src_ip 10.7.0.1", "lo")]
    {
        let mut lab = Lab::new(1);
        lab.router(1).configure(&conf(200, lines, "    10.9.0.51/24"));
        lab.router(1).start(Ours);
        wait_until(LIMIT, "the fault and its cause are logged", || {
            lab.router(1).log().contains("its source address 10.7.0.1 is not on this host")
        });
        holds_for(Duration::from_secs(1), "no address", || lab.holders([10, 9, 0, 51].into()).is_empty());
        lab.router(1).netns().ip(&format!("address add 10.7.0.1/32 dev {interface}"));
        holders_are(&lab, "10.9.0.51", &[1]);
        lab.router(1).netns().ip(&format!("address del 10.7.0.1/32 dev {interface}"));
        holders_are(&lab, "10.9.0.51", &[]);
    }
}

/// 201 IPv6 addresses: adverts are not fragmented, there is one master, and both ends truncate the same way.
#[test]
fn adverts_are_never_fragmented() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let addresses: String = (1..=201).map(|n| format!("    fd09::9:{n:x}/64\n")).collect();
    let addresses = format!("    fe80::9:51\n{addresses}");
    for (router, priority) in [(1, 200), (2, 100)] {
        lab.router(router).configure(&conf(priority, "", &addresses));
        lab.router(router).start(Ours);
    }
    let at = lab.wire.await_advert(1, VRID, Duration::ZERO, LIMIT);
    holds_for(Duration::from_secs(1), "one master", || lab.wire.adverts(2, VRID, at + PROTOCOL.interval()).is_empty());
    let adverts = lab.wire.adverts(1, VRID, at);
    assert!(adverts.iter().all(|(_, advert)| advert.addresses.len() == 90));
    wait_until(LIMIT, "all addresses are set", || lab.router(1).count_addresses("fd09::9:") == 201);
    let cut = "Only 90 of 202 virtual addresses fit an advert at MTU 1500";
    assert!(lab.router(1).log().contains(cut) && lab.router(2).log().contains(cut));
    assert!(!lab.router(2).log().contains("its addresses are not those configured"));
    lab.router(1).netns().ip("link set eth0 mtu 1280");
    wait_until(LIMIT, "shorter adverts", || {
        lab.wire
            .adverts(1, VRID, now() - PROTOCOL.interval() * 3)
            .iter()
            .any(|(_, advert)| advert.addresses.len() == 77)
    });
}

/// A router without a route to its peer: the log names instance, interface and error, once until adverts can be sent.
#[test]
fn an_advert_that_cannot_be_sent_is_logged_once() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let addresses = "    fe80::9:51\n    fd09::51/64";
    lab.router(1).configure(&conf(100, "unicast_peer {\n    fd66::2\n  }", addresses));
    lab.router(1).start(Ours);
    let line = "(VI_51) Cannot send advert on eth0: Network is unreachable";
    let lines = |lab: &mut Lab| lab.router(1).log().matches(line).count();
    wait_until(LIMIT, line, || lines(&mut lab) == 1);
    holds_for(Duration::from_millis(500), "it is logged once", || lines(&mut lab) == 1);
    lab.router(1).netns().ip("-6 route add fd66::/64 dev eth0");
    wait_until(LIMIT, "an advert looks for the peer", || lab.router(1).netns().ip("-6 neigh show").contains("fd66::2"));
    lab.router(1).netns().ip("-6 route del fd66::/64 dev eth0");
    wait_until(LIMIT, "it is logged again", || lines(&mut lab) == 2);
}

/// IPv6 is disabled on the host: each refused address is logged once, not each second.
#[test]
fn a_refusal_is_logged_once() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    lab.router(1).netns().sysctl("net/ipv6/conf/eth0/disable_ipv6", "1");
    let excluded = "virtual_ipaddress_excluded {\n    fd09::51/64\n  }";
    lab.router(1).configure(&conf(100, excluded, "    10.9.0.51/24"));
    lab.router(1).start(Ours);
    holders_are(&lab, "10.9.0.51", &[1]);
    let lines = |lab: &mut Lab| lab.router(1).log().matches("Cannot set fd09::51/64 on eth0").count();
    wait_until(LIMIT, "the refusal is logged", || lines(&mut lab) > 0);
    holds_for(Duration::from_millis(2500), "it is logged once", || lines(&mut lab) == 1);
    lab.router(1).netns().sysctl("net/ipv6/conf/eth0/disable_ipv6", "0");
    holders_are(&lab, "fd09::51", &[1]);
}

/// A reload that renames the instance, and one that adds a member to its group, cause no failover.
#[test]
fn reloads_without_a_failover() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let group = |members: &str| format!("vrrp_sync_group G {{\n  group {{\n    {members}\n  }}\n}}\n");
    let second =
        |name: &str| conf(200, "", "    10.9.0.52/24").replace("VI_51", name).replace("router_id 51", "router_id 52");
    let one = |priority| conf(priority, "", "    10.9.0.51/24");
    let third = second("VI_53").replace("router_id 52", "router_id 53").replace("0.52", "0.53");
    lab.router(2).configure(&one(100));
    lab.router(1).configure(&(one(200) + &second("VI_52") + &group("VI_51\n    VI_52")));
    lab.router(1).start(Ours);
    holders_are(&lab, "10.9.0.52", &[1]);
    lab.router(2).start(Ours);
    let since = now();
    let mut watch = lab.router(1).netns().command("ip");
    watch.args(["-o", "monitor", "address"]);
    let monitor = lab::process::Proc::spawn(watch, &lab.dir().join("addresses"));
    let reloads = [
        one(200).replace("VI_51", "front") + &second("VI_52") + &group("front\n    VI_52"),
        one(200).replace("VI_51", "front") + &second("VI_52") + &third + &group("front\n    VI_52\n    VI_53"),
    ];
    for (number, text) in (1..).zip(reloads) {
        // The helper adds global_defs to each configuration.
        lab.router(1).configure(&text);
        lab.router(1).daemon().signal(Signal::SIGHUP);
        wait_until(LIMIT, "the reload is done", || {
            lab.router(1).log().matches("The new configuration is in force").count() == number
        });
    }
    holders_are(&lab, "10.9.0.53", &[1]);
    assert!(lab.wire.first_advert(2, VRID, since).is_none());
    for vrid in [51, 52] {
        assert!(lab.wire.adverts(1, vrid, since).iter().all(|(_, advert)| advert.priority == 200));
    }
    assert!(!monitor.log().contains("Deleted"), "{}", monitor.log());
    let log = lab.router(1).log();
    assert_eq!(log.matches("(front) Entering").count() + log.matches("(VI_52) Entering MASTER").count(), 1, "{log}");
}

/// After a partition clients have the MAC address of the winner, whichever router announced last.
#[test]
fn clients_follow_the_winner_of_a_healed_partition() {
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    for (router, priority) in [(1, 200), (2, 100)] {
        lab.router(router).configure(&conf(priority, "garp_master_delay 1", "    10.9.0.51/24"));
        lab.router(router).start(Ours);
    }
    holders_are(&lab, "10.9.0.51", &[1]);
    let client = lab.client.name().to_owned();
    let neighbour = || shown(&client, "neigh show 10.9.0.51 dev eth0");
    let knows = |router: usize| neighbour().contains(&format!("02:00:00:00:00:{router:02x}"));
    for round in 0..6 {
        lab.join(1, false);
        holders_are(&lab, "10.9.0.51", &[1, 2]);
        let ping = std::process::Command::new("ip")
            .args(["netns", "exec", &client, "ping", "-c", "1", "-W", "2", "10.9.0.51"])
            .output()
            .unwrap();
        assert!(ping.status.success() && knows(2), "round {round}: {}", neighbour());
        std::thread::sleep(Duration::from_millis(17 * round));
        lab.join(1, true);
        holders_are(&lab, "10.9.0.51", &[1]);
        wait_until(Duration::from_secs(3), &format!("round {round}: the client knows router 1"), || knows(1));
        holds_for(Duration::from_millis(300), "the client still knows router 1", || knows(1));
    }
}

/// 20,000 forged adverts of lower priority cause few answers, log lines and scripts, and use no memory.
#[test]
fn a_flood_of_forged_adverts_costs_little() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let count = lab.router(1).file("count");
    let script = lab.router(1).script("lower", &format!("echo x >> {}\n", count.display()));
    let line = format!("notify_master_rx_lower_pri {}", script.display());
    lab.router(1).configure(&conf(200, &line, "    10.9.0.51/24"));
    lab.router(1).start(Ours);
    holders_are(&lab, "10.9.0.51", &[1]);
    let (pid, since) = (lab.router(1).vrrp_pid(), now());
    let before = lab::process::footprint(pid).0;
    let forged = lab::Forged::right(3, VRID, 50, 10, &[[10, 9, 0, 51].into()]);
    forged.send_many(&lab.client, 20_000);
    lab.wire.await_advert(1, VRID, now(), LIMIT);
    wait_until(LIMIT, "the adverts are received", || lab.router(1).log().contains("with lower priority 50, ours 200"));
    let lines = lab.router(1).log().matches("with lower priority 50").count() as u64;
    let runs = std::fs::read_to_string(&count).unwrap_or_default().lines().count() as u64;
    // The adverts that wait in the socket are received after the last one was sent.
    let seconds = (now() - since).as_secs() + 1;
    assert!(lines <= seconds + 1 && runs <= seconds + 1, "{lines} lines and {runs} scripts in {seconds} s");
    let adverts = lab.wire.adverts(1, VRID, since).len() as u64;
    assert!(adverts <= 25 * seconds, "{adverts} adverts in {seconds} s");
    let after = lab::process::footprint(pid).0;
    assert!(after < before + 4096, "{before} KiB before, {after} KiB after");
}

/// As root without a required capability: the instance is in FAULT, and the capability is logged.
#[test]
fn without_a_required_capability_a_router_is_in_fault() {
    let _turn = machine::shared();
    for (option, missing) in [("-net_admin", "CAP_NET_ADMIN"), ("-net_raw", "CAP_NET_RAW")] {
        let mut lab = Lab::new(1);
        lab.router(1).configure(&conf(200, "", "    10.9.0.51/24"));
        let ours = lab.router(1).command(Ours);
        let mut command = std::process::Command::new("setpriv");
        command.arg("--bounding-set").arg(option);
        // After `ip netns exec NAME`, which needs the capability to enter the namespace.
        let words: Vec<_> = ours.get_args().collect();
        let (enter, program) = words.split_at(3);
        let mut inside = std::process::Command::new(ours.get_program());
        inside.args(enter).arg(command.get_program()).args(command.get_args()).args(program);
        inside.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        lab.router(1).start_with(inside);
        let fault = format!("(VI_51) Entering FAULT STATE (this process lacks {missing})");
        wait_until(LIMIT, &fault, || lab.router(1).log().contains(&fault));
        holds_for(Duration::from_millis(700), "no adverts", || lab.wire.last_advert(1, VRID).is_none());
        assert!(!lab.router(1).log().contains("MASTER"));
        assert_eq!(lab.router(1).stop().1.code(), Some(0));
    }
}
