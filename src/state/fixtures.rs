//! Records of releases in use: files that no later change may make unreadable.
//!
//! `tests/data/records/NAME.N.hex` are octets of a record, as releases since the one that added the file write them.
//! `UPDATE_RECORDS=1` adds a file with the next number if a record has a section that no file has. Files are never changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::sections::{Lasting, edited, from_sections, to_sections};

const REMEDY: &str = "a section keeps its form for ever: give the new form another name, and read the old one, too, for as long as \
                      upgrades from such a release should go without a restart (CONTRIBUTING.md, \"Records\")";

type Sections = BTreeMap<String, Vec<u8>>;

/// The sections of a record.
fn sections(octets: &[u8]) -> Sections {
    let mut found = Sections::new();
    edited(octets, |sections| found = std::mem::take(sections));
    found
}

fn path(name: &str, number: usize) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/records/{name}.{number}.hex"))
}

fn text_of(octets: &[u8]) -> String {
    let line = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>() + "\n";
    octets.chunks(48).map(line).collect()
}

fn octets_of(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

/// The files of a record, in the order of their numbers.
pub(crate) fn records(name: &str) -> Vec<Vec<u8>> {
    (1..).map_while(|number| fs::read_to_string(path(name, number)).ok()).map(|text| octets_of(&text)).collect()
}

/// Checks that records in the files of `name` are read, section by section, and that they are written in the same form today.
/// `sample` is a record with all sections of today, none of which is empty. Without one of those in `vital` a record is of no use
/// if it is there and cannot be read.
pub(crate) fn check<T: Lasting>(name: &str, sample: &[u8], vital: &[&str]) {
    let empty = sections(&to_sections(&T::default()).unwrap());
    for (section, content) in sections(sample) {
        assert_ne!(empty.get(&section), Some(&content), "{name}: the sample has nothing in section {section:?}");
    }
    let mut files = records(name);
    let known = |files: &[Vec<u8>], section: &String| files.iter().any(|file| sections(file).contains_key(section));
    if std::env::var_os("UPDATE_RECORDS").is_some() && !sections(sample).keys().all(|section| known(&files, section)) {
        fs::write(path(name, files.len() + 1), text_of(sample)).unwrap();
        files = records(name);
    }
    for section in sections(sample).keys() {
        assert!(
            known(&files, section),
            "{name}: section {section:?} is in no file; run the test with UPDATE_RECORDS=1"
        );
    }
    for (octets, number) in files.iter().zip(1..) {
        let file = path(name, number).display().to_string();
        let opened = from_sections::<T>(octets).unwrap_or_else(|error| panic!("{file}: {error}; {REMEDY}"));
        assert_eq!(opened.lost, [""; 0], "{file}: these sections are lost; {REMEDY}");
        let (then, now) = (sections(octets), sections(&to_sections(&opened.record).unwrap()));
        for (section, content) in &then {
            assert_eq!(now.get(section), Some(content), "{file}: section {section:?} has another form; {REMEDY}");
            each_alone::<T>(octets, section, vital.contains(&section.as_str()), &file);
        }
        let more = edited(octets, |sections| drop(sections.insert("weather".into(), vec![0xff; 20])));
        let opened = from_sections::<T>(&more).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(opened.lost, ["weather"], "{file}: a section of a later release is skipped");
    }
}

/// A section is missing, or has the form of another release.
fn each_alone<T: Lasting>(octets: &[u8], section: &str, is_vital: bool, file: &str) {
    let without = from_sections::<T>(&edited(octets, |sections| drop(sections.remove(section))));
    assert_eq!(without.map(|opened| opened.lost), Ok(Vec::new()), "{file}: without {section:?}");
    let other = edited(octets, |sections| drop(sections.insert(section.into(), vec![0xff; 3])));
    match from_sections::<T>(&other) {
        Ok(opened) => {
            assert!(!is_vital, "{file}: {section:?} cannot be read, and the record is used all the same");
            assert_eq!(opened.lost, [section], "{file}");
            let (then, now) = (sections(octets), sections(&to_sections(&opened.record).unwrap()));
            for (name, content) in then.iter().filter(|(name, _)| *name != section) {
                // A part of another one, such as the counters of the router, may go with it.
                assert!(now.get(name).is_none_or(|now| now == content), "{file}: {section:?} spoils {name:?}");
            }
        }
        Err(error) => {
            let error = error.to_string();
            assert!(is_vital && error.contains(&format!("{section}: ")), "{file}: {section:?}: {error}");
        }
    }
}
