//! Names of routing tables, protocols, scopes, realms, DS fields and interface groups: those of iproute2's files, and those of
//! the kernel's headers.

use std::collections::HashMap;

/// Default of `iproute_etc_dir`.
pub const ETC: &str = "/etc/iproute2";
/// Default of `iproute_usr_dir`.
pub const USR: &str = "/usr/share/iproute2";
/// The directory of the distribution's files before [`USR`] (Debian 12 and earlier).
const USR_BEFORE: &str = "/usr/lib/iproute2";
/// File of the names of IP protocols: protocols(5).
pub(crate) const IP_PROTOCOLS: &str = "/etc/protocols";

/// A kind of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum NameKind {
    /// Routing tables.
    Table,
    /// Protocols of routes and rules.
    Protocol,
    /// Scopes of routes.
    Scope,
    /// Realms of routes.
    Realm,
    /// Values of the DS field.
    DsField,
    /// Groups of interfaces.
    Group,
}

impl NameKind {
    /// Name of the file.
    fn file(self) -> &'static str {
        match self {
            NameKind::Table => "rt_tables",
            NameKind::Protocol => "rt_protos",
            NameKind::Scope => "rt_scopes",
            NameKind::Realm => "rt_realms",
            NameKind::DsField => "rt_dsfield",
            NameKind::Group => "group",
        }
    }

    /// Names that need no file: those of linux/rtnetlink.h, as iproute2 writes them.
    fn fixed(self) -> &'static [(&'static str, u32)] {
        match self {
            NameKind::Table => &[("unspec", 0), ("default", 253), ("main", 254), ("local", 255)],
            NameKind::Protocol => &[
                ("unspec", 0),
                ("redirect", 1),
                ("kernel", 2),
                ("boot", 3),
                ("static", 4),
                ("gated", 8),
                ("ra", 9),
                ("mrt", 10),
                ("zebra", 11),
                ("bird", 12),
                ("dnrouted", 13),
                ("xorp", 14),
                ("ntk", 15),
                ("dhcp", 16),
                ("mrouted", 17),
                ("keepalived", 18),
                ("babel", 42),
                ("openr", 99),
                ("bgp", 186),
                ("isis", 187),
                ("ospf", 188),
                ("rip", 189),
                ("eigrp", 192),
            ],
            NameKind::Scope => {
                &[("global", 0), ("universe", 0), ("site", 200), ("link", 253), ("host", 254), ("nowhere", 255)]
            }
            NameKind::Realm => &[("cosmos", 0)],
            NameKind::DsField | NameKind::Group => &[("default", 0)],
        }
    }
}

/// The directories of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directories<'d> {
    /// `iproute_etc_dir`.
    pub etc: &'d str,
    /// `iproute_usr_dir`.
    pub usr: &'d str,
}

impl Directories<'_> {
    /// The files of a kind. A path that ends in `.d` is that of a directory.
    fn files(self, kind: NameKind) -> Vec<String> {
        let before = (self.usr == USR).then_some(USR_BEFORE);
        let directories = before.into_iter().chain([self.usr, self.etc]);
        let file = kind.file();
        directories.flat_map(|path| [format!("{path}/{file}"), format!("{path}/{file}.d")]).collect()
    }
}

/// The names of a kind; `read` gives the text of a file, or of all files of a directory. The number in a later file counts, but
/// one in a directory only if it is lower, as for ip(8): FRR's file in `rt_protos.d` gives `static` another one than the kernel.
pub(crate) fn names(
    kind: NameKind,
    directories: Directories<'_>,
    mut read: impl FnMut(&str) -> Option<String>,
) -> HashMap<String, u32> {
    let mut names: HashMap<String, u32> = kind.fixed().iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    for path in directories.files(kind) {
        let text = read(&path).unwrap_or_default();
        let words = text.lines().map(|line| line.split('#').next().unwrap_or_default().split_ascii_whitespace());
        let found = words.filter_map(|mut words| Some((in_file(words.next()?)?, words.next()?)));
        for (number, name) in found {
            let known = names.entry(name.to_owned()).or_insert(number);
            *known = if path.ends_with(".d") { number.min(*known) } else { number };
        }
    }
    names
}

/// A number of the files: decimal, or hexadecimal with `0x`.
fn in_file(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(hex) => digits(hex, 16),
        None => digits(word, 10),
    }
}

/// A number of the configuration, as C reads it: decimal, hexadecimal with `0x`, or octal with `0`.
pub(crate) fn number(word: &str) -> Option<u32> {
    match (word.strip_prefix("0x").or(word.strip_prefix("0X")), word.strip_prefix('0')) {
        (Some(hex), _) => digits(hex, 16),
        (None, Some(octal)) if !octal.is_empty() => digits(octal, 8),
        _ => digits(word, 10),
    }
}

/// Digits without a sign.
fn digits(word: &str, radix: u32) -> Option<u32> {
    u32::from_str_radix(word, radix).ok().filter(|_| !word.starts_with('+'))
}

/// IP protocols whose names need no file.
const FIXED_IP_PROTOCOLS: [(&str, u8); 16] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("icmpv6", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

/// The IP protocols of protocols(5) by their names and aliases, in lower case.
pub(crate) fn ip_protocols(text: &str) -> HashMap<String, u32> {
    let mut names: HashMap<String, u32> =
        FIXED_IP_PROTOCOLS.iter().map(|(name, n)| ((*name).to_owned(), u32::from(*n))).collect();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let (Some(name), Some(number)) = (words.next(), words.next().and_then(|n| n.parse::<u8>().ok())) else {
            continue;
        };
        let all = std::iter::once(name).chain(words);
        names.extend(all.map(|name| (name.to_ascii_lowercase(), u32::from(number))));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_number_of_the_last_file_or_a_lower_one_of_a_directory() {
        let read = |path: &str| match path {
            "/usr/lib/iproute2/rt_tables" => Some("7 old\n7 a\n".to_owned()),
            "/usr/share/iproute2/rt_tables" => Some("# names\n8\ta # of the distribution\n9 b\n".to_owned()),
            "/etc/iproute2/rt_tables" => Some("0x10 b\n-1 c\n1 \nx d\n4294967295 e\n4294967296 f\n".to_owned()),
            "/etc/iproute2/rt_tables.d" => Some("17 b\n1 main\n".to_owned()),
            _ => None,
        };
        let found = names(NameKind::Table, Directories { etc: ETC, usr: USR }, read);
        for (name, number) in [
            ("old", Some(7)),
            ("a", Some(8)),
            ("b", Some(16)),
            ("c", None),
            ("d", None),
            ("e", Some(u32::MAX)),
            ("f", None),
            ("main", Some(1)),
            ("local", Some(255)),
        ] {
            assert_eq!(found.get(name).copied(), number, "{name}");
        }
        let frr = |path: &str| path.ends_with("rt_protos.d").then(|| "186 bgp\n196 static\n".to_owned());
        let found = names(NameKind::Protocol, Directories { etc: ETC, usr: USR }, frr);
        assert_eq!((found.get("static"), found.get("bgp")), (Some(&4), Some(&186)));
        let elsewhere = names(NameKind::Table, Directories { etc: "/e", usr: "/u" }, read);
        assert_eq!((elsewhere.get("a"), elsewhere.get("main")), (None, Some(&254)));
    }

    #[test]
    fn numbers() {
        for (word, want) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("010", Some(8)),
            ("0x10", Some(16)),
            ("0XfF", Some(255)),
            ("08", None),
            ("0x", None),
            ("0x+5", None),
            ("+5", None),
            ("-5", None),
            ("4294967296", None),
            ("", None),
        ] {
            assert_eq!(number(word), want, "{word}");
        }
        assert_eq!((in_file("010"), in_file("0x10"), in_file("+1")), (Some(10), Some(16), None));
    }

    #[test]
    fn ip_protocols_have_aliases() {
        let found = ip_protocols("ip 0 IP # none\nipv6-icmp 58 IPv6-ICMP\nbad x\nlarge 256\nudp 17 UDP\n# tcp 7\n");
        for (name, number) in
            [("ip", Some(0)), ("ipv6-icmp", Some(58)), ("icmpv6", Some(58)), ("tcp", Some(6)), ("large", None)]
        {
            assert_eq!(found.get(name).copied(), number, "{name}");
        }
    }
}
