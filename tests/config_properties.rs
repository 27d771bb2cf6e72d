//! What holds for any configuration text: no panic, snapshots and dumps that give the same again.

mod config_support;

use std::fs;
use std::path::Path;

use config_support::{load_text, options};
use keepalived::config::model::Authentication;
use keepalived::config::{Loaded, Snapshot, load};
use proptest::prelude::*;

#[test]
fn a_damaged_snapshot_is_refused() {
    let loaded =
        load_text("vrrp_instance VI {\n interface eth0\n virtual_router_id 5\n virtual_ipaddress { 10.0.0.1 }\n}\n");
    let text = loaded.snapshot.as_str();
    assert!(Snapshot::parse(text).is_ok());
    for bad in [
        "",
        "foo\n",
        &text[..text.len() - 1],
        &text.replace("virtual_router_id", "virtual_router_idd"),
        &format!("{text}? 1\n"),
    ] {
        assert!(Snapshot::parse(bad).is_err(), "{bad}");
    }
}

/// Dumped and read again a configuration is the same, apart from the passwords.
fn assert_round_trips(loaded: &Loaded) {
    let Some(config) = &loaded.config else { return };
    assert_eq!(Snapshot::parse(loaded.snapshot.as_str()).as_ref(), Ok(config));
    let dump = loaded.snapshot.dump();
    let again = load_text(&dump);
    let mut expected = config.clone();
    for i in &mut expected.instances {
        let masked = *b"********";
        i.authentication = i.authentication.take().map(|a| match a {
            Authentication::Pass(_) => Authentication::Pass(masked),
            Authentication::Ah(_) => Authentication::Ah(masked),
        });
    }
    let again_config = again.config.unwrap_or_else(|| panic!("{dump}\n{}", again.diagnostics));
    assert_eq!(again_config, expected, "{dump}");
}

#[test]
fn the_fixtures_round_trip() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
    let mut good = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "conf") {
            let loaded = load(&options(&path));
            good += usize::from(loaded.config.is_some());
            assert_round_trips(&loaded);
        }
    }
    assert!(good >= 5, "{good}");
}

/// Pieces that make lines a parser has trouble with.
fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 1\n",
        "vrrp_sync_group G {\n",
        "global_defs {\n",
        "group { VI_1 }\n",
        "virtual_ipaddress {\n",
        "10.0.0.1/24 dev eth0\n",
        "fe80::1\n",
        "}\n",
        "{",
        "}",
        "\"",
        "'",
        "\\",
        "#",
        "!",
        "\\#",
        "@lb1 ",
        "@^lb1 ",
        "$A=1\n",
        "$A",
        "${A}",
        "$A=x \\\ny\n",
        "${_RANDOM}",
        "${_ENV HOME}",
        "~SEQ(a, 1, 3) ",
        "~LST(a, 1, 2) ",
        "$a",
        "include *\n",
        "notify \"/bin/x 'a b'\" root\n",
        "notify /bin/x \\#1 a\n",
        "router_id ",
        "priority 10\n",
        "state MASTER\n",
        "track_interface {\n",
        "weight 5 ",
        "authentication {\n auth_type PASS\n auth_pass \"a b!\"\n}\n",
        "notification_email { a \"b c\" \\#d @e }\n",
        "virtual_server 10.0.0.1 80 {\n",
        "real_server 10.0.0.2 80 {\n",
        "regex \"a\\\"b\"\n",
        " ",
        "\n",
        "\t",
        "\r",
        "\u{0}",
        "\u{fffd}",
        "é",
        "VI_1\n",
        "static_ipaddress {\n",
    ];
    prop_oneof![8 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => "[ -~]{0,12}", 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let loaded = load_text(&bytes);
        prop_assert_eq!(loaded.config.is_some(), loaded.diagnostics.exit_code() == 0);
        let _ = loaded.diagnostics.to_string();
    }

    #[test]
    fn any_lines_round_trip(pieces in prop::collection::vec(piece(), 0..40)) {
        let loaded = load_text(pieces.concat());
        let _ = loaded.diagnostics.to_string();
        assert_round_trips(&loaded);
    }

    #[test]
    fn any_instance_lines_round_trip(pieces in prop::collection::vec(piece(), 0..6)) {
        let text = format!("vrrp_instance I {{\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress {{ 10.1.1.1 }}\n{}\n}}\n", pieces.concat());
        assert_round_trips(&load_text(text));
    }

    #[test]
    fn any_text_is_no_panic_as_a_snapshot(text in any::<String>(), cut in 0usize..400) {
        let _ = Snapshot::parse(&text);
        let good = load_text("vrrp_instance I {\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress { 10.1.1.1 }\n}\n");
        let cut: String = good.snapshot.as_str().chars().take(cut).collect();
        let _ = Snapshot::parse(&cut);
    }
}
