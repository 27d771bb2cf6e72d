//! The search for a pattern in a body that is received in pieces, in bounded memory: windows to search, and their results.

use super::regex::{Look, Looked, Pattern};

/// Size of the window that is searched at a time, in octets. Longer matches may be missed.
const WINDOW: usize = 64 * 1024;
/// Number of octets kept before a start position, for look-behind and word boundaries.
const HISTORY: usize = 256;

/// A search in a body. The caller runs each [`look`](Search::look) at a window, since it may take long. Octets pushed
/// while a look is running are buffered, so the caller should stop reading the body.
#[derive(Debug)]
pub struct Search {
    pattern: Pattern,
    window: Vec<u8>,
    /// Buffered octets that are not in the window yet.
    waiting: Vec<u8>,
    /// Position of the window in the body.
    base: usize,
    /// Position in the body at which the search continues.
    from: usize,
    first_newline: Option<usize>,
    /// The body is complete.
    ended: bool,
    /// `Some` while a look is running; whether it is the last one.
    under_way: Option<bool>,
    outcome: Option<bool>,
}

impl Search {
    /// Starts a search.
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

    /// Adds octets of the body.
    pub fn push(&mut self, octets: &[u8]) {
        if self.outcome.is_none() {
            self.waiting.extend_from_slice(octets);
        }
    }

    /// Ends the body.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the pattern matches; `None` while this is unknown.
    pub fn outcome(&self) -> Option<bool> {
        self.outcome
    }

    /// Whether a look is running.
    pub fn is_looking(&self) -> bool {
        self.under_way.is_some()
    }

    /// The next look, if the window is full or the body complete, and no look is running. Pass its result to
    /// [`looked`](Search::looked).
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

    /// Takes the result of the running look.
    ///
    /// # Errors
    /// When the pattern is invalid or exceeds its match limit, or the look was stopped.
    pub fn looked(&mut self, looked: Looked) -> Result<(), String> {
        let Some(last) = self.under_way.take() else { return Ok(()) };
        self.window = looked.window;
        match looked.found? {
            Some((start, _)) if !self.may_start(self.base + start) => self.outcome = Some(false),
            // A match at the end of the window is searched again with more octets, since "$" may not match then.
            Some((start, end)) if !last && end == self.window.len() && start > HISTORY => {
                self.from = self.base + start;
                self.keep_from(self.from);
            }
            Some(_) => self.outcome = Some(true),
            None if last || !self.may_start(self.from) => self.outcome = Some(false),
            None => {
                self.from = self.from.max(self.base + self.window.len() / 2);
                self.keep_from(self.from);
            }
        }
        Ok(())
    }

    /// Moves buffered octets into the window, as far as there is room.
    fn fill(&mut self) {
        let room = WINDOW.saturating_sub(self.window.len()).min(self.waiting.len());
        let now = self.waiting.drain(..room);
        if self.first_newline.is_none() {
            let at = now.as_slice().iter().position(|octet| *octet == b'\n');
            self.first_newline = at.map(|at| self.base + self.window.len() + at);
        }
        self.window.extend(now);
    }

    /// Whether `regex_max_offset` and the option `firstline` allow a match to start at a position.
    fn may_start(&self, at: usize) -> bool {
        let within_line = !self.pattern.first_line || self.first_newline.is_none_or(|newline| at <= newline);
        within_line && self.pattern.max.is_none_or(|max| at <= max)
    }

    /// Drops the part of the window before a position, except for [`HISTORY`].
    fn keep_from(&mut self, at: usize) {
        let cut = at.saturating_sub(HISTORY).saturating_sub(self.base).min(self.window.len());
        self.window.drain(..cut);
        self.base += cut;
    }
}
