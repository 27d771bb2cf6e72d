//! UDP_CHECK: sends a datagram. It succeeds without an ICMP error or, with `require_reply`, with the expected reply.

use super::conversation::{Conversation, Verdict};

/// An attempt of a UDP_CHECK.
#[derive(Debug)]
pub struct UdpCheck {
    payload: Vec<u8>,
    reply: Option<Vec<(u8, u8)>>,
    lengths: (u16, u16),
    /// Description of the last datagram that was not the reply.
    ignored: Option<String>,
}

impl UdpCheck {
    /// Number of random octets to send if no `payload` is configured.
    pub const RANDOM_OCTETS: usize = 32;

    /// Starts an attempt. `reply` and `lengths` are those of [`CheckerKind::Udp`](crate::config::lvs::CheckerKind::Udp).
    pub fn new(payload: Vec<u8>, reply: Option<Vec<(u8, u8)>>, lengths: (u16, u16)) -> UdpCheck {
        UdpCheck { payload, reply, lengths, ignored: None }
    }
}

impl Conversation for UdpCheck {
    fn connected(&mut self, send: &mut Vec<u8>) -> Option<Verdict> {
        send.append(&mut self.payload);
        None
    }

    /// Compares a datagram with the expected reply over the shorter of both lengths. Ignores different datagrams: anyone
    /// could have sent them, and the reply may follow.
    fn received(&mut self, datagram: &[u8], _send: &mut Vec<u8>) -> Option<Verdict> {
        let Some(expected) = &self.reply else { return Some(Ok(())) };
        let (least, most) = (usize::from(self.lengths.0), usize::from(self.lengths.1));
        if !(least..=most).contains(&datagram.len()) {
            self.ignored = Some(format!("ignored a reply of {} octets", datagram.len()));
            return None;
        }
        if datagram.iter().zip(expected).any(|(got, (value, mask))| got & mask != value & mask) {
            self.ignored = Some("ignored a reply other than the expected one".into());
            return None;
        }
        Some(Ok(()))
    }

    fn expired(&mut self) -> Verdict {
        match (&self.reply, self.ignored.take()) {
            (None, _) => Ok(()),
            (Some(_), None) => Err("no reply".into()),
            (Some(_), Some(why)) => Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(reply: Option<Vec<(u8, u8)>>, lengths: (u16, u16), datagram: &[u8]) -> bool {
        let mut check = UdpCheck::new(vec![1, 2], reply, lengths);
        let mut sent = Vec::new();
        assert_eq!(check.connected(&mut sent), None);
        assert_eq!(sent, [1, 2]);
        check.received(datagram, &mut Vec::new()).unwrap_or_else(|| check.expired()).is_ok()
    }

    #[test]
    fn silence_is_success_unless_a_reply_is_required() {
        assert!(UdpCheck::new(Vec::new(), None, (0, 255)).expired().is_ok());
        assert!(UdpCheck::new(Vec::new(), Some(Vec::new()), (0, 255)).expired().is_err());
        assert!(UdpCheck::new(Vec::new(), None, (0, 255)).failed("port unreachable".into()).unwrap().is_err());
    }

    #[test]
    fn other_replies_are_ignored_until_the_expected_one_or_the_timeout() {
        let check = || UdpCheck::new(vec![1], Some(vec![(0x12, 0xff)]), (1, 2));
        for (garbage, reason) in [
            (&[0x13_u8][..], "ignored a reply other than the expected one"),
            (&[0x12; 3], "ignored a reply of 3 octets"),
        ] {
            let mut talk = check();
            assert_eq!(talk.received(garbage, &mut Vec::new()), None, "{reason}");
            assert_eq!(talk.received(&[0x12], &mut Vec::new()), Some(Ok(())), "after {reason}");
            let mut talk = check();
            talk.received(garbage, &mut Vec::new());
            assert_eq!(talk.expired(), Err(reason.into()));
        }
        assert_eq!(check().expired(), Err("no reply".into()));
    }

    #[test]
    fn replies_are_compared_with_the_expected_one() {
        let expected = Some(vec![(0x12, 0xff), (0x30, 0xf0)]);
        assert!(answer(expected.clone(), (0, 255), &[0x12, 0x35]));
        assert!(answer(expected.clone(), (0, 255), &[0x12]), "over the shorter length");
        assert!(answer(expected.clone(), (0, 255), &[0x12, 0x35, 0x99]), "over the shorter length");
        assert!(!answer(expected.clone(), (0, 255), &[0x12, 0x45]));
        assert!(!answer(expected.clone(), (3, 255), &[0x12, 0x35]));
        assert!(!answer(expected, (0, 1), &[0x12, 0x35]));
        assert!(answer(Some(Vec::new()), (0, 255), &[9]));
        assert!(answer(None, (0, 0), &[9]));
    }
}
