//! `genhash`: requests a page as HTTP_GET and SSL_GET do, and prints the digest that they compute.

mod dump;
mod fetch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, ValueEnum};
use openssl::hash::{Hasher, MessageDigest};

use crate::check::http::{Part, hex, request};
use crate::config::lvs::{HttpVersion, Source, Target};
use crate::net::Transport;
use crate::terminal;
use crate::text::reason;
use dump::Dump;

/// Default time limit of checkers (`connect_timeout`), in seconds.
const LIMIT: u32 = 5;

/// Prints the digest of a web page as HTTP_GET and SSL_GET compute it.
#[derive(Debug, Parser)]
#[command(name = "genhash", disable_help_flag = true, disable_version_flag = true, args_override_self = true)]
struct Arguments {
    /// Address or name of the server
    #[arg(short, long, value_name = "ADDR")]
    server: Option<String>,
    /// Port of the server
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Path of the page
    #[arg(short, long, value_name = "PATH")]
    url: Option<String>,
    /// Speak TLS
    #[arg(short = 'S', long)]
    use_ssl: bool,
    /// With TLS, send the virtual host as server name indication
    #[arg(short = 'I', long)]
    use_sni: bool,
    /// Host header; the default is ADDR:PORT
    #[arg(short = 'V', long, value_name = "NAME")]
    use_virtualhost: Option<String>,
    /// Digest algorithm; checkers use md5 only
    #[arg(short = 'H', long, value_enum, default_value_t = Hash::Md5)]
    hash: Hash,
    /// Firewall mark of the socket
    #[arg(short = 'm', long, value_name = "N", default_value_t = 0)]
    fwmark: u32,
    /// HTTP version: 1.0, 1.0c (1.0 with Connection: close) or 1.1
    #[arg(short = 'P', long, value_name = "VERSION", default_value = "1.0", value_parser = version)]
    protocol: HttpVersion,
    /// Time limit in seconds
    #[arg(short, long, value_name = "SECONDS", default_value_t = LIMIT)]
    timeout: u32,
    /// Show header and body of the reply
    #[arg(short, long)]
    verbose: bool,
    /// Show the release
    #[arg(short, long)]
    release: bool,
    /// Show this text
    #[arg(short, long)]
    help: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Hash {
    Md5,
    Sha1,
    Sha256,
}

impl Hash {
    fn kind(self) -> MessageDigest {
        match self {
            Hash::Md5 => MessageDigest::md5(),
            Hash::Sha1 => MessageDigest::sha1(),
            Hash::Sha256 => MessageDigest::sha256(),
        }
    }
}

fn version(text: &str) -> Result<HttpVersion, String> {
    match text {
        "1.0" => Ok(HttpVersion::V10),
        "1.0c" | "1.0C" => Ok(HttpVersion::V10Close),
        "1.1" => Ok(HttpVersion::V11),
        _ => Err("the version is 1.0, 1.0c or 1.1".to_owned()),
    }
}

/// Runs `genhash` with the arguments of the command line, the program's name first. Blocks until the page is received or
/// the time limit is reached.
///
/// Exit status: 0, or 1 when options are missing or wrong, or the page cannot be fetched.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            terminal::message(error);
            return ExitCode::FAILURE;
        }
    };
    if arguments.release {
        return answer(format_args!("genhash {}", env!("CARGO_PKG_VERSION")));
    }
    let (Some(server), Some(port), Some(url)) = (&arguments.server, arguments.port, &arguments.url) else {
        terminal::message(Arguments::command().render_help());
        if !arguments.help {
            terminal::message("genhash: --server, --port and --url are required");
        }
        return ExitCode::FAILURE;
    };
    if arguments.help {
        return answer(Arguments::command().render_help());
    }
    match page(&arguments, server, port, url, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            terminal::message(format_args!("genhash: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// The options of `genhash`, for completions.
pub fn command() -> clap::Command {
    let versions = clap::builder::PossibleValuesParser::new(["1.0", "1.0c", "1.1"]);
    Arguments::command().mut_arg("protocol", |arg| arg.value_parser(versions).default_value("1.0"))
}

fn answer(text: impl std::fmt::Display) -> ExitCode {
    match terminal::answer(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::message(format_args!("genhash: Cannot write: {}", reason(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Fetches the page and prints its digest.
fn page(arguments: &Arguments, server: &str, port: u16, url: &str, out: &mut dyn Write) -> Result<(), String> {
    let address = resolve(server, port)?;
    let host = arguments.use_virtualhost.clone();
    let sni = host.clone().filter(|_| arguments.use_sni);
    let transport = if arguments.use_ssl { Transport::Tls { sni, close_notify: false } } else { Transport::Tcp };
    let source = Source { fwmark: arguments.fwmark, ..Source::default() };
    let target = Target { address, source: Some(Box::new(source)) };
    let request = request(url, &host.unwrap_or_else(|| address.to_string()), arguments.protocol);
    let limit = Duration::from_secs(arguments.timeout.into());

    let mut hasher = Hasher::new(arguments.hash.kind()).map_err(|e| e.to_string())?;
    let mut dump = Dump::default();
    let verbose = arguments.verbose;
    let writing = |e: io::Error| format!("Cannot write: {}", reason(&e));
    fetch::fetch(&target, &transport, &request, limit, &mut |part| match part {
        Part::Head { octets, .. } if verbose => {
            let text = String::from_utf8_lossy(octets);
            dump::title(out, "header").map_err(writing)?;
            Dump::default().whole(out, octets).map_err(writing)?;
            dump::title(out, "header as text").map_err(writing)?;
            write!(out, "{}", dump::printable(&text)).map_err(writing)?;
            dump::title(out, "body").map_err(writing)
        }
        Part::Head { .. } => Ok(()),
        Part::Body(octets) => {
            hasher.update(octets).map_err(|e| e.to_string())?;
            if verbose { dump.add(out, octets).map_err(writing) } else { Ok(()) }
        }
    })?;
    let digest = hasher.finish().map_err(|e| e.to_string())?;
    if verbose {
        dump.end(out).map_err(writing)?;
        dump::title(out, "digest").map_err(writing)?;
    }
    writeln!(out, "{}", hex(&digest)).map_err(writing)
}

fn resolve(server: &str, port: u16) -> Result<SocketAddr, String> {
    let bare = server.strip_prefix('[').and_then(|s| s.strip_suffix(']')).unwrap_or(server);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let mut found = (server, port).to_socket_addrs().map_err(|e| format!("{server}: {e}"))?;
    found.next().ok_or_else(|| format!("{server} has no address"))
}
