//! `regex`: compiled PCRE2 patterns, and searches for a match in a part of a body, in bounded steps.

use std::borrow::Cow;

use pcre2::bytes::{Regex, RegexBuilder};

use super::dialect::translate;
use crate::config::lvs::RegexCheck;

/// Match limit of one call of the library, in steps of some 50 ns: a pattern that backtracks endlessly fails its check.
const MATCH_LIMIT: u32 = 2_000_000;
/// Number of start positions that one call of the library tries. A single step may scan the whole text (possessive
/// quantifiers and atomic groups do), so the match limit alone is no bound. Between calls a search can be stopped.
const POSITIONS: usize = 256;

/// A compiled `regex` with its offsets.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The compiled pattern, or the reason why it cannot be compiled.
    regex: Result<Regex, String>,
    pub(super) first_line: bool,
    utf: bool,
    pub(super) min: usize,
    pub(super) max: Option<usize>,
}

impl Pattern {
    /// Compiles a pattern. The search for an invalid pattern fails with the error.
    pub fn new(check: &RegexCheck) -> Pattern {
        let has = |name: &str| check.options.iter().any(|option| option == name);
        let mut builder = RegexBuilder::new();
        builder.caseless(has("caseless")).dotall(has("dotall")).extended(has("extended"));
        builder.multi_line(has("multiline")).ucp(has("ucp")).utf(has("utf"));
        let (items, body) = translate(check);
        // PCRE2 applies its match limit to each start position. Searching for the start position within the pattern
        // makes it a limit for the whole call. The pattern is interpreted, since compiled code counts only some steps,
        // and quantifiers are not made possessive automatically, since these are not counted either.
        let last = POSITIONS - 1;
        let text = format!(r"(*LIMIT_MATCH={MATCH_LIMIT})(*NO_AUTO_POSSESS){items}\G(?s-U:.{{0,{last}}}?)\K(?:{body})");
        let offsets_fit = check.max_offset.is_none_or(|max| check.min_offset < max);
        Pattern {
            regex: builder.build(&text).map_err(|error| format!("regex: {error}")),
            first_line: has("firstline"),
            utf: has("utf") || has("ucp") || items.contains("(*UTF"),
            min: if offsets_fit { check.min_offset } else { 0 },
            max: check.max_offset.filter(|_| offsets_fit),
        }
    }

    /// The reason why it cannot be compiled, if any.
    pub fn error(&self) -> Option<&str> {
        self.regex.as_ref().err().map(String::as_str)
    }
}

/// A search for a match in a part of a body (the window). It owns all its data, so that any thread can run it.
#[derive(Clone, Debug)]
pub struct Look {
    pub(super) pattern: Pattern,
    pub(super) window: Vec<u8>,
    /// First position in the window where a match may start.
    pub(super) start: usize,
}

/// The result of a [`Look`].
#[derive(Clone, Debug)]
pub struct Looked {
    /// The window of the search.
    pub(super) window: Vec<u8>,
    /// Start and end of the match in the window, if any.
    pub(super) found: Result<Option<(usize, usize)>, String>,
}

impl PartialEq for Look {
    fn eq(&self, other: &Look) -> bool {
        (self.start, &self.window) == (other.start, &other.window)
    }
}

impl Look {
    /// Runs the search. It calls `may_continue` regularly, mostly every few milliseconds, and stops when that returns an
    /// error, which is the reason to stop.
    pub fn run(self, may_continue: &mut dyn FnMut() -> Result<(), String>) -> Looked {
        let found = self.search(may_continue).map_err(|reason| format!("regex: {reason}"));
        Looked { window: self.window, found }
    }

    /// Returns a failure for this reason, without running the search.
    pub fn refuse(self, reason: &str) -> Looked {
        Looked { window: self.window, found: Err(format!("regex: {reason}")) }
    }

    fn search(&self, may_continue: &mut dyn FnMut() -> Result<(), String>) -> Result<Option<(usize, usize)>, String> {
        let utf = self.pattern.utf;
        let regex = self.pattern.regex.as_ref().map_err(|error| error.trim_start_matches("regex: ").to_owned())?;
        let text = if utf { Cow::Owned(valid(&self.window)) } else { Cow::Borrowed(&self.window) };
        let mut start = Some(position(&text, self.start, 0, utf));
        while let Some(from) = start.filter(|from| *from <= text.len()) {
            may_continue()?;
            if let Some(found) = regex.find_at(&text, from).map_err(|error| error.to_string())? {
                return Ok(Some((found.start(), found.end())));
            }
            let next = position(&text, from, POSITIONS, utf);
            start = (next > from).then_some(next);
        }
        Ok(None)
    }
}

/// The start of the character that is `characters` after `from`, or a position beyond the end.
fn position(text: &[u8], from: usize, characters: usize, utf: bool) -> usize {
    if !utf {
        return from.saturating_add(characters);
    }
    let is_start = |octet: &u8| octet & 0xc0 != 0x80;
    let rest = text.iter().enumerate().skip(from);
    let mut starts = rest.filter(|(_, octet)| is_start(octet)).map(|(at, _)| at).chain([text.len()]);
    starts.nth(characters).unwrap_or(text.len().saturating_add(1))
}

/// Replaces invalid UTF-8, for which PCRE2 would refuse the text, without changing the number of octets.
fn valid(octets: &[u8]) -> Vec<u8> {
    const SUBSTITUTE: u8 = 0x1a;
    let mut valid = Vec::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        valid.extend_from_slice(chunk.valid().as_bytes());
        valid.resize(valid.len() + chunk.invalid().len(), SUBSTITUTE);
    }
    valid
}
