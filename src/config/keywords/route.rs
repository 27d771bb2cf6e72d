//! Words of `static_routes` and `virtual_routes` entries.

use super::keyword::*;

/// Entries of `static_routes`.
#[rustfmt::skip]
pub(super) static STATIC_ROUTE: &[Keyword] = &[
    kw("TYPE", NotYet, &[TYPE, Opt(Destination), Named(&[WORDS, GROUP]), Opt(Destination), Named(&[WORDS, GROUP])], "unicast|local|broadcast|multicast|throw|unreachable|prohibit|blackhole|nat", "optional, before the destination", "unicast", "", "route type"),
];

/// Entries of `virtual_routes`.
#[rustfmt::skip]
pub(super) static VIRTUAL_ROUTE: &[Keyword] = &[
    kw("ROUTE-WORDS", NotYet, &[TYPE, Opt(Destination), Named(&[WORDS]), Opt(Destination), Named(&[WORDS])], "see static_routes", "same words except track_group", "", "", "route held while master"),
];

/// The type, an optional first word.
const TYPE: Term =
    Opt(OneOf(&["unicast", "local", "broadcast", "multicast", "throw", "unreachable", "prohibit", "blackhole", "nat"]));

/// What only static ones have.
#[rustfmt::skip]
static GROUP: &[Keyword] = &[
    kw("track_group", NotYet, &[One(Text)], "NAME", "", "none", "", "instances that go to FAULT when the route vanishes and cannot be restored"),
];

/// Words of a route.
#[rustfmt::skip]
static WORDS: &[Keyword] = &[
    kw("to", NotYet, &[Opt(OneOf(&["inet", "inet6"])), One(Destination)], "[inet|inet6] DEST[/LEN]|default", "optional word", "", "", "destination (bare prefix also accepted)"),
    kw("inet", NotYet, FLAG, "", "", "from the addresses", "", "force IPv4"),
    kw("inet6", NotYet, FLAG, "", "", "from the addresses", "", "force IPv6"),
    kw("src", NotYet, ADDRESS, "ADDR", "", "none", "", "preferred source"),
    kw("via", NotYet, &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "[inet|inet6] ADDR", "", "none", "", "gateway"),
    kw("gw", Deprecated("via"), &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "ADDR", "deprecated alias of via", "", "", "see via"),
    kw("from", NotYet, &[One(Destination)], "PREFIX", "IPv6 only", "none", "", "source-specific route"),
    kw("tos", NotYet, &[One(NumberOrName(255))], "TOS", "0..255", "0", "", "type of service"),
    kw("dsfield", Alias("tos"), &[One(NumberOrName(255))], "TOS", "alias of tos", "", "", "see tos"),
    kw("table", NotYet, &[One(NumberOrName(U32))], "TABLE", "0..4294967295", "main", "", "routing table"),
    kw("protocol", NotYet, &[One(NumberOrName(255))], "PROTO", "0..255", "18 (keepalived)", "", "route protocol; anything else needs no_track"),
    kw("scope", NotYet, &[One(NumberOrName(255))], "SCOPE", "0..255", "by type", "", "route scope"),
    kw("metric", NotYet, &[One(Uint(0, U32))], "N", "0..4294967295", "0 (IPv6 kernel 1024)", "", "metric"),
    kw("priority", Alias("metric"), COUNT, "N", "alias of metric", "", "", "see metric"),
    kw("preference", Alias("metric"), COUNT, "N", "alias of metric", "", "", "see metric"),
    kw("dev", NotYet, &[One(Interface)], "IFNAME", "", "none", "", "output device"),
    kw("oif", Alias("dev"), &[One(Interface)], "IFNAME", "alias of dev", "", "", "see dev"),
    kw("onlink", NotYet, FLAG, "", "", "off", "", "gateway is directly reachable"),
    kw("encap", NotYet, &[Named(&[ENCAP])], "mpls LABELS | ip ... | ip6 ... | ila LOCATOR", "ip/ip6 words: id, dst, src, tos/tc, ttl/hoplimit, flags", "none", "", "light-weight tunnel"),
    kw("expires", NotYet, COUNT, "SECS", "IPv6 only", "never", "", "lifetime"),
    kw("mtu", NotYet, LOCKABLE, "[lock] N", "", "", "", "path MTU"),
    kw("hoplimit", NotYet, &[One(Uint(0, 255))], "N", "0..255", "", "", "hop limit"),
    kw("advmss", NotYet, LOCKABLE, "[lock] N", "", "", "", "advertised MSS"),
    kw("rtt", NotYet, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "ms, or with unit s/ms", "", "", "initial round trip time (held in 1/8 ms)"),
    kw("rttvar", NotYet, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "as rtt", "", "", "initial variance (held in 1/4 ms)"),
    kw("reordering", NotYet, LOCKABLE, "[lock] N", "", "", "", "maximal reordering"),
    kw("window", NotYet, COUNT, "N", "", "", "", "maximal window"),
    kw("cwnd", NotYet, LOCKABLE, "[lock] N", "", "", "", "congestion window clamp"),
    kw("ssthresh", NotYet, LOCKABLE, "[lock] N", "", "", "", "slow start threshold"),
    kw("realms", NotYet, &[One(Text)], "[SRC/]DST", "IPv4 only", "", "", "routing realms"),
    kw("rto_min", NotYet, &[Opt(OneOf(&["lock"])), One(Time)], "[lock] TIME", "", "", "", "minimal retransmission time-out"),
    kw("initcwnd", NotYet, COUNT, "N", "", "", "", "initial congestion window"),
    kw("initrwnd", NotYet, COUNT, "N", "", "", "", "initial receive window"),
    kw("features", NotYet, &[One(OneOf(&["ecn"]))], "ecn", "", "", "", "feature flags"),
    kw("quickack", NotYet, &[One(Uint(0, 1))], "0|1", "", "", "", "quick acknowledgements"),
    kw("congctl", NotYet, &[Opt(OneOf(&["lock"])), One(Text)], "[lock] NAME", "", "", "", "congestion control"),
    kw("pref", NotYet, &[One(OneOf(&["low", "medium", "high"]))], "low|medium|high", "IPv6 only", "", "", "router preference"),
    kw("ttl-propagate", NotYet, &[One(OneOf(&["enabled", "disabled"]))], "enabled|disabled", "", "", "", "MPLS TTL propagation"),
    kw("fastopen_no_cookie", NotYet, &[One(Uint(0, 1))], "0|1", "", "", "", "TCP fast open without cookie"),
    kw("add", NotYet, FLAG, "", "", "default is replace", "", "add with the exclusive flag"),
    kw("prepend", NotYet, FLAG, "", "", "", "", "put before existing equal routes"),
    kw("append", NotYet, FLAG, "", "", "", "", "put after existing equal routes"),
    kw("nexthop", NotYet, &[Named(&[NEXTHOP])], "via ADDR [dev IF] [weight N] [onlink] [encap ...] [realms ...]", "weight 1..256; repeatable", "", "", "one leg of a multipath route"),
    kw("or", Deprecated("nexthop via"), ADDRESS, "ADDR", "deprecated short form of a second gateway", "", "", "see nexthop"),
    kw("no_track", NotYet, FLAG, "", "", "off", "", "do not react to loss of the route"),
    kw("vrf", NotYet, &[One(Interface)], "NAME", "", "", "", "table of that VRF device"),
];

/// A number that may be locked against the kernel's own adjustment.
const LOCKABLE: &[Term] = &[Opt(OneOf(&["lock"])), One(Uint(0, U32))];

/// Words after `nexthop`.
#[rustfmt::skip]
static NEXTHOP: &[Keyword] = &[
    kw("via", NotYet, &[Opt(OneOf(&["inet", "inet6"])), One(Address)], "[inet|inet6] ADDR", "", "", "", "gateway"),
    kw("dev", NotYet, &[One(Interface)], "IFNAME", "", "", "", "output device"),
    kw("weight", NotYet, &[One(Uint(1, 256))], "N", "1..256", "1", "", "share of the leg"),
    kw("onlink", NotYet, FLAG, "", "", "off", "", "gateway is directly reachable"),
    kw("encap", NotYet, &[Named(&[ENCAP])], "mpls LABELS | ip ... | ip6 ... | ila LOCATOR", "", "none", "", "light-weight tunnel"),
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
