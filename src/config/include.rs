//! The `include` family.

use std::path::{Path, PathBuf};

use super::diag::Class;
use super::file::Problem;
use super::glob;
use super::line::is_space;
use super::place::At;
use super::report::Report;

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

    /// Which problems of this include are errors, including those of `general`.
    pub fn checks(&self, general: Checks) -> Checks {
        self.checks.or(general)
    }

    /// The files that match; `None` when the line itself is wrong, which is reported. `directory` is that of the file
    /// with the line; `home` replaces a leading `~`.
    pub fn find(&self, directory: &Path, home: Option<String>, at: At, report: &mut Report) -> Option<Matches> {
        if self.pattern.is_empty() {
            let text = format!("'{}' has no file name", self.keyword);
            report.error(Class::MissingParameter, at, text).help("write a file name or a pattern after it");
            return None;
        }
        let Some(alternatives) = glob::alternatives(&self.pattern) else {
            report.error(Class::Fatal, at, "the pattern has too many alternatives");
            return None;
        };
        let mut found = Matches { paths: Vec::new(), missing: Vec::new(), several: alternatives.len() > 1 };
        for alternative in alternatives {
            let paths = glob::matches(&at_home(&alternative, home.as_deref()), directory);
            if paths.is_empty() {
                found.missing.push(alternative);
            }
            found.paths.extend(paths);
        }
        Some(found)
    }

    /// Reports alternatives without a match.
    pub fn report_missing(&self, found: &Matches, checks: Checks, at: At, report: &mut Report) {
        let Some(first) = found.missing.first() else { return };
        let wildcard = found.missing.iter().all(|m| glob::has_wildcard(m));
        let none = found.paths.is_empty();
        let is_error =
            (found.several && checks.brace) || (none && if wildcard { checks.wildcard } else { checks.matched });
        let text = if found.several {
            format!("no file matches the alternative '{first}' of '{}'", self.pattern)
        } else if wildcard {
            format!("no file matches '{first}'")
        } else {
            format!("the included file '{first}' does not exist")
        };
        if is_error {
            report.error(Class::FileNotFound, at, text);
        } else {
            report
                .warn(Class::FileNotFound, at, format!("{text}: nothing is included"))
                .help("create it, or correct the name");
        }
    }
}

/// Files that an include line matches.
#[derive(Debug)]
pub(crate) struct Matches {
    /// The files, in the order of the alternatives.
    pub paths: Vec<PathBuf>,
    /// Alternatives without a match.
    missing: Vec<String>,
    /// There is more than one alternative.
    several: bool,
}

/// Reports why a matching file is not read.
pub(crate) fn report_unread(path: &Path, problem: Problem, checks: Checks, at: At, report: &mut Report) {
    let text = format!("'{}' is not included: {}", path.display(), problem.text);
    let draft = if problem.fatal {
        report.error(Class::Fatal, at, text)
    } else if checks.readable {
        report.error(Class::FileNotFound, at, text)
    } else if problem.fault {
        report.fault(Class::General, at, text)
    } else {
        report.warn(Class::FileNotFound, at, text)
    };
    if let Some(help) = problem.help {
        draft.help(help);
    }
}

/// Replaces a leading `~` by the home directory.
fn at_home(pattern: &str, home: Option<&str>) -> String {
    match pattern.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", home.unwrap_or_default()),
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
