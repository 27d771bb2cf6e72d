//! Keywords of the checkers of a real server.

use super::keyword::*;

/// Keywords of all network checkers, with the default port and the first releases of a checker.
#[rustfmt::skip]
const fn connect(port: &'static str, since: [&'static str; 7]) -> [Keyword; 7] {
    [
        kw("connect_ip", Acted, ADDRESS, "ADDR", "", "address of the real server", since[0], "address to connect to"),
        kw("connect_port", Acted, &[One(Uint(1, 65535))], "PORT", "1..65535", port, since[1], "port to connect to"),
        kw("bindto", Acted, ADDRESS, "ADDR", "of the family of the target", "chosen by the kernel", since[2], "source address"),
        kw("bind_port", Acted, &[One(Uint(1, 65535))], "PORT", "1..65535", "chosen by the kernel", since[3], "source port"),
        kw("bind_if", Acted, &[One(Interface)], "IFNAME", "", "none", since[4], "interface of the connection; needed for link-local addresses"),
        kw("connect_timeout", Acted, PAUSE, "SECS", "0.000001..4294967295", "that of the real server, else 5", since[5], "time limit of an attempt"),
        kw("fwmark", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", "0", since[6], "firewall mark of the check's packets, 0 = none"),
    ]
}

/// Timing keywords of all checkers, with the defaults and first releases of a checker.
#[rustfmt::skip]
const fn timing(retry: &'static str, delay: &'static str, since: [&'static str; 6]) -> [Keyword; 6] {
    [
        kw("retry", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", retry, since[0], "further attempts before a check has failed"),
        kw("delay_before_retry", Acted, PAUSE, "SECS", "0.000001..4294967295", delay, since[1], "time from a failed attempt to the next"),
        kw("warmup", Acted, &[One(Decimal(0, 4_294_967_295_000_000, 6))], "SECS", "0..4294967295; 0 = none", "that of the real server, else delay_loop", since[2], "longest random delay before the first check"),
        kw("delay_loop", Acted, PAUSE, "SECS", "0.000001..4294967295", "that of the real server", since[3], "time from one check to the next"),
        kw("alpha", Acted, BOOL, "[BOOL]", "", "that of the real server", since[4], "the server is down until this check succeeds"),
        kw("log_all_failures", Acted, BOOL, "[BOOL]", "", "checker_log_all_failures", since[5], "log each failed attempt"),
    ]
}

/// Connection keywords of `TCP_CHECK`.
#[rustfmt::skip]
pub(super) static TCP_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server", ["1.2.13", "0.5.8", "1.1.2", "1.2.13", "1.3.7", "<=0.5.3", "1.2.13"]);

/// Timing keywords of `TCP_CHECK`.
#[rustfmt::skip]
pub(super) static TCP_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.2.20", "1.2.20", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Connection keywords of `HTTP_GET`.
#[rustfmt::skip]
pub(super) static HTTP_GET_CONNECT: [Keyword; 7] = connect("port of the real server", ["1.2.13", "0.5.8", "1.1.2", "1.2.13", "1.3.7", "<=0.5.3", "1.2.13"]);

/// Timing keywords of `HTTP_GET`.
#[rustfmt::skip]
pub(super) static HTTP_GET_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 3", ["1.3.7", "<=0.5.3", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Connection keywords of `SSL_GET`.
#[rustfmt::skip]
pub(super) static SSL_GET_CONNECT: [Keyword; 7] = connect("port of the real server", ["1.2.13", "0.5.8", "1.1.2", "1.2.13", "1.3.7", "<=0.5.3", "1.2.13"]);

/// Timing keywords of `SSL_GET`.
#[rustfmt::skip]
pub(super) static SSL_GET_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 3", ["1.3.7", "<=0.5.3", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Connection keywords of `SMTP_CHECK`.
#[rustfmt::skip]
pub(super) static SMTP_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server (SMTP 25 if that is 0)", ["1.2.13", "1.2.13", "1.2.13", "1.2.13", "1.3.7", "1.1.8", "1.2.13"]);

/// Timing keywords of `SMTP_CHECK`.
#[rustfmt::skip]
pub(super) static SMTP_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.1.8", "1.1.8", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Connection keywords of `DNS_CHECK`.
#[rustfmt::skip]
pub(super) static DNS_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server (DNS 53 if that is 0)", ["1.2.13", "1.2.13", "1.2.13", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]);

/// Timing keywords of `DNS_CHECK`.
#[rustfmt::skip]
pub(super) static DNS_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 3", "that of the real server, else delay_loop", ["1.3.0", "1.2.23", "1.2.23", "1.3.7", "1.3.7", "2.0.11"]);

/// Connection keywords of `UDP_CHECK`.
#[rustfmt::skip]
pub(super) static UDP_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server", ["1.2.13", "1.2.13", "1.2.13", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]);

/// Timing keywords of `UDP_CHECK`.
#[rustfmt::skip]
pub(super) static UDP_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.3.7", "1.2.23", "1.2.23", "1.3.7", "1.3.7", "2.0.11"]);

/// Connection keywords of `PING_CHECK`.
#[rustfmt::skip]
pub(super) static PING_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server (ignored)", ["1.2.13", "1.2.13", "1.2.13", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]);

/// Timing keywords of `PING_CHECK`.
#[rustfmt::skip]
pub(super) static PING_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.3.7", "1.2.23", "1.2.23", "1.3.7", "1.3.7", "2.0.11"]);

/// Timing keywords of `MISC_CHECK`.
#[rustfmt::skip]
pub(super) static MISC_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 0", "that of the real server, else 1", ["1.3.7", "1.2.23", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Connection keywords of a `host` block.
#[rustfmt::skip]
pub(super) static HOST_CONNECT: [Keyword; 7] = connect("port of the real server (SMTP 25 if that is 0)", ["1.1.8", "1.1.8", "1.1.8", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]);

/// Timing keywords of a `host` block.
#[rustfmt::skip]
pub(super) static HOST_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.3.7", "1.2.23", "1.2.23", "1.3.7", "1.3.7", "2.0.11"]);

// Keywords of both `HTTP_GET` and `SSL_GET`.
#[rustfmt::skip]
const NB_GET_RETRY: Keyword = kw("nb_get_retry", Deprecated("retry"), COUNT, "N", "", "", "<=0.5.3", "see retry");
#[rustfmt::skip]
const VIRTUALHOST: Keyword = kw("virtualhost", Acted, &[One(Text)], "STRING", "", "that of the real server", "1.3.6", "HTTP host name").lenient(Lenience::Line);
#[rustfmt::skip]
const HTTP_PROTOCOL: Keyword = kw("http_protocol", Acted, &[One(OneOf(&["1.0", "1.0C", "1.0c", "1.1"]))], "1.0|1.0C|1.1", "also 1.0c", "1.0", "2.0.17", "HTTP version; C = with Connection: close").lenient(Lenience::Line);
#[rustfmt::skip]
const ENABLE_SNI: Keyword = kw("enable_sni", Acted, BOOL, "[BOOL]", "for SSL_GET", "off", "1.4.3", "send the host name as Server Name Indication");
#[rustfmt::skip]
const SNI_NAME: Keyword = kw("sni_name", Acted, &[One(Text)], "STRING", "for SSL_GET", "the host name", "after v2.4.3", "name for Server Name Indication");
#[rustfmt::skip]
const FAST_RECOVERY: Keyword = kw("fast_recovery", Acted, BOOL, "[BOOL]", "", "false", "2.0.17", "no pause between the URLs at the start, and when the server comes up");

/// `HTTP_GET` besides the common keywords.
#[rustfmt::skip]
pub(super) static HTTP_GET: &[Keyword] = &[
    NB_GET_RETRY,
    VIRTUALHOST,
    HTTP_PROTOCOL,
    ENABLE_SNI,
    SNI_NAME,
    FAST_RECOVERY,
    kw("url", Acted, FLAG, "{ }", "at least one; may be repeated", "", "<=0.5.3", "one page to get").with(Block(&[URL])),
];

/// `SSL_GET` besides the common keywords.
#[rustfmt::skip]
pub(super) static SSL_GET: &[Keyword] = &[
    NB_GET_RETRY,
    VIRTUALHOST,
    HTTP_PROTOCOL,
    ENABLE_SNI,
    SNI_NAME,
    FAST_RECOVERY,
    kw("url", Acted, FLAG, "{ }", "at least one; may be repeated", "", "<=0.5.3", "one page to get").with(Block(&[URL, SSL_URL])),
    kw("tls_compliant", Acted, BOOL, "[BOOL]", "", "false", "2.2.8", "send close_notify at the end"),
];

/// `SMTP_CHECK` besides the common keywords.
#[rustfmt::skip]
pub(super) static SMTP_CHECK: &[Keyword] = &[
    kw("helo_name", Acted, &[One(Text)], "STRING", "", "smtpchecker.keepalived.org", "1.1.8", "name sent with HELO").lenient(Lenience::Line),
    kw("host", Deprecated("one SMTP_CHECK per host"), FLAG, "{ }", "", "", "1.1.8", "a further host with its own connection keywords").with(Block(&[&HOST_CONNECT, &HOST_TIMING])),
];

/// `DNS_CHECK` besides the common keywords.
#[rustfmt::skip]
pub(super) static DNS_CHECK: &[Keyword] = &[
    kw("type", Acted, &[One(AnyCase(&["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"]))], "A|NS|CNAME|SOA|MX|TXT|AAAA|RRSIG|DNSKEY", "in upper or lower case", "SOA", "1.3.0", "type of the query"),
    kw("name", Acted, &[One(Text)], "STRING", "labels of at most 63 octets, 255 in all", ". (the root)", "1.3.0", "name of the query"),
];

/// `UDP_CHECK` besides the common keywords.
#[rustfmt::skip]
pub(super) static UDP_CHECK: &[Keyword] = &[
    kw("payload", Acted, &[One(Hex), Many(Hex)], "HEX ...", "spaces allowed; a single digit before a space is one octet", "random octets", "2.2.0", "octets to send").lenient(Lenience::Line),
    kw("require_reply", Acted, &[Many(HexPattern)], "[HEX ...]", "X or x = any digit; without HEX any reply is accepted", "off", "2.1.0", "a reply is required, and its contents"),
    kw("min_reply_length", Acted, &[One(Uint(0, 65535))], "N", "0..65535", "0", "2.2.0", "shortest reply that is accepted"),
    kw("max_reply_length", Acted, &[One(Uint(0, 65535))], "N", "0..65535", "255", "2.2.0", "longest reply that is accepted"),
];

/// `MISC_CHECK` besides the common keywords.
#[rustfmt::skip]
pub(super) static MISC_CHECK: &[Keyword] = &[
    kw("misc_path", Acted, &[Term::Script], "SCRIPT", "", "", "<=0.5.3", "command to run; required; see SCRIPTS").lenient(Lenience::Line),
    kw("misc_timeout", Acted, &[One(Uint(0, 4294))], "SECS", "0..4294; 0 = the default", "delay_loop", "1.1.0", "time limit of a run"),
    kw("misc_dynamic", Acted, FLAG, "", "", "off", "1.1.8", "exit status 2..255 sets the weight to the status minus 2"),
    kw("user", Acted, &[One(Text), Opt(Text), Opt(Text)], "USER [GROUP]", "", "script_user", "1.3.0", "user and group of the script").lenient(Lenience::Line),
];

/// `BFD_CHECK`.
#[rustfmt::skip]
pub(super) static BFD_CHECK: &[Keyword] = &[
    kw("name", Acted, NAME, "NAME", "a bfd_instance that reports to the checker process", "", "2.0.0", "BFD session; required").lenient(Lenience::Line),
    kw("alpha", Acted, BOOL, "[BOOL]", "", "that of the real server", "2.0.0", "the server is down until this check succeeds"),
];

/// `FILE_CHECK`.
#[rustfmt::skip]
pub(super) static FILE_CHECK: &[Keyword] = &[
    kw("track_file", Acted, &[One(Text)], "NAME", "name of a track_file", "", "2.1.0", "file with the number; required"),
    kw("weight", Acted, &[One(Int(-2_147_483_647, 2_147_483_647)), Opt(OneOf(&["reverse", "noreverse"]))], "N [reverse|noreverse]", "-2147483647..2147483647", "weight of the track_file", "2.1.0", "factor for the number").lenient(Lenience::Line),
    kw("dynamic", NoEffect, FLAG, "", "", "", "", "has no function"),
];

/// `url` of both web checkers.
#[rustfmt::skip]
static URL: &[Keyword] = &[
    kw("path", Acted, &[One(Text)], "STRING", "without it the url is not used; a fault", "", "<=0.5.3", "path of the request; required"),
    kw("digest", Acted, &[One(Digest)], "HEX32", "32 hexadecimal digits", "none", "<=0.5.3", "MD5 of the page"),
    kw("status_code", Acted, &[One(Numbers(100, 599)), Many(Numbers(100, 599))], "N|N-N ...", "100..599", "200-299", "0.7.6", "accepted status codes").lenient(Lenience::Line),
    kw("virtualhost", Acted, &[One(Text)], "STRING", "", "that of the checker", "1.3.6", "HTTP host name").lenient(Lenience::Line),
    kw("regex", Acted, &[Term::Pattern], "PATTERN", "in double quotes all backslash escapes count", "none", "2.0.7", "PCRE2 pattern that the page must match").lenient(Lenience::Line),
    kw("regex_no_match", Acted, FLAG, "", "", "off", "2.0.7", "a match is a failure"),
    kw("regex_options", Acted, &[One(OneOf(REGEX_OPTIONS)), Many(OneOf(REGEX_OPTIONS))], "OPTION ...", "allow_empty_class, alt_bsux, auto_callout, caseless, dollar_endonly, dotall, dupnames, extended, firstline, match_unset_backref, multiline, never_ucp, never_utf, no_auto_capture, no_auto_possess, no_dotstar_anchor, no_start_optimize, ucp, ungreedy, utf, never_backslash_c, alt_circumflex, alt_verbnames, use_offset_limit", "none", "2.0.7", "PCRE2 options of the pattern; see pcre2api(3)").lenient(Lenience::Line),
    kw("regex_min_offset", Acted, COUNT, "N", "0..4294967295 octets", "0", "2.0.7", "start of the part of the page that is matched").lenient(Lenience::Line),
    kw("regex_max_offset", Acted, COUNT, "N", "0..4294967295 octets", "none", "2.0.7", "last octet of the page where a match may start").lenient(Lenience::Line),
    kw("regex_stack", Unneeded("patterns are interpreted, with a limit of steps, and take no stack"), &[One(Uint(1, U32)), One(Uint(1, U32))], "START MAX", "1..4294967295 octets each", "library default", "2.0.7", "stack for matching, at the start and at most").lenient(Lenience::Line),
];

/// `url` of `SSL_GET` besides.
#[rustfmt::skip]
static SSL_URL: &[Keyword] = &[
    kw("tls_compliant", Acted, BOOL, "[BOOL]", "", "that of the checker", "2.2.8", "send close_notify at the end"),
];

/// PCRE2 compile options of `regex_options`.
#[rustfmt::skip]
const REGEX_OPTIONS: &[&str] = &[
    "allow_empty_class", "alt_bsux", "auto_callout", "caseless", "dollar_endonly", "dotall",
    "dupnames", "extended", "firstline", "match_unset_backref", "multiline", "never_ucp",
    "never_utf", "no_auto_capture", "no_auto_possess", "no_dotstar_anchor", "no_start_optimize", "ucp",
    "ungreedy", "utf", "never_backslash_c", "alt_circumflex", "alt_verbnames", "use_offset_limit",
];
