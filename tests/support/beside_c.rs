//! Walks of our daemon and of C keepalived, compared object by object. docs/snmp.md names each object that differs.
#![allow(clippy::expect_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::mib_text;

/// The instances of a walk: identifier, type and value.
pub type Walk = BTreeMap<String, String>;

/// A difference: the object, the value of C keepalived, and ours; `-` is an instance that is not served.
pub type Difference<'d> = (&'d str, &'d str, &'d str);

/// The names of the objects of all modules, by identifier.
fn names() -> BTreeMap<String, String> {
    let mibs = Path::new(env!("CARGO_MANIFEST_DIR")).join("mibs");
    let base = ["SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF", "INET-ADDRESS-MIB", "IF-MIB"];
    let modules = ["KEEPALIVED-MIB", "VRRP-MIB", "VRRPV3-MIB"];
    let base = base.map(|name| mibs.join("base").join(format!("{name}.txt")));
    let files: Vec<_> = base.into_iter().chain(modules.map(|name| mibs.join(format!("{name}.txt")))).collect();
    let files: Vec<&Path> = files.iter().map(|file| file.as_path()).collect();
    let dotted = |oid: &[u32]| oid.iter().map(|id| format!(".{id}")).collect::<String>();
    let objects = mib_text::load(&files).into_iter().filter(|object| object.syntax.is_some());
    objects.map(|object| (dotted(&object.oid), object.name)).collect()
}

/// What is wrong unless the walks differ in `expected` and in nothing else, as lines; differences of several rows count once.
pub fn unexpected(theirs: &Walk, ours: &Walk, expected: &[Difference<'_>]) -> Vec<String> {
    let names = names();
    let name_of = |instance: &str| {
        let prefixes = instance.char_indices().rev().filter(|(_, char)| *char == '.').map(|(at, _)| &instance[..at]);
        prefixes.into_iter().find_map(|prefix| names.get(prefix)).cloned().unwrap_or_else(|| instance.to_owned())
    };
    let value = |walk: &Walk, instance: &String| walk.get(instance).map_or("-", String::as_str).trim().to_owned();
    let mut found: BTreeMap<(String, String, String), &str> = BTreeMap::new();
    for instance in theirs.keys().chain(ours.keys()) {
        let (their, our) = (value(theirs, instance), value(ours, instance));
        if their != our {
            found.insert((name_of(instance), their, our), instance);
        }
    }
    let expected: BTreeSet<Difference<'_>> = expected.iter().copied().collect();
    let new = found
        .iter()
        .filter(|((name, their, our), _)| !expected.contains(&(name.as_str(), their.as_str(), our.as_str())))
        .map(|((name, their, our), instance)| format!("(\"{name}\", {their:?}, {our:?}), // {instance}"));
    let missing = expected
        .iter()
        .filter(|(name, their, our)| !found.contains_key(&((*name).into(), (*their).into(), (*our).into())))
        .map(|difference| format!("no longer: {difference:?}"));
    new.chain(missing).collect()
}

/// Asserts that the list of docs/snmp.md has these objects.
pub fn assert_documented(differences: &[Difference<'_>]) {
    let page = include_str!("../../docs/snmp.md");
    let section = page.split("## Differences to C keepalived\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let words: BTreeSet<&str> =
        section.expect("the list of differences").split(|char: char| !char.is_alphanumeric()).collect();
    let names: BTreeSet<&str> =
        differences.iter().map(|(name, ..)| *name).filter(|name| !words.contains(name)).collect();
    assert!(names.is_empty(), "not in the list of docs/snmp.md: {names:?}");
}
