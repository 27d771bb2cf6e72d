//! Values and variable bindings as AgentX carries them (RFC 2741 section 5.4).

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::oid::Oid;

/// The value of a variable, or the exception that takes its place in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// INTEGER, Integer32, and every enumeration.
    Integer(i32),
    /// OCTET STRING and all its textual conventions, InetAddress included.
    OctetString(Vec<u8>),
    /// No value.
    Null,
    /// OBJECT IDENTIFIER.
    ObjectId(Oid),
    /// IpAddress: four octets of an IPv4 address.
    IpAddress([u8; 4]),
    /// Counter32, which wraps at 2^32.
    Counter32(u32),
    /// Gauge32 and Unsigned32, which are one type on the wire.
    Gauge32(u32),
    /// Hundredths of a second, modulo 2^32.
    TimeTicks(u32),
    /// TimeStamp (RFC 2579) of a point in time of the session's owner. A session sends it as the TimeTicks of the master's
    /// sysUpTime then, or 0 if the master had not started.
    TimeStamp(Duration),
    /// DateAndTime (RFC 2579) of a point in time of the session's owner. A session sends it as the octets of the date in UTC.
    DateAndTime(Duration),
    /// A number that the session knows, as Counter32 or Gauge32.
    OfSession(SessionNumber),
    /// Opaque: BER of another type in an octet string.
    Opaque(Vec<u8>),
    /// Counter64, which wraps at 2^64.
    Counter64(u64),
    /// noSuchObject: the subagent has no object type of this name.
    NoSuchObject,
    /// noSuchInstance: the object type exists, this instance of it does not.
    NoSuchInstance,
    /// endOfMibView: the search range has no further instance.
    EndOfMibView,
}

/// A number that a session knows of itself. All but the last are Counter32, from the creation of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionNumber {
    /// Sessions with the master that were lost.
    Lost,
    /// Notifications queued.
    Queued,
    /// Notifications that the master has acknowledged.
    Acknowledged,
    /// Notifications that the master has refused, or that could not be sent.
    Refused,
    /// Notifications dropped because the queue was full.
    Dropped,
    /// Notifications in the queue, as Gauge32.
    Waiting,
}

impl Value {
    /// A DisplayString or other octet string from text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Value::OctetString(text.as_ref().as_bytes().to_vec())
    }

    /// A TruthValue (RFC 2579): true is 1, false is 2.
    pub fn truth(truth: bool) -> Self {
        Value::Integer(if truth { 1 } else { 2 })
    }

    /// Whether this is one of the three exceptions instead of a value.
    pub fn is_exception(&self) -> bool {
        matches!(self, Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Value::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Gauge32(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::text(text)
    }
}

impl From<Ipv4Addr> for Value {
    fn from(address: Ipv4Addr) -> Self {
        Value::IpAddress(address.octets())
    }
}

/// A variable's name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VarBind {
    /// The instance's full identifier; for [`Value::EndOfMibView`] the start of the search range.
    pub name: Oid,
    /// The value or the exception.
    pub value: Value,
}

impl VarBind {
    /// A binding of `value` to `name`.
    pub fn new(name: impl Into<Oid>, value: impl Into<Value>) -> Self {
        VarBind { name: name.into(), value: value.into() }
    }
}
