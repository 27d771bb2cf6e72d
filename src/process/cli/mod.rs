//! The command line, with the options of C keepalived.

mod getopt;
mod options;
mod signals;
#[cfg(test)]
mod tests;
mod version;

use std::ffi::OsString;
use std::path::Path;

use clap::{Command, CommandFactory, FromArgMatches};
use syslog::Facility;

use crate::config::model::LogFormat;
use signals::SIGNALS;

pub use getopt::{Line, Stray};
pub use options::{Options, StatusFormat};
pub use signals::{JSON, STATS_CLEAR, signal_name, signal_number};
pub use version::{version_report, version_text};

/// The outcome of a command line that does not start the daemon.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Text for standard error and exit status 0.
    Text(String),
    /// Message for standard error and exit status 1.
    Error(String),
}

impl Options {
    /// Parses the command line.
    ///
    /// # Errors
    /// If it is invalid, or does not start the daemon (`--help`, `--version`).
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, Outcome> {
        let mut line = Line::read(&mut Options::command(), arguments)
            .map_err(|error| Outcome::Error(format!("{error} ('keepalived --help' lists the options)")))?;
        line.take_tested_file()?;
        line.take_seconds();
        Options::of(line)
    }

    /// The options for a process with another working directory than `directory`, where relative paths begin.
    ///
    /// # Errors
    /// As [`Options::read`]; none in practice, since this line was parsed before.
    pub fn from_directory(&self, directory: &Path) -> Result<Options, Outcome> {
        let mut options = Options::of(self.line.clone().from_directory(directory))?;
        let socket = options.snmp_socket.as_deref().and_then(|socket| absolute_socket(socket, directory));
        if let Some(socket) = socket {
            options.line.give("snmp-agent-socket", OsString::from(&socket));
            options.snmp_socket = Some(socket);
        }
        Ok(options)
    }

    fn of(line: Line) -> Result<Options, Outcome> {
        let wrong = |error: clap::Error| Outcome::Error(text_of(&error));
        let matches = Options::command().try_get_matches_from(line.words()).map_err(wrong)?;
        let options = Options { line, ..Options::from_arg_matches(&matches).map_err(wrong)? };
        if options.help {
            return Err(Outcome::Text(Options::command().render_help().to_string()));
        }
        if options.version {
            return Err(Outcome::Text(version_report()));
        }
        if options.watch.is_some() && options.status.is_none() {
            return Err(Outcome::Error("--watch has an effect with --status only".into()));
        }
        if options.genhash {
            return Err(Outcome::Error("-T, --genhash must be the first option".into()));
        }
        Ok(options)
    }

    /// A warning about words that belong to no option, if there are any. They are ignored, as by C keepalived.
    pub fn stray(&self) -> Option<String> {
        let stray = &self.line.stray;
        let words: Vec<_> = stray.iter().map(|stray| stray.word.to_string_lossy()).collect();
        let attach = stray.iter().find_map(|stray| Some((stray.after.as_deref()?, stray.word.to_string_lossy())));
        let remedy = match attach {
            Some((option, word)) => format!(" (write --{option}={word})"),
            None => String::new(),
        };
        (!words.is_empty()).then(|| format!("Unexpected argument(s): {}{remedy}", words.join(" ")))
    }

    /// Whether it names files of the daemon, which may be in a directory of any user.
    pub fn names_files(&self) -> bool {
        let files = [&self.pid_file, &self.vrrp_pid_file, &self.checkers_pid_file, &self.bfd_pid_file];
        self.log_file.is_some() || files.into_iter().any(Option::is_some)
    }

    /// Options that have no effect, each with the reason.
    pub fn without_effect(&self) -> Vec<&'static str> {
        let given = [
            (
                self.release_vips,
                "-X, --release-vips has no effect: of all signals only a stop causes a transition, and it removes virtual \
                 addresses unless -V is given",
            ),
            (self.flush_log_file && self.log_file.is_none(), "--flush-log-file has no effect without -g, --log-file"),
            (self.ignore_sigint, "--ignore-sigint has no effect: run a debugger with 'handle SIGINT nopass' instead"),
        ];
        given.into_iter().filter(|(given, _)| *given).map(|(_, text)| text).collect()
    }

    /// `-m` or `-M`.
    pub fn dumps_core(&self) -> bool {
        self.core_dump || self.core_dump_pattern.is_some()
    }

    /// `-S`.
    ///
    /// # Errors
    /// A warning about an invalid facility, for which the caller uses daemon.
    pub fn facility(&self) -> Result<Facility, String> {
        let Some(word) = &self.log_facility else { return Ok(Facility::LOG_DAEMON) };
        let local = format!("local{word}");
        let named = FACILITIES.iter().find(|(name, _)| word == name || local == *name);
        named.map(|(_, facility)| *facility).ok_or_else(|| {
            format!("Invalid log facility '{word}', taking daemon (use 0-7, local0-local7, user or daemon)")
        })
    }
}

/// Syslog facilities by their names for `-S`; a number stands for a local facility.
const FACILITIES: [(&str, Facility); 10] = [
    ("local0", Facility::LOG_LOCAL0),
    ("local1", Facility::LOG_LOCAL1),
    ("local2", Facility::LOG_LOCAL2),
    ("local3", Facility::LOG_LOCAL3),
    ("local4", Facility::LOG_LOCAL4),
    ("local5", Facility::LOG_LOCAL5),
    ("local6", Facility::LOG_LOCAL6),
    ("local7", Facility::LOG_LOCAL7),
    ("user", Facility::LOG_USER),
    ("daemon", Facility::LOG_DAEMON),
];

impl Line {
    /// Makes `-t FILE` test that file, unless `-f` names another. Only an attached FILE receives the result.
    fn take_tested_file(&mut self) -> Result<(), Outcome> {
        let of_test = |stray: &Stray| stray.after.as_deref() == Some("config-test");
        let Some(at) = self.stray.iter().position(of_test).filter(|_| !self.has("use-file")) else { return Ok(()) };
        let file = self.stray.remove(at).word;
        if let Some(more) = self.stray.get(at) {
            let more = more.word.to_string_lossy();
            return Err(Outcome::Error(format!("-t, --config-test tests one file; run it again for {more}")));
        }
        self.give("use-file", file);
        Ok(())
    }
}

impl Line {
    /// Joins a number after `--yield NAME` to the name.
    fn take_seconds(&mut self) {
        let is_number = |stray: &Stray| stray.word.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        if self.has("yield") && self.stray.len() == 1 && self.stray.iter().all(is_number) {
            let words = std::mem::take(&mut self.stray);
            words.iter().for_each(|seconds| self.join("yield", &seconds.word));
        }
    }
}

/// The options for completions, with the possible values of those that have a fixed set.
pub fn completed() -> Command {
    let values = |command: Command, option: &'static str, values: Vec<&'static str>| {
        command.mut_arg(option, |arg| arg.value_parser(clap::builder::PossibleValuesParser::new(values)))
    };
    let command = values(Options::command(), "log_facility", FACILITIES.iter().map(|(name, _)| *name).collect());
    let command = values(command, "log_format", LogFormat::ALL.map(|(word, _)| word).to_vec());
    values(command, "signum", SIGNALS.iter().map(|(name, _)| *name).collect())
}

/// The first line of an error of clap, without "error: ".
fn text_of(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim);
    let line = lines.next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line).trim_end_matches(':');
    let values = lines.find(|line| line.starts_with("[possible values"));
    values.map_or_else(|| line.to_owned(), |values| format!("{line} {values}"))
}

/// An AgentX address that is a relative path, made absolute.
fn absolute_socket(socket: &str, directory: &Path) -> Option<String> {
    let (scheme, path) = ["unix:", "local:"].iter().find_map(|scheme| Some((*scheme, socket.strip_prefix(scheme)?)))?;
    let relative = !path.is_empty() && Path::new(path).is_relative();
    relative.then(|| format!("{scheme}{}", directory.join(path).display()))
}
