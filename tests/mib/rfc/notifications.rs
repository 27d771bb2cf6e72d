//! The notifications of both modules.

use keepalived::wire::vrrp::{AUTH_PASS, VersionFields};
use snmp::Value;

use super::bench::{Bench, START, TEXT, V2, V3, links, of_v2, seconds};

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
    assert_eq!(silent.value(V2, &[1, 2, 0]), Value::Integer(2), "without enable_traps");
}
