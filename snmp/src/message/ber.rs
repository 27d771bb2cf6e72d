//! The part of ASN.1's basic encoding rules that SNMP uses.

use asn1_rs::{Any, Class, FromBer, Header, Integer, Length, Tag, ToDer};

use super::Malformed;
use crate::oid::Oid;
use crate::value::Value;

/// Appends a tag, a length and these octets.
pub fn wrap(out: &mut Vec<u8>, class: Class, constructed: bool, tag: u32, content: &[u8]) -> Result<(), Malformed> {
    Header::new(class, constructed, Tag(tag), Length::Definite(content.len())).write_der_header(out)?;
    out.extend_from_slice(content);
    Ok(())
}

/// Appends a SEQUENCE of encoded items.
pub fn sequence(out: &mut Vec<u8>, content: &[u8]) -> Result<(), Malformed> {
    wrap(out, Class::Universal, true, Tag::Sequence.0, content)
}

/// Appends an OCTET STRING.
pub fn octets(out: &mut Vec<u8>, octets: &[u8]) -> Result<(), Malformed> {
    wrap(out, Class::Universal, false, Tag::OctetString.0, octets)
}

/// Appends an INTEGER.
pub fn integer(out: &mut Vec<u8>, number: i32) -> Result<(), Malformed> {
    wrap(out, Class::Universal, false, Tag::Integer.0, Integer::from(number).as_ref())
}

/// Appends an OBJECT IDENTIFIER. The null identifier becomes `0.0` (RFC 2578 section 7.1.3); one sub-identifier alone cannot
/// be encoded.
pub fn object_id(out: &mut Vec<u8>, sub_ids: &[u32]) -> Result<(), Malformed> {
    let sub_ids: Vec<u64> = match sub_ids {
        [] => vec![0, 0],
        sub_ids => sub_ids.iter().map(|id| u64::from(*id)).collect(),
    };
    let oid = asn1_rs::Oid::from(&sub_ids).map_err(|_| Malformed)?;
    wrap(out, Class::Universal, false, Tag::Oid.0, oid.as_bytes())
}

/// Appends a value (RFC 3416 section 3). Values that only an AgentX session knows cannot be encoded.
pub fn value(out: &mut Vec<u8>, value: &Value) -> Result<(), Malformed> {
    let unsigned =
        |out: &mut Vec<u8>, tag, number: u64| wrap(out, Class::Application, false, tag, Integer::from(number).as_ref());
    match value {
        Value::Integer(number) => integer(out, *number),
        Value::OctetString(text) => octets(out, text),
        Value::Null => wrap(out, Class::Universal, false, Tag::Null.0, &[]),
        Value::ObjectId(oid) => object_id(out, oid.as_slice()),
        Value::IpAddress(address) => wrap(out, Class::Application, false, 0, address),
        Value::Counter32(number) => unsigned(out, 1, (*number).into()),
        Value::Gauge32(number) => unsigned(out, 2, (*number).into()),
        Value::TimeTicks(number) => unsigned(out, 3, (*number).into()),
        Value::Opaque(octets) => wrap(out, Class::Application, false, 4, octets),
        Value::Counter64(number) => unsigned(out, 6, *number),
        Value::NoSuchObject => wrap(out, Class::ContextSpecific, false, 0, &[]),
        Value::NoSuchInstance => wrap(out, Class::ContextSpecific, false, 1, &[]),
        Value::EndOfMibView => wrap(out, Class::ContextSpecific, false, 2, &[]),
        Value::TimeStamp(_) | Value::DateAndTime(_) | Value::OfSession(_) => Err(Malformed),
    }
}

/// Reads items one after the other.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of the items in `octets`.
    pub fn new(octets: &'a [u8]) -> Self {
        Reader(octets)
    }

    /// Whether all items are read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next item.
    ///
    /// # Errors
    /// There is none, or it is not complete.
    pub fn item(&mut self) -> Result<Any<'a>, Malformed> {
        let (rest, item) = Any::from_ber(self.0).map_err(|_| Malformed)?;
        self.0 = rest;
        Ok(item)
    }

    /// The content of the next item, which must have this class and tag.
    ///
    /// # Errors
    /// The next item is another one, or not complete.
    pub fn content(&mut self, class: Class, tag: u32) -> Result<&'a [u8], Malformed> {
        let item = self.item()?;
        if item.class() == class && item.tag() == Tag(tag) { Ok(item.as_bytes()) } else { Err(Malformed) }
    }

    /// A reader of the items in the next item, a SEQUENCE.
    ///
    /// # Errors
    /// The next item is another one, or not complete.
    pub fn sequence(&mut self) -> Result<Reader<'a>, Malformed> {
        self.content(Class::Universal, Tag::Sequence.0).map(Reader)
    }

    /// The octets of the next item, an OCTET STRING.
    ///
    /// # Errors
    /// The next item is another one, or not complete.
    pub fn octets(&mut self) -> Result<&'a [u8], Malformed> {
        self.content(Class::Universal, Tag::OctetString.0)
    }

    /// The next item, an INTEGER of at most 32 bits.
    ///
    /// # Errors
    /// The next item is another one, or not complete.
    pub fn integer(&mut self) -> Result<i32, Malformed> {
        Ok(i32::try_from(self.item()?)?)
    }

    /// The next item, an OBJECT IDENTIFIER.
    ///
    /// # Errors
    /// The next item is another one, or not complete, or has more than 128 sub-identifiers.
    pub fn object_id(&mut self) -> Result<Oid, Malformed> {
        let octets = self.content(Class::Universal, Tag::Oid.0)?;
        let oid = asn1_rs::Oid::new(octets.into());
        let sub_ids = oid.iter().ok_or(Malformed)?.take(crate::oid::MAX_SUB_IDS + 1);
        let sub_ids = sub_ids.map(|id| u32::try_from(id).map_err(|_| Malformed)).collect::<Result<Vec<_>, _>>()?;
        if sub_ids.len() > crate::oid::MAX_SUB_IDS { Err(Malformed) } else { Ok(Oid::from(sub_ids)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(of: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        value(&mut out, of).unwrap();
        out
    }

    /// The octets are those of RFC 3416's types in X.690's encoding.
    #[test]
    fn values_are_encoded() {
        for (of, expected) in [
            (Value::Integer(-129), &[2, 2, 0xff, 0x7f][..]),
            (Value::Integer(i32::MIN), &[2, 4, 0x80, 0, 0, 0]),
            (Value::text("ab"), &[4, 2, b'a', b'b']),
            (Value::Null, &[5, 0]),
            (
                Value::ObjectId(Oid::new(&[1, 3, 6, 1, 4, 1, 9586, u32::MAX])),
                &[6, 12, 0x2b, 6, 1, 4, 1, 0xca, 0x72, 0x8f, 0xff, 0xff, 0xff, 0x7f],
            ),
            (Value::ObjectId(Oid::default()), &[6, 1, 0]),
            (Value::IpAddress([10, 0, 0, 9]), &[0x40, 4, 10, 0, 0, 9]),
            (Value::Counter32(u32::MAX), &[0x41, 5, 0, 0xff, 0xff, 0xff, 0xff]),
            (Value::Gauge32(128), &[0x42, 2, 0, 128]),
            (Value::TimeTicks(0), &[0x43, 1, 0]),
            (Value::Opaque(vec![7]), &[0x44, 1, 7]),
            (Value::Counter64(u64::MAX), &[0x46, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
            (Value::NoSuchInstance, &[0x81, 0]),
        ] {
            assert_eq!(encoded(&of), expected, "{of:?}");
        }
        let long = encoded(&Value::OctetString(vec![b'x'; 300]));
        assert_eq!(long.get(..4), Some(&[4, 0x82, 1, 44][..]));
        assert_eq!(value(&mut Vec::new(), &Value::DateAndTime(std::time::Duration::ZERO)), Err(Malformed));
    }

    #[test]
    fn items_are_read_in_any_form_of_length() {
        let octets = [0x30, 0x82, 0, 8, 2, 1, 5, 4, 0x81, 2, b'h', b'i', 99];
        let mut reader = Reader::new(&octets);
        let mut inside = reader.sequence().unwrap();
        assert_eq!((inside.integer(), inside.octets()), (Ok(5), Ok(&b"hi"[..])));
        assert!(inside.is_empty() && inside.item().is_err());
        assert!(reader.integer().is_err());
        assert_eq!(Reader::new(&[6, 3, 0x2b, 6, 1]).object_id(), Ok(Oid::new(&[1, 3, 6, 1])));
        assert_eq!(
            Reader::new(&[6, 10, 0x2b, 6, 1, 6, 3, 15, 1, 1, 4, 0]).object_id(),
            "1.3.6.1.6.3.15.1.1.4.0".parse().map_err(|_| Malformed)
        );
        for cut in 0..octets.len() - 1 {
            assert!(Reader::new(&octets[..cut]).sequence().is_err(), "{cut}");
        }
    }
}
