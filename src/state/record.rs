//! Records: versioned values that a process sends to another process of the same release, or keeps in a file.
//!
//! Between processes, records are encoded as postcard, as the configuration is; they exist in memory only. What a process leaves to
//! its successor has [sections](super::sections).

use std::hash::{DefaultHasher, Hasher};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that one process passes on to another.
pub trait Record: Serialize + DeserializeOwned {
    /// Name of the record in messages and files.
    const NAME: &'static str;
    /// Version of the type. Raise it with every change of the type, so that no process misreads a record.
    const VERSION: u32;
}

/// For processes without entries in the kernel.
impl Record for () {
    const NAME: &'static str = "nothing";
    const VERSION: u32 = 1;
}

/// Reason for refusing a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another release wrote it.
    #[error("{name} of version {found}, not {}: another release wrote it", known)]
    Version {
        /// [`Record::NAME`].
        name: &'static str,
        /// Version of the record.
        found: u32,
        /// Version that this program reads and writes.
        known: u32,
    },
    /// The record cannot be decoded.
    #[error("{name} that cannot be read: {reason}")]
    Damaged {
        /// [`Record::NAME`].
        name: &'static str,
        /// Message of the decoder.
        reason: String,
    },
}

impl Unusable {
    /// The error for a record that cannot be decoded.
    pub fn damaged<T: Record>(reason: impl ToString) -> Unusable {
        Unusable::Damaged { name: T::NAME, reason: reason.to_string() }
    }

    /// Checks that a version is the version of this program.
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

/// Encodes a record for another process.
///
/// # Errors
/// When postcard cannot encode the record; this does not happen for any record of this program.
pub fn to_octets<T: Record>(record: &T) -> Result<Vec<u8>, Unusable> {
    postcard::to_stdvec(&(T::VERSION, record)).map_err(Unusable::damaged::<T>)
}

/// Decodes a record.
///
/// # Errors
/// When the record has another version, cannot be decoded, or is followed by more octets.
pub fn from_octets<T: Record>(octets: &[u8]) -> Result<T, Unusable> {
    let (version, rest) = postcard::take_from_bytes(octets).map_err(Unusable::damaged::<T>)?;
    Unusable::check_version::<T>(version)?;
    let (record, rest) = postcard::take_from_bytes(rest).map_err(Unusable::damaged::<T>)?;
    if rest.is_empty() { Ok(record) } else { Err(Unusable::damaged::<T>("something follows it")) }
}

/// Returns a hash that represents a value in records. It is the same in all processes of one program.
pub fn fingerprint<T: Serialize>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Every value of a configuration can be encoded: the parent has sent the configuration in this encoding.
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
    fn another_version_is_refused_with_a_message() {
        let octets = to_octets(&Old("A".into())).unwrap();
        assert_eq!(from_octets::<Old>(&octets), Ok(Old("A".into())));
        let text = from_octets::<New>(&octets).unwrap_err().to_string();
        assert_eq!(text, "a test record of version 1, not 2: another release wrote it");
    }

    #[test]
    fn truncated_and_overlong_records_are_refused_with_a_message() {
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
