//! Keeps passwords and keys out of everything that is shown.
//!
//! `authentication`, `auth_hmac` and `SSL` are private blocks: of what they hold, only known keywords and values that
//! their keywords accept are shown. [`super::watch`] follows the text as it is read, before anything is checked, so that
//! a misspelt keyword, a missing brace or a value from a parameter makes no difference.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use super::definition::definition;
use super::keywords::{Body, Keyword, Kind, ROOT, Term};
use super::line::is_space;
use super::suggest::distance;

/// What stands in place of a secret.
pub(crate) const MASK: &str = "********";

/// The private blocks.
const BLOCKS: [&str; 3] = ["authentication", "auth_hmac", "SSL"];
/// Keywords followed by a secret, wherever they stand.
const SECRET: [&str; 3] = ["auth_pass", "password", "key"];

/// The keywords, by where they stand.
#[derive(Default)]
pub(super) struct Known {
    /// Names of those outside private blocks.
    public: HashSet<&'static str>,
    /// Names of those of them that open a block.
    blocks: HashSet<&'static str>,
    /// Those of private blocks.
    private: Vec<&'static Keyword>,
    /// Values that keywords of private blocks take from a fixed set.
    values: HashSet<&'static str>,
}

pub(super) static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let mut known = Known::default();
    known.public.extend(["include", "includer", "includem", "includew", "includeb", "includea"]);
    known.gather(ROOT);
    known
});

impl Known {
    fn gather(&mut self, sets: &'static [&'static [Keyword]]) {
        for keyword in sets.iter().flat_map(|set| set.iter()).filter(|keyword| !keyword.is_placeholder()) {
            if is_private(keyword.name) {
                for inner in keyword.block().iter().flat_map(|set| set.iter()) {
                    self.private.push(inner);
                    let values = inner.args.iter().filter_map(|term| match term {
                        Term::One(Kind::OneOf(values)) => Some(*values),
                        _ => None,
                    });
                    self.values.extend(values.flatten());
                }
                continue;
            }
            self.public.insert(keyword.name);
            if !matches!(keyword.body, Body::None) {
                self.blocks.insert(keyword.name);
                self.gather(keyword.block());
            }
        }
    }

    /// A keyword of a private block.
    pub fn private(&self, name: &str) -> Option<&'static Keyword> {
        self.private.iter().find(|keyword| keyword.name == name).copied()
    }

    /// Names of the keywords of private blocks.
    pub fn private_names(&self) -> impl Iterator<Item = &'static str> {
        self.private.iter().map(|keyword| keyword.name)
    }

    /// Whether this is a keyword outside private blocks.
    pub fn is_public(&self, name: &str) -> bool {
        self.public.contains(name)
    }

    /// Whether this is a keyword of a public block.
    pub fn opens_public(&self, name: &str) -> bool {
        self.blocks.contains(name)
    }

    /// Whether this is a word of private blocks that is no secret by itself: a keyword, or a value from a fixed set.
    pub fn is_vocabulary(&self, word: &str) -> bool {
        BLOCKS.contains(&word) || self.private(word).is_some() || self.values.contains(word)
    }
}

/// Whether this keyword opens a private block.
pub(crate) fn is_private(name: &str) -> bool {
    BLOCKS.contains(&name)
}

/// What is known of a line of a file of which a part is private.
#[derive(Clone, Debug, Default)]
pub(crate) struct Private {
    /// Byte of the line at which the private part begins.
    from: u32,
    /// Its words that may be shown.
    pub(super) harmless: Vec<String>,
    /// Its words that may not.
    pub(super) secrets: Vec<String>,
    /// It continues a definition.
    continuation: bool,
}

impl Private {
    /// A line of which nothing is known.
    pub fn whole() -> Private {
        Private::default()
    }

    /// A line that continues a definition.
    pub fn continuation() -> Private {
        Private { continuation: true, ..Private::default() }
    }

    /// A line whose private part begins at this byte.
    pub fn from(from: u32) -> Private {
        Private { from, ..Private::default() }
    }

    /// Adds what else is known of the same line.
    pub fn add(&mut self, other: Private) {
        self.from = self.from.min(other.from);
        self.harmless.extend(other.harmless);
        self.secrets.extend(other.secrets);
        self.continuation |= other.continuation;
    }

    /// Lets these words be shown.
    pub fn allow<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) {
        self.harmless.extend(words.into_iter().map(str::to_owned));
    }

    /// Words that must not be shown in any other place either: too short ones would blank out half of every line, and
    /// words that mean something there would make every message useless.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str).filter(|word| word.len() >= 4)
    }

    fn allows(&self, word: &str) -> bool {
        let parameter = word.starts_with('$') && !self.secrets.iter().any(|secret| secret == word);
        parameter || KNOWN.is_vocabulary(word) || self.harmless.iter().any(|known| known == word)
    }

    /// A message about the line: what it quotes is shown only if it is known to be harmless.
    pub fn message(&self, text: &str) -> String {
        let quotable = |word: &str| {
            let path = || self.harmless.iter().any(|known| word.strip_suffix(known.as_str()).is_some());
            word == MASK || word.chars().all(|c| "#!{}".contains(c)) || self.quotes(word) || path()
        };
        let mut out = String::new();
        for (n, part) in text.split('\'').enumerate() {
            if n > 0 {
                out.push('\'');
            }
            let quoted = n % 2 == 1;
            out.push_str(if quoted && !quotable(part) { MASK } else { part });
        }
        out
    }

    fn quotes(&self, word: &str) -> bool {
        KNOWN.is_public(word) || self.allows(word)
    }
}

/// Whether a word is made of letters as a keyword is, and no keyword.
pub(super) fn is_misspelt(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '-'))
        && !KNOWN.is_public(word)
        && !KNOWN.is_vocabulary(word)
}

/// Whether a word is the name of a private block or one of its keywords, or, as the `first` of a text, much like it.
pub(super) fn names_block(word: &str, first: bool) -> bool {
    if word != "SSL" && (is_private(word) || word == "auth_type") {
        return true;
    }
    let lower = word.to_ascii_lowercase();
    let like = || lower.starts_with("auth") || lower.contains("hmac") || distance(&lower, "authentication", 3) <= 3;
    let typed = || distance(&lower, "auth_type", 2) <= 2 || distance(&lower, "ssl", 1) <= 1;
    let only_there = || KNOWN.private(word).is_some() && !KNOWN.is_public(word);
    first && (word == "SSL" || only_there() || (is_misspelt(word) && (like() || typed())))
}

/// Whether only secrets follow a keyword of this name, wherever it stands.
pub(super) fn is_secret(name: &str) -> bool {
    matches!(name, "auth_pass" | "password")
}

/// Whether the words after this one are secret, or, as the `first` of a text, may be.
pub(super) fn takes_secret(word: &str, first: bool) -> bool {
    let head = word.split(['=', ':', ',', ';']).next().unwrap_or_default();
    if SECRET.contains(&head) {
        return true;
    }
    let lower = head.to_ascii_lowercase();
    let like = || lower.contains("pass") || lower.contains("secret") || distance(&lower, "auth_pass", 2) <= 2;
    first && head != "PASS" && is_misspelt(head) && like()
}

/// A line of a file as it may be shown, and the byte of it from which on something is masked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    /// The text.
    pub text: String,
    /// First byte of the line that is masked.
    pub from: Option<usize>,
}

/// Masks a line of a file. `private` is what is known of it; its own words are looked at in any case, for it may not
/// have been read, or stand in another branch of a condition.
pub(crate) fn mask(line: &str, private: Option<&Private>, secrets: &[String]) -> Masked {
    let mut out = Masked { text: String::new(), from: None };
    let hide = |out: &mut Masked, at: usize| {
        match out.text.trim_end() {
            // Several in a row are one.
            before if before.ends_with(MASK) => out.text.truncate(before.len()),
            _ => out.text.push_str(MASK),
        }
        out.from.get_or_insert(at);
    };
    let known = private.cloned().unwrap_or_default();
    if known.continuation {
        hide(&mut out, 0);
        return out;
    }
    let (condition, text) = conditional(line);
    if let Some((_, value)) = definition(text) {
        // The value of a definition may be anything.
        let at = condition.saturating_add(value);
        out.text = shown(line.get(..at).unwrap_or_default(), &[]);
        hide(&mut out, at);
        return out;
    }
    let repeated = text.starts_with('~') && (private.is_some() || mentions_secret(text));
    let (mut first, mut inside) = (true, false);
    let mut at = 0_usize;
    let ends = |c: char| is_space(c) || matches!(c, '{' | '}' | '"');
    for piece in line.split_inclusive(ends) {
        let word = piece.trim_end_matches(ends);
        let start = at;
        at = at.saturating_add(piece.len());
        let tail = piece.get(word.len()..).unwrap_or_default();
        let within = repeated || private.is_some_and(|private| start >= private.from as usize);
        if !word.is_empty() && start >= condition {
            let harmless = within && known.harmless.iter().any(|known| known == word);
            if takes_secret(word, first) && !(harmless && word == "key") {
                let head = word.find(['=', ':', ',', ';']).unwrap_or(word.len());
                out.text.push_str(&shown(word.get(..head).unwrap_or_default(), secrets));
                let end = start.saturating_add(head);
                if line.get(end..).is_some_and(|rest| !rest.trim().is_empty()) {
                    out.text.push(' ');
                    hide(&mut out, end);
                }
                return out;
            }
            inside |= names_block(word, first);
            first = false;
        }
        if word.is_empty() || !(within || inside) || known.allows(word) || (inside && names_block(word, true)) {
            out.text.push_str(&shown(word, secrets));
        } else {
            hide(&mut out, start);
        }
        first |= tail.contains(['{', '}']);
        out.text.push_str(&shown(tail, &[]));
    }
    out.text = shown(out.text.trim_end(), secrets);
    out
}

/// Whether a private block or the keyword of a secret is anywhere in a line.
pub(crate) fn mentions_secret(line: &str) -> bool {
    let words = line.split(|c: char| is_space(c) || matches!(c, '{' | '}' | '"'));
    words.into_iter().any(|word| names_block(word, false) || takes_secret(word, false))
}

/// Where the text behind `@ID` begins, and that text.
fn conditional(line: &str) -> (usize, &str) {
    let blanks = |text: &str| text.len().saturating_sub(text.trim_start_matches(is_space).len());
    let mut start = blanks(line);
    if line.get(start..).is_some_and(|text| text.starts_with('@')) {
        let id = line.get(start..).and_then(|text| text.find(is_space)).unwrap_or(line.len().saturating_sub(start));
        start = start.saturating_add(id);
        start = start.saturating_add(blanks(line.get(start..).unwrap_or_default()));
    }
    (start, line.get(start..).unwrap_or_default())
}

/// A text with each known secret masked, and without control characters that could play tricks on a terminal.
pub(crate) fn shown(text: &str, secrets: &[String]) -> String {
    let visible = |c: char| {
        if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
    };
    let mut shown: Cow<'_, str> = text.chars().map(visible).collect();
    for secret in secrets {
        if shown.contains(secret.as_str()) {
            shown = shown.replace(secret.as_str(), MASK).into();
        }
    }
    shown.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_nobody_has_read() {
        for (line, shown) in [
            ("  auth_pass s3cret", "  auth_pass ********"),
            (
                "authentication { auth_type PASS auth_pass s3cret }",
                "authentication { auth_type PASS auth_pass ********",
            ),
            ("auth_pas s3cret", "auth_pas ********"),
            ("AUTH_PASS=s3cret", "AUTH_PASS ********"),
            ("auth_type PASS s3cret # old", "auth_type PASS ********"),
            ("authentification { typ PASS pw s3cret", "authentification { ******** PASS ********"),
            ("@other auth_pass s3cret", "@other auth_pass ********"),
            ("auth_type PASS", "auth_type PASS"),
            ("auth_pass", "auth_pass"),
            ("$PW=s3cret # mine", "$PW=********"),
            ("priority 100 # s3cret", "priority 100 # ********"),
            ("vrrp_instance auth {", "vrrp_instance auth {"),
        ] {
            assert_eq!(mask(line, None, &["s3cret".to_owned()]).text, shown);
        }
    }

    #[test]
    fn a_parameter_may_be_shown_by_its_name() {
        let mut private = Private::whole();
        assert_eq!(mask("kez $PW", Some(&private), &[]).text, "******** $PW");
        private.secrets.push("$PW".into());
        assert_eq!(mask("kez $PW", Some(&private), &[]).text, "********");
    }

    #[test]
    fn messages_quote_what_is_harmless() {
        let mut private = Private::whole();
        private.allow(["/etc/ca.pem"]);
        let text = "'s3' after 'auth_type' is ignored; 'a/etc/ca.pem' '#' 'it";
        assert_eq!(private.message(text), "'********' after 'auth_type' is ignored; 'a/etc/ca.pem' '#' '********");
    }
}
