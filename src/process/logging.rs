//! How the processes log, after the command line.

use super::cli::Options;
use crate::notify::log;

/// Where a process logs to, and a complaint about `-S`.
pub(super) fn log_options(options: &Options, ident: String) -> (log::Options, Option<String>) {
    let (facility, complaint) = match options.facility() {
        Ok(facility) => (facility, None),
        Err(complaint) => (syslog::Facility::LOG_DAEMON, Some(complaint)),
    };
    let log_options = log::Options {
        ident,
        syslog: !options.no_syslog,
        facility,
        console: options.log_console,
        detail: options.log_detail > 0,
    };
    (log_options, complaint)
}
