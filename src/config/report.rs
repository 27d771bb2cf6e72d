//! Collects diagnostics while a configuration is read and built.
//!
//! At the end [`Report::finish`] resolves their places, merges those that say the same, and masks secrets.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::diag::{Class, Diagnostic, Diagnostics, Place, SHOWN, Severity};
use super::place::{At, Sources};
use super::secret::{self, Private, Secrets};

/// Most problems that are kept for one configuration; further ones are counted.
const MOST: usize = 1000;

/// Collects problems while a configuration is read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    drafts: Vec<Draft>,
    /// Kinds of which one problem was kept beyond the bound, so that each kind counts for the exit status.
    beyond: Vec<(Severity, Class)>,
    /// The last problem that was not kept; the caller adds its help to it.
    spare: Option<Draft>,
    dropped: usize,
    errors: bool,
    /// Whether faults are errors.
    pub strict: bool,
    secrets: HashSet<String>,
    /// Lines with private parts, by file and line number.
    private: HashMap<(u32, u32), Private>,
    /// Lines of definitions that have not been used yet, so that their keywords are not known.
    covered: HashSet<(u32, u32)>,
    /// Stage of the problems that are added next.
    pub stage: Stage,
}

/// A problem whose place is not yet resolved.
#[derive(Debug)]
pub(crate) struct Draft {
    severity: Severity,
    class: Class,
    at: At,
    message: String,
    help: Option<String>,
    also: Option<(At, String)>,
    elsewhere: Vec<At>,
    further: usize,
    stage: Stage,
}

/// When a problem is found; orders the problems of one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// While lines and keywords are read.
    #[default]
    Reading,
    /// Warnings that are given once for all places.
    Notes,
    /// While the model is built.
    Building,
}

impl Draft {
    /// Sets the remedy.
    pub fn help(&mut self, text: impl Into<String>) -> &mut Draft {
        self.help = Some(text.into());
        self
    }

    /// Adds a second place, with a note.
    pub fn also(&mut self, at: At, note: impl Into<String>) -> &mut Draft {
        self.also = Some((at, note.into()));
        self
    }

    /// Adds further places; those beyond [`SHOWN`] are counted.
    pub fn elsewhere(&mut self, places: &[At]) -> &mut Draft {
        for at in places {
            if self.elsewhere.len() < SHOWN {
                self.elsewhere.push(*at);
            } else {
                self.further = self.further.saturating_add(1);
            }
        }
        self
    }
}

impl Report {
    /// Adds an error.
    pub fn error(&mut self, class: Class, at: At, message: impl Into<String>) -> &mut Draft {
        self.errors = true;
        self.add(Severity::Error, class, at, message.into())
    }

    /// Adds a fault; with `--strict-config` it is an error.
    pub fn fault(&mut self, class: Class, at: At, message: impl Into<String>) -> &mut Draft {
        if self.strict {
            return self.error(class, at, message);
        }
        self.add(Severity::Fault, class, at, message.into())
    }

    /// Adds a warning.
    pub fn warn(&mut self, class: Class, at: At, message: impl Into<String>) -> &mut Draft {
        self.add(Severity::Warning, class, at, message.into())
    }

    /// Whether further problems are only counted.
    pub fn is_full(&self) -> bool {
        self.drafts.len() >= MOST
    }

    /// Whether any error was added.
    pub fn has_errors(&self) -> bool {
        self.errors
    }

    /// Records the private parts of a line.
    pub fn private(&mut self, file: u32, line: u32, found: Private) {
        self.secrets.extend(found.secrets().map(str::to_owned));
        match self.private.get_mut(&(file, line)) {
            Some(known) => known.add(found),
            None => drop(self.private.insert((file, line), found)),
        }
    }

    /// Hides a line of a definition in messages.
    pub fn cover(&mut self, file: u32, line: u32) {
        self.covered.insert((file, line));
    }

    /// Ends [`Report::cover`]: the line is used, so that its private parts are known.
    pub fn uncover(&mut self, file: u32, line: u32) {
        if !self.covered.is_empty() {
            self.covered.remove(&(file, line));
        }
    }

    /// Whether a line is known to have private parts.
    pub fn is_private(&self, file: u32, line: u32) -> bool {
        self.private.contains_key(&(file, line))
    }

    fn add(&mut self, severity: Severity, class: Class, at: At, message: String) -> &mut Draft {
        let draft = Draft {
            severity,
            class,
            at,
            message,
            help: None,
            also: None,
            elsewhere: Vec::new(),
            further: 0,
            stage: self.stage,
        };
        if self.is_full() {
            let kind = (severity, class);
            if self.beyond.contains(&kind) {
                self.dropped = self.dropped.saturating_add(1);
                return self.spare.insert(draft);
            }
            self.beyond.push(kind);
        }
        let last = self.drafts.len();
        self.drafts.push(draft);
        &mut self.drafts[last]
    }

    /// Resolves places, merges repeated problems, and sorts them in the order of the files.
    pub fn finish(mut self, sources: &Sources) -> Diagnostics {
        if self.drafts.is_empty() {
            return Diagnostics::default();
        }
        for line in std::mem::take(&mut self.covered) {
            self.private.entry(line).or_default().add(Private::continuation());
        }
        let hidden = Hidden {
            secrets: Secrets::new(std::mem::take(&mut self.secrets)),
            private: std::mem::take(&mut self.private),
        };
        self.drafts.sort_by_key(|d| (d.at.file, d.at.line, d.at.offset, d.stage));
        let mut list: Vec<Diagnostic> = Vec::new();
        let mut seen: HashMap<Same, (usize, HashSet<At>)> = HashMap::new();
        for d in self.drafts {
            let at = At { file: sources.first_of_name(d.at.file), ..d.at.bare() };
            let same = Same { severity: d.severity, class: d.class, at, message: d.message, help: d.help };
            if let Some((n, places)) = seen.get_mut(&same) {
                // The same line, used in another place.
                let used = sources.reference(d.at.used).filter(|used| places.insert(*used));
                if let (Some(used), Some(first)) = (used, list.get_mut(*n)) {
                    if first.elsewhere.len() < SHOWN {
                        first.elsewhere.push(hidden.place(sources, used));
                    } else {
                        first.further = first.further.saturating_add(1);
                    }
                }
                continue;
            }
            list.push(Diagnostic {
                severity: d.severity,
                class: d.class,
                place: hidden.place(sources, d.at),
                message: hidden.message(d.at, &same.message),
                help: same.help.as_ref().map(|h| hidden.message(d.at, h)),
                also: d.also.map(|(at, note)| (hidden.place(sources, at), hidden.message(at, &note))),
                origin: hidden.origin(sources, d.at),
                elsewhere: d.elsewhere.iter().map(|at| hidden.place(sources, *at)).collect(),
                further: d.further,
            });
            let places = sources.reference(d.at.used).into_iter().collect();
            seen.insert(same, (list.len().saturating_sub(1), places));
        }
        let mut list = folded(list);
        if self.dropped > 0 {
            let place = Place { file: sources.name(0).to_owned(), line: 0, col: 0, width: 0, source: None };
            let message = format!("{} further problems are not shown", self.dropped);
            list.push(Diagnostic {
                severity: Severity::Warning,
                class: Class::General,
                place,
                message,
                help: None,
                also: None,
                origin: Vec::new(),
                elsewhere: Vec::new(),
                further: 0,
            });
        }
        Diagnostics::from(list)
    }
}

/// Merges warnings, and interfaces that do not exist, that say the same of several places. Other faults drop a line or an
/// entry each.
fn folded(list: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(list.len());
    let mut first: HashMap<(Class, String, Option<String>), (usize, usize)> = HashMap::new();
    for d in list {
        let once = d.severity == Severity::Warning || d.class == Class::BadInterface;
        let plain = d.also.is_none() && d.origin.is_empty() && d.elsewhere.is_empty() && d.place.line > 0;
        if !once || !plain {
            kept.push(d);
            continue;
        }
        match first.entry((d.class, d.message.clone(), d.help.clone())) {
            Entry::Vacant(entry) => {
                entry.insert((kept.len(), 1));
                kept.push(d);
            }
            Entry::Occupied(mut entry) => {
                let (n, times) = entry.get_mut();
                *times = times.saturating_add(1);
                if let Some(first) = kept.get_mut(*n) {
                    if first.elsewhere.len() < SHOWN {
                        first.elsewhere.push(d.place);
                    } else {
                        first.further = first.further.saturating_add(1);
                    }
                }
            }
        }
    }
    for (n, times) in first.into_values().filter(|(_, times)| *times > 1) {
        if let Some(first) = kept.get_mut(n) {
            first.message = format!("{} ({times} times)", first.message);
        }
    }
    kept
}

/// Problems with equal keys are merged.
#[derive(PartialEq, Eq, Hash)]
struct Same {
    severity: Severity,
    class: Class,
    at: At,
    message: String,
    help: Option<String>,
}

/// The secrets that are masked in messages and quoted lines.
struct Hidden {
    secrets: Secrets,
    private: HashMap<(u32, u32), Private>,
}

impl Hidden {
    fn message(&self, at: At, text: &str) -> String {
        let shown = self.secrets.shown(text);
        self.private.get(&(at.file, at.line)).map_or(shown.clone(), |private| private.message(&shown))
    }

    fn origin(&self, sources: &Sources, at: At) -> Vec<(Place, &'static str)> {
        let value = sources.reference(at.value).map(|at| (self.place(sources, at), "the value is from here"));
        let used = std::iter::successors(sources.reference(at.used), |at| sources.reference(at.used));
        value.into_iter().chain(used.take(SHOWN).map(|at| (self.place(sources, at), "used here"))).collect()
    }

    fn place(&self, sources: &Sources, at: At) -> Place {
        let raw = sources.line(at);
        let chars = |bytes: usize| {
            let n = raw.map_or(0, |r| r.char_indices().take_while(|(i, _)| *i < bytes).count());
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        let offset = at.offset as usize;
        let end = offset.saturating_add(at.len as usize);
        let private = self.private.get(&(at.file, at.line));
        let masked = raw.map(|raw| secret::mask(raw.trim_end(), private, &self.secrets));
        // The carets must not reveal the length of a secret.
        let drawn_end = match masked.as_ref().and_then(|masked| masked.from) {
            Some(from) if from < end => from.max(offset),
            _ => end,
        };
        let start = chars(offset);
        Place {
            file: sources.name(at.file).to_owned(),
            line: at.line,
            col: start.saturating_add(1),
            width: chars(drawn_end).saturating_sub(start).max(1),
            source: masked.map(|masked| masked.text),
        }
    }
}
