//! The configuration as one text for the children: what was read, fully expanded, with the answers from outside.

use std::collections::BTreeMap;
use std::fmt;

use super::diag::{Report, Severity, Sources};
use super::facts::Facts;
use super::line::Line;
use super::model::Config;
use super::read::{Item, ItemKind};

/// First line of a snapshot.
const HEAD: &str = "keepalived configuration snapshot 1";

/// An expanded configuration. It holds passwords: `Debug` shows its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot(String);

/// A text that is no snapshot, or one of a configuration with errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a usable configuration snapshot: {0}")]
pub struct SnapshotError(String);

impl Snapshot {
    /// Records items and answers.
    pub(crate) fn record(items: &[Item], sources: &Sources, facts: &Facts<'_>) -> Snapshot {
        let mut out = String::from(HEAD);
        let mut line = |tag: char, fields: &[&str]| {
            out.push('\n');
            out.push(tag);
            for field in fields {
                out.push(' ');
                escape(field, &mut out);
            }
        };
        for (question, answer) in facts.known() {
            match answer {
                Some(answer) => line('+', &[question, answer]),
                None => line('-', &[question]),
            }
        }
        for name in sources.names() {
            line('F', &[name]);
        }
        for item in items {
            let l = &item.line;
            let place = [l.file, l.number, l.offset(0)].map(|n| n.to_string());
            let [file, number, offset] = place.each_ref().map(String::as_str);
            match item.kind {
                ItemKind::Text => line('T', &[file, number, offset, &l.text]),
                ItemKind::Open => line('{', &[file, number, offset]),
                ItemKind::Close => line('}', &[file, number, offset]),
            }
        }
        out.push('\n');
        Snapshot(out)
    }

    /// The text to hand over.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The configuration of a snapshot, the same as the one it was recorded from.
    ///
    /// # Errors
    /// When the text is no snapshot, is cut off, or the configuration in it has errors.
    pub fn parse(text: &str) -> Result<Config, SnapshotError> {
        let Decoded { known, sources, items } = decode(text)?;
        let mut report = Report::default();
        let tree = super::tree::build(&items, &mut report);
        let config = super::build::build(&tree, &mut Facts::recorded(known), &mut report);
        match report.finish(&sources).iter().find(|d| d.severity == Severity::Error) {
            Some(first) => Err(SnapshotError(first.message.clone())),
            None => Ok(config),
        }
    }

    /// The whole configuration as readable text (`-d`): expanded, old spellings replaced, secrets masked.
    /// Read again it gives the same configuration, apart from the secrets.
    pub fn dump(&self) -> String {
        let items = decode(&self.0).map(|d| d.items).unwrap_or_default();
        let tree = super::tree::build(&items, &mut Report::default());
        super::dump::dump(&tree)
    }
}

/// What a snapshot holds.
struct Decoded {
    known: BTreeMap<String, Option<String>>,
    sources: Sources,
    items: Vec<Item>,
}

fn decode(text: &str) -> Result<Decoded, SnapshotError> {
    let error = |what: String| SnapshotError(what);
    // Only a newline ends a line: the other line ends of str::lines may be in a field.
    let mut lines = text.strip_suffix('\n').unwrap_or("").split('\n');
    if lines.next() != Some(HEAD) {
        return Err(error("it is no snapshot of this release, or cut off".into()));
    }
    let mut out = Decoded { known: BTreeMap::new(), sources: Sources::default(), items: Vec::new() };
    for (n, line) in lines.enumerate() {
        let number = n.saturating_add(2);
        let mut fields = line.split(' ').map(unescape);
        let tag = fields.next().unwrap_or_default();
        let mut next = || fields.next().ok_or_else(|| error(format!("line {number} lacks a field")));
        let kind = match tag.as_str() {
            "+" => {
                out.known.insert(next()?, Some(next()?));
                continue;
            }
            "-" => {
                out.known.insert(next()?, None);
                continue;
            }
            "F" => {
                out.sources.add(next()?);
                continue;
            }
            "T" => ItemKind::Text,
            "{" => ItemKind::Open,
            "}" => ItemKind::Close,
            _ => return Err(error(format!("line {number} is of no known kind"))),
        };
        let mut place = || next()?.parse().map_err(|_| error(format!("line {number} has no place")));
        let (file, line, offset) = (place()?, place()?, place()?);
        let text = if kind == ItemKind::Text { next()? } else { String::new() };
        out.items.push(Item { kind, line: Line::starting(file, line, offset, text) });
    }
    Ok(out)
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} bytes)", self.0.len())
    }
}

/// Fields are separated by one blank and lines by one newline: both are escaped within a field.
fn escape(field: &str, out: &mut String) {
    for c in field.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            ' ' => out.push_str("\\s"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
}

fn unescape(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('s')) => out.push(' '),
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('r')) => out.push('\r'),
            ('\\', Some(other)) => out.push(other),
            (other, _) => out.push(other),
        }
    }
    out
}
