//! Parses MIB modules (SMIv2), so that tests can compare the served objects with their definitions.
//!
//! Keeps only the parts that tests use: name, identifier, syntax, access, status, units, index and lists
//! of objects. The modules must be well formed, which another test checks with `smilint`.
#![allow(clippy::expect_used, reason = "a test")]

use std::collections::HashMap;
use std::path::Path;

/// One definition that has an object identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MibObject {
    /// Descriptor.
    pub name: String,
    /// Module it is defined in.
    pub module: String,
    /// Macro: `OBJECT-TYPE`, `NOTIFICATION-TYPE`, `OBJECT IDENTIFIER` ...
    pub kind: String,
    /// Full identifier.
    pub oid: Vec<u32>,
    /// SYNTAX of an OBJECT-TYPE.
    pub syntax: Option<MibSyntax>,
    /// MAX-ACCESS.
    pub access: String,
    /// STATUS.
    pub status: String,
    /// UNITS.
    pub units: String,
    /// Names in INDEX, or `AUGMENTS` and the name in it.
    pub index: Vec<String>,
    /// Names in OBJECTS, NOTIFICATIONS or MANDATORY-GROUPS.
    pub objects: Vec<String>,
}

/// The SYNTAX of an object, textual conventions resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MibSyntax {
    /// Textual convention named by the object, if any.
    pub convention: Option<String>,
    /// Base type: `Integer32`, `OCTET STRING`, `INTEGER`, `SEQUENCE OF FooEntry`, `FooEntry` ...
    pub base: String,
    /// Range or size, both ends included.
    pub range: Option<(i64, i64)>,
    /// Named numbers.
    pub names: Vec<(String, i32)>,
}

/// Parses modules in any order; a module may use names of another.
pub fn load(paths: &[&Path]) -> Vec<MibObject> {
    let mut raw = Vec::new();
    let mut conventions = HashMap::new();
    for path in paths {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Reader::new(&text).module(&mut raw, &mut conventions);
    }
    let parents: HashMap<String, (String, Vec<u32>)> =
        raw.iter().map(|(object, parent, tail)| (object.name.clone(), (parent.clone(), tail.clone()))).collect();
    raw.iter()
        .map(|(object, _, _)| {
            let mut object = object.clone();
            object.oid = resolve(&object.name, &parents);
            object.syntax = object.syntax.map(|syntax| with_convention(syntax, &conventions));
            object
        })
        .collect()
}

fn resolve(name: &str, parents: &HashMap<String, (String, Vec<u32>)>) -> Vec<u32> {
    match parents.get(name) {
        Some((parent, tail)) => [resolve(parent, parents), tail.clone()].concat(),
        None if name == "iso" => vec![1],
        None => name.parse().map(|number| vec![number]).unwrap_or_else(|_| panic!("{name} is not defined")),
    }
}

fn with_convention(mut syntax: MibSyntax, conventions: &HashMap<String, MibSyntax>) -> MibSyntax {
    // SNMPv2-SMI defines base types without the macro, so they are not in `conventions`.
    while let Some(of) = conventions.get(&syntax.base) {
        let name = std::mem::replace(&mut syntax.base, of.base.clone());
        syntax.convention.get_or_insert(name);
        syntax.range = syntax.range.or(of.range);
        if syntax.names.is_empty() {
            syntax.names = of.names.clone();
        }
    }
    syntax
}

type Raw = (MibObject, String, Vec<u32>);

struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Reader {
    fn new(text: &str) -> Self {
        Reader { tokens: tokens(text), at: 0 }
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn module(&mut self, objects: &mut Vec<Raw>, conventions: &mut HashMap<String, MibSyntax>) {
        let module = self.take();
        while !self.peek().is_empty() && self.peek() != "BEGIN" {
            self.at += 1;
        }
        self.at += 1;
        while !matches!(self.peek(), "" | "END") {
            let name = self.take();
            match (name.as_str(), self.peek()) {
                ("IMPORTS", _) => self.skip_past(";"),
                (_, "MACRO") => self.skip_past("END"),
                (_, "::=") => {
                    self.at += 1;
                    if self.peek() == "TEXTUAL-CONVENTION" {
                        self.skip_past("SYNTAX");
                        let syntax = self.syntax();
                        conventions.insert(name, syntax);
                    } else {
                        self.type_assignment();
                    }
                }
                _ => objects.push(self.definition(name, &module)),
            }
        }
    }

    fn skip_past(&mut self, token: &str) {
        while !self.peek().is_empty() && self.take() != token {}
    }

    /// Skips a type of SNMPv2-SMI, or the SEQUENCE of an entry.
    fn type_assignment(&mut self) {
        if self.peek() == "[" {
            self.skip_past("IMPLICIT");
        }
        if self.peek() == "SEQUENCE" {
            self.skip_past("}");
        } else {
            self.syntax();
        }
    }

    fn definition(&mut self, name: String, module: &str) -> Raw {
        let mut object = MibObject { name, module: module.to_owned(), ..MibObject::default() };
        object.kind = self.take();
        if object.kind == "OBJECT" {
            object.kind = format!("OBJECT {}", self.take());
        }
        loop {
            match self.take().as_str() {
                "SYNTAX" => object.syntax = Some(self.syntax()),
                "MAX-ACCESS" => object.access = self.take(),
                "STATUS" => object.status = self.take(),
                "UNITS" => object.units = self.take().trim_matches('"').to_owned(),
                "INDEX" => object.index = self.list(),
                "AUGMENTS" => object.index = vec![format!("AUGMENTS {}", self.list().join(","))],
                "OBJECTS" | "NOTIFICATIONS" | "MANDATORY-GROUPS" => object.objects = self.list(),
                "::=" => break,
                "" => panic!("{} does not end", object.name),
                _ => {}
            }
        }
        let mut place = self.list();
        let parent = place.remove(0);
        let tail = place.iter().map(|part| number_of(part)).collect();
        (object, parent, tail)
    }

    /// `{ a, b }` or `{ a 1 }`.
    fn list(&mut self) -> Vec<String> {
        assert_eq!(self.take(), "{");
        let mut items = Vec::new();
        loop {
            match self.take().as_str() {
                "}" => return items,
                "" => panic!("a list does not end"),
                "," | "IMPLIED" => {}
                "(" => {
                    // `org(3)`: keep the number.
                    items.pop();
                    items.push(self.take());
                    self.at += 1;
                }
                item => items.push(item.to_owned()),
            }
        }
    }

    fn syntax(&mut self) -> MibSyntax {
        let mut syntax = MibSyntax { base: self.take(), ..MibSyntax::default() };
        if matches!(syntax.base.as_str(), "OCTET" | "OBJECT") {
            syntax.base = format!("{} {}", syntax.base, self.take());
        } else if syntax.base == "SEQUENCE" {
            self.at += 1;
            syntax.base = format!("SEQUENCE OF {}", self.take());
        }
        if self.peek() == "{" {
            self.at += 1;
            while self.peek() != "}" {
                let name = self.take();
                assert_eq!(self.take(), "(");
                let number = self.take().parse().expect("a named number");
                self.at += 1;
                syntax.names.push((name, number));
                if self.peek() == "," {
                    self.at += 1;
                }
            }
            self.at += 1;
        } else if self.peek() == "(" {
            syntax.range = Some(self.range());
        }
        syntax
    }

    /// The least and the greatest number of `(1..5)`, `(SIZE (0..255))` or `(SIZE (8 | 11))`.
    fn range(&mut self) -> (i64, i64) {
        let mut numbers = Vec::new();
        let mut depth = 0;
        loop {
            match self.take().as_str() {
                "(" => depth += 1,
                ")" if depth == 1 => break,
                ")" => depth -= 1,
                "" => panic!("a range does not end"),
                token => numbers.extend(token.parse::<i128>()),
            }
        }
        let clamp = |number: i128| i64::try_from(number).unwrap_or(i64::MAX);
        let least = numbers.iter().copied().min().expect("a range");
        let greatest = numbers.iter().copied().max().expect("a range");
        (clamp(least), clamp(greatest))
    }
}

fn number_of(part: &str) -> u32 {
    part.parse().unwrap_or_else(|_| panic!("'{part}' is not a sub-identifier"))
}

/// Splits text into words, numbers, quoted strings and punctuation, without comments.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            2 + rest[1..].find('"').expect("a text ends")
        } else if rest.starts_with("--") {
            let line = rest.find('\n').unwrap_or(rest.len());
            rest = &rest[line..];
            continue;
        } else if let Some(mark) = ["::=", ".."].into_iter().find(|mark| rest.starts_with(mark)) {
            mark.len()
        } else if first.is_alphanumeric() || first == '-' {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '-')).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push(rest[..length].to_owned());
        }
        rest = &rest[length..];
    }
    tokens
}
