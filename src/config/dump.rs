//! The whole configuration as text (`-d`): expanded, old spellings replaced, secrets masked.

use std::fmt;

use super::items::Items;
use super::keywords::{Body, Keyword, Term};
use super::line::is_space;
use super::secret::MASK;
use super::tree::{Node, each};

/// Indentation of a level.
const STEP: usize = 4;

/// A configuration as readable text: expanded, old spellings replaced, secrets masked. Read again it gives the same
/// configuration, apart from the secrets.
///
/// The text is made when it is asked for: few ask, and a large one takes its time.
pub struct Shown(Items);

impl From<Items> for Shown {
    fn from(items: Items) -> Shown {
        Shown(items)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        each(&self.0, |node| nodes(std::slice::from_ref(node), 0, &mut text));
        f.write_str(&text)
    }
}

/// There are passwords in it.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown({} items)", self.0.len())
    }
}

fn nodes(list: &[Node<'_>], depth: usize, out: &mut String) {
    for node in list {
        if depth == 0 && !out.is_empty() && !matches!(node.keyword.body, Body::None) {
            out.push('\n');
        }
        out.push_str(&" ".repeat(depth.saturating_mul(STEP)));
        out.push_str(&text(node));
        if !matches!(node.keyword.body, Body::None) {
            out.push_str(" {\n");
            nodes(&node.children, depth.saturating_add(1), out);
            out.push_str(&" ".repeat(depth.saturating_mul(STEP)));
            out.push('}');
        }
        out.push('\n');
    }
}

fn text(node: &Node<'_>) -> String {
    let words = node.words();
    let Some(first) = words.first() else {
        return String::new();
    };
    if node.keyword.name == "INSTANCE" && node.in_loose {
        return format!("group {{ {} }}", quoted(&first.text));
    }
    if is_secret(node.keyword) {
        let shown = words.iter().skip(1).map(|w| &*w.text);
        // Of several words only the last is the secret: `key ID SECRET`.
        let visible = node.args.len().saturating_sub(1);
        let kept: Vec<&str> = shown.take(visible).chain(std::iter::once(MASK)).collect();
        return format!("{} {}", node.keyword.name, kept.join(" "));
    }
    if node.keyword.is_placeholder() {
        let rest = if words.len() > 1 { node.line.text.get(first.end..) } else { None };
        return format!("{}{}", quoted(&first.text), escaped(rest.unwrap_or("")));
    }
    let rest = node.line.text.get(first.end..).unwrap_or("");
    format!("{}{}", node.keyword.name, escaped(rest))
}

fn is_secret(keyword: &Keyword) -> bool {
    keyword.name == "password" || keyword.args.iter().any(|t| matches!(t, Term::One(super::keywords::Kind::Secret)))
}

/// A word as it has to be written so that it is read as this word.
fn quoted(word: &str) -> String {
    let plain = |c: char| !is_space(c) && !matches!(c, '"' | '#' | '!' | '{' | '}' | '@' | '$' | '~');
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("\"{word}\"") }
}

/// Text with comment characters outside quotes escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match c {
            '"' => inside = !inside,
            '#' | '!' if !inside => out.push('\\'),
            _ => {}
        }
        out.push(c);
    }
    out
}
