//! The SYNTAX of an object, as data.
//!
//! A view states each object's syntax so that a test can compare it with the MIB file, and so that
//! a SET with a value of another type, size or range is refused before any setter is called.

use crate::value::{SessionNumber, Value};

/// An object's base type with its restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Integer32 within a range, both ends included.
    Integer32 {
        /// Smallest value.
        min: i32,
        /// Greatest value.
        max: i32,
    },
    /// Unsigned32 within a range, both ends included; [`Value::Gauge32`] on the wire.
    Unsigned32 {
        /// Smallest value.
        min: u32,
        /// Greatest value.
        max: u32,
    },
    /// INTEGER with named numbers.
    Enum(&'static [(&'static str, i32)]),
    /// OCTET STRING within a range of lengths in octets, both ends included.
    OctetString {
        /// Shortest length.
        min: u16,
        /// Longest length.
        max: u16,
    },
    /// OBJECT IDENTIFIER.
    ObjectId,
    /// IpAddress, always four octets.
    IpAddress,
    /// Counter32.
    Counter32,
    /// Gauge32.
    Gauge32,
    /// TimeTicks, in hundredths of a second.
    TimeTicks,
    /// Counter64.
    Counter64,
}

impl Syntax {
    /// Integer32 without a range.
    pub const INTEGER32: Syntax = Syntax::Integer32 { min: i32::MIN, max: i32::MAX };
    /// Unsigned32 without a range.
    pub const UNSIGNED32: Syntax = Syntax::Unsigned32 { min: 0, max: u32::MAX };
    /// DisplayString (RFC 2579).
    pub const DISPLAY_STRING: Syntax = Syntax::OctetString { min: 0, max: 255 };
    /// DateAndTime (RFC 2579).
    pub const DATE_AND_TIME: Syntax = Syntax::OctetString { min: 8, max: 11 };
    /// TruthValue (RFC 2579).
    pub const TRUTH_VALUE: Syntax = Syntax::Enum(&[("true", 1), ("false", 2)]);
    /// RowStatus (RFC 2579).
    pub const ROW_STATUS: Syntax = Syntax::Enum(&[
        ("active", 1),
        ("notInService", 2),
        ("notReady", 3),
        ("createAndGo", 4),
        ("createAndWait", 5),
        ("destroy", 6),
    ]);
    /// MacAddress (RFC 2579).
    pub const MAC_ADDRESS: Syntax = Syntax::OctetString { min: 6, max: 6 };
    /// InetAddressType (RFC 4001).
    pub const INET_ADDRESS_TYPE: Syntax =
        Syntax::Enum(&[("unknown", 0), ("ipv4", 1), ("ipv6", 2), ("ipv4z", 3), ("ipv6z", 4), ("dns", 16)]);
    /// InetAddress (RFC 4001).
    pub const INET_ADDRESS: Syntax = Syntax::OctetString { min: 0, max: 255 };
    /// InetAddressPrefixLength (RFC 4001).
    pub const INET_PREFIX_LENGTH: Syntax = Syntax::Unsigned32 { min: 0, max: 2040 };
    /// InetPortNumber (RFC 4001).
    pub const INET_PORT: Syntax = Syntax::Unsigned32 { min: 0, max: 65535 };
    /// InetScopeType (RFC 4001).
    pub const INET_SCOPE_TYPE: Syntax = Syntax::Enum(&[
        ("interfaceLocal", 1),
        ("linkLocal", 2),
        ("subnetLocal", 3),
        ("adminLocal", 4),
        ("siteLocal", 5),
        ("organizationLocal", 8),
        ("global", 14),
    ]);
    /// InterfaceIndex (RFC 2863).
    pub const INTERFACE_INDEX: Syntax = Syntax::Integer32 { min: 1, max: i32::MAX };

    /// Whether `value` is of this type and within its range, size or named numbers.
    ///
    /// # Errors
    /// [`SetError::WrongType`], [`SetError::WrongLength`] or [`SetError::WrongValue`].
    pub fn check(&self, value: &Value) -> Result<(), SetError> {
        let in_range = match (self, value) {
            (Syntax::Integer32 { min, max }, Value::Integer(number)) => (min..=max).contains(&number),
            (Syntax::Unsigned32 { min, max }, Value::Gauge32(number)) => (min..=max).contains(&number),
            (Syntax::Enum(names), Value::Integer(number)) => names.iter().any(|(_, n)| n == number),
            (Syntax::OctetString { min: 8, max: 11 }, Value::DateAndTime(_)) => true,
            (Syntax::OctetString { min, max }, Value::OctetString(octets)) => {
                return if (usize::from(*min)..=usize::from(*max)).contains(&octets.len()) {
                    Ok(())
                } else {
                    Err(SetError::WrongLength)
                };
            }
            (Syntax::Counter32, Value::OfSession(number)) if *number != SessionNumber::Waiting => true,
            (Syntax::ObjectId, Value::ObjectId(_))
            | (Syntax::Counter32, Value::Counter32(_))
            | (Syntax::IpAddress, Value::IpAddress(_))
            | (Syntax::Gauge32, Value::Gauge32(_) | Value::OfSession(SessionNumber::Waiting))
            | (Syntax::TimeTicks, Value::TimeTicks(_) | Value::TimeStamp(_))
            | (Syntax::Counter64, Value::Counter64(_)) => true,
            _ => return Err(SetError::WrongType),
        };
        if in_range { Ok(()) } else { Err(SetError::WrongValue) }
    }
}

/// MAX-ACCESS of an object that has instances of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// GET and GETNEXT only.
    ReadOnly,
    /// SET too.
    ReadWrite,
}

/// Why a SET is refused: the error-status of RFC 3416 section 3; the discriminant is its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u16)]
pub enum SetError {
    /// Any other failure.
    #[error("genErr")]
    GenErr = 5,
    /// Not accessible here.
    #[error("noAccess")]
    NoAccess = 6,
    /// A value of another type than the object's.
    #[error("wrongType")]
    WrongType = 7,
    /// A string too short or too long.
    #[error("wrongLength")]
    WrongLength = 8,
    /// The encoding does not match the ASN.1 type.
    #[error("wrongEncoding")]
    WrongEncoding = 9,
    /// A value the object can never have.
    #[error("wrongValue")]
    WrongValue = 10,
    /// The instance does not exist and a SET cannot create it.
    #[error("noCreation")]
    NoCreation = 11,
    /// A value the object cannot have now.
    #[error("inconsistentValue")]
    InconsistentValue = 12,
    /// A resource needed for the change is not available.
    #[error("resourceUnavailable")]
    ResourceUnavailable = 13,
    /// The change failed after it was tested successfully.
    #[error("commitFailed")]
    CommitFailed = 14,
    /// The change could not be undone.
    #[error("undoFailed")]
    UndoFailed = 15,
    /// The object is read-only.
    #[error("notWritable")]
    NotWritable = 17,
    /// The instance cannot be created now.
    #[error("inconsistentName")]
    InconsistentName = 18,
}

impl SetError {
    /// The error-status number.
    pub fn status(self) -> u16 {
        self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_must_fit_type_range_and_named_numbers() {
        let priority = Syntax::Integer32 { min: 1, max: 255 };
        assert_eq!(priority.check(&Value::Integer(255)), Ok(()));
        assert_eq!(priority.check(&Value::Integer(0)), Err(SetError::WrongValue));
        assert_eq!(priority.check(&Value::Gauge32(1)), Err(SetError::WrongType));
        assert_eq!(Syntax::TRUTH_VALUE.check(&Value::Integer(3)), Err(SetError::WrongValue));
        assert_eq!(Syntax::MAC_ADDRESS.check(&Value::text("12345")), Err(SetError::WrongLength));
        assert_eq!(Syntax::Gauge32.check(&Value::Gauge32(7)), Ok(()));
        assert_eq!(SetError::WrongType.status(), 7);
    }
}
