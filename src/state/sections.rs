//! Lasting records: values that a process of one release leaves or sends to a process of another, in named sections.
//!
//! The octets are the version of the record, and the name and the content of each section. Within a version, releases may
//! add sections and leave sections out: a reader skips those that it does not know, and takes the default value for those that are
//! missing. A content is encoded as postcard, by position, so its form stays: a value of another form gets a section
//! of another name, and an enumeration gets new variants at its end. Another version is for a record that releases of the former one
//! must not use.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::Unusable;

/// A value for another process, which may be of another release.
pub trait Lasting: Default {
    /// Name of the record in messages.
    const NAME: &'static str;
    /// Version of the record.
    const VERSION: u32;

    /// Adds the sections of this value.
    fn write(&self, sections: &mut Writer);

    /// Reads a value from its sections.
    ///
    /// # Errors
    /// When a section without which the record is of no use cannot be read.
    fn read(sections: &mut Reader<'_>) -> Result<Self, Unusable>;
}

/// For processes without a record.
impl Lasting for () {
    const NAME: &'static str = "nothing";
    const VERSION: u32 = 1;

    fn write(&self, _sections: &mut Writer) {}

    fn read(_sections: &mut Reader<'_>) -> Result<(), Unusable> {
        Ok(())
    }
}

/// The sections of a record that is written.
#[derive(Debug, Default)]
pub struct Writer {
    sections: Vec<(&'static str, Content)>,
    failed: Option<String>,
}

/// The sections of a record that is read.
#[derive(Debug)]
pub struct Reader<'o> {
    record: &'static str,
    sections: BTreeMap<&'o str, &'o [u8]>,
    lost: Vec<String>,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<T> {
    /// The record.
    pub record: T,
    /// Names of sections that this program does not know or cannot read.
    pub lost: Vec<String>,
}

/// Octets, which serde would otherwise encode one by one.
#[derive(Debug)]
struct Content(Vec<u8>);

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl Writer {
    /// Adds a section.
    pub fn put<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        match postcard::to_stdvec(value) {
            Ok(octets) => self.sections.push((name, Content(octets))),
            Err(error) => self.failed = Some(format!("{name}: {error}")),
        }
    }

    /// Adds a section of types whose form changes from release to release, such as those of the configuration: as JSON.
    pub fn put_text<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        match serde_json::to_vec(value) {
            Ok(octets) => self.sections.push((name, Content(octets))),
            Err(error) => self.failed = Some(format!("{name}: {error}")),
        }
    }
}

impl Reader<'_> {
    /// Takes a section without which the record is of no use; the default value if it is missing.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn take<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> Result<T, Unusable> {
        let Some(content) = self.sections.remove(name) else { return Ok(T::default()) };
        decode(content).map_err(|reason| self.damaged(&format!("{name}: {reason}")))
    }

    /// As [`Reader::take`], for a section of [`Writer::put_text`].
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn take_text<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> Result<T, Unusable> {
        let Some(content) = self.sections.remove(name) else { return Ok(T::default()) };
        serde_json::from_slice(content).map_err(|error| self.damaged(&format!("{name}: {error}")))
    }

    /// Takes a section without which the rest is of use; the default value if it is missing or cannot be decoded.
    pub fn take_if_readable<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> T {
        let Some(content) = self.sections.remove(name) else { return T::default() };
        decode(content).unwrap_or_else(|_| self.lose(name))
    }

    /// As [`Reader::take_if_readable`]; `None` if it is missing or cannot be decoded.
    pub fn take_if_present<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let content = self.sections.remove(name)?;
        decode(content).map_or_else(|_| self.lose(name), Some)
    }

    fn lose<T: Default>(&mut self, name: &str) -> T {
        self.lost.push(name.to_owned());
        T::default()
    }

    fn damaged(&self, reason: &str) -> Unusable {
        Unusable::Damaged { name: self.record, reason: reason.to_owned() }
    }
}

/// Decodes the whole of the octets.
fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(octets) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err("something follows it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Encodes a record.
///
/// # Errors
/// When a section cannot be encoded; this does not happen for any record of this program.
pub fn to_sections<T: Lasting>(record: &T) -> Result<Vec<u8>, Unusable> {
    let mut writer = Writer::default();
    record.write(&mut writer);
    let damaged = |reason: String| Unusable::Damaged { name: T::NAME, reason };
    if let Some(reason) = writer.failed {
        return Err(damaged(reason));
    }
    postcard::to_stdvec(&(T::VERSION, writer.sections)).map_err(|error| damaged(error.to_string()))
}

/// Decodes a record, of this release or of another one.
///
/// # Errors
/// When the record has another version, or cannot be decoded.
pub fn from_sections<T: Lasting>(octets: &[u8]) -> Result<Opened<T>, Unusable> {
    let damaged = |reason: String| Unusable::Damaged { name: T::NAME, reason };
    let (found, rest) = postcard::take_from_bytes(octets).map_err(|error| damaged(error.to_string()))?;
    if found != T::VERSION {
        return Err(Unusable::Version { name: T::NAME, found, known: T::VERSION });
    }
    // Not by `decode`, whose values own their octets.
    let (sections, rest): (Vec<(&str, &[u8])>, _) =
        postcard::take_from_bytes(rest).map_err(|error| damaged(error.to_string()))?;
    if !rest.is_empty() {
        return Err(damaged("something follows it".to_owned()));
    }
    let mut reader = Reader { record: T::NAME, sections: sections.into_iter().collect(), lost: Vec::new() };
    let record = T::read(&mut reader)?;
    let unknown = reader.sections.into_keys().map(str::to_owned);
    Ok(Opened { record, lost: reader.lost.into_iter().chain(unknown).collect() })
}

/// A value in a section that a reader may not know, such as a variant that a later release has added: it is `None` then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known<T>(pub Option<T>);

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let octets = self.0.as_ref().map_or(Ok(Vec::new()), postcard::to_stdvec);
        serializer.serialize_bytes(&octets.map_err(serde::ser::Error::custom)?)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Known<T>, D::Error> {
        let octets = <&[u8]>::deserialize(deserializer)?;
        Ok(Known(decode(octets).ok()))
    }
}

/// The same record with other sections, as another release might have written it.
#[cfg(test)]
pub(crate) fn edited(octets: &[u8], edit: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Vec<u8> {
    let (version, rest): (u32, _) = postcard::take_from_bytes(octets).unwrap();
    let sections: Vec<(String, &[u8])> = postcard::from_bytes(rest).unwrap();
    let mut sections = sections.into_iter().map(|(name, octets)| (name, octets.to_vec())).collect();
    edit(&mut sections);
    let sections: Vec<_> = sections.into_iter().map(|(name, octets)| (name, Content(octets))).collect();
    postcard::to_stdvec(&(version, sections)).unwrap()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The record as a later release has it, too: with or without some sections.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Rows {
        names: Vec<String>,
        colors: Vec<Known<Color>>,
        sizes: Vec<u32>,
        text: Vec<String>,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Color {
        Red,
        Rgb(u8, u8, u8),
    }

    /// With a further variant.
    #[derive(Serialize, Deserialize)]
    enum LaterColor {
        Red,
        _Rgb(u8, u8, u8),
        Named(String),
    }

    impl Lasting for Rows {
        const NAME: &'static str = "test rows";
        const VERSION: u32 = 3;

        fn write(&self, sections: &mut Writer) {
            sections.put("names", &self.names);
            sections.put("colors", &self.colors);
            sections.put("sizes", &self.sizes);
            sections.put_text("text", &self.text);
        }

        fn read(sections: &mut Reader<'_>) -> Result<Rows, Unusable> {
            Ok(Rows {
                names: sections.take("names")?,
                colors: sections.take_if_readable("colors"),
                sizes: sections.take_if_readable("sizes"),
                text: sections.take_text("text")?,
            })
        }
    }

    fn rows() -> Rows {
        Rows {
            names: vec!["A".into(), "B".into()],
            colors: vec![Known(Some(Color::Rgb(1, 2, 3))), Known(None)],
            sizes: vec![7, 300],
            text: vec!["a \"quoted\"\n".into()],
        }
    }

    /// Octets of a record with these sections.
    fn of(version: u32, sections: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
        let sections: Vec<_> = sections.iter().map(|(name, octets)| (*name, Content(octets.clone()))).collect();
        postcard::to_stdvec(&(version, sections)).unwrap()
    }

    fn section<T: Serialize>(value: &T) -> Vec<u8> {
        postcard::to_stdvec(value).unwrap()
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let octets = to_sections(&rows()).unwrap();
        assert_eq!(from_sections(&octets), Ok(Opened { record: rows(), lost: Vec::new() }));
    }

    #[test]
    fn sections_of_a_later_release_are_skipped_and_missing_ones_are_empty() {
        let octets = of(3, &[("weights", vec![0xff; 9]), ("names", section(&vec!["A"]))]);
        let record = Rows { names: vec!["A".into()], ..Rows::default() };
        assert_eq!(from_sections(&octets), Ok(Opened { record, lost: vec!["weights".into()] }));
    }

    #[test]
    fn a_variant_of_a_later_release_is_unknown_and_the_others_are_read() {
        let later = [LaterColor::Named("blue".into()), LaterColor::Red].map(|color| Known(Some(color)));
        let octets = of(3, &[("colors", section(&later.as_slice()))]);
        let read: Opened<Rows> = from_sections(&octets).unwrap();
        assert_eq!(read.record.colors, [Known(None), Known(Some(Color::Red))]);
    }

    #[test]
    fn a_section_that_cannot_be_read_is_lost_or_spoils_the_record() {
        let octets = of(3, &[("sizes", vec![5])]);
        let read: Opened<Rows> = from_sections(&octets).unwrap();
        assert_eq!((read.record, read.lost), (Rows::default(), vec!["sizes".into()]));
        let text = from_sections::<Rows>(&of(3, &[("text", b"[1".to_vec())])).unwrap_err().to_string();
        assert!(text.starts_with("test rows that cannot be read: text: "), "{text}");
        for content in [vec![5], [section(&vec!["A"]), vec![0]].concat()] {
            let text = from_sections::<Rows>(&of(3, &[("names", content)])).unwrap_err().to_string();
            assert!(text.starts_with("test rows that cannot be read: names: "), "{text}");
        }
    }

    #[test]
    fn another_version_is_refused_with_a_message() {
        for version in [0, 2, 4, 300] {
            let text = from_sections::<Rows>(&of(version, &[])).unwrap_err().to_string();
            assert_eq!(text, format!("test rows of version {version}, not 3: another release wrote it"));
        }
    }

    #[test]
    fn truncated_and_overlong_records_are_refused_with_a_message() {
        let whole = to_sections(&rows()).unwrap();
        let longer = [whole.as_slice(), &[0]].concat();
        for octets in (0..whole.len()).map(|end| &whole[..end]).chain([longer.as_slice()]) {
            let text = from_sections::<Rows>(octets).unwrap_err().to_string();
            assert!(text.starts_with("test rows that cannot be read: "), "{octets:?}: {text}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_cause_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = from_sections::<Rows>(&octets);
            let _ = from_sections::<Rows>(&[&[3], octets.as_slice()].concat());
            let _ = from_sections::<Rows>(&of(3, &[("names", octets.clone()), ("colors", octets)]));
        }

        #[test]
        fn changed_octets_cause_no_panic(at in 0_usize..80, octet in any::<u8>()) {
            let mut octets = to_sections(&rows()).unwrap();
            let at = at % octets.len();
            octets[at] = octet;
            let _ = from_sections::<Rows>(&octets);
        }
    }
}
