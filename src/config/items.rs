//! Compact storage of the pieces of a configuration: most are just a place in a file that is in memory.

use super::line::{Line, Run};
use super::place::Sources;

/// Kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemKind {
    /// A keyword with its words, or an entry.
    Text,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// A piece of configuration: its kind, and where its line is. 16 octets.
#[derive(Clone, Copy, Debug)]
enum Item {
    /// Unchanged part of a file: `len` bytes from byte `base` of the line that starts at byte `start`.
    Written { kind: ItemKind, file: u16, base: u16, len: u16, number: u32, start: u32 },
    /// A line with substituted parameters or resolved escapes: index into `made`.
    Made { kind: ItemKind, line: u32 },
}

/// Storage of a [`Made`] line. 28 octets.
#[derive(Clone, Copy, Debug)]
struct Kept {
    file: u32,
    number: u32,
    used: u32,
    /// Start and length in `texts`; start and number in `runs`.
    text: (u32, u16),
    runs: (u32, u16),
}

/// Pieces of a configuration in order, up to a million, and the files they are from.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// The files.
    pub sources: Sources,
    list: Vec<Item>,
    made: Vec<Kept>,
    /// Texts and runs of the lines in `made`, concatenated.
    texts: String,
    runs: Vec<Run>,
}

impl Items {
    /// Reserves space for the pieces of this many lines.
    pub fn reserve(&mut self, lines: usize) {
        // A line with a brace has two pieces. Unused memory is never touched.
        self.list.reserve(lines.saturating_mul(2));
    }

    /// Adds a piece; `start` = offset of its line in the file.
    pub fn push(&mut self, kind: ItemKind, line: &Line<'_>, start: usize) {
        let item = self.written(kind, line, start).unwrap_or_else(|| {
            self.keep(line);
            Item::Made { kind, line: u32::try_from(self.made.len().saturating_sub(1)).unwrap_or(u32::MAX) }
        });
        self.list.push(item);
    }

    fn keep(&mut self, line: &Line<'_>) {
        let start = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let size = |len: usize| u16::try_from(len).unwrap_or(u16::MAX);
        let first = self.runs.len();
        self.runs.extend(line.runs());
        let runs = self.runs.len().saturating_sub(first);
        self.made.push(Kept {
            file: line.file,
            number: line.number,
            used: line.used,
            text: (start(self.texts.len()), size(line.text.len())),
            runs: (start(first), size(runs)),
        });
        self.texts.push_str(line.text);
    }

    fn kept(&self, n: u32) -> Option<Line<'_>> {
        let kept = self.made.get(n as usize)?;
        let range = |(start, len): (u32, u16)| start as usize..(start as usize).saturating_add(len.into());
        let (text, runs) = (self.texts.get(range(kept.text))?, self.runs.get(range(kept.runs))?);
        Some(Line::of_runs(kept.file, kept.number, kept.used, text, runs))
    }

    fn written(&self, kind: ItemKind, line: &Line<'_>, start: usize) -> Option<Item> {
        let base = line.base()?;
        let (from, len) = (start.checked_add(usize::from(base))?, u16::try_from(line.text.len()).ok()?);
        let there = self.sources.text(line.file).get(from..from.checked_add(usize::from(len))?)?;
        let (file, start) = (u16::try_from(line.file).ok()?, u32::try_from(start).ok()?);
        (there == line.text).then_some(Item::Written { kind, file, base, len, number: line.number, start })
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Kind of a piece; `None` past the end.
    pub fn kind(&self, n: usize) -> Option<ItemKind> {
        self.list.get(n).map(|item| match item {
            Item::Written { kind, .. } | Item::Made { kind, .. } => *kind,
        })
    }

    /// Line of a piece; empty past the end.
    pub fn line(&self, n: usize) -> Line<'_> {
        match self.list.get(n) {
            None => Line::default(),
            Some(Item::Made { line, .. }) => self.kept(*line).unwrap_or_default(),
            Some(&Item::Written { file, base, len, number, start, .. }) => {
                let file = u32::from(file);
                let from = (start as usize).saturating_add(usize::from(base));
                let text = self.sources.text(file).get(from..from.saturating_add(usize::from(len)));
                Line::written(file, number, text.unwrap_or_default(), base)
            }
        }
    }

    /// Removes all pieces.
    pub fn clear(&mut self) {
        self.list.clear();
        self.made.clear();
        self.texts.clear();
        self.runs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Made;
    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        let mut items = Items::default();
        let file = items.sources.add("a".into(), "first\n  second word {".into());
        let raw = Line::new(file, 2, "  second word {");
        let mut made = Made::at_place_of(&raw);
        made.push('x', (3, 0));
        // The third has a wrong start.
        let lines = [(raw.part(2, 13), 6), (raw.part(14, 15), 6), (raw.part(2, 13), 7), (made.line(), 6)];
        for (line, start) in &lines {
            items.push(ItemKind::Text, line, *start);
        }
        let places = |line: &Line<'_>| (line.text.to_owned(), line.at_all(), line.offset(3));
        for (n, (line, _)) in lines.iter().enumerate() {
            assert_eq!(places(&items.line(n)), places(line));
        }
        assert_eq!((items.made.len(), items.kind(3), items.kind(4)), (2, Some(ItemKind::Text), None));
        assert_eq!(items.line(4), Line::default());
    }
}
