//! What reading has found, held small: most pieces are a place in a file that is in memory anyway.

use super::line::{Line, Made};
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
    /// Part of a file as it is there: `len` bytes from byte `base` of the line that starts at byte `start`.
    Written { kind: ItemKind, file: u16, base: u16, len: u16, number: u32, start: u32 },
    /// Parameters were substituted or escapes resolved: index into the lines made so.
    Made { kind: ItemKind, line: u32 },
}

/// Pieces of configuration in order, and the files they are from. There may be a hundred thousand.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// The files read.
    pub sources: Sources,
    list: Vec<Item>,
    made: Vec<Made>,
}

impl Items {
    /// Makes room for those of so many lines.
    pub fn reserve(&mut self, lines: usize) {
        // A line with a brace has two; what is not used is never touched.
        self.list.reserve(lines.saturating_mul(2));
    }

    /// Adds a piece; `start` = byte of the file at which its line begins.
    pub fn push(&mut self, kind: ItemKind, line: &Line<'_>, start: usize) {
        let item = self.written(kind, line, start).unwrap_or_else(|| {
            self.made.push(Made::from(line));
            Item::Made { kind, line: u32::try_from(self.made.len().saturating_sub(1)).unwrap_or(u32::MAX) }
        });
        self.list.push(item);
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

    /// Text (empty past the end) and place of a piece.
    pub fn line(&self, n: usize) -> Line<'_> {
        match self.list.get(n) {
            None => Line::default(),
            Some(Item::Made { line, .. }) => self.made.get(*line as usize).map(Made::line).unwrap_or_default(),
            Some(&Item::Written { file, base, len, number, start, .. }) => {
                let file = u32::from(file);
                let from = (start as usize).saturating_add(usize::from(base));
                let text = self.sources.text(file).get(from..from.saturating_add(usize::from(len)));
                Line::written(file, number, text.unwrap_or_default(), base)
            }
        }
    }

    /// Forgets all pieces.
    pub fn clear(&mut self) {
        self.list.clear();
        self.made.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        let mut items = Items::default();
        let file = items.sources.add("a".into(), "first\n  second word {".into());
        let raw = Line::new(file, 2, "  second word {");
        let mut made = Made::at_place_of(&raw);
        made.push('x', 3);
        // The third is said to be where it is not.
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
