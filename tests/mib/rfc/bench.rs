//! The machine with a clock and timers, and its walks and notifications as text.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use keepalived::mib::{self, Module};
use keepalived::vrrp::{Action, Change, Event, Interface, InterfaceAddress, Received, Tables, TimerKey, Vrrp};
use keepalived::wire::vrrp::{AUTH_NONE, Advertisement, Checksum, VersionFields};
use snmp::{Mib, Oid, Value};

use crate::config_support;

pub const V2: &[u32] = &[1, 3, 6, 1, 2, 1, 68];
pub const V3: &[u32] = &[1, 3, 6, 1, 2, 1, 207];
/// When the process starts.
pub const START: Duration = Duration::from_secs(50);

pub const TEXT: &str = "
global_defs {
    router_id R
    enable_traps
}
vrrp_instance plain {
    interface eth0
    virtual_router_id 31
    priority 200
    version 2
    advert_int 2
    virtual_ipaddress {
        10.1.0.231/24
        10.1.0.131
    }
    virtual_ipaddress_excluded {
        10.1.0.99
    }
}
vrrp_instance pass {
    interface eth0
    virtual_router_id 32
    priority 200
    version 2
    authentication {
        auth_type PASS
        auth_pass secret
    }
    nopreempt
    virtual_ipaddress {
        10.1.0.132
    }
}
vrrp_instance v3 {
    interface eth0
    virtual_router_id 34
    priority 200
    version 3
    advert_int 0.5
    no_accept
    virtual_ipaddress {
        10.1.0.134
    }
}
vrrp_instance v6 {
    interface eth0
    virtual_router_id 34
    priority 200
    advert_int 1.5
    virtual_ipaddress {
        fe80::136
        fd00:1::136/64
    }
}
vrrp_instance none {
    interface eth0
    virtual_router_id 39
    priority 200
    version 2
    no_virtual_ipaddress
}
vrrp_instance source {
    interface eth1
    virtual_router_id 40
    priority 200
    version 2
    mcast_src_ip 10.1.1.1
    virtual_ipaddress {
        10.1.1.140
    }
}
";

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn link(index: u32, name: &str, addresses: &[&str]) -> Interface {
    let address = |ip: &&str| InterfaceAddress { ip: ip.parse().unwrap(), prefix: 24, usable: true, marked: false };
    let octet = u8::try_from(index).unwrap();
    let mac = Some([2, 0, 0, 0, 0, octet]);
    let addresses = addresses.iter().map(address).collect();
    Interface { index, name: name.into(), up: true, mac, mtu: 1500, addresses, ..Interface::default() }
}

pub fn links() -> Vec<Interface> {
    vec![link(2, "eth0", &["10.1.0.1", "fe80::1"]), link(7, "eth1", &["10.1.1.9", "10.1.1.1"])]
}

/// The machine with a clock and timers.
pub struct Bench {
    pub vrrp: Vrrp,
    pub mib: Mib<Vrrp>,
    pub now: Duration,
    timers: BTreeMap<TimerKey, Duration>,
    changes: Vec<Change>,
}

impl Bench {
    pub fn new(text: &str, links: Vec<Interface>) -> Bench {
        let vrrp = Vrrp::new(Tables::new(config(text), "test".into()));
        let mib = mib::vrrp_mib().unwrap();
        let mut bench = Bench { vrrp, mib, now: START, timers: BTreeMap::new(), changes: Vec::new() };
        bench.event(Event::Interfaces(links));
        bench.event(Event::Start);
        bench
    }

    pub fn event(&mut self, event: Event<'_>) {
        self.vrrp.handle(event, self.now);
        let output = self.vrrp.take_output();
        for action in output.actions {
            match action {
                Action::Timer(key, Some(at)) => drop(self.timers.insert(key, at)),
                Action::Timer(key, None) => drop(self.timers.remove(&key)),
                _ => {}
            }
        }
        self.changes.extend(output.changes);
    }

    pub fn run(&mut self, until: Duration) {
        while let Some((key, at)) = self.timers.iter().map(|(key, at)| (*key, *at)).min_by_key(|(_, at)| *at) {
            if at > until {
                break;
            }
            self.timers.remove(&key);
            self.now = self.now.max(at);
            self.event(Event::Timer(key));
        }
        self.now = until;
        self.event(Event::Clock(until));
    }

    pub fn packet(&mut self, from: &str, to: &str, ttl: u8, payload: &[u8]) {
        let (source, destination) = (from.parse().unwrap(), to.parse().unwrap());
        self.event(Event::Packet(Received { ifindex: 2, source, destination, ttl, authenticated: None, payload }));
    }

    /// An advert from 10.1.0.77 with one address.
    pub fn advert(&mut self, vrid: u8, priority: u8, version: VersionFields, address: &str, ttl: u8) {
        let payload = advert(vrid, priority, version, address);
        self.packet("10.1.0.77", "224.0.0.18", ttl, &payload);
    }

    pub fn value(&self, root: &[u32], tail: &[u32]) -> Value {
        self.mib.get(&self.vrrp, &Oid::from([root, tail].concat()))
    }

    /// The instances of a subtree from a walk: the names below it, and the values.
    pub fn walk(&self, root: &[u32]) -> Vec<(Vec<u32>, Value)> {
        let mut found = Vec::new();
        let mut at = Oid::new(root);
        loop {
            let next = self.mib.next(&self.vrrp, &at, false, &Oid::default());
            let Some(tail) = next.name.as_slice().strip_prefix(root).filter(|_| !next.value.is_exception()) else {
                return found;
            };
            assert!(next.name > at, "{} after {at}", next.name);
            assert_eq!(self.mib.get(&self.vrrp, &next.name), next.value, "GET and GETNEXT of {}", next.name);
            found.push((tail.to_vec(), next.value));
            at = next.name;
        }
    }

    /// The rows of a table: the index, and the values of the columns.
    pub fn rows(&self, root: &[u32], entry: &[u32]) -> Vec<String> {
        let mut rows: BTreeMap<Vec<u32>, Vec<String>> = BTreeMap::new();
        for (tail, value) in self.walk(&[root, entry].concat()) {
            rows.entry(tail[1..].to_vec()).or_default().push(format!("{}={}", tail[0], shown(&value)));
        }
        rows.into_iter().map(|(index, cells)| format!("{}: {}", dotted(&index), cells.join(" "))).collect()
    }

    /// The notifications of the changes since the last call.
    pub fn traps(&mut self) -> Vec<String> {
        let changes = std::mem::take(&mut self.changes);
        let modules: Vec<&Module<_, _>> =
            mib::VRRP_MODULES.iter().filter(|module| [V2, V3].contains(&module.root)).collect();
        let traps = changes.iter().flat_map(|change| {
            let traps = modules.iter().filter_map(|module| (module.trap)(change, &self.vrrp));
            traps.map(|trap| {
                let objects: Vec<String> =
                    trap.objects.iter().map(|bind| format!("{}={}", bind.name, shown(&bind.value))).collect();
                format!("{} {}", trap.oid, objects.join(" ")).replace(".1.3.6.1.2.1.", "")
            })
        });
        traps.collect()
    }
}

pub fn config(text: &str) -> keepalived::config::model::Config {
    let loaded = config_support::load_text(text);
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

pub fn advert(vrid: u8, priority: u8, version: VersionFields, address: &str) -> Vec<u8> {
    let addresses: [IpAddr; 1] = [address.parse().unwrap()];
    let advert = Advertisement { vrid, priority, version, addresses: &addresses };
    advert.to_bytes("10.1.0.77".parse().unwrap(), "224.0.0.18".parse().unwrap())
}

pub fn of_v2(interval_seconds: u8) -> VersionFields {
    VersionFields::V2 { interval_seconds, auth_type: AUTH_NONE, auth_data: [0; 8] }
}

pub fn of_v3(interval_centiseconds: u16) -> VersionFields {
    VersionFields::V3 { interval_centiseconds, checksum: Checksum::PseudoHeader }
}

pub fn dotted(sub_ids: &[u32]) -> String {
    sub_ids.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

pub fn shown(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Gauge32(number) => format!("{number}g"),
        Value::Counter32(number) => format!("{number}c"),
        Value::Counter64(number) => format!("{number}C"),
        Value::TimeTicks(ticks) => format!("{ticks}t"),
        Value::TimeStamp(at) => format!("@{}", at.as_secs_f64()),
        Value::IpAddress(octets) => IpAddr::from(*octets).to_string(),
        Value::OctetString(octets) => match octets.as_slice() {
            [] => "-".into(),
            octets => match (<[u8; 4]>::try_from(octets), <[u8; 16]>::try_from(octets)) {
                (Ok(octets), _) => IpAddr::from(octets).to_string(),
                (_, Ok(octets)) => IpAddr::from(octets).to_string(),
                _ => octets.iter().map(|octet| format!("{octet:02x}")).collect(),
            },
        },
        other => panic!("{other:?}"),
    }
}
