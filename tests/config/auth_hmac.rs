//! `auth_hmac` blocks: their settings, and the faults that C keepalived 2.4.3 survives, with its exit statuses of `-t`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::config_support::{Files, incomplete, load_text, options};
use keepalived::config::model::{AntiReplay, AuthHmac, HmacKey, HmacMode, Instance};
use keepalived::config::{KeyFile, Loaded, Options, Outside, load};

const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const TEXT: &str = "an-ascii-key-of-forty-bytes-0123456789ab";

/// An instance with these lines, and these before its `auth_hmac` block with `lines`.
fn text(before: &str, lines: &str) -> String {
    format!(
        "{before}\nvrrp_instance X {{\n interface eth0\n virtual_router_id 1\n version 3\n virtual_ipaddress {{ 10.0.0.1 }}\n\
         auth_hmac {{\n{}\n}}\n}}\n",
        lines.replace("; ", "\n")
    )
}

fn instance(loaded: &Loaded) -> Instance {
    loaded.config.as_ref().unwrap().instances[0].clone()
}

fn key(id: u8) -> HmacKey {
    HmacKey { id, octets: (0..32).collect() }
}

fn settings() -> AuthHmac {
    AuthHmac {
        active: key(1),
        others: vec![],
        window: Duration::from_secs(5),
        anti_replay: AntiReplay::Time,
        mode: HmacMode::Enforce,
    }
}

#[test]
fn all_keywords_have_their_effect() {
    let lines = format!(
        "key 1 hex:{DIGITS}; key 2 {TEXT}; key 255 \"with spaces in the key, 32 and more\"; active_key 2; time_window 300; \
         anti_replay monotonic; mode receive-only"
    );
    let loaded = load_text(text("", &lines));
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics);
    let named = |id, text: &str| HmacKey { id, octets: text.into() };
    let expected = AuthHmac {
        active: named(2, TEXT),
        others: vec![key(1), named(255, "with spaces in the key, 32 and more")],
        window: Duration::from_secs(300),
        anti_replay: AntiReplay::Monotonic,
        mode: HmacMode::ReceiveOnly,
    };
    assert_eq!(instance(&loaded).auth_hmac, Some(expected));
}

#[test]
fn the_default_window_follows_the_interval() {
    for (interval, window) in [("0.5", 5), ("1", 5), ("2.9", 6), ("40", 120)] {
        let line = format!("advert_int {interval}\nauth_hmac {{");
        let loaded = load_text(text("", &format!("key 1 hex:{DIGITS}; active_key 1")).replace("auth_hmac {", &line));
        assert_eq!(instance(&loaded).auth_hmac.unwrap().window, Duration::from_secs(window), "{interval}");
    }
}

/// Version 2 takes it too, and unicast peers are the only senders then.
#[test]
fn version_2_and_unicast_take_it() {
    let block = text("", &format!("key 1 hex:{DIGITS}; active_key 1"));
    let loaded = load_text(block.replace("version 3", "version 2\nunicast_peer { 10.0.0.9 }"));
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics);
    let instance = instance(&loaded);
    assert_eq!(instance.auth_hmac, Some(settings()));
    assert!(instance.unicast.unwrap().check_source);
}

#[test]
fn lines_are_dropped_and_blocks_ignored_as_by_c_keepalived() {
    let good = format!("key 1 hex:{DIGITS}");
    let with = |line: &str| format!("{good}; active_key 1; {line}");
    let key_of = |value: &str| format!("key 1 {value}; active_key 1");
    let is_good = |_: &AuthHmac| true;
    type Check = fn(&AuthHmac) -> bool;
    // Before, lines, exit status, check of the settings if there are any.
    let cases: Vec<(&str, String, u8, Option<Check>)> = vec![
        ("", with(""), 0, Some(is_good)),
        ("", good.clone(), 5, None),
        ("", "active_key 1".into(), 5, None),
        ("", String::new(), 5, None),
        ("", format!("{good}; active_key 2"), 5, None),
        ("", format!("key 0 hex:{DIGITS}; active_key 0"), 5, None),
        ("", format!("key 256 hex:{DIGITS}; active_key 256"), 5, None),
        ("", format!("key x hex:{DIGITS}; active_key 1"), 5, None),
        ("", "key 1; active_key 1".into(), 5, None),
        ("", key_of("hex:00"), 5, None),
        ("", key_of(&format!("hex:{}", "0".repeat(63))), 0, Some(|found| found.active.octets.len() == 32)),
        ("", key_of(&format!("hex:{}", "z".repeat(64))), 5, None),
        ("", key_of(&format!("hex:{}", "AB".repeat(32))), 0, Some(|found| found.active.octets == [0xab; 32])),
        ("", key_of(&format!("hex:{}", "ab".repeat(64))), 0, Some(|found| found.active.octets == [0xab; 64])),
        ("", key_of(&format!("hex:{}", "ab".repeat(65))), 5, None),
        ("", key_of(&"a".repeat(31)), 5, None),
        ("", key_of(&"a".repeat(32)), 0, Some(is_good)),
        ("", key_of(&"a".repeat(64)), 0, Some(is_good)),
        ("", key_of(&"a".repeat(65)), 5, None),
        ("", format!("{good}; key 1 {TEXT}; active_key 1"), 5, Some(|found| *found == settings())),
        ("", with("time_window 0"), 5, Some(|found| *found == settings())),
        ("", with("time_window 1"), 0, Some(|found| found.window == Duration::from_secs(1))),
        ("", with("time_window 301"), 5, Some(|found| *found == settings())),
        ("", with("time_window x"), 5, Some(|found| *found == settings())),
        ("", with("time_window 2.5"), 5, Some(|found| *found == settings())),
        ("", with("anti_replay other"), 5, Some(|found| *found == settings())),
        ("", with("mode permissive"), 0, Some(|found| found.mode == HmacMode::Permissive)),
        ("", with("mode receive_only"), 5, Some(|found| *found == settings())),
        ("", with("nonsense 1"), 5, Some(|found| *found == settings())),
        ("global_defs {\nvrrp_strict\n}", with("mode permissive"), 5, Some(|found| *found == settings())),
        ("global_defs {\nvrrp_strict\n}", with("mode enforce"), 0, Some(|found| *found == settings())),
    ];
    for (before, lines, exit, check) in cases {
        let loaded = load_text(text(before, &lines));
        let seen = (loaded.diagnostics.exit_code(), instance(&loaded).auth_hmac);
        assert_eq!(seen.0, exit, "{lines}: {}", loaded.diagnostics);
        assert_eq!(
            seen.1.as_ref().map(|found| check.is_some_and(|check| check(found))),
            check.map(|_| true),
            "{lines}"
        );
        assert_eq!(incomplete(&loaded), Vec::<String>::new(), "{lines}");
    }
    for line in ["time_window", "anti_replay", "mode"] {
        assert_eq!(load_text(text("", &with(line))).diagnostics.exit_code(), 2, "{line}");
    }
}

#[test]
fn authentication_gives_way_and_two_blocks_are_one() {
    let block = text("", &format!("key 1 hex:{DIGITS}; active_key 1"));
    let both = block.replace("auth_hmac", "authentication { auth_type PASS\nauth_pass x\n}\nversion 2\nauth_hmac");
    let loaded = load_text(both);
    assert_eq!(loaded.diagnostics.exit_code(), 5);
    let found = instance(&loaded);
    assert_eq!((found.authentication, found.auth_hmac), (None, Some(settings())));

    let two = block.replace("auth_hmac", &format!("auth_hmac {{\nkey 3 {TEXT}\nactive_key 3\n}}\nauth_hmac"));
    let loaded = load_text(two);
    assert_eq!(loaded.diagnostics.exit_code(), 0, "{}", loaded.diagnostics);
    let found = instance(&loaded).auth_hmac.unwrap();
    assert_eq!((found.active.id, found.others.len()), (1, 1));
}

/// A key file: name, content, mode, exit status, and the key if it is used.
type KeyFileCase = (&'static str, Vec<u8>, u32, u8, Option<Vec<u8>>);

#[test]
fn key_files_are_read_with_care() {
    let hex = format!("hex:{DIGITS}\n");
    let text_key = "a".repeat(32);
    let cases: [KeyFileCase; 14] = [
        ("hex", hex.clone().into(), 0o600, 0, Some((0..32).collect())),
        ("hex_without_end", hex.trim_end().into(), 0o400, 0, Some((0..32).collect())),
        ("text", format!("{text_key}\n").into(), 0o600, 0, Some(text_key.clone().into())),
        ("crlf", format!("{text_key}\r\n").into(), 0o600, 0, Some(text_key.clone().into())),
        ("blanks", format!(" {text_key} \n").into(), 0o600, 0, Some(format!(" {text_key} ").into())),
        ("octets", vec![0xfe; 40], 0o600, 0, Some(vec![0xfe; 40])),
        ("nul", vec![0; 32], 0o600, 5, None),
        ("group", hex.clone().into(), 0o640, 6, Some((0..32).collect())),
        ("others", hex.clone().into(), 0o604, 6, Some((0..32).collect())),
        ("empty", vec![], 0o600, 5, None),
        ("short", b"short\n".to_vec(), 0o600, 5, None),
        ("two_lines", format!("{text_key}\n{text_key}\n").into(), 0o600, 5, None),
        ("huge", vec![b'a'; 5000], 0o600, 5, None),
        ("directory", vec![], 0o700, 5, None),
    ];
    let files = Files::new(&[]).unwrap();
    for (name, content, mode, exit, octets) in cases {
        if name == "directory" {
            std::fs::create_dir(files.path(name)).unwrap();
        } else {
            std::fs::write(files.path(name), content).unwrap();
        }
        std::fs::set_permissions(files.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        let loaded = with_file(&files, &files.path(name).display().to_string());
        assert_eq!(loaded.diagnostics.exit_code(), exit, "{name}: {}", loaded.diagnostics);
        assert_eq!(instance(&loaded).auth_hmac.map(|found| found.active.octets), octets, "{name}");
        let shown = format!("{}\n{}\n{loaded:?}", loaded.diagnostics, loaded.shown);
        assert!(!shown.contains(DIGITS) && !shown.contains(&text_key), "{name}: {shown}");
        assert_eq!(incomplete(&loaded), Vec::<String>::new(), "{name}");
    }
    for (path, part) in
        [("/nonexistent/k", "the key file /nonexistent/k cannot be read: "), ("", "the key file cannot be read: ")]
    {
        let loaded = with_file(&files, path);
        assert_eq!(loaded.diagnostics.exit_code(), 5);
        let problems = loaded.diagnostics.to_string();
        assert!(problems.contains(part), "{problems}");
    }
}

/// Reads a configuration with `key 1 file:PATH` by the rules of the running system for key files.
fn with_file(files: &Files, path: &str) -> Loaded {
    fn system(path: &Path) -> Result<KeyFile, String> {
        (Outside::system(None).key_file)(path)
    }
    std::fs::write(files.path("k.conf"), text("", &format!("key 1 file:{path}; active_key 1"))).unwrap();
    let options = options(&files.path("k.conf"));
    let outside = Outside { key_file: system, ..options.outside.clone() };
    load(&Options { outside, ..options })
}
