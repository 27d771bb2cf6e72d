//! A line of text with the position of each character in its file.

use super::place::At;

/// Text with its place: a line of a file, a part of it, or a line with substituted parameters. Borrows the text from a file
/// in memory or from a [`Made`] line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'t> {
    /// Index into the sources.
    pub file: u32,
    /// Line number from 1.
    pub number: u32,
    /// The text.
    pub text: &'t str,
    /// The use of the definition that the line is part of, see [`At::used`]; 0 = it is not part of one.
    pub used: u32,
    cols: Columns<'t>,
    marks: Marks,
}

/// Which special characters a line has; bits of [`MARKS`]. A part of a line has the marks of the whole line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks(u8);

impl Marks {
    /// NUL.
    pub const NUL: Marks = Marks(1);
    /// `#`, `!` and the `\` that escapes them.
    pub const COMMENT: Marks = Marks(2);
    /// `$` and `~`.
    pub const EXPANSION: Marks = Marks(4);
    /// `{` and `}`.
    pub const BRACE: Marks = Marks(8);
    /// Any character that is not ASCII.
    pub const OTHER: Marks = Marks(16);
    /// Not examined: any of them.
    const ANY: Marks = Marks(u8::MAX);

    fn of(text: &str) -> Marks {
        Marks(text.bytes().fold(0, |marks, byte| marks | MARKS[usize::from(byte)]))
    }
}

/// The mark of each byte.
const MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    marks[0] = Marks::NUL.0;
    marks[b'#' as usize] = Marks::COMMENT.0;
    marks[b'!' as usize] = Marks::COMMENT.0;
    marks[b'\\' as usize] = Marks::COMMENT.0;
    marks[b'$' as usize] = Marks::EXPANSION.0;
    marks[b'~' as usize] = Marks::EXPANSION.0;
    marks[b'{' as usize] = Marks::BRACE.0;
    marks[b'}' as usize] = Marks::BRACE.0;
    let mut byte = 0x80;
    while byte < marks.len() {
        marks[byte] = Marks::OTHER.0;
        byte += 1;
    }
    marks
};

/// Columns of the bytes of the text in the line of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns<'t> {
    /// Consecutive, from this byte.
    From(u32),
    /// Described by runs; the text begins at byte `start` of the text that they describe.
    Runs { runs: &'t [Run], start: u16 },
}

/// A run of bytes of a [`Made`] line. 8 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// First byte of the text; lines are short enough for 16 bits.
    pub from: u16,
    /// Column of that byte in the line of the file.
    pub column: u16,
    /// 0: the bytes after it have consecutive columns. Otherwise the run is a value that was substituted at the column; see
    /// [`At::value`].
    pub value: u32,
}

impl Default for Line<'_> {
    fn default() -> Self {
        Line::new(0, 0, "")
    }
}

impl<'t> Line<'t> {
    /// A whole line as read.
    pub fn new(file: u32, number: u32, text: &'t str) -> Line<'t> {
        Line { file, number, text, used: 0, cols: Columns::From(0), marks: Marks::of(text) }
    }

    /// A part of a line as read, from byte `base` on.
    pub fn written(file: u32, number: u32, text: &'t str, base: u16) -> Line<'t> {
        Line { file, number, text, used: 0, cols: Columns::From(base.into()), marks: Marks::ANY }
    }

    /// A line with the text and runs of a [`Made`] line.
    pub fn of_runs(file: u32, number: u32, used: u32, text: &'t str, runs: &'t [Run]) -> Line<'t> {
        Line { file, number, text, used, cols: Columns::Runs { runs, start: 0 }, marks: Marks::ANY }
    }

    /// Offset of the text in the line of the file; `None` if it is not an unchanged part of that line.
    pub fn base(&self) -> Option<u16> {
        match self.cols {
            Columns::From(base) if self.used == 0 => u16::try_from(base).ok(),
            _ => None,
        }
    }

    /// Column of a byte of the text in the line of the file, from 0.
    pub fn offset(&self, byte: usize) -> u32 {
        self.spot(byte).0
    }

    /// Column of a byte, and the value that it is part of, see [`At::value`].
    pub fn spot(&self, byte: usize) -> (u32, u32) {
        match self.cols {
            Columns::From(base) => (base.saturating_add(u32::try_from(byte).unwrap_or(u32::MAX)), 0),
            Columns::Runs { runs, start } => {
                let byte = u16::try_from(byte).unwrap_or(u16::MAX).saturating_add(start);
                let next = runs.partition_point(|run| run.from <= byte);
                runs.get(next.saturating_sub(1)).map_or((0, 0), |run| run.spot(byte))
            }
        }
    }

    /// The runs of the text.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let (base, runs, start) = match self.cols {
            Columns::From(base) => (Some(u16::try_from(base).unwrap_or(u16::MAX)), &[][..], 0),
            Columns::Runs { runs, start } => (None, runs, start),
        };
        let end = start.saturating_add(u16::try_from(self.text.len()).unwrap_or(u16::MAX));
        let first = runs.partition_point(|run| run.from <= start).saturating_sub(1);
        let of_text = runs.get(first..).unwrap_or_default().iter().take_while(move |run| run.from < end);
        let moved = of_text.map(move |run| {
            let (column, value) = run.spot(run.from.max(start));
            Run { from: run.from.saturating_sub(start), column: u16::try_from(column).unwrap_or(u16::MAX), value }
        });
        base.map(|column| Run { from: 0, column, value: 0 }).into_iter().chain(moved)
    }

    /// The same line, as part of a definition with this use.
    pub fn used_at(self, used: u32) -> Line<'t> {
        Line { used, ..self }
    }

    /// The place of `len` bytes from `byte` on.
    pub fn at(&self, byte: usize, len: usize) -> At {
        let (offset, value) = self.spot(byte);
        let len = match self.cols {
            Columns::From(_) => u32::try_from(len).unwrap_or(u32::MAX),
            Columns::Runs { .. } => {
                let last = byte.saturating_add(len.saturating_sub(1));
                self.offset(last).saturating_sub(offset).saturating_add(1)
            }
        };
        At { file: self.file, line: self.number, offset, len: len.max(1), used: self.used, value }
    }

    /// The place of the whole text.
    pub fn at_all(&self) -> At {
        self.at(0, self.text.len())
    }

    /// The part of the text from `start` to `end`, without surrounding white space. Out of range = empty.
    pub fn part(&self, start: usize, end: usize) -> Line<'t> {
        let raw = self.text.get(start..end).unwrap_or("");
        // White space is ASCII, so it is never inside a character.
        let solid = |byte: &u8| !is_space((*byte).into());
        let first = raw.bytes().position(|byte| solid(&byte)).unwrap_or(raw.len());
        let last = raw.as_bytes().iter().rposition(solid).map_or(first, |last| last.saturating_add(1));
        let (start, text) = (start.saturating_add(first), raw.get(first..last).unwrap_or(""));
        let cols = match self.cols {
            Columns::From(_) => Columns::From(self.offset(start)),
            Columns::Runs { runs, start: before } => {
                let start = u16::try_from(start).unwrap_or(u16::MAX).saturating_add(before);
                Columns::Runs { runs, start }
            }
        };
        Line { text, cols, ..*self }
    }

    /// The text from `start` on.
    pub fn rest(&self, start: usize) -> Line<'t> {
        self.part(start, self.text.len())
    }

    /// Whether the text may have such characters; false is certain.
    pub fn may_have(&self, marks: Marks) -> bool {
        self.marks.0 & marks.0 != 0
    }
}

impl Run {
    /// [`Line::spot`] of a byte of the run.
    pub fn spot(&self, byte: u16) -> (u32, u32) {
        let on = if self.value == 0 { byte.saturating_sub(self.from) } else { 0 };
        (u32::from(self.column).saturating_add(on.into()), self.value)
    }
}

/// A line that is not in any file as it is: parameters were substituted, or escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    file: u32,
    number: u32,
    used: u32,
    text: String,
    runs: Vec<Run>,
}

impl Made {
    /// An empty line at the place of another, to be filled with [`Made::push`].
    pub fn at_place_of(line: &Line<'_>) -> Made {
        Made { file: line.file, number: line.number, used: line.used, text: String::new(), runs: Vec::new() }
    }

    /// Appends a character with its [`Line::spot`].
    pub fn push(&mut self, c: char, (offset, value): (u32, u32)) {
        let from = u16::try_from(self.text.len()).unwrap_or(u16::MAX);
        if self.runs.last().map(|run| run.spot(from)) != Some((offset, value)) {
            let column = u16::try_from(offset).unwrap_or(u16::MAX);
            self.runs.push(Run { from, column, value });
        }
        self.text.push(c);
    }

    /// A line at the place of another, with this text and these runs.
    pub fn of_runs(line: &Line<'_>, text: String, runs: Vec<Run>) -> Made {
        Made { text, runs, ..Made::at_place_of(line) }
    }

    /// The line.
    pub fn line(&self) -> Line<'_> {
        Line::of_runs(self.file, self.number, self.used, &self.text, &self.runs)
    }
}

/// An owned copy.
impl From<&Line<'_>> for Made {
    fn from(line: &Line<'_>) -> Made {
        Made::of_runs(line, line.text.to_owned(), line.runs().collect())
    }
}

/// White space of the file format: also form feed and vertical tab.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Result of [`decomment`].
#[derive(Debug)]
pub(crate) struct Decommented<'t> {
    /// The text before the comment, trimmed.
    pub line: Line<'t>,
    /// The text with `\#` and `\!` resolved, if it has any; not trimmed.
    pub made: Option<Made>,
    /// A comment that cuts an unquoted word in two: its first character and place.
    pub cut_word: Option<(char, At)>,
}

/// Removes the comment from a line as read and resolves `\#` and `\!` outside quotes.
pub(crate) fn decomment(line: Line<'_>) -> Decommented<'_> {
    if !line.may_have(Marks::COMMENT) {
        return Decommented { line: line.rest(0), made: None, cut_word: None };
    }
    let mut quoted = false;
    let mut end = line.text.len();
    let mut cut_word = None;
    let mut escapes = Vec::new();
    let mut before = ' ';
    let mut chars = line.text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if !quoted => {
                if let Some((_, '#' | '!')) = chars.peek() {
                    escapes.push(i);
                    chars.next();
                    before = 'x';
                    continue;
                }
            }
            '#' | '!' if !quoted => {
                end = i;
                if !is_space(before) && !matches!(before, '{' | '}' | '"' | '#' | '!') {
                    cut_word = Some((c, line.at(i, 1)));
                }
                break;
            }
            _ => {}
        }
        before = c;
    }
    let made = (!escapes.is_empty()).then(|| {
        let mut plain = Made::at_place_of(&line);
        for (i, c) in line.text.char_indices().take_while(|(i, _)| *i < end) {
            if !escapes.contains(&i) {
                plain.push(c, line.spot(i));
            }
        }
        plain
    });
    Decommented { line: line.part(0, end), made, cut_word }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Made {
        let found = decomment(Line::new(0, 1, text));
        found.made.map_or_else(|| Made::from(&found.line), |made| Made::from(&made.line().rest(0)))
    }

    #[test]
    fn comments() {
        for (text, kept, cut) in [
            ("  a b  # c", "a b", false),
            ("a !b", "a", false),
            ("auth_pass k@l!ve1", "auth_pass k@l", true),
            ("a \"b # c\" d # e", "a \"b # c\" d", false),
            ("a \\#b \\! c", "a #b ! c", false),
            ("} ! end", "}", false),
            ("}! end", "}", false),
            ("# all", "", false),
            ("", "", false),
        ] {
            let cut_word = decomment(Line::new(0, 1, text)).cut_word;
            assert_eq!((run(text).text.as_str(), cut_word.is_some()), (kept, cut), "{text}");
        }
    }

    #[test]
    fn places_survive_escapes_and_trimming() {
        let made = run("  a \\#b c");
        let line = made.line();
        let c = line.text.find('c').unwrap();
        assert_eq!(line.at(c, 1).offset, 8);
        let part = line.rest(c);
        assert_eq!((part.text, part.at(0, 1).offset), ("c", 8));
    }
}
