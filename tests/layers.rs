//! Imports run downwards only: the floor plan of `src/lib.rs`, read from the `use` lines and the paths in the code.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Floor of each module; a module may use modules of lower floors, and those of its own floor that `SIDEWAYS` names.
const FLOORS: [(&str, u32); 14] = [
    ("process", 4),
    ("genhash", 4),
    ("reactor", 3),
    ("kernel", 3),
    ("net", 3),
    ("mib", 3),
    ("notify", 3),
    ("vrrp", 2),
    ("check", 2),
    ("bfd", 2),
    ("config", 1),
    ("system", 1),
    // One per line, so that a new floor is a new line.
    ("wire", 1),
    ("state", 1),
];
/// Within a floor: the kernel's writer thread wakes the event loop, connections and scripts live under it; the daemon
/// as a whole has global settings; `keepalived -T` is genhash.
const SIDEWAYS: [(&str, &str); 5] =
    [("kernel", "reactor"), ("net", "reactor"), ("notify", "reactor"), ("system", "config"), ("process", "genhash")];
/// The machines: no I/O and no clock.
const PURE: [&str; 5] = ["vrrp", "check", "bfd", "state", "wire"];
const IMPURE: [&str; 6] = ["std::fs", "std::net::Udp", "std::net::Tcp", "std::thread", "Instant::now", "SystemTime"];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn floor(module: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// Modules of this crate named by `crate::` paths, grouped imports included.
fn imported(text: &str) -> Vec<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = code[at + "crate::".len()..].trim_start();
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let mut word = String::new();
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => modules.push(std::mem::take(&mut word)),
                        c if depth == 0 => word.push(c),
                        _ => {}
                    }
                }
                modules.push(word);
            }
            None => modules.push(rest.into()),
        }
    }
    let first = |path: String| path.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    modules.into_iter().map(first).filter(|module| !module.is_empty()).collect()
}

/// What is wrong with the imports of a file of `module`.
fn offences(module: &str, text: &str) -> Vec<String> {
    let own = floor(module).unwrap_or_else(|| panic!("module {module} has no floor in tests/layers.rs"));
    let mut offences = Vec::new();
    for other in imported(text) {
        if other == module || SIDEWAYS.contains(&(module, &other)) {
            continue;
        }
        match floor(&other) {
            Some(theirs) if theirs >= own => {
                offences.push(format!("{module} (floor {own}) uses {other} (floor {theirs})"))
            }
            _ => {}
        }
    }
    offences
}

#[test]
fn imports_run_downwards() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let inside = path.strip_prefix(&root).unwrap();
        let module = inside.iter().next().unwrap().to_str().unwrap();
        let module = module.trim_end_matches(".rs");
        if ["lib", "main", "bin"].contains(&module) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        wrong.extend(offences(module, &text).into_iter().map(|offence| format!("{}: {offence}", inside.display())));
        if PURE.contains(&module) {
            let impure = IMPURE.iter().filter(|name| text.contains(**name));
            wrong.extend(impure.map(|name| format!("{}: {name} in a machine", inside.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = line.trim_end_matches(';');
        assert!(floor(module).is_some(), "module {module} has no floor in tests/layers.rs");
    }
}

#[test]
fn an_upward_import_is_found() {
    assert_eq!(offences("vrrp", "use crate::kernel::Monitor;").len(), 1);
    assert_eq!(offences("vrrp", "use crate::{config::model, mib::{self, Trap}};").len(), 1);
    assert_eq!(offences("wire", "fn f() { crate::vrrp::g() }").len(), 1);
    assert!(offences("process", "use crate::{vrrp, kernel};\n// crate::process").is_empty());
}
