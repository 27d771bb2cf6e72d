//! A serde serializer from a value to a tree of words.

use std::fmt::Display;

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use crate::config::MASK;

/// Parts of the names of types and fields with secrets. They may match other names, which are then masked too.
const SECRET: [&str; 6] = ["secret", "authentication", "password", "auth_pass", "hmac", "key"];

/// Names that match, of fields and of a type whose secrets are further inside: their names match, too.
const OUTSIDE: [&str; 3] = ["authentication", "auth_hmac", "AuthHmac"];

/// A value as words.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Word(String),
    Unset,
    List(Vec<Node>),
    Fields(Vec<(String, Node)>),
}

impl Node {
    /// A field by its name.
    pub(super) fn field(&mut self, name: &str) -> Option<&mut Node> {
        let Node::Fields(fields) = self else { return None };
        fields.iter_mut().find(|(field, _)| field == name).map(|(_, node)| node)
    }

    /// Sets a field that there is.
    pub(super) fn replace(&mut self, name: &str, node: Node) {
        if let Some(field) = self.field(name) {
            *field = node;
        }
    }
}

/// The tree of a value.
pub(super) fn of(value: &impl Serialize) -> Node {
    value.serialize(Words).unwrap_or_else(|Failed(text)| Node::Word(text))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

/// A value cannot be serialised.
#[derive(Debug)]
pub(super) struct Failed(String);

impl Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl ser::Error for Failed {
    fn custom<T: Display>(text: T) -> Failed {
        Failed(text.to_string())
    }
}

/// The serializer.
struct Words;

/// Content of a list, a struct or a variant.
struct Parts {
    list: Vec<Node>,
    fields: Vec<(String, Node)>,
    /// Name of its type.
    of: &'static str,
    /// Name of its variant.
    variant: Option<&'static str>,
    key: Option<String>,
}

impl Parts {
    fn new(of: &'static str, variant: Option<&'static str>) -> Parts {
        Parts { list: Vec::new(), fields: Vec::new(), of, variant, key: None }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        self.list.push(value.serialize(Words)?);
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Failed> {
        let node = match value.serialize(Words)? {
            Node::Unset => Node::Unset,
            node @ Node::Word(_) if matches!(&node, Node::Word(word) if word == "no" || word == "yes") => node,
            _ if is_secret(name) && !OUTSIDE.contains(&name) => Node::Word(MASK.to_owned()),
            node => node,
        };
        self.fields.push((name.to_owned(), node));
        Ok(())
    }

    fn end(self) -> Node {
        if is_secret(self.of) && !OUTSIDE.contains(&self.of) {
            return named(self.variant, Node::Word(MASK.to_owned()));
        }
        let number = |at: usize| match self.fields.get(at) {
            Some((_, Node::Word(word))) => word.parse::<u64>().ok(),
            _ => None,
        };
        if self.of == "Duration"
            && let (Some(seconds), Some(nanoseconds)) = (number(0), number(1))
        {
            let fraction = format!("{nanoseconds:09}");
            let fraction = fraction.trim_end_matches('0');
            let dot = if fraction.is_empty() { "" } else { "." };
            return Node::Word(format!("{seconds}{dot}{fraction} s"));
        }
        let inside = if self.fields.is_empty() { Node::List(self.list) } else { Node::Fields(self.fields) };
        named(self.variant, inside)
    }
}

/// Adds the name of a variant to its content.
fn named(variant: Option<&'static str>, inside: Node) -> Node {
    match (variant, inside) {
        (None, inside) => inside,
        (Some(name), Node::Word(word)) => Node::Word(format!("{name} {word}")),
        (Some(name), inside) => Node::Fields(vec![(name.to_owned(), inside)]),
    }
}

macro_rules! words {
    ($($function:ident $kind:ty),+) => {
        $(fn $function(self, value: $kind) -> Result<Node, Failed> {
            Ok(Node::Word(value.to_string()))
        })+
    };
}

impl ser::Serializer for Words {
    type Ok = Node;
    type Error = Failed;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Parts;
    type SerializeStruct = Parts;
    type SerializeStructVariant = Parts;

    words!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8, serialize_u16 u16,
        serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64, serialize_char char
    );

    fn serialize_bool(self, value: bool) -> Result<Node, Failed> {
        Ok(Node::Word(if value { "yes" } else { "no" }.to_owned()))
    }

    /// With double quotes where a configuration file requires them.
    fn serialize_str(self, value: &str) -> Result<Node, Failed> {
        let plain = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control());
        let shown = || value.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
        Ok(Node::Word(if plain { value.to_owned() } else { format!("\"{}\"", shown().collect::<String>()) }))
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<Node, Failed> {
        Ok(Node::Word(MASK.to_owned()))
    }

    fn serialize_none(self) -> Result<Node, Failed> {
        Ok(Node::Unset)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, Failed> {
        value.serialize(Words)
    }

    fn serialize_unit(self) -> Result<Node, Failed> {
        Ok(Node::Unset)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<Node, Failed> {
        Ok(Node::Word(name.to_owned()))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Node, Failed> {
        Ok(Node::Word(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<Node, Failed> {
        if is_secret(name) { Ok(Node::Word(MASK.to_owned())) } else { value.serialize(Words) }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Node, Failed> {
        let inside = if is_secret(name) { Node::Word(MASK.to_owned()) } else { value.serialize(Words)? };
        Ok(named(Some(variant), inside))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, Failed> {
        Ok(Parts::new("", None))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, Failed> {
        Ok(Parts::new("", None))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Parts, Failed> {
        Ok(Parts::new(name, None))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, Failed> {
        Ok(Parts::new(name, Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts, Failed> {
        Ok(Parts::new("", None))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Parts, Failed> {
        Ok(Parts::new(name, None))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, Failed> {
        Ok(Parts::new(name, Some(variant)))
    }
}

macro_rules! items {
    ($($kind:ident $function:ident),+) => {
        $(impl $kind for Parts {
            type Ok = Node;
            type Error = Failed;

            fn $function<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
                self.item(value)
            }

            fn end(self) -> Result<Node, Failed> {
                Ok(Parts::end(self))
            }
        })+
    };
}

macro_rules! fields {
    ($($kind:ident),+) => {
        $(impl $kind for Parts {
            type Ok = Node;
            type Error = Failed;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Failed> {
                self.field(name, value)
            }

            fn end(self) -> Result<Node, Failed> {
                Ok(Parts::end(self))
            }
        })+
    };
}

items!(
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);
fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Parts {
    type Ok = Node;
    type Error = Failed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        self.key = match key.serialize(Words)? {
            Node::Word(word) => Some(word),
            _ => None,
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        let key = self.key.take().unwrap_or_default();
        self.field(&key, value)
    }

    fn end(self) -> Result<Node, Failed> {
        Ok(Parts::end(self))
    }
}
