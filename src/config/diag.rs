//! Diagnostics: what is wrong with a configuration, where, and what to do about it.

use std::collections::BTreeSet;
use std::fmt;

use unicode_width::UnicodeWidthChar;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is used without the wrong line, entry or block, or with a default in its place.
    Fault,
    /// The configuration is used; a value was adjusted, or a keyword has no effect.
    Warning,
}

/// Kind of a problem; decides the exit status of `-t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The file, or an included one, cannot be read.
    FileNotFound,
    /// A network interface that does not exist.
    BadInterface,
    /// A bound on the size of the configuration is exceeded.
    Fatal,
    /// A word that is not a keyword of its block.
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
    /// Not a number, or out of range.
    InvalidNumber,
    /// Anything else.
    General,
    /// A deprecated form, or a keyword without effect.
    Deprecated,
    /// A usual configuration that does what was meant, but could be safer.
    Advice,
    /// A script that users other than root can change.
    Security,
}

/// A place in a message: file, line, column, and the text of the line with secrets masked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Name of the file as given or included.
    pub file: String,
    /// Line, from 1; 0 = the whole file.
    pub line: u32,
    /// Column in characters, from 1.
    pub col: u32,
    /// Characters to underline, at least 1.
    pub width: u32,
    /// The line's text.
    pub source: Option<String>,
}

/// Most places that are listed in each list of a diagnostic.
pub(crate) const SHOWN: usize = 3;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Error, fault or warning.
    pub severity: Severity,
    /// Kind of problem.
    pub class: Class,
    /// Where it is.
    pub place: Place,
    /// Text of the message.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
    /// A second place, with a note.
    pub also: Option<(Place, String)>,
    /// Where the value is defined that was substituted at the place, and the uses of the definitions that the place is in,
    /// from the inside out. At most [`SHOWN`] uses.
    pub origin: Vec<(Place, &'static str)>,
    /// Further places with the same problem, at most [`SHOWN`].
    pub elsewhere: Vec<Place>,
    /// Number of places beyond `elsewhere`.
    pub further: usize,
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
        // Draw only the part of a very long line that is around the place.
        let cut = if source.chars().count() > WIDEST { before.saturating_sub(WIDEST / 4) } else { 0 };
        let drawn: String = source.chars().skip(cut).take(WIDEST).collect();
        let before = before.saturating_sub(cut);
        // Keep tabs in the padding, so that the caret is below its character on any terminal.
        let blank = |c: char| if c == '\t' { "\t".to_owned() } else { " ".repeat(c.width().unwrap_or(0)) };
        let pad: String = drawn.chars().take(before).map(blank).collect();
        let marked = drawn.chars().skip(before).take(self.width as usize);
        let columns: usize = marked.map(|c| c.width().unwrap_or(1)).sum();
        let carets = "^".repeat(columns.max(1));
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
        let also = self.also.iter().map(|(place, note)| (place, note.as_str()));
        for (place, note) in also.chain(self.origin.iter().map(|(place, note)| (place, *note))) {
            write!(f, "\n{place}: note: {note}")?;
            place.draw(f)?;
        }
        if !self.elsewhere.is_empty() {
            let places: Vec<String> = self.elsewhere.iter().map(Place::to_string).collect();
            write!(f, "\n   also: {}", places.join(", "))?;
            if self.further > 0 {
                write!(f, " and {} more", self.further)?;
            }
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

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(list: Vec<Diagnostic>) -> Self {
        Diagnostics { list }
    }
}

impl Diagnostics {
    /// Whether the configuration is refused.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// The texts of the faults, without their places: an edit elsewhere in the file moves the places.
    pub fn faults(&self) -> BTreeSet<String> {
        // One more occurrence does not make another fault.
        let once = |message: &str| match message.rsplit_once(" (") {
            Some((text, times)) if times.ends_with(" times)") => text.to_owned(),
            _ => message.to_owned(),
        };
        self.list.iter().filter(|d| d.severity == Severity::Fault).map(|d| once(&d.message)).collect()
    }

    /// Exit status of `-t`: 0 no errors or faults, 2 missing parameter, 4 unreadable file or a bound exceeded, 5 any other
    /// error or fault, 6 a script refused as insecure.
    pub fn exit_code(&self) -> u8 {
        let counts = |d: &&Diagnostic| d.severity != Severity::Warning;
        let classes = || self.list.iter().filter(counts).map(|d| d.class);
        // C keepalived exits at the first missing parameter, so status 2 has precedence.
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

    /// Removes advice.
    pub fn drop_advice(&mut self) {
        self.list.retain(|d| d.class != Class::Advice);
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
