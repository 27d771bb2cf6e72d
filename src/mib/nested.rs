//! Tables whose rows are inside the rows of another table.

use std::ops::{Bound, RangeBounds};

use snmp::{Key, Rows, Table};

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

    fn range<'d>(
        &'d self,
        data: &'d Vrrp,
        from: Bound<(S::Id, u32)>,
    ) -> impl Iterator<Item = ((S::Id, u32), &'d S::Inner)> {
        let first = match &from {
            Bound::Included((id, _)) | Bound::Excluded((id, _)) => Bound::Included(id.clone()),
            Bound::Unbounded => Bound::Unbounded,
        };
        let wanted = (from, Bound::Unbounded);
        self.0.outer(data).range((first, Bound::Unbounded)).flat_map(move |(id, outer)| {
            let rows = self.0.inner(data, outer).map(|(number, row)| ((id.clone(), number), row));
            let mut rows: Vec<_> = rows.filter(|(key, _)| wanted.contains(key)).collect();
            rows.sort_by_key(|((_, number), _)| *number);
            rows.dedup_by_key(|((_, number), _)| *number);
            rows
        })
    }
}
