//! One connection, without its socket: octets of a request in, octets of the answer out.

use super::frame::{Incoming, frame};
use super::message::{Answer, LONGEST_REQUEST, Request, decode, encode};

/// State of a connection.
#[derive(Debug)]
pub(super) enum Session {
    /// The request is arriving.
    Reading(Incoming),
    /// The request is complete, and its answer is awaited.
    Waiting,
    /// The answer is being sent: its frame, and the number of octets that have been sent.
    Writing(Vec<u8>, usize),
}

impl Session {
    /// A new connection.
    pub(super) fn new() -> Session {
        Session::Reading(Incoming::new(LONGEST_REQUEST))
    }

    /// Number of octets to read at most.
    pub(super) fn wanted(&self) -> usize {
        if let Session::Reading(incoming) = self { incoming.missing() } else { 0 }
    }

    /// Takes received octets, at most as many as are wanted. Once the request is complete, returns it or the reason for
    /// refusing it, and awaits an answer in both cases.
    pub(super) fn received(&mut self, octets: &[u8]) -> Option<Result<Request, String>> {
        let Session::Reading(incoming) = self else { return None };
        let request = match incoming.add(octets) {
            Ok(None) => return None,
            Ok(Some(body)) => decode(body),
            Err(error) => Err(error.to_string()),
        };
        *self = Session::Waiting;
        Some(request)
    }

    /// Begins to send an answer; the first one counts.
    pub(super) fn answer(&mut self, answer: &Answer) {
        if !matches!(self, Session::Writing(..)) {
            // An answer that cannot be encoded is empty, and the client reports that.
            *self = Session::Writing(encode(answer).ok().and_then(|body| frame(&body)).unwrap_or_default(), 0);
        }
    }

    /// The octets to send next.
    pub(super) fn unsent(&self) -> &[u8] {
        match self {
            Session::Writing(octets, sent) => octets.get(*sent..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Notes that octets were sent.
    pub(super) fn sent(&mut self, count: usize) {
        if let Session::Writing(_, sent) = self {
            *sent = sent.saturating_add(count);
        }
    }

    /// Whether the whole answer was sent.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Session::Writing(..)) && self.unsent().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_once() {
        let octets = frame(&encode(&Request::Reload).unwrap()).unwrap();
        let mut session = Session::new();
        for (at, octet) in octets.iter().enumerate() {
            assert!(session.wanted() > 0 && session.unsent().is_empty());
            let found = session.received(&[*octet]);
            assert_eq!(found, (at + 1 == octets.len()).then_some(Ok(Request::Reload)), "{at}");
        }
        // Further octets are not read.
        assert_eq!((session.wanted(), session.received(b"more")), (0, None));
        session.answer(&Answer::Version("5".into()));
        session.answer(&Answer::Version("6".into()));
        let mut out = Vec::new();
        while !session.is_done() {
            out.push(session.unsent()[0]);
            session.sent(1);
        }
        assert_eq!(decode(&out[4..]), Ok(Answer::Version("5".into())));
        assert_eq!(out[..4], u32::try_from(out.len() - 4).unwrap().to_be_bytes());
    }

    #[test]
    fn hostile_octets_are_refused_with_bounded_memory() {
        let junk = frame(&[0xff; LONGEST_REQUEST]).unwrap();
        for (octets, expected) in [
            (&[0xff; 100_000][..], "a message of 4294967295 bytes, more than 4096"),
            (&[0, 0, 0, 0], "a message that cannot be read"),
            (&[0, 0, 16, 1, 0], "a message of 4097 bytes"),
            (&junk, "a message that cannot be read"),
        ] {
            let (mut session, mut rest, mut found) = (Session::new(), octets, None);
            while found.is_none() {
                let (now, later) = rest.split_at(session.wanted().min(rest.len()));
                assert!(!now.is_empty() && now.len() <= LONGEST_REQUEST);
                found = session.received(now);
                rest = later;
            }
            let text = found.unwrap().unwrap_err();
            assert!(text.contains(expected), "{text}");
            session.answer(&Answer::Refused(text));
            assert!(!session.is_done());
        }
    }
}
