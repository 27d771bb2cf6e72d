//! Whole configurations: models of files, includes, limits.

mod files;
mod global;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::config_support::{Files, load_text, options};
use keepalived::config::model::{
    Authentication, Config, ControlSocket, Family, Script, ScriptUser, StartState, Version,
};
use keepalived::config::{Class, Options, load, load_global};

fn config(text: &str) -> Config {
    let loaded = load_text(text);
    loaded.config.unwrap_or_else(|| panic!("{text}\n{}", loaded.diagnostics))
}

/// An instance with the given lines besides the required ones.
fn instance(lines: &str) -> String {
    format!("vrrp_instance VI {{\n interface eth0\n virtual_router_id 5\n{lines}\n}}\n")
}

#[test]
fn an_empty_file_is_a_configuration_with_defaults() {
    let c = config("");
    assert_eq!((c.global.router_id.as_str(), c.instances.len()), ("lb1", 0));
    assert_eq!(c.global.smtp_connect_timeout, Duration::from_secs(30));
    assert_eq!(c.global.child_wait_time, Duration::from_secs(5));
}

#[test]
fn defaults_of_an_instance() {
    let c = config(&instance(" virtual_ipaddress { 10.0.0.1 }"));
    let i = &c.instances[0];
    assert_eq!((i.family, i.version, i.priority, i.start_state), (Family::V4, Version::V2, 100, StartState::Backup));
    assert_eq!((i.advert_interval, i.group.to_string()), (Duration::from_secs(1), "224.0.0.18".into()));
    assert_eq!((i.garp.delay, i.garp.repeat, i.garp.refresh_repeat), (Duration::from_secs(5), 5, 1));
    assert!(i.accept && !i.nopreempt && !i.strict && i.authentication.is_none());
    assert_eq!((i.addresses[0].prefix, i.addresses[0].device.as_str(), i.addresses[0].nodad), (32, "eth0", true));
}

#[test]
fn receive_buffers_umask_and_extra_announcements() {
    use keepalived::config::model::AdvertBuffer::{self, Advert, Default, Mtu, Octets};
    type Expected = (AdvertBuffer, usize);
    for (global, own, expected) in [
        ("", "", (Default, 0)),
        ("vrrp_rx_bufs_policy mtu", "", (Mtu(3), 0)),
        ("vrrp_rx_bufs_policy Advert\n vrrp_rx_bufs_multiplier 7", "", (Advert(7), 0)),
        ("vrrp_rx_bufs_policy ADVERT MTU", "kernel_rx_buf_size 0", (Mtu(3), 0)),
        ("vrrp_rx_bufs_policy 5000", "", (Octets(5000), 0)),
        ("vrrp_rx_bufs_policy 5000", "kernel_rx_buf_size 6000", (Octets(6000), 0)),
        ("vrrp_rx_bufs_policy 5000 MTU", "", (Default, 1)),
        ("vrrp_rx_bufs_policy 0", "", (Default, 1)),
        ("vrrp_rx_bufs_policy MTUS", "", (Default, 1)),
        ("umask 01777", "", (Default, 1)),
        ("", "timer_expired_backup", (Default, 1)),
    ] as [(&str, &str, Expected); 11]
    {
        let own = format!(" virtual_ipaddress {{ 10.0.0.1 }}\n {own}");
        let loaded = load_text(format!("global_defs {{\n {global}\n}}\n{}", instance(&own)));
        let found = loaded.config.unwrap().instances[0].buffer;
        assert_eq!((found, loaded.diagnostics.faults().len()), expected, "{global} {own}");
    }
    for (text, expected) in [
        ("", None),
        ("umask 0", Some(0)),
        ("umask 0x3f", Some(0o77)),
        ("umask IRWXG|IWOTH", Some(0o72)),
        ("umask IRWXG | IWOTH", Some(0o72)),
    ] {
        assert_eq!(config(&format!("global_defs {{\n {text}\n}}\n")).global.umask, expected, "{text}");
    }
    for (global, own, seconds, all) in [
        ("", "", 0, false),
        ("vrrp_garp_extra_if 5", "", 5, false),
        ("vrrp_garp_extra_if all 5", "", 5, true),
        ("vrrp_vmac_garp_intvl all 5", "", 5, true),
        ("vrrp_garp_extra_if all 5", "garp_extra_if 0", 0, false),
        ("", "garp_extra_if all 7", 7, true),
        ("", "vmac_garp_intvl 7", 7, false),
    ] {
        let own = instance(&format!(" virtual_ipaddress {{ 10.0.0.1 }}\n {own}"));
        let garp = config(&format!("global_defs {{\n {global}\n}}\n{own}")).instances[0].garp;
        assert_eq!((garp.extra.as_secs(), garp.extra_all), (seconds, all), "{global} {own}");
    }
    for (own, expected) in [("", None), ("timer_expired_backup", Some(254)), ("thread_timer_expired 9", Some(9))] {
        let own = instance(&format!(" virtual_ipaddress {{ 10.0.0.1 }}\n nopreempt\n {own}"));
        assert_eq!(config(&own).instances[0].timer_expired_backup, expected, "{own}");
    }
}

#[test]
fn one_line_each() {
    type Check = fn(&Config) -> bool;
    let cases: &[(&str, Check)] = &[
        ("state MASTER", |c| c.instances[0].priority == 255 && c.instances[0].start_state == StartState::Master),
        ("state MASTER\n priority 150", |c| {
            c.instances[0].priority == 150 && c.instances[0].start_state == StartState::Master
        }),
        ("priority 255", |c| c.instances[0].start_state == StartState::Master),
        ("nopreempt", |c| c.instances[0].nopreempt),
        ("nopreempt\n preempt", |c| !c.instances[0].nopreempt),
        ("preempt_delay 1.5", |c| c.instances[0].preempt_delay == Duration::from_millis(1500)),
        ("version 3\n advert_int 0.05", |c| c.instances[0].advert_interval == Duration::from_millis(50)),
        ("advert_int 3", |c| c.instances[0].advert_interval == Duration::from_secs(3)),
        ("accept", |c| c.instances[0].accept),
        ("no_accept", |c| !c.instances[0].accept),
        ("strict_mode", |c| {
            c.instances[0].strict && !c.instances[0].accept && c.instances[0].garp.lower_prio_repeat == 0
        }),
        ("strict_mode off", |c| !c.instances[0].strict),
        ("authentication {\n auth_type PASS\n auth_pass secret\n }", |c| {
            c.instances[0].authentication == Some(Authentication::Pass(*b"secret\0\0"))
        }),
        ("authentication {\n auth_type AH\n auth_pass 123456789\n }", |c| {
            c.instances[0].authentication == Some(Authentication::Ah(*b"12345678"))
        }),
        ("track_interface {\n eth1 weight -254\n eth2 weight 5 reverse\n eth3\n }", |c| {
            let t: Vec<_> = c.instances[0].trackers.iter().map(|t| (t.name.as_str(), t.weight, t.reverse)).collect();
            t == [("eth1", -253, false), ("eth2", 5, true), ("eth3", 0, false)]
        }),
        ("notify \"/bin/n 'a b' c\" root", |c| {
            let s = c.instances[0].scripts.any.as_ref().unwrap();
            s.argv == ["/bin/n", "a b", "c"] && s.user.as_ref().is_some_and(|u| u.uid == 0)
        }),
        ("notify /bin/n root root", |c| {
            let s = c.instances[0].scripts.any.as_ref().unwrap();
            s.argv == ["/bin/n"] && s.user.as_ref().is_some_and(|u| u.uid == 0)
        }),
        ("notify_deleted", |c| c.instances[0].notify_deleted && c.instances[0].scripts.deleted.is_none()),
        ("smtp_alert", |c| c.instances[0].smtp_alert),
        ("mcast_src_ip 10.0.0.7\n track_src_ip", |c| c.instances[0].source == "10.0.0.7".parse().ok()),
        ("mcast_dst_ip 224.0.0.99", |c| c.instances[0].group.to_string() == "224.0.0.99"),
        ("garp_master_delay 0\n garp_master_repeat 2\n garp_master_refresh 7", |c| {
            let g = c.instances[0].garp;
            g.delay.is_zero()
                && g.repeat == 2
                && g.refresh == Duration::from_secs(7)
                && g.lower_prio_repeat == 2
                && g.lower_prio_delay.is_zero()
        }),
        ("virtual_ipaddress_excluded {\n fe80::1/64 -nodad preferred_lft forever\n }", |c| {
            let e = &c.instances[0].excluded[0];
            !e.nodad && e.preferred_lft == Some(u32::MAX) && e.prefix == 64
        }),
        ("virtual_ipaddress {\n 10.0.0.9/24 dev eth1 scope link label eth1:v brd + peer 10.0.0.8 no_track\n }", |c| {
            let a = &c.instances[0].addresses[1];
            (a.scope, a.label.as_deref(), a.no_track) == (253, Some("eth1:v"), true)
                && a.broadcast == "10.0.0.255".parse().ok()
                && a.peer == Some(("10.0.0.8".parse().unwrap(), 32))
        }),
    ];
    for (lines, check) in cases {
        let c = config(&instance(&format!(" virtual_ipaddress {{ 10.0.0.1 }}\n {lines}")));
        assert!(check(&c), "{lines}: {:#?}", c.instances);
    }
}

#[test]
fn addresses_beyond_255_are_excluded() {
    let text = instance(" virtual_ipaddress {\n ~SEQ(a, 0, 2) ~SEQ(b, 1, 100) 10.1.${a}.$b\n }");
    let c = config(&text);
    assert_eq!((c.instances[0].addresses.len(), c.instances[0].excluded.len()), (255, 45));
    assert_eq!(c.instances[0].excluded[0].ip.to_string(), "10.1.2.56");
}

#[test]
fn thousands_of_problems_are_bounded_but_each_kind_counts() {
    let text = "foo\n".repeat(5000) + "global_defs {\n vrrp_version\n}\n";
    let loaded = load_text(text);
    assert_eq!(loaded.diagnostics.exit_code(), 2);
    assert!(loaded.diagnostics.len() < 1100 && loaded.diagnostics.to_string().contains("3999 further problems"));
}

#[test]
fn thirty_thousand_real_servers() {
    use std::fmt::Write;
    let mut text = String::new();
    for vs in 0..300 {
        writeln!(
            text,
            "virtual_server 10.0.{}.{} 80 {{\n delay_loop 6\n lb_algo rr\n lb_kind NAT\n protocol TCP",
            vs / 250,
            vs % 250
        )
        .unwrap();
        for rs in 0..100 {
            writeln!(
                text,
                " real_server 10.1.{}.{rs} 80 {{\n  weight 1\n  TCP_CHECK {{\n   connect_timeout 3\n  }}\n }}",
                vs % 250
            )
            .unwrap();
        }
        text.push_str("}\n");
    }
    let start = cpu_time();
    let loaded = load_text(&text);
    // Well under a second in a release build; a debug build may take some seconds.
    assert!(cpu_time() - start < Duration::from_secs(20));
    assert!(loaded.config.unwrap().has_virtual_servers);
    assert_eq!(loaded.diagnostics.len(), 0, "{}", loaded.diagnostics);
}

/// CPU time of this thread, without other tests.
fn cpu_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[test]
fn secrets_are_not_shown() {
    let text =
        instance(" virtual_ipaddress { 10.0.0.1 }\n authentication {\n auth_type PASS\n auth_pass hunter22hunter\n }");
    let loaded = load_text(&text);
    let shown = format!("{}\n{:?}\n{}", loaded.diagnostics, loaded, loaded.shown);
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn classes_give_their_exit_status() {
    for (text, class, code) in [
        ("", None, 0),
        ("global_defs { vrrp_version }", Some(Class::MissingParameter), 2),
        ("global_defs { router_id }", Some(Class::General), 5),
        ("foo", Some(Class::UnknownKeyword), 5),
        ("}", Some(Class::UnexpectedClose), 5),
        ("global_defs {", Some(Class::MissingClose), 5),
        ("global_defs { router_id \"x }", Some(Class::UnmatchedQuote), 5),
        ("global_defs { vrrp_version 9 }", Some(Class::InvalidNumber), 5),
    ] {
        let loaded = load_text(text);
        assert_eq!(loaded.diagnostics.exit_code(), code, "{text}");
        assert_eq!(
            loaded.diagnostics.iter().map(|d| d.class).max(),
            class.into_iter().max(),
            "{text}: {}",
            loaded.diagnostics
        );
    }
}

#[test]
fn a_user_follows_a_command_of_one_word() {
    let commands = " virtual_ipaddress { 10.0.0.1 }\n notify_master /n.sh root\n notify_backup /n.sh\n \
                    notify_fault \"/n.sh one 'two three'\" root root\n notify_stop /n.sh argument";
    let files = Files::new(&[("k.conf", instance(commands).as_bytes())]).unwrap();
    let loaded = load(&options(&files.path("k.conf")));
    assert!(loaded.config.unwrap().instances[0].scripts.stop.is_none(), "it must not run as another user");
    let text = loaded.diagnostics.to_string();
    assert!(text.contains("the user 'argument' does not exist") && text.contains("quote the whole command"), "{text}");
    let more = instance(commands).replace("/n.sh argument", "/n.sh root root argument");
    let text = load_text(&more).diagnostics.to_string();
    assert!(text.contains("'argument' after the group is ignored"), "{text}");
    let good = instance(commands).replace(" notify_stop /n.sh argument", "");
    let files = Files::new(&[("k.conf", good.as_bytes())]).unwrap();
    let scripts = load(&options(&files.path("k.conf"))).config.unwrap().instances[0].scripts.clone();
    let root = Some(ScriptUser { uid: 0, gid: 0 });
    let script = |argv: &[&str], user: &Option<ScriptUser>| {
        Some(Script { argv: argv.iter().map(|word| (*word).to_owned()).collect(), user: user.clone() })
    };
    assert_eq!(scripts.master, script(&["/n.sh"], &root));
    assert_eq!(scripts.backup, script(&["/n.sh"], &None));
    assert_eq!(scripts.fault, script(&["/n.sh", "one", "two three"], &root));
}

#[test]
fn scripts_are_checked() {
    let text = format!(
        "global_defs {{\n enable_script_security\n}}\n{}",
        instance(
            " virtual_ipaddress { 10.0.0.1 }\n notify_master /open/n.sh\n notify_backup \"/open/n.sh\" user\n notify_fault /gone"
        )
    );
    let files = Files::new(&[("k.conf", text.as_bytes())]).unwrap();
    let mut options = options(&files.path("k.conf"));
    options.outside.user = |name| Some(if name == "user" { (1000, 1000) } else { (0, 0) });
    options.outside.script_problem = |p| (p == "/gone").then(|| "does not exist".to_owned());
    options.outside.script_insecure = |p| p.starts_with("/open").then(|| "everyone may write to '/open'".to_owned());
    let loaded = load(&options);
    let scripts = &loaded.config.as_ref().unwrap().instances[0].scripts;
    assert!(scripts.master.is_none(), "refused: it runs as root, and others can change it");
    assert!(scripts.backup.is_some() && scripts.fault.is_some());
    let text = loaded.diagnostics.to_string();
    assert!(
        text.contains("is not run as root: everyone may write to '/open'") && text.contains("'/gone' does not exist"),
        "{text}"
    );
    assert_eq!(loaded.diagnostics.exit_code(), 6);
}
