//! A line of text that remembers where each character stands in its file.

use super::diag::At;

/// Text with its place; the text may be a part of the file's line or have parameters substituted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Index into the sources.
    pub file: u32,
    /// Line number from 1.
    pub number: u32,
    /// The text.
    pub text: String,
    cols: Columns,
}

/// Where the text's bytes stand in the file's line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Columns {
    /// One after the other from this byte on.
    From(u32),
    /// Byte by byte; lines are short enough for 16 bits.
    Map(Vec<u16>),
}

impl Default for Columns {
    fn default() -> Columns {
        Columns::From(0)
    }
}

impl Line {
    /// A whole line as read.
    pub fn new(file: u32, number: u32, text: String) -> Line {
        Line { file, number, text, cols: Columns::From(0) }
    }

    /// A part of a line as read, from byte `base` on.
    pub fn written(file: u32, number: u32, text: String, base: u16) -> Line {
        Line { file, number, text, cols: Columns::From(base.into()) }
    }

    /// The byte of the line as read at which the text starts, when it is a part of that as it is there.
    pub fn base(&self) -> Option<u16> {
        match self.cols {
            Columns::From(base) => u16::try_from(base).ok(),
            Columns::Map(_) => None,
        }
    }

    /// An empty line at the same place, to be filled by [`Line::push`].
    pub fn empty_like(&self) -> Line {
        Line { file: self.file, number: self.number, text: String::new(), cols: Columns::Map(Vec::new()) }
    }

    /// Appends a character that stands at `offset` of the file's line. Only for lines from [`Line::empty_like`].
    pub fn push(&mut self, c: char, offset: u32) {
        self.text.push(c);
        if let Columns::Map(map) = &mut self.cols {
            map.resize(self.text.len(), u16::try_from(offset).unwrap_or(u16::MAX));
        }
    }

    /// Offset in the file's line of a byte of the text.
    pub fn offset(&self, byte: usize) -> u32 {
        match &self.cols {
            Columns::From(base) => base.saturating_add(u32::try_from(byte).unwrap_or(u32::MAX)),
            Columns::Map(map) => map.get(byte).or(map.last()).copied().map_or(0, u32::from),
        }
    }

    /// The place of `len` bytes from `byte` on.
    pub fn at(&self, byte: usize, len: usize) -> At {
        let offset = self.offset(byte);
        let len = match &self.cols {
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
    pub fn part(&self, start: usize, end: usize) -> Line {
        let raw = self.text.get(start..end).unwrap_or("");
        let trimmed = raw.trim_start_matches(is_space);
        let start = start.saturating_add(raw.len().saturating_sub(trimmed.len()));
        let text = trimmed.trim_end_matches(is_space).to_owned();
        let cols = match &self.cols {
            Columns::From(_) => Columns::From(self.offset(start)),
            Columns::Map(map) => {
                Columns::Map(map.get(start..start.saturating_add(text.len())).unwrap_or_default().to_vec())
            }
        };
        Line { file: self.file, number: self.number, text, cols }
    }

    /// The first `end` bytes of the text, without surrounding white space. Only for lines from [`Line::new`].
    fn trimmed(mut self, end: usize) -> Line {
        let kept = self.text.get(..end).unwrap_or_default().trim_end_matches(is_space).len();
        self.text.truncate(kept);
        let start = self.text.len().saturating_sub(self.text.trim_start_matches(is_space).len());
        self.text.drain(..start);
        self.cols = Columns::From(u32::try_from(start).unwrap_or(u32::MAX));
        self
    }

    /// Whether any of these ASCII characters is in the text.
    pub fn has(&self, any: &[u8]) -> bool {
        self.text.bytes().any(|byte| any.contains(&byte))
    }

    /// The text from `start` on.
    pub fn rest(&self, start: usize) -> Line {
        self.part(start, self.text.len())
    }
}

/// White space of the file format: also form feed and vertical tab.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// What [`decomment`] found.
#[derive(Debug)]
pub(crate) struct Decommented {
    /// The text before the comment, trimmed.
    pub line: Line,
    /// A comment that cuts an unquoted word in two: its first character and place.
    pub cut_word: Option<(char, At)>,
}

/// Removes the comment from a line as read and resolves `\#` and `\!` outside quotes.
pub(crate) fn decomment(line: Line) -> Decommented {
    let length = line.text.len();
    if !line.has(b"#!\\") {
        return Decommented { line: line.trimmed(length), cut_word: None };
    }
    let text = &line.text;
    let mut quoted = false;
    let mut end = text.len();
    let mut cut_word = None;
    let mut escapes = Vec::new();
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
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
    if escapes.is_empty() {
        return Decommented { line: line.trimmed(end), cut_word };
    }
    let mut plain = line.empty_like();
    for (i, c) in text.char_indices().take_while(|(i, _)| *i < end) {
        if !escapes.contains(&i) {
            plain.push(c, u32::try_from(i).unwrap_or(u32::MAX));
        }
    }
    let len = plain.text.len();
    Decommented { line: plain.part(0, len), cut_word }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Decommented {
        decomment(Line::new(0, 1, text.to_owned()))
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
            let d = run(text);
            assert_eq!((d.line.text.as_str(), d.cut_word.is_some()), (kept, cut), "{text}");
        }
    }

    #[test]
    fn places_survive_escapes_and_trimming() {
        let d = run("  a \\#b c");
        let c = d.line.text.find('c').unwrap();
        assert_eq!(d.line.at(c, 1).offset, 8);
        let part = d.line.rest(c);
        assert_eq!((part.text.as_str(), part.at(0, 1).offset), ("c", 8));
    }
}
