//! Clients of the control socket that wait for the end of a reload.

use std::time::Duration;

use crate::config::Diagnostics;
use crate::control::{Answer, Client, Outcome, Reload};

/// Longest text of diagnostics in an answer, in octets; the log has the rest.
const LONGEST: usize = 1 << 20;

/// Why a reload was refused.
pub(super) struct Refused {
    pub(super) outcome: Outcome,
    pub(super) why: String,
    pub(super) diagnostics: Diagnostics,
}

impl Refused {
    /// A refusal that is not due to errors or faults in the configuration.
    pub(super) fn new(why: String) -> Refused {
        Refused { outcome: Outcome::Refused, why, diagnostics: Diagnostics::default() }
    }
}

/// The clients, as many as the server of the socket admits, in the order of their requests.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    client: Client,
    /// When it has waited long enough.
    until: Duration,
    /// The diagnostics of the configuration that was sent to the children; `None` while it is read.
    applied: Option<String>,
}

impl Waiting {
    /// Adds a client that has requested a reload.
    pub(super) fn add(&mut self, client: Client, until: Duration) {
        self.0.push(Entry { client, until, applied: None });
    }

    /// The end of the wait of the first client.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.0.iter().map(|entry| entry.until).min()
    }

    /// The configuration was read, and sent to the children.
    pub(super) fn applied(&mut self, diagnostics: Diagnostics) {
        for entry in self.0.iter_mut().filter(|entry| entry.applied.is_none()) {
            entry.applied = Some(text(&diagnostics));
        }
    }

    /// The children run with the configuration that was sent to them: takes the answers to those who wait for that.
    pub(super) fn complete(&mut self) -> Vec<(Client, Answer)> {
        let taken = self.0.extract_if(.., |entry| entry.applied.is_some());
        taken.map(|entry| (entry.client, answer(Outcome::Complete, "", entry.applied.unwrap_or_default()))).collect()
    }

    /// The configuration that was read is refused: takes the answers to those who wait for it.
    pub(super) fn refused(&mut self, refused: &Refused) -> Vec<(Client, Answer)> {
        let taken = self.0.extract_if(.., |entry| entry.applied.is_none());
        taken.map(|entry| (entry.client, answer(refused.outcome, &refused.why, text(&refused.diagnostics)))).collect()
    }

    /// Takes the answers to those who have waited long enough; all, if `now` is `None`.
    pub(super) fn incomplete(&mut self, now: Option<Duration>, why: &str) -> Vec<(Client, Answer)> {
        let taken = self.0.extract_if(.., |entry| now.is_none_or(|now| entry.until <= now));
        taken.map(|entry| (entry.client, answer(Outcome::Incomplete, why, entry.applied.unwrap_or_default()))).collect()
    }
}

fn answer(outcome: Outcome, reason: &str, diagnostics: String) -> Answer {
    Answer::Reload(Reload { outcome, reason: reason.to_owned(), diagnostics })
}

/// The text of diagnostics; only the first of very many.
fn text(diagnostics: &Diagnostics) -> String {
    let mut text = String::new();
    for (shown, diagnostic) in diagnostics.iter().enumerate() {
        if text.len() > LONGEST {
            let more = diagnostics.len().saturating_sub(shown);
            text.push_str(&format!("{more} more; see the log\n"));
            break;
        }
        text.push_str(&format!("{diagnostic}\n"));
    }
    text
}
