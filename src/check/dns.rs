//! DNS_CHECK: one query over UDP (RFC 1035 section 4.1).

use super::conversation::{Conversation, Verdict};

/// Longest label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const FLAG_RESPONSE: u16 = 0x8000;
const RESPONSE_CODE: u16 = 0x000f;
const CLASS_IN: u16 = 1;

/// An attempt of a DNS_CHECK.
#[derive(Debug)]
pub struct DnsCheck {
    id: u16,
    query_type: u16,
    name: String,
    /// Description of the last datagram that was not the reply.
    ignored: Option<String>,
}

impl DnsCheck {
    /// A query for `name` (without final dot; empty = root) with this id.
    pub fn new(id: u16, query_type: u16, name: String) -> DnsCheck {
        DnsCheck { id, query_type, name, ignored: None }
    }

    fn query(&self) -> Vec<u8> {
        let mut query = Vec::with_capacity(18 + self.name.len());
        for field in [self.id, FLAG_RECURSION_DESIRED, 1, 0, 0, 0] {
            query.extend_from_slice(&field.to_be_bytes());
        }
        for label in self.name.split('.').filter(|label| !label.is_empty()) {
            let octets = label.as_bytes();
            let octets = octets.get(..MAX_LABEL).unwrap_or(octets);
            query.push(u8::try_from(octets.len()).unwrap_or(0));
            query.extend_from_slice(octets);
        }
        query.push(0);
        query.extend_from_slice(&self.query_type.to_be_bytes());
        query.extend_from_slice(&CLASS_IN.to_be_bytes());
        query
    }
}

impl Conversation for DnsCheck {
    fn connected(&mut self, send: &mut Vec<u8>) -> Option<Verdict> {
        send.extend(self.query());
        None
    }

    /// Ignores messages that are too short, have another id or are no response: anyone could have sent them, and the
    /// reply may follow.
    fn received(&mut self, message: &[u8], _send: &mut Vec<u8>) -> Option<Verdict> {
        let Some([id0, id1, flags0, flags1, ..]) = message.first_chunk::<12>() else {
            self.ignored = Some(format!("a datagram of {} octets", message.len()));
            return None;
        };
        let flags = u16::from_be_bytes([*flags0, *flags1]);
        if u16::from_be_bytes([*id0, *id1]) != self.id {
            self.ignored = Some("a message with another id".into());
            return None;
        }
        if flags & FLAG_RESPONSE == 0 {
            self.ignored = Some("a query".into());
            return None;
        }
        Some(match flags & RESPONSE_CODE {
            0 => Ok(()),
            code => Err(format!("response code {code}")),
        })
    }

    fn expired(&mut self) -> Verdict {
        Err(match &self.ignored {
            Some(what) => format!("timed out; ignored {what}, which is not the reply"),
            None => "timed out".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(message: &[u8]) -> Option<bool> {
        DnsCheck::new(0x1234, 6, String::new()).received(message, &mut Vec::new()).map(|verdict| verdict.is_ok())
    }

    #[test]
    fn queries_follow_rfc_1035() {
        let mut sent = Vec::new();
        assert_eq!(DnsCheck::new(0x1234, 6, String::new()).connected(&mut sent), None);
        assert_eq!(sent, [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1]);
        let query = DnsCheck::new(1, 1, "www.example.org".into()).query();
        assert_eq!(query[12..], *b"\x03www\x07example\x03org\0\0\x01\0\x01");
    }

    #[test]
    fn replies_and_verdicts() {
        let header =
            |id: u16, flags: u16| [&id.to_be_bytes()[..], &flags.to_be_bytes(), &[0, 1, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(reply(&header(0x1234, 0x8180)), Some(true));
        assert_eq!(reply(&header(0x1234, 0x8183)), Some(false), "NXDOMAIN");
        assert_eq!(reply(&header(0x1234, 0x8182)), Some(false), "SERVFAIL");
        assert_eq!(reply(&header(0x1234, 0x0100)), None, "an echo");
        assert_eq!(reply(&header(0x1235, 0x8180)), None, "another id");
        assert_eq!(reply(&header(0x1234, 0x8180)[..11]), None, "too short");
        assert_eq!(reply(&[]), None);
    }

    #[test]
    fn other_messages_are_ignored_until_the_reply_or_the_timeout() {
        let answer = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
        let (mut other_id, mut query) = (answer, answer);
        other_id[1] ^= 1;
        query[2] = 1;
        for (garbage, what) in [
            (&answer[..11], "a datagram of 11 octets"),
            (&[], "a datagram of 0 octets"),
            (&other_id, "a message with another id"),
            (&query, "a query"),
        ] {
            let mut check = DnsCheck::new(0x1234, 6, String::new());
            assert_eq!(check.received(garbage, &mut Vec::new()), None, "{what}");
            assert_eq!(check.expired(), Err(format!("timed out; ignored {what}, which is not the reply")));
            assert_eq!(check.received(&answer, &mut Vec::new()), Some(Ok(())), "after {what}");
        }
        assert_eq!(DnsCheck::new(1, 6, String::new()).expired(), Err("timed out".into()));
    }

    proptest! {
        /// Only the first twelve octets of a reply count, and a query can be written for any name.
        #[test]
        fn any_reply_and_any_name(message in prop::collection::vec(any::<u8>(), 0..40), name in ".{0,300}", id: u16) {
            let mut check = DnsCheck::new(id, 6, name);
            check.connected(&mut Vec::new());
            let header = message.get(..12);
            let good = header.map(|h| h[..2] == id.to_be_bytes() && h[2] & 0x80 != 0 && h[3] & 0x0f == 0);
            let verdict = check.received(&message, &mut Vec::new());
            prop_assert_eq!(verdict.is_some_and(|verdict| verdict.is_ok()), good == Some(true));
        }
    }
}
