//! Adverts, gratuitous ARP and neighbour advertisements across a veth pair, from one namespace to another.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keepalived::config::model::Family;
use keepalived::kernel::sysctl::{self, Tree};
use keepalived::kernel::{AdvertSocket, ArpSocket, NdSocket, RawPacket};
use keepalived::reactor::{Events, Interest, Reactor, Token, clock};
use keepalived::wire::arp::Gratuitous;
use keepalived::wire::ndisc::{ALL_NODES, Unsolicited};
use lab::netns::{Netns, next_lab};
use lab::{wait_for, wait_until};
use nix::sys::socket::{LinkAddr, recvfrom};
use socket2::{Domain, Protocol, Socket, Type};

const LIMIT: Duration = Duration::from_secs(20);
const VRRP: u8 = 112;
const GROUP4: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));
const GROUP6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12));
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];

/// Two namespaces connected by a veth pair: `va` in the first, `vb` in the second.
struct Wire {
    a: Netns,
    b: Netns,
}

/// A socket that has joined a group.
fn joined(ifname: &str, ifindex: u32, group: IpAddr) -> io::Result<AdvertSocket> {
    let mut socket = AdvertSocket::open(ifname, ifindex, Family::of(group), VRRP)?;
    socket.join(group)?;
    Ok(socket)
}

impl Wire {
    fn new() -> Wire {
        let (a, b) = (Netns::new(next_lab(), "wa"), Netns::new(next_lab(), "wb"));
        a.ip(&format!("link add va address 02:00:00:00:00:07 type veth peer name vb netns {}", b.name()));
        a.ip("link set va up");
        b.ip("link set vb up");
        for (netns, name) in [(&a, "va"), (&b, "vb")] {
            wait_until(LIMIT, "a carrier and a link-local address", || {
                let shown = netns.ip(&format!("addr show {name}"));
                shown.contains("LOWER_UP") && shown.contains("inet6 fe80") && !shown.contains("tentative")
            });
        }
        Wire { a, b }
    }

    fn advert_a(&self, group: IpAddr) -> AdvertSocket {
        self.a.enter(|| joined("va", index("va"), group).unwrap())
    }

    fn advert_b(&self, group: IpAddr) -> AdvertSocket {
        self.b.enter(|| joined("vb", index("vb"), group).unwrap())
    }

    /// Captures the frames received on `vb`.
    fn capture(&self) -> Capture {
        let socket = self.b.enter(|| {
            let kind = Type::RAW.nonblocking();
            // ETH_P_ALL, in network order.
            Socket::new(Domain::PACKET, kind, Some(Protocol::from(i32::from(3u16.to_be())))).unwrap()
        });
        Capture { socket, index: self.b.enter(|| index("vb")) as usize }
    }
}

fn index(name: &str) -> u32 {
    nix::net::if_::if_nametoindex(name).unwrap()
}

struct Capture {
    socket: Socket,
    index: usize,
}

impl Capture {
    /// The next frame received that satisfies `which`.
    fn next(&self, which: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        wait_for(LIMIT, "a frame", || {
            let mut frame = [0; 2048];
            let (length, from) = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut frame).ok()?;
            let from = from.unwrap();
            // 4 = PACKET_OUTGOING.
            let incoming = from.ifindex() == self.index && from.pkttype() != 4;
            (incoming && which(&frame[..length])).then(|| frame[..length].to_vec())
        })
    }
}

/// Waits for the next packet with the reactor.
fn receive<'b>(socket: &AdvertSocket, buffer: &'b mut [u8]) -> RawPacket<'b> {
    let mut reactor = Reactor::new().unwrap();
    let mut events = Events::with_capacity(4);
    reactor.register(socket, Token(1), Interest::READABLE).unwrap();
    let deadline = clock::now() + LIMIT;
    reactor.wait(Some(deadline), &mut events).unwrap();
    assert!(!events.is_empty(), "no packet arrived");
    socket.receive(buffer).unwrap().unwrap()
}

#[test]
fn an_ipv4_advert_is_byte_exact_and_is_received_completely() {
    let wire = Wire::new();
    let (a, b) = (wire.advert_a(GROUP4), wire.advert_b(GROUP4));
    let capture = wire.capture();
    // Neither side has an IPv4 address: the source is foreign.
    let source: IpAddr = "10.1.0.1".parse().unwrap();
    // An advert of C keepalived: version 3, VRID 13.
    let vrrp = [0x31, 0x0d, 0xff, 0x01, 0x00, 0x32, 0xda, 0xc4, 0x0a, 0x01, 0x00, 0x68];
    a.send(source, GROUP4, 255, &vrrp).unwrap();
    let frame = capture.next(|frame| frame[12..14] == [8, 0]);
    let header = [
        0x45, 0xc0, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, 0xff, 0x70, 0xd0, 0x98, 0x0a, 0x01, 0x00, 0x01, 0xe0, 0x00,
        0x00, 0x12,
    ];
    assert_eq!(frame[..6], [0x01, 0x00, 0x5e, 0x00, 0x00, 0x12]);
    assert_eq!(frame[14..34], header);
    assert_eq!(frame[34..46], vrrp);
    let mut buffer = [0xee; 1500];
    let got = receive(&b, &mut buffer);
    assert_eq!((got.source, got.destination, got.ttl), (source, GROUP4, 255));
    assert_eq!((got.header, got.payload), (&header[..], &vrrp[..]));
    assert_eq!(b.receive(&mut buffer).unwrap(), None);
    // Lower TTL, next identification.
    a.send(source, GROUP4, 3, &vrrp).unwrap();
    let got = receive(&b, &mut buffer);
    assert_eq!((got.ttl, &got.header[4..6]), (3, &[0, 2][..]));
}

#[test]
fn a_sender_does_not_receive_its_own_adverts() {
    let wire = Wire::new();
    for (group, source) in [(GROUP4, "10.1.0.1"), (GROUP6, "fe80::99")] {
        let source: IpAddr = source.parse().unwrap();
        let (a, b) = (wire.advert_a(group), wire.advert_b(group));
        let beside = wire.advert_a(group);
        a.send(source, group, 255, b"12345678").unwrap();
        let mut buffer = [0; 1500];
        assert_eq!(receive(&b, &mut buffer).payload, b"12345678");
        // The packet has crossed the veth pair, so a copy would have arrived by now.
        assert_eq!(a.receive(&mut buffer).unwrap(), None);
        assert_eq!(beside.receive(&mut buffer).unwrap(), None);
    }
}

#[test]
fn an_ipv6_advert_has_the_right_source_hop_limit_and_traffic_class() {
    let wire = Wire::new();
    let (a, b) = (wire.advert_a(GROUP6), wire.advert_b(GROUP6));
    let capture = wire.capture();
    // A source that is no address of the interface.
    let source: IpAddr = "fe80::99".parse().unwrap();
    let vrrp = [0x31, 0x0e, 0xff, 0x01, 0x00, 0x64, 0x7e, 0xa3];
    a.send(source, GROUP6, 255, &vrrp).unwrap();
    let frame = capture.next(|frame| frame[12..14] == [0x86, 0xdd] && frame[20] == VRRP);
    assert_eq!(frame[14..16], [0x6c, frame[15] & 0x0f]);
    assert_eq!(frame[18..22], [0, 8, VRRP, 255]);
    assert_eq!(frame[54..], vrrp);
    let mut buffer = [0; 1500];
    let got = receive(&b, &mut buffer);
    let expected = RawPacket { source, destination: GROUP6, ttl: 255, header: &[], payload: &vrrp };
    assert_eq!(got, expected);
    a.send(source, GROUP6, 64, &vrrp).unwrap();
    assert_eq!(receive(&b, &mut buffer).ttl, 64);
}

#[test]
fn unicast_reaches_a_peer() {
    let wire = Wire::new();
    wire.a.ip("addr add 10.1.0.1/24 dev va");
    wire.b.ip("addr add 10.1.0.2/24 dev vb");
    wire.a.ip("addr add 2001:db8::1/64 dev va nodad");
    wire.b.ip("addr add 2001:db8::2/64 dev vb nodad");
    for (group, source, peer) in [(GROUP4, "10.1.0.1", "10.1.0.2"), (GROUP6, "2001:db8::1", "2001:db8::2")] {
        let (source, peer) = (source.parse().unwrap(), peer.parse().unwrap());
        let (a, b) = (wire.advert_a(group), wire.advert_b(group));
        a.send(source, peer, 255, b"unicast!").unwrap();
        let mut buffer = [0; 1500];
        let got = receive(&b, &mut buffer);
        assert_eq!((got.source, got.destination, got.ttl, got.payload), (source, peer, 255, &b"unicast!"[..]));
    }
}

#[test]
fn only_adverts_to_joined_groups_are_received() {
    let wire = Wire::new();
    let pairs = [(GROUP4, "224.0.0.99", "10.1.0.1"), (GROUP6, "ff02::99", "fe80::99")];
    for (group, second, source) in pairs {
        let (second, source): (IpAddr, IpAddr) = (second.parse().unwrap(), source.parse().unwrap());
        let (a, b) = (wire.advert_a(group), wire.advert_b(group));
        let mut both = wire.advert_b(group);
        both.join(second).unwrap();
        both.join(second).unwrap();
        let mut buffer = [0; 1500];
        a.send(source, second, 255, b"second group").unwrap();
        a.send(source, group, 255, b"first group").unwrap();
        assert_eq!(receive(&both, &mut buffer).destination, second);
        assert_eq!(receive(&both, &mut buffer).destination, group);
        assert_eq!(receive(&b, &mut buffer).destination, group);
        assert_eq!(b.receive(&mut buffer).unwrap(), None);
    }
    assert!(wire.advert_a(GROUP4).join(GROUP6).is_err());
}

#[test]
fn a_new_socket_receives_nothing_from_other_interfaces() {
    let wire = Wire::new();
    wire.b.ip("link add quiet type veth peer name quiet1");
    wire.b.ip("link set quiet up");
    let stop = AtomicBool::new(false);
    for (group, source) in [(GROUP4, "10.1.0.1"), (GROUP6, "fe80::99")] {
        let source = source.parse().unwrap();
        let (a, _b) = (wire.advert_a(group), wire.advert_b(group));
        stop.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = a.send(source, group, 255, b"for vb");
                }
            });
            wire.b.enter(|| {
                let mut buffer = [0; 200];
                let quiet = index("quiet");
                for _ in 0..300 {
                    let socket = joined("quiet", quiet, group).unwrap();
                    let received = socket.receive(&mut buffer).unwrap().is_some();
                    if received {
                        stop.store(true, Ordering::Relaxed);
                    }
                    assert!(!received, "a packet of another interface");
                }
                stop.store(true, Ordering::Relaxed);
            });
        });
    }
}

#[test]
fn only_a_packet_too_long_for_the_buffer_is_dropped() {
    let wire = Wire::new();
    for (group, source) in [(GROUP4, "10.1.0.1"), (GROUP6, "fe80::99")] {
        let (a, b) = (wire.advert_a(group), wire.advert_b(group));
        let source = source.parse().unwrap();
        a.send(source, group, 255, &[7; 1000]).unwrap();
        a.send(source, group, 255, b"short").unwrap();
        let mut buffer = [0; 200];
        assert_eq!(receive(&b, &mut buffer).payload, b"short");
    }
}

/// A socket that has looked up all interfaces.
fn arp_of(netns: &Netns) -> ArpSocket {
    let mut arp = netns.enter(|| ArpSocket::open().unwrap());
    await_look_up(&mut arp);
    arp
}

fn look_up(arp: &mut ArpSocket) {
    arp.look_up();
    await_look_up(arp);
}

fn await_look_up(arp: &mut ArpSocket) {
    wait_until(LIMIT, "the interfaces are looked up", || {
        arp.take_look_up().unwrap();
        !arp.is_looking_up()
    });
}

#[test]
fn sending_on_an_interface_that_is_down_or_removed_fails() {
    let wire = Wire::new();
    let a = wire.advert_a(GROUP4);
    let mut arp = arp_of(&wire.a);
    let nd = wire.a.enter(|| NdSocket::open().unwrap());
    let va = wire.a.enter(|| index("va"));
    let arp_frame = Gratuitous { mac: MAC, ip: Ipv4Addr::new(10, 1, 0, 100) };
    let nd_message = Unsolicited { target: "2001:db8::5".parse().unwrap(), mac: MAC, router: false };
    wire.a.ip("link set va down");
    a.send("10.1.0.1".parse().unwrap(), GROUP4, 255, b"down").unwrap_err();
    assert_eq!(arp.send(va, &arp_frame).unwrap_err().raw_os_error(), Some(100));
    nd.send(va, &nd_message).unwrap_err();
    // The kernel reports once to a bound socket that its interface went down.
    let mut buffer = [0; 200];
    while let Err(e) = a.receive(&mut buffer) {
        assert_eq!(e.raw_os_error(), Some(100));
    }
    wire.a.ip("link del va");
    a.send("10.1.0.1".parse().unwrap(), GROUP4, 255, b"gone").unwrap_err();
    assert_eq!(arp.send(va, &arp_frame).unwrap_err().raw_os_error(), Some(6));
    assert_eq!(arp.send(va, &arp_frame).unwrap_err().raw_os_error(), Some(6));
    nd.send(va, &nd_message).unwrap_err();
    let reopened = wire.a.enter(|| joined("va", va, GROUP4));
    assert_eq!(reopened.unwrap_err().raw_os_error(), Some(19));
}

#[test]
fn a_gratuitous_arp_is_byte_exact() {
    let wire = Wire::new();
    let mut arp = arp_of(&wire.a);
    let capture = wire.capture();
    let ip = Ipv4Addr::new(10, 1, 0, 100);
    arp.send(wire.a.enter(|| index("va")), &Gratuitous { mac: MAC, ip }).unwrap();
    let frame = capture.next(|frame| frame[12..14] == [8, 6]);
    let expected = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 7, 10, 1, 0,
        100, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 1, 0, 100,
    ];
    assert_eq!(frame, expected);
}

#[test]
fn arp_on_an_interface_created_later_updates_the_neighbours() {
    let wire = Wire::new();
    let mut arp = arp_of(&wire.a);
    wire.a.ip("link add mv0 link va address 02:00:00:00:00:99 type macvlan mode private");
    wire.a.ip("link set mv0 up");
    wire.b.ip("addr add 10.1.0.2/24 dev vb");
    wire.b.ip("neigh add 10.1.0.100 lladdr 02:00:00:00:00:01 dev vb nud stale");
    let mv0 = wire.a.enter(|| index("mv0"));
    let announced = Gratuitous { mac: [2, 0, 0, 0, 0, 0x99], ip: Ipv4Addr::new(10, 1, 0, 100) };
    assert!(!arp.knows(mv0));
    look_up(&mut arp);
    wait_until(LIMIT, "the neighbour has the new address", || {
        arp.send(mv0, &announced).unwrap();
        wire.b.ip("neigh show dev vb").contains("10.1.0.100 lladdr 02:00:00:00:00:99")
    });
}

#[test]
fn an_unsolicited_advertisement_is_byte_exact() {
    let wire = Wire::new();
    let nd = wire.a.enter(|| NdSocket::open().unwrap());
    let va = wire.a.enter(|| index("va"));
    let capture = wire.capture();
    let target: Ipv6Addr = "2001:db8::5".parse().unwrap();
    // First without the address on the interface, then with it.
    for router in [false, true] {
        nd.send(va, &Unsolicited { target, mac: MAC, router }).unwrap();
        let frame = capture.next(|frame| frame[12..14] == [0x86, 0xdd] && frame.get(54) == Some(&136));
        assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!(frame[6..12], MAC);
        assert_eq!(frame[14..16], [0x60, frame[15] & 0x0f], "traffic class 0");
        assert_eq!(frame[18..22], [0, 32, 58, 255]);
        assert_eq!(frame[22..38], target.octets());
        assert_eq!(frame[38..54], ALL_NODES.octets());
        let mut message = Unsolicited { target, mac: MAC, router }.emit();
        message[2..4].copy_from_slice(&frame[56..58]);
        assert_eq!(frame[54..], message);
        assert_eq!(checksum(&frame[22..54], &frame[54..]), 0xffff, "the kernel's checksum");
        wire.a.ip("addr replace 2001:db8::5/128 dev va nodad");
    }
}

/// One's complement sum over the ICMPv6 pseudo header and message; 0xffff when valid.
fn checksum(addresses: &[u8], message: &[u8]) -> u32 {
    let words = addresses.chunks(2).chain(message.chunks(2));
    let sum = words.map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum::<u32>() + 32 + 58;
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16)
}

#[test]
fn sending_sockets_receive_nothing() {
    let wire = Wire::new();
    let _sending = wire.a.enter(|| (NdSocket::open().unwrap(), ArpSocket::open().unwrap()));
    let (nd, mut arp) = (wire.b.enter(|| NdSocket::open().unwrap()), arp_of(&wire.b));
    let vb = wire.b.enter(|| index("vb"));
    let (a, b) = (wire.advert_a(GROUP6), wire.advert_b(GROUP6));
    let target: Ipv6Addr = "fe80::77".parse().unwrap();
    nd.send(vb, &Unsolicited { target, mac: MAC, router: false }).unwrap();
    arp.send(vb, &Gratuitous { mac: MAC, ip: Ipv4Addr::new(10, 1, 0, 100) }).unwrap();
    b.send(target.into(), GROUP6, 255, b"last").unwrap();
    let mut buffer = [0; 200];
    assert_eq!(receive(&a, &mut buffer).payload, b"last");
    let (raw, packet) = wire.a.enter(|| {
        let read = |name| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap();
        (read("raw6"), read("packet"))
    });
    // Local address and protocol; state; send and receive queue.
    let icmp: Vec<_> = raw.lines().filter(|line| line.contains(":003A ")).collect();
    assert!(icmp.len() == 1 && icmp[0].contains(" 00000000:00000000 "), "{raw}");
    // The column Rmem.
    let packet: Vec<_> = packet.lines().skip(1).map(|line| line.split_whitespace().nth(6).unwrap()).collect();
    assert_eq!(packet, ["0"]);
}

#[test]
fn settings_are_restored() {
    let wire = Wire::new();
    wire.a.enter(|| {
        let now = |name| sysctl::read(Tree::Ipv4, name, "promote_secondaries").unwrap();
        let before = now("va");
        let changed = if before == "0" { "1" } else { "0" };
        let mut changes = sysctl::Changes::new();
        changes.set(Tree::Ipv4, "va", "promote_secondaries", changed).unwrap();
        changes.set(Tree::Ipv4, "va", "promote_secondaries", &before).unwrap();
        changes.set(Tree::Ipv4, "va", "promote_secondaries", changed).unwrap();
        changes.set(Tree::Ipv4, "lo", "promote_secondaries", changed).unwrap();
        changes.set(Tree::Ipv4, "gone", "promote_secondaries", changed).unwrap_err();
        assert_eq!((now("va").as_str(), now("lo").as_str()), (changed, changed));
        changes.restore("va", &["promote_secondaries"]).unwrap();
        assert_eq!((now("va"), now("lo").as_str()), (before.clone(), changed));
        changes.restore_all().unwrap();
        assert_eq!(now("lo"), before);
        assert!(!sysctl::forwards_ipv6("va"));
        let mut changes = sysctl::Changes::new();
        changes.set(Tree::Ipv6, "va", "forwarding", "1").unwrap();
        assert!(sysctl::forwards_ipv6("va"));
        wire.a.ip("link del va");
        changes.restore_all().unwrap();
    });
}
