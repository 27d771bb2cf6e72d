//! A set of views as one ordered tree: GET, GETNEXT and SET by object identifier.

use crate::oid::Oid;
use crate::syntax::SetError;
use crate::table::Key;
use crate::value::{Value, VarBind};
use crate::view::{Object, Rows, ScalarView, TableView, View};

/// All views of data of type `T`.
///
/// Finding an instance is a binary search for the view, one for the column and one for the row.
pub struct Mib<T> {
    /// By ascending root; no root is a prefix of another.
    views: Vec<Box<dyn View<T> + Send + Sync>>,
}

/// Why views cannot form one tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MibError {
    /// One view's subtree contains the other's.
    #[error("{0} and {1} overlap in the tree")]
    Overlap(&'static str, &'static str),
    /// Columns are not in ascending order of their numbers.
    #[error("the columns of {0} are not in ascending order")]
    ColumnOrder(&'static str),
}

/// Collects views for a [`Mib`].
pub struct MibBuilder<T> {
    views: Vec<Box<dyn View<T> + Send + Sync>>,
}

impl<T: 'static> MibBuilder<T> {
    /// Adds a table.
    #[must_use]
    pub fn table<K: Key, R>(mut self, view: TableView<T, K, R>) -> Self {
        self.views.push(Box::new(view));
        self
    }

    /// Adds a table whose rows come from a source other than a [`Table`](crate::Table).
    #[must_use]
    pub fn rows<K: Key, R, S>(mut self, view: TableView<T, K, R, S>) -> Self
    where
        S: Rows<T, K, R> + Send + Sync + 'static,
    {
        self.views.push(Box::new(view));
        self
    }

    /// Adds scalars.
    #[must_use]
    pub fn scalars(mut self, views: impl IntoIterator<Item = ScalarView<T>>) -> Self {
        for view in views {
            self.views.push(Box::new(view));
        }
        self
    }

    /// The tree.
    ///
    /// # Errors
    /// Two views overlap, or a table's columns are out of order.
    pub fn build(mut self) -> Result<Mib<T>, MibError> {
        self.views.sort_by(|a, b| a.root().cmp(b.root()));
        for (a, b) in self.views.iter().zip(self.views.iter().skip(1)) {
            if b.root().starts_with(a.root()) {
                return Err(MibError::Overlap(a.name(), b.name()));
            }
        }
        for view in &self.views {
            let objects = view.objects();
            if objects.iter().zip(objects.iter().skip(1)).any(|(a, b)| a.oid >= b.oid) {
                return Err(MibError::ColumnOrder(view.name()));
            }
        }
        Ok(Mib { views: self.views })
    }
}

impl<T: 'static> Mib<T> {
    /// An empty builder.
    pub fn builder() -> MibBuilder<T> {
        MibBuilder { views: Vec::new() }
    }

    /// The value of the instance `name`; [`Value::NoSuchObject`] when the tree has no such object type,
    /// [`Value::NoSuchInstance`] when the object type exists but the instance does not (RFC 2741 section
    /// 7.2.3.1).
    pub fn get(&self, data: &T, name: &Oid) -> Value {
        match self.view_of(name) {
            Some((view, suffix)) => view.get(data, suffix),
            None => Value::NoSuchObject,
        }
    }

    /// The first instance after `start` (at or after it, if `include`) and before `end`; a null `end`
    /// is no bound. Without a next instance, [`Value::EndOfMibView`] under the name `start` (RFC 2741 section
    /// 7.2.3.2).
    pub fn next(&self, data: &T, start: &Oid, include: bool, end: &Oid) -> VarBind {
        let end = Some(end.as_slice()).filter(|end| !end.is_empty());
        let from = start.as_slice();
        // The view that contains `start`, if any, is the last whose root is not after `start`.
        let first = self.views.partition_point(|view| view.root() <= from).saturating_sub(1);
        for view in self.views.get(first..).unwrap_or_default() {
            if end.is_some_and(|end| view.root() >= end) {
                break;
            }
            let found = match from.strip_prefix(view.root()) {
                Some(suffix) => view.next(data, suffix, include, end),
                None if view.root() < from => None,
                None => view.next(data, &[], true, end),
            };
            if let Some(found) = found {
                return found;
            }
        }
        VarBind { name: start.clone(), value: Value::EndOfMibView }
    }

    /// Whether a SET of `name` to `value` would be accepted now.
    ///
    /// # Errors
    /// The error-status for the answer.
    pub fn test(&self, data: &T, name: &Oid, value: &Value) -> Result<(), SetError> {
        let (view, suffix) = self.view_of(name).ok_or(SetError::NotWritable)?;
        view.test(data, suffix, value)
    }

    /// Sets `name` to `value`, which [`test`](Self::test) has accepted.
    ///
    /// # Errors
    /// The error-status for the answer; nothing is changed then.
    pub fn commit(&self, data: &mut T, name: &Oid, value: &Value) -> Result<(), SetError> {
        let (view, suffix) = self.view_of(name).ok_or(SetError::CommitFailed)?;
        view.commit(data, suffix, value)
    }

    /// All objects, by ascending identifier.
    pub fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        self.views.iter().flat_map(|view| view.objects())
    }

    /// The view that contains `name`, and the rest of `name` after its root.
    fn view_of<'a>(&'a self, name: &'a Oid) -> Option<(&'a dyn View<T>, &'a [u32])> {
        let name = name.as_slice();
        let at = self.views.partition_point(|view| view.root() <= name).checked_sub(1)?;
        let view = self.views.get(at)?.as_ref();
        Some((view, name.strip_prefix(view.root())?))
    }
}
