//! `regex`: a PCRE2 pattern, and a look at a part of a body for a match, in bounded steps.

use std::borrow::Cow;

use pcre2::bytes::{Regex, RegexBuilder};

use super::dialect::write_out;
use crate::config::lvs::RegexCheck;

/// Steps of one call of the library, some 50 ns each: a pattern that backtracks without end fails its own check.
const STEPS: u32 = 2_000_000;
/// Places where a match may begin that one call tries. A step may scan the whole text (possessive repeats and atomic
/// groups do), so that the steps alone bound nothing: between calls a look can be stopped.
const PLACES: usize = 256;

/// A compiled `regex` with its offsets.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Or why it cannot be compiled.
    regex: Result<Regex, String>,
    pub(super) first_line: bool,
    utf: bool,
    pub(super) min: usize,
    pub(super) max: Option<usize>,
}

impl Pattern {
    /// Compiles it. A pattern that cannot be compiled fails when it is searched for.
    pub fn new(check: &RegexCheck) -> Pattern {
        let has = |name: &str| check.options.iter().any(|option| option == name);
        let mut builder = RegexBuilder::new();
        builder.caseless(has("caseless")).dotall(has("dotall")).extended(has("extended"));
        builder.multi_line(has("multiline")).ucp(has("ucp")).utf(has("utf"));
        let (items, body) = write_out(check);
        // PCRE2's limit is one for each place where a match may begin, and its compiled code counts only some steps.
        // Looking for that place by the pattern itself, and interpreted, makes it one for a whole call. A repeat that
        // was made possessive would scan without counting.
        let last = PLACES - 1;
        let text = format!(r"(*LIMIT_MATCH={STEPS})(*NO_AUTO_POSSESS){items}\G(?s-U:.{{0,{last}}}?)\K(?:{body})");
        let offsets_fit = check.max_offset.is_none_or(|max| check.min_offset < max);
        Pattern {
            regex: builder.build(&text).map_err(|error| format!("regex: {error}")),
            first_line: has("firstline"),
            utf: has("utf") || has("ucp") || items.contains("(*UTF"),
            min: if offsets_fit { check.min_offset } else { 0 },
            max: check.max_offset.filter(|_| offsets_fit),
        }
    }

    /// Why it cannot be used.
    pub fn error(&self) -> Option<&str> {
        self.regex.as_ref().err().map(String::as_str)
    }
}

/// A part of a body in which a match is to be looked for. It owns all it needs, so that any thread can do it.
#[derive(Clone, Debug)]
pub struct Look {
    pub(super) pattern: Pattern,
    pub(super) window: Vec<u8>,
    /// Where in the window a match may begin.
    pub(super) start: usize,
}

/// What came of a [`Look`].
#[derive(Clone, Debug)]
pub struct Looked {
    /// As it was.
    pub(super) window: Vec<u8>,
    /// Beginning and end of the match in the window.
    pub(super) found: Result<Option<(usize, usize)>, String>,
}

impl PartialEq for Look {
    fn eq(&self, other: &Look) -> bool {
        (self.start, &self.window) == (other.start, &other.window)
    }
}

impl Look {
    /// Looks for a match. `go_on` is asked from time to time, mostly within milliseconds; it gives the reason why the
    /// search has to stop, if there is one.
    pub fn run(self, go_on: &mut dyn FnMut() -> Result<(), String>) -> Looked {
        let found = self.search(go_on).map_err(|reason| format!("regex: {reason}"));
        Looked { window: self.window, found }
    }

    /// The result where there is no search.
    pub fn refuse(self, reason: &str) -> Looked {
        Looked { window: self.window, found: Err(format!("regex: {reason}")) }
    }

    fn search(&self, go_on: &mut dyn FnMut() -> Result<(), String>) -> Result<Option<(usize, usize)>, String> {
        let utf = self.pattern.utf;
        let regex = self.pattern.regex.as_ref().map_err(|error| error.trim_start_matches("regex: ").to_owned())?;
        let text = if utf { Cow::Owned(valid(&self.window)) } else { Cow::Borrowed(&self.window) };
        let mut start = Some(place(&text, self.start, 0, utf));
        while let Some(from) = start.filter(|from| *from <= text.len()) {
            go_on()?;
            if let Some(found) = regex.find_at(&text, from).map_err(|error| error.to_string())? {
                return Ok(Some((found.start(), found.end())));
            }
            let next = place(&text, from, PLACES, utf);
            start = (next > from).then_some(next);
        }
        Ok(None)
    }
}

/// The beginning of the character so many characters behind `from`, or beyond the end.
fn place(text: &[u8], from: usize, characters: usize, utf: bool) -> usize {
    if !utf {
        return from.saturating_add(characters);
    }
    let is_begin = |octet: &u8| octet & 0xc0 != 0x80;
    let rest = text.iter().enumerate().skip(from);
    let mut begins = rest.filter(|(_, octet)| is_begin(octet)).map(|(at, _)| at).chain([text.len()]);
    begins.nth(characters).unwrap_or(text.len().saturating_add(1))
}

/// The same number of octets, what is not UTF-8 replaced: PCRE2 would refuse the whole.
fn valid(octets: &[u8]) -> Vec<u8> {
    const SUBSTITUTE: u8 = 0x1a;
    let mut valid = Vec::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        valid.extend_from_slice(chunk.valid().as_bytes());
        valid.resize(valid.len() + chunk.invalid().len(), SUBSTITUTE);
    }
    valid
}
