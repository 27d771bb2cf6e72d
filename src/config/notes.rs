//! Warnings about keywords that are old or have no effect, each given once for all its places.

use std::collections::HashMap;

use super::diag::Class;
use super::keywords::{Keyword, Status};
use super::place::At;
use super::report::{Report, Stage};

/// Warnings that are given once for all places, by the row of the keyword that they are about.
#[derive(Default)]
pub(super) struct Notes(HashMap<*const Keyword, Note>);

struct Note {
    text: String,
    help: String,
    /// At least one.
    places: Vec<At>,
}

impl Notes {
    /// Notes a keyword as it was `written`, and the one that it means, if they are old or have no effect.
    pub(super) fn keyword(&mut self, written: &'static Keyword, keyword: &'static Keyword, at: At) {
        let name = written.name;
        if let Status::Deprecated(instead) = written.status {
            self.add(written, at, || (format!("'{name}' is deprecated"), format!("use {instead}")));
        }
        let remove = || "remove it".to_owned();
        match keyword.status {
            Status::Unneeded(why) => self.add(keyword, at, || (format!("'{name}' has no effect: {why}"), remove())),
            Status::NoEffect => self.add(keyword, at, || (format!("'{name}' has no effect"), remove())),
            Status::Acted | Status::Alias(_) | Status::Deprecated(_) => {}
        }
    }

    /// Notes one more place of a text with a remedy.
    pub(super) fn add(&mut self, about: &'static Keyword, at: At, note: impl FnOnce() -> (String, String)) {
        let entry = self.0.entry(std::ptr::from_ref(about));
        let note = || {
            let (text, help) = note();
            Note { text, help, places: Vec::new() }
        };
        entry.or_insert_with(note).places.push(at);
    }

    /// Reports them.
    pub(super) fn report_to(self, report: &mut Report) {
        report.stage = Stage::Notes;
        let order = |at: &At| (at.file, at.line, at.offset);
        let mut notes: Vec<Note> = self.0.into_values().collect();
        // Virtual servers are read last.
        notes.iter_mut().for_each(|note| note.places.sort_by_key(order));
        notes.sort_by_key(|note| note.places.first().map(order));
        for Note { text, help, places } in notes {
            let Some((first, others)) = places.split_first() else { continue };
            let text = if others.is_empty() { text } else { format!("{text} ({} times)", places.len()) };
            report.warn(Class::Deprecated, *first, text).elsewhere(others).help(help);
        }
    }
}
