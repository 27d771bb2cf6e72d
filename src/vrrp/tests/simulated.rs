//! Test fixtures: a router with its simulated kernel, and the packets on the wire.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::fixtures::IFINDEX;
use crate::config::model::{Family, OwnLinkKind};
use crate::state::Op;
use crate::vrrp::{
    AddressId, Change, Event, FirewallChange, HostHop, HostRoute, HostRule, Interface, InterfaceAddress, KernelAddress,
    ObjectId, OwnLinkId, Received, Route, RouteKey, Secondaries, State, TimerKey, Upper, UpperKind, Vrrp, WantedLink,
};
use crate::wire::{ah, ipv4};

/// A request that the simulated kernel has not answered yet.
pub(super) enum Request {
    /// Row (`None`: withdrawn), operation, address and interface.
    Address(Option<AddressId>, Op, (IpAddr, u8), u32),
    /// Row (`None`: withdrawn), operation and link.
    OwnLink(Option<OwnLinkId>, Op, Box<WantedLink>),
    /// Row (`None`: withdrawn), operation, and the route or rule.
    Routing(Option<ObjectId>, Op, Entry),
    /// Row of a running script, and its exit status.
    Script(u32, i32),
    /// Family of a firewall table, and number of the request.
    Firewall(Family, u64),
}

/// A route with its placing, or a rule, of the simulated kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Route(HostRoute),
    Rule(HostRule),
}

impl Entry {
    pub(super) fn of_route(row: &Route) -> Entry {
        let devices = row.devices.clone().unwrap();
        let (via, ifindex) = (row.config.via, devices.device.unwrap_or(IFINDEX));
        let (key, source) = (RouteKey::of(&row.config, devices.vrf_table), row.config.source);
        Entry::Route(HostRoute { key, source, hops: vec![HostHop { via, ifindex }] })
    }

    /// Whether it takes the place of another entry.
    pub(super) fn replaces(&self, other: &Entry) -> bool {
        matches!((self, other), (Entry::Route(ours), Entry::Route(other)) if ours.key == other.key)
    }

    pub(super) fn event(self, op: Op, replaces: bool) -> Event<'static> {
        match (self, op) {
            (Entry::Route(route), Op::Add) => Event::RouteAdded { route, replaces },
            (Entry::Route(route), Op::Remove) => Event::RouteGone(route),
            (Entry::Rule(rule), Op::Add) => Event::RuleAdded(rule),
            (Entry::Rule(rule), Op::Remove) => Event::RuleGone(rule),
        }
    }
}

/// An advert on the wire.
pub struct Packet {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ttl: u8,
    /// IPv4 header, if an authentication header follows.
    pub header: Option<Vec<u8>>,
    pub payload: Vec<u8>,
}

impl Packet {
    pub fn new(source: IpAddr, destination: IpAddr, ttl: u8, message: Vec<u8>, seal: Option<ah::Seal>) -> Packet {
        let (Some(seal), IpAddr::V4(from), IpAddr::V4(to)) = (seal, source, destination) else {
            return Packet { source, destination, ttl, header: None, payload: message };
        };
        let tos = ipv4::TOS_INTERNETWORK_CONTROL;
        let header = ipv4::Header { tos, id: 1, ttl, protocol: ah::PROTOCOL, source: from, destination: to };
        let payload = seal.apply(&header, &message);
        Packet { source, destination, ttl, header: Some(header.emit(payload.len()).into()), payload }
    }

    pub fn received(&self, ifindex: u32) -> Received<'_> {
        let (source, destination, ttl) = (self.source, self.destination, self.ttl);
        let authenticated = self.header.as_deref();
        Received { ifindex, source, destination, ttl, authenticated, payload: &self.payload }
    }
}

/// A router.
pub struct Router {
    pub vrrp: Vrrp,
    pub ip: IpAddr,
    /// Seconds by which its system clock is ahead.
    pub clock_ahead: i64,
    pub timers: BTreeMap<TimerKey, Duration>,
    /// Addresses that its daemon has set, besides those of the host.
    pub kernel: BTreeSet<(IpAddr, u8)>,
    /// Addresses of the host on eth0.
    pub host: BTreeSet<(IpAddr, u8)>,
    /// Whether its kernel marks addresses set by keepalived.
    pub marks: bool,
    /// Routes and rules in its kernel.
    pub routing: Vec<Entry>,
    /// The kernel refuses routes and rules with this error, if any.
    pub refuses_routing: Option<String>,
    /// Requests for objects of the kernel, in order.
    pub requests: Vec<(ObjectId, Op)>,
    /// Changes of the firewall tables, each with the number of requests before it.
    pub firewall: Vec<(usize, FirewallChange)>,
    /// Secondary addresses that each removal request wanted to keep.
    pub spared: Vec<Secondaries>,
    /// The kernel refuses every address request with this error, if any.
    pub refuses_addresses: Option<String>,
    /// MTU of its interface.
    pub mtu: u32,
    /// VMACs in its kernel, by index.
    pub vmacs: BTreeMap<u32, WantedLink>,
    /// Its second interface, if any, with the index [`OTHER`](super::fixtures::OTHER).
    pub second: Option<Interface>,
    /// The kernel refuses to create VMACs.
    pub refuses_links: bool,
    /// Addresses that are set on a VMAC.
    pub(super) on_vmac: BTreeMap<IpAddr, u32>,
    pub(super) next_index: u32,
    pub changes: Vec<(Duration, Change)>,
    pub announced: Vec<(Duration, AddressId, u32)>,
    /// Adverts sent: time and payload.
    pub sent: Vec<(Duration, Vec<u8>)>,
    /// Sequence numbers of the authentication headers sent.
    pub sealed: Vec<u32>,
    /// Its checkpoint had to be saved.
    pub save: bool,
    pub alive: bool,
    /// Disconnected from the other routers.
    pub isolated: bool,
    /// The kernel's notifications about addresses are held back until it [catches up](Lan::catch_up).
    pub lags: bool,
    pub(super) late: Vec<(Op, KernelAddress)>,
    pub(super) answers: VecDeque<(Duration, Request)>,
    pub(super) kernel_delay: Duration,
    /// Exit status by script, by default 0; `None` = the script does not end.
    pub exits: BTreeMap<u32, Option<i32>>,
    /// Runs of scripts: time and row.
    pub runs: Vec<(Duration, u32)>,
    /// How long its kernel takes for each of the next VMAC requests.
    pub vmac_delays: VecDeque<Duration>,
}

impl Router {
    pub fn link(&self, up: bool) -> Interface {
        let on_base = |(ip, _): &&(IpAddr, u8)| !self.on_vmac.contains_key(ip);
        let address =
            |(ip, prefix): &(IpAddr, u8), marked| InterfaceAddress { ip: *ip, prefix: *prefix, usable: true, marked };
        let hosts = self.host.iter().map(|known| address(known, false));
        let virtual_addresses = self.kernel.iter().filter(on_base).map(|known| address(known, self.marks));
        let addresses = hosts.chain(virtual_addresses).collect();
        let (mac, mtu) = (Some([2, 0, 0, 0, 0, 1]), self.mtu);
        Interface { index: IFINDEX, name: "eth0".into(), up, mtu, mac, addresses, ..Interface::default() }
    }

    /// A VMAC as the kernel reports it.
    pub fn vmac(&self, index: u32) -> Interface {
        let link = &self.vmacs[&index];
        let (mac, kind) = match link.kind {
            OwnLinkKind::Vmac { mac, .. } => (Some(mac), UpperKind::Macvlan { private: true }),
            OwnLinkKind::Ipvlan { mode, .. } => (None, UpperKind::Ipvlan(Some(mode))),
        };
        let own = link.address.map(|(ip, prefix)| InterfaceAddress { ip, prefix, usable: true, marked: false });
        let there = self.kernel.iter().filter(|(ip, _)| self.on_vmac.get(ip) == Some(&index));
        let marked = self.marks;
        let addresses = there.map(|(ip, prefix)| InterfaceAddress { ip: *ip, prefix: *prefix, usable: true, marked });
        Interface {
            index,
            name: link.name.clone(),
            up: true,
            mac,
            group: link.group,
            upper: Some(Upper { base: Some(link.base), kind }),
            addresses: own.into_iter().chain(addresses).collect(),
            ..Interface::default()
        }
    }

    /// State of an instance, [`State::Init`] when there is no such instance.
    pub fn state(&self, name: &str) -> State {
        let row = self.vrrp.tables.instances.values().find(|row| row.config.name == name);
        row.map_or(State::Init, |row| row.state)
    }

    pub(super) fn next(&self) -> Option<Duration> {
        let timer = self.timers.values().min().copied();
        [timer, self.answers.front().map(|(at, ..)| *at)].into_iter().flatten().min().filter(|_| self.alive)
    }
}
