//! Definitions of several lines.

use super::definition::definition;
use super::diag::Class;
use super::line::{Line, Made};
use super::place::At;
use super::report::Report;

/// Splits off the `\` that continues a definition on the next line.
pub(crate) fn continued(line: Line<'_>) -> (Line<'_>, bool) {
    match line.text.strip_suffix('\\') {
        Some(head) => (line.part(0, head.len()), true),
        None => (line, false),
    }
}

/// A definition that continues on the next line.
#[derive(Debug)]
pub(crate) struct Pending {
    /// `None` = its condition is not met.
    pub name: Option<String>,
    /// Where it begins.
    pub at: At,
    /// Its lines.
    pub pieces: Vec<Made>,
    /// Number of open braces.
    depth: usize,
    /// Place of an empty line without `\`: the next line shows whether the definition ends there.
    gap: Option<At>,
}

impl Pending {
    /// A definition with its first line.
    pub fn new(name: Option<String>, line: &Line<'_>, first: Made) -> Pending {
        let depth = depth_after(0, first.line().text);
        Pending { name, at: line.at_all(), pieces: vec![first], depth, gap: None }
    }

    /// Takes the next line of the file, without its comment, if it belongs to the definition. `more` = a `\` follows the
    /// comment.
    ///
    /// An empty line or a comment without `\` ends a definition, unless the next line can only belong to it: it ends in `\`,
    /// or is the `}` of a block of the definition.
    pub fn take(&mut self, line: &Line<'_>, more: bool, report: &mut Report) -> Taken {
        let (piece, continues) = continued(*line);
        let more = more || continues;
        if line.text.is_empty() && !more {
            self.gap.get_or_insert(line.at_all());
            return Taken::More;
        }
        if let Some(gap) = self.gap.take() {
            let closes = self.depth > 0 && line.text.starts_with('}');
            if definition(line.text).is_some() || !(more || closes) {
                return Taken::Not;
            }
            if self.name.is_some() {
                report
                    .warn(Class::General, gap, "the definition continues after this line, which has no \\ at its end")
                    .help("remove the line, or end it with \\");
            }
        }
        self.depth = depth_after(self.depth, piece.text);
        match self.pieces.as_mut_slice() {
            _ if piece.text.is_empty() => {}
            // The first line is often empty but for the `\`.
            [first] if first.line().text.is_empty() => *first = Made::from(&piece),
            _ => self.pieces.push(Made::from(&piece)),
        }
        if more { Taken::More } else { Taken::Last }
    }
}

/// Whether a line belongs to a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It does, and the next line may too.
    More,
    /// It is its last line.
    Last,
    /// It does not: the definition ended before it.
    Not,
}

/// Number of open braces after a text, without those of `${NAME}`.
fn depth_after(depth: usize, text: &str) -> usize {
    let (mut depth, mut quoted, mut parameter, mut before) = (depth, false, false, b' ');
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'{' if !quoted && before == b'$' => parameter = true,
            b'}' if !quoted && parameter => parameter = false,
            b'{' if !quoted => depth = depth.saturating_add(1),
            b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = byte;
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_belong_to_a_definition() {
        use Taken::{Last, More, Not};
        for (lines, taken, pieces) in [
            (&["$M= \\", "a \\", "b"][..], &[More, Last][..], "a|b"),
            (&["$M=x \\", "\\", "b\\\\", "c"], &[More, More, Last], "x|b\\|c"),
            (&["$M= \\", "a \\", "", "b"], &[More, More, Not], "a"),
            (&["$M= \\", "a \\", "", "b \\", "c"], &[More, More, More, Last], "a|b|c"),
            (&["$M= \\", "a { \\", "", "", "} \\", "", "b"], &[More, More, More, More, More, Not], "a {|}"),
            (&["$M= \\", "a { \\", "b ${X} \\", "", "}"], &[More, More, More, Last], "a {|b ${X}|}"),
            (&["$M= \\", "a \\", "", "}"], &[More, More, Not], "a"),
            (&["$M= \\", "a \\", "", "$N= \\"], &[More, More, Not], "a"),
            (&["$M= \\", "$N=1 \\", "a"], &[More, Last], "$N=1|a"),
        ] {
            let line = |text| Line::new(0, 1, text).rest(0);
            let first = line(lines[0]);
            let (value, continues) = continued(first.rest(definition(first.text).unwrap().1));
            assert!(continues);
            let mut pending = Pending::new(Some("M".into()), &first, Made::from(&value));
            let got: Vec<Taken> =
                lines[1..].iter().map(|text| pending.take(&line(text), false, &mut Report::default())).collect();
            let texts: Vec<String> = pending.pieces.iter().map(|piece| piece.line().text.to_owned()).collect();
            assert_eq!((got.as_slice(), texts.join("|").as_str()), (taken, pieces), "{lines:?}");
        }
    }
}
