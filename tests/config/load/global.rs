//! Global settings.

use super::*;

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
