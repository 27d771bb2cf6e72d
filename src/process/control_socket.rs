//! The control socket of this daemon: its path, and its start.

use std::io;
use std::path::PathBuf;

use super::cli::Options;
use super::files;
use super::names::{self, Names};
use crate::config::model::Global;
use crate::control::{BindError, Listener, Server};
use crate::notify::log::Log;
use crate::text::reason;

/// The path of the socket, absolute; `None` for `control_socket none`.
pub(super) fn path(options: &Options, names: &Names, global: &Global) -> Option<PathBuf> {
    let path = names.control_socket(options.pid_file.as_ref(), &global.control_socket)?;
    Some(std::path::absolute(&path).unwrap_or(path))
}

/// Starts the server. A daemon without it works all the same, so a failure is only logged.
pub(super) fn start(options: &Options, names: &Names, global: &Global, log: &Log) -> Option<Server> {
    let path = path(options, names, global)?;
    let started = make_directory(&path).map_err(BindError::from).and_then(|()| {
        let listener = Listener::bind(&path, global.control_group)?;
        Ok(Server::start(listener, global.control_group)?)
    });
    let why = match started {
        Ok(server) => return Some(server),
        Err(BindError::Io(error)) => reason(&error),
        Err(error) => error.to_string(),
    };
    log.warning(format_args!(
        "No control socket, so that --reload does not reach this daemon: cannot use {}: {why}; control_socket in \
         global_defs names another, or none",
        path.display()
    ));
    None
}

fn make_directory(path: &std::path::Path) -> io::Result<()> {
    names::make_run_directory(path)?;
    path.parent().map_or(Ok(()), files::make_directory)
}
