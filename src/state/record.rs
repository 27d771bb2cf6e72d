//! Records in files: versioned values as JSON. What a process sends to another one has [sections](super::sections).

use std::hash::{DefaultHasher, Hasher};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value in a file, for a later process.
pub trait Record: Serialize + DeserializeOwned {
    /// Name of the record in messages and files.
    const NAME: &'static str;
    /// Version of the type. Raise it with a change of the type that processes could misread; fields may be added.
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

/// Returns a hash that represents a value in records. It is the same in all processes of one program.
pub fn fingerprint<T: Serialize>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Every value of a configuration can be encoded: the parent has sent the configuration in this encoding.
    hasher.write(&postcard::to_stdvec(value).unwrap_or_default());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_the_same_fingerprint() {
        assert_eq!(fingerprint(&("A", 1)), fingerprint(&("A", 1)));
        assert_ne!(fingerprint(&("A", 1)), fingerprint(&("A", 2)));
    }
}
