//! The rows of all trackers but interfaces.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use snmp::Table;

use super::file::File;
use super::flap::Flap;
use super::process::Process;
use super::reading::Reading;
use super::script::Script;
use crate::config::model::{self, TrackerKind};
use crate::state::{self, NextIndex, Numbering};

/// Kind of a tracker and index of its row, from 1. The same for a name across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerId(pub TrackerKind, pub u32);

/// A BFD session as the BFD process tells of it; a row of vrrpBfdTable.
#[derive(Clone, Debug)]
pub struct Session {
    /// Name of the `bfd_instance`.
    pub name: String,
    /// Its `weight`.
    pub weight: i16,
    /// `reverse` of the weight.
    pub reverse: bool,
    /// Down until its process tells otherwise.
    pub up: bool,
}

/// What all kinds of trackers have.
#[derive(Clone, Debug)]
pub struct Tracker<R> {
    /// The row of its kind.
    pub row: R,
    /// Since when the reading is what it is.
    pub since: Duration,
    /// Changes of the last minute.
    pub flap: Flap,
}

impl<R> Tracker<R> {
    fn new(row: R) -> Tracker<R> {
        Tracker { row, since: Duration::ZERO, flap: Flap::default() }
    }
}

/// The trackers that instances and groups name.
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
    /// BFD sessions that are up, tracked or not: a tracker that a reload adds knows at once.
    up: HashSet<String>,
    by_name: HashMap<(TrackerKind, String), TrackerId>,
    next: [NextIndex; 4],
}

/// The indices of all trackers, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indices {
    kinds: [state::Indices<String>; 4],
}

/// The kinds that have tables, in the order of [`Indices`].
const KINDS: [TrackerKind; 4] = [TrackerKind::Script, TrackerKind::File, TrackerKind::Process, TrackerKind::Bfd];

impl Trackers {
    /// Puts the trackers of a configuration in place of those before. A tracker of the same name keeps its state.
    pub fn configure(&mut self, config: model::Trackers, indices: Indices) {
        let [scripts, files, processes, sessions] = indices.kinds;
        let [mut scripts, mut files, mut processes, mut sessions] =
            [scripts, files, processes, sessions].map(Numbering::new);
        let mut before = std::mem::take(self);
        self.up = std::mem::take(&mut before.up);
        for config in config.scripts {
            let id = scripts.index_of(&config.name);
            let known = before.scripts.remove(&id);
            let row = match known {
                // Another command has no result yet; the instances keep what the old one said until then.
                Some(mut known) => {
                    known.row.config = config;
                    known
                }
                None => Tracker::new(Script::new(config)),
            };
            self.note(TrackerId(TrackerKind::Script, id), &row.row.config.name.clone());
            self.scripts.insert(id, row);
        }
        for config in config.files {
            let id = files.index_of(&config.name);
            let row = match before.files.remove(&id) {
                Some(mut known) => {
                    if known.row.config.path != config.path {
                        known.row.number = None;
                    }
                    known.row.config = config;
                    known
                }
                None => Tracker::new(File::new(config)),
            };
            self.note(TrackerId(TrackerKind::File, id), &row.row.config.name.clone());
            self.files.insert(id, row);
        }
        for config in config.processes {
            let id = processes.index_of(&config.name);
            let row = match before.processes.remove(&id) {
                Some(mut known) => {
                    known.row.config = config;
                    known.row.reconsider();
                    known
                }
                None => Tracker::new(Process::new(config)),
            };
            self.note(TrackerId(TrackerKind::Process, id), &row.row.config.name.clone());
            self.processes.insert(id, row);
        }
        for (name, weight, reverse) in config.sessions {
            let id = sessions.index_of(&name);
            let up = before.sessions.get(&id).map_or_else(|| self.up.contains(&name), |known| known.row.up);
            let row = before
                .sessions
                .remove(&id)
                .unwrap_or_else(|| Tracker::new(Session { name: name.clone(), weight, reverse, up }));
            self.note(TrackerId(TrackerKind::Bfd, id), &name);
            self.sessions.insert(id, Tracker { row: Session { name, weight, reverse, up }, ..row });
        }
        self.next = [scripts.next(), files.next(), processes.next(), sessions.next()];
    }

    /// The BFD process tells of a session. The tracker whose reading it changes.
    pub fn told(&mut self, name: &str, up: bool) -> Option<TrackerId> {
        if up {
            self.up.insert(name.to_owned());
        } else {
            self.up.remove(name);
        }
        let id = self.find(TrackerKind::Bfd, name)?;
        let session = &mut self.sessions.get_mut(&id.1)?.row;
        (std::mem::replace(&mut session.up, up) != up).then_some(id)
    }

    fn note(&mut self, id: TrackerId, name: &str) {
        self.by_name.insert((id.0, name.to_owned()), id);
    }

    /// The present indices.
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

    /// The tracker of a name.
    pub fn find(&self, kind: TrackerKind, name: &str) -> Option<TrackerId> {
        self.by_name.get(&(kind, name.to_owned())).copied()
    }

    /// What a tracker says. [`Reading::Unknown`] for one that is not there, and for interfaces, whose rows are elsewhere.
    pub fn reading(&self, id: TrackerId) -> Reading {
        let TrackerId(kind, index) = id;
        let reading = match kind {
            TrackerKind::Interface => None,
            TrackerKind::Script => self.scripts.get(&index).map(|tracker| tracker.row.reading),
            TrackerKind::File => self.files.get(&index).map(|tracker| tracker.row.reading()),
            TrackerKind::Process => self.processes.get(&index).map(|tracker| tracker.row.reading),
            TrackerKind::Bfd => self.sessions.get(&index).map(|tracker| Reading::of(tracker.row.up)),
        };
        reading.unwrap_or_default()
    }

    /// The name of a tracker.
    pub fn name(&self, id: TrackerId) -> &str {
        let TrackerId(kind, index) = id;
        let name = match kind {
            TrackerKind::Interface => None,
            TrackerKind::Script => self.scripts.get(&index).map(|tracker| tracker.row.config.name.as_str()),
            TrackerKind::File => self.files.get(&index).map(|tracker| tracker.row.config.name.as_str()),
            TrackerKind::Process => self.processes.get(&index).map(|tracker| tracker.row.config.name.as_str()),
            TrackerKind::Bfd => self.sessions.get(&index).map(|tracker| tracker.row.name.as_str()),
        };
        name.unwrap_or("?")
    }

    /// Since when the reading is what it is, and the changes of the last minute.
    pub fn history(&mut self, id: TrackerId) -> Option<(&mut Duration, &mut Flap)> {
        fn of<R>(tracker: &mut Tracker<R>) -> (&mut Duration, &mut Flap) {
            (&mut tracker.since, &mut tracker.flap)
        }
        let TrackerId(kind, index) = id;
        match kind {
            TrackerKind::Interface => None,
            TrackerKind::Script => self.scripts.get_mut(&index).map(of),
            TrackerKind::File => self.files.get_mut(&index).map(of),
            TrackerKind::Process => self.processes.get_mut(&index).map(of),
            TrackerKind::Bfd => self.sessions.get_mut(&index).map(of),
        }
    }
}
