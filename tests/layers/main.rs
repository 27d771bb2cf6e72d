//! Modules use modules of lower floors only: the floor plan of `src/lib.rs`, checked by the paths in the code. No file uses
//! itself through other files.
#![allow(clippy::unwrap_used, reason = "a test")]

mod modules;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use modules::Crate;

/// Floor of each module; a module may use modules of lower floors, and modules of its own floor that `SIDEWAYS` lists.
const FLOORS: [(&str, u32); 19] = [
    ("process", 5),
    ("genhash", 5),
    ("control", 4),
    ("reactor", 4),
    ("kernel", 4),
    ("net", 4),
    ("mib", 4),
    ("notify", 4),
    ("vrrp", 3),
    ("check", 3),
    ("bfd", 3),
    ("track", 3),
    ("system", 2),
    ("state", 2),
    ("status", 2),
    // One per line, so that a new floor is a new line.
    ("config", 1),
    ("wire", 1),
    ("terminal", 1),
    ("text", 0),
];
/// Allowed uses within a floor: the threads of the kernel module and of the control socket wake the event loop; the event
/// loop owns connections and scripts; instances and checkers follow trackers; `keepalived -T` is genhash.
const SIDEWAYS: [(&str, &str); 7] = [
    ("kernel", "reactor"),
    ("control", "reactor"),
    ("net", "reactor"),
    ("notify", "reactor"),
    ("vrrp", "track"),
    ("check", "track"),
    ("process", "genhash"),
];
/// The state machines: no I/O and no clock.
const PURE: [&str; 6] = ["vrrp", "check", "bfd", "track", "state", "wire"];
const IMPURE: [&str; 6] = ["std::fs", "std::net::Udp", "std::net::Tcp", "std::thread", "Instant::now", "SystemTime"];
type Uses<'c> = BTreeMap<&'c str, BTreeSet<&'c str>>;

fn source() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The top-level module of a file.
fn top(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

fn floor(module: &str) -> u32 {
    let floor = FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor);
    floor.unwrap_or_else(|| panic!("module {module} has no floor in tests/layers/main.rs"))
}

/// Uses of modules that are not on a lower floor.
fn upward(uses: &Uses<'_>) -> Vec<String> {
    let mut offences = Vec::new();
    let inside = uses.iter().filter(|(file, _)| !["lib", "main", "bin"].contains(&top(file)));
    for (file, used) in inside {
        for other in used {
            let (from, to) = (top(file), top(other));
            if from != to && floor(to) >= floor(from) && !SIDEWAYS.contains(&(from, to)) {
                offences.push(format!("{file} (floor {}) uses {other} (floor {})", floor(from), floor(to)));
            }
        }
    }
    offences
}

/// Files that use each other, directly or through others; each once.
fn circles<'c>(uses: &Uses<'c>) -> Vec<Vec<&'c str>> {
    let reach = |from: &'c str| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            next.extend(uses.get(file).into_iter().flatten().filter(|used| reached.insert(**used)));
        }
        reached
    };
    let reached: Uses<'c> = uses.keys().map(|file| (*file, reach(file))).collect();
    let mut found = BTreeSet::new();
    for (file, those) in &reached {
        let circle: Vec<&str> = those.iter().copied().filter(|other| reached[other].contains(file)).collect();
        if !circle.is_empty() {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

#[test]
fn modules_use_lower_floors_only() {
    let source = Crate::read(&source());
    let offences = upward(&source.uses());
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn no_file_uses_itself_through_others() {
    let source = Crate::read(&source());
    let uses = source.uses();
    let circles = circles(&uses);
    let mut wrong = Vec::new();
    for circle in &circles {
        wrong.push("a circle of files:".to_owned());
        for file in circle {
            let within: Vec<&str> = uses[file].iter().copied().filter(|used| circle.contains(used)).collect();
            wrong.push(format!("    {file} uses {}", within.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn machines_do_no_io() {
    let root = source();
    let mut wrong = Vec::new();
    for file in Crate::read(&root).uses().keys().filter(|file| PURE.contains(&top(file))) {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let impure = IMPURE.iter().filter(|name| text.contains(**name));
        wrong.extend(impure.map(|name| format!("{file}: {name} in a machine")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    let text = fs::read_to_string(source().join("lib.rs")).unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        floor(line.trim_end_matches(';'));
    }
}

fn written(files: &[(&str, &str)]) -> Crate {
    Crate::of(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
}

#[test]
fn an_upward_use_is_found_in_any_form() {
    let lib = ("lib.rs", "pub mod vrrp; pub mod kernel; pub mod wire;");
    let kernel = ("kernel/mod.rs", "mod monitor; pub use monitor::Monitor;");
    let monitor = ("kernel/monitor.rs", "pub struct Monitor; pub fn f() {}");
    let forms = [
        "use crate::kernel::Monitor;",
        "use crate::{wire, kernel::{self, Monitor as M}};",
        "fn f() { crate::kernel::Monitor::new() }",
        "use super::kernel; fn f() { kernel::Monitor::new() }",
        "use crate::kernel::*; fn f(m: Monitor) {}",
    ];
    for form in forms {
        let source = written(&[lib, kernel, monitor, ("vrrp.rs", form)]);
        assert_eq!(upward(&source.uses()), ["vrrp.rs (floor 3) uses kernel/monitor.rs (floor 4)"], "{form}");
    }
    for form in
        ["// crate::kernel::Monitor", "#[cfg(test)] mod tests { use crate::kernel::Monitor; }", "use crate::wire;"]
    {
        let source = written(&[lib, kernel, monitor, ("vrrp.rs", form)]);
        assert_eq!(upward(&source.uses()), [""; 0], "{form}");
    }
}

#[test]
fn a_circle_is_found_through_re_exports() {
    let files = |parent: &'static str, child: &'static str| {
        let lib = ("lib.rs", "pub mod check;");
        written(&[lib, ("check/mod.rs", parent), ("check/rows.rs", child), ("check/ids.rs", "pub struct Id;")])
    };
    let both = vec![vec!["check/mod.rs", "check/rows.rs"]];
    // A parent that only declares and re-exports is not part of a circle.
    let source = files("mod ids; mod rows; pub use ids::Id; pub use rows::Row;", "use super::Id; pub struct Row(Id);");
    assert_eq!(circles(&source.uses()), Vec::<Vec<&str>>::new());
    let source = files("mod ids; mod rows; pub use rows::Row; pub struct Own(Row);", "use super::Own; pub struct Row;");
    assert_eq!(circles(&source.uses()), both);
    let source = files("mod rows; pub fn own() { rows::f() }", "pub fn f() { super::own() }");
    assert_eq!(circles(&source.uses()), both);
    let source = files("mod rows; pub struct Own; fn f() { rows::f() }", "use super::*; pub fn f(own: Own) {}");
    assert_eq!(circles(&source.uses()), both);
}
