//! The rows and values of both modules.

use keepalived::mib;
use keepalived::vrrp::{Event, Interface};
use snmp::Value;

use super::bench::{Bench, START, TEXT, V2, V3, config, link, links, of_v2, seconds, shown};

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

/// In fault the other master that was last heard is shown, as in C keepalived.
#[test]
fn the_last_master_stays_in_fault() {
    let mut bench = Bench::new(TEXT, links());
    bench.advert(31, 250, of_v2(2), "10.1.0.131", 255);
    bench.event(Event::Link(Interface { up: false, ..link(2, "eth0", &[]) }));
    assert_eq!(bench.value(V2, &[1, 3, 1, 3, 2, 31]), Value::Integer(1), "initialize");
    assert_eq!(bench.value(V2, &[1, 3, 1, 7, 2, 31]), Value::IpAddress([10, 1, 0, 77]));
    assert_eq!(bench.value(V2, &[1, 3, 1, 7, 2, 32]), Value::IpAddress([0; 4]), "none was heard");
}

/// Authentication by header, and unicast instances, whose rows are those of multicast ones.
#[test]
fn rows_of_ah_and_unicast_instances() {
    let text = "
vrrp_instance header {
    interface eth1
    virtual_router_id 33
    priority 200
    version 2
    authentication {
        auth_type AH
        auth_pass secret
    }
    virtual_ipaddress {
        10.1.0.133
    }
}
vrrp_instance unicast2 {
    interface eth0
    virtual_router_id 37
    version 2
    unicast_peer {
        10.1.0.2
    }
    virtual_ipaddress {
        10.1.0.137
    }
}
vrrp_instance unicast3 {
    interface eth0
    virtual_router_id 38
    priority 200
    version 3
    unicast_src_ip 10.1.0.1
    unicast_peer {
        10.1.0.2
    }
    virtual_ipaddress {
        10.1.0.138
    }
}
";
    let mut bench = Bench::new(text, links());
    bench.run(START + seconds(12));
    let expected = [
        "2.37: 2=020000000002 3=3 4=1 5=100 6=1 7=10.1.0.1 8=10.1.0.1 9=1 10=- 11=1 12=1 13=@50 14=1 15=1",
        "7.33: 2=020000000007 3=3 4=1 5=200 6=1 7=10.1.1.9 8=10.1.1.9 9=3 10=- 11=1 12=1 13=@50 14=1 15=1",
    ];
    assert_eq!(bench.rows(V2, &[1, 3, 1]), expected);
    let expected = [
        "2.37.1: 3=10.1.0.1 4=10.1.0.1 5=020000000002 6=3 7=100g 8=1 9=100 10=1 11=1 12=1200t 13=1",
        "2.38.1: 3=10.1.0.1 4=10.1.0.1 5=020000000002 6=3 7=200g 8=1 9=100 10=1 11=1 12=1200t 13=1",
        "7.33.1: 3=10.1.1.9 4=10.1.1.9 5=020000000007 6=3 7=200g 8=1 9=100 10=1 11=1 12=1200t 13=1",
    ];
    assert_eq!(bench.rows(V3, &[1, 1, 1, 1]), expected);
}

/// The virtual MAC address is shown before its interface exists; the index is that of the configured interface.
#[test]
fn a_row_with_a_virtual_mac_address() {
    let text = TEXT.replacen("    version 2\n", "    version 2\n    use_vmac\n", 1);
    let bench = Bench::new(&text, links());
    let rows = bench.rows(V2, &[1, 3, 1]);
    assert!(rows[0].starts_with("2.31: 2=00005e00011f 3="), "{rows:?}");
    assert!(rows[1].starts_with("2.32: 2=020000000002 3="), "{rows:?}");
    let rows = bench.rows(V3, &[1, 1, 1, 1]);
    assert!(rows[0].starts_with("2.31.1: ") && rows[0].contains(" 5=00005e00011f "), "{rows:?}");
}

#[test]
fn the_keywords_enable_the_modules() {
    let enabled = |keyword: &str| -> Vec<&str> {
        let config = config(&format!("global_defs {{\n {keyword}\n}}\n"));
        let modules = mib::VRRP_MODULES.iter().filter(|module| (module.enabled)(&config.global));
        modules.map(|module| module.capability.trim_start_matches("The MIB module for ")).collect()
    };
    assert_eq!(enabled("router_id R"), [""; 0]);
    assert_eq!(enabled("enable_snmp_vrrp"), ["Keepalived", "KEEPALIVED-VRRP", "KEEPALIVED-HA"]);
    assert_eq!(enabled("enable_snmp_rfcv2"), ["VRRP"]);
    assert_eq!(enabled("enable_snmp_rfcv3"), ["VRRPV3"]);
    assert_eq!(enabled("enable_snmp_rfc"), ["VRRP", "VRRPV3"]);
}
