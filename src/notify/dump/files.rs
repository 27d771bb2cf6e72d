//! The paths of the dump files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::model::Dumps;

/// A dump file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFile {
    /// Data of the VRRP process.
    Vrrp,
    /// Data of the parent.
    Parent,
    /// Data of the checker process.
    Checkers,
    /// Data of the BFD process.
    Bfd,
    /// The counters of VRRP.
    Statistics,
    /// The virtual routers in JSON.
    Json,
}

impl DumpFile {
    /// Its path; that of a default name is relative, to the temporary directory. `daemon` is the network namespace and the instance of the
    /// daemon, empty if it has neither.
    pub fn path(self, settings: &Dumps, daemon: &str) -> PathBuf {
        let Dumps { state_dump_file, stats_dump_file, json_dump_file, .. } = settings;
        let part = match self {
            DumpFile::Vrrp => "",
            DumpFile::Parent => "_parent",
            DumpFile::Checkers => "_check",
            DumpFile::Bfd => "_bfd",
            DumpFile::Statistics => return place(stats_dump_file.as_ref(), "keepalived.stats"),
            DumpFile::Json => return place(json_dump_file.as_ref(), "keepalived.json"),
        };
        let daemon = if settings.data_use_instance { daemon } else { "" };
        with_parts(&place(state_dump_file.as_ref(), "keepalived.data"), part, daemon)
    }
}

impl DumpFile {
    /// The name of a dump of data around the reload with this number (`config_save_dir`): `keepalived_vrrp.PID.1.pre`.
    pub fn saved(self, pid: u32, number: u32, when: &str) -> String {
        let part = match self {
            DumpFile::Vrrp => "vrrp",
            DumpFile::Checkers => "check",
            DumpFile::Bfd => "bfd",
            DumpFile::Parent | DumpFile::Statistics | DumpFile::Json => "parent",
        };
        format!("keepalived_{part}.{pid}.{number}.{when}")
    }
}

/// The configured path, with the default name in a directory.
fn place(configured: Option<&String>, name: &str) -> PathBuf {
    let path = match configured {
        Some(directory) if directory.ends_with('/') => Path::new(directory).join(name),
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => return PathBuf::from(name),
    };
    // As all relative paths of a configuration, if the daemon has stayed in the directory of its start.
    std::path::absolute(&path).unwrap_or(path)
}

/// Adds the part of the daemon, and its name, before the extension: `keepalived_bfd.NAMESPACE_INSTANCE.data`.
fn with_parts(path: &Path, part: &str, daemon: &str) -> PathBuf {
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(part);
    for word in [Some(daemon.as_ref()).filter(|_| !daemon.is_empty()), path.extension()].into_iter().flatten() {
        name.push(".");
        name.push(word);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_configuration() {
        use DumpFile::{Bfd, Checkers, Json, Parent, Statistics, Vrrp};
        for (configured, daemon, file, expected) in [
            (None, "", Vrrp, "keepalived.data"),
            (None, "", Parent, "keepalived_parent.data"),
            (None, "", Checkers, "keepalived_check.data"),
            (None, "blue_one", Bfd, "keepalived_bfd.blue_one.data"),
            (None, "blue_one", Statistics, "keepalived.stats"),
            (None, "blue_one", Json, "keepalived.json"),
            (Some("/v/x.y.z"), "", Vrrp, "/v/x.y.z"),
            (Some("/v/x.y.z"), "", Bfd, "/v/x.y_bfd.z"),
            (Some("/v/x.y.z"), "one", Parent, "/v/x.y_parent.one.z"),
            (Some("/v.d/x"), "one", Vrrp, "/v.d/x.one"),
            (Some("/v/"), "one", Bfd, "/v/keepalived_bfd.one.data"),
            (Some("/v/"), "one", Statistics, "/v/keepalived.stats"),
            (Some("/v/"), "", Json, "/v/keepalived.json"),
            (Some("/v/x.y.z"), "one", Json, "/v/x.y.z"),
        ] {
            let path = configured.map(str::to_owned);
            let settings = Dumps {
                data_use_instance: true,
                state_dump_file: path.clone(),
                stats_dump_file: path.clone(),
                json_dump_file: path,
                ..Dumps::default()
            };
            assert_eq!(file.path(&settings, daemon), Path::new(expected), "{configured:?} {daemon} {file:?}");
            let plain = Dumps { data_use_instance: false, ..settings };
            assert_eq!(file.path(&plain, daemon), file.path(&plain, ""), "{configured:?} {daemon} {file:?}");
        }
    }
}
