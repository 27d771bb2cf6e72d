//! Whole configurations: models of files, includes, limits.

mod config_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use config_support::{Files, load_text, options};
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
fn each_trap_target_has_a_community_and_an_address_of_its_own() {
    let target = |host: &str, lines: &str| format!("snmp_trap_target {host} {{\n {lines}\n}}\n");
    let community = "community some-words";
    let long = format!("community {}", "x".repeat(256));
    for (text, expected, message) in [
        (target("192.0.2.1", community), &["192.0.2.1:162"][..], None),
        (
            target("nms.example:1162", community) + &target("[2001:db8::1]:1162", community),
            &["nms.example:1162", "[2001:db8::1]:1162"],
            None,
        ),
        (
            target("192.0.2.1", community) + &target("192.0.2.1:162", community),
            &["192.0.2.1:162"],
            Some("is defined already"),
        ),
        (target("192.0.2.1", ""), &[], Some("has no community")),
        (target("192.0.2.1", &long), &[], Some("longer than 255 bytes")),
        (target("192.0.2.1:0", community), &[], Some("the port is not a number from 1 to 65535")),
        (target(&"x".repeat(101), community), &[], Some("is longer than 100 bytes")),
        (target("192.0.2.1", &format!("{community}\n retries 2")), &["192.0.2.1:162"], Some("retries is for informs")),
        (target("192.0.2.1", "user keepalived"), &["192.0.2.1:162"], None),
        (
            target("192.0.2.1", "user k\n auth_password 12345678\n auth_protocol SHA-512\n priv_password 87654321"),
            &["192.0.2.1:162"],
            None,
        ),
        (target("192.0.2.1", "version 3"), &[], Some("has no user")),
        (target("192.0.2.1", "version 2c\n user k"), &[], Some("user is for version 3")),
        (
            target("192.0.2.1", &format!("user k\n {community}")),
            &["192.0.2.1:162"],
            Some("community is for version 2c"),
        ),
        (target("192.0.2.1", &format!("user {}", "k".repeat(33))), &[], Some("does not have 1 to 32 bytes")),
        (target("192.0.2.1", "user k\n auth_password 1234567"), &[], Some("auth_password has less than 8 octets")),
        (target("192.0.2.1", "user k\n auth_protocol SHA"), &[], Some("auth_protocol needs auth_password")),
        (target("192.0.2.1", "user k\n priv_password 12345678"), &[], Some("priv_password needs auth_password")),
        (
            target("192.0.2.1", "user k\n auth_password file:/no/file"),
            &[],
            Some("the password file /no/file does not exist"),
        ),
    ] {
        let loaded = load_text(format!("global_defs {{\n{text}}}\n"));
        let shown = loaded.diagnostics.to_string();
        let targets = loaded.config.unwrap().global.trap_targets;
        assert!(targets.iter().map(|target| target.host.to_string()).eq(expected.iter().copied()), "{text}{targets:?}");
        match message {
            Some(message) => assert!(shown.contains(message) && shown.contains("help: "), "{text}{shown}"),
            None => assert_eq!(shown, "", "{text}"),
        }
    }
}

#[test]
fn the_context_of_snmp_has_a_name_of_limited_length() {
    for (name, expected) in [("left", Some("left")), ("\"\"", None), (&*"x".repeat(33), None)] {
        let loaded = load_text(format!("global_defs {{\n snmp_context {name}\n}}\n"));
        assert_eq!(loaded.diagnostics.to_string().contains("is longer than 32 bytes"), name.len() > 32, "{name}");
        assert_eq!(loaded.config.unwrap().global.snmp_context.as_deref(), expected, "{name}");
    }
}

#[test]
fn the_engine_id_is_that_of_the_file_or_from_the_name_of_the_router() {
    for (line, expected, message) in [
        ("", &b"\x80\x00\x25\x72\x04lb1"[..], None),
        ("router_id abc", b"\x80\x00\x25\x72\x04abc", None),
        ("snmp_engine_id 0x8000000001", b"\x80\x00\x00\x00\x01", None),
        ("snmp_engine_id 80000000ff", b"\x80\x00\x00\x00\xff", None),
        ("snmp_engine_id 0x80000000", b"\x80\x00\x25\x72\x04lb1", Some("has not the form of an engine ID")),
        ("snmp_engine_id 0x800000000", b"\x80\x00\x25\x72\x04lb1", Some("has not the form of an engine ID")),
        ("snmp_engine_id 0x80000000xx", b"\x80\x00\x25\x72\x04lb1", Some("has not the form of an engine ID")),
    ] {
        let loaded = load_text(format!("global_defs {{\n {line}\n}}\n"));
        let shown = loaded.diagnostics.to_string();
        assert!(message.map_or(shown.is_empty(), |message| shown.contains(message)), "{line}: {shown}");
        assert_eq!(loaded.config.unwrap().global.engine_id, expected, "{line}");
    }
}

#[test]
fn the_control_socket_has_an_absolute_path_of_limited_length() {
    let (longest, longer) = (format!("/run/{}", "x".repeat(94)), format!("/run/{}", "x".repeat(95)));
    for (text, expected, problem) in [
        ("", ControlSocket::Beside, None),
        ("control_socket none", ControlSocket::Off, None),
        ("control_socket none\n control_socket /run/x", ControlSocket::At("/run/x".into()), None),
        (&format!("control_socket {longest}"), ControlSocket::At(longest.clone().into()), None),
        (&format!("control_socket {longer}"), ControlSocket::Beside, Some("is longer than 99 bytes")),
        ("control_socket run/x", ControlSocket::Beside, Some("is not an absolute path")),
        ("control_socket None", ControlSocket::Beside, Some("is not an absolute path")),
        ("control_socket /run/..", ControlSocket::Beside, Some("does not name a file")),
    ] {
        let loaded = load_text(format!("global_defs {{\n {text}\n}}\n"));
        let faults: Vec<String> = loaded.diagnostics.faults().into_iter().collect();
        assert_eq!(faults.len(), usize::from(problem.is_some()), "{text}: {faults:?}");
        assert!(problem.is_none_or(|problem| faults[0].contains(problem)), "{text}: {faults:?}");
        assert_eq!(loaded.config.unwrap().global.control_socket, expected, "{text}");
    }
    for (group, expected) in [("root", Some(0)), ("4242", Some(4242)), ("nobody_has_this", None), ("4294967295", None)]
    {
        let loaded = load_text(format!("global_defs {{\n control_group {group}\n}}\n"));
        assert_eq!(loaded.diagnostics.faults().is_empty(), expected.is_some(), "{group}");
        assert_eq!(loaded.config.unwrap().global.control_group, expected, "{group}");
    }
}

/// `--reload` finds the daemon with a file that has errors by now.
#[test]
fn global_settings_are_read_despite_errors() {
    let head = "instance one\nglobal_defs {\n control_socket /run/x\n}\n";
    for (rest, class) in [
        ("", None),
        ("vrrp_instance VI {\n", Some(Class::MissingClose)),
        ("global_defs {\n smtp_server\n}\n", Some(Class::MissingParameter)),
    ] {
        let files = Files::new(&[("k.conf", format!("{head}{rest}").as_bytes())]).unwrap();
        let options = options(&files.path("k.conf"));
        let loaded = load(&options);
        assert_eq!(loaded.config.is_none(), class.is_some(), "{rest}");
        assert!(class.is_none_or(|class| loaded.diagnostics.iter().any(|found| found.class == class)), "{rest}");
        let global = load_global(&options);
        assert_eq!(global.instance.as_deref(), Some("one"), "{rest}");
        assert_eq!(global.control_socket, ControlSocket::At("/run/x".into()), "{rest}");
    }
    assert_eq!(load_global(&options(&PathBuf::from("/nowhere"))).control_socket, ControlSocket::Beside);
}

/// An included file is written while a user is looked up.
#[test]
fn a_file_that_changes_while_it_is_read_is_noticed() {
    static CHANGED: OnceLock<PathBuf> = OnceLock::new();
    fn user(_: &str) -> Option<(u32, u32)> {
        fs::write(CHANGED.get()?, "vrrp_instance").ok()?;
        Some((0, 0))
    }
    let files = Files::new(&[
        ("k.conf", b"global_defs {\n script_user root\n}\ninclude part.conf\n"),
        ("part.conf", b"vrrp_instance VI {\n interface eth0\n virtual_router_id 5\n}\n"),
    ])
    .unwrap();
    assert_eq!(files.load("k.conf").unsteady, None);
    let part = CHANGED.get_or_init(|| files.path("part.conf"));
    let mut options = options(&files.path("k.conf"));
    options.outside.user = user;
    let loaded = load(&options);
    assert_eq!(loaded.unsteady, Some(format!("{} changed while it was read", part.display())));
    assert!(loaded.config.is_some(), "it was complete when it was read");
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
fn global_defaults_reach_instances() {
    let text = format!(
        "global_defs {{\n vrrp_version 3\n vrrp_garp_master_repeat 1\n vrrp_mcast_group4 224.0.0.20\n smtp_alert_vrrp\n \
         v3_checksum_as_v2\n vrrp_down_timer_adverts 4\n vrrp_min_garp\n}}\n{}\ngarp_group {{\n interface eth0\n garp_interval 0.5\n}}\n",
        instance(" virtual_ipaddress { 10.0.0.1 }")
    );
    let c = config(&text);
    let i = &c.instances[0];
    assert_eq!((i.version, i.garp.repeat, i.garp.delay), (Version::V3, 1, Duration::ZERO));
    assert_eq!((i.group.to_string(), i.smtp_alert, i.v3_checksum_as_v2), ("224.0.0.20".into(), true, true));
    assert_eq!((i.down_timer_adverts, i.garp.garp_interval), (4, Duration::from_millis(500)));
}

#[test]
fn addresses_beyond_255_are_excluded() {
    let text = instance(" virtual_ipaddress {\n ~SEQ(a, 0, 2) ~SEQ(b, 1, 100) 10.1.${a}.$b\n }");
    let c = config(&text);
    assert_eq!((c.instances[0].addresses.len(), c.instances[0].excluded.len()), (255, 45));
    assert_eq!(c.instances[0].excluded[0].ip.to_string(), "10.1.2.56");
}

#[test]
fn includes_resolve_from_their_own_directory() {
    let vip = instance(" virtual_ipaddress { 10.0.0.1 }");
    let files = Files::new(&[
        ("k.conf", b"include conf.d/*.conf\ninclude conf.d/none.conf\n"),
        ("conf.d/b.conf", b"global_defs { router_id ${_PWD} }\n"),
        ("conf.d/a.conf", b"include sub/{one,two}.part\n"),
        ("conf.d/sub/one.part", vip.as_bytes()),
        ("conf.d/sub/two.part", b"$N=5\n"),
    ])
    .unwrap();
    let loaded = files.load("k.conf");
    let c = loaded.config.unwrap();
    assert_eq!(c.instances.len(), 1);
    assert_eq!(c.global.router_id, files.path("conf.d").display().to_string());
    assert_eq!(loaded.diagnostics.len(), 1, "only the missing literal name: {}", loaded.diagnostics);
}

#[test]
fn only_regular_non_executable_files_are_read() {
    let files =
        Files::new(&[("k.conf", b"includer inc/*\n"), ("inc/x", b"banana\n"), ("loop", b"include loop\n")]).unwrap();
    fs::set_permissions(files.path("inc/x"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(files.path("inc/d")).unwrap();
    nix::unistd::mkfifo(&files.path("inc/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", files.path("inc/zero")).unwrap();
    let start = Instant::now();
    let loaded = files.load("k.conf");
    assert!(start.elapsed() < Duration::from_secs(5), "must not wait on the FIFO or the device");
    let text = loaded.diagnostics.to_string();
    assert_eq!(loaded.diagnostics.len(), 4, "{text}");
    for part in [
        "inc/d' is not included: it is a directory",
        "inc/x' is not included: it is executable",
        "inc/fifo' is not included: it is not a regular file",
        "inc/zero' is not included: it is not a regular file",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // Without a check, problems of includes are warnings.
    fs::write(files.path("k.conf"), "include inc/*\n").unwrap();
    let loaded = files.load("k.conf");
    assert_eq!((loaded.diagnostics.len(), loaded.diagnostics.exit_code()), (4, 0), "{}", loaded.diagnostics);
    let executable = files.load("inc/x");
    assert_eq!((executable.config.is_some(), executable.diagnostics.exit_code()), (true, 5));
    for (name, why) in [("inc/fifo", "not a regular file"), ("inc/d", "directory"), ("absent", "does not exist")] {
        let loaded = files.load(name);
        assert_eq!((loaded.config.is_none(), loaded.diagnostics.exit_code()), (true, 4), "{name}");
        assert!(loaded.diagnostics.to_string().contains(why), "{name}: {}", loaded.diagnostics);
    }
    assert!(files.load("loop").diagnostics.to_string().contains("being read already"));
}

#[test]
fn include_checks() {
    let run = |all_config: bool, text: &str| {
        let files = Files::new(&[("k.conf", text.as_bytes()), ("inc/a", b"include none\n")]).unwrap();
        load(&Options { all_config, ..options(&files.path("k.conf")) }).diagnostics.exit_code()
    };
    for (all, text, code) in [
        (false, "include none\n", 0),
        (false, "includer none\n", 0),
        (false, "includem none\n", 4),
        (false, "includem none*\n", 0),
        (false, "includew none*\n", 4),
        (false, "includeb {inc/a,none}\n", 4),
        (false, "includea {inc/a,none*}\n", 4),
        (true, "include none*\n", 4),
        (false, "global_defs {\n include_check\n}\ninclude none\n", 4),
        (false, "global_defs {\n include_check\n}\ninclude inc/a\n", 4),
        (false, "include inc/a\n", 0),
        (false, "global_defs {\n include_check\n include_check -match\n}\ninclude none\n", 0),
    ] {
        assert_eq!(run(all, text), code, "{text}");
    }
}

#[test]
fn a_file_name_may_look_like_a_pattern() {
    let files = Files::new(&[("k[1]{a,b}.conf", b"global_defs { router_id it }")]).unwrap();
    assert_eq!(files.load("k[1]{a,b}.conf").config.unwrap().global.router_id, "it");
}

#[test]
fn thousands_of_problems_are_bounded_but_each_kind_counts() {
    let text = "foo\n".repeat(5000) + "global_defs {\n vrrp_version\n}\n";
    let loaded = load_text(text);
    assert_eq!(loaded.diagnostics.exit_code(), 2);
    assert!(loaded.diagnostics.len() < 1100 && loaded.diagnostics.to_string().contains("3999 further problems"));
}

#[test]
fn line_ends_and_marks_of_other_systems() {
    let loaded = load_text("\u{feff}global_defs {\r\n\trouter_id \"a b\"\r\n}\r\n");
    assert_eq!(loaded.config.unwrap().global.router_id, "a b");
    let text = loaded.diagnostics.to_string();
    assert!(loaded.diagnostics.len() == 1 && text.contains("byte order mark"), "{text}");
    let loaded = load_text("global_defs {\n\trouter_id \u{e9} b\n}\n");
    assert!(
        loaded.diagnostics.to_string().contains("k.conf:2:14: warning"),
        "columns are characters: {}",
        loaded.diagnostics
    );
    assert!(
        load_text(b"# caf\xe9\nglobal_defs {\n router_id caf\xe9\n}\n")
            .diagnostics
            .to_string()
            .contains("3:15: warning: the text is not UTF-8")
    );
}

#[test]
fn several_top_level_files_by_pattern() {
    let files = Files::new(&[("1.conf", b"global_defs {\n"), ("2.conf", b" router_id two\n}\n")]).unwrap();
    let loaded = load(&options(&files.path("?.conf")));
    assert_eq!(loaded.config.unwrap().global.router_id, "two");
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

/// A name with a slash could lead to pid files in another directory, or to any file as a namespace.
#[test]
fn names_in_file_names_have_no_slash() {
    for keyword in ["net_namespace", "net_namespace_ipvs", "instance"] {
        for name in ["../../etc/x", "a/b", "/", "..", ".", "\"\"", &"x".repeat(101)] {
            let loaded = load_text(format!("global_defs {{\n}}\n{keyword} {name}\n"));
            let text = loaded.diagnostics.to_string();
            assert!(loaded.config.is_none() && loaded.diagnostics.exit_code() == 5, "{keyword} {name}: {text}");
            assert!(text.contains(":3:") && text.contains("is not a valid name: it "), "{text}");
            assert!(text.contains("part of a file name"), "{text}");
        }
        let loaded = load_text(format!("{keyword} blue-1\n"));
        assert!(loaded.config.is_some(), "{}", loaded.diagnostics);
    }
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

/// The directory of a dump file may belong to another user.
#[test]
fn configured_dump_files_need_the_capability_for_files() {
    for (keyword, needed) in [
        ("router_id a", [false; 3]),
        ("data_use_instance", [false; 3]),
        ("state_dump_file /v/", [true; 3]),
        ("stats_dump_file /v/x", [true, false, false]),
        ("json_dump_file /v/x", [true, false, false]),
    ] {
        let config = config(&format!("global_defs {{\n    {keyword}\n}}\n"));
        let needs = [config.vrrp_needs(), config.checker_needs(), config.bfd_needs()];
        assert_eq!(needs.map(|needs| needs.files), needed, "{keyword}");
    }
}
