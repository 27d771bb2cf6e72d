//! SMTP_CHECK: greeting, HELO, QUIT (RFC 5321).

use super::conversation::{Conversation, Verdict};

/// Longest accepted reply line, in octets; RFC 5321 section 4.5.3.1.5 allows 512.
const MAX_LINE: usize = 2048;
/// Greatest accepted number of lines in a reply.
const MAX_LINES: u32 = 100;

/// An attempt of an SMTP_CHECK.
#[derive(Debug)]
pub struct SmtpCheck {
    helo_name: String,
    stage: Stage,
    line: Vec<u8>,
    lines: u32,
}

/// The reply that is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Helo,
    Quit,
}

impl SmtpCheck {
    /// Starts an attempt with the `helo_name` of the configuration.
    pub fn new(helo_name: String) -> SmtpCheck {
        SmtpCheck { helo_name, stage: Stage::Greeting, line: Vec::new(), lines: 0 }
    }

    /// Handles a complete line, without its line feed.
    fn take_line(&mut self, send: &mut Vec<u8>) -> Option<Verdict> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let code = match (line.first_chunk::<3>(), line.get(3)) {
            (Some(code), None | Some(b' ')) if code.iter().all(u8::is_ascii_digit) => *code,
            (Some(code), Some(b'-')) if code.iter().all(u8::is_ascii_digit) => {
                self.lines += 1;
                return (self.lines > MAX_LINES).then(|| Err("endless reply".into()));
            }
            _ if self.stage == Stage::Quit => return Some(Ok(())),
            _ => return Some(Err("not an SMTP reply".into())),
        };
        self.lines = 0;
        match (self.stage, &code) {
            (Stage::Greeting, b"220") => {
                self.stage = Stage::Helo;
                send.extend_from_slice(format!("HELO {}\r\n", self.helo_name).as_bytes());
                None
            }
            (Stage::Helo, b"250") => {
                self.stage = Stage::Quit;
                send.extend_from_slice(b"QUIT\r\n");
                None
            }
            (Stage::Quit, _) => Some(Ok(())),
            (stage, code) => {
                let to = if stage == Stage::Greeting { "greeting" } else { "reply to HELO" };
                Some(Err(format!("{to} has code {}", String::from_utf8_lossy(code))))
            }
        }
    }
}

impl Conversation for SmtpCheck {
    fn connected(&mut self, _send: &mut Vec<u8>) -> Option<Verdict> {
        None
    }

    fn received(&mut self, octets: &[u8], send: &mut Vec<u8>) -> Option<Verdict> {
        for octet in octets {
            if *octet == b'\n' {
                let verdict = self.take_line(send);
                if verdict.is_some() {
                    return verdict;
                }
            } else if self.line.len() >= MAX_LINE {
                return Some(Err("endless line".into()));
            } else {
                self.line.push(*octet);
            }
        }
        None
    }

    fn closed(&mut self) -> Option<Verdict> {
        Some(match self.stage {
            Stage::Greeting => Err("closed before the greeting".into()),
            Stage::Helo => Err("closed before the reply to HELO".into()),
            Stage::Quit => Ok(()),
        })
    }

    /// A failure after QUIT is ignored: some servers reset the connection then.
    fn failed(&mut self, reason: String) -> Option<Verdict> {
        Some(if self.stage == Stage::Quit { Ok(()) } else { Err(reason) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The commands sent, and the verdict; without a verdict so far, that of a close.
    fn talk(replies: &str, piece: usize) -> (String, Verdict) {
        let mut check = SmtpCheck::new("me".into());
        let mut sent = Vec::new();
        assert_eq!(check.connected(&mut sent), None);
        for octets in replies.as_bytes().chunks(piece) {
            if let Some(verdict) = check.received(octets, &mut sent) {
                return (String::from_utf8(sent).unwrap(), verdict);
            }
        }
        (String::from_utf8(sent).unwrap(), check.closed().unwrap())
    }

    #[test]
    fn verdicts_by_replies() {
        let good = [
            "220 hi\r\n250 ok\r\n221 bye\r\n",
            "220\r\n250\r\n221\r\n",
            "220-one\r\n220 two\r\n250-a\r\n250-b\r\n250 c\r\n500 any\r\n",
            "220 hi\n250 ok\n",
            "220 hi\r\n250 ok\r\nrubbish\r\n",
        ];
        for (replies, piece) in good.iter().flat_map(|replies| [1, 3, 1000].map(|piece| (replies, piece))) {
            assert_eq!(talk(replies, piece), ("HELO me\r\nQUIT\r\n".into(), Ok(())), "{replies:?} by {piece}");
        }
        let bad = [
            ("", ""),
            ("220 hi\r\n", "HELO me\r\n"),
            ("554 no\r\n", ""),
            ("220 hi\r\n550 no\r\n", "HELO me\r\n"),
            ("220hi\r\n", ""),
            ("22\r\n", ""),
            ("HTTP/1.0 400\r\n", ""),
            ("220-hi\r\n", ""),
        ];
        for (replies, sent) in bad {
            let (commands, verdict) = talk(replies, 1000);
            assert_eq!(commands, sent, "{replies:?}");
            assert!(verdict.is_err(), "{replies:?}");
        }
    }

    #[test]
    fn an_endless_reply_is_a_failure() {
        assert_eq!(talk(&"x".repeat(10_000), 100).1, Err("endless line".into()));
        assert_eq!(talk(&"220-x\r\n".repeat(1000), 100).1, Err("endless reply".into()));
    }

    proptest! {
        /// Any reply in any pieces gives the same verdict in bounded memory, without a panic.
        #[test]
        fn any_octets_in_any_pieces(
            reply in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "((220|250|221|554|xyz)[- ]?[a-z]{0,4}\r?\n){0,6}".prop_map(String::into_bytes),
            ],
            piece in 1usize..30,
        ) {
            let run = |piece: usize| {
                let (mut check, mut sent) = (SmtpCheck::new("me".into()), Vec::new());
                for octets in reply.chunks(piece) {
                    if let Some(verdict) = check.received(octets, &mut sent) {
                        return (sent, verdict);
                    }
                    assert!(check.line.len() <= MAX_LINE);
                }
                (sent, check.closed().unwrap())
            };
            prop_assert_eq!(run(piece), run(usize::MAX));
        }
    }
}
