//! The dump in JSON: its exact text, and the lines of addresses, routes and rules in it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::config_support;
use keepalived::notify::dump::json;
use keepalived::status::Clock;
use keepalived::track::ScriptEnd;
use keepalived::vrrp::{Event, Interface, InterfaceAddress, Tables, Vrrp};
use serde::Deserialize;
use serde_json::Value;

/// One second after the start.
const NOW: Duration = Duration::from_secs(1);

fn clock() -> Clock {
    Clock::new(NOW, SystemTime::UNIX_EPOCH + Duration::from_micros(1_796_034_986_749_260))
}

fn started(text: &str) -> Vrrp {
    let loaded = config_support::load_text(text);
    let config = loaded.config.unwrap_or_else(|| panic!("{}", loaded.diagnostics));
    let mut vrrp = Vrrp::new(Tables::new(config, "test".into()));
    let link = |index, name: &str, ip: &str| {
        let address = InterfaceAddress { ip: ip.parse().unwrap(), prefix: 24, usable: true, marked: false };
        Interface {
            index,
            name: name.into(),
            up: true,
            addresses: [address].into_iter().collect(),
            ..Interface::default()
        }
    };
    let links = vec![link(2, "eth0", "10.1.0.1"), link(3, "eth1", "10.2.0.1")];
    vrrp.handle(Event::Interfaces(links), Duration::ZERO);
    vrrp.handle(Event::Start, Duration::ZERO);
    vrrp
}

/// [`WHOLE`] after the first results of its trackers.
fn observed() -> Vrrp {
    let mut vrrp = started(WHOLE);
    vrrp.handle(Event::ScriptEnded(1, ScriptEnd::Exited(1)), Duration::ZERO);
    vrrp.handle(Event::FileRead { name: "tf".into(), number: 2 }, Duration::ZERO);
    vrrp.handle(Event::ProcessesCounted { name: "tp".into(), count: 0 }, Duration::ZERO);
    vrrp.handle(Event::Session { name: "bf".into(), up: true }, Duration::ZERO);
    vrrp
}

fn dumped(vrrp: &Vrrp, version: u32) -> String {
    json(vrrp.tables(), version, clock()).unwrap()
}

const WHOLE: &str = "
vrrp_script sc {
    script \"/bin/true 'a b'\"
    interval 2
    weight -20
}
track_file tf {
    file /run/track
    weight 2
}
vrrp_track_process tp {
    process sleep 12 34
    param_match initial
    quorum_max 3
    fork_delay 0.5
    weight 3
}
bfd_instance bf {
    neighbor_ip 10.1.0.2
    source_ip 10.1.0.1
}
vrrp_sync_group G {
    group {
        A
    }
    track_bfd {
        bf weight 4
    }
    sync_group_tracking_weight
}
vrrp_instance A {
    interface eth0
    virtual_router_id 11
    priority 101
    version 2
    advert_int 1
    garp_master_delay 2
    garp_master_refresh 60
    garp_lower_prio_repeat 0
    preempt_delay 3
    authentication {
        auth_type PASS
        auth_pass hush4711
    }
    track_interface {
        eth1 weight 6
    }
    track_script {
        sc
    }
    track_file {
        tf weight 2 reverse
    }
    track_process {
        tp
    }
    virtual_ipaddress {
        10.1.0.111/24
    }
    notify \"/bin/true x 'y z'\"
    notify_master /bin/true
    smtp_alert
}
";

const ELEMENT: &str = concat!(
    r#"{"data":{"iname":"A","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","#,
    r#""ifp_ifname":"eth0","master_priority":0,"last_transition":1796034985.749260,"garp_delay":2,"garp_refresh":60,"#,
    r#""garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":2,"garp_lower_prio_rep":0,"#,
    r#""lower_prio_no_advert":0,"higher_prio_send_advert":0,"vrid":11,"base_priority":101,"#,
    r#""effective_priority":87,"vipset":false,"promote_secondaries":false,"adver_int":1,"master_adver_int":1,"#,
    r#""accept":1,"nopreempt":false,"preempt_delay":3,"state":1,"wantstate":1,"version":2,"smtp_alert":true,"#,
    r#""notify_deleted":false,"script_master":"'\/bin\/true'","script":"'\/bin\/true' 'x' 'y z'","#,
    r#""vips":["10.1.0.111\/24 dev eth0 scope global"],"track_ifp":["eth1"],"#,
    r#""track_script":["'\/bin\/true' 'a b'"],"track_process":["tp"],"auth_type":1,"auth_data":"********","#,
    r#""trackers":[{"kind":"interface","name":"eth1","state":"up","weight":6,"reverse":false,"effect":6,"#,
    r#""fault":false,"of_group":false},"#,
    r#"{"kind":"script","name":"sc","state":"down","weight":-20,"reverse":false,"effect":-20,"fault":false,"#,
    r#""of_group":false},"#,
    r#"{"kind":"file","name":"tf","state":"2","weight":2,"reverse":true,"effect":-4,"fault":false,"of_group":false},"#,
    r#"{"kind":"process","name":"tp","state":"down","weight":3,"reverse":false,"effect":0,"fault":false,"#,
    r#""of_group":false},"#,
    r#"{"kind":"BFD session","name":"bf","state":"up","weight":4,"reverse":false,"effect":4,"fault":false,"#,
    r#""of_group":true}]},"#,
    r#""stats":{"advert_rcvd":0,"advert_sent":0,"become_master":0,"release_master":0,"packet_len_err":0,"#,
    r#""advert_interval_err":0,"ip_ttl_err":0,"invalid_type_rcvd":0,"addr_list_err":0,"invalid_authtype":0,"#,
    r#""authtype_mismatch":0,"auth_failure":0,"auth_ext_missing":0,"auth_ext_malformed":0,"#,
    r#""auth_ext_unknown_key":0,"auth_ext_invalid_hmac":0,"auth_ext_stale":0,"auth_ext_replay":0,"#,
    r#""pri_zero_rcvd":0,"pri_zero_sent":0}}"#,
);

const TRACKERS: &str = concat!(
    r#""track_process":[{"process":"tp","parameters":"12 34","param_match":"initial","min_processes":1,"#,
    r#""max_processes":3,"current_processes":0,"have_quorum":false,"weight":3,"terminate_delay":0,"#,
    r#""fork_delay":0.5,"fork_delay_timer_running":false,"terminate_delay_timer_running":false,"#,
    r#""full_command":true}],"#,
    r#""track_script":[{"script":"sc","command":"'\/bin\/true' 'a b'","interval":2,"timeout":2,"rise":1,"fall":1,"#,
    r#""weight":-20,"reverse":false,"state":"down"}],"#,
    r#""track_file":[{"file":"tf","path":"\/run\/track","weight":2,"reverse":false,"value":2}],"#,
    r#""track_bfd":[{"bfd":"bf","weight":0,"reverse":false,"state":"up"}]"#,
);

#[test]
fn both_versions_have_their_text() {
    let vrrp = observed();
    assert_eq!(dumped(&vrrp, 1), format!("[{ELEMENT}]\n"));
    assert_eq!(dumped(&vrrp, 2), format!("{{\"vrrp\":[{ELEMENT}],{TRACKERS}}}\n"));
    // Text is what a reader of JSON gets back.
    let value: Value = serde_json::from_str(&dumped(&vrrp, 2)).unwrap();
    assert_eq!(value["vrrp"][0]["data"]["script"], "'/bin/true' 'x' 'y z'");
}

#[test]
fn the_running_delay_of_a_process_is_named() {
    let mut vrrp = started(&WHOLE.replace("fork_delay 0.5", "delay 5"));
    for (count, expected) in [(1, [false; 2]), (4, [true, false]), (2, [false; 2]), (0, [false, true])] {
        vrrp.handle(Event::ProcessesCounted { name: "tp".into(), count }, NOW);
        let value: Value = serde_json::from_str(&dumped(&vrrp, 2)).unwrap();
        let row = &value["track_process"][0];
        let running = ["fork", "terminate"].map(|kind| row[format!("{kind}_delay_timer_running")].as_bool().unwrap());
        assert_eq!((running, row["current_processes"].as_u64()), (expected, Some(count.into())), "{count}");
    }
}

#[test]
fn there_is_no_dump_without_instances() {
    assert_eq!(json(started("global_defs {\n}\n").tables(), 1, clock()), None);
}

/// The members that keepalived-exporter reads, with their types.
#[derive(Deserialize)]
#[allow(dead_code, reason = "the types are the test")]
struct Exported {
    data: ExportedData,
    stats: std::collections::BTreeMap<String, i64>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "the types are the test")]
struct ExportedData {
    iname: String,
    state: i64,
    wantstate: i64,
    ifp_ifname: String,
    garp_delay: i64,
    vrid: i64,
    vips: Vec<String>,
    #[serde(default)]
    evips: Vec<String>,
}

#[test]
fn an_exporter_reads_version_1() {
    let list: Vec<Exported> = serde_json::from_str(&dumped(&observed(), 1)).unwrap();
    let Exported { data, stats } = &list[0];
    assert_eq!((data.iname.as_str(), data.ifp_ifname.as_str(), data.vrid, data.garp_delay), ("A", "eth0", 11, 2));
    assert_eq!((data.state, data.wantstate, data.vips.len(), data.evips.len()), (1, 1, 1, 0));
    let counters = [
        "advert_rcvd",
        "advert_sent",
        "become_master",
        "release_master",
        "packet_len_err",
        "advert_interval_err",
        "ip_ttl_err",
        "invalid_type_rcvd",
        "addr_list_err",
        "invalid_authtype",
        "authtype_mismatch",
        "auth_failure",
        "pri_zero_rcvd",
        "pri_zero_sent",
    ];
    let names: BTreeSet<&str> = stats.keys().map(String::as_str).collect();
    assert!(counters.iter().all(|name| names.contains(name)), "{names:?}");
}

/// Compares the lines of a list of the dump with those expected for the lines of a block.
#[track_caller]
fn lines(block: &str, member: &str, cases: &[(&str, &str)]) {
    let given: Vec<&str> = cases.iter().map(|(line, _)| *line).collect();
    let text = format!(
        "vrrp_instance A {{\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {{\n 10.1.0.9\n }}\n {block} {{\n \
         {}\n }}\n}}\n",
        given.join("\n ")
    );
    let value: Value = serde_json::from_str(&dumped(&started(&text), 1)).unwrap();
    let found: Vec<&str> = value[0]["data"][member].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(found.len(), cases.len(), "{found:?}");
    for ((line, expected), found) in cases.iter().zip(found) {
        assert_eq!(found, *expected, "{line}");
    }
}

#[test]
fn addresses_have_the_words_of_c_keepalived() {
    let cases = [
        ("10.1.0.11/24", "10.1.0.11/24 dev eth0 scope global"),
        ("10.1.0.12 label eth0:x", "10.1.0.12 dev eth0 scope global label eth0:x"),
        ("10.2.0.13/24 brd + dev eth1 scope link", "10.2.0.13/24 brd 10.2.0.255 dev eth1 scope link"),
        ("10.1.0.14 peer 10.1.0.15", "10.1.0.14 dev eth0 scope global peer 10.1.0.15/32"),
        ("10.1.0.16 scope 5 no_track", "10.1.0.16 dev eth0 scope 5 no_track"),
        ("10.1.0.17 scope nowhere", "10.1.0.17 dev eth0 scope nowhere"),
        ("10.1.0.18 preferred_lft 10 noprefixroute", "10.1.0.18 dev eth0 scope global noprefixroute"),
        ("fd00::1/64", "fd00::1/64 dev eth0 scope global preferred_lft forever"),
        ("fd00::2", "fd00::2 dev eth0 scope global deprecated"),
        ("fd00::3/64 preferred_lft 7", "fd00::3/64 dev eth0 scope global preferred_lft 7"),
        ("fd00::4 preferred_lft forever", "fd00::4 dev eth0 scope global preferred_lft forever"),
        (
            "fd00::5/64 noprefixroute home autojoin mngtmpaddr -nodad preferred_lft 0",
            "fd00::5/64 dev eth0 scope global home -nodad mngtmpaddr noprefixroute autojoin deprecated",
        ),
    ];
    lines("virtual_ipaddress_excluded", "evips", &cases);
}

#[test]
fn routes_have_the_words_of_c_keepalived() {
    let via = "via 10.1.0.254";
    let shown = "via inet 10.1.0.254";
    let cases: Vec<(String, String)> = [
        (format!("10.20.0.0/24 {via} metric 3 mtu 1400"), format!("10.20.0.0/24 {shown} proto 18 metric 3 mtu 1400 [dev eth0]")),
        ("10.20.1.0/24 dev eth1 scope link".into(), "10.20.1.0/24 dev eth1 proto 18 scope 253".into()),
        (format!("src 10.1.0.1 to 10.20.2.1 {via} dev eth0"), format!("10.20.2.1 src 10.1.0.1 {shown} dev eth0 proto 18")),
        (format!("default {via} table 100"), format!("0.0.0.0/0 {shown} table 100 proto 18 [dev eth0]")),
        ("local 10.20.3.0/24 dev eth0 table 102".into(), "local 10.20.3.0/24 dev eth0 table 102 proto 18".into()),
        ("blackhole 10.20.4.0/24".into(), "blackhole 10.20.4.0/24 proto 18".into()),
        (format!("10.20.5.0/24 {via} tos 0x10"), format!("10.20.5.0/24 tos 16 {shown} proto 18 [dev eth0]")),
        (format!("10.20.6.0/24 {via} protocol 99 no_track"), format!("10.20.6.0/24 {shown} proto 99 no_track")),
        (format!("10.20.7.0/24 {via} no_track"), format!("10.20.7.0/24 {shown} no_track")),
        ("10.20.8.0/24 via 192.0.2.1 dev eth1 onlink".into(), "10.20.8.0/24 via inet 192.0.2.1 dev eth1 proto 18 onlink".into()),
        (
            format!("10.20.9.0/24 encap ip id 100 dst 10.1.0.77 src 10.1.0.1 tos 4 ttl 33 flags 0 {via}"),
            format!("10.20.9.0/24 encap ip id 100 dst 10.1.0.77 src 10.1.0.1 tos 4 ttl 33 flags 0x0 {shown} proto 18 [dev eth0]"),
        ),
        (
            format!("10.20.10.0/24 {via} hoplimit 45 advmss lock 1301 rtt lock 0.5s rto_min 1s features ecn quickack 0"),
            format!(
                "10.20.10.0/24 {shown} proto 18 advmss lock 1301 hoplimit 45 rtt lock 500ms rto_min 1s features ecn \
                 quickack 0 [dev eth0]"
            ),
        ),
        (format!("10.20.11.0/24 {via} realms 5"), format!("10.20.11.0/24 {shown} proto 18 realm 5 [dev eth0]")),
        (format!("10.20.12.0/24 {via} realms 6/7"), format!("10.20.12.0/24 {shown} proto 18 realms 6/7 [dev eth0]")),
        (format!("10.20.13.0/24 {via} congctl cubic"), format!("10.20.13.0/24 {shown} proto 18 congctl cubic [dev eth0]")),
        (
            "10.20.14.0/24 nexthop via 10.1.0.253 dev eth0 weight 1 nexthop via 10.1.0.254 dev eth0 weight 256".into(),
            "10.20.14.0/24 proto 18 nexthop via inet 10.1.0.253 dev eth0 weight 1 nexthop via inet 10.1.0.254 dev eth0 \
             weight 256"
                .into(),
        ),
        (
            "2001:db8:1::/64 via fd00:1::fe metric 5 expires 300 pref high".into(),
            "2001:db8:1::/64 via inet6 fd00:1::fe proto 18 metric 5 expires 300sec pref high".into(),
        ),
    ]
    .into_iter()
    .map(|(line, expected)| (line, format!("prepend {expected}")))
    .chain([
        (format!("10.20.15.0/24 {via} add"), format!("add 10.20.15.0/24 {shown} proto 18 [dev eth0]")),
        (format!("10.20.16.0/24 {via} append"), format!("append 10.20.16.0/24 {shown} proto 18 [dev eth0]")),
    ])
    .collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(line, expected)| (line.as_str(), expected.as_str())).collect();
    lines("virtual_routes", "vroutes", &cases);
}

#[test]
fn rules_have_the_words_of_c_keepalived() {
    let cases = [
        (
            "from 10.30.0.0/24 table 300 preference 1000",
            "from 10.30.0.0/24 priority 1000 tos 0x0 protocol 18 lookup 300",
        ),
        (
            "to 10.30.1.0/24 prohibit preference 1001 no_track",
            "from all to 10.30.1.0/24 priority 1001 tos 0x0 type prohibit no_track",
        ),
        (
            "not from 10.30.2.0/24 goto 1010 preference 1002",
            "not from 10.30.2.0/24 priority 1002 tos 0x0 protocol 18 goto 1010",
        ),
        (
            "fwmark 0x10/0xff iif eth0 oif eth1 table 300 preference 1003",
            "from all priority 1003 tos 0x0 fwmark 0x10/0xff iif eth0 oif eth1 protocol 18 lookup 300",
        ),
        (
            "from 10.30.4.0/24 table 300 realms 5 suppress_prefixlength 16 preference 1004",
            "from 10.30.4.0/24 priority 1004 tos 0x0 suppress_prefixlen 16 protocol 18 realms 0/5 lookup 300",
        ),
        (
            "from 10.30.5.0/24 table 300 tos 0x10 ipproto udp sport 10-20 dport 30-40 preference 1005",
            "from 10.30.5.0/24 priority 1005 tos 0x10 protocol 18 ipproto 17 sport 10-20 dport 30-40 lookup 300",
        ),
        (
            "uidrange 1000-2000 table 300 preference 1006",
            "from all priority 1006 tos 0x0 uidrange 1000-2000 protocol 18 lookup 300",
        ),
        ("l3mdev preference 1007", "from all priority 1007 tos 0x0 l3mdev protocol 18 lookup 0"),
        ("from 10.30.8.0/24 nop preference 1008", "from 10.30.8.0/24 priority 1008 tos 0x0 protocol 18 nop"),
    ];
    lines("virtual_rules", "vrules", &cases);
}
