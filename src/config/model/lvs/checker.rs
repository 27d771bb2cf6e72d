//! Checkers of real servers.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::script::Script;

/// Timing keywords of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// `delay_loop`; default 60 s.
    pub delay_loop: Duration,
    /// `connect_timeout`; default 5 s.
    pub connect_timeout: Duration,
    /// `retry`; `None` = the default of the checker.
    pub retry: Option<u32>,
    /// `delay_before_retry`; `None` = the default of the checker.
    pub delay_before_retry: Option<Duration>,
    /// `warmup`; `None` = `delay_loop`.
    pub warmup: Option<Duration>,
}

/// One checker, with inherited settings merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checker {
    /// Time from a verdict to the next check.
    pub delay_loop: Duration,
    /// Time limit of one attempt.
    pub timeout: Duration,
    /// Further attempts before a check has failed.
    pub retry: u32,
    /// Time from a failed attempt to the next.
    pub delay_before_retry: Duration,
    /// Longest random delay before the first check.
    pub warmup: Duration,
    /// `alpha`: down until the first success.
    pub alpha: bool,
    /// `log_all_failures`.
    pub log_all_failures: bool,
    /// Its kind, with the settings of that.
    pub kind: CheckerKind,
}

/// Target and source of a network checker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `connect_ip` and `connect_port`, else the real server's.
    pub address: SocketAddr,
    /// Source, if configured.
    pub source: Option<Box<Source>>,
}

/// A target without a source.
impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Target {
        Target { address, source: None }
    }
}

/// Source of a network checker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `bindto` and `bind_port` (0 = any).
    pub bind: Option<SocketAddr>,
    /// `bind_if`.
    pub interface: Option<String>,
    /// `fwmark`, 0 = none.
    pub fwmark: u32,
}

/// Kinds of checkers. All but the most common are boxed, as there may be ten thousand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CheckerKind {
    /// `TCP_CHECK`.
    Tcp(Target),
    /// `HTTP_GET` (`tls` false) and `SSL_GET` (`tls` true).
    Http(Box<HttpCheck>),
    /// `SMTP_CHECK`.
    Smtp(Box<SmtpCheck>),
    /// `DNS_CHECK`.
    Dns(Box<DnsCheck>),
    /// `MISC_CHECK`.
    Misc(Box<MiscCheck>),
    /// `UDP_CHECK`.
    Udp(Box<UdpCheck>),
    /// `PING_CHECK`.
    Ping(Target),
    /// `FILE_CHECK`: name of a `track_file`, weight, reverse.
    File {
        /// The file.
        track_file: String,
        /// Factor for the number.
        weight: i32,
        /// `reverse`.
        reverse: bool,
    },
    /// `BFD_CHECK`: has the state of a BFD session.
    Bfd {
        /// Name of the `bfd_instance`.
        session: String,
    },
}

impl CheckerKind {
    /// The keyword of the block.
    pub fn word(&self) -> &'static str {
        match self {
            CheckerKind::Tcp(_) => "TCP_CHECK",
            CheckerKind::Http(check) if check.tls => "SSL_GET",
            CheckerKind::Http(_) => "HTTP_GET",
            CheckerKind::Smtp(_) => "SMTP_CHECK",
            CheckerKind::Dns(_) => "DNS_CHECK",
            CheckerKind::Misc(_) => "MISC_CHECK",
            CheckerKind::Udp(_) => "UDP_CHECK",
            CheckerKind::Ping(_) => "PING_CHECK",
            CheckerKind::File { .. } => "FILE_CHECK",
            CheckerKind::Bfd { .. } => "BFD_CHECK",
        }
    }
}

/// `SMTP_CHECK`: the targets are tested one after the other (`host` blocks).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmtpCheck {
    /// Hosts, at least one.
    pub targets: Vec<Target>,
    /// `helo_name`.
    pub helo_name: String,
}

/// `DNS_CHECK`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsCheck {
    /// The server to query.
    pub target: Target,
    /// `type` as the number of the record type.
    pub query_type: u16,
    /// `name`, without final dot; empty = root.
    pub name: String,
}

/// `MISC_CHECK`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MiscCheck {
    /// `misc_path` with its user.
    pub script: Script,
    /// `misc_timeout`.
    pub run_limit: Duration,
    /// `misc_dynamic`.
    pub dynamic: bool,
}

/// `UDP_CHECK`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UdpCheck {
    /// The server to send to.
    pub target: Target,
    /// `payload`; empty = random octets.
    pub payload: Vec<u8>,
    /// `require_reply`: pairs (value, mask) to compare the reply with, possibly empty; `None` = no reply is required.
    pub reply: Option<Vec<(u8, u8)>>,
    /// `min_reply_length`.
    pub min_reply: u16,
    /// `max_reply_length`.
    pub max_reply: u16,
}

/// `HTTP_GET` / `SSL_GET`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// The server to connect to.
    pub target: Target,
    /// `SSL_GET`.
    pub tls: bool,
    /// `http_protocol`.
    pub version: HttpVersion,
    /// Name for SNI: `sni_name`, or the host name with `enable_sni`.
    pub sni: Option<String>,
    /// `fast_recovery`.
    pub fast_recovery: bool,
    /// `tls_compliant`.
    pub close_notify: bool,
    /// `url` blocks, at least one.
    pub urls: Vec<UrlCheck>,
}

/// `http_protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpVersion {
    /// `1.0`.
    V10,
    /// `1.0C`: with `Connection: close`.
    V10Close,
    /// `1.1`, with `Connection: close`.
    V11,
}

/// One `url`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UrlCheck {
    /// `path`.
    pub path: String,
    /// Value of the Host header: a configured name, else `IP:PORT`.
    pub host: String,
    /// `digest`.
    pub digest: Option<[u8; 16]>,
    /// `status_code`: ranges, both ends included; default 200..=299.
    pub status: Vec<(u16, u16)>,
    /// `regex`.
    pub regex: Option<RegexCheck>,
    /// `tls_compliant` of the url, else that of the checker.
    pub close_notify: bool,
}

/// `regex` and its options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegexCheck {
    /// PCRE2 pattern (bytes: escapes may give any).
    pub pattern: Vec<u8>,
    /// `regex_no_match`.
    pub no_match: bool,
    /// `regex_options`, PCRE2 names in lower case.
    pub options: Vec<String>,
    /// `regex_min_offset`.
    pub min_offset: usize,
    /// `regex_max_offset`.
    pub max_offset: Option<usize>,
}
