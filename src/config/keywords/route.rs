//! Words of `static_routes` and `virtual_routes` entries.

use super::keyword::*;

/// Entries of `static_routes`.
#[rustfmt::skip]
pub(super) static STATIC_ROUTE: &[Keyword] = &[
    kw("TYPE", NotYet, &[TYPE, Opt(Destination), Named(&[WORDS, GROUP]), Opt(Destination), Named(&[WORDS, GROUP])], "ROUTE-LINE", "", "", "", "see ROUTE-LINE"),
];

/// Entries of `virtual_routes`.
#[rustfmt::skip]
pub(super) static VIRTUAL_ROUTE: &[Keyword] = &[
    kw("ROUTE-WORDS", NotYet, &[TYPE, Opt(Destination), Named(&[WORDS]), Opt(Destination), Named(&[WORDS])], "ROUTE-LINE", "without track_group", "", "", "route of the master; see ROUTE-LINE"),
];

/// Type of the route, an optional first word.
const TYPE: Term = Opt(OneOf(&[
    "unicast",
    "local",
    "broadcast",
    "multicast",
    "throw",
    "unreachable",
    "prohibit",
    "blackhole",
    "nat",
    "anycast",
    "xresolve",
]));

/// Words of static routes only.
#[rustfmt::skip]
static GROUP: &[Keyword] = &[
    kw("track_group", NotYet, &[One(Text)], "NAME", "", "none", "", "instances that go to FAULT when the route is lost"),
];

/// Words of a route.
#[rustfmt::skip]
static WORDS: &[Keyword] = &[
    kw("to", NotYet, &[Opt(OneOf(&["inet", "inet6"])), One(Destination)], "[inet|inet6] DEST[/LEN]|default", "the word to may be left out", "", "", "destination"),
    kw("inet", NotYet, FLAG, "", "", "from the addresses", "", "force IPv4"),
    kw("inet6", NotYet, FLAG, "", "", "from the addresses", "", "force IPv6"),
    kw("src", NotYet, ADDRESS, "ADDR", "", "none", "", "preferred source address"),
    kw("via", NotYet, &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "[inet|inet6] ADDR", "", "none", "", "next hop"),
    kw("gw", Deprecated("via"), &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "ADDR", "", "", "", "see via"),
    kw("from", NotYet, &[One(Destination)], "PREFIX", "IPv6 only", "none", "", "source network of the packets"),
    kw("tos", NotYet, &[One(NumberOrName(255))], "TOS", "0..255", "0", "", "type of service"),
    kw("dsfield", Alias("tos"), &[One(NumberOrName(255))], "TOS", "", "", "", "see tos"),
    kw("table", NotYet, &[One(NumberOrName(U32))], "TABLE", "0..4294967295 or a name", "main", "", "routing table"),
    kw("protocol", NotYet, &[One(NumberOrName(255))], "PROTO", "0..255", "18 (keepalived)", "", "protocol of the route; any other needs no_track"),
    kw("scope", NotYet, &[One(NumberOrName(255))], "SCOPE", "0..255", "by the type", "", "scope of the route"),
    kw("metric", NotYet, &[One(Uint(0, U32))], "N", "0..4294967295", "0", "", "metric"),
    kw("priority", Alias("metric"), COUNT, "N", "", "", "", "see metric"),
    kw("preference", Alias("metric"), COUNT, "N", "", "", "", "see metric"),
    kw("dev", NotYet, &[One(Interface)], "IFNAME", "", "none", "", "outgoing interface"),
    kw("oif", Alias("dev"), &[One(Interface)], "IFNAME", "", "", "", "see dev"),
    kw("onlink", NotYet, FLAG, "", "", "off", "", "the next hop is reachable although no network of the interface contains it"),
    kw("encap", NotYet, &[Named(&[ENCAP])], "mpls LABELS | ip ... | ip6 ... | ila LOCATOR", "ip/ip6 words: id, dst, src, tos/tc, ttl/hoplimit, flags", "none", "", "tunnel of the route"),
    kw("expires", NotYet, COUNT, "SECS", "0..4294967295; IPv6 only", "never", "", "lifetime"),
    kw("mtu", NotYet, LOCKABLE, "[lock] N", "0..4294967295", "", "", "path MTU"),
    kw("hoplimit", NotYet, &[One(Uint(0, 255))], "N", "0..255", "", "", "hop limit"),
    kw("advmss", NotYet, LOCKABLE, "[lock] N", "0..4294967295", "", "", "advertised MSS"),
    kw("rtt", NotYet, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "with the unit s or ms, else in 1/8 ms; at least 200 ms", "", "", "initial round-trip time"),
    kw("rttvar", NotYet, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "with the unit s or ms, else in 1/4 ms; at least 200 ms", "", "", "initial variance of the round-trip time"),
    kw("reordering", NotYet, LOCKABLE, "[lock] N", "0..4294967295", "", "", "largest reordering"),
    kw("window", NotYet, COUNT, "N", "0..4294967295", "", "", "largest window"),
    kw("cwnd", NotYet, LOCKABLE, "[lock] N", "0..4294967295", "", "", "limit of the congestion window"),
    kw("ssthresh", NotYet, LOCKABLE, "[lock] N", "0..4294967295", "", "", "slow start threshold"),
    kw("realms", NotYet, &[One(Text)], "[SRC/]DST", "IPv4 only", "", "", "routing realms"),
    kw("rto_min", NotYet, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "with the unit s or ms, else in ms; at least 200 ms", "", "", "shortest retransmission timeout"),
    kw("initcwnd", NotYet, COUNT, "N", "0..4294967295", "", "", "initial congestion window"),
    kw("initrwnd", NotYet, COUNT, "N", "0..4294967295", "", "", "initial receive window"),
    kw("features", NotYet, &[One(OneOf(&["ecn"]))], "ecn", "", "", "", "features of connections").lenient(Lenience::WrongOption),
    kw("quickack", NotYet, &[One(Uint(0, 1))], "0|1", "", "", "", "quick acknowledgements"),
    kw("congctl", NotYet, &[Opt(OneOf(&["lock"])), One(Text)], "[lock] NAME", "", "", "", "congestion control algorithm"),
    kw("pref", NotYet, &[One(OneOf(&["low", "medium", "high"]))], "low|medium|high", "IPv6 only", "", "", "router preference"),
    kw("ttl-propagate", NotYet, &[One(OneOf(&["enabled", "disabled"]))], "enabled|disabled", "", "", "", "MPLS TTL propagation").lenient(Lenience::WrongOption),
    kw("fastopen_no_cookie", NotYet, &[One(Uint(0, 1))], "0|1", "", "", "", "TCP Fast Open without a cookie"),
    kw("add", NotYet, FLAG, "", "", "replace an equal route", "", "add the route only if there is no equal one"),
    kw("prepend", NotYet, FLAG, "", "", "", "", "put the route before equal ones"),
    kw("append", NotYet, FLAG, "", "", "", "", "put the route after equal ones"),
    kw("nexthop", NotYet, &[Named(&[NEXTHOP])], "via ADDR [dev IF] [weight N] [onlink] [encap ...] [realms ...]", "weight 1..256; may be repeated", "", "", "one of several next hops"),
    kw("or", Deprecated("nexthop via"), ADDRESS, "ADDR", "", "", "", "short form of a second next hop"),
    kw("no_track", NotYet, FLAG, "", "", "off", "", "do not react to a loss of the route"),
    kw("vrf", NotYet, &[One(Interface)], "NAME", "", "", "", "table of a VRF"),
];

/// A number that `lock` keeps the kernel from adjusting.
const LOCKABLE: &[Term] = &[Opt(OneOf(&["lock"])), One(Uint(0, U32))];

/// Words after `nexthop`.
#[rustfmt::skip]
static NEXTHOP: &[Keyword] = &[
    kw("via", NotYet, &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "[inet|inet6] ADDR", "", "", "", "next hop"),
    kw("dev", NotYet, &[One(Interface)], "IFNAME", "", "", "", "outgoing interface"),
    kw("weight", NotYet, &[One(Uint(1, 256))], "N", "1..256", "1", "", "share of the next hop"),
    kw("onlink", NotYet, FLAG, "", "", "off", "", "the next hop is reachable although no network of the interface contains it"),
    kw("encap", NotYet, &[Named(&[ENCAP])], "mpls LABELS | ip ... | ip6 ... | ila LOCATOR", "", "none", "", "tunnel of the route"),
    kw("realms", NotYet, NAME, "[SRC/]DST", "", "", "", "routing realms"),
];

/// Words after `encap`.
#[rustfmt::skip]
static ENCAP: &[Keyword] = &[
    kw("mpls", NotYet, NAME, "LABEL[/LABEL...]", "", "", "", "MPLS label stack"),
    kw("ip", NotYet, &[Named(&[TUNNEL])], "OPTIONS", "", "", "", "IPv4 tunnel metadata"),
    kw("ip6", NotYet, &[Named(&[TUNNEL])], "OPTIONS", "", "", "", "IPv6 tunnel metadata"),
    kw("ila", NotYet, NAME, "LOCATOR", "", "", "", "identifier locator addressing"),
];

/// Options of `encap ip` and `encap ip6`.
#[rustfmt::skip]
static TUNNEL: &[Keyword] = &[
    kw("id", NotYet, &[One(Uint(0, u64::MAX))], "N", "", "", "", "tunnel id"),
    kw("dst", NotYet, ADDRESS, "ADDR", "", "", "", "destination"),
    kw("src", NotYet, ADDRESS, "ADDR", "", "", "", "source"),
    kw("tos", NotYet, &[One(NumberOrName(255))], "TOS", "0..255", "", "", "type of service"),
    kw("tc", NotYet, &[One(NumberOrName(255))], "TC", "0..255", "", "", "traffic class"),
    kw("ttl", NotYet, &[One(Uint(0, 255))], "N", "0..255", "", "", "TTL"),
    kw("hoplimit", NotYet, &[One(Uint(0, 255))], "N", "0..255", "", "", "hop limit"),
    kw("flags", NotYet, &[One(NumberOrName(65535))], "N", "0..65535", "", "", "flags"),
];
