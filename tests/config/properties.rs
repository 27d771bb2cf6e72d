//! Properties of any configuration text: no panic, and snapshots and dumps that give the same configuration.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::config_support::{Files, load_text, options};
use keepalived::config::model::Authentication;
use keepalived::config::{Loaded, Snapshot, load, load_recorded};
use proptest::prelude::*;

/// Octets of the snapshot of a text.
fn recorded(text: &str) -> Option<Vec<u8>> {
    let files = Files::new(&[("k.conf", text.as_bytes())]).ok()?;
    let (_, snapshot) = load_recorded(&options(&files.path("k.conf"))).ok()?.config?;
    Some(snapshot.pieces().iter().flat_map(|piece| piece.iter().copied()).collect())
}

/// An instance and two virtual servers.
const GOOD: &str = "vrrp_instance VI {\n interface eth0\n virtual_router_id 5\n virtual_ipaddress { 10.0.0.1 }\n}\n\
    virtual_server 10.0.0.1 80 {\n protocol TCP\n real_server 10.0.1.1 80 { TCP_CHECK { } }\n}\n\
    virtual_server fwmark 7 {\n real_server 10.0.1.2 80 { }\n}\n";

#[test]
fn a_damaged_snapshot_is_refused() {
    let octets = recorded(GOOD).unwrap();
    let parse = |octets: &[u8]| Snapshot::from(octets.to_vec()).parse();
    assert!(parse(&octets).is_ok());
    for end in 0..octets.len() {
        assert!(parse(&octets[..end]).is_err(), "cut off at {end}");
    }
    assert!(parse(&[&octets, &b"?"[..]].concat()).is_err());
}

/// Reading the dump gives the same configuration, except for the passwords. A masked key of `auth_hmac` is too short, so that the
/// block is ignored; it is left out of the comparison, with the `authentication` that it excludes.
fn assert_round_trips(loaded: &Loaded) {
    let Some(config) = &loaded.config else { return };
    let dump = &loaded.shown;
    let again = load_text(dump.to_string());
    let mut expected = config.clone();
    for i in &mut expected.instances {
        let masked = *b"********";
        i.authentication = i.authentication.take().map(|a| match a {
            Authentication::Pass(_) => Authentication::Pass(masked),
            Authentication::Ah(_) => Authentication::Ah(masked),
        });
    }
    let mut again_config = again.config.unwrap_or_else(|| panic!("{dump}\n{}", again.diagnostics));
    for (expected, again) in expected.instances.iter_mut().zip(&mut again_config.instances) {
        if expected.auth_hmac.take().is_some() {
            assert_eq!(again.auth_hmac, None, "{dump}");
            again.authentication = None;
        }
    }
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

/// Pieces of lines that are difficult for a parser.
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

/// Complete and broken pieces of definitions, repetitions, conditions, comments and includes.
fn lexical_piece() -> impl Strategy<Value = String> {
    let fixed = [
        "$A=1\n",
        "$A=$B\n",
        "$B=${A}\n",
        "$B=x$A\n",
        "$A=\n",
        "$A=\\#\n",
        "$A=#\n",
        "$A=\"a b\"\n",
        "$A=\"\n",
        "$A=@lb1\n",
        "$A=~SEQ(a, 1, 2)\n",
        "$A=$B=2\n",
        "$A=x$\n",
        "$A_lb1=5\n",
        "$A",
        "${A}",
        "$B",
        "${B} ",
        "$a ",
        "${a}",
        "${A_${_INSTANCE}}",
        "$M= \\\n",
        "$M=one \\\n",
        "$M",
        "$M\n",
        "${M}\n",
        "$N= \\\n $M \\\n two\n",
        "$N\n",
        " \\\n",
        "\\\n",
        "# c \\\n",
        "# c\n",
        "vrrp_instance V${a} { \\\n interface eth0 \\\n virtual_router_id ${A} \\\n",
        "vrrp_instance V {\n",
        "virtual_ipaddress {\n",
        "10.0.0.${a}\n",
        "authentication { \\\n auth_pass hunter2 \\\n }",
        "~SEQ(a, 1, 9) ",
        "~SEQx(b, 1, 5) ",
        "~SEQ(a, $A) ",
        "~LST(a, 1, $A, \"x\") ",
        "~LST({a,b}, {1,2}, {3}) ",
        "~SEQ(",
        "~LST(a",
        ") ",
        "@lb1 ",
        "@^lb1 ",
        "@lb2 ",
        "@ ",
        "@",
        "include k.conf\n",
        "include *\n",
        "include ${A}\n",
        "includea none\n",
        "{ ",
        " }",
        "}\n",
        "\"",
        "#",
        "!",
        "\\#",
        "$",
        "${",
        "}",
        "~",
        "\n",
        "\n\n",
        " ",
        "\t",
        "\u{0}",
        "\u{a0}",
        "\u{200b}",
        "\u{feff}",
        "\u{201c}",
        "\u{65e5}",
        "\r",
        "\r\n",
        "${_ENV HOME}",
        "${_RANDOM 9 1}",
        "${_RANDOM}",
        "${_HASH}",
        "$_PWD ",
    ];
    let long = "[a-z]{900,1100}";
    prop_oneof![40 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => long, 1 => "[ -~]{0,12}"]
}

/// CPU time of this thread, without other tests.
fn cpu_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Checks that each message has a place in a file that was read.
fn assert_placed(text: &str, loaded: &Loaded) {
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in &loaded.diagnostics {
        let origin = problem.origin.iter().map(|(place, _)| place);
        let also = problem.also.iter().map(|(place, _)| place);
        for place in origin.chain(also).chain(&problem.elsewhere).chain([&problem.place]) {
            assert!(place.file.ends_with("/k.conf"), "{problem}");
            if place.line == 0 {
                continue;
            }
            let line = lines.get(place.line as usize - 1).unwrap_or_else(|| panic!("no such line: {problem}"));
            let width = line.trim_start_matches('\u{feff}').chars().count();
            assert!(place.col >= 1 && place.col as usize <= width + 1, "{width}: {problem}\n{line}");
            assert!(place.source.is_some(), "{problem}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let loaded = load_text(&bytes);
        prop_assert_eq!(loaded.config.is_none(), loaded.diagnostics.has_errors());
        let _ = loaded.diagnostics.to_string();
    }

    #[test]
    fn any_lines_round_trip(pieces in prop::collection::vec(piece(), 0..40)) {
        let loaded = load_text(pieces.concat());
        let _ = loaded.diagnostics.to_string();
        assert_round_trips(&loaded);
    }

    #[test]
    fn any_definitions_end_and_their_problems_have_places(pieces in prop::collection::vec(lexical_piece(), 0..60)) {
        let text = pieces.concat();
        let start = cpu_time();
        let loaded = load_text(&text);
        let shown = loaded.diagnostics.to_string();
        prop_assert!(cpu_time() - start < Duration::from_secs(60), "{text}");
        prop_assert!(loaded.diagnostics.exit_code() == 0 || shown.contains("error: ") || shown.contains("fault: "));
        prop_assert!(!shown.contains("hunter2"), "{}", shown);
        assert_placed(&text, &loaded);
    }

    #[test]
    fn any_instance_lines_round_trip(pieces in prop::collection::vec(piece(), 0..6)) {
        let text = format!("vrrp_instance I {{\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress {{ 10.1.1.1 }}\n{}\n}}\n", pieces.concat());
        assert_round_trips(&load_text(text));
    }

    #[test]
    fn any_octets_are_parsed_as_a_snapshot_without_panic(octets in any::<Vec<u8>>(), at in 0usize..400) {
        let mut damaged = recorded(GOOD).unwrap();
        let at = at.min(damaged.len());
        damaged.splice(at.., octets.iter().copied());
        let _ = Snapshot::from(damaged).parse();
        let _ = Snapshot::from(octets).parse();
    }
}
