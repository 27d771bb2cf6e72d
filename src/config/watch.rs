//! Finds the private parts of a configuration while it is read.

use super::keywords::{Keyword, Kind, ROOT, Term, find};
use super::line::{Line, is_space};
use super::secret::{KNOWN, Private, is_misspelt, is_private, mentions_secret, names_block, takes_secret};
use super::suggest::nearest;
use super::value::parse;
use super::words::{Word, split};

/// Parts of the names of private blocks and of keywords that are followed by a secret in any block.
const SECRET_PARTS: [&str; 5] = ["auth", "password", "key", "community", "snmp_trap_target"];

/// Classifies the pieces of a configuration, in the order of reading, as public or private.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Number of open braces of the private block.
    depth: u32,
    /// The name of a private block was read, and its brace may follow.
    named: bool,
    /// Keywords of the private block; none if its name is misspelt.
    sets: &'static [&'static [Keyword]],
    /// The last text began with the keyword of a public block.
    public: bool,
    /// The last first word of a text without private parts.
    plain: String,
    /// A public block ended the private block, whose `}` is missing.
    released: bool,
}

impl Watch {
    /// Whether the next piece is inside a private block.
    pub fn is_inside(&self) -> bool {
        self.depth > 0 || self.named
    }

    /// Handles `{`. `glued` = it is inside a word, and may be part of a secret without the required quotes.
    pub fn open(&mut self, glued: bool) {
        if glued && self.depth > 0 {
            return;
        }
        if self.depth > 0 && self.public {
            *self = Watch { released: true, ..Watch::default() };
        } else if self.is_inside() {
            self.depth = self.depth.saturating_add(1);
        }
        self.named = false;
    }

    /// Handles `}`; `glued` as in [`Watch::open`].
    pub fn close(&mut self, glued: bool) {
        if glued && self.depth > 0 {
            return;
        }
        self.depth = self.depth.saturating_sub(1);
        self.named = false;
    }

    /// Classifies a text between braces; `None` when it is public. `after` = it follows a private part on the same line.
    pub fn text(&mut self, line: &Line<'_>, after: bool) -> Option<Private> {
        if !after && self.is_plain(line.text) {
            return None;
        }
        let (words, _) = split(line.text);
        let first: &str = &words.first()?.text;
        self.public = KNOWN.opens_public(first);
        if self.named && KNOWN.is_public(first) && !KNOWN.is_vocabulary(first) {
            // The block has no brace, and this is not one of its keywords.
            self.named = false;
        }
        if self.is_inside() {
            return Some(self.private(line, &words));
        }
        let from = (0..words.len()).find(|n| {
            let word = words.get(*n).map_or("", |word| &word.text);
            names_block(word, *n == 0) || takes_secret(word, *n == 0)
        });
        let Some(from) = from else {
            first.clone_into(&mut self.plain);
            return after.then(|| {
                let mut found = Private::from(line.offset(0));
                let known = self.released || KNOWN.is_public(first);
                let texts = words.iter().map(|word| word.text.to_string());
                if known {
                    found.harmless.extend(texts)
                } else {
                    found.secrets.extend(texts)
                }
                found
            });
        };
        let words = words.get(from..).unwrap_or_default();
        let first: &str = words.first().map_or("", |word| &word.text);
        self.named = names_block(first, true) && KNOWN.private(first).is_none();
        self.sets = block_of(first);
        self.released = false;
        Some(self.private(line, words))
    }

    /// Whether a text is public at first sight. A fast check, as there may be a million texts.
    fn is_plain(&mut self, text: &str) -> bool {
        let first = text.split(is_space).next().unwrap_or_default();
        let (known, again) = (KNOWN.is_public(first), first == self.plain);
        if self.is_inside() || !(known || again) || SECRET_PARTS.iter().any(|word| text.contains(word)) {
            return false;
        }
        self.public = known && KNOWN.opens_public(first);
        true
    }

    /// Separates the harmless words of a text from the secret ones.
    fn private(&self, line: &Line<'_>, words: &[Word<'_>]) -> Private {
        let mut found = Private::from(words.first().map_or(0, |word| line.offset(word.start)));
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let leads = rest.len() == words.len() && !after.is_empty();
            rest = after;
            let text = word.text.to_string();
            let private = find(self.sets, &word.text).or_else(|| KNOWN.private(&text));
            if let Some(keyword) = private {
                found.harmless.push(text);
                rest = values(keyword, rest, &mut found);
            } else if let Some(opener) = opener_of(&word.text) {
                found.harmless.push(text);
                rest = values(opener, rest, &mut found);
            } else if KNOWN.is_vocabulary(&word.text) {
                found.harmless.push(text);
            } else if KNOWN.is_public(&word.text) {
                // A keyword of another block; the words after it are not secrets of this block, but not known to be harmless.
                found.harmless.push(text);
                let plain = |word: &&Word<'_>| word.text.chars().all(|c| c.is_ascii_digit() || c == '.');
                found.harmless.extend(rest.iter().filter(plain).map(|word| word.text.to_string()));
                break;
            } else if leads && is_near(&word.text) {
                // Only with words after it: a single word may be a secret that resembles a keyword.
                found.harmless.push(text);
            } else {
                found.secrets.push(text);
            }
        }
        found
    }
}

/// Whether a word is a valid and harmless value of this kind: not a secret, and not a line inside an unclosed quote.
pub(super) fn accepts(kind: Kind, word: &str) -> bool {
    kind != Kind::Secret && parse(kind, word).is_ok() && !mentions_secret(word)
}

/// Classifies the values of a keyword: valid ones are harmless, except its secret.
fn values<'w>(keyword: &Keyword, words: &'w [Word<'w>], found: &mut Private) -> &'w [Word<'w>] {
    let mut rest = words;
    for term in keyword.args {
        let Some((word, after)) = rest.split_first() else { break };
        match term {
            Term::One(kind) if accepts(*kind, &word.text) => {
                found.harmless.push(word.text.to_string());
            }
            // Any word.
            Term::One(Kind::Secret) => found.secrets.push(word.text.to_string()),
            _ => break,
        }
        rest = after;
    }
    rest
}

/// Keywords of the private block of this name; none for a misspelt name.
fn block_of(name: &str) -> &'static [&'static [Keyword]] {
    opener_of(name).map(Keyword::block).unwrap_or_default()
}

/// The keyword of the private block of this name.
fn opener_of(name: &str) -> Option<&'static Keyword> {
    fn search(sets: &'static [&'static [Keyword]], name: &str) -> Option<&'static Keyword> {
        let block = find(sets, name);
        block.or_else(|| sets.iter().flat_map(|set| set.iter()).find_map(|keyword| search(keyword.block(), name)))
    }
    Some(name).filter(|name| is_private(name)).and_then(|name| search(ROOT, name))
}

/// Whether a word is a misspelt keyword of a private block.
fn is_near(word: &str) -> bool {
    is_misspelt(word) && nearest(word, KNOWN.private_names()).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::secret::{Secrets, mask};
    use super::*;

    #[test]
    fn lines_of_a_private_block() {
        for (line, expected) in [
            ("auth_type PASS s3cret", "auth_type PASS ********"),
            ("s3cret", "********"),
            ("kez 1 s3cret", "kez ********"),
            ("ca /etc/ca.pem s3cret", "ca /etc/ca.pem ********"),
            ("} priority 300", "} priority 300"),
        ] {
            let mut watch = Watch::default();
            watch.text(&Line::new(0, 1, "authentication"), false).unwrap();
            watch.open(false);
            let mut private = Private::whole();
            for (n, text) in line.split("} ").enumerate() {
                if n > 0 {
                    watch.close(false);
                }
                if let Some(found) = watch.text(&Line::new(0, 2, text), true) {
                    private.add(found);
                }
            }
            assert_eq!(mask(line, Some(&private), &Secrets::default()).text, expected, "{private:?}");
        }
    }

    #[test]
    fn a_private_block_ends_with_its_braces_or_where_another_begins() {
        let inside = |pieces: &[&str]| {
            let mut watch = Watch::default();
            for piece in pieces {
                match *piece {
                    "{" => watch.open(false),
                    "}" => watch.close(false),
                    text => drop(watch.text(&Line::new(0, 1, text), false)),
                }
            }
            watch.is_inside()
        };
        for (pieces, expected) in [
            (&["authentication", "{", "auth_type PASS"][..], true),
            (&["authentication", "{", "auth_type PASS", "}"], false),
            (&["authentication", "{", "x", "{", "}"], true),
            (&["authentication", "{", "auth_type PASS", "virtual_ipaddress", "{"], false),
            (&["authentification", "{"], true),
            (&["authentication", "auth_type PASS"], true),
            (&["authentication", "auth_type PASS", "priority 100"], false),
            (&["vrrp_instance auth", "{"], false),
            (&["SSL", "{"], true),
            (&["SSL_GET", "{"], false),
            (&["auth_pass x"], false),
        ] {
            assert_eq!(inside(pieces), expected, "{pieces:?}");
        }
    }
}
