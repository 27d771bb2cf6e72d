//! `make install` and `make uninstall`: every file in its place, and none left.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Below DESTDIR, with the mode.
const FILES: [(&str, u32); 29] = [
    ("opt/ha/sbin/keepalived", 0o755),
    ("opt/ha/bin/genhash", 0o755),
    ("opt/ha/share/man/man8/keepalived.8", 0o644),
    ("opt/ha/share/man/man5/keepalived.conf.5", 0o644),
    ("opt/ha/share/man/man1/genhash.1", 0o644),
    ("opt/ha/share/bash-completion/completions/keepalived", 0o644),
    ("opt/ha/share/bash-completion/completions/genhash", 0o644),
    ("opt/ha/share/zsh/site-functions/_keepalived", 0o644),
    ("opt/ha/share/zsh/site-functions/_genhash", 0o644),
    ("opt/ha/share/fish/vendor_completions.d/keepalived.fish", 0o644),
    ("opt/ha/share/fish/vendor_completions.d/genhash.fish", 0o644),
    ("opt/ha/lib/systemd/system/keepalived.service", 0o644),
    ("opt/ha/share/doc/keepalived-rs/README.md", 0o644),
    ("opt/ha/share/doc/keepalived-rs/docs/migration.md", 0o644),
    ("opt/ha/share/doc/keepalived-rs/docs/nms.png", 0o644),
    ("opt/ha/share/doc/keepalived-rs/conf/keepalived.conf", 0o644),
    ("opt/ha/share/keepalived-rs/mibs/SNMPv2-MIB.txt", 0o644),
    ("opt/ha/share/keepalived-rs/mibs/VRRPV3-MIB.txt", 0o644),
    // Where net-snmp looks.
    ("usr/share/snmp/mibs/KEEPALIVED-MIB.txt", 0o644),
    ("usr/share/snmp/mibs/KEEPALIVED-HA-MIB.txt", 0o644),
    ("usr/share/snmp/snmp.conf", 0o644),
    ("etc/snmp/snmpd.conf.d/keepalived.conf", 0o644),
    // Where the system bus looks.
    ("usr/share/dbus-1/system.d/org.keepalived.Vrrp1.conf", 0o644),
    ("opt/ha/share/doc/keepalived-rs/nms/README.md", 0o644),
    ("opt/ha/share/doc/keepalived-rs/nms/prometheus/snmp.yml", 0o644),
    ("opt/ha/share/doc/keepalived-rs/nms/librenms/os_discovery/keepalived.yaml", 0o644),
    ("opt/ha/share/doc/keepalived-rs/nms/traps/keepalived-trap", 0o755),
    // The samples for administrators include this one of the unit.
    ("opt/ha/share/doc/keepalived-rs/conf/systemd-hardened.conf", 0o644),
    ("opt/ha/share/doc/keepalived-rs/conf/systemd-vrrp.conf", 0o644),
];

/// `make TARGET` below a directory, with the programs that cargo built for this test.
fn make(target: &str, destdir: &Path) {
    let output = Command::new("make")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), target, "PREFIX=/opt/ha"])
        .arg(format!("DESTDIR={}", destdir.display()))
        .arg(format!("PROGRAM={}", env!("CARGO_BIN_EXE_keepalived")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Regular files at any depth.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn everything_is_installed_below_destdir_and_uninstalled_again() {
    let destdir = tempfile::tempdir().unwrap();
    make("install-only", destdir.path());
    for (file, mode) in FILES {
        let metadata = fs::metadata(destdir.path().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(metadata.len() > 0, "{file} is empty");
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{file}");
    }
    let read = |file: &str| fs::read_to_string(destdir.path().join(file)).unwrap();
    let unit = read("opt/ha/lib/systemd/system/keepalived.service");
    assert!(unit.contains("\nExecStart=/opt/ha/sbin/keepalived --dont-fork "), "{unit}");
    assert!(read("usr/share/snmp/snmp.conf").contains("\nmibdirs -/opt/ha/share/keepalived-rs/mibs\n"));
    let handler = "/opt/ha/share/doc/keepalived-rs/nms/traps/keepalived-trap";
    assert!(read("opt/ha/share/doc/keepalived-rs/nms/traps/snmptrapd.conf").contains(&format!(" {handler}\n")));
    let picture = |path: &Path| fs::read(path.join("docs/nms.png")).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(
        picture(&destdir.path().join("opt/ha/share/doc/keepalived-rs")) == picture(source),
        "the picture was changed"
    );
    for file in files(destdir.path()) {
        assert!(!String::from_utf8_lossy(&fs::read(&file).unwrap()).contains("@sbindir@"), "{}", file.display());
    }
    let started = Command::new(destdir.path().join("opt/ha/sbin/keepalived")).arg("-v").output().unwrap();
    assert!(started.status.success());

    make("uninstall", destdir.path());
    assert_eq!(files(destdir.path()), [] as [PathBuf; 0]);
    assert!(!destdir.path().join("opt/ha/share/doc/keepalived-rs").exists(), "a directory is left");
}

/// The image cannot be built here; what it names is what there is.
#[test]
fn the_container_image_names_the_tools_and_options_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let (image, makefile, manifest) = (read("packaging/docker/Dockerfile"), read("Makefile"), read("Cargo.toml"));
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(image.contains(&format!("\nFROM rust:{version}-slim-bookworm AS build\n")), "{version}");
    // The packages for a build, from lines with PROGRAM:PACKAGE or MODULE:PACKAGE.
    let lines = makefile.lines().filter(|line| line.starts_with("BUILD_TOOLS = ") || line.starts_with("LIBRARIES = "));
    let packages: Vec<&str> =
        lines.flat_map(str::split_whitespace).filter_map(|word| Some(word.split_once(':')?.1)).collect();
    assert_eq!(packages, ["gcc", "pkg-config", "libssl-dev", "libpcre2-dev"]);
    assert!(image.contains(&packages.join(" ")), "{packages:?}");
    let start = image.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).unwrap();
    let words: Vec<String> = serde_json::from_str(start).unwrap();
    assert_eq!(words[0], "keepalived");
    let missing = ["--use-file=/nonexistent/keepalived.conf"];
    let output = Command::new(env!("CARGO_BIN_EXE_keepalived")).args(&words[1..]).args(missing).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "the options are known, and the file is missing");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{errors}");
}
