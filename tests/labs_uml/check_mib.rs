//! A walk of the check branch has every column of KEEPALIVED-MIB, with the values of C keepalived.
#![allow(clippy::expect_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::beside_c;
use crate::beside_c::{Difference, assert_documented, unexpected};
use crate::mib_text;
use lab::process::output_of;
use lab::snmp::ROOT;
use lab::uml::{inside, outside};
use lab::{Daemon, Director, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
const GLOBAL: &str = "\
global_defs {
  lvs_timeouts tcp 900 tcpfin 120 udp 300
  lvs_sync_daemon lo id 7 maxlen 1400 port 8848 ttl 3 group 224.0.0.82
}
virtual_server_group g {
  10.2.0.1 80
  10.2.0.5-9 81
  fwmark 9
}
";

/// Virtual servers by address, mark and group, over IPv6, with and without sorry server, which together have every
/// column.
const SERVICES: [(&str, &str); 5] = [
    (
        "address",
        "\
virtual_server 10.1.0.1 80 {
  delay_loop 7
  retry 3
  delay_before_retry 2
  connect_timeout 3
  warmup 0
  lb_algo mh
  mh-port
  mh-fallback
  lb_kind NAT
  protocol TCP
  persistence_timeout 50
  persistence_granularity 255.255.255.0
  virtualhost www.lab.test
  snmp_name web
  alpha
  omega
  quorum 2
  hysteresis 1
  quorum_up \"/usr/bin/true up\"
  quorum_down \"/usr/bin/true down\"
  inhibit_on_failure
  sorry_server 10.3.0.9 8080
  real_server 10.3.0.1 80 {
    weight 2
    uthreshold 100
    lthreshold 50
    virtualhost one.lab.test
    snmp_name one
    notify_up \"/usr/bin/true one\"
    notify_down \"/usr/bin/true two\"
    TCP_CHECK { }
  }
  real_server 10.3.0.2 81 {
    weight 3
    TCP_CHECK { }
    TCP_CHECK { connect_port 82 }
  }
}
",
    ),
    (
        "mark",
        "\
virtual_server fwmark 5 {
  delay_loop 1.5
  lb_algo sh
  sh-port
  lb_kind TUN type gue port 6080 csum
  persistence_timeout 60
  real_server 10.3.0.1 { }
}
",
    ),
    (
        "group",
        "\
virtual_server group g {
  lb_algo rr
  lb_kind DR
  protocol UDP
  ops
  quorum 2
  hysteresis 1
  real_server 10.3.0.1 { weight 2 }
}
",
    ),
    (
        "IPv6",
        "\
virtual_server fd00::1 443 {
  lb_algo wrr
  flag-3
  lb_kind TUN type gre
  protocol SCTP
  persistence_timeout 100
  persistence_granularity 64
  sorry_server fd00::9 443
  sorry_server_inhibit
  real_server fd00::2 443 { weight 4 }
}
",
    ),
    // Its address is not on the host.
    (
        "suspended",
        "\
virtual_server 10.1.0.7 80 {
  lb_algo rr
  lb_kind NAT
  protocol TCP
  ha_suspend
  real_server 10.3.0.1 80 { TCP_CHECK { } }
}
",
    ),
];

fn director(daemon: Daemon) -> Director {
    let mut director = Director::new();
    director.configure(GLOBAL);
    for (name, block) in SERVICES {
        director.block(name, block);
    }
    director.start_as(daemon);
    director
}

/// All objects of the check branch, by identifier below the root.
fn walk(director: &mut Director) -> BTreeMap<String, String> {
    let root = format!("{ROOT}.");
    let rows = director.snmp().walk(&format!("{ROOT}.3"));
    rows.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(&root)?.to_owned(), value))).collect()
}

#[test]
fn every_column_has_a_value_of_its_type() {
    outside(|| {
        let mut director = director(Daemon::Ours);
        let columns: BTreeSet<String> = walk(&mut director).into_keys().map(|name| column_of(&name)).collect();
        let mibs = Path::new(env!("CARGO_MANIFEST_DIR")).join("mibs");
        let base = ["SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF", "INET-ADDRESS-MIB", "IF-MIB"];
        let mut files: Vec<_> = base.iter().map(|name| mibs.join("base").join(format!("{name}.txt"))).collect();
        files.push(mibs.join("KEEPALIVED-MIB.txt"));
        let files: Vec<&Path> = files.iter().map(|file| file.as_path()).collect();
        let root: Vec<u32> = ROOT.split('.').filter_map(|id| id.parse().ok()).chain([3]).collect();
        let objects = mib_text::load(&files);
        let readable = |access: &str| access == "read-only" || access == "read-write";
        let branch = objects.iter().filter(|object| object.oid.starts_with(&root) && readable(&object.access));
        let missing: Vec<&str> = branch
            .filter(|object| {
                let ids: Vec<String> = object.oid[root.len() - 1..].iter().map(u32::to_string).collect();
                !columns.contains(&ids.join("."))
            })
            .map(|object| object.name.as_str())
            .collect();
        assert_eq!(missing, ["lvsSyncDaemonVrrpInstance"], "the sync daemon follows no instance here");

        // snmpwalk with the MIB finds a name and the right type for every object.
        let mut command = director.netns().command("snmpwalk");
        command.args(["-v2c", "-c", "public", "-m", "KEEPALIVED-MIB", "-M"]);
        command.arg(format!("{}:{}", mibs.display(), mibs.join("base").display())).args(["127.0.0.1", ROOT]);
        let named = output_of(&mut command);
        let odd = named.lines().filter(|line| !line.starts_with("KEEPALIVED-MIB::") || line.contains("Wrong Type"));
        // No value of ours has several lines.
        assert_eq!(odd.collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(named.contains("KEEPALIVED-MIB::realServerStatus.1.2 = INTEGER: dead(2)"), "{named}");
    });
}

/// The column of an object, such as `3.3.1.7` of `3.3.1.7.1`; a scalar keeps its name.
fn column_of(name: &str) -> String {
    let ids: Vec<&str> = name.split('.').collect();
    let length = if ids.last() == Some(&"0") && ids.len() == 4 { 3 } else { 4 };
    ids.into_iter().take(length).collect::<Vec<_>>().join(".")
}

/// Differences to each version of C keepalived.
const DIFFERENT: &[Difference<'_>] = &[
    ("smtpServerAddressType", "INTEGER: 2", "INTEGER: 1"),
    ("virtualServerMHPort", "INTEGER: 1", "INTEGER: 2"),
    ("virtualServerPersistGranularity6", "Gauge32: 4294967295", "-"),
    ("virtualServerSHFallback", "INTEGER: 1", "INTEGER: 2"),
    ("virtualServerSHPort", "INTEGER: 1", "INTEGER: 2"),
];
/// Objects that C keepalived 2.2.7 does not have.
const NEWER: &[Difference<'_>] = &[
    ("v3ChecksumAsV2", "-", "INTEGER: 2"),
    ("virtualServerQuorumUpPath", "-", "STRING: \"/usr/bin/true\""),
    ("virtualServerQuorumDownPath", "-", "STRING: \"/usr/bin/true\""),
    ("virtualServerRateCps64", "-", "Counter64: 0"),
    ("virtualServerRateInPPS64", "-", "Counter64: 0"),
    ("virtualServerRateOutPPS64", "-", "Counter64: 0"),
    ("virtualServerRateInBPS64", "-", "Counter64: 0"),
    ("virtualServerRateOutBPS64", "-", "Counter64: 0"),
    ("realServerNotifyUpPath", "-", "STRING: \"/usr/bin/true\""),
    ("realServerNotifyDownPath", "-", "STRING: \"/usr/bin/true\""),
    ("realServerRateCps64", "-", "Counter64: 0"),
    ("realServerRateInPPS64", "-", "Counter64: 0"),
    ("realServerRateOutPPS64", "-", "Counter64: 0"),
    ("realServerRateInBPS64", "-", "Counter64: 0"),
    ("realServerRateOutBPS64", "-", "Counter64: 0"),
];
/// Further differences to C keepalived 2.3.3.
const OF_2_3: &[Difference<'_>] = &[];

/// The versions of C keepalived to compare with, and the further differences to each.
fn versions() -> &'static [(Daemon, &'static [Difference<'static>])] {
    match machine::soak() {
        true => &[(Daemon::C, NEWER), (Daemon::C23, OF_2_3)],
        false => &[(Daemon::C, NEWER)],
    }
}

#[test]
fn values_are_those_of_c_keepalived() {
    inside(|| {
        let _ = Command::new("modprobe").arg("ip_vs").status();
        // Without version and realServerNotRunCheckers, which is of the moment.
        let left_out = ["1.1.0", "3.4.1.63."].map(|object| format!("{ROOT}.{object}"));
        let walk_of = |daemon: Daemon| {
            let mut walk = director(daemon).snmp().typed_walk(ROOT);
            walk.retain(|name, _| !left_out.iter().any(|object| name.starts_with(object)));
            walk
        };
        let ours = walk_of(Daemon::Ours);
        assert!(ours.len() > 500, "{} objects", ours.len());
        for (daemon, further) in versions() {
            let expected = [DIFFERENT, further].concat();
            assert_documented(&expected);
            let wrong = unexpected(&walk_of(*daemon), &ours, &expected);
            assert!(wrong.is_empty(), "{}: (object, C keepalived, ours)\n{}", daemon.name(), wrong.join("\n"));
        }
    });
}

/// lvsSyncDaemon, lvsTimeouts without `lvs_timeouts`, vrrpInstanceLvsSyncDaemon and vrrpInstanceLvsSyncInterface of a daemon
/// whose sync daemon follows an instance.
fn sync_daemon(daemon: Daemon) -> beside_c::Walk {
    let mut director = Director::new();
    let router = director.router();
    router.configure(
        "global_defs {
           router_id director
           lvs_sync_daemon eth0 V id 7
         }
         vrrp_instance V {
           interface eth0
           virtual_router_id 61
           version 3
           advert_int 0.2
           virtual_ipaddress {
             10.9.0.161
           }
         }
         virtual_server 10.9.0.161 80 {
           lb_algo rr
           lb_kind NAT
           protocol TCP
           real_server 10.3.0.1 80 {
           }
         }",
    );
    router.start_snmp();
    router.start_with(router.whole(daemon));
    let objects = ["3.6", "3.7", "2.3.1.16", "2.3.1.17"].map(|object| format!("{ROOT}.{object}"));
    let mut found = beside_c::Walk::new();
    wait_until(LIMIT, "the instance is master, and the sync daemon is shown", || {
        let snmp = router.snmp();
        found = objects.iter().flat_map(|root| snmp.typed_walk(root)).collect();
        snmp.get(&format!("{ROOT}.2.3.1.4.1")).as_deref() == Some("2") && found.len() > 4
    });
    found
}

#[test]
fn the_sync_daemon_of_an_instance_is_that_of_c_keepalived() {
    inside(|| {
        let _ = Command::new("modprobe").arg("ip_vs").status();
        let ours = sync_daemon(Daemon::Ours);
        let instance = ours.get(&format!("{ROOT}.3.6.3.0"));
        assert_eq!(instance.map(String::as_str), Some("STRING: \"V\""), "{ours:#?}");
        for (daemon, _) in versions() {
            assert_eq!(ours, sync_daemon(*daemon), "ours and that of {}", daemon.name());
        }
    });
}

/// The quorum notifications at the start, with name and value of each object below the root.
fn quorums_at_the_start(daemon: Daemon) -> Vec<String> {
    let mut director = director(daemon);
    let identity = format!("{ROOT}.3.5.0.2");
    let mut notifications = Vec::new();
    // The group is between quorum and hysteresis, for which there is no notification.
    wait_until(LIMIT, "a notification for each service but the group", || {
        let traps = director.snmp().traps();
        let ours = traps.iter().filter(|trap| trap.contains(&identity));
        // Without the up-time and the identity, which come first, and haEventTime, which comes last.
        let objects =
            |trap: &String| trap.split('\t').filter(|bind| bind.starts_with(ROOT)).collect::<Vec<_>>().join("; ");
        notifications = ours.map(objects).collect();
        notifications.len() >= SERVICES.len() - 1
    });
    notifications
}

#[test]
fn quorum_notifications_at_the_start_are_those_of_c_keepalived() {
    inside(|| {
        let _ = Command::new("modprobe").arg("ip_vs").status();
        let mut ours = quorums_at_the_start(Daemon::Ours);
        ours.sort();
        for (daemon, _) in versions() {
            let mut theirs = quorums_at_the_start(*daemon);
            // C keepalived sends udp for SCTP in notifications; its MIB and table have sctp(3).
            let of_sctp = theirs.iter_mut().find(|trap| trap.contains("3.3.1.7 = 443")).expect("the IPv6 service");
            *of_sctp = of_sctp.replace("3.3.1.8 = 2", "3.3.1.8 = 3");
            theirs.sort();
            assert_eq!(ours, theirs, "ours and those of {}", daemon.name());
        }
    });
}
