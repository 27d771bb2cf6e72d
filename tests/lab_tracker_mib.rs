//! Trackers over SNMP: a walk is the same as with C keepalived.
#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use lab::snmp::ROOT;
use lab::{Daemon, Lab, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(20);

/// A router whose scripts succeed while there is a file `good`.
fn conf(lab: &mut Lab) -> String {
    let router = lab.router(1);
    let good = router.file("good").display().to_string();
    let script = router.script("check", &format!("test -e {good}\n")).display().to_string();
    let number = router.file("number").display().to_string();
    fs::write(&number, "0\n").expect("a writable directory");
    format!(
        "global_defs {{
           router_id trackers
           script_user root
         }}
         vrrp_script plain {{
           script \"{script} one 'a b'\"
           interval 1
           weight 10
         }}
         vrrp_script slow {{
           script {script}
           interval 2
           timeout 1
           rise 1
           fall 2
           weight -20 reverse
         }}
         track_file number {{
           file {number}
           weight 2 reverse
         }}
         vrrp_instance A {{
           interface eth0
           version 3
           virtual_router_id 51
           priority 100
           advert_int 0.1
           virtual_ipaddress {{
             10.0.0.100
           }}
           track_script {{
             plain
             slow weight 7 noreverse
           }}
           track_file {{
             number
           }}
         }}
         vrrp_instance B {{
           interface eth0
           version 3
           virtual_router_id 52
           priority 100
           advert_int 0.1
           virtual_ipaddress {{
             10.0.0.101
           }}
         }}
         vrrp_sync_group G {{
           group {{
             B
           }}
           sync_group_tracking_weight
           track_script {{
             slow
             plain weight 3
           }}
           track_file {{
             number
           }}
         }}\n"
    )
}

/// The tables that C keepalived serves as the MIB defines them: tracked scripts and files, and their trackers.
const TABLES: [&str; 6] = ["2.5", "2.9", "2.12", "2.13", "2.15", "2.16"];

/// A walk of these tables without objects that C keepalived 2.2.7 does not have.
fn walk(lab: &mut Lab) -> BTreeMap<String, String> {
    let snmp = lab.router(1).snmp();
    let rows = TABLES.iter().flat_map(|table| snmp.walk(&format!("{ROOT}.{table}")));
    let left_out = ["9.1.10", "9.1.11", "9.1.12"].map(|column| format!("{ROOT}.2.{column}."));
    rows.filter(|(name, _)| !left_out.iter().any(|column| name.starts_with(column))).collect()
}

/// The results of both scripts.
fn results(lab: &mut Lab) -> Vec<String> {
    lab.router(1).snmp().walk(&format!("{ROOT}.2.9.1.6")).into_iter().map(|(_, value)| value).collect()
}

/// Walks with successful and with failing scripts.
fn walks(daemon: Daemon) -> [BTreeMap<String, String>; 2] {
    let mut lab = Lab::new(1);
    let conf = conf(&mut lab);
    let router = lab.router(1);
    router.configure(&conf);
    fs::write(router.file("good"), "").expect("a writable directory");
    router.start_snmp();
    router.start(daemon);
    wait_until(LIMIT, "both scripts succeed", || results(&mut lab) == ["3", "3"]);
    let good = walk(&mut lab);
    fs::remove_file(lab.router(1).file("good")).expect("it is there");
    wait_until(LIMIT, "both scripts fail", || results(&mut lab) == ["2", "2"]);
    let priority = format!("{ROOT}.2.3.1.8.1");
    wait_until(LIMIT, "the priority is that of failing scripts", || {
        lab.router(1).snmp().get(&priority).as_deref() == Some("100")
    });
    [good, walk(&mut lab)]
}

#[test]
fn the_same_walk_as_of_c_keepalived() {
    let _turn = machine::shared();
    let (ours, c) = (walks(Daemon::Ours), walks(Daemon::C));
    assert!(c[0].len() > 30, "{:?}", c[0]);
    // Paths differ by the directory of the test.
    let comparable = |walk: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        let columns = ["2.9.1.3.", "2.13.1.3."].map(|column| format!("{ROOT}.{column}"));
        walk.iter()
            .map(|(name, value)| {
                let path = columns.iter().any(|column| name.starts_with(column));
                let value = if path { value.rsplit('/').next().unwrap_or(value) } else { value };
                (name.clone(), value.to_owned())
            })
            .collect()
    };
    for (ours, c) in ours.iter().zip(&c) {
        assert_eq!(comparable(ours), comparable(c));
    }
}
