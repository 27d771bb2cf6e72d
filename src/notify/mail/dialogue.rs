//! Client side of an SMTP dialogue (RFC 5321) without I/O: octets in, octets out.

use std::mem;
use std::str::FromStr;

use lettre::transport::smtp::commands;
use lettre::transport::smtp::response::Response;

/// Longest reply in octets; a longer one ends the dialogue.
const REPLY_LIMIT: usize = 4096;

/// An SMTP dialogue, from the greeting to QUIT.
#[derive(Debug)]
pub(super) struct Dialogue {
    stage: Stage,
    helo_name: String,
    sender: String,
    recipients: Vec<String>,
    message: String,
    /// The incomplete reply.
    reply: Vec<u8>,
    accepted: usize,
    deferred: Vec<String>,
    refused: Vec<String>,
    /// The reply about the last recipient that was not accepted.
    complaint: String,
    outcome: Option<Outcome>,
}

/// The reply that is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Helo,
    Mail,
    /// The reply about this recipient.
    Rcpt(usize),
    Data,
    Message,
    Quit,
    Over,
}

/// Result of the dialogue for the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The relay accepted the mail, except for these recipients.
    Taken {
        /// Refused temporarily.
        deferred: Vec<String>,
        /// Refused permanently.
        refused: Vec<String>,
    },
    /// Refused temporarily, with the reason.
    Deferred(String),
    /// Refused permanently, with the reason.
    Refused(String),
}

impl Dialogue {
    /// A dialogue that waits for the greeting; `message` ends with its dot.
    pub(super) fn new(helo_name: &str, sender: &str, recipients: &[String], message: String) -> Dialogue {
        Dialogue {
            stage: Stage::Greeting,
            helo_name: helo_name.to_owned(),
            sender: sender.to_owned(),
            recipients: recipients.to_vec(),
            message,
            reply: Vec::new(),
            accepted: 0,
            deferred: Vec::new(),
            refused: Vec::new(),
            complaint: String::new(),
            outcome: None,
        }
    }

    /// Processes octets from the relay; returns the octets to send.
    pub(super) fn receive(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        for &octet in octets {
            if self.stage == Stage::Over {
                break;
            }
            self.reply.push(octet);
            if octet == b'\n' && is_complete(&self.reply) {
                let reply = mem::take(&mut self.reply);
                if let Some(command) = self.answer(&reply) {
                    output.extend_from_slice(command.as_bytes());
                }
            } else if self.reply.len() >= REPLY_LIMIT {
                self.end(Outcome::Deferred("its reply has no end".into()));
                self.stage = Stage::Over;
            }
        }
        output
    }

    /// Ends the dialogue without a reply, for the reason `why`.
    pub(super) fn break_off(&mut self, why: &str) {
        self.end(Outcome::Deferred(why.to_owned()));
        self.stage = Stage::Over;
    }

    /// Whether the connection can be closed.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The result, once the relay has replied to the message, or refused it earlier.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Sets the result; the first one counts.
    fn end(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
    }

    fn answer(&mut self, reply: &[u8]) -> Option<String> {
        if self.stage == Stage::Quit {
            self.stage = Stage::Over;
            return None;
        }
        let (code, said) = match read(reply) {
            Some(read) => read,
            None => {
                self.break_off("it does not speak SMTP");
                return None;
            }
        };
        // 421: the relay closes the connection (RFC 5321 section 3.8).
        if code == 421 {
            self.break_off(&said);
            return None;
        }
        if let Stage::Rcpt(number) = self.stage {
            return Some(self.recipient_answered(number, code, said));
        }
        let expected = if self.stage == Stage::Data { 3 } else { 2 };
        match code / 100 {
            class if class == expected => Some(self.advance()),
            4 => Some(self.quit(Outcome::Deferred(said))),
            _ => Some(self.quit(Outcome::Refused(said))),
        }
    }

    /// The command after a positive reply.
    fn advance(&mut self) -> String {
        match self.stage {
            Stage::Greeting => {
                self.stage = Stage::Helo;
                // The crate knows EHLO only.
                format!("HELO {}\r\n", self.helo_name)
            }
            Stage::Helo => {
                self.stage = Stage::Mail;
                format!("MAIL FROM:<{}>\r\n", self.sender)
            }
            Stage::Mail => self.ask_recipient(0),
            Stage::Data => {
                self.stage = Stage::Message;
                mem::take(&mut self.message)
            }
            _ => {
                let (deferred, refused) = (mem::take(&mut self.deferred), mem::take(&mut self.refused));
                self.quit(Outcome::Taken { deferred, refused })
            }
        }
    }

    fn ask_recipient(&mut self, number: usize) -> String {
        match self.recipients.get(number) {
            Some(recipient) => {
                self.stage = Stage::Rcpt(number);
                format!("RCPT TO:<{recipient}>\r\n")
            }
            None if self.accepted > 0 => {
                self.stage = Stage::Data;
                commands::Data.to_string()
            }
            None => {
                let complaint = mem::take(&mut self.complaint);
                let deferred = !self.deferred.is_empty();
                self.quit(if deferred { Outcome::Deferred(complaint) } else { Outcome::Refused(complaint) })
            }
        }
    }

    fn recipient_answered(&mut self, number: usize, code: u16, said: String) -> String {
        let recipient = self.recipients.get(number).cloned().unwrap_or_default();
        match code / 100 {
            2 => self.accepted += 1,
            4 => {
                self.deferred.push(recipient);
                self.complaint = said;
            }
            _ => {
                self.refused.push(recipient);
                self.complaint = said;
            }
        }
        self.ask_recipient(number + 1)
    }

    fn quit(&mut self, outcome: Outcome) -> String {
        self.end(outcome);
        self.stage = Stage::Quit;
        commands::Quit.to_string()
    }
}

/// Whether the last line of a reply has no hyphen after its code.
fn is_complete(reply: &[u8]) -> bool {
    let body = reply.strip_suffix(b"\n").unwrap_or(reply);
    let last = body.rsplit(|octet| *octet == b'\n').next().unwrap_or(body);
    last.get(3) != Some(&b'-')
}

/// Code and text of a complete reply.
fn read(reply: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(reply);
    // Some relays end lines with LF only; the crate requires CR LF.
    let lines: Vec<&str> = text.lines().collect();
    let response = Response::from_str(&(lines.join("\r\n") + "\r\n")).ok()?;
    let code = u16::from(response.code());
    let said: Vec<&str> = response.message().collect();
    Some((code, super::text::line(&format!("{code} {}", said.join(" ")), 200)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dialogue() -> Dialogue {
        let recipients = ["a@b".to_owned(), "c@d".to_owned()];
        Dialogue::new("host", "me@here", &recipients, "Subject: s\r\n\r\nb\r\n.\r\n".into())
    }

    /// Our commands for these replies, and the result.
    fn talk(replies: &[&str]) -> (Vec<String>, Option<Outcome>) {
        let mut dialogue = dialogue();
        let said = replies.iter().map(|reply| String::from_utf8(dialogue.receive(reply.as_bytes())).unwrap()).collect();
        (said, dialogue.outcome().cloned())
    }

    #[test]
    fn a_mail_is_sent() {
        let (said, outcome) = talk(&[
            "220-hello\r\n220 there\r\n",
            "250 host\r\n",
            "250 ok\n",
            "250 ok\r\n",
            "251 ok\r\n",
            "354 go\r\n",
            "250 taken\r\n",
            "221 bye\r\n",
        ]);
        let wanted = [
            "HELO host\r\n",
            "MAIL FROM:<me@here>\r\n",
            "RCPT TO:<a@b>\r\n",
            "RCPT TO:<c@d>\r\n",
            "DATA\r\n",
            "Subject: s\r\n\r\nb\r\n.\r\n",
            "QUIT\r\n",
            "",
        ];
        assert_eq!(said, wanted);
        assert_eq!(outcome, Some(Outcome::Taken { deferred: vec![], refused: vec![] }));
    }

    #[test]
    fn one_bad_recipient_does_not_keep_the_mail_from_the_others() {
        let (said, outcome) =
            talk(&["220 x\r\n", "250 x\r\n", "250 x\r\n", "550 no\r\n", "250 x\r\n", "354 x\r\n", "250 x\r\n"]);
        assert_eq!(said[4], "DATA\r\n");
        assert_eq!(outcome, Some(Outcome::Taken { deferred: vec![], refused: vec!["a@b".into()] }));
        let (_, outcome) =
            talk(&["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "450 wait\r\n", "354 x\r\n", "250 x\r\n"]);
        assert_eq!(outcome, Some(Outcome::Taken { deferred: vec!["c@d".into()], refused: vec![] }));
        let (said, outcome) = talk(&["220 x\r\n", "250 x\r\n", "250 x\r\n", "550 no\r\n", "450 wait\r\n"]);
        assert_eq!(said[4], "QUIT\r\n");
        assert_eq!(outcome, Some(Outcome::Deferred("450 wait".into())));
    }

    #[test]
    fn refusals_are_temporary_or_permanent() {
        assert_eq!(talk(&["451 later\r\n"]).1, Some(Outcome::Deferred("451 later".into())));
        assert_eq!(talk(&["554-go\r\n554 away\r\n"]).1, Some(Outcome::Refused("554 go away".into())));
        assert_eq!(
            talk(&["220 x\r\n", "250 x\r\n", "421 closing\r\n"]).1,
            Some(Outcome::Deferred("421 closing".into()))
        );
        assert_eq!(talk(&["HTTP/1.1 400 Bad Request\r\n"]).1, Some(Outcome::Deferred("it does not speak SMTP".into())));
    }

    proptest! {
        /// For any octets in any pieces: no panic, at most one command for a reply, and bounded memory.
        #[test]
        fn any_octets_of_a_relay_are_handled(octets in prop::collection::vec(prop_oneof![
            3 => prop::sample::select(b"\r\n -0123456789".to_vec()), 1 => any::<u8>()], 0..6000), piece in 1_usize..600) {
            let mut dialogue = dialogue();
            let mut sent = 0;
            for piece in octets.chunks(piece) {
                sent += dialogue.receive(piece).len();
                prop_assert!(dialogue.reply.len() <= REPLY_LIMIT);
            }
            prop_assert!(sent < 200);
            dialogue.break_off("closed");
            prop_assert!(dialogue.is_over() && dialogue.outcome().is_some());
        }

        /// For valid replies in any pieces: the dialogue ends, and the message is sent only after a 354.
        #[test]
        fn any_answers_end_the_dialogue(codes in prop::collection::vec(prop::sample::select(
            vec![220_u16, 250, 354, 421, 450, 550]), 8..12), piece in 1_usize..40) {
            let mut dialogue = dialogue();
            let mut said = Vec::new();
            let replies: String = codes.iter().map(|code| format!("{code}-a\r\n{code} b\r\n")).collect();
            for piece in replies.as_bytes().chunks(piece) {
                said.extend(dialogue.receive(piece));
            }
            prop_assert!(dialogue.is_over() && dialogue.outcome().is_some());
            let said = String::from_utf8(said).unwrap();
            prop_assert_eq!(said.contains("Subject"), said.contains("DATA\r\nSubject"));
        }
    }
}
