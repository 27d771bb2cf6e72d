//! Protocol data units of SNMPv2 (RFC 3416 section 3).

use asn1_rs::Class;

use super::ber::Reader;
use super::{Malformed, Notice, ber};
use crate::oid::Oid;

/// The PDUs with a notification, and their tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// InformRequest-PDU, which is acknowledged.
    Inform,
    /// SNMPv2-Trap-PDU.
    Trap,
}

/// Tags of the PDUs that a sender of notifications receives.
const RESPONSE: u32 = 2;
const REPORT: u32 = 8;

/// Encodes a PDU with a notification.
///
/// # Errors
/// It is too long.
pub fn notification(kind: Kind, request: i32, notice: &Notice) -> Result<Vec<u8>, Malformed> {
    let tag = match kind {
        Kind::Inform => 6,
        Kind::Trap => 7,
    };
    encode(tag, request, notice.octets())
}

pub(crate) fn encode(tag: u32, request: i32, binds: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut inside = Vec::with_capacity(binds.len() + 16);
    for number in [request, 0, 0] {
        ber::integer(&mut inside, number)?;
    }
    ber::sequence(&mut inside, binds)?;
    let mut out = Vec::with_capacity(inside.len() + 4);
    ber::wrap(&mut out, Class::ContextSpecific, true, tag, &inside)?;
    Ok(out)
}

/// A PDU that answers a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Response-PDU: the receiver has the inform with this `request-id`, and `error-status` is this.
    Response {
        /// `request-id`.
        request: i32,
        /// `error-status`; 0 for none.
        error: i32,
    },
    /// Report-PDU of SNMPv3: the receiver could not read the message. Its first object is one of the counters of RFC 3414.
    Report(Oid),
}

impl Answer {
    /// Decodes a PDU, the next item of `from`.
    ///
    /// # Errors
    /// It is another PDU or not a valid one.
    pub fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let item = from.item()?;
        if item.class() != Class::ContextSpecific {
            return Err(Malformed);
        }
        let mut inside = Reader::new(item.as_bytes());
        let (request, error, _index) = (inside.integer()?, inside.integer()?, inside.integer()?);
        match item.tag().0 {
            RESPONSE => Ok(Answer::Response { request, error }),
            REPORT => Ok(Answer::Report(inside.sequence()?.sequence()?.object_id()?)),
            _ => Err(Malformed),
        }
    }
}
