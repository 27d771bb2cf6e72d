//! Rows that describe objects of the kernel, of one kind. Rows with equal keys share an object.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use snmp::Table;

use super::index::{Indices, NextIndex, Numbering};
use super::managed::{Done, Loss, Managed, Op};

/// Index of a row: owner (0 = static, otherwise the index of an instance) and position, from 1.
pub type RowId = (u32, u32);

/// A row that describes an object of the kernel.
pub trait Object {
    /// Identifies the object in the kernel.
    type Key: Clone + Eq + Hash + std::fmt::Debug;
    /// The line of the configuration. A line keeps its row, and the row's index, at a reload.
    type Line: Clone + Eq + Hash;

    /// The line of the configuration.
    fn line(&self) -> &Self::Line;

    /// The key; `None` while the object cannot exist because its interface does not.
    fn key(&self) -> Option<Self::Key>;

    /// Its state.
    fn state(&self) -> &Managed;

    /// Its state, to change it.
    fn state_mut(&mut self) -> &mut Managed;

    /// `no_track`.
    fn is_untracked(&self) -> bool;

    /// Whether a row with an equal key is for the same object. Different routes may have equal keys.
    fn is_same(&self, other: &Self) -> bool {
        let _ = other;
        true
    }
}

/// The rows of a kind, with an index by key.
#[derive(Debug)]
pub struct Objects<R: Object> {
    rows: Table<RowId, R>,
    by_key: HashMap<R::Key, Vec<RowId>>,
    /// The position of the next new row of each owner.
    next: HashMap<u32, NextIndex>,
}

/// The next step in the reconciliation of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to do now.
    Nothing,
    /// Send this request to the kernel.
    Request(Op),
    /// The host has set the object itself: it is not removed.
    LeaveToHost,
}

impl<R: Object> Default for Objects<R> {
    fn default() -> Objects<R> {
        Objects { rows: Table::default(), by_key: HashMap::new(), next: HashMap::new() }
    }
}

impl<R: Object> Objects<R> {
    /// The rows, for the views.
    pub fn rows(&self) -> &Table<RowId, R> {
        &self.rows
    }

    /// A row.
    pub fn get(&self, id: &RowId) -> Option<&R> {
        self.rows.get(id)
    }

    /// All rows, in index order.
    pub fn iter(&self) -> impl Iterator<Item = (&RowId, &R)> {
        self.rows.iter()
    }

    /// All rows, in index order.
    pub fn values(&self) -> impl Iterator<Item = &R> {
        self.rows.values()
    }

    /// The rows of an owner, in index order.
    pub fn of(&self, owner: &u32) -> impl Iterator<Item = (&RowId, &R)> {
        self.rows.of(owner)
    }

    /// Ids of the rows of an owner, in index order.
    pub fn ids(&self, owner: u32) -> Vec<RowId> {
        self.of(&owner).map(|(id, _)| *id).collect()
    }

    /// Ids of all rows, in index order.
    pub fn all_ids(&self) -> Vec<RowId> {
        self.rows.keys().copied().collect()
    }

    /// The rows with a key.
    pub fn with_key(&self, key: &R::Key) -> &[RowId] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// The other rows of a row's object.
    fn sharing(&self, id: RowId, row: &R) -> impl Iterator<Item = (RowId, &R)> {
        let ids = row.key().map(|key| self.with_key(&key)).unwrap_or_default().iter();
        let others = ids.filter(move |other| **other != id);
        others.filter_map(|other| Some((*other, self.get(other)?))).filter(|(_, other)| row.is_same(other))
    }

    /// The positions of an owner's rows.
    pub fn indices(&self, owner: u32) -> Indices<R::Line> {
        let rows = self.of(&owner).map(|((_, position), row)| (row.line().clone(), *position)).collect();
        Indices { rows, next: self.next.get(&owner).copied().unwrap_or_default() }
    }

    /// Adds the rows of an owner at the start, with the positions of a predecessor.
    pub fn add(&mut self, owner: u32, rows: impl IntoIterator<Item = R>, known: Indices<R::Line>) {
        let mut numbering = Numbering::new(known);
        for row in rows {
            let position = numbering.index_of(row.line());
            self.insert((owner, position), row);
        }
        self.next.insert(owner, numbering.next());
    }

    /// Takes the rows of an owner at a reload. Rows of unchanged lines stay; `update` takes what else may have changed from the
    /// new row. Returns the ids of the rows that go, and the rows that are to be inserted after these have been withdrawn.
    pub fn renew(
        &mut self,
        owner: u32,
        rows: impl IntoIterator<Item = R>,
        update: impl Fn(&mut R, R),
    ) -> (BTreeSet<RowId>, Vec<(RowId, R)>) {
        let mut numbering = Numbering::new(self.indices(owner));
        let mut old: BTreeSet<RowId> = self.ids(owner).into_iter().collect();
        let mut added = Vec::new();
        for row in rows {
            let id = (owner, numbering.index_of(row.line()));
            old.remove(&id);
            match self.rows.get_mut(&id) {
                Some(known) => update(known, row),
                None => added.push((id, row)),
            }
        }
        self.next.insert(owner, numbering.next());
        (old, added)
    }

    /// Adds or replaces a row.
    pub fn insert(&mut self, id: RowId, row: R) {
        self.remove(id);
        if let Some(key) = row.key() {
            self.by_key.entry(key).or_default().push(id);
        }
        self.rows.insert(id, row);
    }

    /// Removes a row without a request to the kernel.
    pub fn remove(&mut self, id: RowId) -> Option<R> {
        let row = self.rows.remove(&id)?;
        self.unlist(id, row.key());
        Some(row)
    }

    fn unlist(&mut self, id: RowId, key: Option<R::Key>) {
        if let Some(key) = key
            && let Some(ids) = self.by_key.get_mut(&key)
        {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    /// Changes a row in ways that may change its key. A row with another key is no longer installed.
    pub fn change<T>(&mut self, id: RowId, change: impl FnOnce(&mut R) -> T) -> Option<T> {
        let row = self.rows.get_mut(&id)?;
        let before = row.key();
        let result = change(row);
        let after = row.key();
        if before != after {
            row.state_mut().moved();
            self.unlist(id, before);
            if let Some(key) = after {
                self.by_key.entry(key).or_default().push(id);
            }
        }
        Some(result)
    }

    /// The state of a row, to change it.
    pub fn state_mut(&mut self, id: RowId) -> Option<&mut Managed> {
        self.rows.get_mut(&id).map(R::state_mut)
    }

    /// The states of all rows that a condition holds for, to change them.
    pub fn states_mut(&mut self) -> impl Iterator<Item = (&RowId, &mut Managed)> {
        self.rows.iter_mut().map(|(id, row)| (id, row.state_mut()))
    }

    /// Whether another row wants the object of a row.
    fn is_wanted_by_another(&self, id: RowId, row: &R) -> bool {
        self.sharing(id, row).any(|(_, other)| other.state().wanted)
    }

    /// The next step for a row.
    pub fn step(&self, id: RowId) -> Step {
        let Some(row) = self.get(&id).filter(|row| row.key().is_some()) else { return Step::Nothing };
        match row.state().next() {
            None => Step::Nothing,
            Some(Op::Add) => Step::Request(Op::Add),
            Some(Op::Remove) if !row.state().ours => Step::LeaveToHost,
            Some(Op::Remove) if self.is_wanted_by_another(id, row) => Step::Nothing,
            Some(Op::Remove) => Step::Request(Op::Remove),
        }
    }

    /// Takes the kernel's answer to a request that it has carried out. Rows with the same key share the object: the last row
    /// that wants it must be able to remove it.
    pub fn done(&mut self, id: RowId, op: Op, done: Done) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.state_mut().done(op, done);
        if !row.state().ours {
            return;
        }
        let others = self.get(&id).map(|row| self.sharing(id, row).map(|(id, _)| id).collect()).unwrap_or_default();
        let others: Vec<RowId> = others;
        for other in others {
            if let Some(state) = self.state_mut(other) {
                state.ours |= state.installed;
            }
        }
    }

    /// Takes the kernel's notification that the object of a row was removed.
    pub fn vanished(&mut self, id: RowId) -> Loss {
        let Some(row) = self.rows.get_mut(&id) else { return Loss::Unwanted };
        let no_track = row.is_untracked();
        row.state_mut().vanished(no_track)
    }

    /// Deletes a row. Returns it if its object is, or may be about to be, set by the daemon and no other row wants it: the
    /// object must be removed from the kernel. `there` says whether the kernel has an object of this key.
    pub fn withdraw(&mut self, id: RowId, there: impl FnOnce(&R::Key) -> bool) -> Option<R> {
        let row = self.remove(id)?;
        let key = row.key()?;
        if self.is_wanted_by_another(id, &row) {
            return None;
        }
        // If the host already has an object that is being set, it will not be ours.
        let about_to = row.state().pending == Some(Op::Add) && !there(&key);
        (row.state().is_held() || about_to).then_some(row)
    }

    /// Whether no further request is to be expected before the end of the process.
    pub fn is_settled(&self) -> bool {
        self.values().all(|row| row.state().is_settled())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, VecDeque};

    use proptest::prelude::*;

    use super::*;

    /// A row for the object of a number.
    #[derive(Clone, Debug)]
    struct Row(u32, Managed);

    impl Object for Row {
        type Key = u32;
        type Line = u32;

        fn line(&self) -> &u32 {
            &self.0
        }

        fn key(&self) -> Option<u32> {
            Some(self.0)
        }

        fn state(&self) -> &Managed {
            &self.1
        }

        fn state_mut(&mut self) -> &mut Managed {
            &mut self.1
        }

        fn is_untracked(&self) -> bool {
            false
        }
    }

    /// Rows beside a kernel, whose answers and notifications may be late.
    #[derive(Default)]
    struct World {
        objects: Objects<Row>,
        kernel: BTreeSet<u32>,
        requests: VecDeque<(RowId, Op)>,
        notifications: VecDeque<(u32, bool, bool)>,
        writes: usize,
    }

    impl World {
        /// Two rows that share an object, and two with one of their own.
        fn new() -> World {
            let mut world = World::default();
            for (position, object) in [(1, 7), (2, 7), (3, 8), (4, 9)] {
                world.objects.insert((1, position), Row(object, Managed::default()));
            }
            world
        }

        fn reconcile(&mut self, id: RowId) {
            if let Step::Request(op) = self.objects.step(id) {
                self.objects.state_mut(id).unwrap().pending = Some(op);
                self.requests.push_back((id, op));
            }
        }

        fn want(&mut self, id: RowId, wanted: bool) {
            self.objects.state_mut(id).unwrap().want(wanted);
            self.reconcile(id);
        }

        /// The kernel answers the oldest request.
        fn answer(&mut self, refuse: bool) {
            let Some((id, op)) = self.requests.pop_front() else { return };
            let object = self.objects.get(&id).unwrap().0;
            if refuse {
                self.objects.state_mut(id).unwrap().refuse("refused");
                return;
            }
            self.writes += 1;
            let changed = match op {
                Op::Add => self.kernel.insert(object),
                Op::Remove => self.kernel.remove(&object),
            };
            if changed {
                self.notifications.push_back((object, op == Op::Add, true));
            }
            self.objects.done(id, op, if changed { Done::Changed } else { Done::AlreadySo });
            self.reconcile(id);
        }

        /// Another program sets or removes an object.
        fn interfere(&mut self, object: u32, set: bool) {
            let changed = if set { self.kernel.insert(object) } else { self.kernel.remove(&object) };
            if changed {
                self.notifications.push_back((object, set, false));
            }
        }

        fn notify(&mut self) {
            let Some((object, set, marked)) = self.notifications.pop_front() else { return };
            for id in self.objects.with_key(&object).to_vec() {
                if set {
                    self.objects.state_mut(id).unwrap().appeared(marked);
                } else {
                    self.objects.vanished(id);
                }
                self.reconcile(id);
            }
        }

        /// All answers and notifications arrive, and refused requests are repeated, until nothing happens any more.
        fn settle(&mut self) {
            for _ in 0..100 {
                while !self.requests.is_empty() || !self.notifications.is_empty() {
                    self.notify();
                    self.answer(false);
                }
                for id in self.objects.all_ids() {
                    self.objects.state_mut(id).unwrap().refused = false;
                    self.reconcile(id);
                }
                if self.requests.is_empty() {
                    return;
                }
            }
            panic!("no end of requests");
        }
    }

    #[derive(Clone, Debug)]
    enum Doing {
        Want(u32, bool),
        Answer(bool),
        Interfere(u32, bool),
        Notify,
    }

    fn doings() -> impl Strategy<Value = Vec<Doing>> {
        let doing = prop_oneof![
            (1..5_u32, any::<bool>()).prop_map(|(row, wanted)| Doing::Want(row, wanted)),
            any::<bool>().prop_map(Doing::Answer),
            (7..10_u32, any::<bool>()).prop_map(|(object, set)| Doing::Interfere(object, set)),
            Just(Doing::Notify),
        ];
        prop::collection::vec(doing, 0..40)
    }

    proptest! {
        /// Whatever the kernel refuses and other programs do: in the end each wanted object is set, no object of ours that
        /// nobody wants is left, and further reconciliation writes nothing.
        #[test]
        fn reconciliation_converges(doings in doings()) {
            let mut world = World::new();
            for doing in &doings {
                match *doing {
                    Doing::Want(row, wanted) => world.want((1, row), wanted),
                    Doing::Answer(refuse) => world.answer(refuse),
                    Doing::Interfere(object, set) => world.interfere(object, set),
                    Doing::Notify => world.notify(),
                }
            }
            world.settle();
            for (id, row) in world.objects.iter() {
                let shared = world.objects.with_key(&row.0);
                let wanted = shared.iter().any(|id| world.objects.get(id).unwrap().1.wanted);
                let set = world.kernel.contains(&row.0);
                prop_assert!(!wanted || set, "{id:?} is wanted and not set: {row:?}");
                prop_assert!(wanted || !row.1.is_held(), "{id:?} is left: {row:?}");
                prop_assert_eq!(row.1.installed, set, "{:?}: {:?}", id, row);
            }
            let before = world.writes;
            world.settle();
            prop_assert_eq!(world.writes, before, "nothing is left to write");
        }

        /// From any state of the kernel, the wanted objects are set with no more writes than there are differences.
        #[test]
        fn a_start_writes_the_differences(there in prop::collection::btree_set(7..10_u32, 0..3), wanted in any::<[bool; 4]>()) {
            let mut world = World::new();
            world.kernel = there.clone();
            for id in world.objects.all_ids() {
                let found = there.contains(&world.objects.get(&id).unwrap().0);
                world.objects.state_mut(id).unwrap().found(found, true);
            }
            for (position, wanted) in (1..).zip(wanted) {
                world.objects.state_mut((1, position)).unwrap().wanted = wanted;
            }
            world.settle();
            let goal: BTreeSet<u32> =
                world.objects.values().filter(|row| row.1.wanted).map(|row| row.0).collect();
            let differences = goal.symmetric_difference(&there).count();
            prop_assert_eq!(&world.kernel, &goal);
            // Rows that share an object may both ask for it.
            prop_assert!(world.writes <= differences + 1, "{} writes for {differences} differences", world.writes);
        }
    }
}
