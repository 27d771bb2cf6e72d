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
    kw("ADDR", Acted, &[One(Address), Opt(Uint(0, 65535))], "ADDR [PORT]", "PORT 0..65535; 0 = any port", "PORT 0", "", "one address a line").lenient(Lenience::Line),
    kw("ADDR-RANGE", Acted, &[One(Range), Opt(Numbers(1, 65535))], "ADDR-LAST | ADDR-ADDR | ADDR/MASK [PORT]", "LAST = last octet of IPv4 in decimal, or last group of IPv6 in hexadecimal; PORT 1..65535", "", "", "one range of addresses a line").lenient(Lenience::Line),
    kw("fwmark", Acted, &[One(Uint(1, U32)), Opt(OneOf(&["inet", "inet6"]))], "N [inet|inet6]", "N 1..4294967295", "family of the real servers", "", "one firewall mark a line").lenient(Lenience::Line),
];

/// `virtual_server`.
#[rustfmt::skip]
pub(super) static VIRTUAL_SERVER: &[Keyword] = &[
    kw("retry", Acted, &[One(Uint(1, U32))], "N", "1..4294967295", "1; MISC_CHECK 0, DNS_CHECK 3", "1.3.7", "further attempts before a check has failed; default of the checkers"),
    kw("delay_before_retry", Acted, PAUSE, "SECS", "0.000001..4294967295; resolution 1 us", "1; HTTP_GET and SSL_GET 3, DNS_CHECK delay_loop", "1.3.7", "time from a failed attempt to the next; default of the checkers"),
    kw("warmup", Acted, &[One(Decimal(0, 4_294_967_295_000_000, 6))], "SECS", "0..4294967295; 0 = none", "delay_loop", "1.3.7", "longest random delay before the first check; default of the checkers"),
    kw("connect_timeout", Acted, PAUSE, "SECS", "0.000001..4294967295", "5", "2.0.13", "time limit of a connection; default of the checkers"),
    kw("delay_loop", Acted, PAUSE, "SECS", "0.000001..4294967295", "60", "<=0.5.3", "time from one check to the next; default of the checkers"),
    kw("ip_family", Acted, &[One(OneOf(&["inet", "inet6"]))], "inet|inet6", "for firewall marks whose servers are all tunnelled", "inet", "1.2.20", "address family of a firewall mark"),
    kw("lb_algo", Acted, SCHEDULER, "rr|wrr|lc|wlc|lblc|sh|mh|dh|fo|ovf|lblcr|sed|nq|twos", "a missing or another name is a fault; wlc is used", "wlc", "<=0.5.3", "scheduler"),
    kw("lvs_sched", Alias("lb_algo"), SCHEDULER, "rr|wrr|lc|wlc|lblc|sh|mh|dh|fo|ovf|lblcr|sed|nq|twos", "", "", "1.1.5", "see lb_algo"),
    kw("hashed", NoEffect, FLAG, "", "", "", "1.3.0", "an internal mark of the kernel"),
    kw("ops", Acted, FLAG, "", "UDP only", "off", "1.2.8", "one-packet scheduling"),
    kw("flag-1", Acted, FLAG, "", "", "off", "1.3.0", "flag 1 of the scheduler"),
    kw("flag-2", Acted, FLAG, "", "", "off", "1.3.0", "flag 2 of the scheduler"),
    kw("flag-3", Acted, FLAG, "", "", "off", "1.3.0", "flag 3 of the scheduler"),
    kw("sh-port", Acted, FLAG, "", "after lb_algo sh; the same as flag-2", "off", "1.3.0", "the port counts for the hash too"),
    kw("sh-fallback", Acted, FLAG, "", "after lb_algo sh; the same as flag-1", "off", "1.3.0", "take another server when the one of the hash is not available"),
    kw("mh-port", Acted, FLAG, "", "after lb_algo mh; the same as flag-2", "off", "2.0.20", "the port counts for the hash too"),
    kw("mh-fallback", Acted, FLAG, "", "after lb_algo mh; the same as flag-1", "off", "2.0.20", "take another server when the one of the hash is not available"),
    kw("lb_kind", Acted, FORWARDING, "NAT|DR|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]", "a missing or another word is a fault; NAT is used; gue needs port 1..65535; remcsum with gue only; no checksum words with ipip", "NAT; type ipip, nocsum", "<=0.5.3", "forwarding method"),
    kw("lvs_method", Alias("lb_kind"), FORWARDING, "NAT|DR|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]", "", "", "1.1.5", "see lb_kind"),
    kw("nat_mask", NoEffect, &[One(Text)], "MASK", "", "", "<=0.5.3", "old NAT mask").lenient(Lenience::Line),
    kw("persistence_engine", Acted, &[One(Text)], "NAME", "such as sip, for UDP and firewall marks", "none", "1.2.20", "persistence engine"),
    kw("persistence_timeout", Acted, &[Opt(Uint(1, 2_678_400))], "[SECS]", "1..2678400; without SECS 360", "0 (off)", "<=0.5.3", "time for which the connections of a client go to the same server"),
    kw("persistence_granularity", Acted, &[One(Mask)], "NETMASK|PREFIXLEN", "IPv4 netmask, or IPv6 prefix length 1..128", "the whole address", "0.5.7", "clients that are kept together; turns persistence on"),
    kw("protocol", Acted, &[One(AnyCase(&["TCP", "UDP", "SCTP"]))], "TCP|UDP|SCTP", "a missing or another word is a fault; UDP is used; no effect with a firewall mark", "UDP", "<=0.5.3", "transport protocol"),
    kw("ha_suspend", Acted, FLAG, "", "with a firewall mark a fault; it is not used", "off", "1.0.0", "no checks while this host does not have the address of the service"),
    kw("smtp_alert", Acted, BOOL, "[BOOL]", "", "smtp_alert_checker, else smtp_alert, else false", "2.0.0", "mail when the quorum is gained or lost"),
    kw("virtualhost", Acted, &[One(Text)], "STRING", "", "none", "0.5.8", "HTTP host name; default of the checkers").lenient(Lenience::Line),
    kw("snmp_name", Acted, &[One(Text)], "STRING", "", "none", "2.2.3", "name in SNMP").lenient(Lenience::Line),
    kw("alpha", Acted, FLAG, "", "", "off", "1.1.16", "the servers are down until their checks succeed"),
    kw("omega", Acted, FLAG, "", "", "off", "1.1.16", "run notify_down and quorum_down at the stop"),
    kw("quorum_up", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.1.16", "run when the quorum is gained; see SCRIPTS"),
    kw("quorum_down", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.1.16", "run when the quorum is lost; see SCRIPTS"),
    kw("quorum", Acted, &[One(Uint(1, U32))], "N", "1..4294967295; another number is a fault, 1 is used", "1", "1.1.16", "sum of the weights of live real servers that is needed"),
    kw("hysteresis", Acted, &[One(Uint(0, U32))], "N", "0..4294967295, less than quorum", "0", "1.1.16", "gained at quorum + N, lost below quorum - N"),
    kw("weight", Acted, &[One(Uint(1, 2147483647))], "N", "1..2147483647", "1", "1.3.7", "weight of real servers without one"),
    kw("inhibit_on_failure", Acted, FLAG, "", "", "off", "1.3.7", "a real server that is down stays with weight 0; default of real servers"),
    kw("sorry_server", Acted, &[One(Address), Opt(Uint(0, 65535))], "ADDR [PORT]", "PORT 0..65535; 0 = that of the service", "none; PORT 0", "<=0.5.3", "server in use while the quorum is lost"),
    kw("sorry_server_inhibit", Acted, FLAG, "", "", "off", "1.2.13", "the sorry server stays with weight 0 while it is not in use"),
    kw("sorry_server_lvs_method", Acted, FORWARDING, "NAT|DR|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]", "", "that of the service", "1.3.6", "forwarding method of the sorry server").lenient(Lenience::Line),
    kw("real_server", Acted, &[One(Address), Opt(Uint(0, 65535))], "ADDR [PORT] { }", "PORT 0..65535; 0 = that of the service", "PORT 0", "<=0.5.3", "one real server").with(Block(&[REAL_SERVER])),
];

/// `real_server`.
#[rustfmt::skip]
static REAL_SERVER: &[Keyword] = &[
    kw("retry", Acted, &[One(Uint(1, U32))], "N", "1..4294967295", "that of the service", "1.3.7", "further attempts before a check has failed; default of the checkers"),
    kw("delay_before_retry", Acted, PAUSE, "SECS", "0.000001..4294967295; resolution 1 us", "that of the service", "1.2.23", "time from a failed attempt to the next; default of the checkers"),
    kw("warmup", Acted, &[One(Decimal(0, 4_294_967_295_000_000, 6))], "SECS", "0..4294967295; 0 = none", "that of the service", "1.2.23", "longest random delay before the first check; default of the checkers"),
    kw("connect_timeout", Acted, PAUSE, "SECS", "0.000001..4294967295", "that of the service", "1.2.13", "time limit of a connection; default of the checkers"),
    kw("delay_loop", Acted, PAUSE, "SECS", "0.000001..4294967295", "that of the service", "1.3.7", "time from one check to the next; default of the checkers"),
    kw("weight", Acted, &[One(Uint(0, 2147483647))], "N", "0..2147483647", "that of the service", "<=0.5.3", "share of the connections"),
    kw("lvs_method", Acted, FORWARDING, "NAT|DR|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]", "", "that of the service", "1.3.6", "forwarding method of this server"),
    kw("uthreshold", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", "0; no limit", "1.1.13", "connections at which the server gets no more"),
    kw("lthreshold", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", "0; no limit", "1.1.13", "connections below which the server gets new ones again"),
    kw("inhibit_on_failure", Acted, BOOL, "[BOOL]", "", "that of the service", "0.6.8", "the server stays with weight 0 while it is down"),
    kw("notify_up", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.0.0", "run when the server comes up; see SCRIPTS"),
    kw("notify_down", Acted, &[Term::Script], "SCRIPT [USER [GROUP]]", "", "", "1.0.0", "run when the server goes down; see SCRIPTS"),
    kw("alpha", Acted, BOOL, "[BOOL]", "", "that of the service", "1.3.7", "the server is down until its checks succeed"),
    kw("smtp_alert", Acted, BOOL, "[BOOL]", "", "smtp_alert_checker, else smtp_alert, else true", "2.0.0", "mail when the server comes up or goes down"),
    kw("virtualhost", Acted, &[One(Text)], "STRING", "", "that of the service", "1.3.6", "HTTP host name; default of the checkers").lenient(Lenience::Line),
    kw("snmp_name", Acted, &[One(Text)], "STRING", "", "none", "2.2.3", "name in SNMP").lenient(Lenience::Line),
    kw("HTTP_GET", Acted, FLAG, "{ }", "may be repeated", "", "<=0.5.3", "check by HTTP").with(Block(&[&HTTP_GET_CONNECT, &HTTP_GET_TIMING, HTTP_GET])),
    kw("SSL_GET", Acted, FLAG, "{ }", "may be repeated", "", "<=0.5.3", "check by HTTPS").with(Block(&[&SSL_GET_CONNECT, &SSL_GET_TIMING, SSL_GET])),
    kw("TCP_CHECK", Acted, FLAG, "{ }", "may be repeated", "", "<=0.5.3", "check by a TCP connection").with(Block(&[&TCP_CHECK_CONNECT, &TCP_CHECK_TIMING])),
    kw("SMTP_CHECK", Acted, FLAG, "{ }", "may be repeated", "", "1.1.8", "check by an SMTP dialogue").with(Block(&[&SMTP_CHECK_CONNECT, &SMTP_CHECK_TIMING, SMTP_CHECK])),
    kw("DNS_CHECK", Acted, FLAG, "{ }", "may be repeated", "", "1.3.0", "check by a DNS query").with(Block(&[&DNS_CHECK_CONNECT, &DNS_CHECK_TIMING, DNS_CHECK])),
    kw("MISC_CHECK", Acted, FLAG, "{ }", "may be repeated", "", "<=0.5.3", "check by a script").with(Block(&[&MISC_CHECK_TIMING, MISC_CHECK])),
    kw("BFD_CHECK", Acted, FLAG, "{ }", "may be repeated", "", "2.0.0", "check by a BFD session").with(Block(&[BFD_CHECK])),
    kw("UDP_CHECK", Acted, FLAG, "{ }", "may be repeated", "", "2.1.0", "check by a UDP datagram").with(Block(&[&UDP_CHECK_CONNECT, &UDP_CHECK_TIMING, UDP_CHECK])),
    kw("PING_CHECK", Acted, FLAG, "{ }", "may be repeated", "", "2.1.0", "check by an ICMP echo").with(Block(&[&PING_CHECK_CONNECT, &PING_CHECK_TIMING])),
    kw("FILE_CHECK", Acted, FLAG, "{ }", "may be repeated", "", "2.1.0", "weight by a track_file").with(Block(&[FILE_CHECK])),
];

/// Tunnel options of `lb_kind TUN`.
#[rustfmt::skip]
pub(super) static TUNNEL: &[Keyword] = &[
    kw("type", Acted, &[One(OneOf(&["ipip", "gue", "gre"])), Named(&[GUE])], "ipip|gue port N|gre", "", "ipip", "2.0.17", "encapsulation").lenient(Lenience::Line),
    kw("nocsum", Acted, FLAG, "", "not for ipip", "", "2.0.17", "no tunnel checksum"),
    kw("csum", Acted, FLAG, "", "not for ipip", "", "2.0.17", "tunnel checksum"),
    kw("remcsum", Acted, FLAG, "", "gue only", "", "2.0.17", "remote checksum offload of the tunnel"),
];

/// Option of `type gue`.
#[rustfmt::skip]
static GUE: &[Keyword] = &[
    kw("port", Acted, &[One(Uint(1, 65535))], "N", "1..65535", "", "2.0.17", "destination port").lenient(Lenience::Line),
];
