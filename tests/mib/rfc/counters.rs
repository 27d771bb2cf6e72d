//! The counters: which frame moves which, and that they do not go back.

use std::collections::{BTreeMap, BTreeSet};

use keepalived::vrrp::Event;
use keepalived::wire::vrrp::{AUTH_PASS, VersionFields};
use snmp::Value;

use super::bench::{Bench, START, TEXT, V2, V3, advert, config, dotted, links, of_v2, of_v3, seconds};

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
    let right = VersionFields::V2 { interval_seconds: 1, auth_type: AUTH_PASS, auth_data: *b"secret\0\0" };
    let with = |mut payload: Vec<u8>, at: usize, octet: u8, checksum: usize| {
        // The sum of the two octets stays the same.
        let change = i32::from(payload[at]) - i32::from(octet);
        (payload[at], payload[checksum]) = (octet, u8::try_from(i32::from(payload[checksum]) + change).unwrap());
        payload
    };
    let v3 = || advert(34, 100, of_v3(50), "10.1.0.134");
    let mut broken3 = v3();
    broken3[6] ^= 1;
    let cases: [(&str, Vec<u8>, u8, &[&str]); 22] = [
        (
            "TTL",
            advert(31, 100, of_v2(2), "10.1.0.131"),
            254,
            &["2.4.1.5.2.31+1", "1.2.5.1.5.2.31.1+1", "1.2.5.1.6.2.31.1=1"],
        ),
        ("version", advert(31, 100, of_v3(200), "10.1.0.131"), 255, &["2.2.0+1", "1.2.2.0+1", "1.2.5.1.6.2.31.1=2"]),
        ("version 4", with(advert(31, 100, of_v2(2), "10.1.0.131"), 0, 0x41, 6), 255, &["2.2.0+1", "1.2.2.0+1"]),
        ("checksum", broken, 255, &["2.1.0+1", "1.2.1.0+1", "1.2.5.1.6.2.31.1=3"]),
        ("type", request, 255, &["2.4.1.8.2.31+1", "1.2.5.1.9.2.31.1+1"]),
        ("interval", advert(31, 100, of_v2(1), "10.1.0.131"), 255, &["2.4.1.3.2.31+1", "1.2.5.1.4.2.31.1+1"]),
        ("authentication type", advert(31, 100, typed, "10.1.0.131"), 255, &["2.4.1.11.2.31+1"]),
        ("unknown authentication", advert(31, 100, unknown, "10.1.0.131"), 255, &["2.4.1.10.2.31+1"]),
        (
            "length",
            with(advert(31, 100, of_v2(2), "10.1.0.131"), 3, 3, 7),
            255,
            &["2.4.1.12.2.31+1", "1.2.5.1.11.2.31.1+1"],
        ),
        ("password", advert(32, 100, pass, "10.1.0.132"), 255, &["2.4.1.4.2.32+1"]),
        ("no password", advert(32, 100, of_v2(1), "10.1.0.132"), 255, &["2.4.1.11.2.32+1"]),
        ("none: lower priority", advert(32, 100, right, "10.1.0.132"), 255, &["2.4.1.2.2.32+1", "1.2.5.1.3.2.32.1+1"]),
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
        ("TTL of version 3", v3(), 254, &["1.2.5.1.5.2.34.1+1", "1.2.5.1.6.2.34.1=1"]),
        ("checksum of version 3", broken3, 255, &["1.2.1.0+1", "1.2.5.1.6.2.34.1=3"]),
        ("version 2 for version 3", advert(34, 100, of_v2(1), "10.1.0.134"), 255, &["1.2.2.0+1", "1.2.5.1.6.2.34.1=2"]),
        ("type of version 3", with(v3(), 0, 0x33, 6), 255, &["1.2.5.1.9.2.34.1+1"]),
        (
            "addresses of version 3",
            advert(34, 100, of_v3(50), "10.1.0.99"),
            255,
            &["1.2.5.1.3.2.34.1+1", "1.2.5.1.10.2.34.1+1"],
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
