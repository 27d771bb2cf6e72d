//! The frame of a request or an answer: the number of octets of its body (4 octets, big endian), then the body.

/// Octets of the length.
const HEAD: usize = 4;

/// Puts a body into a frame; `None` if its length does not fit.
pub(super) fn frame(body: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.len()).ok()?;
    Some([&length.to_be_bytes(), body].concat())
}

/// A frame that arrives in pieces.
#[derive(Debug)]
pub(super) struct Incoming {
    octets: Vec<u8>,
    limit: usize,
}

/// A frame with more octets than are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes, more than {limit}")]
pub(super) struct TooLong {
    length: usize,
    limit: usize,
}

impl Incoming {
    /// Awaits a frame whose body has at most `limit` octets.
    pub(super) fn new(limit: usize) -> Incoming {
        Incoming { octets: Vec::new(), limit }
    }

    /// Number of octets that are still missing, as far as is known; 0 = the frame is complete.
    pub(super) fn missing(&self) -> usize {
        let whole = self.length().map_or(HEAD, |length| HEAD.saturating_add(length));
        whole.saturating_sub(self.octets.len())
    }

    /// Adds octets, at most as many as are missing, and returns the body once it is complete.
    ///
    /// # Errors
    /// When the body would be too long.
    pub(super) fn add(&mut self, octets: &[u8]) -> Result<Option<&[u8]>, TooLong> {
        self.octets.extend(octets);
        match self.length() {
            Some(length) if length > self.limit => Err(TooLong { length, limit: self.limit }),
            Some(_) if self.missing() == 0 => Ok(self.octets.get(HEAD..)),
            _ => Ok(None),
        }
    }

    fn length(&self) -> Option<usize> {
        self.octets.first_chunk::<HEAD>().and_then(|length| u32::from_be_bytes(*length).try_into().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds octets as a reader does, which reads at most as many as are missing.
    fn add_all(incoming: &mut Incoming, mut octets: &[u8], piece: usize) -> Result<Option<Vec<u8>>, TooLong> {
        while !octets.is_empty() && incoming.missing() > 0 {
            let (now, later) = octets.split_at(piece.min(incoming.missing()).min(octets.len()));
            if let Some(body) = incoming.add(now)? {
                return Ok(Some(body.to_vec()));
            }
            octets = later;
        }
        Ok(None)
    }

    #[test]
    fn a_frame_arrives_in_pieces_of_any_size() {
        let octets = [frame(b"first").unwrap(), frame(b"second").unwrap()].concat();
        for piece in 1..=octets.len() {
            assert_eq!(add_all(&mut Incoming::new(5), &octets, piece), Ok(Some(b"first".to_vec())), "{piece}");
        }
        assert_eq!(add_all(&mut Incoming::new(5), &octets[..8], 8), Ok(None));
        assert_eq!(add_all(&mut Incoming::new(0), &frame(b"").unwrap(), 8), Ok(Some(Vec::new())));
    }

    /// The length alone is enough: a sender cannot make the receiver wait for, or keep, the octets.
    #[test]
    fn a_long_frame_is_refused_by_its_length() {
        for (octets, length) in
            [(&[0, 0, 0, 6][..], 6), (&[0xff; 4], 0xffff_ffff), (b"GET / HTTP/1.1\r\n", 0x4745_5420)]
        {
            let error = add_all(&mut Incoming::new(5), octets, 4).unwrap_err();
            assert_eq!(error, TooLong { length, limit: 5 });
        }
    }
}
