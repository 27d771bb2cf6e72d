//! Records: typed values with a version, by which a process tells another, or its successor, where it stands.
//!
//! Between processes they are postcard, as the configuration is: they live in memory only.

use std::hash::{DefaultHasher, Hasher};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that one process leaves to another.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is called in messages and files.
    const NAME: &'static str;
    /// Raised with every change of the type, so that no process takes one thing for another.
    const VERSION: u32;
}

/// Of a process that has nothing to leave.
impl Record for () {
    const NAME: &'static str = "nothing";
    const VERSION: u32 = 1;
}

/// Why a record is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another release wrote it.
    #[error("{name} of version {found}, not {}: another release wrote it", known)]
    Version {
        /// [`Record::NAME`].
        name: &'static str,
        /// Its version.
        found: u32,
        /// The version that this program writes and reads.
        known: u32,
    },
    /// It is no such record.
    #[error("{name} that cannot be read: {reason}")]
    Damaged {
        /// [`Record::NAME`].
        name: &'static str,
        /// What the decoder says.
        reason: String,
    },
}

impl Unusable {
    /// No record of this type.
    pub fn damaged<T: Record>(reason: impl ToString) -> Unusable {
        Unusable::Damaged { name: T::NAME, reason: reason.to_string() }
    }

    /// Whether a version is that of this program.
    ///
    /// # Errors
    /// [`Unusable::Version`] when it is not.
    pub fn check_version<T: Record>(found: u32) -> Result<(), Unusable> {
        if found == T::VERSION {
            return Ok(());
        }
        Err(Unusable::Version { name: T::NAME, found, known: T::VERSION })
    }
}

/// A record as octets, for another process.
///
/// # Errors
/// None that is known of: every record can be encoded.
pub fn to_octets<T: Record>(record: &T) -> Result<Vec<u8>, Unusable> {
    postcard::to_stdvec(&(T::VERSION, record)).map_err(Unusable::damaged::<T>)
}

/// The record of these octets.
///
/// # Errors
/// When they are of another version, are no such record, or have something behind it.
pub fn from_octets<T: Record>(octets: &[u8]) -> Result<T, Unusable> {
    let (version, rest) = postcard::take_from_bytes(octets).map_err(Unusable::damaged::<T>)?;
    Unusable::check_version::<T>(version)?;
    let (record, rest) = postcard::take_from_bytes(rest).map_err(Unusable::damaged::<T>)?;
    if rest.is_empty() { Ok(record) } else { Err(Unusable::damaged::<T>("something follows it")) }
}

/// A number that stands for a value in records of processes of the same program.
pub fn fingerprint<T: Serialize>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Every value of a configuration can be encoded: the parent has handed it over so.
    hasher.write(&postcard::to_stdvec(value).unwrap_or_default());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old(String);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New(String, u32);

    impl Record for Old {
        const NAME: &'static str = "a test record";
        const VERSION: u32 = 1;
    }
    impl Record for New {
        const NAME: &'static str = "a test record";
        const VERSION: u32 = 2;
    }

    #[test]
    fn another_version_is_refused_in_words() {
        let octets = to_octets(&Old("A".into())).unwrap();
        assert_eq!(from_octets::<Old>(&octets), Ok(Old("A".into())));
        let text = from_octets::<New>(&octets).unwrap_err().to_string();
        assert_eq!(text, "a test record of version 1, not 2: another release wrote it");
    }

    #[test]
    fn anything_else_is_refused_in_words() {
        let whole = to_octets(&New("name".into(), 300)).unwrap();
        let longer = [whole.as_slice(), &[0]].concat();
        for octets in (0..whole.len()).map(|end| &whole[..end]).chain([longer.as_slice()]) {
            let text = from_octets::<New>(octets).unwrap_err().to_string();
            assert!(text.starts_with("a test record that cannot be read: "), "{octets:?}: {text}");
        }
    }

    #[test]
    fn equal_values_have_the_same_fingerprint() {
        assert_eq!(fingerprint(&("A", 1)), fingerprint(&("A", 1)));
        assert_ne!(fingerprint(&("A", 1)), fingerprint(&("A", 2)));
    }
}
