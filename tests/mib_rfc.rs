//! VRRP-MIB and VRRPV3-MIB: rows, values, counters and notifications for a configuration.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod config_support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use keepalived::mib::{self, Module};
use keepalived::vrrp::{Action, Change, Event, Interface, InterfaceAddress, Received, Tables, TimerKey, Vrrp};
use keepalived::wire::vrrp::{AUTH_NONE, AUTH_PASS, Advertisement, Checksum, VersionFields};
use proptest::prelude::*;
use snmp::{Mib, Oid, Value};

const V2: &[u32] = &[1, 3, 6, 1, 2, 1, 68];
const V3: &[u32] = &[1, 3, 6, 1, 2, 1, 207];
/// When the process starts.
const START: Duration = Duration::from_secs(50);

const TEXT: &str = "
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

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn link(index: u32, name: &str, addresses: &[&str]) -> Interface {
    let address = |ip: &&str| InterfaceAddress { ip: ip.parse().unwrap(), prefix: 24, usable: true, marked: false };
    let octet = u8::try_from(index).unwrap();
    let mac = Some([2, 0, 0, 0, 0, octet]);
    let addresses = addresses.iter().map(address).collect();
    Interface { index, name: name.into(), up: true, mac, mtu: 1500, addresses, ..Interface::default() }
}

fn links() -> Vec<Interface> {
    vec![link(2, "eth0", &["10.1.0.1", "fe80::1"]), link(7, "eth1", &["10.1.1.9", "10.1.1.1"])]
}

/// The machine with a clock and timers.
struct Bench {
    vrrp: Vrrp,
    mib: Mib<Vrrp>,
    now: Duration,
    timers: BTreeMap<TimerKey, Duration>,
    changes: Vec<Change>,
}

impl Bench {
    fn new(text: &str, links: Vec<Interface>) -> Bench {
        let vrrp = Vrrp::new(Tables::new(config(text), "test".into()));
        let mib = mib::vrrp_mib().unwrap();
        let mut bench = Bench { vrrp, mib, now: START, timers: BTreeMap::new(), changes: Vec::new() };
        bench.event(Event::Interfaces(links));
        bench.event(Event::Start);
        bench
    }

    fn event(&mut self, event: Event<'_>) {
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

    fn run(&mut self, until: Duration) {
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

    fn packet(&mut self, from: &str, to: &str, ttl: u8, payload: &[u8]) {
        let (source, destination) = (from.parse().unwrap(), to.parse().unwrap());
        self.event(Event::Packet(Received { ifindex: 2, source, destination, ttl, authenticated: None, payload }));
    }

    /// An advert from 10.1.0.77 with one address.
    fn advert(&mut self, vrid: u8, priority: u8, version: VersionFields, address: &str, ttl: u8) {
        let payload = advert(vrid, priority, version, address);
        self.packet("10.1.0.77", "224.0.0.18", ttl, &payload);
    }

    fn value(&self, root: &[u32], tail: &[u32]) -> Value {
        self.mib.get(&self.vrrp, &Oid::from([root, tail].concat()))
    }

    /// The instances of a subtree from a walk: the names below it, and the values.
    fn walk(&self, root: &[u32]) -> Vec<(Vec<u32>, Value)> {
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
    fn rows(&self, root: &[u32], entry: &[u32]) -> Vec<String> {
        let mut rows: BTreeMap<Vec<u32>, Vec<String>> = BTreeMap::new();
        for (tail, value) in self.walk(&[root, entry].concat()) {
            rows.entry(tail[1..].to_vec()).or_default().push(format!("{}={}", tail[0], shown(&value)));
        }
        rows.into_iter().map(|(index, cells)| format!("{}: {}", dotted(&index), cells.join(" "))).collect()
    }

    /// The notifications of the changes since the last call.
    fn traps(&mut self) -> Vec<String> {
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

fn config(text: &str) -> keepalived::config::model::Config {
    let loaded = config_support::load_text(text);
    loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics))
}

fn advert(vrid: u8, priority: u8, version: VersionFields, address: &str) -> Vec<u8> {
    let addresses: [IpAddr; 1] = [address.parse().unwrap()];
    let advert = Advertisement { vrid, priority, version, addresses: &addresses };
    advert.to_bytes("10.1.0.77".parse().unwrap(), "224.0.0.18".parse().unwrap())
}

fn of_v2(interval_seconds: u8) -> VersionFields {
    VersionFields::V2 { interval_seconds, auth_type: AUTH_NONE, auth_data: [0; 8] }
}

fn of_v3(interval_centiseconds: u16) -> VersionFields {
    VersionFields::V3 { interval_centiseconds, checksum: Checksum::PseudoHeader }
}

fn dotted(sub_ids: &[u32]) -> String {
    sub_ids.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

fn shown(value: &Value) -> String {
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

#[test]
fn rows_of_vrrp_mib() {
    let mut bench = Bench::new(TEXT, links());
    let backup = bench.rows(V2, &[1, 3, 1]);
    bench.run(START + seconds(10));
    let master = bench.rows(V2, &[1, 3, 1]);
    let row = |index: &str, mac: u32, tail: &str, state: u32, addresses: &str| {
        format!("{index}: 2=02000000000{mac} 3={state} 4=1 5=200 {}", tail.replace("ADDRESSES", addresses))
    };
    let tails = [
        ("2.31", 2, "6=2 ADDRESSES 9=1 10=- 11=2 12=1 13=@50 14=1 15=1", "10.1.0.1"),
        ("2.32", 2, "6=1 ADDRESSES 9=2 10=- 11=1 12=2 13=@50 14=1 15=1", "10.1.0.1"),
        ("7.40", 7, "6=1 ADDRESSES 9=1 10=- 11=1 12=1 13=@50 14=1 15=1", "10.1.1.1"),
    ];
    let expected = |state, master: fn(&str) -> String| {
        let rows = tails.iter().map(|(index, mac, tail, source)| {
            row(index, *mac, tail, state, &format!("7={} 8={source}", master(source)))
        });
        rows.collect::<Vec<_>>()
    };
    assert_eq!(backup, expected(2, |_| "0.0.0.0".into()));
    assert_eq!(master, expected(3, str::to_owned), "a master is its own master");
    let addresses = ["2.31.10.1.0.131: 2=1", "2.31.10.1.0.231: 2=1", "2.32.10.1.0.132: 2=1", "7.40.10.1.1.140: 2=1"];
    assert_eq!(bench.rows(V2, &[1, 4, 1]), addresses);
    let scalars: Vec<String> = bench.walk(&[V2, &[1]].concat()).iter().take(2).map(|(_, value)| shown(value)).collect();
    assert_eq!(scalars, ["2", "1"], "vrrpNodeVersion, vrrpNotificationCntl");

    // Without its interface a row is gone; with another ifIndex it is back.
    bench.event(Event::LinkGone(2));
    assert_eq!(bench.rows(V2, &[1, 3, 1]).len(), 1);
    bench.event(Event::Link(link(1, "eth0", &[])));
    let rows = bench.rows(V2, &[1, 3, 1]);
    assert!(rows[0].starts_with("1.31: 2=020000000001 3=1 4=1 5=200 6=2 7=0.0.0.0 8=0.0.0.0"), "{rows:?}");
    assert!(rows[0].contains(" 13=0t "), "in the state initialize: {rows:?}");
    assert_eq!(rows.len(), 3);
}

#[test]
fn rows_of_vrrpv3_mib() {
    let mut bench = Bench::new(TEXT, links());
    bench.run(START + seconds(12));
    let expected = [
        "2.31.1: 3=10.1.0.1 4=10.1.0.1 5=020000000002 6=3 7=200g 8=2 9=200 10=1 11=1 12=1200t 13=1",
        "2.32.1: 3=10.1.0.1 4=10.1.0.1 5=020000000002 6=3 7=200g 8=1 9=100 10=2 11=1 12=1200t 13=1",
        "2.34.1: 3=10.1.0.1 4=10.1.0.1 5=020000000002 6=3 7=200g 8=1 9=50 10=1 11=2 12=1200t 13=1",
        "2.34.2: 3=fe80::1 4=fe80::1 5=020000000002 6=3 7=200g 8=2 9=150 10=1 11=1 12=1200t 13=1",
        "7.40.1: 3=10.1.1.1 4=10.1.1.1 5=020000000007 6=3 7=200g 8=1 9=100 10=1 11=1 12=1200t 13=1",
    ];
    assert_eq!(bench.rows(V3, &[1, 1, 1, 1]), expected);
    let addresses = bench.rows(V3, &[1, 1, 2, 1]);
    let expected = [
        "2.31.1.4.10.1.0.131: 2=1",
        "2.31.1.4.10.1.0.231: 2=1",
        "2.32.1.4.10.1.0.132: 2=1",
        "2.34.1.4.10.1.0.134: 2=1",
        "2.34.2.16.253.0.0.1.0.0.0.0.0.0.0.0.0.0.1.54: 2=1",
        "2.34.2.16.254.128.0.0.0.0.0.0.0.0.0.0.0.0.1.54: 2=1",
        "7.40.1.4.10.1.1.140: 2=1",
    ];
    assert_eq!(addresses, expected);
    let statistics = "1=1c 2=3 3=0C 4=0C 5=0C 6=0 7=0C 8=0C 9=0C 10=0C 11=0C 12=@50";
    let expected = [("2.31.1", 2000), ("2.32.1", 1000), ("2.34.1", 500), ("2.34.2", 1500), ("7.40.1", 1000)];
    let expected: Vec<String> =
        expected.iter().map(|(index, rate)| format!("{index}: {statistics} 13={rate}g")).collect();
    assert_eq!(bench.rows(V3, &[1, 2, 5, 1]), expected);

    bench.event(Event::Link(Interface { up: false, ..link(2, "eth0", &[]) }));
    let fault = bench.rows(V3, &[1, 1, 1, 1]);
    assert!(fault[0].starts_with("2.31.1: 3=0.0.0.0 ") && fault[3].starts_with("2.34.2: 3=:: "), "{fault:?}");
    assert!(fault[..4].iter().all(|row| row.contains(" 6=1 ") && row.contains(" 12=0t ")), "{fault:?}");
    assert!(fault[4].contains(" 6=3 "), "the other interface is up: {fault:?}");
}

/// Frames that are refused or odd, and the counters that each of them moves: (column, index) below the statistics of
/// VRRP-MIB and of VRRPV3-MIB.
#[test]
fn counters_of_errors() {
    let mut bench = Bench::new(TEXT, links());
    bench.run(START + seconds(12));
    let pass = VersionFields::V2 { interval_seconds: 1, auth_type: AUTH_PASS, auth_data: *b"wrong\0\0\0" };
    let unknown = VersionFields::V2 { interval_seconds: 2, auth_type: 3, auth_data: [0; 8] };
    let typed = VersionFields::V2 { interval_seconds: 2, auth_type: AUTH_PASS, auth_data: [0; 8] };
    let mut broken = advert(31, 100, of_v2(2), "10.1.0.131");
    broken[6] ^= 1;
    let mut request = advert(31, 100, of_v2(2), "10.1.0.131");
    request[0] = 0x22;
    let cases: [(&str, Vec<u8>, u8, &[&str]); 13] = [
        (
            "TTL",
            advert(31, 100, of_v2(2), "10.1.0.131"),
            254,
            &["2.4.1.5.2.31+1", "1.2.5.1.5.2.31.1+1", "1.2.5.1.6.2.31.1=1"],
        ),
        ("version", advert(31, 100, of_v3(200), "10.1.0.131"), 255, &["2.2.0+1", "1.2.2.0+1", "1.2.5.1.6.2.31.1=2"]),
        ("checksum", broken, 255, &["2.1.0+1", "1.2.1.0+1", "1.2.5.1.6.2.31.1=3"]),
        ("type", request, 255, &["2.4.1.8.2.31+1", "1.2.5.1.9.2.31.1+1"]),
        ("interval", advert(31, 100, of_v2(1), "10.1.0.131"), 255, &["2.4.1.3.2.31+1", "1.2.5.1.4.2.31.1+1"]),
        ("authentication type", advert(31, 100, typed, "10.1.0.131"), 255, &["2.4.1.11.2.31+1"]),
        ("unknown authentication", advert(31, 100, unknown, "10.1.0.131"), 255, &["2.4.1.10.2.31+1"]),
        ("password", advert(32, 100, pass, "10.1.0.132"), 255, &["2.4.1.4.2.32+1"]),
        (
            "addresses",
            advert(31, 100, of_v2(2), "10.1.0.131"),
            255,
            &["2.4.1.2.2.31+1", "2.4.1.9.2.31+1", "1.2.5.1.3.2.31.1+1", "1.2.5.1.10.2.31.1+1"],
        ),
        (
            "priority 0, with an address less",
            advert(31, 0, of_v2(2), "10.1.0.131"),
            255,
            &[
                "2.4.1.2.2.31+1",
                "2.4.1.6.2.31+1",
                "2.4.1.9.2.31+1",
                "1.2.5.1.3.2.31.1+1",
                "1.2.5.1.7.2.31.1+1",
                "1.2.5.1.10.2.31.1+1",
            ],
        ),
        ("VRID", advert(99, 100, of_v2(2), "10.1.0.131"), 255, &["2.3.0+1", "1.2.3.0+1"]),
        ("VRID of version 3", advert(99, 100, of_v3(100), "10.1.0.131"), 255, &["1.2.3.0+1"]),
        (
            "interval of version 3",
            advert(34, 100, of_v3(100), "10.1.0.134"),
            255,
            &["1.2.5.1.3.2.34.1+1", "1.2.5.1.4.2.34.1+1"],
        ),
    ];
    let counters = |bench: &Bench| -> BTreeMap<String, u64> {
        let walks = [bench.walk(&[V2, &[2]].concat()), bench.walk(&[V3, &[1, 2]].concat())];
        let named = walks.into_iter().zip(["2", "1.2"]).flat_map(|(walk, branch)| {
            walk.into_iter().filter_map(move |(tail, value)| {
                let number = match value {
                    Value::Counter32(number) => number.into(),
                    Value::Counter64(number) => number,
                    Value::Integer(number) => u64::try_from(number).unwrap(),
                    _ => return None,
                };
                Some((format!("{branch}.{}", dotted(&tail)), number))
            })
        });
        named.collect()
    };
    for (name, payload, ttl, expected) in &cases {
        let before = counters(&bench);
        bench.packet("10.1.0.77", "224.0.0.18", *ttl, payload);
        let moved: BTreeSet<String> = counters(&bench)
            .into_iter()
            .filter(|(object, number)| before[object] != *number)
            .map(|(object, number)| match object.starts_with("1.2.5.1.6.") {
                true => format!("{object}={number}"),
                false => format!("{object}+{}", number - before[&object]),
            })
            .collect();
        // Answers to losing adverts are not counted in these modules.
        assert_eq!(moved, expected.iter().map(|text| (*text).to_owned()).collect(), "{name}");
    }

    // Clearing the statistics of the dump, and a reload that removes the row, do not set the router's counters back.
    let before = counters(&bench);
    bench.event(Event::ClearCounters);
    assert_eq!(counters(&bench), before);
    let (first, rest) = TEXT.split_once("vrrp_instance plain").unwrap();
    let rest = &rest[rest.find("vrrp_instance").unwrap()..];
    bench.now += seconds(5);
    bench.event(Event::Configure(Box::new(config(&[first, rest].concat()))));
    bench.event(Event::Clock(bench.now));
    let after = counters(&bench);
    assert!(!after.keys().any(|object| object.contains(".2.31")), "{after:?}");
    assert!(after.iter().all(|(object, number)| before[object] == *number), "{after:?}");
    // The row is new, and starts at 0 with its discontinuity time.
    bench.event(Event::Configure(Box::new(config(TEXT))));
    bench.event(Event::Clock(bench.now));
    assert_eq!(bench.value(V3, &[1, 2, 5, 1, 5, 2, 31, 1]), Value::Counter64(0));
    assert_eq!(bench.value(V3, &[1, 2, 5, 1, 12, 2, 31, 1]), Value::TimeStamp(bench.now));
    assert_eq!(bench.value(V3, &[1, 2, 5, 1, 12, 2, 32, 1]), Value::TimeStamp(START), "that of the others stays");
    assert_eq!(bench.value(V3, &[1, 2, 4, 0]), Value::TimeStamp(START));
}

#[test]
fn notifications() {
    let mut bench = Bench::new(TEXT, links());
    assert_eq!(bench.traps(), [""; 0], "a backup sends none of these");
    bench.run(START + seconds(12));
    let traps = bench.traps();
    let of = |traps: &[String], index: &str| -> Vec<String> {
        traps.iter().filter(|trap| trap.contains(&format!(".{index}="))).cloned().collect()
    };
    assert_eq!(of(&traps, "2.31"), ["68.0.1 68.1.3.1.7.2.31=10.1.0.1"]);
    assert_eq!(of(&traps, "2.31.1"), ["207.0.1 207.1.1.1.1.3.2.31.1=10.1.0.1 207.1.2.5.1.2.2.31.1=3"]);
    assert_eq!(of(&traps, "7.40"), ["68.0.1 68.1.3.1.7.7.40=10.1.1.1"]);
    assert_eq!(of(&traps, "2.34"), [""; 0], "version 3 is not in VRRP-MIB");
    assert_eq!(of(&traps, "2.34.2"), ["207.0.1 207.1.1.1.1.3.2.34.2=fe80::1 207.1.2.5.1.2.2.34.2=3"]);
    assert_eq!(traps.len(), 3 + 5, "{traps:#?}");

    // Another master takes over, stops with priority 0, takes over again, and falls below our priority.
    let both = |reason: u32| {
        let new = "68.0.1 68.1.3.1.7.2.31=10.1.0.1".to_owned();
        [new, format!("207.0.1 207.1.1.1.1.3.2.31.1=10.1.0.1 207.1.2.5.1.2.2.31.1={reason}")]
    };
    bench.advert(31, 250, of_v2(2), "10.1.0.131", 255);
    assert_eq!(bench.value(V2, &[1, 3, 1, 7, 2, 31]), Value::IpAddress([10, 1, 0, 77]), "the other master");
    bench.advert(31, 0, of_v2(2), "10.1.0.131", 255);
    bench.run(bench.now + seconds(2));
    assert_eq!(bench.traps(), both(1), "priority");
    bench.advert(31, 250, of_v2(2), "10.1.0.131", 255);
    for _ in 0..5 {
        bench.run(bench.now + seconds(2));
        bench.advert(31, 150, of_v2(2), "10.1.0.131", 255);
    }
    assert_eq!(bench.traps(), both(2), "preempted");
    assert_eq!(bench.value(V3, &[1, 2, 5, 1, 1, 2, 31, 1]), Value::Counter32(3));

    // Errors: one notification of a kind for each master.
    for _ in 0..3 {
        bench.advert(31, 100, of_v2(2), "10.1.0.131", 254);
        bench.advert(34, 100, of_v2(2), "10.1.0.134", 255);
        let wrong = VersionFields::V2 { interval_seconds: 1, auth_type: AUTH_PASS, auth_data: *b"wrong\0\0\0" };
        bench.advert(32, 100, wrong, "10.1.0.132", 255);
        bench.advert(32, 100, of_v2(1), "10.1.0.132", 255);
    }
    let expected = [
        "207.0.2 207.1.2.5.1.6.2.31.1=1",
        "207.0.2 207.1.2.5.1.6.2.34.1=2",
        "68.0.2 68.1.5.2.32=10.1.0.77 68.1.6.2.32=3",
        "68.0.2 68.1.5.2.32=10.1.0.77 68.1.6.2.32=2",
    ];
    assert_eq!(bench.traps(), expected);

    let mut silent = Bench::new(&TEXT.replace("enable_traps", ""), links());
    silent.run(START + seconds(12));
    assert_eq!(silent.traps(), [""; 0], "without enable_traps");
    assert_eq!(silent.value(V2, &[1, 2, 0]), Value::Integer(2));
}

#[test]
fn the_keywords_enable_the_modules() {
    let enabled = |keyword: &str| -> Vec<&str> {
        let config = config(&format!("global_defs {{\n {keyword}\n}}\n"));
        let modules = mib::VRRP_MODULES.iter().filter(|module| (module.enabled)(&config.global));
        modules.map(|module| module.capability.trim_start_matches("The MIB module for ")).collect()
    };
    assert_eq!(enabled("router_id R"), [""; 0]);
    assert_eq!(enabled("enable_snmp_vrrp"), ["Keepalived", "KEEPALIVED-VRRP"]);
    assert_eq!(enabled("enable_snmp_rfcv2"), ["VRRP"]);
    assert_eq!(enabled("enable_snmp_rfcv3"), ["VRRPV3"]);
    assert_eq!(enabled("enable_snmp_rfc"), ["VRRP", "VRRPV3"]);
}

/// A configuration of instances: interface, VRID, version 2, IPv6, number of addresses.
fn instances(instances: &[(u32, u32, bool, bool, u32)]) -> String {
    let block = |(number, (interface, vrid, v2, v6, addresses)): (usize, &(u32, u32, bool, bool, u32))| {
        let version = if *v2 && !*v6 { 2 } else { 3 };
        let address =
            |host: u32| if *v6 { format!("fe80::{vrid}:{host}") } else { format!("10.{vrid}.{number}.{host}") };
        let addresses = match addresses {
            0 => "no_virtual_ipaddress".to_owned(),
            count => {
                let lines: Vec<String> = (0..*count).rev().map(|host| address(host * 99)).collect();
                format!("virtual_ipaddress {{\n{}\n}}", lines.join("\n"))
            }
        };
        format!(
            "vrrp_instance I{number} {{\n interface eth{interface}\n virtual_router_id {vrid}\n version {version}\n \
             {addresses}\n}}\n"
        )
    };
    instances.iter().enumerate().map(block).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_walk_is_the_sorted_list_of_all_gets_while_rows_come_and_go(
        steps in proptest::collection::vec(
            (
                proptest::collection::vec((0..3u32, 1..5u32, any::<bool>(), any::<bool>(), 0..4u32), 0..8),
                proptest::collection::vec((0..3u32, 0..6u32), 0..4),
            ),
            1..6,
        ),
        starts in proptest::collection::vec(proptest::collection::vec(0..6u32, 0..9), 0..20),
    ) {
        let mut bench = Bench::new(&instances(&[]), Vec::new());
        for (configured, changes) in steps {
            bench.now += seconds(1);
            bench.event(Event::Configure(Box::new(config(&instances(&configured)))));
            for (interface, index) in changes {
                // 0 removes the interface; others add it, move it to another ifIndex, or rename one.
                let name = format!("eth{interface}");
                match (index, bench.vrrp.tables().interfaces.named(&name).map(|link| link.index)) {
                    (0, Some(known)) => bench.event(Event::LinkGone(known)),
                    (0, None) => {}
                    (index, known) => {
                        if let Some(known) = known.filter(|known| *known != index) {
                            bench.event(Event::LinkGone(known));
                        }
                        bench.event(Event::Link(link(index, &name, &[])));
                    }
                }
            }
            bench.event(Event::Clock(bench.now));
            for root in [V2, V3] {
                let names: Vec<Vec<u32>> = bench.walk(root).into_iter().map(|(tail, _)| tail).collect();
                let compared = names.iter().filter(|name| columns(root).iter().any(|column| name.starts_with(column)));
                prop_assert_eq!(compared.cloned().collect::<BTreeSet<_>>(), expected(&bench, root));
                for start in &starts {
                    let from = Oid::from([root, start].concat());
                    let next = bench.mib.next(&bench.vrrp, &from, false, &Oid::from(root).successor().unwrap());
                    let first = names.iter().find(|name| name.as_slice() > start.as_slice());
                    prop_assert_eq!(next.name.as_slice().strip_prefix(root).filter(|_| !next.value.is_exception()), first.map(Vec::as_slice));
                }
            }
        }
    }
}

/// The columns of state and of the status of addresses.
fn columns(root: &[u32]) -> [&'static [u32]; 2] {
    if root == V2 { [&[1, 3, 1, 3], &[1, 4, 1, 2]] } else { [&[1, 1, 1, 1, 6], &[1, 1, 2, 1, 2]] }
}

/// The instances of these columns that a module must have, from all instances.
fn expected(bench: &Bench, root: &[u32]) -> BTreeSet<Vec<u32>> {
    use keepalived::config::model::{Family, Version};
    let mut expected = BTreeSet::new();
    let [states, addresses] = columns(root);
    for row in bench.vrrp.tables().instances.values().filter(|row| !row.config.addresses.is_empty()) {
        let config = &row.config;
        if root == V2 && (config.family, config.version) != (Family::V4, Version::V2) {
            continue;
        }
        let Some(link) = bench.vrrp.tables().interfaces.named(&config.interface) else { continue };
        let mut index = vec![link.index, config.vrid.into()];
        if root == V3 {
            index.push(if config.family == Family::V4 { 1 } else { 2 });
        }
        expected.insert([states, &index].concat());
        for address in row.carried() {
            let octets: Vec<u32> = match address.ip {
                IpAddr::V4(ip) => ip.octets().map(u32::from).to_vec(),
                IpAddr::V6(ip) => ip.octets().map(u32::from).to_vec(),
            };
            let length = u32::try_from(octets.len()).ok().filter(|_| root == V3);
            let tail: Vec<u32> = length.into_iter().chain(octets).collect();
            expected.insert([addresses, &index, &tail].concat());
        }
    }
    expected
}
