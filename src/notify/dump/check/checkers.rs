//! The checkers.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::global::script_user;
use super::super::lines;
use super::super::text::{Ids, Moment, Seconds, Text, yes};
use super::servers::{names, us};
use crate::check::{Checker, RealServerId, Tables, VirtualServerId};
use crate::config::lvs::{
    CheckerKind, DnsCheck, HttpCheck, HttpVersion, MiscCheck, SmtpCheck, Source, Target, UdpCheck, UrlCheck,
};
use crate::status::Clock;

/// What C keepalived shows for times and numbers that a checker does not have.
const UNSET_TIME: &str = "18446744073709551615 us";
const UNSET: u32 = u32::MAX;

/// Time before a retry without a keyword, of web servers and of the others.
const WEB_RETRY: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_secs(1);

/// The checkers of a service, in the order of the file.
pub(super) fn of_service(out: &mut Text, id: VirtualServerId, tables: &Tables, clock: Clock) {
    let mut servers: Vec<_> = tables.real_servers.of(&id).filter(|(_, row)| row.regular().is_some()).collect();
    servers.sort_by_key(|(_, row)| row.place);
    for (server, _) in servers {
        for (_, row) in tables.checkers.of(server) {
            checker(out, *server, row, tables, clock);
        }
    }
}

fn checker(out: &mut Text, server: RealServerId, row: &Checker, tables: &Tables, clock: Clock) {
    let config = &row.config;
    let (service, name) = names(server, tables);
    out.line(format_args!(" {service} -> {name}"));
    let suspended = tables.virtual_servers.get(&server.0).is_some_and(|service| service.suspended);
    out.item("Enabled", yes(!suspended));
    out.item("Up", yes(row.up));
    out.item("Has run", yes(row.has_run));
    out.item("Current weight", row.contribution);
    if !row.reason.is_empty() {
        // Not in C keepalived.
        out.item("Reason", &row.reason);
    }
    schedule(out, row);
    out.item("Log all failures", yes(config.log_all_failures));
    let timeout = config.timeout;
    match &config.kind {
        CheckerKind::Tcp(target) => {
            connection(out, target, timeout);
            out.item("Keepalive method", "TCP_CHECK");
        }
        CheckerKind::Http(check) => http(out, check, row, server, tables),
        CheckerKind::Smtp(check) => smtp(out, check, timeout),
        CheckerKind::Dns(check) => dns(out, check, timeout),
        CheckerKind::Misc(check) => misc(out, check, row, tables, clock),
        CheckerKind::Udp(check) => udp(out, check, timeout),
        CheckerKind::Ping(target) => {
            connection(out, target, timeout);
            out.item("Keepalive method", "PING_CHECK");
            out.line(format_args!("     ICMP seq no = {}", row.attempt));
        }
        CheckerKind::File { track_file, .. } => {
            out.item("Keepalive method", "FILE_CHECK");
            out.line(format_args!("     Tracked file = {track_file}"));
            out.line("     Reloaded = No");
        }
        CheckerKind::Bfd { session } => {
            out.item("Keepalive method", "BFD_CHECK");
            out.item("Name", session);
            out.line(format_args!("   Alpha is {}", if config.alpha { "ON" } else { "OFF" }));
        }
    }
}

fn schedule(out: &mut Text, row: &Checker) {
    let config = &row.config;
    let usual = match &config.kind {
        CheckerKind::File { .. } => return,
        CheckerKind::Http(_) => WEB_RETRY,
        CheckerKind::Dns(_) => Duration::ZERO,
        _ => RETRY,
    };
    out.item("Alpha", yes(config.alpha));
    if matches!(config.kind, CheckerKind::Bfd { .. }) {
        // It has no attempts.
        out.item("Delay loop", UNSET_TIME);
        out.item("Warmup", UNSET_TIME);
        out.item("Retries", UNSET);
        out.item("Delay before retry", UNSET_TIME);
        out.item("Retries iterations", UNSET);
    } else {
        out.item("Delay loop", us(config.delay_loop));
        out.item("Warmup", us(config.warmup));
        out.item("Retries", config.retry);
        if config.retry > 0 {
            out.item("Delay before retry", us(config.delay_before_retry));
            out.item("Retries iterations", row.failures);
        }
    }
    out.item("Default delay before retry", us(usual));
}

fn connection(out: &mut Text, target: &Target, timeout: Duration) {
    out.line("   Connection");
    out.line(format_args!("     Dest = {}", bracketed(target.address)));
    if let Some(Source { bind, interface, fwmark }) = target.source.as_deref() {
        if let Some(bind) = bind {
            out.line(format_args!("     Bind to = {}", bracketed(*bind)));
        }
        if let Some(interface) = interface {
            out.line(format_args!("     Bind i/f = {interface}"));
        }
        if *fwmark != 0 {
            out.line(format_args!("     Mark = {fwmark}"));
        }
    }
    out.line(format_args!("     Timeout = {}", Seconds(timeout)));
}

/// `[ADDR]:PORT`, also for IPv4.
fn bracketed(address: SocketAddr) -> String {
    format!("[{}]:{}", address.ip(), address.port())
}

fn http(out: &mut Text, check: &HttpCheck, row: &Checker, server: RealServerId, tables: &Tables) {
    connection(out, &check.target, row.config.timeout);
    let method = if check.tls { "SSL_GET" } else { "HTTP_GET" };
    let version = match check.version {
        HttpVersion::V10 => "1.0",
        HttpVersion::V10Close => "1.0C",
        HttpVersion::V11 => "1.1",
    };
    out.item("Keepalive method", format_args!("{method}, http protocol {version}"));
    let set = |is_set: bool| if is_set { "set" } else { "unset" };
    out.line(format_args!("   Enable SNI {}", set(check.sni.is_some())));
    out.line(format_args!("   Fast recovery {}", set(check.fast_recovery)));
    if check.tls {
        out.line(format_args!("   tls_compliant {}", set(check.close_notify)));
    }
    let service = tables.virtual_servers.get(&server.0).and_then(|row| row.config.virtual_host.as_ref());
    let own = tables.real_servers.get(&server).and_then(|row| row.regular()?.virtual_host.as_ref());
    let inherited = |host: &str| {
        let address = check.target.address;
        let default = host == address.to_string() || host == address.ip().to_string();
        default || [service, own].into_iter().flatten().any(|known| known == host)
    };
    for url in &check.urls {
        self::url(out, url, inherited(&url.host));
    }
    if let Some(url) = row.failed_url().filter(|_| row.has_run && !row.up) {
        out.item("Failed URL", url);
    }
}

fn url(out: &mut Text, url: &UrlCheck, inherits_host: bool) {
    out.item("Checked url", &url.path);
    if let Some(digest) = url.digest {
        let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        out.line(format_args!("     digest = {digest}"));
    }
    out.line(format_args!("     tls_compliant {}", if url.close_notify { "set" } else { "unset" }));
    out.line("     HTTP Status Code(s)");
    for (first, last) in &url.status {
        match first == last {
            true => out.line(format_args!("       {first}")),
            false => out.line(format_args!("       {first}-{last}")),
        }
    }
    if !inherits_host {
        out.line(format_args!("     Virtual host = {}", url.host));
    }
    if let Some(regex) = &url.regex {
        out.line(format_args!("     Regex = \"{}\"", regex.pattern.escape_ascii()));
        if regex.no_match {
            out.line("     Regex no match");
        }
        if !regex.options.is_empty() {
            out.line(format_args!("     Regex options: {}", regex.options.join(" ")));
        }
        if regex.min_offset > 0 {
            out.line(format_args!("     Regex min offset = {}", regex.min_offset));
        }
        if let Some(most) = regex.max_offset {
            out.line(format_args!("     Regex max offset = {most}"));
        }
        out.line("     Regex ref count = 1");
    }
}

fn smtp(out: &mut Text, check: &SmtpCheck, timeout: Duration) {
    check.targets.iter().for_each(|target| connection(out, target, timeout));
    out.item("Keepalive method", "SMTP_CHECK");
    out.item("helo", &check.helo_name);
}

fn dns(out: &mut Text, check: &DnsCheck, timeout: Duration) {
    connection(out, &check.target, timeout);
    out.item("Keepalive method", "DNS_CHECK");
    let name = match check.query_type {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        46 => "RRSIG",
        48 => "DNSKEY",
        _ => "?",
    };
    out.item("Type", name);
    out.item("Name", if check.name.is_empty() { "." } else { &check.name });
}

fn misc(out: &mut Text, check: &MiscCheck, row: &Checker, tables: &Tables, clock: Clock) {
    let user = script_user(&tables.system);
    out.item("Keepalive method", "MISC_CHECK");
    out.item("script", lines::command(&check.script));
    out.item("timeout", check.run_limit.as_secs());
    out.item("dynamic", if check.dynamic { "YES" } else { "NO" });
    out.item("uid:gid", Ids::of(&check.script, user));
    if let Some(at) = row.started() {
        out.item("Last ran", Moment::FractionLast(clock.utc(at)));
    }
    out.item("Last status", row.last_status.unwrap_or(0));
}

fn udp(out: &mut Text, check: &UdpCheck, timeout: Duration) {
    connection(out, &check.target, timeout);
    out.item("Keepalive method", "UDP_CHECK");
    out.item("Payload len", check.payload.len());
    out.item("Require reply", yes(check.reply.is_some()));
    let Some(reply) = &check.reply else { return };
    out.line(format_args!("     Min reply length = {}", check.min_reply));
    out.line(format_args!("     Max reply length = {}", check.max_reply));
    if !reply.is_empty() {
        out.line(format_args!("     Reply data len = {}", reply.len()));
        let masked = reply.iter().any(|(_, mask)| *mask != 0xff);
        out.line(format_args!("     Reply data mask = {}", yes(masked)));
    }
}
