//! The files of snmp/nms/, and the objects of the MIB modules that they name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

use crate::mib_text::{self, MibObject};

/// Roots of the modules, as identifiers in the kit begin.
pub const ROOTS: [&str; 4] =
    ["1.3.6.1.4.1.9586.100.5", "1.3.6.1.4.1.8072.9999.9999.112", "1.3.6.1.2.1.68", "1.3.6.1.2.1.207"];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The path of a file of the kit.
pub fn path(name: &str) -> PathBuf {
    top().join("snmp/nms").join(name)
}

/// The text of a file of the kit.
pub fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A file of YAML with one document.
pub fn yaml(name: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(documents.len(), 1, "{name} has one document");
    documents.remove(0)
}

/// All files of the kit, as paths below snmp/nms.
pub fn files() -> Vec<String> {
    fn below(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    below(&path(""), &mut found);
    let mut names: Vec<String> =
        found.iter().map(|file| file.strip_prefix(path("")).unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The strings of a document, at any depth, without the keys of its mappings.
pub fn strings(yaml: &Yaml) -> Vec<&str> {
    match yaml {
        Yaml::String(text) => vec![text],
        Yaml::Array(items) => items.iter().flat_map(strings).collect(),
        Yaml::Hash(items) => items.iter().flat_map(|(_, value)| strings(value)).collect(),
        _ => Vec::new(),
    }
}

/// The values of a key in a document, at any depth.
pub fn values<'a>(yaml: &'a Yaml, key: &str) -> Vec<&'a Yaml> {
    match yaml {
        Yaml::Array(items) => items.iter().flat_map(|item| values(item, key)).collect(),
        Yaml::Hash(items) => items
            .iter()
            .flat_map(|(name, value)| {
                let own = (name.as_str() == Some(key)).then_some(value);
                own.into_iter().chain(values(value, key))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The objects of our modules and of those that they import, by name and by identifier.
pub struct Mibs {
    pub by_name: BTreeMap<String, MibObject>,
    by_oid: BTreeMap<Vec<u32>, String>,
}

impl Mibs {
    pub fn load() -> Self {
        let names =
            ["KEEPALIVED-MIB", "KEEPALIVED-HA-MIB", "VRRP-MIB", "VRRPV3-MIB"].map(|name| format!("mibs/{name}.txt"));
        let base = ["SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF", "SNMPv2-MIB", "INET-ADDRESS-MIB", "IF-MIB"];
        let base = base.map(|name| format!("mibs/base/{name}.txt"));
        let paths: Vec<PathBuf> = names.iter().chain(&base).map(|name| top().join(name)).collect();
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let by_name: BTreeMap<String, MibObject> =
            mib_text::load(&paths).into_iter().map(|object| (object.name.clone(), object)).collect();
        let by_oid = by_name.values().map(|object| (object.oid.clone(), object.name.clone())).collect();
        Mibs { by_name, by_oid }
    }

    pub fn object(&self, name: &str) -> &MibObject {
        self.by_name.get(name).unwrap_or_else(|| panic!("{name} is in no MIB module"))
    }

    /// Whether a table, an entry, a column or a scalar has the name.
    pub fn is_object(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|object| object.kind == "OBJECT-TYPE")
    }

    /// The name of an identifier as text, with or without a leading dot. Panics if no module defines it.
    pub fn name_of(&self, oid: &str) -> &str {
        let numbers: Vec<u32> = oid.trim_matches('.').split('.').map(|number| number.parse().unwrap()).collect();
        // That of a scalar with its instance is the scalar's.
        let scalar = numbers.strip_suffix(&[0]).unwrap_or(&numbers);
        let found = self.by_oid.get(&numbers).or_else(|| self.by_oid.get(scalar));
        found.unwrap_or_else(|| panic!("no MIB module defines {oid}"))
    }
}

/// The identifiers of ours in a text, without a leading dot and without a dot at the end.
pub fn oids(text: &str) -> Vec<&str> {
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let mut found = Vec::new();
    for word in text.split(|c: char| !digits(c)) {
        let word = word.trim_matches('.');
        if ROOTS.iter().any(|root| word.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
        {
            found.push(word);
        }
    }
    found
}

/// The columns and scalars that can be read below an identifier, itself included.
pub fn leaves<'a>(mibs: &'a Mibs, root: &[u32]) -> Vec<&'a MibObject> {
    let below = mibs.by_name.values().filter(|object| object.kind == "OBJECT-TYPE" && object.oid.starts_with(root));
    below.filter(|object| matches!(object.access.as_str(), "read-only" | "read-write" | "read-create")).collect()
}
