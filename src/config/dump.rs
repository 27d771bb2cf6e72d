//! The whole configuration as text (`-d`): expanded, old spellings replaced, secrets masked.

use std::fmt;

use super::build::takes_user;
use super::items::Items;
use super::keywords::{Body, Keyword, Term};
use super::line::is_space;
use super::node::Node;
use super::secret::{self, MASK, Secrets, is_secret};
use super::tree::each;
use super::value::{Arg, Value};
use super::watch::accepts;

/// Indentation of a level.
const STEP: usize = 4;

/// A configuration that `Display` shows as text: expanded, old spellings replaced, secrets masked. Reading the text gives
/// the same configuration, apart from the secrets.
///
/// The text is made on demand, as it is rarely needed and large configurations take long.
#[derive(Default)]
pub struct Shown(Items);

impl From<Items> for Shown {
    fn from(items: Items) -> Shown {
        Shown(items)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        each(&self.0, |node| nodes(std::slice::from_ref(node), 0, false, &mut text));
        f.write_str(&text)
    }
}

/// Shows no content, because of the passwords.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown({} items)", self.0.len())
    }
}

/// `private` = the nodes are those of a private block.
fn nodes(list: &[Node<'_>], depth: usize, private: bool, out: &mut String) {
    for node in list {
        if depth == 0 && !out.is_empty() && !matches!(node.keyword.body, Body::None) {
            out.push('\n');
        }
        out.push_str(&" ".repeat(depth.saturating_mul(STEP)));
        out.push_str(&if private { private_text(node) } else { text(node) });
        if !matches!(node.keyword.body, Body::None) {
            out.push_str(" {\n");
            let private = private || secret::is_private(node.keyword.name);
            nodes(&node.children, depth.saturating_add(1), private, out);
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
    let name = if node.keyword.is_placeholder() { quoted(&first.text) } else { node.keyword.name.to_owned() };
    let rest = if words.len() > 1 || !node.keyword.is_placeholder() { node.line.text.get(first.end..) } else { None };
    // Words beyond the grammar may be a line of a private block whose line break was lost; a command covers the whole line.
    let joined = words.iter().skip(1).find(|word| !word.quoted && is_secret(&word.text)).map(|word| word.start);
    let known =
        last(node.keyword, &node.args).max(first.end).min(joined.unwrap_or(usize::MAX)).saturating_sub(first.end);
    let (known, extra) = rest.and_then(|rest| rest.split_at_checked(known)).unwrap_or((rest.unwrap_or_default(), ""));
    format!("{name}{}{}", escaped(known), escaped(&secret::mask(extra, None, &Secrets::default()).text))
}

/// Offset after the last word that the grammar covers.
fn last(keyword: &Keyword, args: &[Arg]) -> usize {
    let end = |arg: &Arg| match &arg.value {
        Value::Option(option, inner) => arg.end.max(last(option, inner)),
        // The command, its user, perhaps a colon, and its group.
        Value::Script(words) if takes_user(keyword, words) => {
            let most = if words.get(2).is_some_and(|word| word.text == ":") { 4 } else { 3 };
            words.iter().take(most).next_back().map_or(arg.end, |word| word.end)
        }
        _ => arg.end,
    };
    args.iter().map(end).max().unwrap_or_default()
}

/// Text of a keyword of a private block, with its valid values.
fn private_text(node: &Node<'_>) -> String {
    let mut out = node.keyword.name.to_owned();
    let words = node.words();
    let mut terms = node.keyword.args.iter();
    for word in words.iter().skip(1) {
        out.push(' ');
        match terms.next() {
            Some(Term::One(kind)) if accepts(*kind, &word.text) => {
                out.push_str(&quoted(&word.text));
            }
            _ => {
                out.push_str(MASK);
                break;
            }
        }
    }
    out
}

/// A word in double quotes where the file format requires them.
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
