//! The command line, as C keepalived has it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use syslog::Facility;

/// Where the configuration is unless `-f` says otherwise.
const DEFAULT_CONFIG: &str = "/etc/keepalived/keepalived.conf";

/// What the command line asks for.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "keepalived",
    about = "VRRP and LVS health checks from a keepalived.conf",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    infer_long_args = true
)]
pub struct Options {
    /// Use this configuration file
    #[arg(short = 'f', long = "use-file", value_name = "FILE", default_value = DEFAULT_CONFIG)]
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
    /// Log to files
    #[arg(short = 'g', long = "log-file", value_name = "FILE", num_args = 0..=1, default_missing_value = "")]
    pub log_file: Option<OsString>,
    /// Flush log files after each line
    #[arg(long = "flush-log-file")]
    pub flush_log_file: bool,
    /// Do not log to syslog
    #[arg(short = 'G', long = "no-syslog")]
    pub no_syslog: bool,
    /// File creation mask
    #[arg(short = 'u', long = "umask", value_name = "MASK")]
    pub umask: Option<String>,
    /// Remove virtual addresses on signal-driven transitions
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
    /// Write the configuration as understood to the log
    #[arg(short = 'd', long = "dump-conf")]
    pub dump_conf: bool,
    /// Pid file of the parent process
    #[arg(short = 'p', long = "pid", value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Pid file of the VRRP process
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE")]
    pub vrrp_pid_file: Option<PathBuf>,
    /// Pid file of the checker process
    #[arg(short = 'c', long = "checkers_pid", value_name = "FILE")]
    pub checkers_pid_file: Option<PathBuf>,
    /// Pid file of the BFD process
    #[arg(short = 'b', long = "bfd_pid", value_name = "FILE")]
    pub bfd_pid_file: Option<PathBuf>,
    /// Log each address change heard from the kernel
    #[arg(short = 'a', long = "address-monitoring")]
    pub address_monitoring: bool,
    /// Serve KEEPALIVED-MIB over AgentX
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
    #[arg(short = 'M', long = "core-dump-pattern", value_name = "PATTERN", num_args = 0..=1, default_missing_value = "core")]
    pub core_dump_pattern: Option<String>,
    /// Every problem of an include is an error
    #[arg(short = 'e', long = "all-config")]
    pub all_config: bool,
    /// Refuse a configuration with faults, which otherwise is used without what is wrong
    #[arg(long = "strict-config")]
    pub strict_config: bool,
    /// Config-id for `@ID` lines; default: the host's name
    #[arg(short = 'i', long = "config-id", value_name = "ID")]
    pub config_id: Option<String>,
    /// Check the configuration and exit
    #[arg(short = 't', long = "config-test", value_name = "FILE", num_args = 0..=1, default_missing_value = "")]
    pub config_test: Option<OsString>,
    /// Print the number of a signal: STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON
    #[arg(long = "signum", value_name = "NAME")]
    pub signum: Option<String>,
    /// Debugging aid
    #[arg(long = "ignore-sigint")]
    pub ignore_sigint: bool,
    /// Print the version
    #[arg(short = 'v', long = "version")]
    pub version: bool,
    /// Print this help
    #[arg(short = 'h', long = "help")]
    pub help: bool,
    /// Internal: which child process this is
    #[arg(long = "child-role", hide = true, value_name = "ROLE")]
    pub child_role: Option<String>,
    /// Stray words, reported and ignored
    #[arg(hide = true)]
    pub stray: Vec<String>,
}

/// What the command line comes to when it does not ask for the daemon.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Text for standard error and exit status 0.
    Text(String),
    /// Message for standard error and exit status 1.
    Error(String),
}

impl Options {
    /// Reads the command line.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, Outcome> {
        let options = Options::try_parse_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Outcome::Text(error.to_string()),
            _ => Outcome::Error(error.to_string()),
        })?;
        if options.help {
            return Err(Outcome::Text(Options::command().render_help().to_string()));
        }
        if options.version {
            return Err(Outcome::Text(format!("{}\n", version_text())));
        }
        Ok(options)
    }

    /// Options that are taken but have no effect yet, each with a remark for the log.
    pub fn without_effect(&self) -> Vec<&'static str> {
        let given = [
            (self.log_file.is_some(), "-g, --log-file: logging to files is not done yet"),
            (self.flush_log_file, "--flush-log-file: logging to files is not done yet"),
            (self.umask.is_some(), "-u, --umask: not acted on yet"),
            (self.release_vips, "-X, --release-vips: not acted on yet"),
            (self.address_monitoring, "-a, --address-monitoring: not acted on yet"),
            (self.core_dump_pattern.is_some(), "-M: acts as -m; for the pattern set kernel.core_pattern"),
        ];
        given.into_iter().filter(|(given, text)| *given && !text.is_empty()).map(|(_, text)| text).collect()
    }

    /// `-m` or `-M`.
    pub fn dumps_core(&self) -> bool {
        self.core_dump || self.core_dump_pattern.is_some()
    }

    /// `-S`; what cannot be read is reported and the default taken.
    pub fn facility(&self) -> Result<Facility, String> {
        let Some(word) = &self.log_facility else { return Ok(Facility::LOG_DAEMON) };
        let number = word.strip_prefix("local").unwrap_or(word);
        match (word.as_str(), number.parse()) {
            ("user", _) => Ok(Facility::LOG_USER),
            ("daemon", _) => Ok(Facility::LOG_DAEMON),
            (_, Ok(0)) => Ok(Facility::LOG_LOCAL0),
            (_, Ok(1)) => Ok(Facility::LOG_LOCAL1),
            (_, Ok(2)) => Ok(Facility::LOG_LOCAL2),
            (_, Ok(3)) => Ok(Facility::LOG_LOCAL3),
            (_, Ok(4)) => Ok(Facility::LOG_LOCAL4),
            (_, Ok(5)) => Ok(Facility::LOG_LOCAL5),
            (_, Ok(6)) => Ok(Facility::LOG_LOCAL6),
            (_, Ok(7)) => Ok(Facility::LOG_LOCAL7),
            _ => Err(format!("invalid log facility '{word}', taking daemon (use 0-7, local0-local7, user or daemon)")),
        }
    }
}

/// What `-v` prints and KEEPALIVED-MIB::version shows. The date is that of the release.
pub fn version_text() -> String {
    format!("Keepalived v{} ({})", env!("CARGO_PKG_VERSION"), RELEASE_DATE)
}

/// MM/DD,YYYY, as C keepalived writes it.
const RELEASE_DATE: &str = "11/22,2026";

/// The signal that has statistics dumped and zeroed: glibc's SIGRTMAX - 1.
pub const STATS_CLEAR: u32 = 63;

/// `--signum NAME`.
pub fn signal_number(name: &str) -> Option<i32> {
    // The real-time signals are counted from glibc's SIGRTMIN, 34.
    Some(match name {
        "STOP" => 15,
        "RELOAD" => 1,
        "DATA" => 10,
        "STATS" => 12,
        "STATS_CLEAR" => STATS_CLEAR.cast_signed(),
        "JSON" => 36,
        _ => return None,
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
            "keepalived --dont-fork --log-con --log-det --log-fac=7 --use-file=/x",
        ] {
            let options = read(line).unwrap();
            assert!(options.dont_fork && options.log_console && options.log_detail == 1, "{line}");
            assert_eq!(options.config_file, PathBuf::from("/x"), "{line}");
            assert!(matches!(options.facility(), Ok(Facility::LOG_LOCAL7)), "{line}");
        }
    }

    #[test]
    fn optional_argument_of_t() {
        assert_eq!(read("keepalived -t -f /x").unwrap().config_test, Some(OsString::new()));
        assert_eq!(read("keepalived -t/log").unwrap().config_test, Some("/log".into()));
        assert_eq!(read("keepalived --config-test=/log").unwrap().config_test, Some("/log".into()));
    }

    #[test]
    fn errors_are_told_apart_from_answers() {
        assert!(matches!(read("keepalived --nonsense"), Err(Outcome::Error(_))));
        assert!(matches!(read("keepalived -v"), Err(Outcome::Text(text)) if text.starts_with("Keepalived v")));
        assert!(matches!(read("keepalived -h"), Err(Outcome::Text(text)) if text.contains("--use-file")));
        assert_eq!(read("keepalived stray words").unwrap().stray, ["stray", "words"]);
    }
}
