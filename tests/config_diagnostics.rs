//! What a user sees for each configuration of `tests/data/config`: the expected text stands beside it.
//!
//! `UPDATE_EXPECTED=1 cargo test` writes the texts anew.

use std::path::Path;

use keepalived::config::{Options, Outside, load};

fn rendered(path: &Path, directory: &Path, name: &str) -> String {
    let interfaces = ["lo", "eth0", "eth1"].map(str::to_owned).to_vec();
    let outside = Outside { host_name: "lb1".into(), interfaces: Some(interfaces), ..Outside::fixed() };
    let loaded =
        load(&Options { path: path.to_owned(), config_id: "lb1".into(), all_config: false, strict: false, outside });
    assert_eq!(loaded.config.is_some(), !loaded.diagnostics.has_errors(), "{name}");
    let directory = format!("{}/", directory.display());
    format!("exit {}\n{}", loaded.diagnostics.exit_code(), loaded.diagnostics).replace(&directory, "")
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
        let got = rendered(&path, &directory, &name);
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
