//! Row indices over SNMP: rows keep them when a reload removes earlier rows, and when a process is replaced.
#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use lab::Daemon::Ours;
use lab::snmp::{ROOT, Snmp};
use lab::{Director, Lab, machine, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(20);
/// Columns with names of groups and instances, and values of addresses, also static ones.
const VRRP: [&str; 3] = ["2.1.1.2", "2.3.1.2", "2.6.1.3"];
/// Columns with names of server groups, and ports of virtual servers and real servers.
const CHECK: [&str; 3] = ["3.1.1.2", "3.3.1.7", "3.4.1.5"];

/// The rows of columns: identifier below the root, and value.
fn rows(snmp: &Snmp, columns: &[&str]) -> BTreeMap<String, String> {
    let walks = columns.iter().flat_map(|column| snmp.walk(&format!("{ROOT}.{column}")));
    walks
        .map(|(name, value)| {
            (name.trim_start_matches(ROOT).trim_start_matches('.').to_owned(), value.trim_end().to_owned())
        })
        .collect()
}

/// Waits until the rows are these.
fn await_rows(snmp: &Snmp, what: &str, columns: &[&str], wanted: &[(&str, &str)]) {
    let wanted: BTreeMap<_, _> = wanted.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut found = BTreeMap::new();
    wait_until(LIMIT, &format!("{what}: {wanted:?}"), || {
        let now = rows(snmp, columns);
        if now != found {
            eprintln!("{what}: {now:?}");
            found = now;
        }
        found == wanted
    });
}

/// An instance in its own group, with these addresses.
fn instance(name: &str, vrid: u8, addresses: &[&str]) -> String {
    format!(
        "vrrp_sync_group G{name} {{\n  group {{\n    {name}\n  }}\n}}\nvrrp_instance {name} {{\n  interface eth0\n  \
         virtual_router_id {vrid}\n  priority 100\n  advert_int 0.1\n  version 3\n  virtual_ipaddress {{\n    {}\n  \
         }}\n}}\n",
        addresses.join("\n    ")
    )
}

#[test]
fn rows_of_the_vrrp_process_keep_their_indices() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    let statics = |lines: &str| format!("static_ipaddress {{\n  {lines}\n}}\n");
    let router = lab.router(1);
    let first = statics("10.71.0.1/32 dev eth0\n  10.71.0.2/32 dev eth0")
        + &instance("A", 51, &["10.70.1.1"])
        + &instance("B", 52, &["10.70.2.1", "10.70.2.2"]);
    router.configure(&first);
    router.start_snmp();
    router.start(Ours);
    await_rows(
        router.snmp(),
        "at the start",
        &VRRP[..2],
        &[("2.1.1.2.1", "GA"), ("2.1.1.2.2", "GB"), ("2.3.1.2.1", "A"), ("2.3.1.2.2", "B")],
    );
    // Indices of removed rows are not used again.
    let with = |name, vrid, address| {
        statics("10.71.0.2/32 dev eth0") + &instance("B", 52, &["10.70.2.2"]) + &instance(name, vrid, &[address])
    };
    router.configure(&with("X", 54, "10.70.4.1"));
    router.daemon().signal(Signal::SIGHUP);
    let first = [("2.1.1.2.2", "GB"), ("2.1.1.2.3", "GX"), ("2.3.1.2.2", "B"), ("2.3.1.2.3", "X")];
    await_rows(router.snmp(), "after the first reload", &VRRP[..2], &first);
    router.configure(&with("C", 53, "10.70.3.1"));
    router.daemon().signal(Signal::SIGHUP);
    let wanted = [
        ("2.1.1.2.2", "GB"),
        ("2.1.1.2.4", "GC"),
        ("2.3.1.2.2", "B"),
        ("2.3.1.2.4", "C"),
        ("2.6.1.3.0.2", "0A 47 00 02"),
        ("2.6.1.3.2.2", "0A 46 02 02"),
        ("2.6.1.3.4.1", "0A 46 03 01"),
    ];
    await_rows(router.snmp(), "after the second reload", &VRRP, &wanted);
    for _ in 0..2 {
        let before = router.vrrp_pid();
        kill(Pid::from_raw(before), Signal::SIGKILL).expect("a running VRRP process");
        wait_until(LIMIT, "another process has started", || ![0, before].contains(&router.vrrp_pid()));
        await_rows(router.snmp(), "after its replacement", &VRRP, &wanted);
    }
    assert!(!router.log().contains("Starting without the state"), "{}", router.log());
}

#[test]
fn rows_of_the_checker_process_keep_their_indices() {
    let _turn = machine::shared();
    let mut director = Director::new();
    director.configure("virtual_server_group g {\n  10.2.0.1 80\n}\nvirtual_server_group h {\n  10.2.0.2 80\n}\n");
    let first = "virtual_server 10.1.0.1 81 {\n  protocol TCP\n  real_server 127.0.0.1 8001 {\n  }\n}\n";
    director.block("first", first);
    director.block(
        "second",
        "virtual_server 10.1.0.1 82 {\n  protocol TCP\n  real_server 127.0.0.1 8001 {\n  }\n  \
         real_server 127.0.0.1 8002 {\n  }\n}\n",
    );
    director.start();
    director.reload(first, "");
    director.reload("virtual_server_group g {\n  10.2.0.1 80\n}\n", "");
    // A sorry server replaces the first real server, and another replaces that.
    let second = "82 {\n  protocol TCP\n  ";
    director.reload(
        &format!("{second}real_server 127.0.0.1 8001 {{\n  }}"),
        &format!("{second}sorry_server 127.0.0.1 8008"),
    );
    let wanted = [("3.1.1.2.2", "h"), ("3.3.1.7.2", "82"), ("3.4.1.5.2.2", "8002"), ("3.4.1.5.2.3", "8008")];
    await_rows(director.snmp(), "after the first reload", &CHECK, &wanted);
    director.reload("8008", "8009");
    let wanted = [("3.1.1.2.2", "h"), ("3.3.1.7.2", "82"), ("3.4.1.5.2.2", "8002"), ("3.4.1.5.2.4", "8009")];
    await_rows(director.snmp(), "after the second reload", &CHECK, &wanted);
    for _ in 0..2 {
        director.replace_process();
        await_rows(director.snmp(), "after its replacement", &CHECK, &wanted);
    }
    assert!(!director.log().contains("Starting without the state"), "{}", director.log());
}
