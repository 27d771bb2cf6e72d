//! Words of `static_rules` and `virtual_rules` entries.

use super::keyword::*;

/// Entries of `static_rules`.
#[rustfmt::skip]
pub(super) static STATIC_RULE: &[Keyword] = &[
    kw("TYPE", Acted, &[TYPE, Named(&[WORDS, GROUP])], "RULE-LINE", "", "", "", "see RULE-LINE"),
];

/// Entries of `virtual_rules`.
#[rustfmt::skip]
pub(super) static VIRTUAL_RULE: &[Keyword] = &[
    kw("RULE-WORDS", Acted, &[TYPE, Named(&[WORDS])], "RULE-LINE", "without track_group", "", "", "rule of the master; see RULE-LINE"),
];

/// Type of the rule, an optional first word.
const TYPE: Term = Opt(OneOf(KINDS));
const KINDS: &[&str] = &["unicast", "blackhole", "prohibit", "unreachable"];

/// Words of static rules only.
#[rustfmt::skip]
static GROUP: &[Keyword] = &[
    kw("track_group", Acted, &[One(Text)], "NAME", "", "none", "", "instances that go to FAULT when the rule is lost"),
];

/// Words of a rule.
#[rustfmt::skip]
static WORDS: &[Keyword] = &[
    kw("inet", Acted, FLAG, "", "", "from the addresses", "", "force IPv4"),
    kw("inet6", Acted, FLAG, "", "", "from the addresses", "", "force IPv6"),
    kw("not", Acted, FLAG, "", "", "off", "", "the rule applies to packets that do not match"),
    kw("from", Acted, &[One(Destination)], "PREFIX|all", "", "any", "", "source of the packets"),
    kw("to", Acted, &[One(Destination)], "PREFIX|all", "", "any", "", "destination of the packets"),
    kw("table", Acted, &[One(NumberOrName(U32))], "TABLE", "0..4294967295 or a name", "", "", "table to look up"),
    kw("lookup", Alias("table"), &[One(NumberOrName(U32))], "TABLE", "", "", "", "see table"),
    kw("preference", Acted, &[One(Uint(1, U32))], "N", "1..4294967295; without it there is a fault", "16384, then 16383 and so on", "", "place among the rules; lower numbers come first"),
    kw("order", Alias("preference"), &[One(Uint(1, U32))], "N", "", "", "", "see preference"),
    kw("priority", Alias("preference"), &[One(Uint(1, U32))], "N", "", "", "", "see preference"),
    kw("tos", Acted, &[One(NumberOrName(255))], "TOS", "0..255", "", "", "type of service of the packets"),
    kw("dsfield", Alias("tos"), &[One(NumberOrName(255))], "TOS", "", "", "", "see tos"),
    kw("fwmark", Acted, NAME, "MARK[/MASK]", "", "", "", "firewall mark of the packets"),
    kw("realms", Acted, &[One(Text)], "[SRC/]DST", "IPv4 only", "", "", "realms"),
    kw("suppress_prefixlength", Acted, &[One(Int(0, 128))], "N", "0..128, for IPv4 0..32", "", "", "ignore routes with a prefix of this length or shorter"),
    kw("sup_pl", Alias("suppress_prefixlength"), &[One(Int(0, 128))], "N", "", "", "", "see suppress_prefixlength"),
    kw("suppress_ifgroup", Acted, &[One(NumberOrName(U32))], "GROUP", "", "", "", "ignore routes over interfaces of this group"),
    kw("sup_group", Alias("suppress_ifgroup"), &[One(NumberOrName(U32))], "GROUP", "", "", "", "see suppress_ifgroup"),
    kw("dev", Acted, &[One(Interface)], "IFNAME", "", "", "", "interface by which packets come in"),
    kw("iif", Alias("dev"), &[One(Interface)], "IFNAME", "", "", "", "see dev"),
    kw("oif", Acted, &[One(Interface)], "IFNAME", "", "", "", "interface that the packet's socket is bound to"),
    kw("tunnel-id", Acted, &[One(Uint(0, u64::MAX))], "N", "", "", "", "tunnel of the packets"),
    kw("uidrange", Acted, &[One(Numbers(0, U32))], "LOW[-HIGH]", "", "", "", "users of the packets"),
    kw("l3mdev", Acted, FLAG, "", "", "off", "", "look up the table of the packet's VRF"),
    kw("protocol", Acted, &[One(NumberOrName(255))], "PROTO", "0..255", "18 (keepalived)", "", "protocol of the rule; any other needs no_track").lenient(Lenience::WrongOption),
    kw("ipproto", Acted, &[One(NumberOrName(255))], "PROTO", "0..255", "", "", "IP protocol of the packets").lenient(Lenience::WrongOption),
    kw("sport", Acted, &[One(Numbers(1, 65535))], "PORT[-PORT]", "1..65535", "", "", "source port of the packets"),
    kw("dport", Acted, &[One(Numbers(1, 65535))], "PORT[-PORT]", "1..65535", "", "", "destination port of the packets"),
    kw("goto", Acted, COUNT, "N", "greater than its own preference", "", "", "continue with the rule of this preference"),
    kw("nop", Acted, FLAG, "", "", "", "", "do nothing"),
    kw("type", Acted, &[One(OneOf(KINDS))], "TYPE", "", "", "", "type of the rule, not at its beginning"),
    kw("blackhole", Acted, FLAG, "", "", "", "", "drop the packet"),
    kw("prohibit", Acted, FLAG, "", "", "", "", "reject the packet as prohibited"),
    kw("unreachable", Acted, FLAG, "", "", "", "", "reject the packet as unreachable"),
    kw("no_track", Acted, FLAG, "", "", "off", "", "do not react to a loss of the rule"),
];
