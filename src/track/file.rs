//! `track_file`: the number that a file contains.

use super::reading::Reading;
use super::row::Row;
use crate::config::model::{TrackFile, TrackerKind};

/// A row of vrrpFileTable.
#[derive(Clone, Debug)]
pub struct File {
    /// The `track_file` block.
    pub config: TrackFile,
    /// The number last read; `None` before the first reading.
    pub number: Option<i32>,
}

impl File {
    /// Takes the number that was read. Returns true when it has changed.
    pub fn read(&mut self, number: i32) -> bool {
        self.number.replace(number) != Some(number)
    }
}

impl Row for File {
    type Config = TrackFile;
    const KIND: TrackerKind = TrackerKind::File;

    fn name_of(config: &TrackFile) -> &str {
        &config.name
    }

    fn new(config: TrackFile) -> File {
        File { config, number: None }
    }

    /// Forgets the number when the path has changed.
    fn reconfigure(&mut self, config: TrackFile) {
        if self.config.path != config.path {
            self.number = None;
        }
        self.config = config;
    }

    fn config(&self) -> &TrackFile {
        &self.config
    }

    fn reading(&self) -> Reading {
        self.number.map_or(Reading::Unknown, Reading::Number)
    }
}
