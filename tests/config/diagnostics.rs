//! Messages for each configuration of `tests/data/config`; the expected text is in the `.txt` file beside it.
//!
//! `UPDATE_EXPECTED=1 cargo test` renews the expected texts.

use std::path::Path;

use crate::config_support;
use keepalived::config::{Options, Outside, load};

/// The messages, and those of their faults without a remedy or a consequence.
fn rendered(path: &Path, directory: &Path, name: &str) -> (String, Vec<String>) {
    let interfaces = ["lo", "eth0", "eth1"].map(str::to_owned).to_vec();
    let options = config_support::options(path);
    let outside = Outside { interfaces: Some(interfaces), ..options.outside.clone() };
    let loaded = load(&Options { outside, ..options });
    assert_eq!(loaded.config.is_some(), !loaded.diagnostics.has_errors(), "{name}");
    // The reason why a file cannot be read needs no consequence.
    let incomplete = if name == "include" { Vec::new() } else { config_support::incomplete(&loaded) };
    let directory = format!("{}/", directory.display());
    let text = format!("exit {}\n{}", loaded.diagnostics.exit_code(), loaded.diagnostics).replace(&directory, "");
    (text, incomplete)
}

#[test]
fn every_configuration_gives_its_expected_text() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "conf") {
            continue;
        }
        seen += 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (got, incomplete) = rendered(&path, &directory, &name);
        wrong.extend(incomplete.into_iter().map(|fault| format!("--- {name}: {fault}")));
        assert!(!got.contains("hunter2") && !got.contains("k@l"), "a secret is shown: {got}");
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected, &got).unwrap();
        }
        let want = std::fs::read_to_string(&expected).unwrap_or_default();
        if got != want {
            wrong.push(format!("--- {name}: expected\n{want}--- got\n{got}"));
        }
    }
    assert!(seen > 20, "only {seen} configurations found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
