//! Links and addresses in network namespaces: the monitor reports the kernel's changes, and `ip` shows the changes of the
//! writer.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keepalived::config::model::Address;
use keepalived::kernel::nft::OwnPorts;
use keepalived::kernel::{
    Addr, AddressRequest, EntryRequest, EntryResult, KernelEvent, Link, Monitor, PROTOCOL_KEEPALIVED, Writer,
    interface_names,
};
use keepalived::reactor::{Events, Interest, Reactor, Token, clock};
use keepalived::state::{Done, Op};
use lab::netns::{Netns, next_lab};
use lab::wait_until;

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

fn wanted(ifindex: u32, ip: &str, prefix: u8) -> Wanted {
    (ifindex, Address::plain(ip.parse().unwrap(), prefix, ""))
}

fn with((ifindex, mut address): Wanted, set: impl FnOnce(&mut Address)) -> Wanted {
    set(&mut address);
    (ifindex, address)
}

fn request(token: u64, op: Op, (ifindex, address): Wanted) -> EntryRequest {
    EntryRequest::Address(AddressRequest::new(token, op, ifindex, address))
}

/// Submits requests with the tokens 0, 1, ... and waits for their results.
fn perform(writer: &Writer, requests: impl IntoIterator<Item = (Op, Wanted)>) -> Vec<EntryResult> {
    let requests: Vec<_> = (0..).zip(requests).map(|(token, (op, address))| request(token, op, address)).collect();
    let count = requests.len();
    writer.submit(requests).unwrap();
    let mut results = Vec::new();
    wait_until(LIMIT, "all results", || {
        writer.results(&mut results);
        results.len() == count
    });
    results
}

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
fn a_thousand_addresses_are_added_and_removed_in_order() {
    let netns = pair();
    let mut mirror = Mirror::open(&netns);
    let a = mirror.index("va");
    let writer = netns.enter(|| Writer::start(4000, OwnPorts::default()).unwrap());
    let address = |n: u32| match n % 2 {
        0 => wanted(a, &format!("10.7.{}.{}", n / 250, n % 250), 32),
        _ => wanted(a, &format!("2001:db8:7::{n:x}"), 128),
    };
    let added = perform(&writer, (0..1000).map(|n| (Op::Add, address(n))));
    assert!(added.iter().all(|result| result.outcome == Ok(Done::Changed)));
    assert!(added.iter().map(|result| result.token).eq(0..1000));
    assert_eq!(listing(&netns).iter().filter(|line| line.contains("10.7.")).count(), 500);
    assert_eq!(listing(&netns).iter().filter(|line| line.contains("2001:db8:7:")).count(), 500);
    wait_until(LIMIT, "the monitor agrees", || mirror.listing() == listing(&netns));

    let again = perform(&writer, (0..1000).map(|n| (Op::Add, address(n))));
    assert!(again.iter().all(|result| result.outcome == Ok(Done::AlreadySo)));
    let removed = perform(&writer, (0..1000).map(|n| (Op::Remove, address(n))));
    assert!(removed.iter().all(|result| result.outcome == Ok(Done::Changed)));
    assert!(!listing(&netns).iter().any(|line| line.contains("10.7.") || line.contains("2001:db8:7:")));
    let missing = perform(&writer, (0..1000).map(|n| (Op::Remove, address(n))));
    assert!(missing.iter().all(|result| result.outcome == Ok(Done::AlreadySo)));
    assert_eq!(writer.in_flight(), 0);
}

#[test]
fn addresses_have_all_requested_settings() {
    let netns = pair();
    let mut mirror = Mirror::open(&netns);
    let a = mirror.index("va");
    let writer = netns.enter(|| Writer::start(100, OwnPorts::default()).unwrap());
    let requests = [
        with(wanted(a, "10.8.0.1", 24), |to| {
            to.label = Some("va:vip".to_owned());
            to.broadcast = Some("10.8.0.255".parse().unwrap());
            to.scope = 253;
            to.noprefixroute = true;
        }),
        with(wanted(a, "10.8.1.1", 32), |to| to.peer = Some(("10.8.1.9".parse().unwrap(), 30))),
        with(wanted(a, "10.8.2.1", 32), |to| to.preferred_lft = Some(0)),
        with(wanted(a, "239.1.8.1", 32), |to| to.autojoin = true),
        wanted(a, "2001:db8:8::1", 128),
        with(wanted(a, "2001:db8:8::2", 128), |to| to.preferred_lft = Some(u32::MAX)),
        with(wanted(a, "2001:db8:8::3", 64), |to| {
            to.preferred_lft = Some(1000);
            to.home = true;
        }),
        with(wanted(a, "2001:db8:8::4", 64), |to| {
            to.nodad = false;
            to.mngtmpaddr = true;
        }),
        with(wanted(a, "2001:db8:8::5", 128), |to| to.peer = Some(("2001:db8:9::1".parse().unwrap(), 128))),
    ];
    let results = perform(&writer, requests.clone().map(|address| (Op::Add, address)));
    for result in &results {
        assert_eq!(result.outcome, Ok(Done::Changed), "{result:?}");
    }
    wait_until(LIMIT, "the last address", || mirror.address("2001:db8:8::5").is_some());
    // Deprecated 20, permanent 80, nodad 02, home 10, mngtmpaddr 100, noprefixroute 200, mcautojoin 400.
    let shown = |mirror: &mut Mirror, ip| {
        let address = mirror.address(ip).unwrap();
        assert_eq!(address.protocol, PROTOCOL_KEEPALIVED, "{ip}");
        (address.flags & 0x732, address.preferred_lft)
    };
    assert_eq!(shown(&mut mirror, "10.8.0.1"), (0x200, u32::MAX));
    assert_eq!(shown(&mut mirror, "10.8.1.1"), (0, u32::MAX));
    assert_eq!(shown(&mut mirror, "10.8.2.1").0, 0x20);
    assert_eq!(shown(&mut mirror, "2001:db8:8::1"), (0x22, 0));
    assert_eq!(shown(&mut mirror, "2001:db8:8::2"), (0x02, u32::MAX));
    let (flags, left) = shown(&mut mirror, "2001:db8:8::3");
    assert!(flags == 0x12 && (1..=1000).contains(&left), "{flags:x} {left}");
    assert_eq!(shown(&mut mirror, "2001:db8:8::4").0, 0x100);
    assert_eq!(shown(&mut mirror, "239.1.8.1").0, 0x400);
    assert_eq!(shown(&mut mirror, "2001:db8:8::5").0, 0x02);
    let text = netns.ip("-o addr show va");
    let line = |ip: &str| text.lines().find(|line| line.contains(ip)).unwrap();
    for words in ["10.8.0.1/24 brd 10.8.0.255 scope link", "noprefixroute va:vip"] {
        assert!(line("10.8.0.1/").contains(words), "{}", line("10.8.0.1/"));
    }
    assert!(line("10.8.1.1").contains("10.8.1.1 peer 10.8.1.9/30 scope global va"), "{}", line("10.8.1.1"));
    assert!(line("2001:db8:8::1/").contains("/128 scope global nodad deprecated"), "{}", line("2001:db8:8::1/"));
    assert!(line("2001:db8:8::5").contains("peer 2001:db8:9::1/128"), "{}", line("2001:db8:8::5"));
    let results = perform(&writer, requests.map(|address| (Op::Remove, address)));
    for result in &results {
        assert_eq!(result.outcome, Ok(Done::Changed), "{result:?}");
    }
    assert!(!listing(&netns).iter().any(|line| line.contains("10.8.") || line.contains("2001:db8:8:")));
}

#[test]
fn a_refusal_has_its_reason_and_does_not_stop_the_rest() {
    let netns = pair();
    let a = Mirror::open(&netns).index("va");
    let writer = netns.enter(|| Writer::start(100, OwnPorts::default()).unwrap());
    let results = perform(
        &writer,
        [
            (Op::Add, wanted(999, "10.8.0.1", 32)),
            (Op::Add, with(wanted(a, "10.8.0.2", 32), |to| to.label = Some("x".repeat(16)))),
            (Op::Add, wanted(a, "10.8.0.3", 33)),
            (Op::Add, with(wanted(a, "10.8.0.4", 32), |to| to.peer = Some(("::1".parse().unwrap(), 64)))),
            (Op::Remove, wanted(999, "10.8.0.5", 32)),
            (Op::Add, wanted(a, "10.8.0.6", 32)),
        ],
    );
    let errno = |n: usize| results[n].outcome.as_ref().unwrap_err().errno;
    assert_eq!([errno(0), errno(1), errno(2), errno(3)], [19, 22, 22, 22]);
    let refusal = results[0].outcome.as_ref().unwrap_err().to_string();
    assert_eq!(refusal, "No such device (ipv4: Device not found)");
    assert_eq!(results[4].outcome, Ok(Done::AlreadySo));
    assert_eq!(results[5].outcome, Ok(Done::Changed));
    assert!(listing(&netns).contains("va 10.8.0.6/32"));
}

#[test]
fn a_full_queue_returns_the_batch() {
    let netns = pair();
    let a = Mirror::open(&netns).index("va");
    let writer = netns.enter(|| Writer::start(3, OwnPorts::default()).unwrap());
    let request = |token| request(token, Op::Add, wanted(a, "10.8.0.1", 32));
    writer.submit(vec![request(1), request(2)]).unwrap();
    let refused = writer.submit(vec![request(3), request(4)]).unwrap_err();
    assert_eq!((refused.in_flight, refused.requests.len()), (2, 2));
    writer.submit(vec![request(3)]).unwrap();
    // The queue has room again only after the results are taken.
    let mut results = Vec::new();
    wait_until(LIMIT, "results", || {
        writer.results(&mut results);
        results.len() == 3
    });
    writer.submit(refused.requests).unwrap();
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
