//! What may have been meant by a word that is no keyword where it stands.

use super::keywords::{self, Keyword, ROOT};
use super::suggest::nearest;

/// What may have been meant by an unknown keyword.
pub(crate) fn hint(sets: &'static [&'static [Keyword]], word: &str) -> Option<String> {
    if word.starts_with('@') {
        return Some("a line has one condition, at its start".to_owned());
    }
    let elsewhere = places_of(word);
    if !elsewhere.is_empty() {
        return Some(format!("'{word}' is a keyword of {}", elsewhere.join(", ")));
    }
    let names = sets.iter().flat_map(|s| s.iter()).map(|k| k.name);
    nearest(word, names).map(|near| format!("did you mean '{near}'?"))
}

/// The blocks a word is a keyword of.
fn places_of(word: &str) -> Vec<String> {
    fn walk(sets: &'static [&'static [Keyword]], name: &str, word: &str, found: &mut Vec<String>) {
        if keywords::find(sets, word).is_some_and(|k| !k.is_placeholder()) {
            let text = if name.is_empty() { "the top level".to_owned() } else { format!("'{name}'") };
            if !found.contains(&text) {
                found.push(text);
            }
        }
        for keyword in sets.iter().flat_map(|s| s.iter()) {
            walk(keyword.block(), keyword.name, word, found);
        }
    }
    let mut found = Vec::new();
    walk(ROOT, "", word, &mut found);
    found.truncate(4);
    found
}
