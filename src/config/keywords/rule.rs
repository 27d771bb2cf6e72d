//! Words of `static_rules` and `virtual_rules` entries.

use super::keyword::*;

/// Entries of `static_rules`.
#[rustfmt::skip]
pub(super) static STATIC_RULE: &[Keyword] = &[
    kw("TYPE", NotYet, &[TYPE, Named(&[WORDS, GROUP])], "unicast|blackhole|prohibit|unreachable|...", "optional", "unicast", "", "rule type"),
];

/// Entries of `virtual_rules`.
#[rustfmt::skip]
pub(super) static VIRTUAL_RULE: &[Keyword] = &[
    kw("RULE-WORDS", NotYet, &[TYPE, Named(&[WORDS])], "see static_rules", "same words except track_group", "", "", "rule held while master"),
];

/// The type, an optional first word.
const TYPE: Term = Opt(OneOf(&["unicast", "blackhole", "prohibit", "unreachable", "..."]));

/// What only static ones have.
#[rustfmt::skip]
static GROUP: &[Keyword] = &[
    kw("track_group", NotYet, &[One(Text)], "NAME", "", "none", "", "instances that go to FAULT when the rule vanishes and cannot be restored"),
];

/// Words of a rule.
#[rustfmt::skip]
static WORDS: &[Keyword] = &[
    kw("inet", NotYet, FLAG, "", "", "from the addresses", "", "force IPv4"),
    kw("inet6", NotYet, FLAG, "", "", "from the addresses", "", "force IPv6"),
    kw("not", NotYet, FLAG, "", "", "off", "", "invert the selector"),
    kw("from", NotYet, &[One(Destination)], "PREFIX|all", "", "any", "", "source selector"),
    kw("to", NotYet, &[One(Destination)], "PREFIX|all", "", "any", "", "destination selector"),
    kw("table", NotYet, &[One(NumberOrName(U32))], "TABLE", "", "", "", "table to look up"),
    kw("lookup", Alias("table"), &[One(NumberOrName(U32))], "TABLE", "alias of table", "", "", "see table"),
    kw("preference", NotYet, &[One(Uint(1, U32))], "N", "1..4294967295; a missing one is warned about", "chosen by kernel", "", "rule preference"),
    kw("order", Alias("preference"), &[One(Uint(1, U32))], "N", "alias of preference", "", "", "see preference"),
    kw("priority", Alias("preference"), &[One(Uint(1, U32))], "N", "alias of preference", "", "", "see preference"),
    kw("tos", NotYet, &[One(NumberOrName(255))], "TOS", "0..255", "", "", "type of service selector"),
    kw("dsfield", Alias("tos"), &[One(NumberOrName(255))], "TOS", "alias of tos", "", "", "see tos"),
    kw("fwmark", NotYet, NAME, "MARK[/MASK]", "", "", "", "firewall mark selector"),
    kw("realms", NotYet, &[One(Text)], "[SRC/]DST", "IPv4 only", "", "", "realms"),
    kw("suppress_prefixlength", NotYet, &[One(Int(0, 128))], "N", "0..32 / 0..128", "", "", "reject results with a prefix this short"),
    kw("sup_pl", Alias("suppress_prefixlength"), &[One(Int(0, 128))], "N", "alias", "", "", "see suppress_prefixlength"),
    kw("suppress_ifgroup", NotYet, &[One(NumberOrName(U32))], "GROUP", "", "", "", "reject results over this interface group"),
    kw("sup_group", Alias("suppress_ifgroup"), &[One(NumberOrName(U32))], "GROUP", "alias", "", "", "see suppress_ifgroup"),
    kw("dev", NotYet, &[One(Interface)], "IFNAME", "", "", "", "input interface"),
    kw("iif", Alias("dev"), &[One(Interface)], "IFNAME", "alias of dev", "", "", "see dev"),
    kw("oif", NotYet, &[One(Interface)], "IFNAME", "", "", "", "output interface"),
    kw("tunnel-id", NotYet, &[One(Uint(0, u64::MAX))], "N", "", "", "", "tunnel identifier selector"),
    kw("uidrange", NotYet, &[One(Numbers(0, U32))], "LOW-HIGH", "", "", "", "user id selector"),
    kw("l3mdev", NotYet, FLAG, "", "", "off", "", "use the table of the packet's L3 master device"),
    kw("protocol", NotYet, &[One(NumberOrName(255))], "PROTO", "0..255", "18 (keepalived)", "", "rule protocol; anything else needs no_track"),
    kw("ipproto", NotYet, &[One(NumberOrName(255))], "PROTO", "0..255", "", "", "IP protocol selector"),
    kw("sport", NotYet, &[One(Numbers(1, 65535))], "PORT[-PORT]", "1..65535", "", "", "source port selector"),
    kw("dport", NotYet, &[One(Numbers(1, 65535))], "PORT[-PORT]", "1..65535", "", "", "destination port selector"),
    kw("goto", NotYet, COUNT, "N", "larger than own preference", "", "", "jump action"),
    kw("nop", NotYet, FLAG, "", "", "", "", "no-operation action"),
    kw("blackhole", NotYet, FLAG, "", "", "", "", "drop"),
    kw("prohibit", NotYet, FLAG, "", "", "", "", "reject as prohibited"),
    kw("unreachable", NotYet, FLAG, "", "", "", "", "reject as unreachable"),
    kw("no_track", NotYet, FLAG, "", "", "off", "", "do not react to loss of the rule"),
];
