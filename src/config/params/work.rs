//! A line while its definitions are put in.

use crate::config::definition::{is_name, starts_name};
use crate::config::diag::Class;
use crate::config::line::{Line, Made, Run, is_space};
use crate::config::place::At;
use crate::config::report::Report;

/// Longest line in bytes, after substitution.
pub(crate) const MAX_LINE: usize = 1023;

/// A line while its parameters are replaced.
pub(super) struct Work {
    /// An empty line at its place.
    home: Made,
    pub(super) text: String,
    /// Parts of the text; each ends where the next begins.
    parts: Vec<Part>,
    pub(super) line_chain: u32,
    /// The text was too long and was cut.
    pub(super) is_cut: bool,
}

/// A run of a line, and the use of a definition that it comes from.
#[derive(Clone, Copy)]
struct Part {
    run: Run,
    chain: u32,
}

/// Chain of a `$` that does not begin a parameter.
const LEFT: u32 = u32::MAX;

/// A reference to a parameter in a line: its byte range, and the name.
pub(super) struct Reference {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) name: String,
}

impl Work {
    pub(super) fn new(line: &Line<'_>, chain: u32) -> Work {
        let parts = line.runs().map(|run| Part { run, chain }).collect();
        Work { home: Made::at_place_of(line), text: line.text.to_owned(), parts, line_chain: chain, is_cut: false }
    }

    /// The first parameter at or after a byte.
    pub(super) fn next_reference(&self, mut from: usize) -> Option<Reference> {
        loop {
            let start = from.saturating_add(memchr::memchr(b'$', self.text.as_bytes().get(from..)?)?);
            from = start.saturating_add(1);
            if self.chain(start) == LEFT {
                continue;
            }
            if let Some((name, used)) = self.text.get(from..).and_then(reference) {
                return Some(Reference { start, end: from.saturating_add(used), name: name.to_owned() });
            }
        }
    }

    /// The part with a byte.
    fn part(&self, byte: usize) -> Option<&Part> {
        let next = self.parts.partition_point(|part| usize::from(part.run.from) <= byte);
        self.parts.get(next.saturating_sub(1))
    }

    pub(super) fn chain(&self, byte: usize) -> u32 {
        self.part(byte).map_or(0, |part| part.chain)
    }

    fn spot(&self, byte: usize) -> (u32, u32) {
        self.part(byte).map_or((0, 0), |part| part.run.spot(position(byte)))
    }

    /// Splits the part at a byte, and gives the index of the part that begins there.
    fn divide(&mut self, byte: usize) -> usize {
        let next = self.parts.partition_point(|part| usize::from(part.run.from) < byte);
        let begins = self.parts.get(next).is_some_and(|part| usize::from(part.run.from) == byte);
        if !begins && byte < self.text.len() {
            let (column, value) = self.spot(byte);
            let run = Run { from: position(byte), column: u16::try_from(column).unwrap_or(u16::MAX), value };
            let chain = self.chain(byte);
            self.parts.insert(next, Part { run, chain });
        }
        next
    }

    /// Marks a `$` that does not begin a parameter.
    pub(super) fn leave(&mut self, byte: usize) {
        self.divide(byte.saturating_add(1));
        let at = self.divide(byte);
        if let Some(part) = self.parts.get_mut(at) {
            part.chain = LEFT;
        }
    }

    pub(super) fn is_blank(&self, start: usize, end: usize) -> bool {
        self.text.get(start..end).is_none_or(|text| text.chars().all(is_space))
    }

    pub(super) fn at(&self, start: usize, end: usize) -> At {
        let line = self.home.line();
        let ((offset, value), (last, _)) = (self.spot(start), self.spot(end.saturating_sub(1)));
        let len = last.saturating_sub(offset).saturating_add(1);
        At { file: line.file, line: line.number, offset, len, used: line.used, value }
    }

    pub(super) fn replace(&mut self, start: usize, end: usize, by: &str, value: u32, chain: u32) {
        let column = u16::try_from(self.spot(start).0).unwrap_or(u16::MAX);
        let first = self.divide(start);
        let behind = self.divide(end);
        self.text.replace_range(start..end, by);
        for part in self.parts.iter_mut().skip(behind) {
            let from = usize::from(part.run.from).saturating_sub(end).saturating_add(start).saturating_add(by.len());
            part.run.from = position(from);
        }
        let put = (!by.is_empty()).then_some(Part { run: Run { from: position(start), column, value }, chain });
        self.parts.splice(first..behind, put);
        if self.text.len() > MAX_LINE {
            let fits = (0..=MAX_LINE).rev().find(|len| self.text.is_char_boundary(*len)).unwrap_or(0);
            self.text.truncate(fits);
            self.is_cut = true;
        }
    }

    /// Cuts the line where a `#` or `!` from a definition begins a comment. `goes_on` = further lines of a definition follow.
    pub(super) fn cut_comment(&mut self, goes_on: bool, report: &mut Report) {
        if memchr::memchr2(b'#', b'!', self.text.as_bytes()).is_none() {
            return;
        }
        let (mut quoted, mut before) = (false, ' ');
        let indent = self.text.len().saturating_sub(self.text.trim_start_matches(is_space).len());
        let mut cut = None;
        for (i, c) in self.text.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '#' | '!' if !quoted => {
                    let first = i == indent && self.home.line().used != 0;
                    if first || self.spot(i).1 != 0 {
                        cut = Some((i, c, before));
                        break;
                    }
                }
                _ => {}
            }
            before = c;
        }
        let Some((start, c, before)) = cut else { return };
        let at = self.at(start, start.saturating_add(1));
        if goes_on {
            report
                .warn(
                    Class::General,
                    at,
                    format!("'{c}' ends this line only: the other lines of the definition are used"),
                )
                .help("to disable a definition of several lines, define it as empty");
        } else if !is_space(before) && !matches!(before, '{' | '}' | '"') {
            report
                .warn(Class::General, at, format!("'{c}' from a parameter starts a comment: the word ends here"))
                .help("put the word in double quotes");
        }
        self.text.truncate(start);
    }

    pub(super) fn made(self) -> Made {
        let len = self.text.len();
        let runs = self.parts.into_iter().map(|part| part.run).filter(|run| usize::from(run.from) < len).collect();
        Made::of_runs(&self.home.line(), self.text, runs)
    }
}

/// A byte of a line; lines are short enough for 16 bits.
fn position(byte: usize) -> u16 {
    u16::try_from(byte).unwrap_or(u16::MAX)
}

/// The name after a `$`, and the length of the reference: `{NAME}`, or `NAME` before a blank, comma, `)` or the end.
fn reference(after: &str) -> Option<(&str, usize)> {
    if let Some(inner) = after.strip_prefix('{') {
        let end = inner.find(|c: char| !is_name(c) && !is_space(c) && !matches!(c, '-' | '+'))?;
        let name = inner.get(..end)?;
        let closed = inner.get(end..)?.starts_with('}');
        return (closed && starts_name(name)).then_some((name, end.saturating_add(2)));
    }
    let end = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
    let (name, rest) = after.split_at_checked(end)?;
    let ended = rest.chars().next().is_none_or(|c| is_space(c) || matches!(c, ',' | ')'));
    (ended && starts_name(name)).then_some((name, end))
}
