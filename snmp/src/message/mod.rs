//! SNMP messages for notifications that are sent without a master agent: SNMPv2c (RFC 1901, RFC 3416) and
//! SNMPv3 (RFC 3412, RFC 3414).
//!
//! | module | contents |
//! |---|---|
//! | [`ber`] | tags, lengths and values |
//! | [`notice`] | the variable bindings of a notification, encoded once for all receivers |
//! | [`pdu`] | SNMPv2-Trap-PDU, InformRequest-PDU and the answers |
//! | [`community`] | SNMPv2c: messages with a community |
//! | [`secure`], [`usm`] | SNMPv3: messages of the User-based Security Model, and its cryptography |
//!
//! The encoder is DER as far as BER allows a choice. The decoder accepts BER, and reads only what a sender of notifications
//! needs.

pub mod ber;
pub mod community;
pub mod notice;
pub mod pdu;
pub mod secure;
pub mod usm;

pub use notice::{Notice, Stamp};
pub use pdu::{Answer, Kind};

/// A message cannot be encoded, or octets are not a message that a sender of notifications understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid SNMP message")]
pub struct Malformed;

impl From<asn1_rs::Error> for Malformed {
    fn from(_: asn1_rs::Error) -> Self {
        Malformed
    }
}

impl From<asn1_rs::SerializeError> for Malformed {
    fn from(_: asn1_rs::SerializeError) -> Self {
        Malformed
    }
}
