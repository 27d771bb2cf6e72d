//! The readings of trackers in a checkpoint, by row index, with which a replacement process continues.

use std::ops::Bound;
use std::time::Duration;

use super::reading::Reading;
use super::tables::{KINDS, TrackerId, Trackers};
use crate::config::model::TrackerKind;
use crate::state::{Reader, Unusable, Writer};

/// The readings of all trackers that have a reading. The forms stay; further values get a section of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    scripts: Vec<(u32, Reading)>,
    files: Vec<(u32, i32)>,
    processes: Vec<(u32, Reading, u32)>,
    sessions: Vec<(u32, Reading)>,
    /// When the readings have last changed, for each kind.
    since: Vec<Vec<(u32, Duration)>>,
}

impl Saved {
    /// Adds the sections of the trackers to a checkpoint.
    pub fn write(&self, sections: &mut Writer) {
        sections.put("scripts", &self.scripts);
        sections.put("files", &self.files);
        sections.put("processes", &self.processes);
        sections.put("sessions", &self.sessions);
        sections.put("past of trackers", &self.since);
    }

    /// Reads the sections of the trackers.
    ///
    /// # Errors
    /// When a section with readings cannot be read.
    pub fn read(sections: &mut Reader<'_>) -> Result<Saved, Unusable> {
        Ok(Saved {
            scripts: sections.take("scripts")?,
            files: sections.take("files")?,
            processes: sections.take("processes")?,
            sessions: sections.take("sessions")?,
            since: sections.take_if_readable("past of trackers"),
        })
    }
}

impl Trackers {
    /// Returns the present readings.
    pub fn save(&self) -> Saved {
        let scripts = self.scripts.iter().filter(|(_, tracker)| !tracker.row.initial);
        let files = self.files.iter().filter_map(|(id, tracker)| Some((*id, tracker.row.number?)));
        let processes =
            self.processes.iter().filter_map(|(id, tracker)| Some((*id, tracker.row.reading, tracker.row.count?)));
        let sessions = self.sessions.iter().map(|(id, tracker)| (*id, tracker.row.reading));
        Saved {
            scripts: scripts.map(|(id, tracker)| (*id, tracker.row.reading)).collect(),
            files: files.collect(),
            processes: processes.collect(),
            sessions: sessions.collect(),
            since: KINDS.map(|kind| self.times(kind)).to_vec(),
        }
    }

    /// When the readings of a kind have last changed; without those that have not.
    fn times(&self, kind: TrackerKind) -> Vec<(u32, Duration)> {
        let since = |index: u32| Some((index, self.get(TrackerId(kind, index))?.since()));
        let known = self.indices_from(kind, Bound::Unbounded).filter_map(since);
        known.filter(|(_, since)| !since.is_zero()).collect()
    }

    /// Restores the readings of a predecessor, whose rows had the same indices. They remain in force until a tracker has
    /// a new result.
    pub fn resume(&mut self, saved: &Saved) {
        for (id, reading) in &saved.scripts {
            if let Some(tracker) = self.scripts.get_mut(id) {
                (tracker.row.reading, tracker.row.initial) = (*reading, false);
            }
        }
        for (id, number) in &saved.files {
            if let Some(tracker) = self.files.get_mut(id) {
                tracker.row.number = Some(*number);
            }
        }
        for (id, reading, count) in &saved.processes {
            if let Some(tracker) = self.processes.get_mut(id) {
                (tracker.row.reading, tracker.row.count) = (*reading, Some(*count));
            }
        }
        for (id, reading) in &saved.sessions {
            if let Some(tracker) = self.sessions.get_mut(id) {
                tracker.row.reading = *reading;
            }
        }
        for (kind, times) in KINDS.into_iter().zip(&saved.since) {
            for (index, since) in times {
                if let Some(tracker) = self.get_mut(TrackerId(kind, *index)) {
                    *tracker.history().0 = *since;
                }
            }
        }
    }
}
