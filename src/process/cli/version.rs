//! Version and features in the form of C keepalived, which other programs parse.

use std::fmt::Write;

/// The version of C keepalived whose command line, configuration, files and MIB this release implements. Tools that
/// depend on the version read this number.
const INTERFACE: &str = "2.4.3";
/// Date of the release as MM/DD,YYYY, the form of C keepalived.
const RELEASE_DATE: &str = "11/22,2026";

const COPYRIGHT: &str = "Copyright (C) 2026 The keepalived-rs authors; licence MIT OR Apache-2.0";

/// Features: the option of C keepalived's `configure`, and the words in its list of features. Only features that work
/// are listed: some tools look for `--enable-json` before they send the signal for JSON.
const FEATURES: [(&str, &[&str]); 7] = [
    ("--enable-snmp", &["SNMP_V3_FOR_V2", "SNMP_VRRP", "SNMP_CHECKER"]),
    ("--enable-snmp-rfcv2", &["SNMP_RFCV2"]),
    ("--enable-snmp-rfcv3", &["SNMP_RFCV3"]),
    ("--enable-sha1", &["SHA1"]),
    ("--enable-json", &["JSON"]),
    ("--enable-regex", &["REGEX"]),
    ("--enable-bfd", &["BFD"]),
];
/// Features that have no option of `configure`.
const ALWAYS: [&str; 6] = ["LVS", "VRRP", "VRRP_AUTH", "VRRP_VMAC", "INIT=systemd", "SYSTEMD_NOTIFY"];

/// The version of the interface and of this program, for the log, KEEPALIVED-MIB::version and the first line of `-v`.
pub fn version_text() -> String {
    format!("Keepalived v{INTERFACE} ({RELEASE_DATE}), keepalived-rs v{}", env!("CARGO_PKG_VERSION"))
}

/// The text of `-v`.
pub fn version_report() -> String {
    let options: Vec<&str> = FEATURES.iter().map(|(option, _)| *option).collect();
    let words: Vec<&str> = FEATURES.iter().flat_map(|(_, words)| *words).chain(&ALWAYS).copied().collect();
    let mut text = format!("{}\n\n{COPYRIGHT}\n\n", version_text());
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "Built for Linux on {}", std::env::consts::ARCH);
    let kernel = ["ostype", "osrelease", "version"].map(|name| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        text.map_or_else(|_| "?".to_owned(), |text| text.trim_end().to_owned())
    });
    let _ = writeln!(text, "Running on {}", kernel.join(" "));
    if let Some(distribution) = distribution() {
        let _ = writeln!(text, "Distro: {distribution}");
    }
    let _ = writeln!(text, "\nconfigure options: {}\n\nConfig options:  {}", options.join(" "), words.join(" "));
    text
}

/// PRETTY_NAME of os-release(5).
fn distribution() -> Option<String> {
    let text = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| std::fs::read_to_string(path).ok())?;
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that exporters and configuration managers parse.
    #[test]
    fn the_version_report_has_the_form_of_c_keepalived() {
        let report = version_report();
        let first = report.lines().next().unwrap();
        assert!(first.starts_with(&format!("Keepalived v{INTERFACE} (")), "{first}");
        assert!(first.ends_with(&format!("keepalived-rs v{}", env!("CARGO_PKG_VERSION"))), "{first}");
        for start in ["Copyright", "Built for Linux", "Running on Linux ", "configure options: --", "Config options:  "]
        {
            assert!(report.lines().any(|line| line.starts_with(start)), "{start} is not in {report}");
        }
        assert!(report.contains(" --enable-bfd") && report.contains(" VRRP_VMAC "), "{report}");
    }
}
