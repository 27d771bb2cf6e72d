//! A line of text that remembers where each character stands in its file.

use super::place::At;

/// Text with its place; the text may be a part of the file's line or have parameters substituted. A view: the text is
/// that of a file in memory, or of a [`Made`] line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'t> {
    /// Index into the sources.
    pub file: u32,
    /// Line number from 1.
    pub number: u32,
    /// The text.
    pub text: &'t str,
    cols: Columns<'t>,
    marks: Marks,
}

/// Characters of a line, or of the one it is a part of, that reading looks for; bits of [`MARKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks(u8);

impl Marks {
    /// NUL.
    pub const NUL: Marks = Marks(1);
    /// `#`, `!` and the `\` that keeps them.
    pub const COMMENT: Marks = Marks(2);
    /// `$` and `~`.
    pub const EXPANSION: Marks = Marks(4);
    /// `{` and `}`.
    pub const BRACE: Marks = Marks(8);
    /// All that is not ASCII.
    pub const OTHER: Marks = Marks(16);
    /// Nobody has looked.
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

/// Where the text's bytes stand in the file's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns<'t> {
    /// One after the other from this byte on.
    From(u32),
    /// Byte by byte; lines are short enough for 16 bits.
    Map(&'t [u16]),
}

impl Default for Line<'_> {
    fn default() -> Self {
        Line::new(0, 0, "")
    }
}

impl<'t> Line<'t> {
    /// A whole line as read.
    pub fn new(file: u32, number: u32, text: &'t str) -> Line<'t> {
        Line { file, number, text, cols: Columns::From(0), marks: Marks::of(text) }
    }

    /// A part of a line as read, from byte `base` on.
    pub fn written(file: u32, number: u32, text: &'t str, base: u16) -> Line<'t> {
        Line { file, number, text, cols: Columns::From(base.into()), marks: Marks::ANY }
    }

    /// The byte of the line as read at which the text starts, when it is a part of that as it is there.
    pub fn base(&self) -> Option<u16> {
        match self.cols {
            Columns::From(base) => u16::try_from(base).ok(),
            Columns::Map(_) => None,
        }
    }

    /// Offset in the file's line of a byte of the text.
    pub fn offset(&self, byte: usize) -> u32 {
        match self.cols {
            Columns::From(base) => base.saturating_add(u32::try_from(byte).unwrap_or(u32::MAX)),
            Columns::Map(map) => map.get(byte).or(map.last()).copied().map_or(0, u32::from),
        }
    }

    /// The place of `len` bytes from `byte` on.
    pub fn at(&self, byte: usize, len: usize) -> At {
        let offset = self.offset(byte);
        let len = match self.cols {
            Columns::From(_) => u32::try_from(len).unwrap_or(u32::MAX),
            Columns::Map(_) => {
                let last = byte.saturating_add(len.saturating_sub(1));
                self.offset(last).saturating_sub(offset).saturating_add(1)
            }
        };
        At { file: self.file, line: self.number, offset, len: len.max(1) }
    }

    /// The place of the whole text.
    pub fn at_all(&self) -> At {
        self.at(0, self.text.len())
    }

    /// The part of the text from `start` to `end`, without surrounding white space. Out of range = empty.
    pub fn part(&self, start: usize, end: usize) -> Line<'t> {
        let raw = self.text.get(start..end).unwrap_or("");
        // White space is ASCII: it never is within a character.
        let solid = |byte: &u8| !is_space((*byte).into());
        let first = raw.bytes().position(|byte| solid(&byte)).unwrap_or(raw.len());
        let last = raw.as_bytes().iter().rposition(solid).map_or(first, |last| last.saturating_add(1));
        let (start, text) = (start.saturating_add(first), raw.get(first..last).unwrap_or(""));
        let cols = match self.cols {
            Columns::From(_) => Columns::From(self.offset(start)),
            Columns::Map(map) => Columns::Map(map.get(start..start.saturating_add(text.len())).unwrap_or_default()),
        };
        Line { text, cols, ..*self }
    }

    /// The text from `start` on.
    pub fn rest(&self, start: usize) -> Line<'t> {
        self.part(start, self.text.len())
    }

    /// Whether there may be such characters in the text: none is overlooked.
    pub fn may_have(&self, marks: Marks) -> bool {
        self.marks.0 & marks.0 != 0
    }
}

/// A line whose text stands in no file: parameters were substituted, or escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    file: u32,
    number: u32,
    text: String,
    /// Where each byte of the text stands in the file's line.
    map: Vec<u16>,
}

impl Made {
    /// An empty line at the place of another, to be filled by [`Made::push`].
    pub fn at_place_of(line: &Line<'_>) -> Made {
        Made { file: line.file, number: line.number, text: String::new(), map: Vec::new() }
    }

    /// Appends a character that stands at `offset` of the file's line.
    pub fn push(&mut self, c: char, offset: u32) {
        self.text.push(c);
        self.map.resize(self.text.len(), u16::try_from(offset).unwrap_or(u16::MAX));
    }

    /// Length of the text, in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The line.
    pub fn line(&self) -> Line<'_> {
        Line {
            file: self.file,
            number: self.number,
            text: &self.text,
            cols: Columns::Map(&self.map),
            marks: Marks::ANY,
        }
    }
}

/// A copy that stands on its own.
impl From<&Line<'_>> for Made {
    fn from(line: &Line<'_>) -> Made {
        let mut made = Made::at_place_of(line);
        for (byte, c) in line.text.char_indices() {
            made.push(c, line.offset(byte));
        }
        made
    }
}

/// White space of the file format: also form feed and vertical tab.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// What [`decomment`] found.
#[derive(Debug)]
pub(crate) struct Decommented<'t> {
    /// The text before the comment, trimmed.
    pub line: Line<'t>,
    /// The same with `\#` and `\!` resolved, if there are any; not trimmed.
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
                plain.push(c, u32::try_from(i).unwrap_or(u32::MAX));
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
