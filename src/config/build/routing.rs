//! Common parts of routes and rules: their words, families, names and track groups.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::iproute::{self, Directories, NameKind};
use super::super::keywords::{Keyword, Status};
use super::super::line::Line;
use super::super::model::{Family, Global};
use super::super::node::Node;
use super::super::place::At;
use super::super::value::{Arg, Value};
use super::context::{Ctx, text};

/// Settings and blocks that the entries refer to.
pub(super) struct Known<'t> {
    names: Directories<'t>,
    dynamic: bool,
    groups: HashSet<&'t str>,
}

impl<'t> Known<'t> {
    /// The directories of iproute2's names.
    pub(super) fn names(&self) -> Directories<'t> {
        self.names
    }

    pub(super) fn of(tree: &'t [Node<'_>], global: &'t Global) -> Known<'t> {
        let groups = tree.iter().filter(|n| n.keyword.name == "track_group").filter_map(|n| n.text(0));
        Known {
            names: Directories { etc: &global.iproute_etc_dir, usr: &global.iproute_usr_dir },
            dynamic: global.dynamic_interfaces,
            groups: groups.collect(),
        }
    }
}

/// A word of an entry with its values.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    /// As written.
    pub keyword: &'static Keyword,
    /// Canonical name.
    pub name: &'static str,
    /// Its values.
    pub args: &'a [Arg],
    /// Place of the last value, or of the word itself.
    pub at: At,
}

impl<'a> Word<'a> {
    /// The words among the arguments of an entry or of a word.
    pub(super) fn all<'l>(line: Line<'l>, args: &'a [Arg]) -> impl Iterator<Item = Word<'a>> + use<'a, 'l> {
        args.iter().filter_map(move |arg| Word::of(line, arg))
    }

    pub(super) fn of(line: Line<'_>, arg: &'a Arg) -> Option<Word<'a>> {
        let Value::Option(keyword, args) = &arg.value else { return None };
        let name = match keyword.status {
            Status::Alias(of) | Status::Deprecated(of) => of,
            _ => keyword.name,
        };
        let named = args.iter().any(|arg| matches!(arg.value, Value::Option(..)));
        let at = place(line, args.last().filter(|_| !named).unwrap_or(arg));
        Some(Word { keyword, name, args, at })
    }

    /// Its last value.
    pub(super) fn value(&self) -> Option<&'a Value> {
        self.args.last().map(|arg| &arg.value)
    }

    /// Its last value as text.
    pub(super) fn text(&self) -> &'a str {
        self.value().and_then(text).unwrap_or_default()
    }

    /// Its last value, one of a set of words.
    pub(super) fn choice(&self) -> Option<&'static str> {
        match self.value() {
            Some(Value::Choice(word)) => Some(word),
            _ => None,
        }
    }

    pub(super) fn ip(&self) -> Option<IpAddr> {
        match self.value() {
            Some(Value::Addr(ip)) => Some(*ip),
            _ => None,
        }
    }

    pub(super) fn u64(&self) -> Option<u64> {
        match self.value() {
            Some(Value::Uint(n)) => Some(*n),
            Some(Value::Int(n)) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    pub(super) fn u32(&self) -> Option<u32> {
        self.u64().and_then(|n| u32::try_from(n).ok())
    }

    pub(super) fn u8(&self) -> Option<u8> {
        self.u64().and_then(|n| u8::try_from(n).ok())
    }

    /// The optional word before its last value.
    pub(super) fn before(&self) -> Option<&'a str> {
        match self.args {
            [first, _] => text(&first.value),
            _ => None,
        }
    }
}

/// Place of an argument.
pub(super) fn place(line: Line<'_>, arg: &Arg) -> At {
    line.at(arg.start, arg.end.saturating_sub(arg.start))
}

/// Prefix length of a single address.
pub(super) fn whole(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// All addresses of a family.
pub(super) fn everything(family: Family) -> (IpAddr, u8) {
    match family {
        Family::V4 => (Ipv4Addr::UNSPECIFIED.into(), 0),
        Family::V6 => (Ipv6Addr::UNSPECIFIED.into(), 0),
    }
}

/// An entry that is being built. Functions that return `None` have reported why the entry is ignored.
pub(super) struct Entry<'e, 'c, 'f> {
    pub node: &'e Node<'e>,
    pub known: &'e Known<'e>,
    /// Family of the addresses so far.
    pub family: Option<Family>,
    pub ctx: &'e mut Ctx<'c, 'f>,
}

impl Entry<'_, '_, '_> {
    /// Reports why the entry is ignored.
    pub(super) fn refuse<T>(&mut self, at: At, text: impl std::fmt::Display, help: impl Into<String>) -> Option<T> {
        self.ctx.mistake(at, format!("{text}: the entry is ignored"), help);
        None
    }

    /// Notes the family of an address, or `inet` and `inet6`.
    pub(super) fn of_family(&mut self, family: Family, at: At) -> Option<()> {
        if *self.family.get_or_insert(family) == family {
            return Some(());
        }
        self.refuse(at, "IPv4 and IPv6 are mixed", "write addresses of one family")
    }

    /// An address, with `inet` or `inet6` before it.
    pub(super) fn address(&mut self, word: &Word<'_>) -> Option<IpAddr> {
        let ip = word.ip()?;
        match word.before() {
            Some("inet") => self.of_family(Family::V4, word.at)?,
            Some("inet6") => self.of_family(Family::V6, word.at)?,
            _ => {}
        }
        self.of_family(Family::of(ip), word.at)?;
        Some(ip)
    }

    /// A network; `Some(None)` = `all`, `any` or `default` without an address.
    pub(super) fn prefix(&mut self, value: &Value, at: At) -> Option<Option<(IpAddr, u8)>> {
        match value {
            Value::Prefix(ip, len) => {
                self.of_family(Family::of(*ip), at)?;
                Some(Some((*ip, len.unwrap_or(whole(*ip)))))
            }
            _ if text(value) == Some("default6") => {
                self.of_family(Family::V6, at)?;
                Some(None)
            }
            _ => Some(None),
        }
    }

    /// The number of a word that takes a number or a name.
    pub(super) fn number(&mut self, kind: NameKind, word: &Word<'_>) -> Option<u32> {
        match self.lookup(kind, word.text()) {
            Some(number) => Some(number),
            None => {
                let help = "write a number, or define the name in the files of iproute2";
                self.refuse(word.at, format_args!("{}: there is no name '{}'", word.name, word.text()), help)
            }
        }
    }

    /// The number of a name, or the number itself.
    pub(super) fn lookup(&mut self, kind: NameKind, name: &str) -> Option<u32> {
        iproute::number(name).or_else(|| self.ctx.answers.routing_name(kind, self.known.names, name))
    }

    /// A [`Entry::number`] up to 255.
    pub(super) fn octet(&mut self, kind: NameKind, word: &Word<'_>) -> Option<u8> {
        let number = self.number(kind, word)?;
        match u8::try_from(number) {
            Ok(octet) => Some(octet),
            Err(_) => {
                self.refuse(word.at, format_args!("{} {number} is greater than 255", word.name), "write 0 to 255")
            }
        }
    }

    /// `[SRC/]DST`: the source realm in the upper, the destination realm in the lower 16 bits.
    pub(super) fn realms(&mut self, word: &Word<'_>) -> Option<u32> {
        let mut realm = |name: &str| u8::try_from(self.lookup(NameKind::Realm, name)?).ok().map(u32::from);
        let found = match word.text().split_once('/') {
            Some((from, to)) => realm(from).zip(realm(to)),
            None => realm(word.text()).map(|to| (0, to)),
        };
        match found {
            Some((from, to)) => Some(from << 16 | to),
            None => {
                let help = "write realms [SRC/]DST with numbers up to 255 or names of rt_realms";
                self.refuse(word.at, format_args!("realms: there is no '{}'", word.text()), help)
            }
        }
    }

    /// The name of an interface.
    pub(super) fn device(&mut self, word: &Word<'_>) -> Option<String> {
        let name = word.text().to_owned();
        self.ctx.interface(&name, word.at, self.known.dynamic);
        Some(name)
    }

    /// The group of a static entry; `needs` = the missing word that it needs.
    pub(super) fn track_group(&mut self, group: Option<(&str, At)>, needs: Option<&str>) -> Option<String> {
        let (name, at) = group?;
        if let Some(needs) = needs {
            self.ctx.mistake(at, format!("track_group needs {needs}: it is ignored"), format!("add {needs} IFNAME"));
            return None;
        }
        if !self.known.groups.contains(name) {
            let text = format!("the track_group '{name}' does not exist: the word is ignored");
            self.ctx.mistake(at, text, format!("define it: track_group {name} {{ group {{ INSTANCE }} }}"));
            return None;
        }
        Some(name.to_owned())
    }
}

/// The entries of a block of the top level.
pub(super) fn entries<'t, 'i>(
    tree: &'t [Node<'i>],
    block: &'static str,
) -> impl Iterator<Item = &'t Node<'i>> + use<'t, 'i> {
    tree.iter().filter(move |node| node.keyword.name == block).flat_map(|node| node.children.iter())
}
