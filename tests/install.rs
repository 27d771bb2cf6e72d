//! `make install`: every file in its place.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const FILES: [(&str, u32); 9] = [
    ("sbin/keepalived", 0o755),
    ("bin/genhash", 0o755),
    ("share/man/man8/keepalived.8", 0o644),
    ("share/man/man5/keepalived.conf.5", 0o644),
    ("share/man/man1/genhash.1", 0o644),
    ("share/bash-completion/completions/keepalived", 0o644),
    ("lib/systemd/system/keepalived.service", 0o644),
    ("share/snmp/mibs/KEEPALIVED-MIB.txt", 0o644),
    ("share/doc/keepalived/conf/keepalived.conf", 0o644),
];

#[test]
fn everything_is_installed_below_destdir() {
    let destdir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The programs that cargo built for this test.
    let output = Command::new("make")
        .args(["-C", &root.display().to_string(), "install-only", "PREFIX=/opt/ha"])
        .arg(format!("DESTDIR={}", destdir.path().display()))
        .arg(format!("PROGRAM={}", env!("CARGO_BIN_EXE_keepalived")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (file, mode) in FILES {
        let metadata = fs::metadata(destdir.path().join("opt/ha").join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(metadata.len() > 0, "{file} is empty");
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{file}");
    }
    let unit = fs::read_to_string(destdir.path().join("opt/ha/lib/systemd/system/keepalived.service")).unwrap();
    assert!(unit.contains("\nExecStart=/opt/ha/sbin/keepalived --dont-fork "), "{unit}");
    let started = Command::new(destdir.path().join("opt/ha/sbin/keepalived")).arg("-v").output().unwrap();
    assert!(started.status.success());
}
