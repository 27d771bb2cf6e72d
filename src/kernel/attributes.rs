//! Encodes and decodes netlink attributes, numbers and strings. Decoding accepts any bytes.

use std::net::IpAddr;

use super::rtnetlink::{AF_INET, AF_INET6};

/// `NLA_F_NESTED`: the payload is attributes.
const NESTED: u16 = 0x8000;
/// `struct nlattr`.
const HEADER: usize = 4;

/// The attributes of a message after its fixed header. The caller passes numbers in the byte order of the attribute.
///
/// neli's types allocate for each attribute, and an IPVS table may have a hundred thousand of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    octets: Vec<u8>,
    /// The words of the configuration that the attributes from an offset on express.
    words: Vec<(usize, &'static str)>,
}

impl Attributes {
    /// An empty list after a fixed header, whose length must be a multiple of four.
    pub(super) fn after(header: &[u8]) -> Attributes {
        Attributes { octets: header.to_vec(), words: Vec::new() }
    }

    /// The attributes from here on express this word of the configuration.
    pub(super) fn word(&mut self, word: &'static str) {
        self.words.push((self.octets.len(), word));
    }

    /// The word of the attribute at this offset in the message, if any.
    pub(super) fn word_at(&self, offset: usize) -> Option<&'static str> {
        let (_, word) = self.words.iter().rev().find(|(start, _)| *start <= offset)?;
        Some(word)
    }

    /// Whether an attribute expresses this word of the configuration.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.words.iter().any(|(_, known)| *known == word)
    }

    /// Appends an attribute.
    pub(super) fn put<const N: usize>(&mut self, kind: u16, octets: [u8; N]) {
        self.nested_as(kind, |inner| inner.octets.extend(octets));
    }

    /// Appends a string, with its NUL.
    pub(super) fn put_text(&mut self, kind: u16, text: &str) {
        self.nested_as(kind, |inner| {
            inner.octets.extend(text.as_bytes());
            inner.octets.push(0);
        });
    }

    /// Appends numbers of 32 bits.
    pub(super) fn put_words<const N: usize>(&mut self, kind: u16, numbers: [u32; N]) {
        self.nested_as(kind, |inner| inner.octets.extend(numbers.iter().flat_map(|number| number.to_ne_bytes())));
    }

    /// Appends an address.
    pub(super) fn put_ip(&mut self, kind: u16, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.put(kind, ip.octets()),
            IpAddr::V6(ip) => self.put(kind, ip.octets()),
        }
    }

    /// Appends octets.
    pub(super) fn put_octets(&mut self, kind: u16, octets: &[u8]) {
        self.nested_as(kind, |inner| inner.octets.extend(octets));
    }

    /// Appends other attributes.
    pub(super) fn append(&mut self, other: &Attributes) {
        self.octets.extend(&other.octets);
    }

    /// Appends an attribute that contains structures of another kind.
    pub(super) fn list(&mut self, kind: u16, inner: impl FnOnce(&mut Attributes)) {
        self.nested_as(kind, inner);
    }

    /// Appends a nested attribute.
    pub(super) fn nest(&mut self, kind: u16, inner: impl FnOnce(&mut Attributes)) {
        self.nested_as(kind | NESTED, inner);
    }

    fn nested_as(&mut self, kind: u16, payload: impl FnOnce(&mut Attributes)) {
        self.counted(kind.to_ne_bytes(), payload);
    }

    /// Appends a structure that starts with its length in 16 bits: a header and attributes.
    pub(super) fn counted<const N: usize>(&mut self, header: [u8; N], payload: impl FnOnce(&mut Attributes)) {
        let start = self.octets.len();
        self.octets.extend([0; 2]);
        self.octets.extend(header);
        payload(self);
        // Whoever puts lists of any length checks the length of the message.
        let length = u16::try_from(self.octets.len().saturating_sub(start)).unwrap_or(u16::MAX);
        self.octets.resize(align(self.octets.len()), 0);
        if let Some(place) = self.octets.get_mut(start..).and_then(|written| written.first_chunk_mut()) {
            *place = length.to_ne_bytes();
        }
    }

    /// The encoded message.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// The attributes in a message or in a nested attribute, as `(type, payload)`; stops at the first incomplete one.
pub(super) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        // The two top bits are NLA_F_NESTED and NLA_F_NET_BYTEORDER.
        let kind = u16_at(rest, 2)? & 0x3fff;
        let payload = rest.get(HEADER..length)?;
        rest = rest.get(align(length)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// The payload of the first attribute of this type.
pub(super) fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, payload)| payload)
}

/// An address of a family (`AF_*`) that fills the value.
pub(super) fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(IpAddr::from(<[u8; 4]>::try_from(value).ok()?)),
        AF_INET6 => Some(IpAddr::from(<[u8; 16]>::try_from(value).ok()?)),
        _ => None,
    }
}

/// A NUL-terminated string.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

pub(super) fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

/// The next multiple of four.
pub(super) fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encoded_attributes_are_decoded_unchanged() {
        let mut written = Attributes::after(b"head");
        written.put(1, [7]);
        written.nest(2, |inner| {
            inner.put_text(3, "name");
            inner.nest(4, |_| {});
        });
        written.put(5, 9_u32.to_ne_bytes());
        let octets = written.octets();
        let read: Vec<_> = attributes(&octets[4..]).collect();
        let [(1, [7]), (2, inner), (5, number)] = read[..] else { panic!("{read:?}") };
        assert_eq!(number, 9_u32.to_ne_bytes());
        assert_eq!(attributes(inner).collect::<Vec<_>>(), [(3, &b"name\0"[..]), (4, b"")]);
    }

    #[test]
    fn attributes_are_aligned_and_an_incomplete_tail_is_ignored() {
        let mut written = Attributes::default();
        written.nest(1, |inner| inner.octets.extend(b"nested"));
        written.put(2, []);
        written.octets.extend([3, 0, 1, 0]);
        assert_eq!(attributes(&written.octets).collect::<Vec<_>>(), [(1, &b"nested"[..]), (2, b"")]);
    }

    #[test]
    fn an_offset_has_the_word_of_its_attribute() {
        let mut written = Attributes::after(b"head");
        written.put(1, [7]);
        written.nest(2, |inner| {
            inner.put(3, [8]);
            inner.word("via");
            inner.put(4, [9]);
        });
        written.word("dev");
        written.put(5, [10]);
        let words = [0, 4, 12, 16, 24, 28, 32].map(|offset| written.word_at(offset));
        assert_eq!(words, [None, None, None, None, Some("via"), Some("via"), Some("dev")]);
    }

    proptest! {
        /// No bytes make the decoder panic or loop for ever.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(attributes(&bytes).count() <= bytes.len());
        }
    }
}
