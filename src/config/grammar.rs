//! Checks the words after a keyword against its argument grammar.

use super::definition::{is_name, starts_name};
use super::diag::Class;
use super::keywords::{Keyword, Kind, Lenience, Term, canonical, find};
use super::line::Line;
use super::report::Report;
use super::suggest::nearest;
use super::value::{Arg, Value, parse};
use super::words::{self, Word};

/// A line that is being matched, and the position in its words.
pub(crate) struct Matching<'a> {
    /// The line.
    pub line: Line<'a>,
    /// Its words.
    pub words: &'a [Word<'a>],
    /// Index of the next word.
    pub next: usize,
    /// The line does not match and is dropped.
    pub failed: bool,
    /// A required value is missing, so that the line is dropped.
    lost: bool,
    /// What is dropped with it.
    dropped: Dropped,
    /// How much is dropped for an unusable value.
    lenience: Lenience,
    /// Options whose names end a list of words.
    stops: Vec<&'static [&'static [Keyword]]>,
}

/// The keyword or option that messages are about, and how much is dropped for an unusable value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'n> {
    /// Its name.
    pub name: &'n str,
    /// Its arguments, as the manual writes them.
    pub usage: &'static str,
    /// How much is dropped for an unusable argument.
    pub lenience: Lenience,
}

impl Subject<'_> {
    fn drops_only_itself(self) -> bool {
        matches!(self.lenience, Lenience::WrongOption | Lenience::Option)
    }
}

/// What is dropped when the words after a keyword do not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// A line; the keyword has this default.
    Line(&'static str),
    /// A keyword with its block.
    Block,
    /// An entry of a list.
    Entry,
}

impl Dropped {
    /// The consequence, as a part of a sentence.
    fn consequence(self) -> String {
        match self {
            Dropped::Block => "the block is ignored".to_owned(),
            Dropped::Entry => "the entry is ignored".to_owned(),
            Dropped::Line(default) => {
                // The tables have notes after the value: `100; with state MASTER 255`.
                let value = default.split(['(', ';']).next().unwrap_or_default().trim();
                match value {
                    "" => "the line is ignored".to_owned(),
                    _ => format!("the line is ignored (default: {value})"),
                }
            }
        }
    }
}

impl<'a> Matching<'a> {
    /// Starts at a word.
    pub fn new(
        line: Line<'a>,
        words: &'a [Word<'a>],
        next: usize,
        dropped: Dropped,
        lenience: Lenience,
    ) -> Matching<'a> {
        Matching { line, words, next, failed: false, lost: false, dropped, lenience, stops: Vec::new() }
    }

    /// Matches the terms of a keyword or an entry.
    pub fn run(&mut self, said: Subject<'_>, terms: &'static [Term], report: &mut Report) -> Vec<Arg> {
        let mut args = Vec::new();
        // The rest of a dropped option is still consumed.
        let mut wrong_option = false;
        for term in terms {
            match *term {
                Term::One(kind) => match self.take(kind, report, said) {
                    Some(arg) => args.push(arg),
                    None if self.failed => {}
                    None => {
                        self.missing(said, report);
                        return args;
                    }
                },
                Term::Opt(kind) if terms.len() == 1 && self.stops.is_empty() => {
                    args.extend(self.take(kind, report, said))
                }
                Term::Opt(kind) => args.extend(self.take_if(kind, report, said)),
                Term::Many(kind) => {
                    let each = Subject { lenience: Lenience::Word, ..said };
                    loop {
                        match self.take_if(kind, report, each) {
                            Some(arg) => args.push(arg),
                            None if self.failed => self.failed = false,
                            None => break,
                        }
                    }
                }
                Term::Named(sets) => self.options(sets, report, &mut args),
                Term::Script => match self.script(report) {
                    Some(arg) => args.push(arg),
                    None => self.missing(said, report),
                },
                Term::OptScript => args.extend(self.script(report)),
                Term::Pattern => match self.pattern(report) {
                    Some(arg) => args.push(arg),
                    None => self.missing(said, report),
                },
            }
            if self.failed && said.drops_only_itself() && !self.lost {
                wrong_option = true;
                self.failed = false;
            } else if self.failed {
                break;
            }
        }
        // The owner of an option stays, without the option.
        self.failed |= wrong_option && !self.stops.is_empty();
        args
    }

    /// Matches the options of an entry after an unknown word.
    pub fn go_on(&mut self, terms: &'static [Term], report: &mut Report, args: &mut Vec<Arg>) {
        self.next = self.next.saturating_add(1);
        for term in terms {
            if let Term::Named(sets) = term
                && !self.failed
            {
                self.options(sets, report, args);
            }
        }
    }

    /// The words that are not matched yet.
    pub fn left(&self) -> &'a [Word<'a>] {
        self.words.get(self.next..).unwrap_or_default()
    }

    fn missing(&mut self, said: Subject<'_>, report: &mut Report) {
        self.failed = true;
        let end = self.line.text.len();
        let at = match self.words.get(self.next.saturating_sub(1)) {
            Some(word) => word.at(&self.line),
            None => self.line.at(end, 1),
        };
        let text = format!("'{}' has no value", said.name);
        self.lost = said.lenience != Lenience::Option;
        let draft = match (said.lenience, self.lenience) {
            (Lenience::Option, _) => report.fault(Class::General, at, format!("{text}: it is ignored")),
            (Lenience::Line, _) | (_, Lenience::Line) => {
                report.fault(Class::General, at, format!("{text}: {}", self.dropped.consequence()))
            }
            _ => report.error(Class::MissingParameter, at, text),
        };
        draft.help(format!("write: {} {}", said.name, said.usage));
    }

    /// The consequence of an unusable value, as a part of a sentence.
    fn consequence(&self, said: Subject<'_>) -> String {
        match said.lenience {
            Lenience::Word => "it is ignored".to_owned(),
            Lenience::WrongOption | Lenience::Option => format!("'{}' is ignored", said.name),
            Lenience::WrongOnly | Lenience::Line => self.dropped.consequence(),
        }
    }

    fn take(&mut self, kind: Kind, report: &mut Report, said: Subject<'_>) -> Option<Arg> {
        let word = self.words.get(self.next)?;
        self.next = self.next.saturating_add(1);
        match parse(kind, &word.text) {
            Ok(value) => Some(Arg { value, start: word.start, end: word.end }),
            Err(wrong) => {
                let name = said.name;
                let text = format!("{name}: {}", wrong.text);
                let at = word.at(&self.line);
                if let Some(value) = wrong.rounded {
                    report.warn(wrong.class, at, text);
                    return Some(Arg { value: Value::Decimal(value), start: word.start, end: word.end });
                }
                // A wrong name would mean another namespace, or the files of another instance.
                let draft = match (kind, wrong.taken.as_deref()) {
                    (Kind::FileName, _) => report.error(wrong.class, at, text),
                    (_, Some((_, taken))) => report.fault(wrong.class, at, format!("{text}: {taken}")),
                    (_, None) => report.fault(wrong.class, at, format!("{text}: {}", self.consequence(said))),
                };
                let usage = || wrong.help.unwrap_or_else(|| format!("write: {name} {}", said.usage));
                draft.help(undefined(&word.text).unwrap_or_else(usage));
                self.failed |= wrong.taken.is_none();
                wrong.taken.map(|taken| Arg { value: taken.0, start: word.start, end: word.end })
            }
        }
    }

    /// Matches an optional value. A word that is not one of a set, not an address and the like is left for the next term; a
    /// wrong number or boolean is reported.
    fn take_if(&mut self, kind: Kind, report: &mut Report, said: Subject<'_>) -> Option<Arg> {
        let word = self.words.get(self.next)?;
        // Values with fixed words may have the names of options: `via inet ADDR`.
        let fixed = matches!(kind, Kind::OneOf(_) | Kind::AnyCase(_));
        if !fixed && self.stops.iter().any(|sets| find(sets, &word.text).is_some()) {
            return None;
        }
        let skippable = matches!(
            kind,
            Kind::OneOf(_) | Kind::AnyCase(_) | Kind::Destination | Kind::Address | Kind::Prefix | Kind::Text
        );
        if skippable && parse(kind, &word.text).is_err_and(|wrong| wrong.taken.is_none()) {
            return None;
        }
        self.take(kind, report, said)
    }

    fn options(&mut self, sets: &'static [&'static [Keyword]], report: &mut Report, args: &mut Vec<Arg>) {
        self.stops.push(sets);
        while let Some(word) = self.words.get(self.next) {
            let Some(keyword) = find(sets, &word.text).filter(|k| !k.is_placeholder()) else {
                break;
            };
            self.next = self.next.saturating_add(1);
            let args_of = canonical(sets, keyword).args;
            let said = Subject { name: keyword.name, usage: keyword.usage, lenience: keyword.lenience };
            let inner = self.run(said, args_of, report);
            if self.failed && said.drops_only_itself() && !self.lost {
                self.failed = false;
                continue;
            }
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
            unpaired(&self.line, at, true, report);
        }
    }
}

/// The remedy for a value with a parameter that is not defined.
fn undefined(value: &str) -> Option<String> {
    let (_, rest) = value.split_once('$')?;
    let rest = rest.strip_prefix('{').unwrap_or(rest);
    let name = rest.split(|c: char| !is_name(c)).next().filter(|name| starts_name(name))?;
    Some(format!("define the parameter before its use: ${name}=VALUE"))
}

/// Reports an unpaired quote. `lenient` = C keepalived only drops the line.
pub(crate) fn unpaired(line: &Line<'_>, at: usize, lenient: bool, report: &mut Report) {
    let text = "this quote is not closed on its line";
    let draft = match lenient {
        true => report.fault(Class::UnmatchedQuote, line.at(at, 1), format!("{text}: the line is ignored")),
        false => report.error(Class::UnmatchedQuote, line.at(at, 1), text),
    };
    draft.help("add the closing quote");
}

/// Whether a grammar has its own tokeniser, so that errors of the plain tokeniser do not count.
pub(crate) fn own_tokeniser(terms: &[Term]) -> bool {
    terms.iter().any(|t| matches!(t, Term::Script | Term::OptScript | Term::Pattern))
}

/// The option of these terms with the most similar name.
pub(crate) fn nearest_option(terms: &'static [Term], word: &str) -> Option<&'static str> {
    let names = terms.iter().filter_map(|t| match t {
        Term::Named(sets) => Some(*sets),
        _ => None,
    });
    nearest(word, names.flatten().flat_map(|set| set.iter()).map(|k| k.name))
}
