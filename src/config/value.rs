//! Checks single values against the kind that their keyword requires.

use std::net::IpAddr;

use super::diag::Class;
use super::iproute;
use super::keywords::{Keyword, Kind};
use super::suggest::nearest;
use super::words::Word;

/// A checked value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `[BOOL]`.
    Bool(bool),
    /// Unsigned number.
    Uint(u64),
    /// Signed number.
    Int(i64),
    /// Decimal number in units of its last place.
    Decimal(u64),
    /// Any text.
    Text(String),
    /// Address.
    Addr(IpAddr),
    /// Address, with its prefix length if there is one.
    Prefix(IpAddr, Option<u8>),
    /// One of a set of words.
    Choice(&'static str),
    /// A named option with its own values.
    Option(&'static Keyword, Vec<Arg>),
    /// A command.
    Script(Vec<Word<'static>>),
}

/// A value with its byte range in the line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arg {
    /// The value.
    pub value: Value,
    /// Offset of its first byte in the text of the line.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

/// Why a word is not a value of its kind.
#[derive(Debug, PartialEq)]
pub(crate) struct Wrong {
    /// Class of the problem.
    pub class: Class,
    /// Text of the message, after the keyword.
    pub text: String,
    /// The remedy.
    pub help: Option<String>,
    /// The value, if only surplus digits were rounded.
    pub rounded: Option<u64>,
    /// The value that C keepalived uses nevertheless, and its description.
    pub taken: Option<Box<(Value, String)>>,
}

fn wrong(class: Class, text: impl Into<String>) -> Wrong {
    Wrong { class, text: text.into(), help: None, rounded: None, taken: None }
}

fn number(text: &str, low: impl std::fmt::Display, high: impl std::fmt::Display) -> Wrong {
    let help = format!("it takes a number from {low} to {high}");
    let digits = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
    let what = if digits { "is out of range" } else { "is not a number" };
    Wrong { help: Some(help), ..wrong(Class::InvalidNumber, format!("'{text}' {what}")) }
}

/// Longest name that becomes part of a file name, in octets; a file name may have two of them.
const MOST_OF_A_NAME: usize = 100;

/// Why a name cannot become part of a file name, if so.
pub fn file_name_problem(name: &str) -> Option<String> {
    match name {
        "" => Some("is empty".to_owned()),
        "." | ".." => Some("names a directory".to_owned()),
        _ if name.contains('/') => Some("contains '/'".to_owned()),
        _ if name.contains(char::is_control) => Some("contains control characters".to_owned()),
        _ if name.len() > MOST_OF_A_NAME => Some(format!("is longer than {MOST_OF_A_NAME} bytes")),
        _ => None,
    }
}

/// Checks a word.
pub(crate) fn parse(kind: Kind, text: &str) -> Result<Value, Wrong> {
    let general = |what: &str| Err(wrong(Class::General, format!("'{text}' is not {what}")));
    let own = || Value::Text(text.to_owned());
    match kind {
        Kind::Text | Kind::Secret => Ok(own()),
        Kind::FileName => match file_name_problem(text) {
            None => Ok(own()),
            Some(problem) => {
                let help = "it becomes part of a file name: write a name such as 'blue' or 'lb-1'";
                Err(Wrong {
                    help: Some(help.into()),
                    ..wrong(Class::General, format!("'{text}' is not a valid name: it {problem}"))
                })
            }
        },
        Kind::Bool => match text {
            "on" | "true" | "yes" => Ok(Value::Bool(true)),
            "off" | "false" | "no" => Ok(Value::Bool(false)),
            _ => Err(Wrong {
                help: Some("it takes on, true, yes, off, false or no, in lower case".into()),
                ..wrong(Class::General, format!("'{text}' is neither on nor off"))
            }),
        },
        // Blanks inside quotes are ignored before a number.
        Kind::Uint(low, high) => match unsigned(text.trim_start()) {
            Some(n) if (low..=high).contains(&n) => Ok(Value::Uint(n)),
            _ => Err(number(text, low, high)),
        },
        Kind::Int(low, high) => match signed(text.trim_start()) {
            Some(n) if (low..=high).contains(&n) => Ok(Value::Int(n)),
            _ => Err(number(text, low, high)),
        },
        Kind::Decimal(low, high, places) => decimal(text.trim_start(), low, high, places),
        Kind::Interface => {
            let good =
                !text.is_empty() && text.len() <= 15 && !text.contains(['/', ':']) && text != "." && text != "..";
            if good { Ok(own()) } else { general("the name of an interface (at most 15 characters)") }
        }
        Kind::Address => match (address(text), text.split_once('/')) {
            (Some(ip), _) => Ok(Value::Addr(ip)),
            (None, Some((ip, length))) if length.parse::<u8>().is_ok_and(|length| length <= 128) => {
                let taken = address(ip).map(|ip| Box::new((Value::Addr(ip), format!("/{length} is ignored"))));
                let help = taken.is_some().then(|| format!("remove /{length}"));
                let problem = format!("'{text}' has a prefix length, which an address does not take");
                Err(Wrong { help, taken, ..wrong(Class::General, problem) })
            }
            _ => general("an IPv4 or IPv6 address"),
        },
        Kind::Multicast4 => match address(text) {
            Some(ip) if ip.is_ipv4() && ip.is_multicast() => Ok(Value::Addr(ip)),
            _ => general("an IPv4 multicast address"),
        },
        Kind::Multicast6 => match address(text) {
            Some(ip) if ip.is_ipv6() && ip.is_multicast() => Ok(Value::Addr(ip)),
            _ => general("an IPv6 multicast address"),
        },
        Kind::Multicast => match address(text) {
            Some(ip) if ip.is_multicast() => Ok(Value::Addr(ip)),
            _ => general("a multicast address"),
        },
        Kind::Prefix => prefix(text),
        Kind::Destination => match text {
            "default" | "all" | "any" | "default6" => Ok(own()),
            _ => prefix(text),
        },
        Kind::Broadcast => match (text, address(text)) {
            ("+" | "-", _) | (_, Some(IpAddr::V4(_))) => Ok(own()),
            _ => general("an IPv4 address, + or -"),
        },
        Kind::Scope => match text {
            "global" | "universe" => Ok(Value::Uint(0)),
            "site" => Ok(Value::Uint(200)),
            "link" => Ok(Value::Uint(253)),
            "host" => Ok(Value::Uint(254)),
            "nowhere" => Ok(Value::Uint(255)),
            _ => match unsigned(text) {
                Some(n) if n <= 255 => Ok(Value::Uint(n)),
                _ => general("a scope (global, site, link, host, nowhere or 0 to 255)"),
            },
        },
        Kind::Lifetime => match text {
            "forever" => Ok(Value::Uint(u64::from(u32::MAX))),
            _ => parse(Kind::Uint(0, u64::from(u32::MAX)), text),
        },
        Kind::Range => {
            if range(text) {
                Ok(own())
            } else {
                general("an address range (ADDR-LAST, ADDR-ADDR or ADDR/MASK)")
            }
        }
        Kind::Numbers(low, high) => {
            if pair(text, low, high) {
                Ok(own())
            } else {
                Err(number(text, low, high))
            }
        }
        Kind::Service => match (text, address(text)) {
            ("fwmark" | "group", _) | (_, Some(_)) => Ok(own()),
            _ => general("the address of a virtual server (ADDR [PORT], fwmark N or group NAME)"),
        },
        Kind::Mask => match (address(text), unsigned(text)) {
            (Some(IpAddr::V4(_)), _) => Ok(own()),
            (_, Some(1..=128)) => Ok(own()),
            _ => general("a netmask or prefix length from 1 to 128"),
        },
        Kind::Digest => {
            let good = text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit());
            if good { Ok(own()) } else { general("a digest of 32 hexadecimal digits") }
        }
        Kind::Hex => {
            let good = !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit());
            if good { Ok(own()) } else { general("a sequence of hexadecimal digits") }
        }
        Kind::HexPattern => {
            let good = !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, 'x' | 'X'));
            if good { Ok(own()) } else { general("a sequence of hexadecimal digits and x") }
        }
        Kind::Time => {
            let digits = text.strip_suffix("ms").or(text.strip_suffix('s')).unwrap_or(text);
            let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
            let number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if number(whole) && number(part) { Ok(own()) } else { general("a time (a number, with s or ms)") }
        }
        Kind::NumberOrName(high) => {
            if !text.starts_with(|c: char| c.is_ascii_digit()) {
                return Ok(own());
            }
            let n = iproute::number(text).map(u64::from);
            n.filter(|n| *n <= high).map(|_| own()).ok_or_else(|| number(text, 0, high))
        }
        Kind::AnyCase(words) if words.iter().any(|w| w.eq_ignore_ascii_case(text)) => {
            Ok(words.iter().find(|w| w.eq_ignore_ascii_case(text)).map_or_else(own, |word| Value::Choice(word)))
        }
        Kind::OneOf(words) | Kind::AnyCase(words) => match words.iter().find(|w| **w == text) {
            Some(word) => Ok(Value::Choice(word)),
            None => {
                let help = match nearest(text, words.iter().copied()) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("it takes {}", words.join(", ")),
                };
                Err(Wrong { help: Some(help), ..wrong(Class::General, format!("'{text}' is not one of the values")) })
            }
        },
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn unsigned(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.chars().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn signed(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn prefix(text: &str) -> Result<Value, Wrong> {
    let (addr, len) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let Some(ip) = address(addr) else {
        let what = if len.is_some() { "an address with a prefix length" } else { "an IPv4 or IPv6 address" };
        return Err(wrong(Class::General, format!("'{text}' is not {what}")));
    };
    let most = if ip.is_ipv4() { 32 } else { 128 };
    match len {
        None => Ok(Value::Prefix(ip, None)),
        Some(len) => match unsigned(len).and_then(|n| u8::try_from(n).ok()) {
            Some(n) if n <= most => Ok(Value::Prefix(ip, Some(n))),
            _ => {
                let digits = len.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
                let taken = digits.parse().ok().filter(|n| *n <= most).unwrap_or(most);
                Err(Wrong {
                    help: Some(format!("the prefix length goes from 0 to {most}")),
                    taken: Some(Box::new((Value::Prefix(ip, Some(taken)), format!("/{taken} is used")))),
                    ..wrong(Class::InvalidNumber, format!("'/{len}' is not a prefix length for {ip}"))
                })
            }
        },
    }
}

fn decimal(text: &str, low: u64, high: u64, places: u8) -> Result<Value, Wrong> {
    let scale = 10u64.saturating_pow(u32::from(places));
    let shown = |n: u64| {
        let (whole, part) = (n.checked_div(scale).unwrap_or(0), n.checked_rem(scale).unwrap_or(0));
        let text = format!("{whole}.{part:0width$}", width = usize::from(places));
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let bad = || number(text, shown(low), shown(high));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || !digits(whole) || !digits(part) {
        return Err(bad());
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
    let kept: String = part.chars().chain(std::iter::repeat('0')).take(usize::from(places)).collect();
    let dropped = part.get(usize::from(places)..).unwrap_or("");
    let up = u64::from(dropped.starts_with(|c| c >= '5'));
    let part: u64 = if kept.is_empty() { 0 } else { kept.parse().map_err(|_| bad())? };
    let value =
        whole.checked_mul(scale).and_then(|w| w.checked_add(part)).and_then(|v| v.checked_add(up)).ok_or_else(bad)?;
    if !(low..=high).contains(&value) {
        return Err(bad());
    }
    if dropped.bytes().any(|b| b != b'0') {
        let text = format!("'{text}' has more than {places} places and is rounded to {}", shown(value));
        return Err(Wrong { rounded: Some(value), ..wrong(Class::InvalidNumber, text) });
    }
    Ok(Value::Decimal(value))
}

/// `ADDR-LAST`, `ADDR-ADDR` or `ADDR/MASK`.
fn range(text: &str) -> bool {
    if let Some((addr, mask)) = text.split_once('/') {
        let most = if addr.contains(':') { 128 } else { 32 };
        return address(addr).is_some() && unsigned(mask).is_some_and(|m| m <= most);
    }
    let Some((from, to)) = text.split_once('-') else {
        return false;
    };
    match (address(from), address(to)) {
        (Some(from), Some(to)) => from.is_ipv4() == to.is_ipv4() && from <= to,
        (Some(IpAddr::V4(_)), None) => unsigned(to).is_some_and(|n| n <= 255),
        (Some(IpAddr::V6(_)), None) => u16::from_str_radix(to, 16).is_ok(),
        _ => false,
    }
}

/// `N` or `N-N`, in order and within limits.
fn pair(text: &str, low: u64, high: u64) -> bool {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    matches!((unsigned(from), unsigned(to)), (Some(a), Some(b)) if low <= a && a <= b && b <= high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        for (text, value) in
            [("1", 1_000_000), ("0.5", 500_000), (".25", 250_000), ("2.", 2_000_000), ("1.0000000", 1_000_000)]
        {
            assert_eq!(decimal(text, 0, 10_000_000, 6), Ok(Value::Decimal(value)), "{text}");
        }
        assert_eq!(decimal("0.0000016", 0, 10, 6).unwrap_err().rounded, Some(2));
        for text in ["", ".", "-1", "1e3", "1.2.3", "11", "abc", "99999999999999999999"] {
            assert_eq!(decimal(text, 0, 10_000_000, 6).unwrap_err().class, Class::InvalidNumber, "{text}");
        }
    }

    #[test]
    fn words_of_each_kind() {
        for (kind, good, bad) in [
            (Kind::Bool, "yes", "Yes"),
            (Kind::Uint(1, 255), "255", "256"),
            (Kind::Uint(1, 255), "+5", "5x"),
            (Kind::Int(-253, 253), "-253", "-254"),
            (Kind::Interface, "eth0.100", "averyveryverylongname"),
            (Kind::FileName, "blue", "../blue"),
            (Kind::FileName, "lb-1.x", ".."),
            (Kind::FileName, "a b", ""),
            (Kind::FileName, "...", "a\0b"),
            (Kind::Address, "fe80::1", "10.0.0.256"),
            (Kind::Multicast4, "224.0.0.18", "10.0.0.1"),
            (Kind::Multicast6, "ff02::12", "224.0.0.18"),
            (Kind::Prefix, "10.0.0.1/24", "10.0.0.1/33"),
            (Kind::Prefix, "fe80::1/128", "fe80::1/129"),
            (Kind::Destination, "default", "defalt"),
            (Kind::Broadcast, "+", "fe80::1"),
            (Kind::Scope, "site", "wide"),
            (Kind::Lifetime, "forever", "never"),
            (Kind::Range, "10.0.0.1-20", "10.0.0.1"),
            (Kind::Range, "10.0.0.1-10.0.1.1", "10.0.1.1-10.0.0.1"),
            (Kind::Range, "fe80::1-ff", "fe80::1-10.0.0.1"),
            (Kind::Numbers(100, 599), "200-299", "99"),
            (Kind::Service, "fwmark", "web"),
            (Kind::Mask, "255.255.255.0", "0"),
            (Kind::Digest, "0123456789abcdef0123456789abcdef", "0123"),
            (Kind::Hex, "0a1", "0x1"),
            (Kind::HexPattern, "0aXx", "0g"),
            (Kind::Time, "30ms", "30m"),
            (Kind::Time, "1.5s", "1.s"),
            (Kind::NumberOrName(255), "main", "256"),
            (Kind::OneOf(&["rr", "wrr"]), "wrr", "WRR"),
        ] {
            assert!(parse(kind, good).is_ok(), "{kind:?} {good}");
            assert!(parse(kind, bad).is_err(), "{kind:?} {bad}");
        }
    }
}
