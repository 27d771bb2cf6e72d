//! A keyword of the file with its arguments.

use super::keywords::Keyword;
use super::line::Line;
use super::place::At;
use super::value::Arg;
use super::words::{self, Word};

/// A keyword of the file with its arguments and its block.
#[derive(Debug)]
pub(crate) struct Node<'i> {
    /// The keyword; aliases and old spellings are resolved.
    pub keyword: &'static Keyword,
    /// The line.
    pub line: Line<'i>,
    /// Byte ranges of the first word and of all words in the text of the line.
    pub(super) spans: [(u32, u32); 2],
    /// Its arguments.
    pub args: Vec<Arg>,
    /// Nodes of its block.
    pub children: Vec<Node<'i>>,
    /// Whether it has braces.
    pub braces: bool,
    /// Whether an argument is wrong, so that the default counts.
    pub bad: bool,
    /// Whether it is an entry that is written among the keywords of its block.
    pub in_loose: bool,
}

impl<'i> Node<'i> {
    /// Its words by the plain tokeniser. Split on each call, as they are rarely needed.
    pub fn words(&self) -> Vec<Word<'i>> {
        let [_, (start, end)] = self.spans.map(|(start, end)| (start as usize, end as usize));
        let (mut words, _) = words::split(self.line.text.get(start..end).unwrap_or_default());
        for word in &mut words {
            word.start = word.start.saturating_add(start);
            word.end = word.end.saturating_add(start);
        }
        words
    }

    /// Place of the keyword.
    pub fn at(&self) -> At {
        let [(start, end), _] = self.spans;
        self.line.at(start as usize, end.saturating_sub(start) as usize)
    }

    /// Place of an argument; of the keyword when there is none.
    pub fn at_arg(&self, n: usize) -> At {
        match self.args.get(n) {
            Some(arg) => self.line.at(arg.start, arg.end.saturating_sub(arg.start)),
            None => self.at(),
        }
    }
}
