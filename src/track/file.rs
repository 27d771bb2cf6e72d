//! `track_file`: the number in a file.

use super::reading::Reading;
use crate::config::model::TrackFile;

/// A row of vrrpFileTable.
#[derive(Clone, Debug)]
pub struct File {
    /// What the file says.
    pub config: TrackFile,
    /// The number last read; nothing before the first look.
    pub number: Option<i32>,
}

impl File {
    /// A row before the first look.
    pub fn new(config: TrackFile) -> File {
        File { config, number: None }
    }

    /// The number was read. True when it is another than before.
    pub fn read(&mut self, number: i32) -> bool {
        self.number.replace(number) != Some(number)
    }

    /// What it says.
    pub fn reading(&self) -> Reading {
        self.number.map_or(Reading::Unknown, Reading::Number)
    }
}
