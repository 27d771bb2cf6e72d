//! Entries of routes and rules with their results, compared with C keepalived: `tests/data/routes.txt`.
//!
//! `UPDATE_EXPECTED=1 cargo test` renews our results and the table of `docs/differences.md`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::config_support::{Files, check_documented, incomplete, options};
use keepalived::config::model::Config;
use keepalived::config::{Loaded, Options, Outside, Severity, load};

/// An entry of the table.
#[derive(Clone, Debug, Default)]
struct Case {
    block: String,
    entry: String,
    /// Exit status of C keepalived, and whether it takes the entry.
    c: String,
    /// The worst class of our messages.
    ours: String,
    /// The values in effect; `-` = the entry is ignored.
    gives: String,
    why: String,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/routes.txt")
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut block = String::new();
    for line in text.lines().filter(|line| !(line.is_empty() || line == &"#" || line.starts_with("# "))) {
        if let Some(name) = line.strip_prefix("## ") {
            block = name.to_owned();
        } else if let Some(entry) = line.strip_prefix("| ") {
            cases.push(Case { block: block.clone(), entry: entry.to_owned(), ..Case::default() });
        } else {
            let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            let case = cases.last_mut().unwrap();
            let field = match key {
                "c" => &mut case.c,
                "ours" => &mut case.ours,
                "gives" => &mut case.gives,
                "why" => &mut case.why,
                _ => panic!("{line}"),
            };
            *field = value.to_owned();
        }
    }
    cases
}

/// Lines of the block around an entry.
fn file(block: &str, entries: &str) -> String {
    let instance = |inner: &str| {
        format!(
            "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 4\nvirtual_ipaddress {{\n10.1.0.4\n}}\n{inner}}}\n"
        )
    };
    let group = "track_group G {\ngroup {\nA\n}\n}\n";
    let list = format!("{block} {{\n{entries}\n}}\n");
    match block.starts_with("static") {
        true => format!("{group}{list}{}", instance("")),
        false => instance(&list),
    }
}

fn outside() -> Outside {
    Outside {
        interfaces: Some(["lo", "eth0", "eth1", "vrf10"].map(str::to_owned).to_vec()),
        names: |path| match path.to_str()? {
            "/usr/share/iproute2/rt_dsfield" => Some("0x28 AF11\n0xb8 EF\n".to_owned()),
            "/etc/iproute2/rt_tables" => Some("100 blue\n".to_owned()),
            "/etc/iproute2/rt_tables.d" => Some("101 green\n".to_owned()),
            "/etc/iproute2/rt_realms" => Some("5 russia\n".to_owned()),
            "/etc/iproute2/group" => Some("6 uplinks\n".to_owned()),
            "/etc/protocols" => Some("l2tp 115 L2TP\n".to_owned()),
            _ => None,
        },
        ..Outside::fixed()
    }
}

fn read(text: &str) -> Loaded {
    let files = Files::new(&[("k.conf", text.as_bytes())]).unwrap();
    load(&Options { outside: outside(), ..options(&files.path("k.conf")) })
}

/// The worst class of the messages.
fn class(loaded: &Loaded) -> &'static str {
    loaded.diagnostics.iter().map(|d| d.severity).fold("ok", |worst, severity| match (severity, worst) {
        (Severity::Error, _) | (_, "error") => "error",
        (Severity::Fault, _) | (_, "fault") => "fault",
        _ => "warning",
    })
}

/// The entries of a block as lines.
fn lines(config: &Config, block: &str) -> Vec<String> {
    let instance = &config.instances[0];
    match block {
        "static_routes" => config.static_routes.iter().map(ToString::to_string).collect(),
        "static_rules" => config.static_rules.iter().map(ToString::to_string).collect(),
        "virtual_routes" => instance.routes.iter().map(ToString::to_string).collect(),
        "virtual_rules" => instance.rules.iter().map(ToString::to_string).collect(),
        _ => panic!("{block}"),
    }
}

#[test]
fn entries_have_the_same_results_as_with_c_keepalived() {
    let text = std::fs::read_to_string(data()).unwrap();
    let all = cases(&text);
    assert!(all.len() >= 300, "only {} entries found", all.len());
    let mut wrong = Vec::new();
    let mut updated = text.clone();
    for case in &all {
        let loaded = read(&file(&case.block, &case.entry));
        let shown = loaded.diagnostics.to_string();
        let mut complain = |what: String| wrong.push(format!("--- {}: {what}\n{shown}", case.entry));
        let ours = class(&loaded);
        let found = loaded.config.as_ref().map(|config| lines(config, &case.block)).unwrap_or_default();
        let gives = found.first().map_or("-", String::as_str);
        assert!(found.len() <= 1, "{}: {found:?}", case.entry);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            let head = format!("| {}\nc: {}\n", case.entry, case.c);
            let (before, after) = updated.split_once(&head).unwrap();
            let rest = after.strip_prefix(&format!("ours: {}\ngives: {}\n", case.ours, case.gives)).unwrap_or(after);
            updated = format!("{before}{head}ours: {ours}\ngives: {gives}\n{rest}");
        } else if (ours, gives) != (case.ours.as_str(), case.gives.as_str()) {
            complain(format!("{ours}, {gives} instead of {}, {}", case.ours, case.gives));
        }
        incomplete(&loaded).into_iter().for_each(&mut complain);
        let exit = match ours {
            "error" => "2",
            "fault" => "5",
            _ => "0",
        };
        let same = case.c == format!("{exit} {}", if gives == "-" { "dropped" } else { "taken" });
        if same != case.why.is_empty() {
            complain(format!("C: {}, ours: {ours}, {gives}, reason: '{}'", case.c, case.why));
        }
        if gives != "-" {
            let again = read(&file(&case.block, gives));
            if again.config.as_ref().map(|config| lines(config, &case.block)).unwrap_or_default() != found {
                complain(format!("{gives} is not read back:\n{}", again.diagnostics));
            }
        }
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(data(), updated).unwrap();
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn rules_without_a_preference_count_down_in_the_order_of_the_file() {
    let instance = |name: &str, vrid: u8, rules: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\nvirtual_ipaddress {{\n10.1.0.{vrid}\n}}\n\
             virtual_rules {{\n{rules}\n}}\n}}\n"
        )
    };
    let text = [
        instance("A", 1, "from all table 1\nfrom all\nfrom all table 2 preference 9\nfrom all table 3"),
        "static_rules {\nfrom all table 4\n}\n".to_owned(),
        instance("A", 2, "from all table 5"),
        instance("B", 3, "from all table 6"),
        "static_rules {\nfrom all table 7\n}\n".to_owned(),
    ];
    let loaded = read(&text.concat());
    let config = loaded.config.unwrap();
    let [a, b] = config.instances.as_slice() else { panic!("{:?}", config.instances) };
    let preferences = [&a.rules, &config.static_rules, &b.rules].map(|rules| {
        let of: Vec<u32> = rules.iter().map(|rule| rule.preference).collect();
        of
    });
    assert_eq!(preferences, [vec![16384, 9, 16383], vec![16382, 16380], vec![16381]]);
}

#[test]
fn names_are_read_from_the_configured_directories() {
    let routes = "static_routes {\n10.1.0.0/16 dev eth0 table blue\n}\n";
    let in_default = read(routes).config.unwrap();
    assert_eq!(in_default.static_routes[0].table, 100);
    let outside = Outside {
        names: |path| (path.to_str()? == "/base/local/rt_tables").then(|| "200 blue\n".to_owned()),
        ..outside()
    };
    let text = format!("global_defs {{\niproute_usr_dir /base/usr\niproute_etc_dir local\n}}\n{routes}");
    let files = Files::new(&[("k.conf", text.as_bytes())]).unwrap();
    let loaded = load(&Options { outside, directory: Some("/base".into()), ..options(&files.path("k.conf")) });
    assert!(!loaded.diagnostics.iter().any(|d| d.message.contains("iproute")), "{}", loaded.diagnostics);
    assert_eq!(loaded.config.unwrap().static_routes[0].table, 200);
}

#[test]
fn an_instance_depends_on_the_interfaces_of_its_routes() {
    let routes = "10.2.0.0/16 dev eth1\n10.3.0.0/16 dev lo no_track\n10.4.0.0/16 nexthop via 10.1.0.9 dev vrf10 nexthop via 10.1.0.8\n\
        10.5.0.0/16 via 10.1.0.9";
    let delays = "interface_up_down_delays {\neth1 1\nvrf10 1\nlo 1\n}\n";
    let loaded = read(&format!("{delays}{}", file("virtual_routes", routes)));
    let unused: Vec<&str> = loaded
        .diagnostics
        .iter()
        .filter(|d| d.message.contains("have no effect"))
        .map(|d| d.message.as_str())
        .collect();
    assert_eq!(unused, ["the delays of 'lo' have no effect: no instance uses it"]);
    let config = loaded.config.unwrap();
    assert_eq!(config.instances[0].route_devices().collect::<Vec<_>>(), ["eth1", "vrf10"]);
}

#[test]
fn the_differences_are_documented() {
    let mut table = "| entry | C keepalived | here | why |\n|---|---|---|---|\n".to_owned();
    let text = std::fs::read_to_string(data()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    // One entry for each reason.
    for case in cases(&text).iter().filter(|case| !case.why.is_empty() && seen.insert(case.why.clone())) {
        let exit = match case.ours.as_str() {
            "error" => 2,
            "fault" => 5,
            _ => 0,
        };
        let taken = if case.gives == "-" { "dropped" } else { "taken" };
        let _ = writeln!(table, "| `{}` | {} | {exit} {taken} | {} |", case.entry, case.c, case.why);
    }
    check_documented("routes.txt", &table);
}
