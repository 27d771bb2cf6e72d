//! A refused start: the reason goes to the terminal, and also to the log, in case no one reads the terminal.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use super::cli::Options;
use super::configuration;
use super::exit;
use super::logging::log_options;
use super::names::Names;
use super::pidfile::PidFileError;
use crate::config::Diagnostics;
use crate::config::model::LogFormat;
use crate::notify::log;
use crate::terminal;
use crate::text::reason;

/// Time limit for writing the log before the exit.
pub(super) const LOG_LIMIT: Duration = Duration::from_millis(500);

/// Why a process of the daemon does not start.
pub(super) struct Refusal {
    status: u8,
    why: Why,
    names: Names,
    /// Not logged: the user of `-t` reads the terminal.
    terminal_only: bool,
}

enum Why {
    Text(String),
    Configuration(Diagnostics),
}

impl Refusal {
    /// A refusal with an exit status and a message.
    pub(super) fn new(status: u8, text: impl Display) -> Refusal {
        Refusal { status, why: Why::Text(text.to_string()), names: Names::default(), terminal_only: false }
    }

    /// A fatal error in `operation`; the message is "Cannot `operation`: error".
    pub(super) fn because(operation: &str, error: &io::Error) -> Refusal {
        Refusal::new(exit::FATAL, format!("Cannot {operation}: {}", reason(error)))
    }

    /// The configuration has errors.
    pub(super) fn of_configuration(diagnostics: Diagnostics) -> Refusal {
        let status = exit::run_time_status(&diagnostics);
        Refusal { why: Why::Configuration(diagnostics), ..Refusal::new(status, "") }
    }

    /// A test of the configuration (`-t`) failed to run. Not logged.
    pub(super) fn of_test(text: String) -> Refusal {
        Refusal { terminal_only: true, ..Refusal::new(exit::FATAL, text) }
    }

    /// Sets the names of the daemon, for the ident in the log.
    pub(super) fn with_names(self, names: Names) -> Refusal {
        Refusal { names, ..self }
    }

    /// Writes the refusal to the terminal and the log, and returns the exit status. `options` is `None` if the command
    /// line is invalid.
    pub(super) fn report(&self, options: Option<&Options>) -> u8 {
        let is_json = |options: &&Options| options.log_console && options.log_format == Some(LogFormat::Json);
        let on_terminal = options.filter(is_json).is_none() || self.terminal_only;
        match &self.why {
            // Who reads JSON from standard error finds the refusal in the log there.
            _ if !on_terminal => {}
            Why::Text(text) => terminal::message(format_args!("keepalived: {text}")),
            Why::Configuration(diagnostics) => terminal::message(diagnostics),
        }
        if !self.terminal_only && !options.is_some_and(|options| options.reload) {
            self.log("Keepalived", options);
        }
        self.status
    }

    /// Writes the refusal to the log only.
    pub(super) fn log(&self, ident: &str, options: Option<&Options>) {
        let log_options = match options {
            Some(options) => log_options(options, None, &self.names, ident, None).0,
            None => log::Options::syslog(self.names.ident(ident)),
        };
        // If the log cannot be started either, the terminal has the message.
        let console = log_options.console && log_options.format == Some(LogFormat::Json);
        let Ok(writer) = log::start(log::Options { console, ..log_options }) else { return };
        let log = writer.log();
        match &self.why {
            Why::Text(text) => log.error(format_args!("Not started: {text}")),
            Why::Configuration(diagnostics) => {
                configuration::log_diagnostics(diagnostics, &log);
                log.error("Not started: the configuration cannot be used");
            }
        }
        writer.finish(LOG_LIMIT);
    }
}

impl From<PidFileError> for Refusal {
    fn from(error: PidFileError) -> Refusal {
        let status = if matches!(error, PidFileError::Running) { exit::OK } else { exit::FATAL };
        Refusal::new(status, error)
    }
}
