//! Diagnostics: what is wrong with a configuration, where, and what to do about it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use super::secret::{self, Private};

pub(crate) use super::place::{At, Sources};

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is used without the line, entry or block, or with a default instead: this was hardly meant.
    Fault,
    /// It is used, with an adjustment or without what the line asks for.
    Warning,
}

/// What kind of problem it is; decides the exit status of `-t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The file, or an included one, cannot be read.
    FileNotFound,
    /// A network interface that does not exist.
    BadInterface,
    /// Beyond a bound that keeps reading finite.
    Fatal,
    /// A word that is no keyword where it stands.
    UnknownKeyword,
    /// `{` where no block is expected.
    UnexpectedOpen,
    /// A block without `{`.
    MissingOpen,
    /// `}` without a block.
    UnexpectedClose,
    /// A block without `}`.
    MissingClose,
    /// An unpaired quote.
    UnmatchedQuote,
    /// A keyword without its argument.
    MissingParameter,
    /// A number that is none, or out of its range.
    InvalidNumber,
    /// Anything else.
    General,
    /// An old form, or one without effect.
    Deprecated,
    /// Something this release reads but does not do.
    NotActedOn,
    /// A script that could be changed by others.
    Security,
}

/// A place as shown: file, line, column, and the line's text with secrets masked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Name of the file as given or included.
    pub file: String,
    /// Line from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// Column from 1, in characters.
    pub col: u32,
    /// Characters to underline, at least 1.
    pub width: u32,
    /// The line's text.
    pub source: Option<String>,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Kind of problem.
    pub class: Class,
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// A second place that explains it.
    pub also: Option<(Place, String)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.col)?;
        }
        Ok(())
    }
}

impl Place {
    fn draw(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(source) = &self.source else {
            return Ok(());
        };
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let before = self.col.saturating_sub(1) as usize;
        // Of a very long line only the part around the place is drawn.
        let cut = if source.chars().count() > WIDEST { before.saturating_sub(WIDEST / 4) } else { 0 };
        let drawn: String = source.chars().skip(cut).take(WIDEST).collect();
        let before = before.saturating_sub(cut);
        // Tabs stay tabs in the padding, so that the caret stands below its character on any terminal.
        let pad: String = drawn.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let room = drawn.chars().count().saturating_sub(before).max(1);
        let carets = "^".repeat((self.width as usize).clamp(1, room));
        write!(f, "\n {number} | {drawn}\n {gutter} | {pad}{carets}")
    }
}

/// Characters of a line that are drawn.
const WIDEST: usize = 160;

/// `file:line:col: error: message`, the line, a caret, and the remedy.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Fault => "fault",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: {}", self.place, self.message)?;
        self.place.draw(f)?;
        if let Some((place, note)) = &self.also {
            write!(f, "\n{place}: note: {note}")?;
            place.draw(f)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n   help: {help}")?;
        }
        Ok(())
    }
}

/// All problems of a configuration, each once, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Whether the configuration is refused.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// The faults, without their places: an edit elsewhere in the file moves them.
    pub fn faults(&self) -> BTreeSet<String> {
        // Nor is it another fault for being there once more.
        let once = |message: &str| match message.rsplit_once(" (") {
            Some((text, times)) if times.ends_with(" times)") => text.to_owned(),
            _ => message.to_owned(),
        };
        self.list.iter().filter(|d| d.severity == Severity::Fault).map(|d| once(&d.message)).collect()
    }

    /// Exit status of `-t`: 0 fine (warnings included), 2 missing parameter, 4 unreadable file or a bound exceeded, 5 any
    /// other error or fault, 6 a script that is refused as insecure (the one warning that counts).
    pub fn exit_code(&self) -> u8 {
        let counts = |d: &&Diagnostic| d.severity != Severity::Warning || d.class == Class::Security;
        let classes = || self.list.iter().filter(counts).map(|d| d.class);
        // keepalived ends at the first missing parameter, so that outranks all.
        if classes().any(|c| c == Class::MissingParameter) {
            return 2;
        }
        match classes().max() {
            None => 0,
            Some(Class::FileNotFound | Class::Fatal) => 4,
            Some(Class::Security) => 6,
            Some(_) => 5,
        }
    }

    /// The problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Number of problems.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|d| writeln!(f, "{d}"))
    }
}

/// Problems kept for one configuration; the rest is counted.
const MOST: usize = 1000;

/// Collects problems while a configuration is read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    drafts: Vec<Draft>,
    /// Kinds of which one was kept beyond the bound, so that each still reaches the exit status.
    beyond: Vec<(Severity, Class)>,
    /// The last one not kept: something to add help to.
    spare: Option<Draft>,
    dropped: usize,
    errors: bool,
    /// Faults are errors.
    pub strict: bool,
    secrets: BTreeSet<String>,
    /// Lines with something private, by file and number.
    private: HashMap<(u32, u32), Private>,
    /// That of the problems to come.
    pub stage: Stage,
}

/// A problem whose place is not yet resolved.
#[derive(Debug)]
pub(crate) struct Draft {
    severity: Severity,
    class: Class,
    at: At,
    message: String,
    help: Option<String>,
    also: Option<(At, String)>,
    stage: Stage,
}

/// When a problem is found: of those of one place the earlier come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// As lines and keywords are read.
    #[default]
    Reading,
    /// What is said once for all places.
    Notes,
    /// As the model is built.
    Building,
}

impl Draft {
    /// Says what to do about it.
    pub fn help(&mut self, text: impl Into<String>) -> &mut Draft {
        self.help = Some(text.into());
        self
    }

    /// Points to a second place.
    pub fn also(&mut self, at: At, note: impl Into<String>) -> &mut Draft {
        self.also = Some((at, note.into()));
        self
    }
}

impl Report {
    /// Adds an error.
    pub fn error(&mut self, class: Class, at: At, message: impl Into<String>) -> &mut Draft {
        self.errors = true;
        self.add(Severity::Error, class, at, message.into())
    }

    /// Adds a fault; with `--strict-config` it is an error.
    pub fn fault(&mut self, class: Class, at: At, message: impl Into<String>) -> &mut Draft {
        if self.strict {
            return self.error(class, at, message);
        }
        self.add(Severity::Fault, class, at, message.into())
    }

    /// Adds a warning.
    pub fn warn(&mut self, class: Class, at: At, message: impl Into<String>) -> &mut Draft {
        self.add(Severity::Warning, class, at, message.into())
    }

    /// Whether further problems are only counted.
    pub fn is_full(&self) -> bool {
        self.drafts.len() >= MOST
    }

    /// Whether any error was added.
    pub fn has_errors(&self) -> bool {
        self.errors
    }

    /// Records that a line of a file has something private.
    pub fn private(&mut self, file: u32, line: u32, found: Private) {
        self.secrets.extend(found.secrets().map(str::to_owned));
        match self.private.get_mut(&(file, line)) {
            Some(known) => known.add(found),
            None => drop(self.private.insert((file, line), found)),
        }
    }

    /// Whether a line is known to have something private.
    pub fn is_private(&self, file: u32, line: u32) -> bool {
        self.private.contains_key(&(file, line))
    }

    fn add(&mut self, severity: Severity, class: Class, at: At, message: String) -> &mut Draft {
        let draft = Draft { severity, class, at, message, help: None, also: None, stage: self.stage };
        if self.is_full() {
            let kind = (severity, class);
            if self.beyond.contains(&kind) {
                self.dropped = self.dropped.saturating_add(1);
                return self.spare.insert(draft);
            }
            self.beyond.push(kind);
        }
        let last = self.drafts.len();
        self.drafts.push(draft);
        &mut self.drafts[last]
    }

    /// Resolves places, removes duplicates and puts everything in the order of the files.
    pub fn finish(mut self, sources: &Sources) -> Diagnostics {
        // Longest first, so that a secret that holds another is masked whole.
        let mut secrets: Vec<String> = std::mem::take(&mut self.secrets).into_iter().collect();
        secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
        let hidden = Hidden { secrets, private: std::mem::take(&mut self.private) };
        let mut seen = HashSet::new();
        self.drafts.sort_by_key(|d| (d.at.file, d.at.line, d.at.offset, d.stage));
        let mut list = Vec::new();
        for d in self.drafts {
            let diagnostic = Diagnostic {
                severity: d.severity,
                class: d.class,
                place: hidden.place(sources, d.at),
                message: hidden.message(d.at, &d.message),
                help: d.help.map(|h| hidden.message(d.at, &h)),
                also: d.also.map(|(at, note)| (hidden.place(sources, at), hidden.message(at, &note))),
            };
            if seen.insert(diagnostic.clone()) {
                list.push(diagnostic);
            }
        }
        if self.dropped > 0 {
            let place = Place { file: sources.name(0).to_owned(), line: 0, col: 0, width: 0, source: None };
            let message = format!("{} further problems are not shown", self.dropped);
            list.push(Diagnostic {
                severity: Severity::Warning,
                class: Class::General,
                place,
                message,
                help: None,
                also: None,
            });
        }
        Diagnostics { list }
    }
}

/// What no message and no quoted line may show.
struct Hidden {
    /// Words, the longest first.
    secrets: Vec<String>,
    private: HashMap<(u32, u32), Private>,
}

impl Hidden {
    fn message(&self, at: At, text: &str) -> String {
        let shown = secret::shown(text, &self.secrets);
        self.private.get(&(at.file, at.line)).map_or(shown.clone(), |private| private.message(&shown))
    }

    fn place(&self, sources: &Sources, at: At) -> Place {
        let raw = sources.line(at);
        let chars = |bytes: usize| {
            let n = raw.map_or(0, |r| r.char_indices().take_while(|(i, _)| *i < bytes).count());
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        let offset = at.offset as usize;
        let end = offset.saturating_add(at.len as usize);
        let private = self.private.get(&(at.file, at.line));
        let masked = raw.map(|raw| secret::mask(raw.trim_end(), private, &self.secrets));
        // How long a secret is, is nobody's business either.
        let drawn_end = match masked.as_ref().and_then(|masked| masked.from) {
            Some(from) if from < end => from.max(offset),
            _ => end,
        };
        let start = chars(offset);
        Place {
            file: sources.name(at.file).to_owned(),
            line: at.line,
            col: start.saturating_add(1),
            width: chars(drawn_end).saturating_sub(start).max(1),
            source: masked.map(|masked| masked.text),
        }
    }
}
