//! Reading the configuration, at the start and at a reload.

use std::io;

use super::cli::Options;
use super::names;
use crate::config::{self, Snapshot};
use crate::kernel;
use crate::notify::log::{self, Level};

/// Reads the configuration inside the network namespace it asks for, and stays there: interfaces are those of the
/// namespace, and children inherit it. Read once will do when nothing asks for one.
pub(super) fn load(options: &Options) -> io::Result<Recorded> {
    let mut read = config::Options::system(options.config_file.clone(), kernel::interface_names().ok());
    read.all_config = options.all_config;
    read.strict = options.strict_config;
    if let Some(id) = &options.config_id {
        read.config_id.clone_from(id);
    }
    let loaded = config::load_recorded(&read).map_err(io::Error::other)?;
    if loaded.config.as_ref().is_some_and(|(config, _)| names::namespace(options, &config.global).is_none()) {
        return Ok(loaded);
    }
    // What is wrong with it may be no more than interfaces that are in the namespace.
    read.outside.interfaces = None;
    let namespace = match config::load(&read).config {
        Some(config) => names::namespace(options, &config.global),
        None => options.namespace.clone(),
    };
    let Some(name) = namespace else { return Ok(loaded) };
    let path = std::path::Path::new("/run/netns").join(&name);
    let error = |error: io::Error| io::Error::other(format!("cannot enter network namespace '{name}': {error}"));
    let file = std::fs::File::open(path).map_err(error)?;
    nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).map_err(|errno| error(errno.into()))?;
    read.outside.interfaces = kernel::interface_names().ok();
    config::load_recorded(&read).map_err(io::Error::other)
}

/// A configuration for this process, without virtual servers, and the whole of it for the children.
pub(super) type Recorded = config::Loaded<(config::model::Config, Snapshot)>;

/// In the log: faults and errors as errors.
pub(super) fn tell(diagnostics: &config::Diagnostics, log: &log::Log) {
    for diagnostic in diagnostics {
        let level = if diagnostic.severity == config::Severity::Warning { Level::Warning } else { Level::Error };
        log.write(level, diagnostic);
    }
}
