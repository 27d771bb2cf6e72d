//! Keywords of virtual servers and real servers.

use super::keyword::*;

use super::checkers::*;

/// Forwarding methods with the options of tunnels.
const FORWARDING: &[Term] = &[One(OneOf(&["NAT", "DR", "TUN"])), Named(&[TUNNEL])];
/// Schedulers of IPVS.
const SCHEDULER: &[Term] =
    &[One(OneOf(&["rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos"]))];

/// Entries of `virtual_server_group`.
#[rustfmt::skip]
pub(super) static SERVER_GROUP: &[Keyword] = &[
    kw("ADDR", Acted, &[One(Address), Opt(Uint(0, 65535))], "ADDR [PORT]", "", "port 0 = any", "", "one address"),
    kw("ADDR-RANGE", Acted, &[One(Range), Opt(Numbers(1, 65535))], "ADDR-LAST | ADDR-ADDR | ADDR/MASK [PORT]", "LAST = last octet (IPv4 decimal) or last group (IPv6 hex)", "", "", "address range"),
    kw("fwmark", Acted, &[One(Uint(1, U32)), Opt(OneOf(&["inet", "inet6"]))], "N [inet|inet6]", "N 1..4294967295", "family of the real servers", "", "firewall mark"),
];

/// `virtual_server`.
#[rustfmt::skip]
pub(super) static VIRTUAL_SERVER: &[Keyword] = &[
    kw("retry", Acted, &[One(Uint(1, U32))], "N", "≥1 here, ≥0 in a checker", "1 (MISC_CHECK 0, DNS_CHECK 3)", "1.3.7", "further attempts before a live server is declared down"),
    kw("delay_before_retry", Acted, PAUSE, "SECS", ">0, resolution 1 us", "1 (HTTP/SSL 3, DNS = delay_loop)", "1.3.7", "wait between such attempts"),
    kw("warmup", Acted, &[One(Decimal(0, 4_294_967_295_000_000, 6))], "SECS", "0 = none", "delay_loop", "1.3.7", "upper bound of the random delay before the first check"),
    kw("connect_timeout", Acted, PAUSE, "SECS", ">0", "5", "2.0.13", "connection time limit"),
    kw("delay_loop", Acted, PAUSE, "SECS", ">0", "60", "<=0.5.3", "period of checks"),
    kw("ip_family", Acted, &[One(OneOf(&["inet", "inet6"]))], "inet|inet6", "fwmark services with tunnelled servers only", "inet", "1.2.20", "address family of a fwmark service"),
    kw("lb_algo", Acted, SCHEDULER, "rr|wrr|lc|wlc|lblc|sh|mh|dh|fo|ovf|lblcr|sed|nq|twos", "unknown names reported, default kept", "wlc, with an error report", "<=0.5.3", "scheduler"),
    kw("lvs_sched", Alias("lb_algo"), SCHEDULER, "as lb_algo", "alias (preferred name in the manual)", "", "1.1.5", "see lb_algo"),
    kw("hashed", NoEffect, FLAG, "", "accepted by the parser without effect; reported unless the scheduler is sh or mh", "", "1.3.0", "hashed entry flag"),
    kw("ops", Acted, FLAG, "", "UDP only", "off", "1.2.8", "one-packet scheduling"),
    kw("flag-1", Acted, FLAG, "", "", "off", "1.3.0", "first scheduler flag"),
    kw("flag-2", Acted, FLAG, "", "", "off", "1.3.0", "second scheduler flag"),
    kw("flag-3", Acted, FLAG, "", "", "off", "1.3.0", "third scheduler flag"),
    kw("sh-port", Acted, FLAG, "", "set after lb_algo sh (order matters); flag-2 bit", "off", "1.3.0", "include port in the hash (second flag)"),
    kw("sh-fallback", Acted, FLAG, "", "set after lb_algo sh (order matters); flag-1 bit", "off", "1.3.0", "fall back when the chosen server is unavailable (first flag)"),
    kw("mh-port", Acted, FLAG, "", "set after lb_algo mh (order matters); flag-2 bit", "off", "2.0.20", "include port in the hash (second flag)"),
    kw("mh-fallback", Acted, FLAG, "", "set after lb_algo mh (order matters); flag-1 bit", "off", "2.0.20", "fall back when the chosen server is unavailable (first flag)"),
    kw("lb_kind", Acted, FORWARDING, "NAT|DR|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]", "gue needs port 1..65535; remcsum not for gre; checksum words not for ipip", "NAT, with an error report (ipip, nocsum)", "<=0.5.3", "forwarding method"),
    kw("lvs_method", Alias("lb_kind"), FORWARDING, "as lb_kind", "alias (preferred name in the manual)", "", "1.1.5", "see lb_kind"),
    kw("nat_mask", NoEffect, &[One(Text)], "MASK", "removed; unknown keyword in the newest releases", "", "<=0.5.3", "historic NAT mask"),
    kw("persistence_engine", Acted, &[One(Text)], "NAME", "e.g. sip; needs UDP or fwmark for sip", "none", "1.2.20", "persistence engine"),
    kw("persistence_timeout", Acted, &[Opt(Uint(1, 2_678_400))], "[SECS]", "1..2678400; bare 360", "0 (off)", "<=0.5.3", "persistent connections"),
    kw("persistence_granularity", Acted, &[One(Mask)], "NETMASK|PREFIXLEN", "IPv4 netmask or IPv6 prefix length 1..128", "full address", "0.5.7", "client grouping; implies persistence"),
    kw("protocol", Acted, &[One(AnyCase(&["TCP", "UDP", "SCTP"]))], "TCP|UDP|SCTP", "ignored for fwmark", "UDP with an error report", "<=0.5.3", "transport"),
    kw("ha_suspend", Acted, FLAG, "", "not for fwmark services (cleared with an error)", "off", "1.0.0", "no checks while the service address is not present locally"),
    kw("smtp_alert", Acted, BOOL, "[BOOL]", "bare = true", "smtp_alert_checker/smtp_alert else false", "2.0.0", "mail on quorum changes"),
    kw("virtualhost", Acted, &[One(Text)], "STRING", "", "none", "0.5.8", "default HTTP Host name"),
    kw("snmp_name", Acted, &[One(Text)], "STRING", "", "none", "2.2.3", "text shown in SNMP"),
    kw("alpha", Acted, FLAG, "", "", "off", "1.1.16", "servers start down until checked"),
    kw("omega", Acted, FLAG, "", "", "off", "1.1.16", "run down notifications at stop"),
    kw("quorum_up", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.1.16", "run when quorum is gained"),
    kw("quorum_down", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.1.16", "run when quorum is lost"),
    kw("quorum", Acted, &[One(Uint(1, U32))], "N", "1..4294967295 (invalid = 1)", "1", "1.1.16", "live weight needed"),
    kw("hysteresis", Acted, &[One(Uint(0, U32))], "N", "0..quorum-1", "0", "1.1.16", "tolerance around the quorum"),
    kw("weight", Acted, &[One(Uint(1, 2147483647))], "N", "1..2147483647", "1", "1.3.7", "default weight of real servers"),
    kw("inhibit_on_failure", Acted, FLAG, "", "", "off", "1.3.7", "weight 0 instead of removal for all real servers"),
    kw("sorry_server", Acted, &[One(Address), Opt(Uint(0, 65535))], "ADDR [PORT]", "PORT 0..65535, default and 0 that of the service", "none", "<=0.5.3", "used when quorum is lost"),
    kw("sorry_server_inhibit", Acted, FLAG, "", "", "off", "1.2.13", "keep the sorry server with weight 0 when unused"),
    kw("sorry_server_lvs_method", Acted, FORWARDING, "as lb_kind", "", "that of the service", "1.3.6", "forwarding of the sorry server"),
    kw("real_server", Acted, &[One(Address), Opt(Uint(0, 65535))], "ADDR [PORT] { }", "PORT 0..65535, default and 0 that of the service", "", "<=0.5.3", "one real server").with(Block(&[REAL_SERVER])),
];

/// `real_server`.
#[rustfmt::skip]
static REAL_SERVER: &[Keyword] = &[
    kw("retry", Acted, &[One(Uint(1, U32))], "N", "≥1 here, ≥0 in a checker", "that of the service", "1.3.7", "further attempts before a live server is declared down"),
    kw("delay_before_retry", Acted, PAUSE, "SECS", ">0, resolution 1 us", "that of the service", "1.2.23", "wait between such attempts"),
    kw("warmup", Acted, &[One(Decimal(0, 4_294_967_295_000_000, 6))], "SECS", "0 = none", "that of the service", "1.2.23", "upper bound of the random delay before the first check"),
    kw("connect_timeout", Acted, PAUSE, "SECS", ">0", "that of the service", "1.2.13", "connection time limit"),
    kw("delay_loop", Acted, PAUSE, "SECS", ">0", "that of the service", "1.3.7", "period of checks"),
    kw("weight", Acted, &[One(Uint(0, 2147483647))], "N", "0..2147483647", "weight of the service (1)", "<=0.5.3", "weight"),
    kw("lvs_method", Acted, FORWARDING, "as lb_kind", "", "that of the service", "1.3.6", "forwarding of this server"),
    kw("uthreshold", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", "0 (none)", "1.1.13", "upper connection threshold"),
    kw("lthreshold", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", "0 (none)", "1.1.13", "lower connection threshold"),
    kw("inhibit_on_failure", Acted, BOOL, "[BOOL]", "bare = true", "that of the service", "0.6.8", "weight 0 instead of removal"),
    kw("notify_up", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.0.0", "run when the server comes up"),
    kw("notify_down", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.0.0", "run when the server goes down"),
    kw("alpha", Acted, BOOL, "[BOOL]", "bare = true", "that of the service", "1.3.7", "start down until checked"),
    kw("smtp_alert", Acted, BOOL, "[BOOL]", "bare = true", "smtp_alert_checker/smtp_alert else true", "2.0.0", "mail on up/down"),
    kw("virtualhost", Acted, &[One(Text)], "STRING", "", "that of the service", "1.3.6", "HTTP Host name"),
    kw("snmp_name", Acted, &[One(Text)], "STRING", "", "none", "2.2.3", "text shown in SNMP"),
    kw("HTTP_GET", Acted, FLAG, "{ }", "repeatable", "", "<=0.5.3", "HTTP checker").with(Block(&[&HTTP_GET_CONNECT, &HTTP_GET_TIMING, HTTP_GET])),
    kw("SSL_GET", Acted, FLAG, "{ }", "repeatable", "", "<=0.5.3", "HTTPS checker").with(Block(&[&SSL_GET_CONNECT, &SSL_GET_TIMING, SSL_GET])),
    kw("TCP_CHECK", Acted, FLAG, "{ }", "repeatable", "", "<=0.5.3", "TCP connect checker").with(Block(&[&TCP_CHECK_CONNECT, &TCP_CHECK_TIMING])),
    kw("SMTP_CHECK", Acted, FLAG, "{ }", "repeatable", "", "1.1.8", "SMTP dialogue checker").with(Block(&[&SMTP_CHECK_CONNECT, &SMTP_CHECK_TIMING, SMTP_CHECK])),
    kw("DNS_CHECK", Acted, FLAG, "{ }", "repeatable", "", "1.3.0", "DNS query checker").with(Block(&[&DNS_CHECK_CONNECT, &DNS_CHECK_TIMING, DNS_CHECK])),
    kw("MISC_CHECK", Acted, FLAG, "{ }", "repeatable", "", "<=0.5.3", "script checker").with(Block(&[&MISC_CHECK_TIMING, MISC_CHECK])),
    kw("BFD_CHECK", Acted, FLAG, "{ }", "repeatable", "", "2.0.0", "BFD session checker").with(Block(&[BFD_CHECK])),
    kw("UDP_CHECK", Acted, FLAG, "{ }", "repeatable", "", "2.1.0", "UDP datagram checker").with(Block(&[&UDP_CHECK_CONNECT, &UDP_CHECK_TIMING, UDP_CHECK])),
    kw("PING_CHECK", Acted, FLAG, "{ }", "repeatable", "", "2.1.0", "ICMP echo checker").with(Block(&[&PING_CHECK_CONNECT, &PING_CHECK_TIMING])),
    kw("FILE_CHECK", Acted, FLAG, "{ }", "repeatable", "", "2.1.0", "tracked file as weight source").with(Block(&[FILE_CHECK])),
];

/// Tunnel options of `lb_kind TUN`.
#[rustfmt::skip]
pub(super) static TUNNEL: &[Keyword] = &[
    kw("type", Acted, &[One(OneOf(&["ipip", "gue", "gre"])), Named(&[GUE])], "ipip|gue port N|gre", "", "ipip", "2.0.17", "encapsulation"),
    kw("nocsum", Acted, FLAG, "", "not for ipip", "", "2.0.17", "no tunnel checksum"),
    kw("csum", Acted, FLAG, "", "not for ipip", "", "2.0.17", "tunnel checksum"),
    kw("remcsum", Acted, FLAG, "", "gue only", "", "2.0.17", "remote checksum offload"),
];

/// Option of `type gue`.
#[rustfmt::skip]
static GUE: &[Keyword] = &[
    kw("port", Acted, &[One(Uint(1, 65535))], "N", "1..65535", "", "2.0.17", "destination port"),
];
