//! How a table or a scalar appears in a MIB: columns as data.
//!
//! A view holds no rows. It states the place in the tree, and for each column the number, the name,
//! the syntax, and the functions that read and, if the column is writable, write one cell of a row.

use std::ops::Bound;

use crate::oid::Oid;
use crate::syntax::{Access, SetError, Syntax};
use crate::table::{Key, Table};
use crate::value::{Value, VarBind};

/// How one cell is written. Both functions are called only with values that fit the column's syntax
/// and with instances that exist.
pub struct Setter<T, K> {
    /// Checks whether the value could be set now. Changes nothing.
    pub test: fn(&T, &K, &Value) -> Result<(), SetError>,
    /// Sets the value. To undo a SET, it is called again with the previous value as the getter returned it.
    pub commit: fn(&mut T, &K, &Value) -> Result<(), SetError>,
}

/// A column of a conceptual table.
pub struct Column<T, K, R> {
    /// Sub-identifier below the entry.
    pub number: u32,
    /// Descriptor in the MIB.
    pub name: &'static str,
    /// SYNTAX.
    pub syntax: Syntax,
    /// Reads the cell; `None`: the row has no instance of this column, and a walk skips it.
    pub get: fn(&T, &K, &R) -> Option<Value>,
    /// Writes the cell; `None`: the column is read-only.
    pub set: Option<Setter<T, K>>,
}

impl<T, K, R> Column<T, K, R> {
    /// A read-only column.
    pub const fn new(number: u32, name: &'static str, syntax: Syntax, get: fn(&T, &K, &R) -> Option<Value>) -> Self {
        Column { number, name, syntax, get, set: None }
    }

    /// A read-write column.
    pub const fn writable(
        number: u32,
        name: &'static str,
        syntax: Syntax,
        get: fn(&T, &K, &R) -> Option<Value>,
        setter: Setter<T, K>,
    ) -> Self {
        Column { number, name, syntax, get, set: Some(setter) }
    }
}

/// A source of rows under an index: a [`Table`], or rows of other tables under an index of their own.
pub trait Rows<T, K, R: 'static> {
    /// The row with this index.
    fn get<'d>(&self, data: &'d T, key: &K) -> Option<&'d R>;

    /// The rows from `from` on, in index order, each index once.
    fn range<'d>(&'d self, data: &'d T, from: Bound<K>) -> impl Iterator<Item = (K, &'d R)>;
}

impl<T, K: Key + 'static, R: 'static> Rows<T, K, R> for fn(&T) -> &Table<K, R> {
    fn get<'d>(&self, data: &'d T, key: &K) -> Option<&'d R> {
        self(data).get(key)
    }

    fn range<'d>(&'d self, data: &'d T, from: Bound<K>) -> impl Iterator<Item = (K, &'d R)> {
        self(data).range((from, Bound::Unbounded)).map(|(key, row)| (key.clone(), row))
    }
}

/// A table as a MIB shows it. `S` is the source of its rows: usually a function that returns a [`Table`].
pub struct TableView<T: 'static, K: 'static, R: 'static, S = fn(&T) -> &Table<K, R>> {
    /// Descriptor of the table.
    pub name: &'static str,
    /// Identifier of the entry (the table's followed by 1).
    pub entry: &'static [u32],
    /// Source of the rows.
    pub table: S,
    /// The accessible columns, by ascending number.
    pub columns: &'static [Column<T, K, R>],
}

/// A scalar object.
pub struct ScalarView<T> {
    /// Identifier of the object, without the instance's final 0.
    pub oid: &'static [u32],
    /// Descriptor in the MIB.
    pub name: &'static str,
    /// SYNTAX.
    pub syntax: Syntax,
    /// Reads the value; `None`: there is no instance now.
    pub get: fn(&T) -> Option<Value>,
    /// Writes the value; `None`: the object is read-only.
    pub set: Option<Setter<T, ()>>,
}

impl<T> ScalarView<T> {
    /// A read-only scalar.
    pub const fn new(oid: &'static [u32], name: &'static str, syntax: Syntax, get: fn(&T) -> Option<Value>) -> Self {
        ScalarView { oid, name, syntax, get, set: None }
    }
}

/// An object type that a MIB serves, for comparison with its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Descriptor.
    pub name: &'static str,
    /// Identifier of the object type, without an instance.
    pub oid: Oid,
    /// SYNTAX.
    pub syntax: Syntax,
    /// MAX-ACCESS.
    pub access: Access,
}

/// A subtree with objects. `suffix` is the part of an identifier after [`root`](View::root).
pub(crate) trait View<T> {
    /// The common prefix of all instances.
    fn root(&self) -> &[u32];

    /// Descriptor of the table or the scalar.
    fn name(&self) -> &'static str;

    /// The value of one instance, or noSuchObject or noSuchInstance.
    fn get(&self, data: &T, suffix: &[u32]) -> Value;

    /// The first instance after `suffix` (at it, if `include`) and before `end`, a full identifier.
    fn next(&self, data: &T, suffix: &[u32], include: bool, end: Option<&[u32]>) -> Option<VarBind>;

    /// Whether this instance could be set to `value`.
    fn test(&self, data: &T, suffix: &[u32], value: &Value) -> Result<(), SetError>;

    /// Sets this instance to `value`.
    fn commit(&self, data: &mut T, suffix: &[u32], value: &Value) -> Result<(), SetError>;

    /// The objects, by ascending identifier.
    fn objects(&self) -> Vec<Object>;
}

impl<T, K: Key, R, S: Rows<T, K, R>> TableView<T, K, R, S> {
    /// The column that `suffix` names.
    fn column(&self, suffix: &[u32]) -> Option<&Column<T, K, R>> {
        let number = suffix.first()?;
        let at = self.columns.binary_search_by_key(number, |column| column.number).ok()?;
        self.columns.get(at)
    }

    /// The index of the row that `suffix` names, whether or not the row exists.
    fn key(suffix: &[u32]) -> Option<K> {
        K::from_sub_ids(suffix.get(1..)?)
    }

    /// The first instance of one column whose index follows `index`.
    fn next_in_column(&self, data: &T, column: &Column<T, K, R>, index: &[u32], include: bool) -> Option<VarBind> {
        let mut rows = self.table.range(data, K::seek(index, include)?);
        let (key, value) = rows.find_map(|(key, row)| (column.get)(data, &key, row).map(|value| (key, value)))?;
        let mut name = Vec::with_capacity(self.entry.len() + 1 + K::LEN.max(4));
        name.extend_from_slice(self.entry);
        name.push(column.number);
        key.push(&mut name);
        Some(VarBind { name: name.into(), value })
    }
}

impl<T, K: Key, R, S: Rows<T, K, R>> View<T> for TableView<T, K, R, S> {
    fn root(&self) -> &[u32] {
        self.entry
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn get(&self, data: &T, suffix: &[u32]) -> Value {
        let Some(column) = self.column(suffix) else {
            return Value::NoSuchObject;
        };
        let cell = || {
            let key = Self::key(suffix)?;
            (column.get)(data, &key, self.table.get(data, &key)?)
        };
        cell().unwrap_or(Value::NoSuchInstance)
    }

    fn next(&self, data: &T, suffix: &[u32], include: bool, end: Option<&[u32]>) -> Option<VarBind> {
        let (number, index) = match suffix.split_first() {
            Some((number, index)) => (*number, index),
            None => (0, suffix),
        };
        let first = self.columns.partition_point(|column| column.number < number);
        for column in self.columns.get(first..)? {
            let after_end = end.is_some_and(|end| self.entry.iter().chain(&[column.number]).ge(end));
            if after_end {
                return None;
            }
            let found = if column.number == number {
                self.next_in_column(data, column, index, include)
            } else {
                self.next_in_column(data, column, &[], true)
            };
            if let Some(found) = found {
                return Some(found).filter(|found| end.is_none_or(|end| found.name.as_slice() < end));
            }
        }
        None
    }

    fn test(&self, data: &T, suffix: &[u32], value: &Value) -> Result<(), SetError> {
        let column = self.column(suffix).ok_or(SetError::NotWritable)?;
        let setter = column.set.as_ref().ok_or(SetError::NotWritable)?;
        column.syntax.check(value)?;
        let key = Self::key(suffix).ok_or(SetError::NoCreation)?;
        let row = self.table.get(data, &key).ok_or(SetError::NoCreation)?;
        (column.get)(data, &key, row).ok_or(SetError::NoCreation)?;
        (setter.test)(data, &key, value)
    }

    fn commit(&self, data: &mut T, suffix: &[u32], value: &Value) -> Result<(), SetError> {
        let column = self.column(suffix).ok_or(SetError::CommitFailed)?;
        let setter = column.set.as_ref().ok_or(SetError::CommitFailed)?;
        let key = Self::key(suffix).ok_or(SetError::CommitFailed)?;
        self.table.get(data, &key).ok_or(SetError::CommitFailed)?;
        (setter.commit)(data, &key, value)
    }

    fn objects(&self) -> Vec<Object> {
        let describe = |column: &Column<T, K, R>| Object {
            name: column.name,
            oid: Oid::new(self.entry).child(column.number),
            syntax: column.syntax,
            access: access(&column.set),
        };
        self.columns.iter().map(describe).collect()
    }
}

impl<T> View<T> for ScalarView<T> {
    fn root(&self) -> &[u32] {
        self.oid
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn get(&self, data: &T, suffix: &[u32]) -> Value {
        match suffix {
            [] => Value::NoSuchObject,
            [0] => (self.get)(data).unwrap_or(Value::NoSuchInstance),
            _ => Value::NoSuchInstance,
        }
    }

    fn next(&self, data: &T, suffix: &[u32], include: bool, end: Option<&[u32]>) -> Option<VarBind> {
        if !(suffix.is_empty() || (suffix == [0] && include)) {
            return None;
        }
        let name = Oid::new(self.oid).child(0);
        if end.is_some_and(|end| name.as_slice() >= end) {
            return None;
        }
        Some(VarBind { name, value: (self.get)(data)? })
    }

    fn test(&self, data: &T, suffix: &[u32], value: &Value) -> Result<(), SetError> {
        let setter = self.set.as_ref().ok_or(SetError::NotWritable)?;
        self.syntax.check(value)?;
        if suffix != [0] || (self.get)(data).is_none() {
            return Err(SetError::NoCreation);
        }
        (setter.test)(data, &(), value)
    }

    fn commit(&self, data: &mut T, _suffix: &[u32], value: &Value) -> Result<(), SetError> {
        let setter = self.set.as_ref().ok_or(SetError::CommitFailed)?;
        (setter.commit)(data, &(), value)
    }

    fn objects(&self) -> Vec<Object> {
        vec![Object { name: self.name, oid: Oid::new(self.oid), syntax: self.syntax, access: access(&self.set) }]
    }
}

fn access<T, K>(setter: &Option<Setter<T, K>>) -> Access {
    if setter.is_some() { Access::ReadWrite } else { Access::ReadOnly }
}
