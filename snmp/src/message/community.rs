//! Messages of SNMPv2c: a version, a community and a PDU (RFC 1901 section 3).

use super::ber::Reader;
use super::{Answer, Malformed, ber};

/// `version` of SNMPv2c.
const VERSION: i32 = 1;

/// Encodes a message with an encoded PDU.
///
/// # Errors
/// It is too long.
pub fn encode(community: &[u8], pdu: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut inside = Vec::with_capacity(pdu.len() + community.len() + 8);
    ber::integer(&mut inside, VERSION)?;
    ber::octets(&mut inside, community)?;
    inside.extend_from_slice(pdu);
    let mut out = Vec::with_capacity(inside.len() + 4);
    ber::sequence(&mut out, &inside)?;
    Ok(out)
}

/// Decodes the answer to an inform. Some receivers answer with a community of their own, which is not checked: everyone on the
/// way can read it.
///
/// # Errors
/// The octets are not such a message.
pub fn decode(octets: &[u8]) -> Result<Answer, Malformed> {
    let mut message = Reader::new(octets).sequence()?;
    if message.integer()? != VERSION {
        return Err(Malformed);
    }
    message.octets()?;
    Answer::decode(&mut message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::message::{Kind, Notice, Stamp, pdu};
    use crate::oid::Oid;
    use crate::session::Notification;
    use crate::value::{Value, VarBind};

    #[test]
    fn an_inform_has_the_octets_of_rfc_3416() {
        let mut stamp = Stamp::new(Duration::from_secs(10));
        stamp.set_clock(Duration::from_secs(20), Duration::from_secs(1_798_761_610));
        let binds = vec![
            VarBind::new([1, 3, 6, 1, 9], Value::Integer(2)),
            VarBind::new([1, 3, 6, 1, 8], Value::DateAndTime(Duration::from_secs(12))),
        ];
        let notification = Notification { trap: Oid::new(&[1, 3, 6, 1, 7]), binds };
        let notice = Notice::new(&notification, Duration::from_secs(12), &stamp).unwrap();
        let pdu = pdu::notification(Kind::Inform, 0x0102_0304, &notice).unwrap();
        let message = encode(b"public", &pdu).unwrap();
        let up_time = [0x30, 14, 6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0, 0x43, 2, 0, 200];
        let trap = [0x30, 18, 6, 10, 0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0, 6, 4, 0x2b, 6, 1, 7];
        let state = [0x30, 9, 6, 4, 0x2b, 6, 1, 9, 2, 1, 2];
        let date = [0x30, 19, 6, 4, 0x2b, 6, 1, 8, 4, 11, 7, 235, 1, 1, 0, 0, 2, 0, b'+', 0, 0];
        let expected = [
            &[0x30, 95, 2, 1, 1, 4, 6][..],
            b"public",
            &[0xa6, 82, 2, 4, 1, 2, 3, 4, 2, 1, 0, 2, 1, 0, 0x30, 68],
            &up_time,
            &trap,
            &state,
            &date,
        ];
        assert_eq!(message, expected.concat());
    }

    #[test]
    fn only_answers_are_understood() {
        let response = [0x30, 23, 2, 1, 1, 4, 2, b'x', b'y', 0xa2, 14, 2, 4, 1, 2, 3, 4, 2, 1, 0, 2, 1, 0, 0x30, 0];
        assert_eq!(decode(&response), Ok(Answer::Response { request: 0x0102_0304, error: 0 }));
        for (at, octet) in [(4, 0), (4, 3), (9, 0xa1), (9, 4), (11, 4), (1, 24)] {
            let mut other = response;
            other[at] = octet;
            assert_eq!(decode(&other), Err(Malformed), "{at} {octet}");
        }
        for cut in 0..response.len() {
            assert!(decode(&response[..cut]).is_err());
        }
    }
}
