//! Words of `virtual_ipaddress`, `virtual_ipaddress_excluded` and `static_ipaddress` entries.

use super::keyword::*;

/// Entries of `virtual_ipaddress` and `virtual_ipaddress_excluded`.
#[rustfmt::skip]
pub(super) static VIRTUAL_ADDRESS: &[Keyword] = &[
    kw("ADDRESS", Acted, &[One(Prefix), Named(&[WORDS, VMAC])], "ADDR[/LEN]", "LEN 0..32 / 0..128", "/32 or /128", "", "the address; must be the first word"),
];

/// Entries of `static_ipaddress`.
#[rustfmt::skip]
pub(super) static STATIC_ADDRESS: &[Keyword] = &[
    kw("ADDRESS", Acted, &[One(Prefix), Named(&[WORDS, GROUP])], "ADDR[/LEN]", "LEN 0..32 / 0..128", "/32 or /128", "", "the address; must be the first word"),
];

/// What only addresses of an instance have.
#[rustfmt::skip]
static VMAC: &[Keyword] = &[
    kw("use_vmac", NotYet, &[Many(Text)], "[IFNAME] [MAC]", "", "off", "", "put this VIP on its own VMAC over its device"),
];

/// What only static addresses have.
#[rustfmt::skip]
static GROUP: &[Keyword] = &[
    kw("track_group", Acted, &[One(Text)], "NAME", "name of a track_group", "none", "", "instances that go to FAULT when the address vanishes and cannot be restored"),
];

/// Words both have.
#[rustfmt::skip]
static WORDS: &[Keyword] = &[
    kw("dev", Acted, &[One(Interface)], "IFNAME", "", "instance interface (static: default_interface)", "", "device to hold the address"),
    kw("scope", Acted, &[One(Scope)], "SCOPE", "0..255 or site, link, host, nowhere, global", "global", "", "address scope (IPv4)"),
    kw("broadcast", Acted, &[One(Broadcast)], "ADDR|+|-", "+ all host bits set, - all clear", "none", "", "broadcast address"),
    kw("brd", Alias("broadcast"), &[One(Broadcast)], "ADDR|+|-", "alias of broadcast", "", "", "see broadcast"),
    kw("label", Acted, &[One(Text)], "LABEL", "interface label rules", "none", "", "address label (IPv4)"),
    kw("peer", Acted, &[One(Prefix)], "ADDR[/LEN]", "", "none", "", "point-to-point peer"),
    kw("home", Acted, FLAG, "", "IPv6", "off", "", "home address flag"),
    kw("-nodad", Acted, FLAG, "", "IPv6", "off", "", "clear the no-DAD flag that is set by default"),
    kw("mngtmpaddr", Acted, FLAG, "", "IPv6", "off", "", "template for temporary addresses"),
    kw("noprefixroute", Acted, FLAG, "", "", "off", "", "no automatic prefix route"),
    kw("autojoin", Acted, FLAG, "", "", "off", "", "join the multicast group of the address"),
    kw("no_track", Acted, FLAG, "", "", "off", "", "do not react to loss of the address, or of its interface"),
    kw("preferred_lft", Acted, &[One(Lifetime)], "SECS|forever", "0..4294967295", "forever (0 for IPv6 /128 VIPs)", "", "preferred lifetime"),
];
