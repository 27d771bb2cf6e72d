//! The words after a keyword, checked against its argument grammar.

use super::diag::{Class, Report};
use super::keywords::{Keyword, Kind, Term, canonical, find};
use super::line::Line;
use super::suggest::nearest;
use super::value::{Arg, Value, parse};
use super::words::{self, Word};

/// A line being matched: where it is and which of its words are left.
pub(crate) struct Matching<'a> {
    /// The line.
    pub line: Line<'a>,
    /// Its words.
    pub words: &'a [Word<'a>],
    /// Index of the next word.
    pub next: usize,
    /// Whether an error was reported.
    pub failed: bool,
    /// Class of a missing value: keepalived gives up at once only where a keyword lacks one.
    missing: Class,
    /// Option names that end an open-ended list of words.
    stops: Vec<&'static [&'static [Keyword]]>,
}

impl<'a> Matching<'a> {
    /// Starts at a word.
    pub fn new(line: Line<'a>, words: &'a [Word<'a>], next: usize) -> Matching<'a> {
        Matching {
            line,
            words,
            next,
            failed: false,
            missing: if next == 0 { Class::General } else { Class::MissingParameter },
            stops: Vec::new(),
        }
    }

    /// Matches the terms of a keyword or an entry. `name` is what messages call it.
    pub fn run(&mut self, name: &str, terms: &'static [Term], usage: &str, report: &mut Report) -> Vec<Arg> {
        let mut args = Vec::new();
        for term in terms {
            match *term {
                Term::One(kind) => match self.take(kind, report, name) {
                    Some(arg) => args.push(arg),
                    None if self.failed => return args,
                    None => return self.missing(name, usage, report, args),
                },
                Term::Opt(kind) => args.extend(self.take_if(kind, report, name)),
                Term::Many(kind) => {
                    while let Some(arg) = self.take_if(kind, report, name) {
                        args.push(arg);
                    }
                }
                Term::Named(sets) => self.options(sets, report, &mut args),
                Term::Script => match self.script(report) {
                    Some(arg) => args.push(arg),
                    None => return self.missing(name, usage, report, args),
                },
                Term::OptScript => args.extend(self.script(report)),
                Term::Pattern => match self.pattern(report) {
                    Some(arg) => args.push(arg),
                    None => return self.missing(name, usage, report, args),
                },
            }
            if self.failed {
                break;
            }
        }
        args
    }

    /// The words not taken.
    pub fn left(&self) -> &'a [Word<'a>] {
        self.words.get(self.next..).unwrap_or_default()
    }

    fn missing(&mut self, name: &str, usage: &str, report: &mut Report, args: Vec<Arg>) -> Vec<Arg> {
        self.failed = true;
        let end = self.line.text.len();
        let at = match self.words.get(self.next.saturating_sub(1)) {
            Some(word) => word.at(&self.line),
            None => self.line.at(end, 1),
        };
        report.error(self.missing, at, format!("'{name}' lacks a parameter")).help(format!("write: {name} {usage}"));
        args
    }

    fn take(&mut self, kind: Kind, report: &mut Report, name: &str) -> Option<Arg> {
        let word = self.words.get(self.next)?;
        self.next = self.next.saturating_add(1);
        match parse(kind, &word.text) {
            Ok(value) => Some(Arg { value, start: word.start, end: word.end }),
            Err(wrong) => {
                let text = format!("{name}: {}", wrong.text);
                let at = word.at(&self.line);
                if let Some(value) = wrong.rounded {
                    report.warn(wrong.class, at, text);
                    return Some(Arg { value: Value::Decimal(value), start: word.start, end: word.end });
                }
                // In another namespace, or beside the files of another instance, nothing would be right.
                let fatal = kind == Kind::FileName;
                let draft =
                    if fatal { report.error(wrong.class, at, text) } else { report.fault(wrong.class, at, text) };
                if let Some(help) = wrong.help {
                    draft.help(help);
                }
                self.failed |= wrong.taken.is_none();
                wrong.taken.map(|value| Arg { value, start: word.start, end: word.end })
            }
        }
    }

    /// An optional value: one of a set of words, an address and the like may be left for the next term;
    /// a number or a boolean is either right or an error.
    fn take_if(&mut self, kind: Kind, report: &mut Report, name: &str) -> Option<Arg> {
        let word = self.words.get(self.next)?;
        if self.stops.iter().any(|sets| find(sets, &word.text).is_some()) {
            return None;
        }
        let skippable = matches!(
            kind,
            Kind::OneOf(_) | Kind::AnyCase(_) | Kind::Destination | Kind::Address | Kind::Prefix | Kind::Text
        );
        if skippable && parse(kind, &word.text).is_err() {
            return None;
        }
        self.take(kind, report, name)
    }

    fn options(&mut self, sets: &'static [&'static [Keyword]], report: &mut Report, args: &mut Vec<Arg>) {
        self.stops.push(sets);
        while let Some(word) = self.words.get(self.next) {
            let Some(keyword) = find(sets, &word.text).filter(|k| !k.is_placeholder()) else {
                break;
            };
            self.next = self.next.saturating_add(1);
            let args_of = canonical(sets, keyword).args;
            let inner = self.run(keyword.name, args_of, keyword.usage, report);
            let again = args.iter().any(|a| matches!(a.value, Value::Option(k, _) if k == keyword));
            if again && keyword.name != "nexthop" {
                let text = format!("'{}' is given twice: the last one counts", keyword.name);
                report.warn(Class::General, word.at(&self.line), text);
            }
            args.push(Arg { value: Value::Option(keyword, inner), start: word.start, end: word.end });
            if self.failed {
                break;
            }
        }
        self.stops.pop();
    }

    fn script(&mut self, report: &mut Report) -> Option<Arg> {
        let first = self.left().first()?;
        self.next = self.words.len();
        let (words, unpaired) = words::split_script(self.line.text, first.start);
        self.unpaired(unpaired, report);
        Some(Arg { value: Value::Script(words), start: first.start, end: self.line.text.len() })
    }

    fn pattern(&mut self, report: &mut Report) -> Option<Arg> {
        let first = self.left().first()?;
        self.next = self.words.len();
        let (word, closed) = words::pattern(self.line.text, first.start)?;
        self.unpaired((!closed).then_some(word.start), report);
        Some(Arg { value: Value::Text(word.text.into_owned()), start: word.start, end: word.end })
    }

    fn unpaired(&mut self, at: Option<usize>, report: &mut Report) {
        if let Some(at) = at {
            self.failed = true;
            unpaired(&self.line, at, report);
        }
    }
}

/// Reports an unpaired quote.
pub(crate) fn unpaired(line: &Line<'_>, at: usize, report: &mut Report) {
    report
        .error(Class::UnmatchedQuote, line.at(at, 1), "this quote is not closed on its line")
        .help("add the closing quote");
}

/// Whether a grammar has its own tokeniser, so that the plain one's complaints do not count.
pub(crate) fn own_tokeniser(terms: &[Term]) -> bool {
    terms.iter().any(|t| matches!(t, Term::Script | Term::OptScript | Term::Pattern))
}

/// The names options of these terms have, for "did you mean".
pub(crate) fn nearest_option(terms: &'static [Term], word: &str) -> Option<&'static str> {
    let names = terms.iter().filter_map(|t| match t {
        Term::Named(sets) => Some(*sets),
        _ => None,
    });
    nearest(word, names.flatten().flat_map(|set| set.iter()).map(|k| k.name))
}
