//! Secrets are never shown, also if the text around them is wrong: reads hundreds of variants of a file, each with a mistake.
//! Neither the messages nor the text of `-d` may contain a part of the secret.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use crate::config_support::{Files, in_parallel};

use crate::config_support;

/// Parts of every secret, which must not be shown.
const MARKS: [&str; 2] = ["zq7", "xw9"];

/// Secrets in various forms, also with characters that split them.
const SECRETS: [&str; 15] = [
    "zq7xw9zq",
    "zq7",
    "\"zq7 xw9\"",
    "\"zq7\"",
    "zq7#xw9",
    "zq7!xw9",
    "zq7\\#xw9",
    "zq7}xw9",
    "zq7{xw9",
    "zq7'xw9",
    "zq7\"xw9\"",
    "zq7=xw9",
    "hex:zq7xw9",
    "file:zq7xw9",
    // A valid key of auth_hmac.
    "zq7xw9zq7xw9zq7xw9zq7xw9zq7xw9zq7xw9",
];

/// Each private block: its name, the words before the secret, the keyword of the secret.
const BLOCKS: [(&str, &str, &str); 4] = [
    ("authentication", "auth_type PASS", "auth_pass"),
    ("auth_hmac", "active_key 1", "key 1"),
    ("SSL", "ca /ca.pem", "password"),
    ("snmp_trap_target", "inform", "community"),
];

fn around(name: &str, block: &str) -> String {
    let rest = " interface eth0\n virtual_router_id 51\n priority 999\n virtual_ipaddress { 10.0.0.1 10.0.0.300 }\n";
    if name == "SSL" {
        return format!("{block}\nvrrp_instance VI {{\n{rest}}}\n");
    }
    if name == "snmp_trap_target" {
        return format!("global_defs {{\n{block}\n}}\nvrrp_instance VI {{\n{rest}}}\n");
    }
    format!("vrrp_instance VI {{\n{rest}{block}\n advert_int bad\n}}\n")
}

/// A word with one mistake: a letter missing, doubled, replaced, or swapped with the next; or in another case.
fn misspelt(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut all =
        BTreeSet::from([word.to_uppercase(), word.to_lowercase(), word.replace('_', "-"), word.replace('_', "")]);
    for n in 0..letters.len() {
        let mut less = letters.clone();
        less.remove(n);
        let mut more = letters.clone();
        more.insert(n, letters[n]);
        let mut other = letters.clone();
        other[n] = 'x';
        let mut swapped = letters.clone();
        swapped.swap(n, (n + 1) % letters.len());
        all.extend([less, more, other, swapped].map(|letters| letters.into_iter().collect::<String>()));
    }
    all.remove(word);
    all.into_iter().collect()
}

/// Texts of a file, and of a second file that it may include.
fn variants() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, before, keyword) in BLOCKS {
        for secret in SECRETS {
            let pair = format!("{keyword} {secret}");
            let blocks = [
                format!("{name} {{\n{before}\n{pair}\n}}"),
                format!("{name}\n{{\n{before}\n{pair}\n}}"),
                format!("{name} {{ {before} {pair} }}"),
                format!("{name} {{\n{before} {pair} }}"),
                format!("{name} {{\n{before} {secret}\n{keyword}\n}}"),
                format!("{name} {{\n{before}\n{keyword}\n{secret}\n}}"),
                format!("{name} {{\n{before}\n{pair} {secret} more\n}}"),
                format!("{name} {{\n{before} # {secret}\nstray {secret}\n}}"),
                format!("{name} {{\n{before}\n{keyword}={secret}\n}}"),
                format!("{name} {{\n{before}\n{keyword}: {secret}\n}}"),
                format!("{name} {{\n{before}\npw {secret}\n}}"),
                format!("{name} {{\n{before}\n{keyword} {{ {secret} }}\n}}"),
                format!("{name} {{\n{before}\n\"{pair}\n}}"),
                format!("{name} {{\n{before}\n{keyword} \"{secret}\n}}"),
                format!("{name} {{\n{before}\n{pair} }} priority 998 {{ x }}"),
                format!("{name} {{\n{before}\n{pair}"),
                format!("{name}\n{before}\n{pair}\n}}"),
                format!("{name}\npasword {secret}\n}}"),
                format!("{name} }}\n{pair}\n"),
                format!("{name} extra {{\n{before}\n{pair}\n}}"),
                format!("{before}\n{pair}"),
                format!("{before} {secret}"),
                format!("nopreempt {pair}"),
                format!("unicast_peer {{ 10.0.0.9 {pair} }}"),
                format!("track_interface {{\n eth0 weight 10 {pair}\n}}"),
                format!("notify_master /x.sh root root {pair}"),
                format!("interface eth0 {name} {{ {before} {pair} }}"),
                format!("nonsense {{\n{name} {{\n{before}\npassw {secret}\n}}\n}}"),
                format!("@other {name} {{ pasword {secret} }}"),
                format!("{name} {{\n@other pasword {secret}\n@lb1 pasword {secret}\n}}"),
                format!("$PW={secret}\n{name} {{\n{before} $PW\n{keyword} $PW extra\n $PW\n}}"),
                format!("$PW=a \\\n{secret}\n{name} {{\n{before} $PW\n{keyword} $PW extra\n}}"),
                format!("$ALL={before} {pair}\n{name} {{\n$ALL\n}}"),
                format!("~LST(x, {secret}, y) {name} {{ {before} {keyword} $x }}"),
                format!("{name} {{\n~LST(x, {secret}, y z) {before} $x\n}}"),
                format!("{name} {{\ninclude extra.conf\n}}"),
                format!("{name} {{\n{before}\n{pair}{}\n}}", "x".repeat(1100)),
                format!("{name} {{\n{before}\npasword {secret}\0\n}}"),
                format!("{name} {{\n{before}\npasword {secret}\u{fffd}\n}}"),
            ];
            let extra = format!("{before} {secret}\nstray {secret}\n{secret}\n");
            all.extend(blocks.iter().map(|block| (around(name, block), extra.clone())));
        }
        let secret = SECRETS[0];
        let several = format!("{name} {{\n{before}\n{keyword} {secret}\n}}");
        let single = format!("{name} {{ {before} {keyword} {secret} extra }}");
        for layout in [several, single] {
            for word in [name].into_iter().chain(before.split(' ')).chain(keyword.split(' ')) {
                for wrong in misspelt(word) {
                    all.push((around(name, &layout.replacen(word, &wrong, 1)), String::new()));
                }
            }
        }
    }
    all
}

/// A file with one character deleted or inserted, at each place.
fn edits() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, before, keyword) in BLOCKS {
        let secret = SECRETS[0];
        for block in [
            format!("{name} {{\n{before}\n{keyword} {secret}\n}}"),
            format!("{name} {{ {before} {keyword} {secret} }}"),
        ] {
            let text: Vec<char> = around(name, &block).chars().collect();
            let within = text.len() - around(name, &block).split_once(secret).unwrap().1.len();
            for at in 0..text.len() {
                // Keep the secret, so that it is recognized.
                let inside = (within - secret.len()..within).contains(&at);
                for c in ['{', '}', '"', '#', '\n', 'x', '$'] {
                    let mut more = text.clone();
                    more.insert(at, c);
                    all.push(more);
                }
                if !inside {
                    let mut less = text.clone();
                    less.remove(at);
                    all.push(less);
                }
            }
        }
    }
    all.into_iter().map(|text| (text.into_iter().collect(), String::new())).collect()
}

#[test]
fn no_edit_of_one_character_shows_the_secret() {
    assert_hidden(edits());
}

#[test]
fn no_variant_shows_its_secret() {
    assert_hidden(variants());
}

fn assert_hidden(variants: Vec<(String, String)>) {
    let read = variants.len();
    let shown = in_parallel(&variants, |variants| {
        let files = Files::new(&[]).unwrap();
        let directory = files.path("").display().to_string();
        let mut shown = Vec::new();
        for (text, extra) in variants {
            std::fs::write(files.path("k.conf"), text).unwrap();
            std::fs::write(files.path("extra.conf"), extra).unwrap();
            let loaded = files.load("k.conf");
            let problems = loaded.diagnostics.to_string();
            let seen = format!("{problems}\n{}\n{loaded:?}", loaded.shown).replace(&directory, "");
            if MARKS.iter().any(|mark| seen.contains(mark)) {
                shown.push(format!("--- {text}\n--- gives\n{problems}\n--- and\n{}", loaded.shown));
            }
        }
        shown
    });
    assert!(read > 1000, "{read} variants");
    assert!(shown.is_empty(), "{} of {read} show it, such as\n{}", shown.len(), shown[..shown.len().min(5)].join("\n"));
}

/// Text that is not private is shown.
#[test]
fn other_text_is_not_masked() {
    let private = "authentication {\n auth_type PASS\n auth_pass zq7xw9zq\n }";
    for (block, wanted) in [
        (private, ["priority: '999' is out of range", " 4 |  priority 999\n   |           ^^^", "10.0.0.300"]),
        (
            "authentication { auth_typ PASS }",
            ["unknown keyword 'auth_typ' in 'authentication'", "did you mean 'auth_type'?", "{ auth_typ PASS }"],
        ),
        (
            "authentication {\n auth_type PASS\n auth_pas zq7xw9zq\n }",
            ["unknown keyword 'auth_pas'", "did you mean 'auth_pass'?", "|  auth_pas ********\n"],
        ),
        (
            "authentication {\n auth_type PAS\n }\n track_interfac { eth0 }",
            ["auth_type: '********'", "|  auth_type ********\n", "unknown keyword 'track_interfac'"],
        ),
        (
            "authentication {\n auth_type PASS\n auth_pass zq7xw9zq\n virtual_routes { 10.0.0.0/33 }\n nopreemt\n",
            ["'vrrp_instance' is not closed", "10.0.0.0/33", "unknown keyword 'nopreemt'"],
        ),
        (
            "authentication { auth_type PASS auth_pass zq7xw9zq } priority 1000",
            [
                "priority: '1000' is out of range",
                "{ auth_type PASS auth_pass ********\n",
                "put 'auth_pass' on a line of its own",
            ],
        ),
        ("auth_hmac { key 300 zq7xw9zq }", ["key: '********' is out of range", "auth_hmac { key ********", "1 to 255"]),
        ("group { a }", ["unknown keyword 'group' in 'vrrp_instance'", "group { a }", "'group' is a keyword of"]),
    ] {
        let problems = config_support::load_text(around("", block)).diagnostics.to_string();
        for text in wanted {
            assert!(problems.contains(text), "'{text}' is not in\n{problems}");
        }
    }
}
