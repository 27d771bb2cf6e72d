//! Rows of the keyword tables, and abbreviations for their columns.

/// A keyword, a word of an entry, or a kind of list entries.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    /// The word; in upper case for a kind of list entries.
    pub name: &'static str,
    /// Its status in this release.
    pub status: Status,
    /// Grammar of the words after it; for list entries, of the whole line.
    pub args: &'static [Term],
    /// Grammar of its block.
    pub body: Body,
    /// Arguments, as in the manual.
    pub usage: &'static str,
    /// Range or rule, as in the manual.
    pub rule: &'static str,
    /// Default, as in the manual; notes follow a `;`.
    pub default: &'static str,
    /// First release of C keepalived with it.
    pub since: &'static str,
    /// Meaning, on one line.
    pub help: &'static str,
    /// How much of the file is dropped for an invalid value.
    pub lenience: Lenience,
}

/// How much C keepalived, and so this program, drops for a missing or invalid value of a keyword, a list entry or an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lenience {
    /// An invalid value drops the line or the entry. A missing value is an error.
    WrongOnly,
    /// A missing value drops the line too. In a list entry, unknown words are dropped one by one, and a missing value drops the
    /// entry.
    Line,
    /// Of an option: an invalid value drops the option only.
    WrongOption,
    /// Of an option: an invalid or missing value drops the option only.
    Option,
    /// Of one of several values: an invalid value is dropped.
    Word,
}

/// Status of a keyword in this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has its effect.
    Acted,
    /// It never has an effect, with one warning.
    NoEffect,
    /// It has no effect, since there is no need for one here: one warning with this reason.
    Unneeded(&'static str),
    /// Another spelling of this keyword.
    Alias(&'static str),
    /// An old spelling or form, with one warning about its replacement. If that is a keyword of the same block, it is read as
    /// that keyword.
    Deprecated(&'static str),
}

/// Grammar of the block of a keyword.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// No braces.
    None,
    /// Keywords of these sets.
    Block(&'static [&'static [Keyword]]),
    /// Keywords; another single word is an entry of this kind (an old form).
    Loose(&'static [&'static [Keyword]], &'static Keyword),
    /// One entry a line. An entry whose first word is the name of a lower-case kind is of that kind, else of the first kind.
    Entries(&'static [Keyword]),
    /// One-word entries, any number on a line.
    Words(&'static Keyword),
}

/// One step of an argument grammar.
#[derive(Clone, Copy, Debug)]
pub enum Term {
    /// A required value.
    One(Kind),
    /// An optional value.
    Opt(Kind),
    /// Any number of values.
    Many(Kind),
    /// Named options in any order, each followed by its own arguments.
    Named(&'static [&'static [Keyword]]),
    /// A command with its arguments, `USER` and `GROUP`, with its own tokeniser.
    Script,
    /// An optional [`Term::Script`].
    OptScript,
    /// A regular expression, with all escapes inside quotes.
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
    /// Decimal number with a number of places; the inclusive range is in units of the last place.
    Decimal(u64, u64, u8),
    /// Any word.
    Text,
    /// A name that becomes part of a file name.
    FileName,
    /// A secret word.
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
    /// [`Kind::Prefix`], or `default`, `all`, `any`.
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
    /// First argument of a virtual server: address, `fwmark` or `group`.
    Service,
    /// IPv4 netmask or prefix length 1..=128.
    Mask,
    /// 32 hexadecimal digits.
    Digest,
    /// Hexadecimal bytes.
    Hex,
    /// Hexadecimal bytes where `x` matches any nibble.
    HexPattern,
    /// Decimal number, with the unit `s`, `ms` or none.
    Time,
    /// Number up to a maximum, or a name in the tables of the system.
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
/// A time of at least 1 us, in seconds.
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
    Keyword { name, status, args, body: Body::None, usage, rule, default, since, help, lenience: Lenience::WrongOnly }
}

/// Rows are equal if they are the same row of a table.
impl PartialEq for Keyword {
    fn eq(&self, other: &Keyword) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Keyword {
    /// The row with a block.
    pub(super) const fn with(self, body: Body) -> Keyword {
        Keyword { body, ..self }
    }

    /// The row with a lenience.
    pub(super) const fn lenient(self, lenience: Lenience) -> Keyword {
        Keyword { lenience, ..self }
    }

    /// Whether it is a kind of list entries, not a word of the file.
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

    /// Keyword sets of its block; empty for lists and for keywords without a block.
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

/// Resolves an alias or an old spelling.
pub fn canonical(sets: &'static [&'static [Keyword]], keyword: &'static Keyword) -> &'static Keyword {
    match keyword.status {
        Alias(of) | Deprecated(of) => find(sets, of).unwrap_or(keyword),
        _ => keyword,
    }
}
