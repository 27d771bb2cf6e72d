//! `regex`: PCRE2 over a body that comes in pieces, in bounded memory and with a bounded number of steps.

use std::borrow::Cow;

use pcre2::bytes::{Regex, RegexBuilder};

use super::dialect::write_out;
use crate::config::lvs::RegexCheck;

/// Octets of a body looked at together. A match that is longer may be missed.
const WINDOW: usize = 64 * 1024;
/// Octets before a starting point that stay, for look-behind and word boundaries.
const HISTORY: usize = 256;
/// Steps of one look at the window, some 50 ns each: a pattern that backtracks without end fails its own check.
const STEPS: u32 = 2_000_000;

/// A compiled `regex` with its offsets.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Or why it can not be compiled.
    regex: Result<Regex, String>,
    first_line: bool,
    utf: bool,
    min: usize,
    max: Option<usize>,
}

impl Pattern {
    /// Compiles it. A pattern that can not be compiled fails when it is searched for.
    pub fn new(check: &RegexCheck) -> Pattern {
        let has = |name: &str| check.options.iter().any(|option| option == name);
        let mut builder = RegexBuilder::new();
        builder.caseless(has("caseless")).dotall(has("dotall")).extended(has("extended"));
        builder.multi_line(has("multiline")).ucp(has("ucp")).utf(has("utf"));
        let (items, body) = write_out(check);
        // PCRE2's limit is one for each place where a match may begin, and its compiled code counts only some steps.
        // Looking for that place by the pattern itself, and interpreted, makes it one for the whole window. A repeat that
        // was made possessive would scan without counting.
        let text = format!(r"(*LIMIT_MATCH={STEPS})(*NO_AUTO_POSSESS){items}\G(?s-U:.*?)\K(?:{body})");
        let offsets_fit = check.max_offset.is_none_or(|max| check.min_offset < max);
        Pattern {
            regex: builder.build(&text).map_err(|error| format!("regex: {error}")),
            first_line: has("firstline"),
            utf: has("utf") || has("ucp"),
            min: if offsets_fit { check.min_offset } else { 0 },
            max: check.max_offset.filter(|_| offsets_fit),
        }
    }

    /// Why it can not be used.
    pub fn error(&self) -> Option<&str> {
        self.regex.as_ref().err().map(String::as_str)
    }
}

/// A search in a body.
#[derive(Debug)]
pub struct Search {
    pattern: Pattern,
    window: Vec<u8>,
    /// Place of the window in the body.
    base: usize,
    /// Place in the body where the search goes on.
    from: usize,
    first_newline: Option<usize>,
    outcome: Option<bool>,
}

impl Search {
    /// Before the first octet.
    pub fn new(pattern: Pattern) -> Search {
        let from = pattern.min;
        Search { pattern, window: Vec::new(), base: 0, from, first_newline: None, outcome: None }
    }

    /// Takes octets of the body.
    ///
    /// # Errors
    /// The pattern is not usable or goes beyond its limit.
    pub fn push(&mut self, mut octets: &[u8]) -> Result<(), String> {
        while self.outcome.is_none() && !octets.is_empty() {
            let room = WINDOW.saturating_sub(self.window.len());
            let (now, later) = octets.split_at_checked(room).unwrap_or((octets, &[]));
            if self.first_newline.is_none() {
                let at = now.iter().position(|octet| *octet == b'\n');
                self.first_newline = at.map(|at| self.base + self.window.len() + at);
            }
            self.window.extend_from_slice(now);
            octets = later;
            if self.window.len() >= WINDOW {
                self.look(false)?;
            }
        }
        Ok(())
    }

    /// The body is over: whether the pattern matches.
    ///
    /// # Errors
    /// The pattern is not usable or goes beyond its limit.
    pub fn finish(mut self) -> Result<bool, String> {
        if self.outcome.is_none() {
            self.look(true)?;
        }
        Ok(self.outcome.unwrap_or(false))
    }

    fn look(&mut self, last: bool) -> Result<(), String> {
        let regex = self.pattern.regex.as_ref().map_err(Clone::clone)?;
        let start = self.from.saturating_sub(self.base);
        if start > self.window.len() {
            self.keep_from(self.base + self.window.len());
            return Ok(());
        }
        let text = if self.pattern.utf { Cow::Owned(valid(&self.window)) } else { Cow::Borrowed(&self.window) };
        let in_character = |octet: &&u8| self.pattern.utf && **octet & 0xc0 == 0x80;
        let start = start + text.iter().skip(start).take_while(in_character).count();
        let found = regex.find_at(&text, start).map_err(|error| format!("regex: {error}"))?;
        let found = found.map(|found| (found.start(), found.end()));
        match found {
            Some((start, _)) if !self.may_begin(self.base + start) => self.outcome = Some(false),
            // More octets may show that it does not end here ("$"), or only make it longer.
            Some((start, end)) if !last && end == self.window.len() && start > HISTORY => {
                self.from = self.base + start;
                self.keep_from(self.from);
            }
            Some(_) => self.outcome = Some(true),
            None if last || !self.may_begin(self.from) => self.outcome = Some(false),
            None => {
                self.from = self.from.max(self.base + self.window.len() / 2);
                self.keep_from(self.from);
            }
        }
        Ok(())
    }

    /// `regex_max_offset` and the option `firstline`.
    fn may_begin(&self, at: usize) -> bool {
        let within_line = !self.pattern.first_line || self.first_newline.is_none_or(|newline| at <= newline);
        within_line && self.pattern.max.is_none_or(|max| at <= max)
    }

    /// Forgets what comes before, but for some history.
    fn keep_from(&mut self, at: usize) {
        let cut = at.saturating_sub(HISTORY).saturating_sub(self.base).min(self.window.len());
        self.window.drain(..cut);
        self.base += cut;
    }
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
