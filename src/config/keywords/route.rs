//! Words of `static_routes` and `virtual_routes` entries.

use super::keyword::*;

/// Entries of `static_routes`.
#[rustfmt::skip]
pub(super) static STATIC_ROUTE: &[Keyword] = &[
    kw("TYPE", Acted, &[TYPE, Opt(Destination), Named(&[WORDS, GROUP]), Opt(Destination), Named(&[WORDS, GROUP])], "ROUTE-LINE", "", "", "", "see ROUTE-LINE"),
];

/// Entries of `virtual_routes`.
#[rustfmt::skip]
pub(super) static VIRTUAL_ROUTE: &[Keyword] = &[
    kw("ROUTE-WORDS", Acted, &[TYPE, Opt(Destination), Named(&[WORDS]), Opt(Destination), Named(&[WORDS])], "ROUTE-LINE", "without track_group", "", "", "route of the master; see ROUTE-LINE"),
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
    kw("track_group", Acted, &[One(Text)], "NAME", "", "none", "", "instances that go to FAULT when the route is lost"),
];

/// Words of a route.
#[rustfmt::skip]
static WORDS: &[Keyword] = &[
    kw("to", Acted, &[Opt(OneOf(&["inet", "inet6"])), One(Destination)], "[inet|inet6] DEST[/LEN]|default", "the word to may be left out", "", "", "destination"),
    kw("inet", Acted, FLAG, "", "", "from the addresses", "", "force IPv4"),
    kw("inet6", Acted, FLAG, "", "", "from the addresses", "", "force IPv6"),
    kw("src", Acted, ADDRESS, "ADDR", "", "none", "", "preferred source address"),
    kw("via", Acted, &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "[inet|inet6] ADDR", "", "none", "", "next hop"),
    kw("gw", Deprecated("via"), &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "ADDR", "", "", "", "see via"),
    kw("from", Acted, &[One(Destination)], "PREFIX", "IPv6 only", "none", "", "source network of the packets"),
    kw("tos", Acted, &[One(NumberOrName(255))], "TOS", "0..255", "0", "", "type of service"),
    kw("dsfield", Alias("tos"), &[One(NumberOrName(255))], "TOS", "", "", "", "see tos"),
    kw("table", Acted, &[One(NumberOrName(U32))], "TABLE", "0..4294967295 or a name", "main", "", "routing table"),
    kw("protocol", Acted, &[One(NumberOrName(255))], "PROTO", "0..255", "18 (keepalived)", "", "protocol of the route; any other needs no_track"),
    kw("scope", Acted, &[One(NumberOrName(255))], "SCOPE", "0..255", "by the type", "", "scope of the route"),
    kw("metric", Acted, &[One(Uint(0, U32))], "N", "0..4294967295", "0", "", "metric"),
    kw("priority", Alias("metric"), COUNT, "N", "", "", "", "see metric"),
    kw("preference", Alias("metric"), COUNT, "N", "", "", "", "see metric"),
    kw("dev", Acted, &[One(Interface)], "IFNAME", "", "none", "", "outgoing interface"),
    kw("oif", Alias("dev"), &[One(Interface)], "IFNAME", "", "", "", "see dev"),
    kw("onlink", Acted, FLAG, "", "", "off", "", "the next hop is reachable although no network of the interface contains it"),
    kw("encap", Acted, &[Named(&[ENCAP])], "mpls LABELS | ip ... | ip6 ... | ila LOCATOR", "ip/ip6 words: id, dst, src, tos/tc, ttl/hoplimit, flags", "none", "", "tunnel of the route"),
    kw("expires", Acted, COUNT, "SECS", "0..4294967295; IPv6 only", "never", "", "lifetime").lenient(Lenience::Line),
    kw("mtu", Acted, LOCKABLE, "[lock] N", "0..4294967295", "", "", "path MTU"),
    kw("hoplimit", Acted, &[One(Uint(0, 255))], "N", "0..255", "", "", "hop limit"),
    kw("advmss", Acted, LOCKABLE, "[lock] N", "0..4294967295", "", "", "advertised MSS"),
    kw("rtt", Acted, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "with the unit s or ms, else in 1/8 ms; at least 200 ms", "", "", "initial round-trip time"),
    kw("rttvar", Acted, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "with the unit s or ms, else in 1/4 ms; at least 200 ms", "", "", "initial variance of the round-trip time"),
    kw("reordering", Acted, LOCKABLE, "[lock] N", "0..4294967295", "", "", "largest reordering"),
    kw("window", Acted, COUNT, "N", "0..4294967295", "", "", "largest window"),
    kw("cwnd", Acted, LOCKABLE, "[lock] N", "0..4294967295", "", "", "limit of the congestion window"),
    kw("ssthresh", Acted, LOCKABLE, "[lock] N", "0..4294967295", "", "", "slow start threshold"),
    kw("realms", Acted, &[One(Text)], "[SRC/]DST", "IPv4 only", "", "", "routing realms"),
    kw("rto_min", Acted, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "with the unit s or ms, else in ms; at least 200 ms", "", "", "shortest retransmission timeout"),
    kw("initcwnd", Acted, COUNT, "N", "0..4294967295", "", "", "initial congestion window"),
    kw("initrwnd", Acted, COUNT, "N", "0..4294967295", "", "", "initial receive window"),
    kw("features", Acted, &[One(OneOf(&["ecn"]))], "ecn", "", "", "", "features of connections").lenient(Lenience::WrongOption),
    kw("quickack", Acted, &[One(Uint(0, 1))], "0|1", "", "", "", "quick acknowledgements"),
    kw("congctl", Acted, &[Opt(OneOf(&["lock"])), One(Text)], "[lock] NAME", "", "", "", "congestion control algorithm"),
    kw("pref", Acted, &[One(OneOf(&["low", "medium", "high"]))], "low|medium|high", "IPv6 only", "", "", "router preference").lenient(Lenience::Line),
    kw("ttl-propagate", Acted, &[One(OneOf(&["enabled", "disabled"]))], "enabled|disabled", "", "", "", "MPLS TTL propagation").lenient(Lenience::WrongOption),
    kw("fastopen_no_cookie", Acted, &[One(Uint(0, 1))], "0|1", "", "", "", "TCP Fast Open without a cookie"),
    kw("add", Acted, FLAG, "", "", "replace an equal route", "", "add the route only if there is no equal one"),
    kw("prepend", Acted, FLAG, "", "", "", "", "put the route before equal ones"),
    kw("append", Acted, FLAG, "", "", "", "", "put the route after equal ones"),
    kw("nexthop", Acted, &[Named(&[NEXTHOP])], "via ADDR [dev IF] [weight N] [onlink] [encap ...] [realms ...]", "weight 1..256; may be repeated", "", "", "one of several next hops"),
    kw("or", Deprecated("nexthop via"), ADDRESS, "ADDR", "", "", "", "short form of a second next hop"),
    kw("no_track", Acted, FLAG, "", "", "off", "", "do not react to a loss of the route, or of its interface"),
    kw("vrf", Acted, &[One(Interface)], "NAME", "", "", "", "table of a VRF"),
];

/// A number that `lock` keeps the kernel from adjusting.
const LOCKABLE: &[Term] = &[Opt(OneOf(&["lock"])), One(Uint(0, U32))];

/// Words after `nexthop`.
#[rustfmt::skip]
static NEXTHOP: &[Keyword] = &[
    kw("via", Acted, &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "[inet|inet6] ADDR", "", "", "", "next hop"),
    kw("dev", Acted, &[One(Interface)], "IFNAME", "", "", "", "outgoing interface"),
    kw("weight", Acted, &[One(Uint(1, 256))], "N", "1..256", "1", "", "share of the next hop"),
    kw("onlink", Acted, FLAG, "", "", "off", "", "the next hop is reachable although no network of the interface contains it"),
    kw("encap", Acted, &[Named(&[ENCAP])], "mpls LABELS | ip ... | ip6 ... | ila LOCATOR", "", "none", "", "tunnel of the route"),
    kw("realms", Acted, NAME, "[SRC/]DST", "", "", "", "routing realms"),
];

/// Words after `encap`.
#[rustfmt::skip]
static ENCAP: &[Keyword] = &[
    kw("mpls", Acted, NAME, "LABEL[/LABEL...]", "", "", "", "MPLS label stack"),
    kw("ip", Acted, &[Named(&[TUNNEL])], "OPTIONS", "", "", "", "IPv4 tunnel metadata"),
    kw("ip6", Acted, &[Named(&[TUNNEL])], "OPTIONS", "", "", "", "IPv6 tunnel metadata"),
    kw("ila", Acted, NAME, "LOCATOR", "", "", "", "identifier locator addressing"),
];

/// Options of `encap ip` and `encap ip6`.
#[rustfmt::skip]
static TUNNEL: &[Keyword] = &[
    kw("id", Acted, &[One(Uint(0, u64::MAX))], "N", "", "", "", "tunnel id"),
    kw("dst", Acted, ADDRESS, "ADDR", "", "", "", "destination"),
    kw("src", Acted, ADDRESS, "ADDR", "", "", "", "source"),
    kw("tos", Acted, &[One(NumberOrName(255))], "TOS", "0..255", "", "", "type of service"),
    kw("tc", Acted, &[One(NumberOrName(255))], "TC", "0..255", "", "", "traffic class"),
    kw("ttl", Acted, &[One(Uint(0, 255))], "N", "0..255", "", "", "TTL"),
    kw("hoplimit", Acted, &[One(Uint(0, 255))], "N", "0..255", "", "", "hop limit"),
    kw("flags", Acted, &[One(NumberOrName(65535))], "N", "0..65535", "", "", "flags"),
];
