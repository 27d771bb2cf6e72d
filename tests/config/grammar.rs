//! Every row of the keyword tree: valid values are accepted, values just out of range are reported.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config_support::{file, in_parallel, load_text};
use keepalived::config::keywords::{Keyword, Kind, Term, walk};
use keepalived::config::{Class, Severity};

/// Valid and invalid values of a kind.
fn samples(kind: Kind) -> (Vec<String>, Vec<String>) {
    let texts = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    match kind {
        Kind::Bool => (texts(&["on", "off", "true", "false", "yes", "no"]), texts(&["On", "1"])),
        Kind::Uint(low, high) => {
            let mut bad = texts(&["abc", "-1", "1.5", "99999999999999999999999"]);
            bad.extend(low.checked_sub(1).map(|n| n.to_string()));
            bad.extend(high.checked_add(1).map(|n| n.to_string()));
            (vec![low.to_string(), high.to_string()], bad)
        }
        Kind::Int(low, high) => {
            let bad = vec![(low - 1).to_string(), (high + 1).to_string(), "abc".into()];
            (vec![low.to_string(), high.to_string()], bad)
        }
        Kind::Decimal(low, high, places) => {
            let unit = 10u64.pow(u32::from(places));
            let text = |n: u64| format!("{}.{:0width$}", n / unit, n % unit, width = usize::from(places));
            let mut bad = texts(&["abc", "1..2", "-1", "1s"]);
            bad.extend(low.checked_sub(1).map(text));
            bad.push(text(high + 1));
            (vec![text(low), text(high)], bad)
        }
        Kind::Text | Kind::Secret => (texts(&["word", "\"two words\""]), vec![]),
        Kind::FileName => (texts(&["blue", "lb-1"]), texts(&["a/b", ".."])),
        Kind::Interface => (texts(&["eth0", "bond0.100"]), texts(&["a-name-too-long0", "a/b"])),
        Kind::Address => (texts(&["10.0.0.1", "2001:db8::1"]), texts(&["10.0.0.1.1", "x"])),
        Kind::Multicast4 => (texts(&["224.0.0.18"]), texts(&["10.0.0.1", "ff02::12"])),
        Kind::Multicast6 => (texts(&["ff02::12"]), texts(&["fe80::1", "224.0.0.18"])),
        Kind::Multicast => (texts(&["224.0.0.18"]), texts(&["10.0.0.1"])),
        Kind::Prefix => (texts(&["10.0.0.1/24", "fe80::1/64", "10.0.0.1"]), texts(&["10.0.0.1/33", "10.0.0/8"])),
        Kind::Destination => (texts(&["default", "10.0.0.0/8", "fe80::/10"]), texts(&["10.0.0.0/99"])),
        Kind::Broadcast => (texts(&["+", "-", "10.0.0.255"]), texts(&["*"])),
        Kind::Scope => (texts(&["link", "0", "255"]), texts(&["256", "everywhere"])),
        Kind::Lifetime => (texts(&["forever", "0", "4294967295"]), texts(&["4294967296", "never"])),
        Kind::Range => (texts(&["10.0.0.1-20", "10.0.0.0/24", "fe80::1-ff"]), vec![]),
        Kind::Numbers(low, high) => {
            (vec![format!("{low}-{high}"), low.to_string()], vec![format!("{high}-{}", high + 1)])
        }
        Kind::Service => (texts(&["10.0.0.1"]), texts(&["web"])),
        Kind::Mask => (texts(&["255.255.255.0", "64"]), texts(&["129", "0"])),
        Kind::Digest => (texts(&["0123456789abcdef0123456789ABCDEF"]), texts(&["0123"])),
        Kind::Hex => (texts(&["00ff"]), texts(&["xyz"])),
        Kind::HexPattern => (texts(&["00xX"]), texts(&["zz"])),
        Kind::Time => (texts(&["30", "30ms", "1s"]), texts(&["1h"])),
        Kind::NumberOrName(high) => (vec![high.to_string(), "name".into()], vec![(high + 1).to_string()]),
        Kind::OneOf(words) | Kind::AnyCase(words) => (words.iter().map(|w| (*w).to_owned()).collect(), vec![]),
    }
}

/// Argument lines: valid ones, and for each required or numeric value invalid ones.
fn lines(terms: &'static [Term]) -> (Vec<String>, Vec<String>) {
    let (mut good, mut bad) = (vec![String::new()], Vec::new());
    for term in terms {
        let extend = |head: &[String], tails: &[String]| -> Vec<String> {
            let first = head.first().cloned().unwrap_or_default();
            tails.iter().map(|t| format!("{first} {t}").trim().to_owned()).collect()
        };
        match *term {
            Term::One(kind) => {
                let (fits, wrong) = samples(kind);
                bad.extend(extend(&good, &wrong));
                good = extend(&good, &fits);
            }
            Term::Opt(kind) | Term::Many(kind) => {
                let more = extend(&good, &samples(kind).0);
                good.extend(more);
            }
            Term::Named(sets) => {
                for word in sets.iter().flat_map(|s| s.iter()) {
                    let (inner_good, inner_bad) = lines(word.args);
                    let name = |l: &String| format!("{} {l}", word.name);
                    let more = extend(&good, &inner_good.iter().map(name).collect::<Vec<_>>());
                    bad.extend(extend(&good, &inner_bad.iter().map(name).collect::<Vec<_>>()));
                    good.extend(more);
                }
            }
            Term::Script | Term::OptScript => {
                let more = extend(&good, &["/bin/true a b".to_owned(), "\"/bin/true 'a b'\" root".to_owned()]);
                good = more;
            }
            Term::Pattern => good = extend(&good, &["\"a\\tb\"".to_owned(), "a+".to_owned()]),
        }
    }
    (good, bad)
}

/// Number of configurations that were dumped and read again.
static READ: AtomicUsize = AtomicUsize::new(0);

/// Compares a configuration with the one that its dump gives.
fn round_trip(text: &str) -> Option<String> {
    let loaded = load_text(text);
    let config = loaded.config?;
    READ.fetch_add(1, Ordering::Relaxed);
    let dump = loaded.shown;
    let again = load_text(dump.to_string());
    let secret = text.contains("auth_pass") || text.contains("\npassword") || text.contains("\ncommunity");
    if again.config.as_ref() != Some(&config) && !secret {
        return Some(format!("dump differs: {dump}{}", again.diagnostics));
    }
    None
}

/// The message about the shape of what stands on a line.
fn grammar_error(text: &str, line: u32) -> Option<String> {
    let loaded = load_text(text);
    let of_grammar = |class| {
        matches!(
            class,
            Class::InvalidNumber
                | Class::UnknownKeyword
                | Class::MissingParameter
                | Class::UnexpectedOpen
                | Class::MissingOpen
        )
    };
    let of_shape =
        |message: &str| message.contains("' is no") || message.contains("neither") || message.contains("unknown");
    let found = loaded.diagnostics.iter().find(|d| {
        // Whether the second word of virtual_server is a port depends on the first. A type alone is no route. Paths and
        // policies are words, whose meaning is checked later.
        let later = [
            "is not a port",
            "has no destination",
            "is not an absolute path",
            "is not the absolute path of a file",
            "is not MTU, ADVERT or a number",
            "the target gets no notifications",
        ];
        let other = later.iter().any(|words| d.message.contains(words));
        let grammar = (of_grammar(d.class) || of_shape(&d.message)) && !other;
        d.severity != Severity::Warning && d.place.line == line && grammar
    });
    found.map(|d| d.message.clone())
}

/// A line with a keyword, in the blocks that it belongs to.
struct Case {
    path: Vec<&'static str>,
    keyword: &'static Keyword,
    line: String,
    is_valid: bool,
}

/// The problem of a case.
fn problem(case: &Case) -> Option<String> {
    let Case { path, keyword, line, is_valid } = case;
    let name = if keyword.is_placeholder() { "" } else { keyword.name };
    let text = file(path, format!("{name} {line}").trim(), keyword);
    let error = grammar_error(&text, u32::try_from(path.len() + 1).unwrap_or(0));
    let problem = match (is_valid, error) {
        (true, error) => error.or_else(|| round_trip(&text))?,
        (false, None) => "not an error".to_owned(),
        (false, Some(_)) => return None,
    };
    Some(format!("{path:?} {name} {line}: {problem}"))
}

#[test]
fn valid_values_are_accepted_and_others_are_reported() {
    let mut cases = Vec::new();
    walk(&mut |path, keyword| {
        let (good, bad) = lines(keyword.args);
        let mut add = |line, is_valid| cases.push(Case { path: path.to_vec(), keyword, line, is_valid });
        // An entry of a top-level list cannot be empty.
        good.into_iter().filter(|l| !(keyword.is_placeholder() && l.is_empty())).for_each(|line| add(line, true));
        // In a list of several kinds, another kind may accept the value.
        let lonely = keyword.name != "ADDR" && keyword.name != "ADDR-RANGE";
        bad.into_iter().filter(|_| lonely).for_each(|line| add(line, false));
    });
    let wrong = in_parallel(&cases, |cases| cases.iter().filter_map(problem).collect());
    let tried = cases.len();
    assert!(tried > 4000, "{tried}");
    assert!(READ.load(Ordering::Relaxed) > 1500, "{READ:?}");
    assert!(wrong.is_empty(), "{} of {tried}\n{}", wrong.len(), wrong.join("\n"));
}
