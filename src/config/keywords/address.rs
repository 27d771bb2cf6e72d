//! Words of `virtual_ipaddress`, `virtual_ipaddress_excluded` and `static_ipaddress` entries.

use super::keyword::*;

/// Entries of `virtual_ipaddress` and `virtual_ipaddress_excluded`.
#[rustfmt::skip]
pub(super) static VIRTUAL_ADDRESS: &[Keyword] = &[
    kw("ADDRESS", Acted, &[One(Prefix), Named(&[WORDS, VMAC])], "ADDR[/LEN] WORDS", "LEN 0..32 for IPv4, 0..128 for IPv6", "LEN 32 or 128", "", "the address, then words in any order; see ADDRESS-LINE").lenient(Lenience::Line),
];

/// Entries of `static_ipaddress`.
#[rustfmt::skip]
pub(super) static STATIC_ADDRESS: &[Keyword] = &[
    kw("ADDRESS", Acted, &[One(Prefix), Named(&[WORDS, GROUP])], "ADDR[/LEN] WORDS", "LEN 0..32 for IPv4, 0..128 for IPv6", "LEN 32 or 128", "", "the address, then words in any order; see ADDRESS-LINE").lenient(Lenience::Line),
];

/// Words of addresses of instances only.
#[rustfmt::skip]
static VMAC: &[Keyword] = &[
    kw("use_vmac", Acted, &[Many(Text)], "[IFNAME] [MAC]", "IFNAME and MAC are faults, and ignored", "off", "", "put the address on a VMAC over its interface, with the virtual MAC of its family; see vmac_addr_prefix"),
];

/// Words of static addresses only.
#[rustfmt::skip]
static GROUP: &[Keyword] = &[
    kw("track_group", Acted, &[One(Text)], "NAME", "name of a track_group", "none", "", "instances that go to FAULT while the address cannot be set"),
];

/// Words of all addresses.
#[rustfmt::skip]
static WORDS: &[Keyword] = &[
    kw("dev", Acted, &[One(Interface)], "IFNAME", "", "interface of the instance; of static addresses default_interface", "", "interface of the address"),
    kw("scope", Acted, &[One(Scope)], "SCOPE", "0..255 or site, link, host, nowhere, global", "global", "", "scope of an IPv4 address").lenient(Lenience::WrongOption),
    kw("broadcast", Acted, &[One(Broadcast)], "ADDR|+|-", "+ = all host bits set, - = all host bits clear", "none", "", "broadcast address"),
    kw("brd", Alias("broadcast"), &[One(Broadcast)], "ADDR|+|-", "", "", "", "see broadcast"),
    kw("label", Acted, &[One(Text)], "LABEL", "at most 15 characters", "none", "", "label of an IPv4 address"),
    kw("peer", Acted, &[One(Prefix)], "ADDR", "of the same family", "none", "", "address of the other end of a point-to-point link").lenient(Lenience::WrongOption),
    kw("home", Acted, FLAG, "", "", "off", "", "home address (IPv6)"),
    kw("-nodad", Acted, FLAG, "", "", "off; the address is used at once", "", "look for duplicates before the IPv6 address is used"),
    kw("mngtmpaddr", Acted, FLAG, "", "", "off", "", "template for temporary addresses (IPv6)"),
    kw("noprefixroute", Acted, FLAG, "", "", "off", "", "no route to the network of the address"),
    kw("autojoin", Acted, FLAG, "", "", "off", "", "join the multicast group of the address"),
    kw("no_track", Acted, FLAG, "", "", "off", "", "do not react to a loss of the address, or of its interface"),
    kw("preferred_lft", Acted, &[One(Lifetime)], "SECS|forever", "0..4294967295", "forever; for IPv6 with LEN 128 0", "", "time for which the address is preferred as a source").lenient(Lenience::WrongOption),
];
