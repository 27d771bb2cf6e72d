//! The MIB modules in mibs/ are valid, load with Debian's net-snmp, and define the objects that every NMS expects. The tools
//! are in the packages `smitools` and `snmp`; without them these tests fail.

#[cfg(test)]
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mib_text::MibObject;

use crate::mib_text;

/// A module of ours.
struct Module {
    name: &'static str,
    /// Identifier of its root.
    base: &'static str,
    /// Identifiers below this are its own, or those of nodes above its root that it defines.
    above: &'static str,
    /// Its objects: names and numbers that must never change.
    expected: &'static str,
    /// Number of the objects.
    count: usize,
    /// A scalar, and its instance.
    scalar: (&'static str, &'static str),
}

const MODULES: [Module; 4] = [
    Module {
        name: "KEEPALIVED-MIB",
        base: "1.3.6.1.4.1.9586.100.5",
        above: "1.3.6.1.4.1.9586",
        expected: include_str!("../data/keepalived-mib.tsv"),
        count: 528,
        scalar: ("version.0", "1.1.0"),
    },
    Module {
        name: "VRRP-MIB",
        base: "1.3.6.1.2.1.68",
        above: "1.3.6.1.2.1.68",
        expected: include_str!("../data/vrrp-mib.tsv"),
        count: 56,
        scalar: ("vrrpNodeVersion.0", "1.1.0"),
    },
    Module {
        name: "VRRPV3-MIB",
        base: "1.3.6.1.2.1.207",
        above: "1.3.6.1.2.1.207",
        expected: include_str!("../data/vrrpv3-mib.tsv"),
        count: 55,
        scalar: ("vrrpv3RouterVrIdErrors.0", "1.2.3.0"),
    },
    Module {
        name: "KEEPALIVED-HA-MIB",
        base: "1.3.6.1.4.1.8072.9999.9999.112",
        above: "1.3.6.1.4.1.8072.9999.9999.112",
        expected: include_str!("../data/keepalived-ha-mib.tsv"),
        count: 101,
        scalar: ("haEventTime.0", "1.1.0"),
    },
];

fn mibs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mibs")
}

fn module_files(module: &Module) -> Vec<PathBuf> {
    let names = ["SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF", "SNMPv2-MIB", "INET-ADDRESS-MIB", "IF-MIB"];
    let base = names.map(|name| mibs().join("base").join(name).with_extension("txt"));
    [vec![mibs().join(module.name).with_extension("txt")], base.to_vec()].concat()
}

/// Standard output and error of a tool, which must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{:?} cannot be run: {error}", command.get_program()));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

fn snmptranslate(module: &Module) -> Command {
    let mut command = Command::new("snmptranslate");
    command.env("MIBS", "").args(["-M".to_owned(), format!("+{}", mibs().display())]);
    command.args(["-m", module.name]);
    command
}

/// One row of the table of expected objects, in the form in which both parsers are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Definition {
    oid: String,
    convention: String,
    syntax: String,
    access: String,
    status: String,
    units: String,
    index: String,
    objects: String,
}

fn expected_objects(module: &Module) -> BTreeMap<String, (String, Definition)> {
    let mut expected_objects = BTreeMap::new();
    for line in module.expected.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, oid, kind, syntax, access, status, units, index, objects, ..] = cells[..] else {
            panic!("a row has fewer columns: {line}");
        };
        let oid = match oid {
            "." => module.base.to_owned(),
            absolute if absolute.starts_with('(') => absolute.trim_matches(['(', ')', '.']).to_owned(),
            relative => format!("{}.{relative}", module.base),
        };
        let (convention, syntax) = syntax.split_once(" = ").unwrap_or(("", syntax));
        let definition = Definition {
            oid,
            convention: convention.to_owned(),
            syntax: syntax.replace(' ', ""),
            access: access.to_owned(),
            status: status.to_owned(),
            units: units.to_owned(),
            index: index.to_owned(),
            objects: objects.to_owned(),
        };
        expected_objects.insert(name.to_owned(), (kind.to_owned(), definition));
    }
    assert_eq!(expected_objects.len(), module.count, "the table of expected objects is complete");
    expected_objects
}

fn compare(what: &str, name: &str, expected: &Definition, found: &Definition, differences: &mut Vec<String>) {
    if expected != found {
        differences.push(format!("{what}: {name}\n  expected {expected:?}\n  found    {found:?}"));
    }
}

#[test]
fn smilint_reports_nothing() {
    let path = format!("{}:{}", mibs().display(), mibs().join("base").display());
    for module in &MODULES {
        let mut smilint = Command::new("smilint");
        let file = mibs().join(module.name).with_extension("txt");
        let output = run(smilint.env("SMIPATH", &path).args(["-l", "3"]).arg(file));
        assert_eq!(output, "", "{}", module.name);
    }
}

#[test]
fn each_module_loads_with_debians_base_mibs() {
    for module in &MODULES {
        let (name, tail) = module.scalar;
        let name = run(snmptranslate(module).args(["-On", &format!("{}::{name}", module.name)]));
        assert_eq!(name, format!(".{}.{tail}\n", module.base), "without warnings");
    }
}

#[test]
fn snmptranslate_shows_the_expected_tree() {
    MODULES.iter().for_each(snmptranslate_shows);
}

fn snmptranslate_shows(module: &Module) {
    let expected_objects = expected_objects(module);
    let listed = run(snmptranslate(module).arg("-Tz"));
    let listed: BTreeMap<&str, &str> = listed
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, oid)| (name.trim_matches('"'), oid.trim().trim_matches('"')))
        .filter(|(_, oid)| *oid == module.above || oid.starts_with(&format!("{}.", module.above)))
        .collect();
    let expected: BTreeMap<&str, &str> =
        expected_objects.iter().map(|(name, (_, definition))| (name.as_str(), definition.oid.as_str())).collect();
    assert_eq!(listed, expected);

    let prefix = format!("{}::", module.name);
    let names = expected_objects.keys().map(|name| format!("{prefix}{name}"));
    let details = run(snmptranslate(module).arg("-Td").args(names));
    let details: BTreeMap<&str, &str> = details
        .split(prefix.as_str())
        .filter_map(|block| block.split_once('\n'))
        .map(|(name, block)| (name.trim(), block))
        .collect();
    let mut differences = Vec::new();
    for (name, (kind, expected)) in &expected_objects {
        let block = details.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no details"));
        let field = |key: &str| {
            let line = block.lines().find_map(|line| line.trim().strip_prefix(key));
            line.unwrap_or_default().trim().trim_matches('"').to_owned()
        };
        let list = |key: &str| field(key).trim_matches(['{', '}']).replace(' ', "");
        let augmented = list("AUGMENTS");
        let index = if augmented.is_empty() { list("INDEX") } else { format!("AUGMENTS {augmented}") };
        // snmptranslate shows neither the syntax of tables and entries nor the status of nodes that are not objects.
        let row = matches!(kind.as_str(), "table" | "entry");
        let object = row || matches!(kind.as_str(), "column" | "scalar");
        let group = matches!(kind.as_str(), "group" | "compliance");
        let expected = Definition {
            syntax: if row { String::new() } else { expected.syntax.replace("(SIZE", "").replace("))", ")") },
            status: if object { expected.status.clone() } else { String::new() },
            objects: if group { String::new() } else { expected.objects.clone() },
            ..expected.clone()
        };
        let found = Definition {
            oid: expected.oid.clone(),
            convention: field("-- TEXTUAL CONVENTION"),
            syntax: field("SYNTAX").replace(' ', ""),
            access: field("MAX-ACCESS"),
            status: field("STATUS"),
            units: field("UNITS"),
            index,
            objects: list("OBJECTS"),
        };
        compare(kind, name, &expected, &found, &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_text_defines_the_expected_objects_with_groups_and_status() {
    MODULES.iter().for_each(the_text_defines);
}

fn the_text_defines(module: &Module) {
    let files = module_files(module);
    let objects = mib_text::load(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let ours = objects.iter().filter(|object| object.module == module.name);
    let ours: BTreeMap<&str, &MibObject> = ours.map(|object| (object.name.as_str(), object)).collect();
    let expected_objects = expected_objects(module);
    let names = |of: &mut dyn Iterator<Item = &str>| of.map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&mut ours.keys().copied()), names(&mut expected_objects.keys().map(String::as_str)));
    let mut differences = Vec::new();
    for (name, (kind, expected)) in &expected_objects {
        let object = ours[name.as_str()];
        let syntax = object.syntax.clone().unwrap_or_default();
        let found = Definition {
            oid: object.oid.iter().map(u32::to_string).collect::<Vec<_>>().join("."),
            convention: syntax.convention.clone().unwrap_or_default(),
            syntax: written(&syntax),
            access: object.access.clone(),
            status: object.status.clone(),
            units: object.units.clone(),
            index: object.index.join(","),
            objects: object.objects.join(","),
        };
        // The parser has the least and the greatest size only.
        let syntax = expected.syntax.replace("0|4|16", "0..16").replace("8|11", "8..11");
        let expected = Definition { syntax, ..expected.clone() };
        compare(kind, name, &expected, &found, &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A syntax in the form of the table of expected objects.
fn written(syntax: &mib_text::MibSyntax) -> String {
    let base = syntax.base.replace(' ', "");
    let names: Vec<String> = syntax.names.iter().map(|(name, number)| format!("{name}({number})")).collect();
    match syntax.range {
        _ if !names.is_empty() => format!("{base}{{{}}}", names.join(",")),
        Some((min, max)) if base == "OCTETSTRING" && min == max => format!("{base}(SIZE({min}))"),
        Some((min, max)) if base == "OCTETSTRING" => format!("{base}(SIZE({min}..{max}))"),
        Some((min, max)) => format!("{base}({min}..{max})"),
        None => base,
    }
}
