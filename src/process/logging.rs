//! Log options of the processes, from the command line.

use std::path::PathBuf;

use super::cli::Options;
use super::files;
use super::names::Names;
use crate::config::model::LogFormat;
use crate::notify::log;

/// Name of the log file in the directory for temporary files, for `-g` without a name.
const FILE: &str = "keepalived.log";

/// The log options of a process, with `format` unless the command line has one, and a warning about an invalid `-S`. `suffix` distinguishes the log file of a child
/// from that of the parent.
pub(super) fn log_options(
    options: &Options,
    format: Option<LogFormat>,
    names: &Names,
    ident: &str,
    suffix: Option<&str>,
) -> (log::Options, Option<String>) {
    let (facility, warning) = match options.facility() {
        Ok(facility) => (facility, None),
        Err(warning) => (syslog::Facility::LOG_DAEMON, Some(warning)),
    };
    let file = options.log_file.as_ref().map(|given| log::LogFile {
        path: log_file(given.into(), names, suffix),
        open: files::open_log,
        flush: options.flush_log_file,
    });
    let log_options = log::Options {
        ident: names.ident(ident),
        syslog: !options.no_syslog,
        facility,
        console: options.log_console,
        detail: options.log_detail > 0,
        format: options.log_format.or(format),
        file,
    };
    (log_options, warning)
}

/// `keepalived_vrrp.log` for `keepalived.log`; namespace and instance are appended as in other file names.
fn log_file(given: PathBuf, names: &Names, suffix: Option<&str>) -> PathBuf {
    let given = if given.as_os_str().is_empty() { std::env::temp_dir().join(FILE) } else { given };
    let stem = given.file_stem().unwrap_or_default().to_string_lossy();
    let stem = suffix.map_or_else(|| stem.clone().into_owned(), |suffix| format!("{stem}_{suffix}"));
    let mut name = names.ident(&stem);
    if let Some(extension) = given.extension() {
        name = format!("{name}.{}", extension.to_string_lossy());
    }
    given.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_its_own_log_file() {
        let plain = Names::default();
        for (given, suffix, expected) in [
            ("/var/log/k.log", None, "/var/log/k.log"),
            ("/var/log/k.log", Some("vrrp"), "/var/log/k_vrrp.log"),
            ("/var/log/k", Some("check"), "/var/log/k_check"),
            ("/var/log/k.a.b", Some("bfd"), "/var/log/k.a_bfd.b"),
        ] {
            assert_eq!(log_file(given.into(), &plain, suffix), PathBuf::from(expected));
        }
        assert_eq!(log_file(PathBuf::new(), &plain, Some("vrrp")), std::env::temp_dir().join("keepalived_vrrp.log"));
    }
}
