//! The readings of trackers in a checkpoint, by row index, with which a replacement process continues.

use serde::{Deserialize, Serialize};

use super::reading::Reading;
use super::tables::Trackers;

/// The readings of all trackers that have a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    scripts: Vec<(u32, Reading)>,
    files: Vec<(u32, i32)>,
    processes: Vec<(u32, Reading, u32)>,
    sessions: Vec<(u32, Reading)>,
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
        }
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
    }
}
