//! Encodes PDUs, appending to a buffer. A PDU that cannot be encoded leaves the buffer unchanged.

use agentx::encodings::ID;
use agentx::pdu::{AddAgentCaps, Close, CloseReason, Header, Open, Ping, Register, RemoveAgentCaps, Type, Unregister};

use super::{FLAG_CONTEXT, FLAG_NETWORK_ORDER, HEADER_LEN, Head};
use crate::oid::{MAX_SUB_IDS, Oid};
use crate::value::Value;

/// Offset of `h.flags`.
const FLAGS_AT: usize = 2;
/// Offset of `h.payload_length`.
const LENGTH_AT: usize = 16;

/// A value is too long for its field: an identifier of more than 128 sub-identifiers, text, or a time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not fit into an AgentX PDU")]
pub struct TooLong;

impl From<std::io::Error> for TooLong {
    fn from(_: std::io::Error) -> Self {
        TooLong
    }
}

/// A header for a PDU of ours, in network byte order.
fn header(kind: Type, session: u32, packet: u32) -> Header {
    let mut header = Header::new(kind);
    header.flags = FLAG_NETWORK_ORDER;
    header.session_id = session;
    header.packet_id = packet;
    header
}

fn id(oid: &Oid) -> Result<ID, TooLong> {
    if oid.as_slice().len() > MAX_SUB_IDS {
        return Err(TooLong);
    }
    Ok(ID::try_from(oid.as_slice().to_vec())?)
}

/// Open (RFC 2741 section 6.2.1); `timeout` in seconds, 0 for the master's default.
pub fn open(out: &mut Vec<u8>, packet: u32, timeout: u8, agent: &Oid, description: &str) -> Result<(), TooLong> {
    let mut pdu = Open::new(id(agent)?, description);
    pdu.header = header(Type::Open, 0, packet);
    pdu.timeout = std::time::Duration::from_secs(timeout.into());
    out.extend(pdu.to_bytes()?);
    Ok(())
}

/// Close (RFC 2741 section 6.2.2) with the reason `reasonShutdown`.
pub fn close(out: &mut Vec<u8>, session: u32, packet: u32) -> Result<(), TooLong> {
    let mut pdu = Close::new(CloseReason::Shutdown);
    pdu.header = header(Type::Close, session, packet);
    out.extend(pdu.to_bytes()?);
    Ok(())
}

/// Register (RFC 2741 section 6.2.3) of a whole subtree.
pub fn register(out: &mut Vec<u8>, session: u32, packet: u32, subtree: &Oid, priority: u8) -> Result<(), TooLong> {
    let mut pdu = Register::new(id(subtree)?);
    pdu.header = header(Type::Register, session, packet);
    pdu.priority = priority;
    out.extend(pdu.to_bytes()?);
    Ok(())
}

/// Unregister (RFC 2741 section 6.2.4) of a subtree that [`register`] registered.
pub fn unregister(out: &mut Vec<u8>, session: u32, packet: u32, subtree: &Oid, priority: u8) -> Result<(), TooLong> {
    let mut pdu = Unregister::new(id(subtree)?, priority);
    pdu.header = header(Type::Unregister, session, packet);
    out.extend(pdu.to_bytes()?);
    Ok(())
}

/// Ping (RFC 2741 section 6.2.11).
pub fn ping(out: &mut Vec<u8>, session: u32, packet: u32) -> Result<(), TooLong> {
    let mut pdu = Ping::new();
    pdu.header = header(Type::Ping, session, packet);
    out.extend(pdu.to_bytes()?);
    Ok(())
}

/// AddAgentCaps (RFC 2741 section 6.2.14): one row of the master's sysORTable.
pub fn add_agent_caps(
    out: &mut Vec<u8>,
    session: u32,
    packet: u32,
    capability: &Oid,
    description: &str,
) -> Result<(), TooLong> {
    let mut pdu = AddAgentCaps::new(id(capability)?, description);
    pdu.header = header(Type::AddAgentCaps, session, packet);
    out.extend(pdu.to_bytes()?);
    Ok(())
}

/// RemoveAgentCaps (RFC 2741 section 6.2.15) of a capability that [`add_agent_caps`] added.
pub fn remove_agent_caps(out: &mut Vec<u8>, session: u32, packet: u32, capability: &Oid) -> Result<(), TooLong> {
    let mut pdu = RemoveAgentCaps::new(id(capability)?);
    pdu.header = header(Type::RemoveAgentCaps, session, packet);
    out.extend(pdu.to_bytes()?);
    Ok(())
}

/// Notify (RFC 2741 section 6.2.10) with these names and values.
pub fn notify<'a>(
    out: &mut Vec<u8>,
    session: u32,
    packet: u32,
    binds: impl IntoIterator<Item = (&'a [u32], Value)>,
) -> Result<(), TooLong> {
    let start = out.len();
    out.extend(header(Type::Notify, session, packet).to_bytes());
    for (name, value) in binds {
        if let Err(error) = var_bind(out, name, &value) {
            out.truncate(start);
            return Err(error);
        }
    }
    patch_length(out, start);
    Ok(())
}

/// Puts the PDU that starts at `start`, which is not a Response, into a context (RFC 2741 section 6.1.1). The empty name is
/// the default context.
pub fn set_context(out: &mut Vec<u8>, start: usize, context: &[u8]) {
    if context.is_empty() {
        return;
    }
    let mut name = Vec::new();
    if octet_string(&mut name, context).is_err() {
        return;
    }
    let Some(rest) = out.get(start + HEADER_LEN..).map(<[u8]>::to_vec) else { return };
    out.truncate(start + HEADER_LEN);
    out.extend(name);
    out.extend(rest);
    if let Some(flags) = out.get_mut(start + FLAGS_AT) {
        *flags |= FLAG_CONTEXT;
    }
    patch_length(out, start);
}

/// A Response (RFC 2741 section 6.2.16) being encoded: a header, bindings one by one, then
/// [`finish`](Response::finish) or [`fail`](Response::fail).
pub struct Response<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Response<'a> {
    /// Starts the answer to the request with this header.
    pub fn to(head: &Head, out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&[1, Type::Response.to_byte(), FLAG_NETWORK_ORDER, 0]);
        for number in [head.session, head.transaction, head.packet, 0] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        // res.sysUpTime (a master ignores it), res.error, res.index.
        out.extend_from_slice(&[0; 8]);
        Response { out, start }
    }

    /// Adds a binding.
    ///
    /// # Errors
    /// The name or the value cannot be encoded; the answer is unchanged.
    pub fn bind(&mut self, name: &[u32], value: &Value) -> Result<(), TooLong> {
        let before = self.out.len();
        var_bind(self.out, name, value).inspect_err(|_| self.out.truncate(before))
    }

    /// Length so far in octets, header included.
    pub fn length(&self) -> usize {
        self.out.len() - self.start
    }

    /// Drops everything after the first `length` octets, an earlier result of [`length`](Self::length).
    pub fn truncate(&mut self, length: usize) {
        self.out.truncate(self.start + length);
    }

    /// Completes the answer without an error.
    pub fn finish(self) {
        patch_length(self.out, self.start);
    }

    /// Completes the answer with `error` for binding `index` (from 1; 0: none) and without bindings.
    pub fn fail(self, error: u16, index: u16) {
        self.out.truncate(self.start + HEADER_LEN + 4);
        self.out.extend_from_slice(&error.to_be_bytes());
        self.out.extend_from_slice(&index.to_be_bytes());
        patch_length(self.out, self.start);
    }
}

fn patch_length(out: &mut [u8], start: usize) {
    let length = out.len().saturating_sub(start + HEADER_LEN);
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start + LENGTH_AT..start + LENGTH_AT + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// RFC 2741 section 5.4.
fn var_bind(out: &mut Vec<u8>, name: &[u32], value: &Value) -> Result<(), TooLong> {
    let kind: u16 = match value {
        Value::Integer(_) => 2,
        Value::OctetString(_) | Value::DateAndTime(_) => 4,
        Value::Null => 5,
        Value::ObjectId(_) => 6,
        Value::IpAddress(_) => 64,
        Value::Counter32(_) => 65,
        Value::Gauge32(_) | Value::OfSession(_) => 66,
        Value::TimeTicks(_) | Value::TimeStamp(_) => 67,
        Value::Opaque(_) => 68,
        Value::Counter64(_) => 70,
        Value::NoSuchObject => 128,
        Value::NoSuchInstance => 129,
        Value::EndOfMibView => 130,
    };
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    object_id(out, name)?;
    match value {
        Value::Integer(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => {
            out.extend_from_slice(&number.to_be_bytes());
        }
        // A session replaces these before.
        Value::TimeStamp(_) | Value::OfSession(_) => out.extend_from_slice(&[0; 4]),
        Value::DateAndTime(_) => octet_string(out, &[0; 8])?,
        Value::Counter64(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::OctetString(octets) | Value::Opaque(octets) => octet_string(out, octets)?,
        Value::IpAddress(octets) => octet_string(out, octets)?,
        Value::ObjectId(oid) => object_id(out, oid.as_slice())?,
        Value::Null | Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => {}
    }
    Ok(())
}

/// RFC 2741 section 5.1: the prefix .1.3.6.1.x is encoded in one octet.
fn object_id(out: &mut Vec<u8>, sub_ids: &[u32]) -> Result<(), TooLong> {
    if sub_ids.len() > MAX_SUB_IDS {
        return Err(TooLong);
    }
    let (prefix, rest) = match sub_ids {
        [1, 3, 6, 1, prefix @ 1..=255, rest @ ..] => (u8::try_from(*prefix).unwrap_or(0), rest),
        _ => (0, sub_ids),
    };
    let count = u8::try_from(rest.len()).map_err(|_| TooLong)?;
    out.extend_from_slice(&[count, prefix, 0, 0]);
    for sub_id in rest {
        out.extend_from_slice(&sub_id.to_be_bytes());
    }
    Ok(())
}

/// RFC 2741 section 5.3.
fn octet_string(out: &mut Vec<u8>, octets: &[u8]) -> Result<(), TooLong> {
    let length = u32::try_from(octets.len()).map_err(|_| TooLong)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(octets);
    let padding = octets.len().next_multiple_of(4) - octets.len();
    out.resize(out.len() + padding, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::decode::{self, DecodeError};
    use crate::pdu::frame;

    #[test]
    fn a_context_comes_first_in_the_payload() {
        let mut out = vec![1, 2, 3];
        ping(&mut out, 7, 8).unwrap();
        set_context(&mut out, 3, b"");
        assert_eq!(out.len(), 3 + HEADER_LEN, "the default context has no name");
        set_context(&mut out, 3, b"right");
        let header = [1, 13, FLAG_NETWORK_ORDER | FLAG_CONTEXT, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 12];
        assert_eq!(out, [&[1, 2, 3][..], &header, &[0, 0, 0, 5], b"right", &[0; 3]].concat());
    }

    #[test]
    fn a_session_answers_requests_in_its_own_context() {
        let range = [0, 0, 0, 0, 0, 0, 0, 0];
        let mut get =
            [&[1, 5, FLAG_NETWORK_ORDER, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 8][..], &range].concat();
        let decoded = |octets: &[u8], context: &[u8]| {
            let frame = frame::next(octets).unwrap().unwrap();
            decode::body_in(&frame, context).map(|_| ())
        };
        assert_eq!((decoded(&get, b""), decoded(&get, b"right")), (Ok(()), Err(DecodeError::Context)));
        set_context(&mut get, 0, b"right");
        assert_eq!((decoded(&get, b"right"), decoded(&get, b"left")), (Ok(()), Err(DecodeError::Context)));
        // CommitSet belongs to a transaction, in whichever context it comes.
        let commit = [1, 9, FLAG_NETWORK_ORDER, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0];
        assert_eq!(decoded(&commit, b"right"), Ok(()));
    }
}
