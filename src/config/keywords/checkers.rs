//! Keywords of the checkers of a real server.

use super::keyword::*;

/// The words of every checker that connects; what differs is the default and the first release.
#[rustfmt::skip]
const fn connect(port: &'static str, since: [&'static str; 7]) -> [Keyword; 7] {
    [
        kw("connect_ip", Acted, ADDRESS, "ADDR", "", "address of the real server", since[0], "address to connect to"),
        kw("connect_port", Acted, &[One(Uint(1, 65535))], "PORT", "1..65535", port, since[1], "port to connect to"),
        kw("bindto", Acted, ADDRESS, "ADDR", "same family as the target", "chosen by kernel", since[2], "source address"),
        kw("bind_port", Acted, &[One(Uint(1, 65535))], "PORT", "1..65535", "chosen by kernel", since[3], "source port"),
        kw("bind_if", Acted, &[One(Interface)], "IFNAME", "", "none", since[4], "source interface (needed for link-local addresses)"),
        kw("connect_timeout", Acted, PAUSE, "SECS", ">0", "that of the real server (5)", since[5], "time limit of an attempt"),
        kw("fwmark", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", "0", since[6], "socket mark"),
    ]
}

/// The words of every checker that waits and retries; what differs is the default and the first release.
#[rustfmt::skip]
const fn timing(retry: &'static str, delay: &'static str, since: [&'static str; 6]) -> [Keyword; 6] {
    [
        kw("retry", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", retry, since[0], "further attempts before down"),
        kw("delay_before_retry", Acted, PAUSE, "SECS", ">0", delay, since[1], "wait between attempts"),
        kw("warmup", Acted, &[One(Decimal(0, 4_294_967_295_000_000, 6))], "SECS", "0 = none", "that of the real server, else delay_loop", since[2], "upper bound of the random first delay"),
        kw("delay_loop", Acted, PAUSE, "SECS", ">0", "that of the real server", since[3], "period"),
        kw("alpha", Acted, BOOL, "[BOOL]", "bare = true", "that of the real server", since[4], "start down"),
        kw("log_all_failures", Acted, BOOL, "[BOOL]", "bare = true", "checker_log_all_failures", since[5], "log each failed attempt"),
    ]
}

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static TCP_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server", ["1.2.13", "0.5.8", "1.1.2", "1.2.13", "1.3.7", "<=0.5.3", "1.2.13"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static TCP_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.2.20", "1.2.20", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static HTTP_GET_CONNECT: [Keyword; 7] = connect("port of the real server", ["1.2.13", "0.5.8", "1.1.2", "1.2.13", "1.3.7", "<=0.5.3", "1.2.13"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static HTTP_GET_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 3", ["1.3.7", "<=0.5.3", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static SSL_GET_CONNECT: [Keyword; 7] = connect("port of the real server", ["1.2.13", "0.5.8", "1.1.2", "1.2.13", "1.3.7", "<=0.5.3", "1.2.13"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static SSL_GET_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 3", ["1.3.7", "<=0.5.3", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static SMTP_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server (SMTP 25 if that is 0)", ["1.2.13", "1.2.13", "1.2.13", "1.2.13", "1.3.7", "1.1.8", "1.2.13"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static SMTP_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.1.8", "1.1.8", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static DNS_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server (DNS 53 if that is 0)", ["1.2.13", "1.2.13", "1.2.13", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static DNS_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 3", "that of the real server, else delay_loop", ["1.3.0", "1.2.23", "1.2.23", "1.3.7", "1.3.7", "2.0.11"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static UDP_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server", ["1.2.13", "1.2.13", "1.2.13", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static UDP_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.3.7", "1.2.23", "1.2.23", "1.3.7", "1.3.7", "2.0.11"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static PING_CHECK_CONNECT: [Keyword; 7] = connect("port of the real server (ignored)", ["1.2.13", "1.2.13", "1.2.13", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static PING_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.3.7", "1.2.23", "1.2.23", "1.3.7", "1.3.7", "2.0.11"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static MISC_CHECK_TIMING: [Keyword; 6] = timing("that of the real server, else 0", "that of the real server, else 1", ["1.3.7", "1.2.23", "1.2.13", "1.3.7", "1.3.7", "2.0.11"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static HOST_CONNECT: [Keyword; 7] = connect("port of the real server (SMTP 25 if that is 0)", ["1.1.8", "1.1.8", "1.1.8", "1.2.13", "1.3.7", "1.2.13", "1.2.13"]);

/// Common words of one checker.
#[rustfmt::skip]
pub(super) static HOST_TIMING: [Keyword; 6] = timing("that of the real server, else 1", "that of the real server, else 1", ["1.3.7", "1.2.23", "1.2.23", "1.3.7", "1.3.7", "2.0.11"]);

/// `HTTP_GET` beside the common words.
#[rustfmt::skip]
pub(super) static HTTP_GET: &[Keyword] = &[
    kw("nb_get_retry", Deprecated("retry"), COUNT, "N", "deprecated alias of retry", "", "<=0.5.3", "see retry"),
    kw("virtualhost", Acted, &[One(Text)], "STRING", "", "that of the real server", "1.3.6", "HTTP Host name"),
    kw("http_protocol", Acted, &[One(OneOf(&["1.0", "1.0C", "1.0c", "1.1"]))], "1.0|1.0C|1.1", "lower-case c accepted too", "1.0", "2.0.17", "protocol version; C adds Connection: close"),
    kw("enable_sni", Acted, BOOL, "[BOOL]", "meaningful for SSL_GET", "off", "1.4.3", "send server name indication (the Host name)"),
    kw("sni_name", Acted, &[One(Text)], "STRING", "meaningful for SSL_GET", "Host name", "after v2.4.3", "name to send as SNI"),
    kw("fast_recovery", Acted, BOOL, "[BOOL]", "bare = true", "false", "2.0.17", "no pause between URLs at start and recovery"),
    kw("url", Acted, FLAG, "{ }", "at least one; repeatable", "", "<=0.5.3", "one test page").with(Block(&[URL])),
];

/// `SSL_GET` beside the common words.
#[rustfmt::skip]
pub(super) static SSL_GET: &[Keyword] = &[
    kw("nb_get_retry", Deprecated("retry"), COUNT, "N", "deprecated alias of retry", "", "<=0.5.3", "see retry"),
    kw("virtualhost", Acted, &[One(Text)], "STRING", "", "that of the real server", "1.3.6", "HTTP Host name"),
    kw("http_protocol", Acted, &[One(OneOf(&["1.0", "1.0C", "1.0c", "1.1"]))], "1.0|1.0C|1.1", "lower-case c accepted too", "1.0", "2.0.17", "protocol version; C adds Connection: close"),
    kw("enable_sni", Acted, BOOL, "[BOOL]", "meaningful for SSL_GET", "off", "1.4.3", "send server name indication (the Host name)"),
    kw("sni_name", Acted, &[One(Text)], "STRING", "meaningful for SSL_GET", "Host name", "after v2.4.3", "name to send as SNI"),
    kw("fast_recovery", Acted, BOOL, "[BOOL]", "bare = true", "false", "2.0.17", "no pause between URLs at start and recovery"),
    kw("url", Acted, FLAG, "{ }", "at least one; repeatable", "", "<=0.5.3", "one test page").with(Block(&[URL, SSL_URL])),
    kw("tls_compliant", Acted, BOOL, "[BOOL]", "bare = true", "false", "2.2.8", "send close_notify on shutdown"),
];

/// `SMTP_CHECK` beside the common words.
#[rustfmt::skip]
pub(super) static SMTP_CHECK: &[Keyword] = &[
    kw("helo_name", Acted, &[One(Text)], "STRING", "", "smtpchecker.keepalived.org", "1.1.8", "HELO argument"),
    kw("host", Deprecated("one SMTP_CHECK per host"), FLAG, "{ }", "deprecated: connection keywords for a further host", "", "1.1.8", "extra host").with(Block(&[&HOST_CONNECT, &HOST_TIMING])),
];

/// `DNS_CHECK` beside the common words.
#[rustfmt::skip]
pub(super) static DNS_CHECK: &[Keyword] = &[
    kw("type", Acted, &[One(AnyCase(&["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"]))], "A|NS|CNAME|SOA|MX|TXT|AAAA|RRSIG|DNSKEY", "RRSIG and DNSKEY are accepted by keepalived, not in the manual", "SOA", "1.3.0", "query type"),
    kw("name", Acted, &[One(Text)], "STRING", "labels ≤63, name ≤255", ". (root)", "1.3.0", "query name"),
];

/// `UDP_CHECK` beside the common words.
#[rustfmt::skip]
pub(super) static UDP_CHECK: &[Keyword] = &[
    kw("payload", Acted, &[One(Hex), Many(Hex)], "HEX ...", "spaces allowed; a lone digit before a space is one byte", "random content", "2.2.0", "data to send"),
    kw("require_reply", Acted, &[Many(HexPattern)], "[HEX ...]", "X or x matches any nibble", "off; bare = any reply", "2.1.0", "reply needed"),
    kw("min_reply_length", Acted, &[One(Uint(0, 65535))], "N", "0..65535", "0", "2.2.0", "shortest reply"),
    kw("max_reply_length", Acted, &[One(Uint(0, 65535))], "N", "0..65535", "255", "2.2.0", "longest reply"),
];

/// `MISC_CHECK` beside the common words.
#[rustfmt::skip]
pub(super) static MISC_CHECK: &[Keyword] = &[
    kw("misc_path", Acted, &[Term::Script], "SCRIPT", "required", "", "<=0.5.3", "command to run"),
    kw("misc_timeout", Acted, &[One(Uint(0, 4294))], "SECS", "0..4294 (0 = default)", "delay_loop", "1.1.0", "run time limit"),
    kw("misc_dynamic", Acted, FLAG, "", "", "off", "1.1.8", "exit status 2..255 sets the weight to status minus 2"),
    kw("user", Acted, &[One(Text), Opt(Text), Opt(Text)], "USER [GROUP]", "", "script_user", "1.3.0", "identity of the script"),
];

/// `BFD_CHECK` beside the common words.
#[rustfmt::skip]
pub(super) static BFD_CHECK: &[Keyword] = &[
    kw("name", Acted, NAME, "NAME", "an existing bfd_instance reporting to the checker; required", "", "2.0.0", "session"),
    kw("alpha", Acted, BOOL, "[BOOL]", "bare = true", "that of the real server", "2.0.0", "start down"),
];

/// `FILE_CHECK` beside the common words.
#[rustfmt::skip]
pub(super) static FILE_CHECK: &[Keyword] = &[
    kw("track_file", Acted, &[One(Text)], "NAME", "an existing track_file; required", "", "2.1.0", "file"),
    kw("weight", Acted, &[One(Int(-2_147_483_647, 2_147_483_647)), Opt(OneOf(&["reverse", "noreverse"]))], "N [reverse|noreverse]", "-2147483647..2147483647", "weight of the track_file", "2.1.0", "multiplier"),
    kw("dynamic", NoEffect, FLAG, "", "named in the man page, no such keyword in keepalived (reported as unknown)", "", "", "none"),
];

/// `url` of both web checkers.
#[rustfmt::skip]
static URL: &[Keyword] = &[
    kw("path", Acted, &[One(Text)], "STRING", "required", "required (a url without path is dropped with an error)", "<=0.5.3", "request path"),
    kw("digest", Acted, &[One(Digest)], "HEX32", "32 hexadecimal digits", "none", "<=0.5.3", "MD5 of the body"),
    kw("status_code", Acted, &[One(Numbers(100, 599)), Many(Numbers(100, 599))], "N|N-N ...", "100..599", "200-299", "0.7.6", "accepted codes"),
    kw("virtualhost", Acted, &[One(Text)], "STRING", "", "that of the checker", "1.3.6", "HTTP Host name"),
    kw("regex", Acted, &[Term::Pattern], "PATTERN", "full backslash escapes in quotes", "none", "2.0.7", "PCRE2 pattern the body must match"),
    kw("regex_no_match", Acted, FLAG, "", "", "off", "2.0.7", "a match is a failure"),
    kw("regex_options", Acted, &[One(OneOf(REGEX_OPTIONS)), Many(OneOf(REGEX_OPTIONS))], "OPTION ...", "24 PCRE2 option names, see checks.md", "none", "2.0.7", "compile options"),
    kw("regex_min_offset", Acted, COUNT, "N", "≥1 bytes", "0", "2.0.7", "bytes skipped before matching"),
    kw("regex_max_offset", Acted, COUNT, "N", "≥1 bytes", "none", "2.0.7", "last byte where a match may start"),
    kw("regex_stack", NotYet, &[One(Uint(1, U32)), One(Uint(1, U32))], "START MAX", "≥1 bytes; JIT builds", "library default", "2.0.7", "matching stack sizes"),
];

/// What `url` of `SSL_GET` has besides.
#[rustfmt::skip]
static SSL_URL: &[Keyword] = &[
    kw("tls_compliant", Acted, BOOL, "[BOOL]", "bare = true", "that of the checker", "2.2.8", "send close_notify on shutdown"),
];

/// PCRE2 compile options `regex_options` takes.
#[rustfmt::skip]
const REGEX_OPTIONS: &[&str] = &[
    "allow_empty_class", "alt_bsux", "auto_callout", "caseless", "dollar_endonly", "dotall",
    "dupnames", "extended", "firstline", "match_unset_backref", "multiline", "never_ucp",
    "never_utf", "no_auto_capture", "no_auto_possess", "no_dotstar_anchor", "no_start_optimize", "ucp",
    "ungreedy", "utf", "never_backslash_c", "alt_circumflex", "alt_verbnames", "use_offset_limit",
];
