//! A search in a body that comes in pieces, in bounded memory: what is to be looked at next, and what follows from it.

use super::regex::{Look, Looked, Pattern};

/// Octets of a body looked at together. A match that is longer may be missed.
const WINDOW: usize = 64 * 1024;
/// Octets before a starting point that stay, for look-behind and word boundaries.
const HISTORY: usize = 256;

/// A search in a body. It does not look itself: that may take long. While a [`look`](Search::look) is under way the
/// octets that come are kept, so the body has to wait then.
#[derive(Debug)]
pub struct Search {
    pattern: Pattern,
    window: Vec<u8>,
    /// Octets that are not in the window yet.
    waiting: Vec<u8>,
    /// Place of the window in the body.
    base: usize,
    /// Place in the body where the search goes on.
    from: usize,
    first_newline: Option<usize>,
    /// The body is over.
    ended: bool,
    /// A look is under way; whether it is the last one.
    under_way: Option<bool>,
    outcome: Option<bool>,
}

impl Search {
    /// Before the first octet.
    pub fn new(pattern: Pattern) -> Search {
        Search {
            from: pattern.min,
            pattern,
            window: Vec::new(),
            waiting: Vec::new(),
            base: 0,
            first_newline: None,
            ended: false,
            under_way: None,
            outcome: None,
        }
    }

    /// Takes octets of the body.
    pub fn push(&mut self, octets: &[u8]) {
        if self.outcome.is_none() {
            self.waiting.extend_from_slice(octets);
        }
    }

    /// The body is over.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the pattern matches; `None` while that is not known.
    pub fn outcome(&self) -> Option<bool> {
        self.outcome
    }

    /// Whether a look is under way.
    pub fn is_looking(&self) -> bool {
        self.under_way.is_some()
    }

    /// The next look, if there is enough to look at and none is under way. Its result goes to [`looked`](Search::looked).
    pub fn look(&mut self) -> Option<Look> {
        while self.under_way.is_none() && self.outcome.is_none() {
            self.fill();
            let last = self.ended && self.waiting.is_empty();
            if self.window.len() < WINDOW && !last {
                break;
            }
            let start = self.from.saturating_sub(self.base);
            if start <= self.window.len() {
                self.under_way = Some(last);
                let window = std::mem::take(&mut self.window);
                return Some(Look { pattern: self.pattern.clone(), window, start });
            }
            if last {
                self.outcome = Some(false);
            }
            self.keep_from(self.base + self.window.len());
        }
        None
    }

    /// Takes the result of the look that was under way.
    ///
    /// # Errors
    /// The pattern is not usable or goes beyond its limit.
    pub fn looked(&mut self, looked: Looked) -> Result<(), String> {
        let Some(last) = self.under_way.take() else { return Ok(()) };
        self.window = looked.window;
        match looked.found? {
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

    /// Moves what waits into the window, as far as there is room.
    fn fill(&mut self) {
        let room = WINDOW.saturating_sub(self.window.len()).min(self.waiting.len());
        let now = self.waiting.drain(..room);
        if self.first_newline.is_none() {
            let at = now.as_slice().iter().position(|octet| *octet == b'\n');
            self.first_newline = at.map(|at| self.base + self.window.len() + at);
        }
        self.window.extend(now);
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
