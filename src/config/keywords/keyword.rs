//! A row of the keyword tables, and the short names that their columns are written with.

/// One keyword (or entry word, or kind of list entry) valid in some block.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    /// The word as written; upper case for the kind of a list's entries.
    pub name: &'static str,
    /// What this release does with it.
    pub status: Status,
    /// Grammar of the words after it (of the whole line for list entries).
    pub args: &'static [Term],
    /// What stands between its braces.
    pub body: Body,
    /// Arguments as the manual writes them.
    pub usage: &'static str,
    /// Range or rule in words.
    pub rule: &'static str,
    /// Default in words.
    pub default: &'static str,
    /// First release that had it.
    pub since: &'static str,
    /// Meaning, one line.
    pub help: &'static str,
}

/// What this release does with a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Read and acted on.
    Acted,
    /// Read and validated only: one warning says so.
    NotYet,
    /// Read, its value is shown, but not all is done: one warning says what is missing.
    Partly(&'static str),
    /// Never has an effect: one warning.
    NoEffect,
    /// Another spelling of the named keyword, equally good.
    Alias(&'static str),
    /// An old spelling or form: one warning names what to use instead. When that is a keyword of the same block it is read as that one.
    Deprecated(&'static str),
}

/// What a keyword holds between braces.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// No braces.
    None,
    /// Keywords, from several shared sets.
    Block(&'static [&'static [Keyword]]),
    /// Keywords; a lone word that is none is an entry of that kind (the form of the 1.2 guide).
    Loose(&'static [&'static [Keyword]], &'static Keyword),
    /// One entry a line; an entry that starts with a lower-case keyword's own name is of that kind, else of the first.
    Entries(&'static [Keyword]),
    /// One-word entries, any number on a line.
    Words(&'static Keyword),
}

/// One step of an argument grammar.
#[derive(Clone, Copy, Debug)]
pub enum Term {
    /// A value that must be there.
    One(Kind),
    /// A value that may be missing; taken if the next word fits.
    Opt(Kind),
    /// Any number of values.
    Many(Kind),
    /// Named options in any order, each followed by its own arguments.
    Named(&'static [&'static [Keyword]]),
    /// A command with its arguments, `USER` and `GROUP`: its own tokeniser.
    Script,
    /// The same, or nothing.
    OptScript,
    /// A regular expression: full escapes inside quotes.
    Pattern,
}

/// The kind of one value, with its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `on true yes off false no`.
    Bool,
    /// Unsigned number, inclusive range.
    Uint(u64, u64),
    /// Signed number, inclusive range.
    Int(i64, i64),
    /// Decimal number with so many places; the inclusive range is in units of the last place.
    Decimal(u64, u64, u8),
    /// Any word.
    Text,
    /// A name that becomes a part of a file's name.
    FileName,
    /// A word that is never shown.
    Secret,
    /// Name of a network interface, at most 15 characters.
    Interface,
    /// IPv4 or IPv6 address.
    Address,
    /// IPv4 multicast address.
    Multicast4,
    /// IPv6 multicast address.
    Multicast6,
    /// Multicast address.
    Multicast,
    /// Address with an optional prefix length.
    Prefix,
    /// The same, or `default`, `all`, `any`.
    Destination,
    /// IPv4 address, `+` or `-`.
    Broadcast,
    /// Address scope, 0..=255 or its name.
    Scope,
    /// Seconds or `forever`.
    Lifetime,
    /// `ADDR-LAST`, `ADDR-ADDR` or `ADDR/MASK`.
    Range,
    /// Number, or a range of numbers in order, inclusive limits.
    Numbers(u64, u64),
    /// What a virtual server is: address, `fwmark` or `group`.
    Service,
    /// IPv4 netmask or prefix length 1..=128.
    Mask,
    /// 32 hexadecimal digits.
    Digest,
    /// Hexadecimal bytes.
    Hex,
    /// Hexadecimal bytes where `x` matches any nibble.
    HexPattern,
    /// Milliseconds, or a number with the unit `s` or `ms`.
    Time,
    /// Number up to a maximum, or a name the system's tables translate.
    NumberOrName(u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, in upper or lower case.
    AnyCase(&'static [&'static str]),
}

pub(super) use Body::{Block, Entries, Words};
pub(super) use Kind::*;
pub(super) use Status::*;
pub(super) use Term::{Many, Named, One, Opt};

/// Largest 32-bit value: the range of most unsigned keywords.
pub(super) const U32: u64 = u32::MAX as u64;
pub(super) const FLAG: &[Term] = &[];
pub(super) const BOOL: &[Term] = &[Opt(Bool)];
pub(super) const NAME: &[Term] = &[One(Text)];
pub(super) const COUNT: &[Term] = &[One(Uint(0, U32))];
pub(super) const SECS: &[Term] = &[One(Uint(0, U32))];
pub(super) const ADDRESS: &[Term] = &[One(Address)];
/// A time that must not be zero, in microseconds.
pub(super) const PAUSE: &[Term] = &[One(Decimal(1, 4_294_967_295_000_000, 6))];
/// Milliseconds with microsecond resolution.
pub(super) const MSECS: &[Term] = &[One(Decimal(1_000, 4_294_967_000, 3))];

/// A row without braces.
#[expect(clippy::too_many_arguments, reason = "a row of the table, one argument a column")]
pub(super) const fn kw(
    name: &'static str,
    status: Status,
    args: &'static [Term],
    usage: &'static str,
    rule: &'static str,
    default: &'static str,
    since: &'static str,
    help: &'static str,
) -> Keyword {
    Keyword { name, status, args, body: Body::None, usage, rule, default, since, help }
}

/// Rows are compared by where they stand in the tables.
impl PartialEq for Keyword {
    fn eq(&self, other: &Keyword) -> bool {
        std::ptr::eq(self, other)
    }
}

/// Keywords that change failover or traffic: as long as they are not acted on, a file with one of them has a fault.
const CHANGES_TRAFFIC: [&str; 24] = [
    "auth_hmac",
    "BFD_CHECK",
    "disable_local_igmp",
    "garp_extra_if",
    "interface_up_down_delays",
    "linkbeat_interfaces",
    "linkbeat_use_polling",
    "namespace_with_ipsets",
    "net_namespace_ipvs",
    "nftables",
    "nftables_ipvs",
    "no_accept",
    "static_routes",
    "static_rules",
    "timer_expired_backup",
    "track_bfd",
    "track_group",
    "use_ipvlan",
    "use_vmac_addr",
    "virtual_routes",
    "virtual_rules",
    "vrf",
    "vrrp_garp_extra_if",
    "vrrp_iptables",
];

impl Keyword {
    /// Whether failover or traffic differ without it.
    pub fn changes_traffic(&self) -> bool {
        CHANGES_TRAFFIC.contains(&self.name)
    }

    /// The same row with braces.
    pub(super) const fn with(self, body: Body) -> Keyword {
        Keyword { body, ..self }
    }

    /// Whether it names the kind of a list's entries rather than a word of the file.
    pub fn is_placeholder(&self) -> bool {
        matches!(
            self.name,
            "ADDR"
                | "ADDR-RANGE"
                | "ADDRESS"
                | "EMAIL"
                | "IFNAME"
                | "INSTANCE"
                | "NAME"
                | "ROUTE-WORDS"
                | "RULE-WORDS"
                | "TYPE"
        )
    }

    /// What is between its braces, as keyword sets; empty for lists and for keywords without braces.
    pub fn block(&self) -> &'static [&'static [Keyword]] {
        match self.body {
            Block(sets) | Body::Loose(sets, _) => sets,
            _ => &[],
        }
    }
}

/// Finds a keyword in the sets of a block.
pub fn find(sets: &'static [&'static [Keyword]], name: &str) -> Option<&'static Keyword> {
    sets.iter().flat_map(|set| set.iter()).find(|k| k.name == name)
}

/// The name a keyword is acted on under: that of the keyword an alias or an old spelling stands for.
pub fn canonical(sets: &'static [&'static [Keyword]], keyword: &'static Keyword) -> &'static Keyword {
    match keyword.status {
        Alias(of) | Deprecated(of) => find(sets, of).unwrap_or(keyword),
        _ => keyword,
    }
}
