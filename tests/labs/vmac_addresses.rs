//! VMACs for addresses, by `use_vmac` of an address and `use_vmac_addr` of an instance, beside C keepalived; changes to them by
//! other programs and by reloads; and none is left.

#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use lab::Daemon::{C, Ours};
use lab::{Daemon, Lab, holds_for, machine, now, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(30);

/// Adds eth1 with an address for each family.
fn add_eth1(lab: &mut Lab) {
    let netns = lab.router(1).netns();
    netns.ip("link add eth1 address 02:00:00:00:01:01 type veth peer name far");
    netns.ip("address add 10.8.0.1/24 dev eth1");
    netns.ip("link set eth1 up");
    netns.ip("link set far up");
    wait_until(LIMIT, "eth1 has a link-local address", || {
        let shown = netns.ip("-6 -o address show dev eth1 scope link");
        shown.contains("fe80::ff:fe00:101") && !shown.contains("tentative")
    });
}

/// An instance with lines, and address lines that are advertised and excluded.
fn instance(name: &str, vrid: u8, lines: &str, addresses: &[&str], excluded: &[&str]) -> String {
    let (addresses, excluded) = (addresses.join("\n    "), excluded.join("\n    "));
    format!(
        "vrrp_instance {name} {{\n  interface eth0\n  virtual_router_id {vrid}\n  priority 255\n  version 3\n  {lines}\n  \
         virtual_ipaddress {{\n    {addresses}\n  }}\n  virtual_ipaddress_excluded {{\n    {excluded}\n  }}\n}}\n"
    )
}

/// The macvlans, with lower interface, MAC address, mode and generation of addresses.
fn links(lab: &mut Lab) -> BTreeSet<String> {
    let shown = lab.router(1).netns().ip("-d -o link show type macvlan");
    let of = |line: &str, word: &str| -> String {
        let mut words = line.split_whitespace().skip_while(|found| *found != word);
        words.nth(1).unwrap_or_default().to_owned()
    };
    shown
        .lines()
        .map(|line| {
            let name = line.split_whitespace().nth(1).unwrap_or_default();
            let details = ["link/ether", "mode", "addrgenmode"].map(|word| of(line, word));
            format!("{name} {} private={}", details.join(" "), line.contains("macvlan mode private"))
        })
        .collect()
}

/// All addresses with their interfaces and scopes, without order.
fn addresses(lab: &mut Lab) -> BTreeSet<String> {
    let shown = lab.router(1).netns().ip("-o address show");
    let words = |line: &str| line.split_whitespace().skip(1).take(5).collect::<Vec<_>>().join(" ");
    shown.lines().map(words).filter(|words| !words.starts_with("far ")).collect()
}

/// The elements of the maps and sets about VMACs, by table.
fn guarded(lab: &mut Lab) -> BTreeSet<String> {
    let output = lab.router(1).netns().command("nft").args(["list", "ruleset"]).output().expect("nft");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut section = (String::new(), String::new());
    let mut found = BTreeSet::new();
    // nft breaks long lists of elements.
    for line in text.replace(",\n", ", ").lines().map(str::trim) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["table", family, ..] => family.clone_into(&mut section.0),
            ["map" | "set", name, ..] => name.clone_into(&mut section.1),
            ["elements", ..] => {
                let list = line.split(['{', '}']).nth(1).unwrap_or_default();
                let elements = list.split(',').map(|one| one.split_whitespace().collect::<Vec<_>>().join(" "));
                found.extend(elements.map(|element| format!("{} {}: {element}", section.0, section.1)));
            }
            _ => {}
        }
    }
    found
}

fn sysctls(lab: &mut Lab, link: &str) -> Vec<Option<String>> {
    let settings = [
        "ipv4/conf/LINK/arp_ignore",
        "ipv4/conf/LINK/accept_local",
        "ipv4/conf/LINK/rp_filter",
        "ipv4/conf/LINK/promote_secondaries",
        "ipv6/conf/LINK/disable_ipv6",
        "ipv6/conf/LINK/addr_gen_mode",
    ];
    settings
        .iter()
        .map(|setting| lab.router(1).netns().sysctl_value(&format!("net/{}", setting.replace("LINK", link))))
        .collect()
}

fn has(lab: &mut Lab, link: &str, ip: &str) -> bool {
    addresses(lab).iter().any(|line| line.starts_with(&format!("{link} ")) && line.contains(&format!(" {ip}/")))
}

fn index(lab: &mut Lab, link: &str) -> Option<u32> {
    let shown = lab.router(1).netns().ip("-o link show");
    let line = shown.lines().find(|line| line.split([':', '@']).nth(1).is_some_and(|found| found.trim() == link))?;
    line.split(':').next()?.parse().ok()
}

/// The state of a router with these instances once all `ips` are set, and the links that a stop leaves.
fn state(daemon: Daemon, conf: &str, ips: &[&str]) -> [BTreeSet<String>; 4] {
    let mut lab = Lab::new(1);
    add_eth1(&mut lab);
    lab.router(1).configure(conf);
    lab.router(1).start(daemon);
    for ip in ips {
        let ip: IpAddr = ip.parse().expect("an address");
        wait_until(LIMIT, &format!("{ip} is set"), || lab.router(1).holds(ip));
    }
    let found = (links(&mut lab), addresses(&mut lab), guarded(&mut lab));
    let (_, status) = lab.router(1).stop();
    assert!(status.success());
    [found.0, found.1, found.2, links(&mut lab)]
}

/// The same interfaces, addresses and firewall elements as with C keepalived, and none of them is left.
#[test]
fn as_with_c_keepalived() {
    let _turn = machine::shared();
    let globals = "global_defs {\n  vmac_prefix vm\n  vmac_addr_prefix va\n  nftables\n}\n";
    let of_instance = instance(
        "ALL",
        10,
        "use_vmac\n  use_vmac_addr",
        &["10.9.0.60/24", "10.8.0.60/24 dev eth1"],
        &["fd09::60/64", "fd08::60/64 dev eth1"],
    );
    let of_addresses = instance(
        "SOME",
        12,
        "",
        &["10.9.0.61/24", "10.8.0.61/24 dev eth1 use_vmac", "10.8.0.62/24 dev eth1 use_vmac"],
        &["10.9.0.62/24 use_vmac", "fd08::62/64 dev eth1 use_vmac", "fd08::63/64 dev eth1"],
    );
    let conf = format!("{globals}{of_instance}{of_addresses}");
    let ips = ["10.9.0.60", "10.8.0.60", "fd09::60", "fd08::60", "10.9.0.61", "10.8.0.61", "10.8.0.62"];
    let ips = [&ips[..], &["10.9.0.62", "fd08::62", "fd08::63"]].concat();
    let [theirs, ours] = [C, Ours].map(|daemon| state(daemon, &conf, &ips));
    let v4 = |elements: &BTreeSet<String>| -> BTreeSet<String> {
        elements.iter().filter(|element| element.starts_with("ip ")).cloned().collect()
    };
    for (theirs, ours) in [(&theirs[0], &ours[0]), (&theirs[1], &ours[1]), (&v4(&theirs[2]), &v4(&ours[2]))] {
        assert_eq!(ours, theirs, "left: ours, right: C keepalived");
    }
    // Release 2.2.7 has the VMAC for IPv4 there too, and no set of link-local addresses.
    for (vmac, base, link_local) in [("va6.10", "eth0", "fe80::1"), ("va6.12", "eth1", "fe80::ff:fe00:101")] {
        assert!(theirs[2].contains(&format!("ip6 vmac_map: \"{vmac}\" : \"{base}\"")));
        assert!(ours[2].contains(&format!("ip6 vmac_map: \"{vmac}\" : \"{base}\"")));
        assert!(ours[2].contains(&format!("ip6 parent_link_local: {link_local} . \"{vmac}\"")));
    }
    let names: Vec<&str> = ours[0].iter().filter_map(|line| line.split('@').next()).collect();
    assert_eq!(names, ["va.10", "va.12", "va1.10", "va1.12", "va6.10", "va6.12", "vm.10"]);
    assert!(ours[3].is_empty(), "{:?}", ours[3]);
}

/// A master whose addresses 10.8.0.61 and fd08::61 are on VMACs over eth1.
fn master() -> Lab {
    let mut lab = Lab::new(1);
    add_eth1(&mut lab);
    lab.router(1).configure(&conf(&["10.8.0.61/24 dev eth1 use_vmac", "fd08::61/64 dev eth1 use_vmac"]));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "all is set", || {
        has(&mut lab, "vrrp.51", "10.8.0.61")
            && has(&mut lab, "vrrp6.51", "fd08::61")
            && has(&mut lab, "eth0", "10.9.0.51")
    });
    lab
}

fn conf(excluded: &[&str]) -> String {
    instance("VI", 51, "", &["10.9.0.51/24"], excluded)
}

fn transitions(lab: &mut Lab) -> usize {
    lab.router(1).log().matches("Entering ").count()
}

fn reload(lab: &mut Lab, excluded: &[&str]) {
    lab.router(1).configure(&conf(excluded));
    lab.router(1).daemon().signal(Signal::SIGHUP);
}

/// A VMAC is in the interface group of its lower interface, or in that of `use_vmac`.
#[test]
fn interface_groups() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    add_eth1(&mut lab);
    lab.router(1).netns().ip("link set eth1 group 5");
    lab.router(1).configure(&instance(
        "VI",
        51,
        "use_vmac group 7\n  use_vmac_addr",
        &["10.9.0.51", "10.8.0.51 dev eth1"],
        &[],
    ));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "all is set", || has(&mut lab, "vrrp.51", "10.9.0.51") && has(&mut lab, "vrrp1.51", "10.8.0.51"));
    let group = |lab: &mut Lab, number: u32| lab.router(1).netns().ip(&format!("-br link show group {number}"));
    assert!(group(&mut lab, 7).starts_with("vrrp.51@eth0"), "{}", group(&mut lab, 7));
    assert!(group(&mut lab, 5).contains("vrrp1.51@eth1"), "{}", group(&mut lab, 5));
    // It may be changed by a reload.
    let made = index(&mut lab, "vrrp.51");
    let both = ["10.9.0.51", "10.8.0.51 dev eth1"];
    lab.router(1).configure(&instance("VI", 51, "use_vmac group 8\n  use_vmac_addr", &both, &[]));
    lab.router(1).daemon().signal(Signal::SIGHUP);
    wait_until(LIMIT, "the VMAC is in another group", || group(&mut lab, 8).starts_with("vrrp.51@eth0"));
    assert_eq!(index(&mut lab, "vrrp.51"), made);
    assert!(!lab.router(1).log().contains("Cannot send"), "the first advert waits for its socket");
    // The next start takes the VMAC over into another group. The links are on record by the second advert.
    wait_until(LIMIT, "some adverts", || lab.wire.adverts(1, 51, Duration::ZERO).len() > 1);
    lab.router(1).kill9();
    lab.router(1).configure(&instance("VI", 51, "use_vmac", &["10.9.0.51"], &[]));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "it is in no group", || group(&mut lab, 8).is_empty());
    assert_eq!(index(&mut lab, "vrrp.51"), made);
    wait_until(LIMIT, "the other is gone", || index(&mut lab, "vrrp1.51").is_none());
}

/// VMACs are made for new addresses, and go with their last ones; those in use stay, and so does the master.
#[test]
fn reloads() {
    let _turn = machine::shared();
    let mut lab = master();
    let before = transitions(&mut lab);
    let made = ["vrrp.51", "vrrp6.51"].map(|name| index(&mut lab, name));
    assert_eq!(sysctls(&mut lab, "vrrp.51"), ["1", "1", "0", "1", "1", "1"].map(|value| Some(value.to_owned())));
    reload(&mut lab, &["fd08::62/64 dev eth1 use_vmac", "10.8.0.61/24 dev eth1 use_vmac"]);
    wait_until(LIMIT, "the new address", || has(&mut lab, "vrrp6.51", "fd08::62"));
    assert_eq!(["vrrp.51", "vrrp6.51"].map(|name| index(&mut lab, name)), made);
    reload(&mut lab, &["fd08::62/64 dev eth1 use_vmac", "10.8.0.61/24 dev eth1"]);
    wait_until(LIMIT, "the address is on eth1", || has(&mut lab, "eth1", "10.8.0.61"));
    wait_until(LIMIT, "its VMAC is gone", || index(&mut lab, "vrrp.51").is_none());
    assert_eq!(index(&mut lab, "vrrp6.51"), made[1]);
    wait_until(LIMIT, "and its rules", || guarded(&mut lab).iter().all(|element| element.starts_with("ip6 ")));
    reload(&mut lab, &["10.8.0.61/24 dev eth1 use_vmac"]);
    wait_until(LIMIT, "the address is on a VMAC again", || has(&mut lab, "vrrp.51", "10.8.0.61"));
    wait_until(LIMIT, "the other VMAC is gone", || index(&mut lab, "vrrp6.51").is_none());
    assert!(!has(&mut lab, "eth1", "10.8.0.61"));
    assert_eq!(transitions(&mut lab), before, "{}", lab.router(1).log());
    let arp_ignore = |lab: &mut Lab| lab.router(1).netns().sysctl_value("net/ipv4/conf/eth1/arp_ignore");
    assert_eq!(arp_ignore(&mut lab).as_deref(), Some("1"));
    reload(&mut lab, &["10.8.0.61/24 dev eth1"]);
    wait_until(LIMIT, "no VMAC", || links(&mut lab).is_empty());
    wait_until(LIMIT, "no rules", || guarded(&mut lab).is_empty());
    wait_until(LIMIT, "the setting of eth1 is restored", || arp_ignore(&mut lab).as_deref() == Some("0"));
}

/// The replacement of a killed VRRP process uses the same VMACs; the start after kill -9 of all removes those that are no
/// longer wanted.
#[test]
fn crashes() {
    let _turn = machine::shared();
    let mut lab = master();
    let made = ["vrrp.51", "vrrp6.51"].map(|name| index(&mut lab, name));
    let old = lab.router(1).vrrp_pid();
    let at = now();
    assert_eq!(kill(Pid::from_raw(old), Signal::SIGKILL), Ok(()));
    wait_until(LIMIT, "a replacement advertises", || {
        lab.router(1).vrrp_pid() != old && lab.wire.adverts(1, 51, at).len() > 1
    });
    assert_eq!(["vrrp.51", "vrrp6.51"].map(|name| index(&mut lab, name)), made);
    assert!(has(&mut lab, "vrrp.51", "10.8.0.61") && has(&mut lab, "vrrp6.51", "fd08::61"));
    lab.router(1).kill9();
    lab.router(1).configure(&conf(&["fd08::61/64 dev eth1 use_vmac"]));
    lab.router(1).start(Ours);
    wait_until(LIMIT, "the VMAC of the removed address is gone", || index(&mut lab, "vrrp.51").is_none());
    assert_eq!(index(&mut lab, "vrrp6.51"), made[1]);
    wait_until(LIMIT, "the other address is set", || has(&mut lab, "vrrp6.51", "fd08::61"));
    assert!(lab.router(1).stop().1.success());
    assert!(links(&mut lab).is_empty());
}

/// VMACs that other programs remove are made again; they go with their lower interface, and return with it.
#[test]
fn other_programs_remove_a_vmac_or_its_lower_interface() {
    let _turn = machine::shared();
    let mut lab = master();
    let before = transitions(&mut lab);
    lab.router(1).netns().ip("link delete vrrp.51");
    wait_until(LIMIT, "the address is on a new VMAC", || has(&mut lab, "vrrp.51", "10.8.0.61"));
    assert_eq!(transitions(&mut lab), before);
    assert!(lab.router(1).log().contains("(VI) VMAC vrrp.51 was removed or set down by someone else"));
    // In one burst.
    let eth1 = "link add eth1 address 02:00:00:00:01:01 type veth peer name far";
    let batch = lab.router(1).file("batch");
    let lines = format!("link delete eth1\n{eth1}\nlink set far up\nlink set eth1 up\n");
    std::fs::write(&batch, lines).expect("our own directory");
    lab.router(1).netns().ip(&format!("-batch {}", batch.display()));
    wait_until(LIMIT, "the addresses are on VMACs over the new interface", || {
        has(&mut lab, "vrrp.51", "10.8.0.61") && has(&mut lab, "vrrp6.51", "fd08::61")
    });
    wait_until(LIMIT, "it is master", || {
        let log = lab.router(1).log();
        let last = log.lines().rev().find(|line| line.contains("Entering "));
        last.is_some_and(|line| line.contains("MASTER"))
    });
    assert!(lab.router(1).stop().1.success());
    assert!(links(&mut lab).is_empty() && guarded(&mut lab).is_empty());
}

/// Two routers whose addresses are on VMACs: only the master sends with the virtual MAC addresses, and neither reports group
/// memberships with them.
#[test]
fn a_switch_learns_the_virtual_mac_address_from_the_master_only() {
    const VIRTUAL: [[u8; 6]; 2] = [[0, 0, 0x5e, 0, 1, 51], [0, 0, 0x5e, 0, 2, 51]];
    let _turn = machine::shared();
    let mut lab = Lab::new(2);
    let unicast =
        |own: u8, peer: u8| format!("unicast_src_ip 10.9.0.{own}\n  unicast_peer {{\n    10.9.0.{peer}\n  }}");
    for (number, priority) in [(1, 200), (2, 100)] {
        let lines = unicast(number, 3 - number);
        let text = instance("VI", 51, &lines, &["10.9.0.51/24 use_vmac"], &["fd09::51/64 use_vmac"]);
        lab.router(number.into()).configure(&text.replace("priority 255", &format!("priority {priority}")));
        lab.router(number.into()).start(Ours);
    }
    let fd: IpAddr = "fd09::51".parse().expect("an address");
    let vip: IpAddr = "10.9.0.51".parse().expect("an address");
    wait_until(LIMIT, "router 1 is master", || lab.holders(vip) == [1]);
    for ip in [vip, fd] {
        wait_until(LIMIT, "it announces its addresses", || lab.wire.announced(1, ip, Duration::ZERO));
    }
    assert!(index(&mut lab, "vrrp.51").is_some() && index(&mut lab, "vrrp6.51").is_some());
    wait_until(LIMIT, "reports of both lower interfaces", || {
        let reports = lab.wire.reports();
        [1, 2].iter().all(|router| reports.iter().any(|(_, from, _)| from == router))
    });
    let sent = |lab: &Lab| -> BTreeSet<usize> {
        let frames = lab.wire.frames();
        frames.iter().filter(|frame| VIRTUAL.contains(&frame.mac)).map(|frame| frame.from).collect()
    };
    // The kernel repeats its reports within a second or two.
    holds_for(Duration::from_secs(3), "only router 1 has sent with them", || sent(&lab) == BTreeSet::from([1]));
    let reports = lab.wire.reports();
    assert!(!reports.iter().any(|(_, _, mac)| VIRTUAL.contains(mac)), "{reports:?}");
    let at = now();
    lab.router(1).stop();
    wait_until(LIMIT, "router 2 announces the address", || lab.wire.announced(2, vip, at));
    assert_eq!(sent(&lab), BTreeSet::from([1, 2]));
}
