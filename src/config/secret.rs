//! Masks passwords and keys in messages and dumps.
//!
//! `authentication`, `auth_hmac`, `SSL` and `snmp_trap_target` are private blocks: only their known keywords, and values that are valid for
//! these, are shown. [`super::watch`] classifies the text while it is read, before it is checked, so that secrets are masked
//! also after a misspelt keyword or a missing brace, and in the value of a parameter.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use super::definition::definition;
use super::keywords::{Body, Keyword, Kind, ROOT, Term};
use super::line::is_space;
use super::suggest::distance;

/// Replacement of a secret.
pub(crate) const MASK: &str = "********";

/// The private blocks.
const BLOCKS: [&str; 4] = ["authentication", "auth_hmac", "SSL", "snmp_trap_target"];
/// Keywords that are followed by a secret, in any block.
const SECRET: [&str; 6] = ["auth_pass", "auth_password", "community", "password", "priv_password", "key"];

/// The keywords, inside and outside of private blocks.
#[derive(Default)]
pub(super) struct Known {
    /// Names of keywords outside of private blocks.
    public: HashSet<&'static str>,
    /// Those of them that open a block.
    blocks: HashSet<&'static str>,
    /// Keywords of private blocks.
    private: Vec<&'static Keyword>,
    /// Values of keywords of private blocks that have a fixed set of values.
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

    /// Whether this is a keyword outside of private blocks.
    pub fn is_public(&self, name: &str) -> bool {
        self.public.contains(name)
    }

    /// Whether this is a keyword of a public block.
    pub fn opens_public(&self, name: &str) -> bool {
        self.blocks.contains(name)
    }

    /// Whether this word of private blocks is never a secret: a keyword, or a value from a fixed set.
    pub fn is_vocabulary(&self, word: &str) -> bool {
        BLOCKS.contains(&word) || self.private(word).is_some() || self.values.contains(word)
    }
}

/// Whether this keyword opens a private block.
pub(crate) fn is_private(name: &str) -> bool {
    BLOCKS.contains(&name)
}

/// A line with a private part, and the classification of its words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Private {
    /// Offset of the private part in the line.
    from: u32,
    /// Words of the private part that may be shown.
    pub(super) harmless: Vec<String>,
    /// Words of the private part that are secret.
    pub(super) secrets: Vec<String>,
    /// Whether the line continues a definition.
    continuation: bool,
}

impl Private {
    /// A line that is private as a whole.
    pub fn whole() -> Private {
        Private::default()
    }

    /// A line that continues a definition.
    pub fn continuation() -> Private {
        Private { continuation: true, ..Private::default() }
    }

    /// A line whose private part begins at this offset.
    pub fn from(from: u32) -> Private {
        Private { from, ..Private::default() }
    }

    /// Merges another classification of the same line.
    pub fn add(&mut self, other: Private) {
        self.from = self.from.min(other.from);
        self.harmless.extend(other.harmless);
        self.secrets.extend(other.secrets);
        self.continuation |= other.continuation;
    }

    /// Adds words that may be shown.
    pub fn allow<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) {
        self.harmless.extend(words.into_iter().map(str::to_owned));
    }

    /// Words to mask in all other lines too. Words of less than 4 octets are left out, as they would mask parts of many lines.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str).filter(|word| word.len() >= 4)
    }

    fn allows(&self, word: &str) -> bool {
        let parameter = word.starts_with('$') && !self.secrets.iter().any(|secret| secret == word);
        parameter || KNOWN.is_vocabulary(word) || self.harmless.iter().any(|known| known == word)
    }

    /// Masks quoted words in a message about the line, unless they are known to be harmless.
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

/// Whether a word has the characters of a keyword but is not a keyword.
pub(super) fn is_misspelt(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '-'))
        && !KNOWN.is_public(word)
        && !KNOWN.is_vocabulary(word)
}

/// Whether a word is the name of a private block or a keyword of one, or, as the `first` word of a text, similar to one.
pub(super) fn names_block(word: &str, first: bool) -> bool {
    if word != "SSL" && (is_private(word) || word == "auth_type") {
        return true;
    }
    let lower = word.to_ascii_lowercase();
    let like = || {
        lower.starts_with("auth")
            || lower.contains("hmac")
            || distance(&lower, "authentication", 3) <= 3
            || distance(&lower, "snmp_trap_target", 3) <= 3
    };
    let typed = || distance(&lower, "auth_type", 2) <= 2 || distance(&lower, "ssl", 1) <= 1;
    let only_there = || KNOWN.private(word).is_some() && !KNOWN.is_public(word);
    first && (word == "SSL" || only_there() || (is_misspelt(word) && (like() || typed())))
}

/// Whether a keyword of this name is followed by a secret in any block.
pub(super) fn is_secret(name: &str) -> bool {
    matches!(name, "auth_pass" | "auth_password" | "community" | "password" | "priv_password")
}

/// Whether the words after this word are secret, or, after the `first` word of a text, may be.
pub(super) fn takes_secret(word: &str, first: bool) -> bool {
    let head = word.split(['=', ':', ',', ';']).next().unwrap_or_default();
    if SECRET.contains(&head) {
        return true;
    }
    let lower = head.to_ascii_lowercase();
    let like = || {
        lower.contains("pass")
            || lower.contains("secret")
            || distance(&lower, "auth_pass", 2) <= 2
            || distance(&lower, "community", 2) <= 2
    };
    first && head != "PASS" && is_misspelt(head) && like()
}

/// A line of a file with its secrets masked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    /// The text.
    pub text: String,
    /// Offset of the first masked byte of the line.
    pub from: Option<usize>,
}

/// Masks a line of a file. `private` is its classification. The words of the line are examined too, as a line may not have
/// been classified, for example because its condition is not met.
pub(crate) fn mask(line: &str, private: Option<&Private>, secrets: &Secrets) -> Masked {
    let mut out = Masked { text: String::new(), from: None };
    let hide = |out: &mut Masked, at: usize| {
        match out.text.trim_end() {
            // Merge adjacent masks.
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
        out.text = visible(line.get(..at).unwrap_or_default());
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
                out.text.push_str(&secrets.shown(word.get(..head).unwrap_or_default()));
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
            out.text.push_str(&secrets.shown(word));
        } else {
            hide(&mut out, start);
        }
        first |= tail.contains(['{', '}']);
        out.text.push_str(&visible(tail));
    }
    out.text = secrets.shown(out.text.trim_end());
    out
}

/// Whether a line has the name of a private block or the keyword of a secret.
pub(crate) fn mentions_secret(line: &str) -> bool {
    let words = line.split(|c: char| is_space(c) || matches!(c, '{' | '}' | '"'));
    words.into_iter().any(|word| names_block(word, false) || takes_secret(word, false))
}

/// Offset of the text after `@ID`, and the text.
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

/// Replaces control characters, which could affect a terminal.
fn visible(text: &str) -> String {
    let visible = |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(visible).collect()
}

/// Words to mask everywhere, as a hash set: there may be a hundred thousand.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    words: HashSet<String>,
    /// Lengths of the words, each once.
    lengths: BTreeSet<usize>,
}

impl Secrets {
    /// These words.
    pub fn new(mut words: HashSet<String>) -> Secrets {
        // Control characters are replaced in the output, so replace them here too.
        let odd: Vec<String> = words.extract_if(|word| word.chars().any(char::is_control)).collect();
        words.extend(odd.iter().map(|word| visible(word)));
        let lengths = words.iter().map(String::len).collect();
        Secrets { words, lengths }
    }

    /// Masks the words in a text, and replaces control characters.
    pub fn shown(&self, text: &str) -> String {
        let text = visible(text);
        // Overlapping words are masked as one.
        let mut masked: Vec<Range<usize>> = Vec::new();
        for (start, _) in text.char_indices() {
            let tail = text.get(start..).unwrap_or_default();
            let fits = self.lengths.range(..=tail.len()).rev();
            let word = fits.filter_map(|len| tail.get(..*len)).find(|word| self.words.contains(*word));
            let Some(word) = word else { continue };
            let end = start.saturating_add(word.len());
            match masked.last_mut() {
                Some(last) if start < last.end => last.end = last.end.max(end),
                _ => masked.push(start..end),
            }
        }
        let mut out = String::new();
        let mut at = 0usize;
        for range in masked {
            out.push_str(text.get(at..range.start).unwrap_or_default());
            out.push_str(MASK);
            at = range.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_classification_are_masked() {
        for (line, shown) in [
            ("  auth_pass s3cret", "  auth_pass ********"),
            (
                "authentication { auth_type PASS auth_pass s3cret }",
                "authentication { auth_type PASS auth_pass ********",
            ),
            ("auth_pas s3cret", "auth_pas ********"),
            ("    community s3cret", "    community ********"),
            ("comunity s3cret", "comunity ********"),
            ("snmp_trap_target nms.example { inform }", "snmp_trap_target ******** { inform }"),
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
            assert_eq!(mask(line, None, &Secrets::new(["s3cret".to_owned()].into())).text, shown);
        }
    }

    #[test]
    fn a_parameter_may_be_shown_by_its_name() {
        let mut private = Private::whole();
        assert_eq!(mask("kez $PW", Some(&private), &Secrets::default()).text, "******** $PW");
        private.secrets.push("$PW".into());
        assert_eq!(mask("kez $PW", Some(&private), &Secrets::default()).text, "********");
    }

    #[test]
    fn messages_quote_harmless_words() {
        let mut private = Private::whole();
        private.allow(["/etc/ca.pem"]);
        let text = "'s3' after 'auth_type' is ignored; 'a/etc/ca.pem' '#' 'it";
        assert_eq!(private.message(text), "'********' after 'auth_type' is ignored; 'a/etc/ca.pem' '#' '********");
    }
}
