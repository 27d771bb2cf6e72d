//! What the processes are called, and where their pid files go.

use std::io;
use std::path::PathBuf;

use super::cli::Options;
use super::files;
use crate::config::model::Global;

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
    /// `-s` beats `net_namespace`.
    pub fn new(options: &Options, global: &Global) -> Names {
        let namespace = namespace(options, global);
        let pid_dir = global.use_pid_dir || global.instance.is_some() || namespace.is_some();
        Names { namespace, instance: global.instance.clone(), pid_dir }
    }

    /// `Keepalived_vrrp` with what tells this daemon from others on the machine.
    pub fn ident(&self, base: &str) -> String {
        let parts = [self.namespace.as_ref(), self.instance.as_ref()];
        parts.into_iter().flatten().fold(base.to_owned(), |ident, part| format!("{ident}_{part}"))
    }

    /// Makes the directory of the pid files, if they have one of their own, and closes it to others: a file that anybody
    /// can put there would be believed.
    pub fn make_run_directory(&self) -> io::Result<()> {
        if !self.pid_dir {
            return Ok(());
        }
        let directory = PathBuf::from(format!("{RUN}/keepalived"));
        let made = files::make_directory(&directory).and_then(|()| files::close_directory(&directory));
        made.map_err(|error| io::Error::new(error.kind(), format!("cannot make {}: {error}", directory.display())))
    }

    /// The pid file of a process (`keepalived`, `vrrp`), unless the command line names it.
    pub fn pid_file(&self, process: &str, given: Option<&PathBuf>) -> PathBuf {
        match given {
            Some(path) => path.clone(),
            // C keepalived mounts a directory of its own for a namespace; here the file's name tells them apart.
            None if self.pid_dir => PathBuf::from(format!("{RUN}/keepalived/{}.pid", self.ident(process))),
            None => PathBuf::from(format!("{RUN}/{process}.pid")),
        }
    }
}

/// The network namespace to run in.
pub fn namespace(options: &Options, global: &Global) -> Option<String> {
    options.namespace.clone().or_else(|| global.net_namespace.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_daemons_apart() {
        let plain = Names::default();
        assert_eq!(plain.ident("Keepalived"), "Keepalived");
        assert_eq!(plain.pid_file("vrrp", None), PathBuf::from("/run/vrrp.pid"));
        let named = Names { namespace: Some("blue".into()), instance: Some("one".into()), pid_dir: true };
        assert_eq!(named.ident("Keepalived_vrrp"), "Keepalived_vrrp_blue_one");
        assert_eq!(named.pid_file("keepalived", None), PathBuf::from("/run/keepalived/keepalived_blue_one.pid"));
        assert_eq!(named.pid_file("vrrp", Some(&"/x".into())), PathBuf::from("/x"));
    }
}
