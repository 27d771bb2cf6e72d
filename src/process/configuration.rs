//! Reads the configuration at the start and at a reload.

use std::io;
use std::path::Path;

use super::cli::Options;
use super::ipvs_host::NAMESPACES;
use super::names;
use crate::config::{self, Snapshot};
use crate::kernel;
use crate::notify::log::{self, Level};
use crate::text::reason;

/// Reads the configuration. If it or the command line names a network namespace, this thread enters the namespace, so
/// that interfaces are looked up there and children inherit it, and reads the configuration again.
///
/// With a `directory`, relative paths are made absolute from there: the children have another working directory. Advice is
/// for `-t`: it would come again with each start and each reload.
pub(super) fn load(options: &Options, directory: Option<&Path>) -> io::Result<Recorded> {
    let mut loaded = load_with_advice(options, directory)?;
    if options.config_test.is_none() {
        loaded.diagnostics.drop_advice();
    }
    Ok(loaded)
}

fn load_with_advice(options: &Options, directory: Option<&Path>) -> io::Result<Recorded> {
    let mut read = reading(options);
    read.outside.interfaces = kernel::interface_names().ok();
    read.directory = directory.map(Path::to_owned);
    read.outside.foreign_interface = kernel::is_foreign;
    read.strict = options.strict_config;
    let loaded = config::load_recorded(&read).map_err(io::Error::other)?;
    if loaded.config.as_ref().is_some_and(|(config, _)| names::namespace(options, &config.global).is_none()) {
        return Ok(loaded);
    }
    // The errors may only concern interfaces that exist in the namespace, so read without a check of interfaces.
    read.outside.interfaces = None;
    let namespace = match config::load(&read).config {
        Some(config) => names::namespace(options, &config.global),
        None => options.namespace.clone(),
    };
    let Some(name) = namespace else { return Ok(loaded) };
    let path = Path::new(NAMESPACES).join(&name);
    // -t also tests a configuration whose namespace does not exist yet; its interfaces are not checked.
    if options.config_test.is_some() && options.namespace.is_none() && !path.exists() {
        return config::load_recorded(&read).map_err(io::Error::other);
    }
    let error = |error: io::Error| {
        let reason = reason(&error);
        io::Error::other(format!("Cannot enter network namespace '{name}' ({}): {reason}", path.display()))
    };
    let file = std::fs::File::open(&path).map_err(error)?;
    nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).map_err(|errno| error(errno.into()))?;
    read.outside.interfaces = kernel::interface_names().ok();
    config::load_recorded(&read).map_err(io::Error::other)
}

/// The global settings of the configuration, as far as it can be read: it may have errors, and the user may not be
/// permitted to read it. Interfaces and network namespaces are not looked up.
pub(super) fn global(options: &Options) -> config::model::Global {
    config::load_global(&reading(options))
}

/// Which configuration to read, without the interfaces of the host.
fn reading(options: &Options) -> config::Options {
    let mut read = config::Options::system(options.config_file.clone(), None);
    read.all_config = options.all_config;
    if let Some(id) = &options.config_id {
        read.config_id.clone_from(id);
    }
    read
}

/// Changes the working directory of the calling thread only: to the one in which the daemon was started.
pub(super) fn enter(directory: &Path) -> io::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS)?;
    std::env::set_current_dir(directory).map_err(|error| {
        io::Error::other(format!("Cannot enter the directory {}: {}", directory.display(), reason(&error)))
    })
}

/// A configuration for the parent, without virtual servers, and the snapshot of all of it for the children.
pub(super) type Recorded = config::Loaded<(config::model::Config, Snapshot)>;

/// Logs diagnostics: warnings as warnings, faults and errors as errors.
pub(super) fn log_diagnostics(diagnostics: &config::Diagnostics, log: &log::Log) {
    for diagnostic in diagnostics {
        let level = if diagnostic.severity == config::Severity::Warning { Level::Warning } else { Level::Error };
        log.write(level, diagnostic);
    }
}
