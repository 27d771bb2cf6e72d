//! Object identifiers.
//!
//! An [`Oid`] is a list of 32-bit sub-identifiers in SNMP's order of the tree:
//! lexicographically, a parent before its children (RFC 2741 section 5.1, RFC 3416 section 2.2).

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The most sub-identifiers an object identifier can have (RFC 2578 section 3.5).
pub const MAX_SUB_IDS: usize = 128;

/// An object identifier: 0 to 128 sub-identifiers. The empty one is AgentX's "null" identifier.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Vec<u32>);

impl Oid {
    /// The identifier with these sub-identifiers.
    pub fn new(sub_ids: &[u32]) -> Self {
        Oid(sub_ids.to_vec())
    }

    /// This identifier followed by `sub_id`.
    #[must_use]
    pub fn child(&self, sub_id: u32) -> Self {
        self.join(&[sub_id])
    }

    /// This identifier followed by `tail`.
    #[must_use]
    pub fn join(&self, tail: &[u32]) -> Self {
        let mut sub_ids = Vec::with_capacity(self.0.len() + tail.len());
        sub_ids.extend_from_slice(&self.0);
        sub_ids.extend_from_slice(tail);
        Oid(sub_ids)
    }

    /// The first identifier after this subtree; `None` when nothing can follow: for the null identifier
    /// and for one whose sub-identifiers are all 4294967295.
    pub fn successor(&self) -> Option<Self> {
        let mut sub_ids = self.0.clone();
        while let Some(last) = sub_ids.pop() {
            if let Some(next) = last.checked_add(1) {
                sub_ids.push(next);
                return Some(Oid(sub_ids));
            }
        }
        None
    }

    /// Whether this is `prefix` or lies below it.
    pub fn starts_with(&self, prefix: &[u32]) -> bool {
        self.0.starts_with(prefix)
    }

    /// The sub-identifiers.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Whether this is the null identifier, which has no sub-identifier.
    pub fn is_null(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u32>> for Oid {
    fn from(sub_ids: Vec<u32>) -> Self {
        Oid(sub_ids)
    }
}

impl From<&[u32]> for Oid {
    fn from(sub_ids: &[u32]) -> Self {
        Oid::new(sub_ids)
    }
}

impl<const N: usize> From<[u32; N]> for Oid {
    fn from(sub_ids: [u32; N]) -> Self {
        Oid::new(&sub_ids)
    }
}

impl Borrow<[u32]> for Oid {
    fn borrow(&self) -> &[u32] {
        &self.0
    }
}

/// Numeric form with a leading dot, as `snmpwalk -On` prints it; the null identifier is `.`.
impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        self.0.iter().try_for_each(|id| write!(f, ".{id}"))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why text is not an object identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseOidError {
    /// A part between dots is not a decimal number from 0 to 4294967295.
    #[error("'{0}' is not a sub-identifier (a number from 0 to 4294967295)")]
    SubId(String),
    /// More than [`MAX_SUB_IDS`] parts.
    #[error("an object identifier has at most {MAX_SUB_IDS} sub-identifiers")]
    TooLong,
}

/// Accepts `.1.3.6`, `1.3.6`, and `.` or empty text for the null identifier.
impl FromStr for Oid {
    type Err = ParseOidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix('.').unwrap_or(text);
        if text.is_empty() {
            return Ok(Oid::default());
        }
        let sub_ids = text
            .split('.')
            .map(|part| {
                let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
                part.parse().ok().filter(|_| digits).ok_or_else(|| ParseOidError::SubId(part.to_owned()))
            })
            .collect::<Result<Vec<u32>, _>>()?;
        if sub_ids.len() > MAX_SUB_IDS {
            return Err(ParseOidError::TooLong);
        }
        Ok(Oid(sub_ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    #[test]
    fn identifiers_sort_in_tree_order() {
        let sorted = [".", ".1.3", ".1.3.6", ".1.3.6.0", ".1.3.6.2", ".1.3.6.10", ".1.4"];
        assert!(sorted.windows(2).all(|pair| oid(pair[0]) < oid(pair[1])));
        assert!(oid(".1.3.4294967295") > oid(".1.3.16384"));
    }

    #[test]
    fn text_is_parsed_and_printed() {
        assert_eq!(oid("1.3.6.4294967295").to_string(), ".1.3.6.4294967295");
        assert_eq!(oid("."), Oid::default());
        for bad in ["1..3", ".1.3.", "1.x", "4294967296", "-1", "+1", " 1"] {
            assert!(bad.parse::<Oid>().is_err(), "{bad}");
        }
        assert_eq!([".1"; 129].concat().parse::<Oid>(), Err(ParseOidError::TooLong));
    }

    #[test]
    fn successor_is_just_after_the_subtree() {
        assert_eq!(oid(".1.3.6").successor(), Some(oid(".1.3.7")));
        assert_eq!(oid(".1.3.4294967295").successor(), Some(oid(".1.4")));
        assert_eq!(oid(".4294967295").successor(), None);
        assert_eq!(Oid::default().successor(), None);
    }
}
