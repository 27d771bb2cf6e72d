//! The checkers of a real server.

use std::time::Duration;

use super::super::super::lvs::{Checker, CheckerKind, DnsCheck, MiscCheck, SmtpCheck, Target, UdpCheck};
use super::super::super::model::Script;
use super::super::super::node::Node;
use super::super::context::Ctx;
use super::super::script;
use super::around::{Around, owned};
use super::http;
use super::target::{Port, Server, Times, target};

/// Default of `helo_name`.
const HELO: &str = "smtpchecker.keepalived.org";

pub(super) fn build(block: &Node<'_>, server: &Server, around: &Around<'_>, ctx: &mut Ctx<'_, '_>) -> Vec<Checker> {
    let mut checkers = Vec::new();
    for node in block.children.iter().filter(|n| !n.bad) {
        let times = Times::of(node).inheriting(server.times);
        let timing = times.timing();
        let mut to = |port| target(node, server.address, port, around, ctx);
        let kind = match node.keyword.name {
            "TCP_CHECK" => to(Port::Needed).map(CheckerKind::Tcp),
            "PING_CHECK" => to(Port::Unused).map(CheckerKind::Ping),
            "HTTP_GET" | "SSL_GET" => {
                let target = to(Port::Needed);
                target.and_then(|target| http::build(node, target, server, ctx)).map(Box::new).map(CheckerKind::Http)
            }
            "SMTP_CHECK" => Some(smtp(node, server, around, ctx)),
            "DNS_CHECK" => {
                let target = to(Port::Default(53));
                let query_type = node.last("type").and_then(|n| n.text(0)).map_or(6, record_type);
                target
                    .zip(dns_name(node, ctx))
                    .map(|(target, name)| CheckerKind::Dns(Box::new(DnsCheck { target, query_type, name })))
            }
            "UDP_CHECK" => {
                let target = to(Port::Needed);
                target.and_then(|target| udp(node, target, ctx)).map(Box::new).map(CheckerKind::Udp)
            }
            "MISC_CHECK" => misc(node, timing.delay_loop, ctx),
            "FILE_CHECK" => file(node, around, ctx),
            "BFD_CHECK" => bfd(node, around, ctx),
            _ => None,
        };
        let Some(kind) = kind else { continue };
        let (retry, pause) = match kind {
            CheckerKind::Misc(_) => (0, Duration::from_secs(1)),
            CheckerKind::Dns(_) => (3, timing.delay_loop),
            CheckerKind::Http(_) => (1, Duration::from_secs(3)),
            _ => (1, Duration::from_secs(1)),
        };
        checkers.push(Checker {
            delay_loop: timing.delay_loop,
            timeout: timing.connect_timeout,
            retry: times.retry.unwrap_or(retry),
            delay_before_retry: times.delay_before_retry.unwrap_or(pause),
            warmup: timing.warmup.unwrap_or(timing.delay_loop),
            alpha: node.flag("alpha").unwrap_or(server.alpha),
            log_all_failures: node.flag("log_all_failures").unwrap_or(around.log_all_failures),
            kind,
        });
    }
    // There may be ten thousand real servers, usually with one checker.
    checkers.shrink_to_fit();
    checkers
}

fn smtp(node: &Node<'_>, server: &Server, around: &Around<'_>, ctx: &mut Ctx<'_, '_>) -> CheckerKind {
    let mut targets = Vec::from_iter(target(node, server.address, Port::Default(25), around, ctx));
    for host in node.all("host") {
        targets.extend(target(host, server.address, Port::Default(25), around, ctx));
    }
    let helo_name = owned(node, "helo_name").unwrap_or_else(|| HELO.to_owned());
    CheckerKind::Smtp(Box::new(SmtpCheck { targets, helo_name }))
}

/// The number of a record type (RFC 1035, RFC 3596, RFC 4034).
fn record_type(name: &str) -> u16 {
    match name {
        "A" => 1,
        "NS" => 2,
        "CNAME" => 5,
        "MX" => 15,
        "TXT" => 16,
        "AAAA" => 28,
        "RRSIG" => 46,
        "DNSKEY" => 48,
        _ => 6,
    }
}

/// A name that is valid in a query: labels of 1 to 63 octets, 255 octets in all (RFC 1035 section 2.3.4).
fn dns_name(node: &Node<'_>, ctx: &mut Ctx<'_, '_>) -> Option<String> {
    let Some(written) = node.last("name") else { return Some(String::new()) };
    let name = written.text(0)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels = name.split('.').all(|label| (1..=63).contains(&label.len()));
    // A length octet before each label, and that of the root.
    if name.is_empty() || (labels && name.len() <= 253) {
        return Some(name.to_owned());
    }
    let text = "this name is not valid in a DNS query: the checker is left out";
    ctx.mistake(written.at_arg(0), text, "a name has at most 253 characters, with 1 to 63 between its dots");
    None
}

fn udp(node: &Node<'_>, target: Target, ctx: &mut Ctx<'_, '_>) -> Option<UdpCheck> {
    let length = |name: &str| node.last(name).and_then(|n| n.uint(0)).and_then(|n| u16::try_from(n).ok());
    let (low, high) = (length("min_reply_length").unwrap_or(0), length("max_reply_length").unwrap_or(255));
    if low <= high {
        let payload = node.last("payload").map_or_else(Vec::new, |n| octets(n).map(|(octet, _)| octet).collect());
        let reply = node.last("require_reply").map(|n| octets(n).collect());
        return Some(UdpCheck { target, payload, reply, min_reply: low, max_reply: high });
    }
    let written = node.last("min_reply_length").or(node.last("max_reply_length"));
    let at = written.map_or_else(|| node.at(), |n| n.at_arg(0));
    let text = format!("no reply has at least {low} and at most {high} octets: the checker is left out");
    ctx.mistake(at, text, "raise max_reply_length (default 255)");
    None
}

/// Octets of hexadecimal digits, each with the mask of the digits to compare; a single digit at the end of a word is an
/// octet.
fn octets<'n>(node: &'n Node<'_>) -> impl Iterator<Item = (u8, u8)> + 'n {
    (0..node.args.len()).filter_map(|n| node.text(n)).flat_map(|word| {
        word.as_bytes().chunks(2).map(|digits| {
            digits.iter().fold((0u8, if digits.len() == 1 { 0x0f } else { 0 }), |(value, mask), digit| {
                let found = char::from(*digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
                (value << 4 | found.unwrap_or(0), mask << 4 | if found.is_some() { 15 } else { 0 })
            })
        })
    })
}

fn misc(node: &Node<'_>, delay_loop: Duration, ctx: &mut Ctx<'_, '_>) -> Option<CheckerKind> {
    let Some(path) = node.last("misc_path") else {
        ctx.require(node, "misc_path", "misc_path SCRIPT");
        return None;
    };
    let Script { argv, user } = script::script(path, ctx)?;
    let named = node.last("user").and_then(|n| script::user(n, n.words().get(1..).unwrap_or_default(), ctx));
    let limit = node.last("misc_timeout").and_then(|n| n.uint(0)).filter(|seconds| *seconds > 0);
    Some(CheckerKind::Misc(Box::new(MiscCheck {
        script: Script { argv, user: named.or(user) },
        run_limit: limit.map_or(delay_loop, Duration::from_secs),
        dynamic: node.has("misc_dynamic"),
    })))
}

fn file(node: &Node<'_>, around: &Around<'_>, ctx: &mut Ctx<'_, '_>) -> Option<CheckerKind> {
    let Some(written) = node.last("track_file") else {
        ctx.require(node, "track_file", "track_file NAME");
        return None;
    };
    let name = written.text(0)?;
    let Some(file) = around.files.iter().find(|file| file.name == name) else {
        ctx.unknown(
            written.at_arg(0),
            "track_file",
            name,
            "the checker",
            around.files.iter().map(|file| file.name.as_str()),
        );
        return None;
    };
    let weight = node.last("weight");
    Some(CheckerKind::File {
        track_file: name.to_owned(),
        weight: weight.and_then(|n| n.int(0)).and_then(|n| i32::try_from(n).ok()).unwrap_or(file.weight),
        reverse: weight.and_then(|n| n.text(1)).map_or(file.reverse, |word| word == "reverse"),
    })
}

fn bfd(node: &Node<'_>, around: &Around<'_>, ctx: &mut Ctx<'_, '_>) -> Option<CheckerKind> {
    let Some(written) = node.last("name") else {
        ctx.require(node, "name", "name NAME of a bfd_instance");
        return None;
    };
    let name = written.text(0)?;
    if !around.names.contains(&name) {
        ctx.unknown(written.at_arg(0), "bfd_instance", name, "the checker", around.names.iter().copied());
        return None;
    }
    let (why, remedy) = match around.sessions.iter().find(|session| session.name == name) {
        Some(session) if session.to_checker => return Some(CheckerKind::Bfd { session: name.to_owned() }),
        Some(_) => ("reports to VRRP only", "add 'checker' to its bfd_instance block"),
        None => ("is not configured", "correct its bfd_instance block, or remove the checker"),
    };
    let text =
        format!("BFD_CHECK is left out, as the session '{name}' {why}: the server is checked by its other checkers");
    ctx.mistake(written.at_arg(0), text, remedy);
    None
}
