//! Idents and pid files of the processes.

use std::io;
use std::path::{Path, PathBuf};

use super::cli::Options;
use super::files;
use crate::config::model::{ControlSocket, Global, Reloads};
use crate::text::reason;

/// Directory of pid files.
const RUN: &str = "/run";

/// `net_namespace` and `instance`, as they appear in idents and file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    namespace: Option<String>,
    instance: Option<String>,
    pid_dir: bool,
}

impl Names {
    /// `-s` takes precedence over `net_namespace`.
    pub fn new(options: &Options, global: &Global) -> Names {
        let namespace = namespace(options, global);
        let pid_dir = global.use_pid_dir || global.instance.is_some() || namespace.is_some();
        Names { namespace, instance: global.instance.clone(), pid_dir }
    }

    /// `Keepalived_vrrp` followed by namespace and instance, which distinguish daemons on one host.
    pub fn ident(&self, base: &str) -> String {
        self.parts().fold(base.to_owned(), |ident, part| format!("{ident}_{part}"))
    }

    /// Namespace and instance, `NAMESPACE_INSTANCE`; empty without them.
    pub fn daemon(&self) -> String {
        self.parts().collect::<Vec<_>>().join("_")
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        [&self.namespace, &self.instance].into_iter().flatten().map(String::as_str)
    }

    /// The pid file of a process (`keepalived`, `vrrp`): the `given` one of the command line, or the default.
    pub fn pid_file(&self, process: &str, given: Option<&PathBuf>) -> PathBuf {
        match given {
            Some(path) => path.clone(),
            // C keepalived mounts a separate directory in a namespace; here the file name contains the namespace.
            None if self.pid_dir => PathBuf::from(format!("{RUN}/keepalived/{}.pid", self.ident(process))),
            None => PathBuf::from(format!("{RUN}/{process}.pid")),
        }
    }

    /// The path of `reload_file`; without a path it is beside the pid file of the parent, which is `given` on the command line.
    pub fn reload_file(&self, settings: &Reloads, given: Option<&PathBuf>) -> Option<PathBuf> {
        let path = settings.reload_file.as_ref()?;
        let usual = || beside(&self.pid_file("keepalived", given), "reload");
        Some(if path.is_empty() { usual() } else { PathBuf::from(path) })
    }

    /// The control socket of the daemon whose parent has the pid file that is `given` on the command line; `None` for
    /// `control_socket none`.
    pub fn control_socket(&self, given: Option<&PathBuf>, setting: &ControlSocket) -> Option<PathBuf> {
        match (setting, given) {
            (ControlSocket::Off, _) => None,
            (ControlSocket::At(path), _) => Some(path.clone()),
            (ControlSocket::Beside, Some(pid_file)) => Some(beside(pid_file, "control")),
            (ControlSocket::Beside, None) => Some(PathBuf::from(format!("{RUN}/keepalived/{}", self.ident("control")))),
        }
    }
}

/// A file beside a pid file: `vrrp.held` for `vrrp.pid`, and `vrrp-held` for `vrrp`. Each pid file has another.
pub fn beside(pid_file: &Path, word: &str) -> PathBuf {
    if pid_file.extension().is_some_and(|extension| extension == "pid") {
        return pid_file.with_extension(word);
    }
    let mut name = pid_file.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{word}"));
    pid_file.with_file_name(name)
}

/// Creates the directory of a pid file or socket if it is the daemon's own, and removes write permission for group and others,
/// who could place files there that the daemon trusts.
///
/// # Errors
/// If the directory cannot be created or its permissions cannot be set.
pub fn make_run_directory(file: &Path) -> io::Result<()> {
    let own = PathBuf::from(format!("{RUN}/keepalived"));
    match file.parent() {
        Some(directory) if directory == own => close(directory),
        _ => Ok(()),
    }
}

fn close(directory: &Path) -> io::Result<()> {
    let made = files::make_directory(directory).and_then(|()| files::close_directory(directory));
    made.map_err(|error| {
        io::Error::new(error.kind(), format!("Cannot create {}: {}", directory.display(), reason(&error)))
    })
}

/// The network namespace to run in.
pub fn namespace(options: &Options, global: &Global) -> Option<String> {
    options.namespace.clone().or_else(|| global.net_namespace.clone())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// 0777: left by a daemon with umask 0.
    #[test]
    fn the_directory_of_pid_files_is_closed_to_others_with_any_umask() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("keepalived");
        for mode in [None, Some(0o777), Some(0o700)] {
            if let Some(mode) = mode {
                std::fs::set_permissions(&own, Permissions::from_mode(mode)).unwrap();
            }
            close(&own).unwrap();
            assert_eq!(
                own.metadata().unwrap().permissions().mode() & 0o7777,
                if mode == Some(0o700) { 0o700 } else { 0o755 }
            );
        }
    }

    #[test]
    fn names_distinguish_daemons() {
        let plain = Names::default();
        assert_eq!(plain.ident("Keepalived"), "Keepalived");
        assert_eq!(plain.pid_file("vrrp", None), PathBuf::from("/run/vrrp.pid"));
        let named = Names { namespace: Some("blue".into()), instance: Some("one".into()), pid_dir: true };
        assert_eq!(named.ident("Keepalived_vrrp"), "Keepalived_vrrp_blue_one");
        assert_eq!([plain.daemon(), named.daemon()], ["", "blue_one"]);
        assert_eq!(named.pid_file("keepalived", None), PathBuf::from("/run/keepalived/keepalived_blue_one.pid"));
        assert_eq!(named.pid_file("vrrp", Some(&"/x".into())), PathBuf::from("/x"));
        for (names, given, setting, expected) in [
            (&plain, None, ControlSocket::Beside, Some("/run/keepalived/control")),
            (&named, None, ControlSocket::Beside, Some("/run/keepalived/control_blue_one")),
            (&named, Some("/x/k.pid"), ControlSocket::Beside, Some("/x/k.control")),
            (&plain, Some("/x/k"), ControlSocket::Beside, Some("/x/k-control")),
            (&plain, Some("/x/k.pid"), ControlSocket::At("/y/c".into()), Some("/y/c")),
            (&plain, None, ControlSocket::Off, None),
        ] {
            let given = given.map(PathBuf::from);
            assert_eq!(names.control_socket(given.as_ref(), &setting), expected.map(PathBuf::from));
        }
    }
}
