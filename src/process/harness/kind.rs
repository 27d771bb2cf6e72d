//! Properties of a kind of child process.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::thread::CapabilitySet;

use super::child_start::ChildStart;
use crate::config::model::Config;
use crate::notify::log::Log;
use crate::process::cli::Options;
use crate::process::ipc::SavedState;
use crate::state::{Lasting, Unusable};

/// Properties of a kind of child process, for the parent and the command line.
pub(in crate::process) struct Kind {
    /// Value of the internal option `--child-role`.
    pub(in crate::process) word: &'static str,
    /// Name of the process in log lines.
    pub(in crate::process) name: &'static str,
    /// Syslog ident, to which namespace and instance are appended.
    pub(in crate::process) ident: &'static str,
    /// Name of the process in `ps`.
    pub(in crate::process) process_name: &'static std::ffi::CStr,
    /// The capabilities without which it cannot do its work.
    pub(in crate::process) network: CapabilitySet,
    /// Further capabilities that the configuration needs.
    pub(in crate::process) capabilities: fn(&Options, &Config) -> CapabilitySet,
    /// Name of its pid file, without directory and extension.
    pub(in crate::process) pid_file: &'static str,
    /// Suffix of its log file (`-g`).
    pub(in crate::process) log_file: &'static str,
    /// Its pid file on the command line.
    pub(in crate::process) given_pid_file: fn(&Options) -> Option<&PathBuf>,
    /// Whether the configuration needs it.
    pub(in crate::process) configured: fn(&Config) -> bool,
    /// Whether the command line allows it to run (`-P`, `-C`, `-B`).
    pub(in crate::process) allowed: fn(&Options) -> bool,
    /// How long a replacement may take to begin at first, while the present process keeps still.
    pub(in crate::process) begins_within: Duration,
    /// The entries that the last process with this pid file has left in the kernel, as text.
    pub(in crate::process) leftovers: fn(&Path, &Log) -> Vec<String>,
    /// Whether a process of this program can continue the state of another; the parts of it that are lost.
    pub(in crate::process) usable: fn(&SavedState) -> Result<Vec<String>, Unusable>,
    /// Runs the process until its stop.
    pub(in crate::process) run: fn(ChildStart<'_>) -> io::Result<()>,
}

/// Whether the state of a process can be decoded in these types; the parts of it that cannot.
pub(in crate::process) fn usable<I: Lasting, C: Lasting>(saved: &SavedState) -> Result<Vec<String>, Unusable> {
    saved.open::<I, C>().map(|opened| opened.lost)
}
