//! `track_bfd`: a BFD session, as the BFD process reports it.

use super::reading::Reading;
use super::row::Row;
use crate::config::model::{TrackSession, TrackerKind};

/// A row of vrrpBfdTable.
#[derive(Clone, Debug)]
pub struct Session {
    /// The tracking options of its `bfd_instance` block.
    pub config: TrackSession,
    /// Up or down; unknown until the BFD process reports the session.
    pub reading: Reading,
}

impl Session {
    /// Takes the state that the BFD process reports. Returns true when it has changed.
    pub fn reported(&mut self, up: bool) -> bool {
        let reading = Reading::of(up);
        std::mem::replace(&mut self.reading, reading) != reading
    }
}

impl Row for Session {
    type Config = TrackSession;
    const KIND: TrackerKind = TrackerKind::Bfd;

    fn name_of(config: &TrackSession) -> &str {
        &config.name
    }

    fn new(config: TrackSession) -> Session {
        Session { config, reading: Reading::Unknown }
    }

    fn reconfigure(&mut self, config: TrackSession) {
        self.config = config;
    }

    fn config(&self) -> &TrackSession {
        &self.config
    }

    fn reading(&self) -> Reading {
        self.reading
    }
}
