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

/// The clients, as many as the server of the socket admits, in the order of their requests, and whether a caller that does not
/// wait has requested a reload.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: Vec<Entry>,
    requested: bool,
}

#[derive(Debug)]
struct Entry {
    client: Client,
    /// When it has waited long enough.
    until: Duration,
    stage: Stage,
}

/// How far the reload of a client is.
#[derive(Debug)]
enum Stage {
    /// The configuration that is being read now, if any, may be older than the request.
    Requested,
    /// The configuration is being read.
    Reading,
    /// It was sent to the children; with its diagnostics.
    Applied(String),
}

impl Stage {
    /// The diagnostics, as far as they are known.
    fn diagnostics(self) -> String {
        if let Stage::Applied(diagnostics) = self { diagnostics } else { String::new() }
    }
}

impl Waiting {
    /// Adds a client that has requested a reload.
    pub(super) fn add(&mut self, client: Client, until: Duration) {
        self.entries.push(Entry { client, until, stage: Stage::Requested });
    }

    /// A caller that does not wait has requested a reload.
    pub(super) fn request(&mut self) {
        self.requested = true;
    }

    /// The end of the wait of the first client.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.entries.iter().map(|entry| entry.until).min()
    }

    /// Whether a configuration is wanted that is not being read yet.
    pub(super) fn wants_reading(&self) -> bool {
        self.requested || self.entries.iter().any(|entry| matches!(entry.stage, Stage::Requested))
    }

    /// The configuration is read from now on.
    pub(super) fn begin(&mut self) {
        self.requested = false;
        for entry in self.entries.iter_mut().filter(|entry| matches!(entry.stage, Stage::Requested)) {
            entry.stage = Stage::Reading;
        }
    }

    /// The configuration was read, and sent to the children.
    pub(super) fn applied(&mut self, diagnostics: &Diagnostics) {
        for entry in self.entries.iter_mut().filter(|entry| matches!(entry.stage, Stage::Reading)) {
            entry.stage = Stage::Applied(text(diagnostics));
        }
    }

    /// The children run with the configuration that was sent to them: takes the answers to those who wait for that.
    pub(super) fn complete(&mut self) -> Vec<(Client, Answer)> {
        let taken = self.entries.extract_if(.., |entry| matches!(entry.stage, Stage::Applied(_)));
        taken.map(|entry| (entry.client, answer(Outcome::Complete, "", entry.stage.diagnostics()))).collect()
    }

    /// The configuration that was read is refused: takes the answers to those who wait for it.
    pub(super) fn refused(&mut self, refused: &Refused) -> Vec<(Client, Answer)> {
        let taken = self.entries.extract_if(.., |entry| matches!(entry.stage, Stage::Reading));
        taken.map(|entry| (entry.client, answer(refused.outcome, &refused.why, text(&refused.diagnostics)))).collect()
    }

    /// Takes the answers to those who have waited long enough; all, if `now` is `None`.
    pub(super) fn incomplete(&mut self, now: Option<Duration>, why: &str) -> Vec<(Client, Answer)> {
        let taken = self.entries.extract_if(.., |entry| now.is_none_or(|now| entry.until <= now));
        taken.map(|entry| (entry.client, answer(Outcome::Incomplete, why, entry.stage.diagnostics()))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A short description of answers, each as the number of its client and its outcome.
    fn told(answers: Vec<(Client, Answer)>) -> Vec<(String, Outcome)> {
        let one = |(client, answer)| match answer {
            Answer::Reload(reload) => (format!("{client:?}"), reload.outcome),
            answer => panic!("{answer:?}"),
        };
        answers.into_iter().map(one).collect()
    }

    fn client(number: usize, outcome: Outcome) -> (String, Outcome) {
        (format!("Client({number})"), outcome)
    }

    /// Each client gets the result of the configuration that was read after its request.
    #[test]
    fn each_client_gets_the_result_of_its_own_reload() {
        let [one, two, three] = [1, 2, 3].map(Client::for_test);
        let limit = |seconds| Duration::from_secs(seconds);
        let mut waiting = Waiting::default();
        waiting.add(one, limit(60));
        assert!(waiting.wants_reading());
        waiting.begin();
        // Nothing is applied yet: that the children are ready is no news.
        assert_eq!(told(waiting.complete()), []);
        // The file may have changed since the reading began.
        waiting.add(two, limit(61));
        waiting.applied(&Diagnostics::default());
        assert!(waiting.wants_reading());
        // The second reload is refused before the children have taken the first configuration.
        waiting.begin();
        assert!(!waiting.wants_reading());
        assert_eq!(waiting.deadline(), Some(limit(60)));
        let refused = Refused { outcome: Outcome::Faults, ..Refused::new("a fault".to_owned()) };
        assert_eq!(told(waiting.refused(&refused)), [client(2, Outcome::Faults)]);
        assert_eq!(told(waiting.complete()), [client(1, Outcome::Complete)]);
        assert_eq!(waiting.deadline(), None);

        // A caller that does not wait has no answer.
        waiting.request();
        assert!(waiting.wants_reading());
        waiting.begin();
        assert!(!waiting.wants_reading());
        waiting.applied(&Diagnostics::default());
        assert_eq!(told(waiting.complete()), []);

        waiting.add(one, limit(100));
        waiting.add(two, limit(101));
        waiting.begin();
        waiting.applied(&Diagnostics::default());
        waiting.add(three, limit(102));
        assert_eq!(told(waiting.incomplete(Some(limit(99)), "late")), []);
        assert_eq!(told(waiting.incomplete(Some(limit(100)), "late")), [client(1, Outcome::Incomplete)]);
        assert_eq!(told(waiting.incomplete(None, "stop")), [2, 3].map(|n| client(n, Outcome::Incomplete)));
        assert_eq!(told(waiting.complete()), []);
    }
}
