//! The rows of all trackers except interfaces.

use std::collections::HashMap;
use std::ops::Bound;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use snmp::Table;

use super::file::File;
use super::flap::Flap;
use super::process::Process;
use super::reading::Reading;
use super::row::Row;
use super::script::Script;
use super::session::Session;
use crate::config::model::{self, TrackerKind};
use crate::state::{self, NextIndex, Numbering};

/// Kind of a tracker and index of its row, from 1. A name keeps its index across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerId(pub TrackerKind, pub u32);

/// A tracker: the row of its kind, and the history that all kinds share.
#[derive(Clone, Debug)]
pub struct Tracker<R> {
    /// The row of its kind.
    pub row: R,
    /// Time at which the reading last changed.
    pub since: Duration,
    /// Rate limit for reports of changes.
    pub flap: Flap,
}

/// A tracker of any kind.
pub trait AnyTracker {
    /// The name.
    fn name(&self) -> &str;
    /// The present reading.
    fn reading(&self) -> Reading;
    /// The time at which the reading last changed; 0 before the first change.
    fn since(&self) -> Duration;
    /// The time at which the reading last changed, and the rate limit for reports.
    fn history(&mut self) -> (&mut Duration, &mut Flap);
}

impl<R: Row> AnyTracker for Tracker<R> {
    fn name(&self) -> &str {
        R::name_of(self.row.config())
    }

    fn reading(&self) -> Reading {
        self.row.reading()
    }

    fn since(&self) -> Duration {
        self.since
    }

    fn history(&mut self) -> (&mut Duration, &mut Flap) {
        (&mut self.since, &mut self.flap)
    }
}

/// All configured scripts, files and processes, and the BFD sessions that VRRP tracks.
#[derive(Debug, Default)]
pub struct Trackers {
    /// vrrpScriptTable.
    pub scripts: Table<u32, Tracker<Script>>,
    /// vrrpFileTable.
    pub files: Table<u32, Tracker<File>>,
    /// vrrpProcessTable.
    pub processes: Table<u32, Tracker<Process>>,
    /// vrrpBfdTable.
    pub sessions: Table<u32, Tracker<Session>>,
    by_name: HashMap<(TrackerKind, String), TrackerId>,
    next: [NextIndex; 4],
}

/// The row indices of all trackers, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    kinds: [state::Indices<String>; 4],
}

/// The kinds that have tables, in the order of [`Indices`].
pub(super) const KINDS: [TrackerKind; 4] =
    [TrackerKind::Script, TrackerKind::File, TrackerKind::Process, TrackerKind::Bfd];

impl Trackers {
    /// Replaces the trackers with those of a configuration. A tracker of the same name keeps its state.
    pub fn configure(&mut self, config: model::Trackers, indices: Indices) {
        let [scripts, files, processes, sessions] = indices.kinds;
        self.by_name.clear();
        let names = &mut self.by_name;
        self.next = [
            renew(&mut self.scripts, config.scripts, scripts, names),
            renew(&mut self.files, config.files, files, names),
            renew(&mut self.processes, config.processes, processes, names),
            renew(&mut self.sessions, config.sessions, sessions, names),
        ];
    }

    /// Returns the present indices.
    pub fn indices(&self) -> Indices {
        let rows = |kind: TrackerKind| {
            let mut rows: Vec<(String, u32)> = self
                .by_name
                .iter()
                .filter(|((of, _), _)| *of == kind)
                .map(|((_, name), id)| (name.clone(), id.1))
                .collect();
            rows.sort();
            rows
        };
        let mut kinds: [state::Indices<String>; 4] = Default::default();
        for ((kind, next), indices) in KINDS.into_iter().zip(self.next).zip(&mut kinds) {
            *indices = state::Indices { rows: rows(kind), next };
        }
        Indices { kinds }
    }

    /// Finds a tracker by its kind and name.
    pub fn find(&self, kind: TrackerKind, name: &str) -> Option<TrackerId> {
        self.by_name.get(&(kind, name.to_owned())).copied()
    }

    /// The row indices of a kind from an index on, in order; none for interfaces.
    pub fn indices_from(&self, kind: TrackerKind, from: Bound<u32>) -> Box<dyn Iterator<Item = u32> + '_> {
        fn keys<R>(table: &Table<u32, Tracker<R>>, from: Bound<u32>) -> Box<dyn Iterator<Item = u32> + '_> {
            Box::new(table.range((from, Bound::Unbounded)).map(|(index, _)| *index))
        }
        match kind {
            TrackerKind::Interface => Box::new(std::iter::empty()),
            TrackerKind::Script => keys(&self.scripts, from),
            TrackerKind::File => keys(&self.files, from),
            TrackerKind::Process => keys(&self.processes, from),
            TrackerKind::Bfd => keys(&self.sessions, from),
        }
    }

    /// Returns a tracker. `None` for interfaces, whose rows are in the interface table.
    pub fn get(&self, id: TrackerId) -> Option<&dyn AnyTracker> {
        fn any<R: Row>(tracker: &Tracker<R>) -> &dyn AnyTracker {
            tracker
        }
        let TrackerId(kind, index) = id;
        match kind {
            TrackerKind::Interface => None,
            TrackerKind::Script => self.scripts.get(&index).map(any),
            TrackerKind::File => self.files.get(&index).map(any),
            TrackerKind::Process => self.processes.get(&index).map(any),
            TrackerKind::Bfd => self.sessions.get(&index).map(any),
        }
    }

    /// Returns a tracker for writing, like [`Trackers::get`].
    pub fn get_mut(&mut self, id: TrackerId) -> Option<&mut dyn AnyTracker> {
        fn any<R: Row>(tracker: &mut Tracker<R>) -> &mut dyn AnyTracker {
            tracker
        }
        let TrackerId(kind, index) = id;
        match kind {
            TrackerKind::Interface => None,
            TrackerKind::Script => self.scripts.get_mut(&index).map(any),
            TrackerKind::File => self.files.get_mut(&index).map(any),
            TrackerKind::Process => self.processes.get_mut(&index).map(any),
            TrackerKind::Bfd => self.sessions.get_mut(&index).map(any),
        }
    }

    /// The reading of a tracker, [`Reading::Unknown`] when there is no such tracker.
    pub fn reading(&self, id: TrackerId) -> Reading {
        self.get(id).map(AnyTracker::reading).unwrap_or_default()
    }

    /// The name of a tracker, `?` when there is no such tracker.
    pub fn name(&self, id: TrackerId) -> &str {
        self.get(id).map_or("?", AnyTracker::name)
    }
}

/// Replaces the rows of one kind. Rows of the same name keep their state and index.
fn renew<R: Row>(
    table: &mut Table<u32, Tracker<R>>,
    blocks: Vec<R::Config>,
    indices: state::Indices<String>,
    names: &mut HashMap<(TrackerKind, String), TrackerId>,
) -> NextIndex {
    let mut numbering = Numbering::new(indices);
    let mut before = std::mem::take(table);
    for block in blocks {
        let name = R::name_of(&block).to_owned();
        let index = numbering.index_of(&name);
        let tracker = match before.remove(&index) {
            Some(mut known) => {
                known.row.reconfigure(block);
                known
            }
            None => Tracker { row: R::new(block), since: Duration::ZERO, flap: Flap::default() },
        };
        table.insert(index, tracker);
        names.insert((R::KIND, name), TrackerId(R::KIND, index));
    }
    numbering.next()
}
