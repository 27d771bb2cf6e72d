//! What the parent and the command line know of a kind of child.

use std::io;
use std::path::{Path, PathBuf};

use rustix::thread::CapabilitySet;

use super::beginning::Beginning;
use crate::config::model::Config;
use crate::notify::log::Log;
use crate::process::cli::Options;

/// A kind of child, as the parent and the command line know it.
pub(in crate::process) struct Kind {
    /// Value of the internal option by which a child knows what it is.
    pub(in crate::process) word: &'static str,
    /// What log lines call the process.
    pub(in crate::process) name: &'static str,
    /// Ident of its log lines, before namespace and instance.
    pub(in crate::process) ident: &'static str,
    /// Name of the process, as `ps` shows it.
    pub(in crate::process) process_name: &'static std::ffi::CStr,
    /// The capabilities that it may need with any configuration.
    pub(in crate::process) capabilities: CapabilitySet,
    /// Name of its pid file, without directory and ending.
    pub(in crate::process) pid_file: &'static str,
    /// Its pid file, as the command line gives it.
    pub(in crate::process) given_pid_file: fn(&Options) -> Option<&PathBuf>,
    /// Whether the configuration has something for it.
    pub(in crate::process) configured: fn(&Config) -> bool,
    /// Whether the command line lets it run (`-P`, `-C`).
    pub(in crate::process) allowed: fn(&Options) -> bool,
    /// What the last process with this pid file has left in the kernel, in words.
    pub(in crate::process) left: fn(&Path, &Log) -> Vec<String>,
    /// Runs the process until it is told to stop.
    pub(in crate::process) run: fn(Beginning<'_>) -> io::Result<()>,
}
