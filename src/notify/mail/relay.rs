//! The relay and the addresses of `global_defs`, and the format of messages.

use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue, Headers};

use super::{Alert, text};
use crate::config::model::{Global, MailServer};

/// Longest address line of a header; longer values are not addresses.
const ADDRESS_LIMIT: usize = 512;

/// Longest line of a header that is sent unfolded (RFC 5322 section 2.1.1 allows 998).
const LINE_LIMIT: usize = 990;

/// Relay, sender and recipients of mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// `smtp_server`.
    pub(super) server: MailServer,
    /// `smtp_helo_name`.
    pub(super) helo_name: String,
    /// `smtp_connect_timeout`: for the connection, and again for each reply.
    pub(super) timeout: Duration,
    /// `notification_email_from`.
    pub(super) sender: Address,
    /// `notification_email`, never empty.
    pub(super) recipients: Vec<Address>,
}

impl Relay {
    /// The relay; `None` (no mail) unless server, sender and at least one recipient are configured.
    pub fn new(global: &Global) -> Option<Relay> {
        let recipients: Vec<Address> =
            global.notification_email.iter().filter_map(|text| Address::parse(text)).collect();
        if recipients.is_empty() {
            return None;
        }
        let name = text::line(&global.smtp_helo_name, 255);
        Some(Relay {
            server: global.smtp_server.clone()?,
            helo_name: if name.is_empty() { "localhost".into() } else { name },
            timeout: global.smtp_connect_timeout,
            sender: Address::parse(global.notification_email_from.as_ref()?)?,
            recipients,
        })
    }

    /// The message with its final dot: lines end with CR LF, and a dot at the start of a line is doubled (RFC 5321 section
    /// 4.5.2).
    pub(super) fn message(&self, alert: &Alert, date: &str) -> String {
        let recipients: Vec<&str> = self.recipients.iter().map(|address| address.shown.as_str()).collect();
        let mut headers = Headers::new();
        let mut header = |name: &'static str, value: &str| {
            let name = HeaderName::new_from_ascii_str(name);
            let (raw, encoded) = (value.to_owned(), value.to_owned());
            // Mail filters match single lines, so headers are folded and encoded only if necessary.
            headers.insert_raw(if value.is_ascii() && name.len() + value.len() < LINE_LIMIT {
                HeaderValue::dangerous_new_pre_encoded(name, raw, encoded)
            } else {
                HeaderValue::new(name, raw)
            });
        };
        header("Date", date);
        header("From", &self.sender.shown);
        header("Subject", &alert.subject);
        header("X-Mailer", "Keepalived");
        header("To", &recipients.join(", "));
        if !alert.body.is_ascii() {
            header("MIME-Version", "1.0");
            header("Content-Type", "text/plain; charset=utf-8");
            header("Content-Transfer-Encoding", "8bit");
        }
        let message = format!("{headers}\r\n{}\r\n\r\n", alert.body);
        let mut wire = String::with_capacity(message.len() + 8);
        for line in message.split_inclusive("\r\n") {
            if line.starts_with('.') {
                wire.push('.');
            }
            wire.push_str(line);
        }
        wire + ".\r\n"
    }
}

/// A mail address as configured: `a@b` or `Name <a@b>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The form in headers.
    pub(super) shown: String,
    /// The form in MAIL FROM and RCPT TO, without angle brackets. Not the type of lettre, which refuses local names without a
    /// domain; relays accept them.
    pub(super) mailbox: String,
}

impl Address {
    /// Parses an address; `None` when it has no valid mailbox.
    fn parse(written: &str) -> Option<Address> {
        let shown = text::line(written.trim(), ADDRESS_LIMIT);
        let inner = shown.rsplit_once('<').map_or(shown.as_str(), |(_, rest)| rest.split('>').next().unwrap_or(rest));
        let mailbox = inner.trim().to_owned();
        let bad = |c: char| c.is_whitespace() || c == '<' || c == '>';
        (!mailbox.is_empty() && !mailbox.contains(bad)).then_some(Address { shown, mailbox })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> Relay {
        Relay::new(&Global {
            notification_email: vec!["Admin Person <admin@example.org>".into(), "root".into()],
            notification_email_from: Some("ka@example.org".into()),
            smtp_server: Some(MailServer::Address("127.0.0.1:25".parse().unwrap())),
            smtp_helo_name: "host".into(),
            ..Global::default()
        })
        .unwrap()
    }

    #[test]
    fn a_display_name_stays_out_of_the_envelope() {
        let relay = relay();
        let mailboxes: Vec<&str> = relay.recipients.iter().map(|address| address.mailbox.as_str()).collect();
        assert_eq!(mailboxes, ["admin@example.org", "root"]);
        assert_eq!(relay.recipients[0].shown, "Admin Person <admin@example.org>");
        assert_eq!(Address::parse("a b"), None);
        assert_eq!(Address::parse(" <> "), None);
        assert_eq!(Address::parse("a@b\r\nDATA"), None);
    }

    #[test]
    fn no_mail_without_server_or_recipients() {
        let global = Global { notification_email_from: Some("ka@b".into()), ..Global::default() };
        assert_eq!(Relay::new(&global), None);
        let global = Global { notification_email: vec!["a@b".into()], ..global };
        assert_eq!(Relay::new(&global), None);
        let global = Global { smtp_server: Some(MailServer::Address("[::1]:2525".parse().unwrap())), ..global };
        assert!(Relay::new(&global).is_some());
    }

    #[test]
    fn a_message_has_its_headers_in_the_documented_order() {
        let alert = Alert::new("RTR", "VRRP Instance VI_1 - Entering MASTER state", "it is");
        assert_eq!(
            relay().message(&alert, "Sun, 22 Nov 2026 15:05:22 +0000"),
            "Date: Sun, 22 Nov 2026 15:05:22 +0000\r\nFrom: ka@example.org\r\n\
             Subject: [RTR] VRRP Instance VI_1 - Entering MASTER state\r\nX-Mailer: Keepalived\r\n\
             To: Admin Person <admin@example.org>, root\r\n\r\n=> it is <=\r\n\r\n.\r\n"
        );
    }

    #[test]
    fn long_and_foreign_headers_are_folded_and_encoded() {
        let mut relay = relay();
        relay.recipients = (0..50).filter_map(|n| Address::parse(&format!("somebody{n}@mail.example.org"))).collect();
        let message = relay.message(&Alert::new("RTR", &format!("VRRP Instance {}", "x y".repeat(60)), "ß"), "");
        assert!(message.lines().all(|line| line.len() < 998), "{message}");
        let subject = message.lines().find(|line| line.starts_with("Subject: ")).unwrap();
        assert_eq!(subject.len(), "Subject: [RTR] VRRP Instance ".len() + 180);
        assert!(message.contains("charset=utf-8") && message.contains("=> ß <="), "{message}");
        let message = relay.message(&Alert::new("größe", "x", "y"), "");
        assert!(message.lines().any(|line| line.starts_with("Subject: =?utf-8?b?")), "{message}");
    }

    #[test]
    fn no_line_of_a_message_is_a_lone_dot() {
        let alert = Alert { subject: "s".into(), body: ".".into() };
        assert!(relay().message(&alert, "").ends_with("\r\n\r\n..\r\n\r\n.\r\n"));
    }
}
