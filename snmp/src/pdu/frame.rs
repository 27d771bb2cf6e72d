//! Splits a stream of octets into PDUs.

use super::{FLAG_NETWORK_ORDER, HEADER_LEN, Head, MAX_PAYLOAD};

/// Why a stream can no longer be split into PDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// `h.version` is not 1.
    #[error("AgentX version {0} instead of 1")]
    Version(u8),
    /// `h.payload_length` is not a multiple of 4.
    #[error("payload length {0} is not a multiple of 4")]
    Unaligned(u32),
    /// `h.payload_length` is above [`MAX_PAYLOAD`].
    #[error("payload length {0} is above {MAX_PAYLOAD}")]
    TooLong(u32),
}

/// One complete PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its header.
    pub head: Head,
    /// The octets after the header.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Octets of header and payload.
    pub fn length(&self) -> usize {
        HEADER_LEN + self.payload.len()
    }
}

/// The PDU at the start of `input`; `None` while it is incomplete.
///
/// # Errors
/// The header is invalid, so no later PDU can be found either.
pub fn next(input: &[u8]) -> Result<Option<Frame<'_>>, FramingError> {
    if let Some(&version) = input.first().filter(|version| **version != 1) {
        return Err(FramingError::Version(version));
    }
    let Some((header, rest)) = input.split_first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let [_, kind, flags, _, numbers @ ..] = header;
    let mut numbers = numbers.chunks_exact(4).map(|octets| match octets {
        [a, b, c, d] if flags & FLAG_NETWORK_ORDER != 0 => u32::from_be_bytes([*a, *b, *c, *d]),
        [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => 0,
    });
    let mut number = || numbers.next().unwrap_or_default();
    let (session, transaction, packet, length) = (number(), number(), number(), number());
    if length % 4 != 0 {
        return Err(FramingError::Unaligned(length));
    }
    let payload =
        usize::try_from(length).ok().filter(|length| *length <= MAX_PAYLOAD).ok_or(FramingError::TooLong(length))?;
    let head = Head { kind: *kind, flags: *flags, session, transaction, packet, payload };
    Ok(rest.get(..payload).map(|payload| Frame { head, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_ends_at_its_length_in_either_byte_order() {
        let big = [1, 13, 0x10, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 4, 1, 2, 3, 4, 99];
        let little = [1, 13, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 99];
        for bytes in [big, little] {
            let frame = next(&bytes).unwrap().unwrap();
            assert_eq!(frame.payload, [1, 2, 3, 4]);
            let head = frame.head;
            assert_eq!((head.kind, head.session, head.transaction, head.packet), (13, 7, 8, 9));
            assert_eq!(next(&bytes[..23]), Ok(None));
        }
    }

    #[test]
    fn an_invalid_header_is_a_framing_error() {
        assert_eq!(next(&[2]), Err(FramingError::Version(2)));
        let mut bytes = [0; 20];
        bytes[0] = 1;
        bytes[16] = 3;
        assert_eq!(next(&bytes), Err(FramingError::Unaligned(3)));
        bytes[16..].copy_from_slice(&[0, 0, 3, 0]);
        assert_eq!(next(&bytes), Err(FramingError::TooLong(0x30000)));
        assert_eq!(next(&[]), Ok(None));
    }
}
