//! The options with their values.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum, ValueHint};

use super::getopt::Line;
use crate::config::model::LogFormat;
use crate::control::{Absence, Weight};

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
    /// Run the VRRP process without the checker process
    #[arg(short = 'P', long = "vrrp")]
    pub vrrp_only: bool,
    /// Run the checker process without the VRRP process
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
    /// Serve KEEPALIVED-MIB, KEEPALIVED-HA-MIB, VRRP-MIB and VRRPV3-MIB over AgentX
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
