//! Decodes payloads to [`Body`].

use agentx::pdu::Type;

use super::frame::Frame;
use super::{Body, FLAG_CONTEXT, FLAG_NETWORK_ORDER, MAX_BINDS, SearchRange, error};
use crate::oid::{MAX_SUB_IDS, Oid};
use crate::value::{Value, VarBind};

/// Why a PDU is refused. Its header is valid, so the next PDU can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a PDU, or not a PDU that a master sends.
    #[error("PDU not understood")]
    Malformed,
    /// The PDU has another context than the session.
    #[error("context not supported")]
    Context,
    /// More than [`MAX_BINDS`] ranges or bindings.
    #[error("more than {MAX_BINDS} variable bindings")]
    TooMany,
}

impl DecodeError {
    /// The `res.error` for the answer.
    pub fn status(self) -> u16 {
        match self {
            DecodeError::Malformed => error::PARSE_ERROR,
            DecodeError::Context => error::UNSUPPORTED_CONTEXT,
            DecodeError::TooMany => error::TOO_BIG,
        }
    }
}

/// Decodes a PDU from a master, for a session of the default context.
///
/// # Errors
/// The reason for the refusal, see [`DecodeError::status`].
pub fn body(frame: &Frame<'_>) -> Result<Body, DecodeError> {
    body_in(frame, &[])
}

/// Decodes a PDU from a master, for a session of this context; an empty name is the default context.
///
/// # Errors
/// The reason for the refusal, see [`DecodeError::status`].
pub fn body_in(frame: &Frame<'_>, context: &[u8]) -> Result<Body, DecodeError> {
    let kind = Type::from_byte(frame.head.kind).map_err(|_| DecodeError::Malformed)?;
    let network_order = frame.head.flags & FLAG_NETWORK_ORDER != 0;
    let mut reader = Reader { octets: frame.payload, network_order };
    // net-snmp's library sets the flag with an empty name, too.
    let named = if frame.head.flags & FLAG_CONTEXT != 0 { reader.octet_string()? } else { &[] };
    // The others belong to the session, or to a transaction that has begun.
    let searches = matches!(kind, Type::Get | Type::GetNext | Type::GetBulk | Type::TestSet);
    if searches && named != context {
        return Err(DecodeError::Context);
    }
    Ok(match kind {
        Type::Get => Body::Get(reader.ranges()?),
        Type::GetNext => Body::GetNext(reader.ranges()?),
        Type::GetBulk => {
            let (non_repeaters, max_repetitions) = (reader.u16()?, reader.u16()?);
            Body::GetBulk { non_repeaters, max_repetitions, ranges: reader.ranges()? }
        }
        Type::TestSet => Body::TestSet(reader.var_binds()?),
        Type::CommitSet => Body::CommitSet,
        Type::UndoSet => Body::UndoSet,
        Type::CleanupSet => Body::CleanupSet,
        Type::Close => Body::Close(reader.u8()?),
        Type::Response => Body::Response { sys_uptime: reader.u32()?, error: reader.u16()?, index: reader.u16()? },
        _ => return Err(DecodeError::Malformed),
    })
}

/// The rest of a payload that is still to be decoded.
pub(crate) struct Reader<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) network_order: bool,
}

impl<'a> Reader<'a> {
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (chunk, rest) = self.octets.split_first_chunk::<N>().ok_or(DecodeError::Malformed)?;
        self.octets = rest;
        Ok(*chunk)
    }

    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.chunk::<1>().map(|[octet]| octet)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        let octets = self.chunk()?;
        Ok(if self.network_order { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) })
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        let octets = self.chunk()?;
        Ok(if self.network_order { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) })
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        let octets = self.chunk()?;
        Ok(if self.network_order { u64::from_be_bytes(octets) } else { u64::from_le_bytes(octets) })
    }

    /// RFC 2741 section 5.3: length, octets, padding to a multiple of 4.
    fn octet_string(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.u32()?).map_err(|_| DecodeError::Malformed)?;
        let padded = length.checked_next_multiple_of(4).ok_or(DecodeError::Malformed)?;
        let (octets, rest) = self.octets.split_at_checked(padded).ok_or(DecodeError::Malformed)?;
        self.octets = rest;
        octets.get(..length).ok_or(DecodeError::Malformed)
    }

    /// RFC 2741 section 5.1, with the `include` field.
    fn object_id(&mut self) -> Result<(Oid, bool), DecodeError> {
        let [count, prefix, include, _reserved] = self.chunk()?;
        let internet = [1, 3, 6, 1, u32::from(prefix)];
        let prefix: &[u32] = if prefix == 0 { &[] } else { &internet };
        let total = prefix.len() + usize::from(count);
        if total > MAX_SUB_IDS {
            return Err(DecodeError::Malformed);
        }
        let mut sub_ids = Vec::with_capacity(total);
        sub_ids.extend_from_slice(prefix);
        for _ in 0..count {
            sub_ids.push(self.u32()?);
        }
        Ok((Oid::from(sub_ids), include != 0))
    }

    fn ranges(&mut self) -> Result<Vec<SearchRange>, DecodeError> {
        self.list(|reader| {
            let (start, include) = reader.object_id()?;
            let (end, _) = reader.object_id()?;
            Ok(SearchRange { start, include, end })
        })
    }

    pub(crate) fn var_binds(&mut self) -> Result<Vec<VarBind>, DecodeError> {
        self.list(Self::var_bind)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::new();
        while !self.octets.is_empty() {
            if items.len() == MAX_BINDS {
                return Err(DecodeError::TooMany);
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// RFC 2741 section 5.4.
    fn var_bind(&mut self) -> Result<VarBind, DecodeError> {
        let kind = self.u16()?;
        self.u16()?;
        let (name, _) = self.object_id()?;
        let value = match kind {
            2 => Value::Integer(i32::from_be_bytes(self.u32()?.to_be_bytes())),
            4 => Value::OctetString(self.octet_string()?.to_vec()),
            5 => Value::Null,
            6 => Value::ObjectId(self.object_id()?.0),
            64 => {
                let octets = self.octet_string()?;
                Value::IpAddress(octets.try_into().map_err(|_| DecodeError::Malformed)?)
            }
            65 => Value::Counter32(self.u32()?),
            66 => Value::Gauge32(self.u32()?),
            67 => Value::TimeTicks(self.u32()?),
            68 => Value::Opaque(self.octet_string()?.to_vec()),
            70 => Value::Counter64(self.u64()?),
            128 => Value::NoSuchObject,
            129 => Value::NoSuchInstance,
            130 => Value::EndOfMibView,
            _ => return Err(DecodeError::Malformed),
        };
        Ok(VarBind { name, value })
    }
}
