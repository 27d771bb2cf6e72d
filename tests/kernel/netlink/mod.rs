//! Links and addresses in network namespaces: the monitor reports the kernel's changes, and `ip` shows the changes of the
//! writer.

#![allow(clippy::unwrap_used, reason = "a test")]

mod writer;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keepalived::config::model::Address;
use keepalived::kernel::nft::OwnPorts;
use keepalived::kernel::{Addr, KernelEvent, Link, Monitor, Writer, interface_names};
use keepalived::reactor::{Events, Interest, Reactor, Token, clock};
use keepalived::state::Op;
use lab::netns::{Netns, next_lab};
use lab::wait_until;

use writer::{request, wanted};

const LIMIT: Duration = Duration::from_secs(20);

/// Links and addresses, updated only by the events of a monitor.
struct Mirror {
    monitor: Monitor,
    links: Vec<Link>,
    addresses: Vec<Addr>,
    snapshots: usize,
    /// Names of the links reported as removed.
    gone: Vec<String>,
}

impl Mirror {
    fn open(netns: &Netns) -> Mirror {
        Mirror::of(netns.enter(|| Monitor::open(LIMIT).unwrap()))
    }

    fn of(monitor: Monitor) -> Mirror {
        let mut mirror = Mirror { monitor, links: Vec::new(), addresses: Vec::new(), snapshots: 0, gone: Vec::new() };
        mirror.read();
        // A small buffer can overflow already with what the kernel still says about the new links.
        assert!(mirror.snapshots > 0, "the first events contain a snapshot");
        mirror
    }

    /// Handles all available events.
    fn read(&mut self) -> &mut Mirror {
        let mut events = Vec::new();
        while self.monitor.receive(16, &mut events).unwrap() {}
        for event in events {
            self.apply(event);
        }
        self
    }

    fn apply(&mut self, event: KernelEvent) {
        match event {
            KernelEvent::Link(link) => {
                self.links.retain(|old| old.index != link.index);
                self.links.push(link);
            }
            KernelEvent::LinkGone { index, name } => {
                self.links.retain(|old| old.index != index);
                self.gone.push(name);
            }
            KernelEvent::Address(address) => {
                self.addresses.retain(|old| old.key() != address.key());
                self.addresses.push(address);
            }
            KernelEvent::AddressGone(address) => self.addresses.retain(|old| old.key() != address.key()),
            KernelEvent::Snapshot(snapshot) => {
                self.links = snapshot.links;
                self.addresses = snapshot.addresses;
                self.snapshots += 1;
            }
            other => panic!("not watched: {other:?}"),
        }
    }

    fn link(&mut self, name: &str) -> Option<&Link> {
        self.read();
        self.links.iter().find(|link| link.name == name)
    }

    fn index(&mut self, name: &str) -> u32 {
        self.link(name).unwrap().index
    }

    fn address(&mut self, ip: &str) -> Option<&Addr> {
        self.read();
        let ip: IpAddr = ip.parse().unwrap();
        self.addresses.iter().find(|address| address.ip == ip)
    }

    /// All addresses as `interface address/prefix`.
    fn listing(&mut self) -> BTreeSet<String> {
        self.read();
        let name = |index| self.links.iter().find(|link| link.index == index).map_or("?", |link| link.name.as_str());
        self.addresses.iter().map(|a| format!("{} {}/{}", name(a.ifindex), a.ip, a.prefix)).collect()
    }
}

/// The same listing from `ip`.
fn listing(netns: &Netns) -> BTreeSet<String> {
    let text = netns.ip("-o addr show");
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[4] {
            "peer" => format!("{} {}/{}", words[1], words[3], words[5].rsplit('/').next().unwrap()),
            _ => format!("{} {}", words[1], words[3]),
        }
    });
    lines.collect()
}

/// A namespace with a veth pair, `va` and `vb`, both up.
fn pair() -> Netns {
    let netns = Netns::new(next_lab(), "kernel");
    netns.ip("link add va type veth peer name vb");
    netns.ip("link set va up");
    netns.ip("link set vb up");
    netns
}

/// Runs `ip` commands, continuing after one that fails.
fn batch(netns: &Netns, commands: &str) {
    let mut ip = netns.command("ip");
    ip.args(["-force", "-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = ip.spawn().unwrap();
    child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    child.wait().unwrap();
}

/// An address, and the index of its interface.
type Wanted = (u32, Address);

#[test]
fn the_first_snapshot_has_all_links_and_addresses() {
    let netns = pair();
    netns.ip("addr add 10.1.0.1/24 dev va");
    netns.ip("addr add 2001:db8::1/64 dev vb nodad");
    let mut mirror = Mirror::open(&netns);
    assert_eq!(mirror.listing(), listing(&netns));
    assert_eq!(mirror.links.len(), 3);
    let a = mirror.link("va").unwrap().clone();
    let mac = a.mac.unwrap().map(|octet| format!("{octet:02x}")).join(":");
    assert!(netns.ip("link show va").contains(&mac));
    assert_eq!((a.kind.as_str(), a.mtu, a.base), ("veth", 1500, Some(mirror.index("vb"))));
    assert!(a.admin_up && a.running && a.multicast && !a.noarp && !a.loopback);
    assert!(mirror.link("lo").unwrap().loopback);
    let mut names = netns.enter(|| interface_names().unwrap());
    names.sort();
    assert_eq!(names, ["lo", "va", "vb"]);
}

#[test]
fn changes_and_removals_of_links_are_reported() {
    let netns = pair();
    let mut mirror = Mirror::open(&netns);
    netns.ip("link set vb down");
    wait_until(LIMIT, "a lost its carrier", || mirror.link("va").is_some_and(|a| a.admin_up && !a.running));
    netns.ip("link set vb up");
    wait_until(LIMIT, "a has its carrier again", || mirror.link("va").unwrap().running);
    netns.ip("link set va down");
    wait_until(LIMIT, "a is down", || mirror.link("va").is_some_and(|a| !a.admin_up && !a.running));
    let index = mirror.index("va");
    netns.ip("link set va name eth9");
    wait_until(LIMIT, "the new name", || mirror.link("eth9").is_some_and(|link| link.index == index));
    netns.ip("link set eth9 arp off mtu 1400");
    wait_until(LIMIT, "no ARP, smaller packets", || mirror.link("eth9").is_some_and(|l| l.noarp && l.mtu == 1400));
    netns.ip("link add mv0 link vb type macvlan mode private");
    wait_until(LIMIT, "a macvlan", || mirror.link("mv0").is_some_and(|link| link.kind == "macvlan"));
    let b = mirror.index("vb");
    assert_eq!(mirror.link("mv0").unwrap().base, Some(b));
    netns.ip("link del eth9");
    wait_until(LIMIT, "all but lo are removed", || mirror.read().links.len() == 1);
    mirror.gone.sort();
    assert_eq!(mirror.gone, ["eth9", "mv0", "vb"]);
    assert_eq!(mirror.snapshots, 1, "all changes came as single events");
}

#[test]
fn a_port_leaving_a_bridge_is_not_reported_as_removed() {
    let netns = pair();
    let mut mirror = Mirror::open(&netns);
    netns.ip("link add br0 type bridge");
    netns.ip("link set va master br0");
    netns.ip("link set va nomaster");
    netns.ip("link del br0");
    wait_until(LIMIT, "the bridge is removed", || !mirror.read().gone.is_empty());
    assert_eq!(mirror.gone, ["br0"]);
    assert!(mirror.link("va").is_some());
}

#[test]
fn a_link_moved_to_another_namespace_is_reported_as_removed() {
    let netns = pair();
    let other = Netns::new(next_lab(), "other");
    let mut mirror = Mirror::open(&netns);
    netns.ip(&format!("link set va netns {}", other.name()));
    wait_until(LIMIT, "va is removed", || mirror.read().gone == ["va"]);
}

#[test]
fn additions_changes_and_removals_of_addresses_are_reported() {
    let netns = pair();
    let mut mirror = Mirror::open(&netns);
    netns.ip("addr add 10.1.0.1/24 brd 10.1.0.255 dev va label va:x scope link");
    netns.ip("addr add 10.2.0.1 peer 10.2.0.2/30 dev va");
    netns.ip("addr add 2001:db8::1/64 dev va nodad preferred_lft 100 valid_lft 200");
    wait_until(LIMIT, "three addresses", || {
        mirror.listing() == listing(&netns) && mirror.address("2001:db8::1").is_some()
    });
    let labelled = mirror.address("10.1.0.1").unwrap();
    assert_eq!(labelled.label.as_deref(), Some("va:x"));
    assert_eq!(labelled.broadcast, Some("10.1.0.255".parse().unwrap()));
    assert_eq!((labelled.scope, labelled.peer), (253, None));
    assert_eq!(mirror.address("10.2.0.1").unwrap().peer, Some("10.2.0.2".parse().unwrap()));
    assert!(!mirror.address("2001:db8::1").unwrap().deprecated());
    netns.ip("addr change 2001:db8::1/64 dev va preferred_lft 0 valid_lft 200");
    wait_until(LIMIT, "deprecated", || mirror.address("2001:db8::1").unwrap().deprecated());
    netns.ip("addr flush dev va scope global");
    netns.ip("addr del 10.1.0.1/24 dev va");
    wait_until(LIMIT, "all gone", || mirror.listing() == listing(&netns) && mirror.address("10.1.0.1").is_none());
    assert_eq!(mirror.snapshots, 1);
}

#[test]
fn after_an_overflow_a_snapshot_has_the_current_state() {
    let netns = pair();
    let mut mirror = Mirror::of(netns.enter(|| Monitor::with_buffer(LIMIT, 1).unwrap()));
    let before = mirror.snapshots;
    let mut commands = String::new();
    for n in 0..600 {
        commands += &format!("addr add 10.3.{}.{}/32 dev va\n", n / 250, n % 250);
    }
    for n in (0..600).step_by(3) {
        commands += &format!("addr del 10.3.{}.{}/32 dev va\n", n / 250, n % 250);
    }
    commands += "link set va name eth9\nlink set vb down\n";
    batch(&netns, &commands);
    mirror.read();
    assert!(mirror.monitor.overflows() > 0, "the buffer did not overflow");
    assert!(mirror.snapshots > before);
    wait_until(LIMIT, "the carrier is lost", || !mirror.link("eth9").unwrap().running);
    assert_eq!(mirror.listing(), listing(&netns));
    assert_eq!(mirror.listing().iter().filter(|line| line.starts_with("eth9 10.3.")).count(), 400);
    // Single events are reported again. The buffer holds few of them: late news of a link can make it overflow once more.
    let mut next = 0;
    wait_until(LIMIT, "an address without a snapshot", || {
        let snapshots = mirror.snapshots;
        next += 1;
        let address = format!("10.4.0.{next}");
        netns.ip(&format!("addr add {address}/32 dev eth9"));
        wait_until(LIMIT, "the new address", || mirror.address(&address).is_some());
        mirror.snapshots == snapshots
    });
}

#[test]
fn changes_during_a_dump_are_neither_lost_nor_undone() {
    let netns = pair();
    // Many addresses, so that a dump takes more than one datagram.
    let all: String = (0..900).map(|n| format!("addr add 10.5.{}.{}/32 dev vb\n", n / 250, n % 250)).collect();
    batch(&netns, &all);
    let mut mirror = Mirror::of(netns.enter(|| Monitor::with_buffer(LIMIT, 20_000).unwrap()));
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let changes = scope.spawn(|| {
            for round in 0.. {
                if round >= 8 && enough.load(Ordering::Relaxed) {
                    return;
                }
                assert!(round < 1000, "the buffer does not overflow");
                let commands: String = (0..300)
                    .map(|n| {
                        let verb = if (n + round) % 2 == 0 { "add" } else { "del" };
                        format!("addr {verb} 10.6.{}.{}/32 dev va\n", n / 250, n % 250)
                    })
                    .collect();
                batch(&netns, &commands);
            }
        });
        while !changes.is_finished() {
            mirror.read();
            // Long enough for the buffer to overflow, however the two threads get the processors.
            std::thread::sleep(Duration::from_millis(2));
            enough.store(mirror.monitor.overflows() >= 3, Ordering::Relaxed);
        }
    });
    assert_eq!(mirror.listing(), listing(&netns));
}

#[test]
fn the_loop_is_woken_by_results_and_by_changes() {
    let netns = pair();
    let mut mirror = Mirror::open(&netns);
    let a = mirror.index("va");
    let writer = netns.enter(|| Writer::start(1000, OwnPorts::default()).unwrap());
    let mut reactor = Reactor::new().unwrap();
    let mut events = Events::with_capacity(8);
    reactor.register(&mirror.monitor, Token(1), Interest::READABLE).unwrap();
    reactor.register(&writer, Token(2), Interest::READABLE).unwrap();
    for round in 0..50u8 {
        let op = if round % 2 == 0 { Op::Add } else { Op::Remove };
        let requests = (0..40u8).map(|n| request(n.into(), op, wanted(a, &format!("10.8.{}.{n}", round / 2), 32)));
        writer.submit(requests.collect()).unwrap();
        let present = if round % 2 == 0 { 40 } else { 0 };
        let mut results = Vec::new();
        let deadline = clock::now() + LIMIT;
        while results.len() < 40 || mirror.addresses.iter().filter(|a| a.ip.is_ipv4()).count() != present + 1 {
            assert!(clock::now() < deadline, "not woken in round {round}");
            reactor.wait(Some(deadline), &mut events).unwrap();
            for ready in events.iter() {
                match ready.token {
                    Token(1) => drop(mirror.read()),
                    _ => writer.results(&mut results),
                }
            }
        }
    }
}
