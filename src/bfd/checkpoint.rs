//! What a replacement process needs so that the other ends do not notice that its predecessor was killed.
//!
//! Sessions go by row index and by their ends: a replacement numbers its rows as its predecessor did
//! ([`Indices`](super::Indices)). Nothing in it changes while a session is just heard.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::machine::{Bfd, Phase};
use super::rows::{Intervals, Remote, Session, SessionId};
use crate::state::Record;
use crate::wire::bfd::{Diagnostic, State};

/// The states of all sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    sessions: Vec<Saved>,
}

/// The state of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    index: u32,
    /// Neighbour, source, multihop.
    ends: (IpAddr, Option<IpAddr>, bool),
    state: State,
    diagnostic: Diagnostic,
    discriminator: u32,
    remote: Option<Remote>,
    used: Intervals,
}

impl Record for Checkpoint {
    const NAME: &'static str = "states of BFD sessions";
    const VERSION: u32 = 1;
}

impl Bfd {
    /// The present states, for a replacement of this process.
    pub fn checkpoint(&self) -> Checkpoint {
        let saved = |(id, row): (&SessionId, &Session)| Saved {
            index: id.0,
            ends: row.ends(),
            state: row.state,
            diagnostic: row.diagnostic,
            discriminator: row.discriminator,
            remote: row.remote,
            used: row.used,
        };
        Checkpoint { sessions: self.tables.sessions.iter().map(saved).collect() }
    }

    /// Takes over the states of a predecessor, before [`Event::Start`](super::Event::Start), or before
    /// [`Event::Stop`](super::Event::Stop) to tell the other ends of the stop in its place. That a session is in the
    /// state that it was in is no change.
    pub fn resume(&mut self, checkpoint: &Checkpoint) {
        if self.phase != Phase::Waiting {
            return;
        }
        for saved in checkpoint.sessions.iter().filter(|saved| saved.discriminator != 0) {
            self.with(SessionId(saved.index), |row, turn| {
                // Another session has the number by chance: that one could not be told apart.
                let taken = turn.discriminators.get(&saved.discriminator).is_some_and(|of| *of != turn.id);
                if row.ends() != saved.ends || taken || saved.state == State::AdminDown {
                    return;
                }
                turn.discriminators.remove(&row.discriminator);
                turn.discriminators.insert(saved.discriminator, turn.id);
                row.discriminator = saved.discriminator;
                (row.state, row.diagnostic, row.remote) = (saved.state, saved.diagnostic, saved.remote);
                row.used = saved.used;
                // Whether the predecessor's poll was answered is not known.
                row.poll = row.is_up() && row.used != row.advertised();
                row.retune();
                row.detection_time = row.detection();
            });
        }
    }
}
