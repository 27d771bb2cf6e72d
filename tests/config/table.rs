//! Small configurations with their results, compared with C keepalived: `tests/data/small_files.txt`.
//!
//! `UPDATE_EXPECTED=1 cargo test` renews our results and the table of `docs/differences.md`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::config_support::{Files, check_documented, incomplete, options};
use keepalived::config::{Loaded, Options, Outside, Severity, load};

/// One configuration of the table.
#[derive(Debug, Default)]
struct Case {
    name: String,
    around: String,
    /// Exit status and class of C keepalived, and a note.
    c: String,
    ours: String,
    says: Vec<String>,
    gives: Vec<String>,
    why: String,
    lines: Vec<String>,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/small_files.txt")
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(line) = line.strip_prefix('|') {
            case.lines.push(line.strip_prefix(' ').unwrap_or(line).to_owned());
            continue;
        }
        let Some((key, value)) = line.split_once(": ") else {
            assert_eq!(line, "", "{}", case.name);
            continue;
        };
        let value = value.to_owned();
        match key {
            "in" => case.around = value,
            "c" => case.c = value,
            "ours" => case.ours = value,
            "says" => case.says.push(value),
            "gives" => case.gives.push(value),
            "why" => case.why = value,
            _ => panic!("{}: {line}", case.name),
        }
    }
    cases
}

const ADDRESSES: &str = "virtual_ipaddress {\n192.0.2.10/24\n}\n";
const SERVICE: &str = "protocol TCP\nlb_algo rr\nlb_kind NAT\n";
const SERVER: &str = "real_server 192.0.2.9 80 {\nTCP_CHECK {\n}\n}\n";

fn instance(name: &str, vrid: &str, lines: &str) -> String {
    format!("vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\n{lines}}}\n")
}

/// A line of the file, with its abbreviations written out.
fn expanded(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["%instance", name, vrid, address] => {
            return instance(name, vrid, &format!("virtual_ipaddress {{\n{address}\n}}\n"));
        }
        ["%service", ..] => {
            let what = line.trim_start_matches("%service ");
            return format!("virtual_server {what} {{\n{SERVICE}{SERVER}}}\n");
        }
        _ => {}
    }
    let Some((before, rest)) = line.split_once('{').filter(|(_, rest)| rest.contains('*')) else {
        return format!("{line}\n");
    };
    let (repeated, after) = rest.split_once('}').unwrap();
    let (letter, times) = repeated.split_once('*').unwrap();
    format!("{before}{}{after}\n", letter.repeat(times.parse().unwrap()))
}

fn file(case: &Case) -> String {
    let lines: String = case.lines.iter().map(|line| expanded(line)).collect();
    match case.around.as_str() {
        "file" => lines,
        "instance" => instance("gate", "51", &format!("{lines}{ADDRESSES}")),
        "addresses" => instance("gate", "51", &format!("virtual_ipaddress {{\n{lines}}}\n")),
        "globals" => format!("global_defs {{\n{lines}}}\n{}", instance("gate", "51", ADDRESSES)),
        "service" => format!("virtual_server 192.0.2.50 80 {{\n{SERVICE}{lines}{SERVER}}}\n"),
        "server" => {
            format!("virtual_server 192.0.2.50 80 {{\n{SERVICE}real_server 192.0.2.9 80 {{\n{lines}}}\n}}\n")
        }
        "session" => format!("bfd_instance link {{\n{lines}}}\n"),
        "script" => format!(
            "vrrp_script probe {{\n{lines}}}\n{}",
            instance("gate", "51", &format!("track_script {{\nprobe\n}}\n{ADDRESSES}"))
        ),
        other => panic!("{}: {other}", case.name),
    }
}

/// A host with three interfaces and no users but root.
fn outside() -> Outside {
    Outside {
        host_name: "lb1".into(),
        interfaces: Some(["lo", "eth0", "eth1"].map(str::to_owned).to_vec()),
        script_problem: |program| match program {
            _ if program.starts_with("/missing") => Some("does not exist".into()),
            _ if program.starts_with("/noexec") => Some("is not executable".into()),
            _ => None,
        },
        script_insecure: |program| program.starts_with("/open").then(|| format!("everyone may write to '{program}'")),
        foreign_interface: |name| name == "eth1",
        namespace_problem: |_| Some("does not exist".into()),
        ..Outside::fixed()
    }
}

fn read(case: &Case, strict: bool) -> Loaded {
    let files = Files::new(&[("k.conf", file(case).as_bytes())]).unwrap();
    load(&Options { outside: outside(), strict, ..options(&files.path("k.conf")) })
}

fn result(loaded: &Loaded) -> String {
    let worst = [(Severity::Error, "error"), (Severity::Fault, "fault"), (Severity::Warning, "warning")];
    let has = |severity| loaded.diagnostics.iter().any(|d| d.severity == severity);
    let class = worst.into_iter().find(|(severity, _)| has(*severity)).map_or("ok", |(_, class)| class);
    format!("{} {class}", loaded.diagnostics.exit_code())
}

#[test]
fn small_files_have_the_same_results_as_with_c_keepalived() {
    let text = std::fs::read_to_string(data()).unwrap();
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    let all = cases(&text);
    assert!(all.len() >= 200, "only {} configurations found", all.len());
    let mut updated = text.clone();
    for case in &all {
        let loaded = read(case, false);
        let got = result(&loaded);
        let shown = loaded.diagnostics.to_string();
        let mut complain = |what: String| wrong.push(format!("--- {}: {what}\n{shown}", case.name));
        if update {
            let (before, after) = updated.split_once(&format!("## {}\n", case.name)).unwrap();
            let changed = after.replacen(&format!("\nours: {}\n", case.ours), &format!("\nours: {got}\n"), 1);
            updated = format!("{before}## {}\n{changed}", case.name);
        } else if got != case.ours {
            complain(format!("{got} instead of {}", case.ours));
        }
        assert_eq!(loaded.config.is_some(), !got.ends_with("error"), "{}", case.name);
        for part in case.says.iter().filter(|part| !shown.contains(part.as_str())) {
            complain(format!("does not contain '{part}'"));
        }
        let config = format!("{:?}", loaded.config);
        for part in case.gives.iter().filter(|part| !config.contains(part.as_str())) {
            complain(format!("'{part}' is not in the configuration"));
        }
        incomplete(&loaded).into_iter().for_each(&mut complain);
        let strict = read(case, true);
        let refused = strict.diagnostics.iter().any(|d| d.severity == Severity::Fault) || strict.config.is_some();
        if got.ends_with("fault") && refused {
            complain("--strict-config does not refuse it".to_owned());
        }
        let c = case.c.split(" (").next().unwrap_or_default();
        if (c == got) != case.why.is_empty() {
            complain(format!("C: {}, ours: {got}, reason: '{}'", case.c, case.why));
        }
    }
    if update {
        std::fs::write(data(), updated).unwrap();
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn the_differences_are_documented() {
    let mut table = "| file | C keepalived | here | why |\n|---|---|---|---|\n".to_owned();
    let text = std::fs::read_to_string(data()).unwrap();
    for case in cases(&text).iter().filter(|case| !case.why.is_empty()) {
        let _ = writeln!(table, "| {} | {} | {} | {} |", case.name, case.c, case.ours, case.why);
    }
    check_documented("small_files.txt", &table);
}
