//! KEEPALIVED-MIB, VRRP-MIB and VRRPV3-MIB of the VRRP process: all tables, object by object beside C keepalived.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use crate::beside_c::{Difference, Walk, assert_documented, unexpected};
use lab::snmp::ROOT;
use lab::{Daemon, Lab, machine, wait_until};

const LIMIT: Duration = Duration::from_secs(40);
const HA: &str = ".1.3.6.1.4.1.8072.9999.9999.112";
const VRRP_MIB: &str = ".1.3.6.1.2.1.68";
const ROOTS: [&str; 3] = [ROOT, VRRP_MIB, ".1.3.6.1.2.1.207"];

/// Rows in every table of the VRRP process. DIR is the directory of the router. The script `check` succeeds while there is a file
/// `good`, and `late` does not end.
const CONF: &str = include_str!("../data/every_table.conf");

/// Differences to each version of C keepalived that the test runs with, in all states.
const DIFFERENT: &[Difference<'_>] = &[
    ("vrrpAddressAdvertising", "INTEGER: 2", "INTEGER: 1"),
    ("vrrpInstanceAccept", "INTEGER: 0", "INTEGER: 1"),
    ("vrrpInstanceTrackPrimaryIf", "INTEGER: 2", "INTEGER: 1"),
    ("vrrpOperAuthKey", "-", "\"\""),
    ("vrrpProcessParamMatch", "INTEGER: 2", "INTEGER: 3"),
    ("vrrpRouteEncapType", "INTEGER: 3", "INTEGER: 2"),
    ("vrrpRouteGateway", "-", "Hex-STRING: 0A 09 00 FD"),
    ("vrrpRouteProtocol", "-", "INTEGER: 112"),
    ("vrrpRouteProtocol", "INTEGER: 19", "INTEGER: 112"),
    ("vrrpRouteSecondaryGateway", "-", "Hex-STRING: 0A 09 00 FE"),
    ("vrrpRuleProtocol", "-", "INTEGER: 112"),
    ("vrrpScriptResult", "INTEGER: 1", "INTEGER: 5"),
    ("vrrpSyncTrackedBfdWeight", "INTEGER: 20", "INTEGER: 8"),
    ("vrrpSyncTrackedBfdWgtRev", "INTEGER: 2", "INTEGER: 1"),
    ("vrrpSyncTrackedInterfaceName", "-", "STRING: \"eth1\""),
    ("vrrpSyncTrackedInterfaceName", "STRING: \"eth1\"", "-"),
    ("vrrpSyncTrackedInterfaceWeight", "-", "INTEGER: 5"),
    ("vrrpSyncTrackedInterfaceWeight", "INTEGER: 5", "-"),
    ("vrrpSyncTrackedInterfaceWgtRev", "-", "INTEGER: 2"),
    ("vrrpSyncTrackedInterfaceWgtRev", "INTEGER: 2", "-"),
    ("vrrpSyncTrackedProcessWeight", "INTEGER: 4", "INTEGER: 2"),
    ("vrrpTrackedBfdWeight", "INTEGER: 20", "INTEGER: -5"),
    ("vrrpTrackedFileWeight", "INTEGER: 1", "INTEGER: 3"),
    ("vrrpTrackedInterfaceName", "-", "STRING: \"eth1\""),
    ("vrrpTrackedInterfaceName", "STRING: \"eth1\"", "-"),
    ("vrrpTrackedInterfaceWeight", "-", "INTEGER: 9"),
    ("vrrpTrackedInterfaceWeight", "INTEGER: 9", "-"),
    ("vrrpTrackedInterfaceWgtRev", "-", "INTEGER: 1"),
    ("vrrpTrackedInterfaceWgtRev", "INTEGER: 1", "-"),
    ("vrrpTrackedProcessWeight", "INTEGER: -6", "INTEGER: 11"),
    ("vrrpTrackedProcessWgtRev", "INTEGER: 1", "INTEGER: 2"),
    ("vrrpv3AssociatedIpAddrRowStatus", "-", "INTEGER: 1"),
    ("vrrpv3AssociatedIpAddrRowStatus", "INTEGER: 1", "-"),
    ("vrrpv3GlobalStatisticsDiscontinuityTime", "0", "time"),
    ("vrrpv3OperationsMasterIpAddr", "Hex-STRING: 0A 02 00 01", "Hex-STRING: 0A 02 00 09"),
    ("vrrpv3OperationsPrimaryIpAddr", "Hex-STRING: 0A 02 00 01", "Hex-STRING: 0A 02 00 09"),
    ("vrrpv3StatisticsRowDiscontinuityTime", "0", "time"),
];
/// Objects that C keepalived 2.2.7 does not have.
const NEWER: &[Difference<'_>] = &[
    ("v3ChecksumAsV2", "-", "INTEGER: 2"),
    ("vrrpInstanceV3ChecksumAsV2", "-", "INTEGER: 2"),
    ("vrrpScriptIntervalUsec", "-", "Gauge32: 1000000"),
    ("vrrpScriptIntervalUsec", "-", "Gauge32: 1500000"),
    ("vrrpScriptIntervalUsec", "-", "Gauge32: 60000000"),
    ("vrrpScriptPath", "-", "STRING: \"DIR/check\""),
    ("vrrpScriptPath", "-", "STRING: \"DIR/late\""),
    ("vrrpScriptTimeoutUsec", "-", "Gauge32: 1000000"),
    ("vrrpScriptTimeoutUsec", "-", "Gauge32: 70000000"),
];
/// Further differences to C keepalived 2.3.3.
const OF_2_3: &[Difference<'_>] = &[
    ("emailAddress", "-", "STRING: \"admin@example.org\""),
    ("emailAddress", "-", "STRING: \"noc@example.org\""),
    ("vrrpRouteStatus", "INTEGER: 2", "INTEGER: 1"),
    ("vrrpScriptTimeoutUsec", "Gauge32: 0", "Gauge32: 1000000"),
];
/// Further differences as master of all instances.
const AS_MASTER: &[Difference<'_>] = &[("vrrpOperMasterIpAddr", "IpAddress: 0.0.0.0", "IpAddress: 10.9.0.1")];
/// Further differences without carrier on eth0.
const IN_FAULT: &[Difference<'_>] = &[("vrrpv3StatisticsSentPriZeroPackets", "Counter64: 0", "Counter64: 1")];
/// Objects whose values are of the version, or times at which something happened.
const NOT_COMPARED: [&str; 3] =
    [".1.3.6.1.4.1.9586.100.5.1.1.0", ".1.3.6.1.2.1.68.1.3.1.13.", ".1.3.6.1.2.1.207.1.1.1.1.12."];
/// Discontinuity times.
const TIMES: [&str; 2] = [".1.3.6.1.2.1.207.1.2.4.0", ".1.3.6.1.2.1.207.1.2.5.1.12."];
/// vrrpAddressIfIndex.
const IFINDEX: &str = ".1.3.6.1.4.1.9586.100.5.2.6.1.7.";

/// Gives the router a second interface and the files of [`CONF`].
fn equip(lab: &mut Lab) {
    let router = lab.router(1);
    router.netns().ip("link add eth1 address 02:00:00:00:01:01 type veth peer name wire");
    for command in ["link set eth1 addrgenmode none", "link set wire up", "link set eth1 up"] {
        router.netns().ip(command);
    }
    for address in ["10.2.0.1/24", "10.2.0.9/24"] {
        router.netns().ip(&format!("address add {address} dev eth1"));
    }
    let directory = router.dir().display().to_string();
    router.script("check", &format!("test -e {directory}/good\n"));
    router.script("late", "exec sleep 600\n");
    for (name, text) in [("number", "2\n"), ("other", "1\n")] {
        fs::write(router.file(name), text).unwrap();
    }
    router.configure(&CONF.replace("DIR", &directory));
    router.start_snmp();
}

/// The ifIndex of an interface.
fn index_of(lab: &mut Lab, interface: &str) -> u32 {
    let shown = lab.router(1).netns().ip(&format!("-o link show dev {interface}"));
    shown.split(':').next().and_then(|index| index.parse().ok()).unwrap()
}

/// A walk without what differs between two runs.
fn walk(lab: &mut Lab) -> Walk {
    let vmac = format!("INTEGER: {}", index_of(lab, "vmac.65"));
    let router = lab.router(1);
    let directory = router.dir().display().to_string();
    let found = ROOTS.iter().flat_map(|root| router.snmp().typed_walk(root)).filter_map(|(name, value)| {
        let of = |list: &[&str]| list.iter().any(|prefix| name.starts_with(prefix));
        let value = match value {
            _ if of(&NOT_COMPARED) => return None,
            value if of(&TIMES) && value != "0" => "time".to_owned(),
            value if of(&[IFINDEX]) && value == vmac => "vmac.65".to_owned(),
            value => value.replace(&directory, "DIR"),
        };
        Some((name, value))
    });
    found.collect()
}

/// Waits until a column of KEEPALIVED-MIB has these values.
fn await_column(lab: &mut Lab, what: &str, column: &str, values: &[&str]) {
    let snmp = lab.router(1).snmp();
    wait_until(LIMIT, &format!("{what}: {values:?}"), || {
        let rows = snmp.walk(&format!("{ROOT}.2.{column}"));
        rows.iter().map(|(_, value)| value.as_str()).eq(values.iter().copied())
    });
}

/// What a manager sees of the life of a daemon.
struct Life {
    /// Walks as master of all instances, with scripts that fail, and without carrier on eth0.
    walks: [Walk; 3],
    /// The notifications of each row and kind, in order: their objects.
    notifications: BTreeMap<String, Vec<String>>,
}

/// The notifications after the first `seen`.
fn notifications(lab: &mut Lab, seen: usize) -> BTreeMap<String, Vec<String>> {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for notification in lab.router(1).snmp().traps().into_iter().skip(seen) {
        let binds = notification.split('\t').filter(|bind| !bind.starts_with(HA)).map(str::trim_end);
        // After sysUpTime: the kind, and objects of which the first tells the row by its value or its index.
        let binds: Vec<&str> = binds.skip(1).collect();
        let [kind, first, ..] = binds[..] else { panic!("{notification}") };
        let row = if first.starts_with(ROOT) { first } else { first.split(' ').next().unwrap() };
        if ROOTS.iter().any(|root| kind.contains(root)) {
            rows.entry(format!("{kind}; {row}")).or_default().push(binds[1..].join("; "));
        }
    }
    rows
}

/// Runs a daemon.
fn live(lab: &mut Lab, daemon: Daemon) -> Life {
    let seen = lab.router(1).snmp().traps().len();
    let good = lab.router(1).file("good");
    fs::write(&good, "").unwrap();
    lab.router(1).start(daemon);
    await_column(lab, "all instances are master", "3.1.4", &["2"; 6]);
    await_column(lab, "both groups are master", "1.1.3", &["2"; 2]);
    await_column(lab, "the scripts succeed", "9.1.6", &["3", "3", late(daemon)]);
    await_column(lab, "priorities", "3.1.8", &["113", "104", "100", "100", "104", "100"]);
    let all_set = walk(lab);
    fs::remove_file(good).unwrap();
    await_column(lab, "the scripts fail", "9.1.6", &["2", "2", late(daemon)]);
    await_column(lab, "priorities of failing scripts", "3.1.8", &["96", "121", "100", "100", "121", "100"]);
    let failing = walk(lab);
    lab.cable(1, false);
    await_column(lab, "the instances on eth0 are in fault", "3.1.4", &["3", "3", "2", "3", "3", "2"]);
    await_column(lab, "their group is in fault", "1.1.3", &["3", "2"]);
    let fault = walk(lab);
    lab.router(1).stop();
    lab.cable(1, true);
    let last = format!("{ROOT}.2.3.1.4 = 5");
    wait_until(LIMIT, "the notifications of the stop", || {
        lab.router(1).snmp().traps().iter().skip(seen).filter(|trap| trap.contains(&last)).count() == 6
    });
    Life { walks: [all_set, failing, fault], notifications: notifications(lab, seen) }
}

/// vrrpScriptResult of a script with init_fail that has not ended: initfailed, and init with C keepalived.
fn late(daemon: Daemon) -> &'static str {
    if daemon == Daemon::Ours { "5" } else { "1" }
}

#[test]
fn a_walk_differs_from_that_of_c_keepalived_as_listed() {
    let _turn = machine::shared();
    let mut lab = Lab::new(1);
    equip(&mut lab);
    let versions: &[(Daemon, &[Difference<'_>])] = match machine::soak() {
        true => &[(Daemon::C, NEWER), (Daemon::C23, OF_2_3)],
        false => &[(Daemon::C, NEWER)],
    };
    let ours = live(&mut lab, Daemon::Ours);
    let mut walks = ours.walks;
    let tables: BTreeSet<&str> =
        walks[0].keys().filter_map(|name| name.strip_prefix(ROOT)?.strip_prefix(".2.")?.split('.').next()).collect();
    assert_eq!(tables.len(), 21, "{tables:?}");
    assert!(walks[0].len() > 1100, "{} objects", walks[0].len());
    // C keepalived leaves out the row of C, which is on another interface than B.
    let left_out = format!(".{}.63", index_of(&mut lab, "eth1"));
    for walk in &mut walks {
        let before = walk.len();
        walk.retain(|name, _| !(name.starts_with(VRRP_MIB) && name.ends_with(&left_out)));
        assert_eq!(
            before - walk.len(),
            14 + 12 - 1,
            "columns of vrrpOperTable, one of them a time, and vrrpRouterStatsTable"
        );
    }
    let mut wrong = Vec::new();
    for (daemon, further) in versions {
        let theirs = live(&mut lab, *daemon);
        assert!(ours.notifications.len() >= 16, "{:#?}", ours.notifications);
        assert_eq!(ours.notifications, theirs.notifications, "ours and those of {}", daemon.name());
        for (at, state) in ["master", "failing scripts", "no carrier"].into_iter().enumerate() {
            let of_state = if at == 2 { IN_FAULT } else { AS_MASTER };
            let expected = [DIFFERENT, further, of_state].concat();
            assert_documented(&expected);
            let lines = unexpected(&theirs.walks[at], &walks[at], &expected).into_iter();
            wrong.extend(lines.map(|line| format!("{}, {state}: {line}", daemon.name())));
        }
    }
    assert!(wrong.is_empty(), "(object, C keepalived, ours)\n{}", wrong.join("\n"));
}
