//! The command line, with the options of C keepalived.

mod getopt;
mod version;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Command, CommandFactory, FromArgMatches, Parser, ValueEnum, ValueHint};
use syslog::Facility;

use crate::config::model::LogFormat;
use crate::control::{Absence, Weight};
use crate::reactor::Caught;

pub use getopt::{Line, Stray};
pub use version::{version_report, version_text};

/// Default of `-f`.
const DEFAULT_CONFIG: &str = "/etc/keepalived/keepalived.conf";

/// The options of the command line.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "keepalived",
    about = "VRRP and LVS health checks from a keepalived.conf",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true
)]
pub struct Options {
    /// Use this configuration file
    #[arg(short = 'f', long = "use-file", value_name = "FILE", value_hint = ValueHint::FilePath, default_value = DEFAULT_CONFIG)]
    pub config_file: PathBuf,
    /// Only run the VRRP process
    #[arg(short = 'P', long = "vrrp")]
    pub vrrp_only: bool,
    /// Only run the checker process
    #[arg(short = 'C', long = "check")]
    pub check_only: bool,
    /// Do not run the BFD process
    #[arg(short = 'B', long = "no_bfd")]
    pub no_bfd: bool,
    /// Start every process, even without configuration for it
    #[arg(long = "all")]
    pub all: bool,
    /// Also log to standard error
    #[arg(short = 'l', long = "log-console")]
    pub log_console: bool,
    /// Detailed log
    #[arg(short = 'D', long = "log-detail", action = clap::ArgAction::Count)]
    pub log_detail: u8,
    /// Syslog facility: 0-7, local0-local7, user, daemon
    #[arg(short = 'S', long = "log-facility", value_name = "FACILITY")]
    pub log_facility: Option<String>,
    /// Also log to files, one for each process: FILE, FILE with _vrrp before its extension, and so on
    #[arg(short = 'g', long = "log-file", value_name = "FILE", value_hint = ValueHint::FilePath, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub log_file: Option<OsString>,
    /// Form of the log on standard error and in files
    #[arg(long = "log-format", value_name = "FORMAT", value_parser = log_format)]
    pub log_format: Option<LogFormat>,
    /// Flush log files after each line
    #[arg(long = "flush-log-file")]
    pub flush_log_file: bool,
    /// Do not log to syslog
    #[arg(short = 'G', long = "no-syslog")]
    pub no_syslog: bool,
    /// File creation mask of the daemon and its scripts: a number, octal if it begins with 0
    #[arg(short = 'u', long = "umask", value_name = "MASK", value_parser = crate::config::parse_umask)]
    pub umask: Option<u32>,
    /// No effect: of all signals only a stop causes a transition, and it removes addresses anyway
    #[arg(short = 'X', long = "release-vips")]
    pub release_vips: bool,
    /// Keep virtual addresses at stop
    #[arg(short = 'V', long = "dont-release-vrrp")]
    pub dont_release_vrrp: bool,
    /// Keep IPVS entries at stop
    #[arg(short = 'I', long = "dont-release-ipvs")]
    pub dont_release_ipvs: bool,
    /// Do not restart child processes that die
    #[arg(short = 'R', long = "dont-respawn")]
    pub dont_respawn: bool,
    /// Stay in the foreground
    #[arg(short = 'n', long = "dont-fork")]
    pub dont_fork: bool,
    /// Log the parsed configuration, with the values in effect
    #[arg(short = 'd', long = "dump-conf")]
    pub dump_conf: bool,
    /// Pid file of the parent process
    #[arg(short = 'p', long = "pid", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub pid_file: Option<PathBuf>,
    /// Pid file of the VRRP process
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub vrrp_pid_file: Option<PathBuf>,
    /// Pid file of the checker process
    #[arg(short = 'c', long = "checkers_pid", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub checkers_pid_file: Option<PathBuf>,
    /// Pid file of the BFD process
    #[arg(short = 'b', long = "bfd_pid", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub bfd_pid_file: Option<PathBuf>,
    /// Log each address that the kernel adds or removes
    #[arg(short = 'a', long = "address-monitoring")]
    pub address_monitoring: bool,
    /// Serve KEEPALIVED-MIB, VRRP-MIB and VRRPV3-MIB over AgentX
    #[arg(short = 'x', long = "snmp")]
    pub snmp: bool,
    /// AgentX master: /path, unix:/path or tcp:HOST:PORT
    #[arg(short = 'A', long = "snmp-agent-socket", value_name = "ADDRESS")]
    pub snmp_socket: Option<String>,
    /// Network namespace to run in
    #[arg(short = 's', long = "namespace", value_name = "NAME")]
    pub namespace: Option<String>,
    /// Allow core dumps
    #[arg(short = 'm', long = "core-dump")]
    pub core_dump: bool,
    /// Allow core dumps and set their file name pattern
    #[arg(short = 'M', long = "core-dump-pattern", value_name = "PATTERN", num_args = 0..=1, require_equals = true, default_missing_value = "core")]
    pub core_dump_pattern: Option<String>,
    /// Treat every problem of an include as an error
    #[arg(short = 'e', long = "all-config")]
    pub all_config: bool,
    /// Refuse a configuration with faults; without this option its faulty parts are ignored
    #[arg(long = "strict-config")]
    pub strict_config: bool,
    /// With -t: exit with 0 if the daemon would start, also with faults
    #[arg(long = "allow-faults")]
    pub allow_faults: bool,
    /// Config-id for `@ID` lines; default: the host's name
    #[arg(short = 'i', long = "config-id", value_name = "ID")]
    pub config_id: Option<String>,
    /// Test the configuration, or the file in the next word, and exit; the result goes to standard error or an attached
    /// FILE
    #[arg(short = 't', long = "config-test", value_name = "FILE", value_hint = ValueHint::FilePath, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub config_test: Option<OsString>,
    /// Have the running daemon read its configuration again, wait for the result, and exit
    #[arg(long = "reload", conflicts_with_all = ["config_test", "signum"])]
    pub reload: bool,
    /// Show the status of the running daemon as text, json or metrics (OpenMetrics), and exit
    #[arg(long = "status", value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text", conflicts_with_all = ["config_test", "signum", "reload"])]
    pub status: Option<StatusFormat>,
    /// With --status: show it again every second, or every SECONDS
    #[arg(long = "watch", value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = seconds)]
    pub watch: Option<Duration>,
    /// Set the weight of a real server of the running daemon; without =WEIGHT that of the configuration
    #[arg(long = "weight", value_name = "ADDRESS:PORT[=WEIGHT]", conflicts_with_all = ["config_test", "signum", "reload", "status"])]
    pub weight: Option<Weight>,
    /// Set the weight of a real server to 0: no new connections
    #[arg(long = "drain", value_name = "ADDRESS:PORT", conflicts_with_all = ["config_test", "signum", "reload", "status", "weight"])]
    pub drain: Option<SocketAddr>,
    /// Have an instance or sync group of the running daemon give up mastership and stay out, for SECONDS or until --resume
    #[arg(long = "yield", value_name = "NAME[=SECONDS]", conflicts_with_all = ["config_test", "signum", "reload", "status", "weight", "drain"])]
    pub absence: Option<Absence>,
    /// Have an instance or sync group that has yielded take part again
    #[arg(long = "resume", value_name = "NAME", conflicts_with_all = ["config_test", "signum", "reload", "status", "weight", "drain", "absence"])]
    pub resume: Option<String>,
    /// Replace the running daemon by this program, or by PROGRAM, without a transition
    #[arg(long = "upgrade", value_name = "PROGRAM", value_hint = ValueHint::FilePath, num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with_all = ["config_test", "signum", "reload", "status", "weight", "drain", "absence", "resume"])]
    pub upgrade: Option<String>,
    /// Internal: check a state on standard input
    #[arg(long = "upgrade-trial", hide = true)]
    pub upgrade_trial: bool,
    /// Print the number of a signal: STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON
    #[arg(long = "signum", value_name = "NAME")]
    pub signum: Option<String>,
    /// Debugging aid
    #[arg(long = "ignore-sigint")]
    pub ignore_sigint: bool,
    /// Run as genhash(1); must be the first option
    #[arg(short = 'T', long = "genhash")]
    pub genhash: bool,
    /// Print version and features
    #[arg(short = 'v', long = "version")]
    pub version: bool,
    /// Print this help
    #[arg(short = 'h', long = "help")]
    pub help: bool,
    /// Internal: the kind of child process to run
    #[arg(long = "child-role", hide = true, value_name = "ROLE")]
    pub child_role: Option<String>,
    /// The command line from which the options were parsed.
    #[arg(skip)]
    pub line: Line,
}

/// Format of `--status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// For a terminal.
    Text,
    /// The document, as JSON.
    Json,
    /// The text format of OpenMetrics.
    Metrics,
}

/// `text` or `json`.
fn log_format(text: &str) -> Result<LogFormat, String> {
    LogFormat::of(text).ok_or_else(|| "write text or json".to_owned())
}

/// A number of seconds, which may have decimals.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "a number of seconds from 0.1 to 86400".to_owned())
}

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

/// Name of a received signal, for the log.
pub fn signal_name(signal: Caught) -> String {
    match signal {
        Caught::Named(signal) => signal.to_string(),
        Caught::RealTime(number) => {
            let known = SIGNALS.iter().find(|(_, known)| u32::try_from(*known) == Ok(number));
            let name = known.map_or_else(String::new, |(name, _)| format!(" ({name})"));
            format!("Signal {number}{name}")
        }
    }
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

/// The signal that dumps and clears statistics: glibc's SIGRTMAX - 1.
pub const STATS_CLEAR: u32 = 63;
/// The signal that dumps JSON: glibc's SIGRTMIN + 2.
pub const JSON: u32 = 36;

/// Names for `--signum`, with their signals. Real-time signals are counted from glibc's SIGRTMIN, 34.
const SIGNALS: [(&str, i32); 6] = [
    ("STOP", 15),
    ("RELOAD", 1),
    ("DATA", 10),
    ("STATS", 12),
    ("STATS_CLEAR", STATS_CLEAR.cast_signed()),
    ("JSON", JSON.cast_signed()),
];

/// The signal number for `--signum NAME`.
///
/// # Errors
/// A message if the name is unknown.
pub fn signal_number(name: &str) -> Result<i32, String> {
    let found = SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    found.ok_or_else(|| {
        let names: Vec<&str> = SIGNALS.iter().map(|(name, _)| *name).collect();
        format!("Unknown sigfunc {name} (one of {})", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, Outcome> {
        Options::read(line.split(' ').map(Into::into))
    }

    #[test]
    fn getopt_forms() {
        for line in [
            "keepalived -nlDS7 -f/x",
            "keepalived -n -l -D -S 7 -f /x",
            "keepalived --dont-fork --log-con --log-det --log-fac=7 --use-f /x",
        ] {
            let options = read(line).unwrap();
            assert!(options.dont_fork && options.log_console && options.log_detail == 1, "{line}");
            assert_eq!(options.config_file, PathBuf::from("/x"), "{line}");
            assert!(matches!(options.facility(), Ok(Facility::LOG_LOCAL7)), "{line}");
        }
    }

    fn words(line: &str) -> Vec<String> {
        read(line).unwrap().line.options().iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn optional_values_are_attached() {
        for (line, test, log, pattern) in [
            ("keepalived -t", Some(""), None, None),
            ("keepalived -t -f /x", Some(""), None, None),
            ("keepalived -t/log", Some("/log"), None, None),
            ("keepalived -nlt/log", Some("/log"), None, None),
            ("keepalived --config-test=/log", Some("/log"), None, None),
            ("keepalived --config-t=/log -g -M", Some("/log"), Some(""), Some("core")),
            ("keepalived -g/l -M/c/%p", None, Some("/l"), Some("/c/%p")),
            ("keepalived --log-fi=/l --core-dump-p=c", None, Some("/l"), Some("c")),
            ("keepalived -g /l -M c", None, Some(""), Some("core")),
        ] {
            let options = read(line).unwrap();
            assert_eq!(options.config_test, test.map(OsString::from), "{line}");
            assert_eq!(options.log_file, log.map(OsString::from), "{line}");
            assert_eq!(options.core_dump_pattern.as_deref(), pattern, "{line}");
        }
        let stray = read("keepalived -g /l -M c x").unwrap().stray();
        assert_eq!(stray.as_deref(), Some("Unexpected argument(s): /l c x (write --log-file=/l)"));
    }

    #[test]
    fn a_word_after_t_is_the_file_to_test() {
        for (line, file, stray) in [
            ("keepalived -t /x", "/x", None),
            ("keepalived --config-test /x", "/x", None),
            ("keepalived -nlt /x -e", "/x", None),
            ("keepalived -g /l -t /x", "/x", Some("Unexpected argument(s): /l (write --log-file=/l)")),
            ("keepalived -t -- /x", "/x", None),
            ("keepalived -t -f /y /x", "/y", Some("Unexpected argument(s): /x")),
            ("keepalived -f /y -t /x", "/y", Some("Unexpected argument(s): /x (write --config-test=/x)")),
        ] {
            let options = read(line).unwrap();
            assert_eq!(options.config_test, Some("".into()), "{line}");
            assert_eq!(options.config_file, PathBuf::from(file), "{line}");
            assert_eq!(options.stray().as_deref(), stray, "{line}");
        }
        assert!(matches!(read("keepalived -t /x /y"), Err(Outcome::Error(text)) if text.contains("again for /y")));
    }

    #[test]
    fn options_are_parsed_as_by_getopt_long() {
        for (line, expected) in [
            ("keepalived -nlD", &["--dont-fork", "--log-console", "--log-detail"][..]),
            ("keepalived -nDfl", &["--dont-fork", "--log-detail", "--use-file=l"]),
            ("keepalived -f -n", &["--use-file=-n"]),
            ("keepalived --use-f -n", &["--use-file=-n"]),
            ("keepalived --pid=", &["--pid="]),
            ("keepalived --vrrp -f=x", &["--vrrp", "--use-file==x"]),
            ("keepalived -n -- -l", &["--dont-fork"]),
            ("keepalived a -n b", &["--dont-fork"]),
            ("keepalived -", &[]),
            // The names of children do not count as abbreviations.
            ("keepalived --checkers=x --core-dump", &["--checkers_pid=x", "--core-dump"]),
        ] {
            match line {
                "keepalived --pid=" => assert!(matches!(read(line), Err(Outcome::Error(_))), "{line}"),
                _ => assert_eq!(words(line), expected, "{line}"),
            }
        }
        for (line, error) in [
            ("keepalived --nosuch", "Unknown option --nosuch"),
            ("keepalived -n?", "Unknown option -?"),
            ("keepalived -f", "Missing parameter for option -f"),
            ("keepalived -nf", "Missing parameter for option -f"),
            ("keepalived --use-file", "Missing parameter for option --use-file"),
            (
                "keepalived --log",
                "Option --log is ambiguous: --log-console, --log-detail, --log-facility, --log-file, --log-format",
            ),
            ("keepalived --vrrp=x", "Option --vrrp takes no value"),
            ("keepalived -n -T", "-T, --genhash must be the first option"),
            ("keepalived -u 8", ""),
        ] {
            let text = match read(line) {
                Err(Outcome::Error(text)) => text,
                Ok(_) if error.is_empty() => continue,
                other => panic!("{line}: {other:?}"),
            };
            assert!(text.starts_with(error), "{line}: {text}");
        }
    }

    #[test]
    fn relative_paths_are_made_absolute_for_another_directory() {
        let options = read("keepalived -f k.conf -p /run/p -r x/v -gl -A unix:agentx -i id").unwrap();
        let moved = options.from_directory(Path::new("/home/me")).unwrap();
        assert_eq!(moved.config_file, PathBuf::from("/home/me/k.conf"));
        assert_eq!(moved.pid_file, Some("/run/p".into()));
        assert_eq!(moved.vrrp_pid_file, Some("/home/me/x/v".into()));
        assert_eq!(moved.log_file, Some("/home/me/l".into()));
        assert_eq!(moved.snmp_socket.as_deref(), Some("unix:/home/me/agentx"));
        // Children parse the same options again.
        let again = Options::read(moved.line.words()).unwrap();
        assert_eq!(again.snmp_socket, moved.snmp_socket);
        assert_eq!(again.log_file, moved.log_file);
        assert_eq!(again.config_id.as_deref(), Some("id"));
    }

    #[test]
    fn errors_are_distinguished_from_answers() {
        assert!(matches!(read("keepalived --nonsense"), Err(Outcome::Error(_))));
        assert!(matches!(read("keepalived -v"), Err(Outcome::Text(text)) if text.starts_with("Keepalived v")));
        assert!(
            matches!(read("keepalived -h"), Err(Outcome::Text(text)) if text.contains("--use-file") && text.contains("-T, --genhash"))
        );
        assert_eq!(
            read("keepalived stray words").unwrap().stray().as_deref(),
            Some("Unexpected argument(s): stray words")
        );
    }
}
