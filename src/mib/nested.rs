//! Tables whose rows are inside the rows of another table.

use std::ops::Bound;

use snmp::{Cell, Key, Rows, Table, Value};

use crate::vrrp::Vrrp;

/// Rows inside the rows of a table. Their index is that of the outer row, and one number.
pub(super) trait Inside {
    /// Index of an outer row.
    type Id: Key + 'static;
    /// An outer row.
    type Outer: 'static;
    /// An inner row.
    type Inner: 'static;

    /// The outer rows.
    fn outer<'d>(&self, data: &'d Vrrp) -> &'d Table<Self::Id, Self::Outer>;

    /// The inner rows of an outer row with their numbers, in any order.
    fn inner<'d>(&self, data: &'d Vrrp, outer: &'d Self::Outer) -> impl Iterator<Item = (u32, &'d Self::Inner)>;
}

/// The inner rows as the source of a view.
pub(super) struct Nested<S>(pub(super) S);

impl<S: Inside> Rows<Vrrp, (S::Id, u32), S::Inner> for Nested<S> {
    fn get<'d>(&self, data: &'d Vrrp, (id, number): &(S::Id, u32)) -> Option<&'d S::Inner> {
        let outer = self.0.outer(data).get(id)?;
        self.0.inner(data, outer).find_map(|(at, row)| (at == *number).then_some(row))
    }

    fn find(
        &self,
        data: &Vrrp,
        from: Bound<(S::Id, u32)>,
        cell: Cell<'_, (S::Id, u32), S::Inner>,
    ) -> Option<((S::Id, u32), Value)> {
        let first = match &from {
            Bound::Included((id, _)) | Bound::Excluded((id, _)) => Bound::Included(id.clone()),
            Bound::Unbounded => Bound::Unbounded,
        };
        let mut from = from;
        for (id, outer) in self.0.outer(data).range((first, Bound::Unbounded)) {
            let after = |from: &Bound<(S::Id, u32)>, number: u32| match from {
                Bound::Included(from) => *from <= (id.clone(), number),
                Bound::Excluded(from) => *from < (id.clone(), number),
                Bound::Unbounded => true,
            };
            while let Some((number, row)) =
                self.0.inner(data, outer).filter(|(number, _)| after(&from, *number)).min_by_key(|(number, _)| *number)
            {
                let key = (id.clone(), number);
                if let Some(value) = cell(&key, row) {
                    return Some((key, value));
                }
                from = Bound::Excluded(key);
            }
        }
        None
    }
}
