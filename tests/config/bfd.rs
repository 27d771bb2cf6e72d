//! `bfd_instance` blocks and the keywords of the BFD process.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use crate::config_support::load_text;
use keepalived::config::model::{BfdInstance, Config};

fn config(text: &str) -> Config {
    let loaded = load_text(text);
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics);
    loaded.config.unwrap()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn a_session_with_its_neighbor_only_takes_the_defaults() {
    let config = config("bfd_instance a { \nneighbor_ip 10.0.0.2\n }\nbfd_instance b { \nneighbor_ip fd00::2\n }");
    let a = BfdInstance {
        name: "a".into(),
        neighbor: "10.0.0.2".parse().unwrap(),
        source: None,
        min_rx: ms(10),
        min_tx: ms(10),
        idle_tx: ms(1000),
        multiplier: 5,
        passive: false,
        ttl: 255,
        max_hops: Some(0),
        multihop: false,
        weight: 0,
        reverse: false,
        to_vrrp: true,
        to_checker: true,
    };
    let b = BfdInstance { name: "b".into(), neighbor: "fd00::2".parse().unwrap(), ttl: 64, ..a.clone() };
    assert_eq!(config.bfd, [a, b]);
}

#[test]
fn every_keyword_has_its_effect() {
    let text = "
bfd_instance far {
    neighbour_ip fd00::2
    source_ip fd00::1
    min_rx 50.5
    min_tx 4294967
    idle_tx 20000
    multiplier 255
    passive
    hoplimit 100
    max_hops 3
    multihop
    weight -253 reverse
    checker
}
bfd_instance any {
    neighbor_ip 10.0.0.2
    max_hops -1
    multihop no
    vrrp
}
";
    let config = config(text);
    let [far, any] = config.bfd.as_slice() else { panic!("{:?}", config.bfd) };
    let expected = BfdInstance {
        name: "far".into(),
        neighbor: "fd00::2".parse().unwrap(),
        source: Some("fd00::1".parse().unwrap()),
        min_rx: Duration::from_micros(50_500),
        min_tx: Duration::from_secs(4_294_967) / 1000,
        idle_tx: ms(20_000),
        multiplier: 255,
        passive: true,
        ttl: 100,
        max_hops: Some(3),
        multihop: true,
        weight: -253,
        reverse: true,
        to_vrrp: false,
        to_checker: true,
    };
    assert_eq!(*far, expected);
    assert_eq!(far.least_ttl(), 97);
    assert_eq!((any.max_hops, any.least_ttl(), any.multihop), (None, 0, false));
    assert_eq!((any.to_vrrp, any.to_checker), (true, false));
}

#[test]
fn the_settings_of_the_process() {
    let set = |text: &str| {
        let global = load_text(format!("global_defs {{\n{text}\n}}")).config.unwrap().global;
        (global.bfd_process.nice, global.bfd_process.rt_priority, global.bfd_process.no_swap)
    };
    assert_eq!(set("bfd_priority -7\nbfd_rt_priority 50\nbfd_no_swap"), (Some(-7), Some(50), true));
    assert_eq!(set("vrrp_priority -7\nvrrp_rt_priority 50\nvrrp_no_swap"), (None, None, false));
}

#[test]
fn an_invalid_session_is_left_out_and_the_others_stay() {
    let text = "
bfd_instance a_name_that_is_longer_than_31_ch {
    neighbor_ip 10.0.0.3
}
bfd_instance first {
    neighbor_ip 10.0.0.2
}
bfd_instance again {
    neighbor_ip 10.0.0.2
}
bfd_instance mixed {
    neighbor_ip 10.0.0.4
    source_ip fd00::1
}
bfd_instance lonely {
    min_rx 100
}
bfd_instance far {
    neighbor_ip 10.0.0.5
    ttl 64
    max_hops 70
}
";
    let loaded = load_text(text);
    let sessions = loaded.config.unwrap().bfd;
    let names: Vec<&str> = sessions.iter().map(|session| session.name.as_str()).collect();
    assert_eq!(names, ["first", "far"]);
    assert_eq!((sessions[1].max_hops, sessions[1].least_ttl()), (Some(64), 0));
    assert_eq!(loaded.diagnostics.len(), 5, "{}", loaded.diagnostics);
}

#[test]
fn entries_and_checkers_of_sessions_that_do_not_report_to_them_are_left_out() {
    let text = "
bfd_instance all {
    neighbor_ip 10.0.0.2
    weight 10 reverse
}
bfd_instance checkers {
    neighbor_ip 10.0.0.3
    checker
}
bfd_instance routers {
    neighbor_ip 10.0.0.4
    vrrp
}
bfd_instance twin {
    neighbor_ip 10.0.0.4
}
vrrp_instance VI {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.51
    }
    track_bfd {
        all
        checkers
        routers weight -3
        twin
    }
}
virtual_server 10.0.0.60 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.0.61 80 {
        BFD_CHECK {
            name all
        }
        BFD_CHECK {
            name checkers
            alpha
        }
        BFD_CHECK {
            name routers
        }
        BFD_CHECK {
            name twin
        }
    }
}
";
    let loaded = load_text(text);
    let config = loaded.config.unwrap();
    let tracked: Vec<_> =
        config.instances[0].trackers.iter().map(|track| (track.name.as_str(), track.weight, track.reverse)).collect();
    assert_eq!(tracked, [("all", 10, true), ("routers", -3, false)]);
    let names: Vec<&str> = config.trackers.sessions.iter().map(|session| session.name.as_str()).collect();
    assert_eq!(names, ["all", "routers"]);
    let messages = loaded.diagnostics.to_string();
    for text in [
        "'checkers' is not tracked: that session reports to the checkers only",
        "add 'vrrp' to its bfd_instance block",
        "'twin' is not tracked: that session is not configured",
        "as the session 'routers' reports to VRRP only",
        "add 'checker' to its bfd_instance block",
        "as the session 'twin' is not configured",
    ] {
        assert!(messages.contains(text), "{text}: {messages}");
    }
    // The fifth is about the session 'twin'.
    assert_eq!(loaded.diagnostics.len(), 5, "{messages}");
}
