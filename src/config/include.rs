//! The `include` family.

use super::diag::Class;
use super::glob;
use super::line::{Line, is_space};
use super::read::Reader;

/// Which problems of an include are errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checks {
    /// A match cannot be read.
    readable: bool,
    /// Nothing matches a pattern without wildcards.
    matched: bool,
    /// Nothing matches a pattern with wildcards.
    wildcard: bool,
    /// One alternative of a brace list matches nothing.
    brace: bool,
}

impl Checks {
    /// Every problem is an error.
    pub const ALL: Checks = Checks { readable: true, matched: true, wildcard: true, brace: true };

    /// `include_check [[+|-]OPTION ...]`: without options all, with signs a change, else exactly these.
    pub fn set(&mut self, options: &[&str]) {
        if options.is_empty() {
            *self = Checks::ALL;
        } else if !options.iter().any(|o| o.starts_with(['+', '-'])) {
            *self = Checks::default();
        }
        for option in options {
            let on = !option.starts_with('-');
            match option.trim_start_matches(['+', '-']) {
                "read" | "readable" => self.readable = on,
                "match" => self.matched = on,
                "wildcard_match" => self.wildcard = on,
                "brace_match" => self.brace = on,
                _ => {}
            }
        }
    }

    fn or(self, other: Checks) -> Checks {
        Checks {
            readable: self.readable || other.readable,
            matched: self.matched || other.matched,
            wildcard: self.wildcard || other.wildcard,
            brace: self.brace || other.brace,
        }
    }
}

/// An include line.
#[derive(Debug)]
pub(crate) struct Include {
    keyword: &'static str,
    checks: Checks,
    pattern: String,
}

/// The keywords with what they check: readable, matched, wildcard, brace.
const FAMILY: [(&str, [bool; 4]); 6] = [
    ("include", [false, false, false, false]),
    ("includer", [true, false, false, false]),
    ("includem", [true, true, false, false]),
    ("includew", [true, true, true, false]),
    ("includeb", [true, false, false, true]),
    ("includea", [true, true, true, true]),
];

impl Include {
    /// Recognises an include line.
    pub fn parse(text: &str) -> Option<Include> {
        if !text.starts_with("include") {
            return None;
        }
        let end = text.find(is_space).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let (keyword, [readable, matched, wildcard, brace]) = *FAMILY.iter().find(|(k, _)| *k == word)?;
        let pattern = rest.trim_matches(is_space).trim_matches('"').to_owned();
        Some(Include { keyword, checks: Checks { readable, matched, wildcard, brace }, pattern })
    }

    /// Reads what matches.
    pub fn run(&self, reader: &mut Reader<'_>, line: &Line<'_>) {
        let at = line.at_all();
        if self.pattern.is_empty() {
            let text = format!("'{}' without a file name", self.keyword);
            reader.report().error(Class::MissingParameter, at, text).help("name a file or a pattern after it");
            return;
        }
        let Some(alternatives) = glob::alternatives(&self.pattern) else {
            reader.report().error(Class::Fatal, at, "the pattern has too many alternatives");
            return;
        };
        let checks = self.checks.or(reader.checks());
        let several = alternatives.len() > 1;
        let (mut missing, mut any) = (Vec::new(), false);
        for alternative in alternatives {
            let pattern = home(&alternative, reader);
            let paths = glob::matches(&pattern, reader.directory());
            if paths.is_empty() {
                missing.push(alternative);
            }
            for path in paths {
                any = true;
                let Err(problem) = reader.read_file(&path) else {
                    continue;
                };
                if problem.directory {
                    continue;
                }
                let text = format!("'{}': {}", path.display(), problem.text);
                let report = reader.report();
                let draft = if problem.fatal {
                    report.error(Class::Fatal, at, text)
                } else if checks.readable {
                    report.error(Class::FileNotFound, at, text)
                } else {
                    report.warn(Class::FileNotFound, at, text)
                };
                if let Some(help) = problem.help {
                    draft.help(help);
                }
            }
        }
        let Some(first) = missing.first() else { return };
        let wildcard = missing.iter().all(|m| glob::has_wildcard(m));
        let is_error = (several && checks.brace) || (!any && if wildcard { checks.wildcard } else { checks.matched });
        let text = if several {
            format!("no file matches the alternative '{first}' of '{}'", self.pattern)
        } else if wildcard {
            format!("no file matches '{first}'")
        } else {
            format!("the included file '{first}' does not exist")
        };
        if is_error {
            reader.report().error(Class::FileNotFound, at, text);
        } else if !wildcard {
            reader.report().warn(Class::FileNotFound, at, text).help("nothing is included here");
        }
    }
}

/// Replaces a leading `~` by the home directory.
fn home(pattern: &str, reader: &Reader<'_>) -> String {
    match pattern.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            format!("{}{rest}", reader.home().unwrap_or_default())
        }
        _ => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (text, found) in [
            ("include a.conf", Some(("include", "a.conf"))),
            ("includea \"a b.conf\"", Some(("includea", "a b.conf"))),
            ("include", Some(("include", ""))),
            ("include_check", None),
            ("includex a", None),
        ] {
            let got = Include::parse(text);
            assert_eq!(got.as_ref().map(|i| (i.keyword, i.pattern.as_str())), found, "{text}");
        }
    }

    #[test]
    fn include_check_options() {
        let mut c = Checks::default();
        c.set(&[]);
        assert_eq!(c, Checks::ALL);
        c.set(&["-match"]);
        assert_eq!(c, Checks { matched: false, ..Checks::ALL });
        c.set(&["read"]);
        assert_eq!(c, Checks { readable: true, ..Checks::default() });
        c.set(&["+brace_match"]);
        assert_eq!(c, Checks { readable: true, brace: true, ..Checks::default() });
    }
}
